//! `ballast`: the one binary. Arguments in, one function a command, an exit code out.

mod ask;
mod book;
mod connect;
mod coverage;
mod demo;
mod failure;
mod ingest;
mod json;
mod operate;
mod progress;
mod records;
mod serve;
mod show;
mod terminal;
mod watch;
mod when;

use anyhow::Result;
use clap::{Parser, Subcommand};
use connect::Connection;
use std::{path::PathBuf, process::ExitCode};
use terminal::Terminal;

/// Decoding and building messages of five hundred lines allocates from many threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Risk of long/short equity books when leadership rotates: is the market turning, is this book the
/// crowded trade, which shorts can squeeze. Every answer says what it stands on.
#[derive(Debug, Parser)]
#[command(name = "ballast", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Print answers as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to stop.
    Serve(serve::ServeArguments),
    /// Send files of market data to a server.
    Ingest(ingest::IngestArguments),
    #[command(flatten)]
    Ask(Question),
    /// Ask a server and its services whether they serve; the exit code tells.
    Health,
    /// Write a dataset of a store as CSV, point in time.
    Export(operate::ExportArguments),
    /// Bring the tables of a store up to date, or make a store.
    Migrate(operate::StoreArguments),
    /// Read a whole store and verify every hash in it.
    Check(operate::StoreArguments),
    /// Copy a store, which may be in use, to a new file.
    Backup {
        #[command(flatten)]
        store: operate::StoreArguments,
        /// The new file.
        to: PathBuf,
    },
    /// Verify a backup and copy it to a new store.
    Restore {
        /// The backup.
        from: PathBuf,
        /// The new file.
        to: PathBuf,
    },
    /// Tell the whole story on a simulated market, from nothing.
    Demo(demo::DemoArguments),
}

/// What is asked of a server's analyses.
#[derive(Debug, Subcommand)]
enum Question {
    /// Report who leads the market, and whether that is changing.
    Rotation(ask::RotationArguments),
    /// Report it again whenever it changes.
    Watch(watch::WatchArguments),
    /// Analyse a book: what it is a bet on, the crowded trade in it, bad days.
    Exposure(ask::ExposureArguments),
    /// Rank the market's squeezes, or assess the shorts of a book.
    Squeeze(ask::SqueezeArguments),
    /// Rank days: "the largest since", of any series or measure, under conditions on others.
    Records(records::RecordsArguments),
    /// What a server holds, how fresh it is, and what did not join.
    Coverage(coverage::CoverageArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let terminal = Terminal::standard();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&arguments, terminal)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(failure::FAILED),
        Err(error) => {
            terminal::warn(failure::explain(&error, Terminal { colour: false }).trim_end());
            ExitCode::from(failure::FAILED)
        }
    }
}

/// True where everything asked for was done.
async fn run(arguments: &Arguments, terminal: Terminal) -> Result<bool> {
    let (connection, as_json) = (&arguments.connection, arguments.json);
    match &arguments.command {
        Command::Serve(settings) => serve::run(settings).await,
        Command::Ingest(files) => ingest::run(files, connection, as_json, terminal).await,
        Command::Ask(question) => {
            let output = ask::Output { json: as_json, terminal };
            answer(question, connection, output).await.map(|()| true)
        }
        Command::Health => operate::health(connection, as_json, terminal).await,
        Command::Export(query) => operate::export(query).await.map(|()| true),
        Command::Migrate(store) => operate::migrate(store, as_json).await.map(|()| true),
        Command::Check(store) => operate::check(store, as_json, terminal).await,
        Command::Backup { store, to } => operate::backup(store, to).await.map(|()| true),
        Command::Restore { from, to } => operate::restore(from, to, as_json, terminal).await,
        Command::Demo(how) => demo::run(how, terminal).await.map(|()| true),
    }
}

async fn answer(question: &Question, connection: &Connection, output: ask::Output) -> Result<()> {
    match question {
        Question::Rotation(query) => ask::rotation(query, connection, output).await,
        Question::Watch(query) => watch::watch(query, connection, output).await,
        Question::Exposure(query) => ask::exposure(query, connection, output).await,
        Question::Squeeze(query) => ask::squeeze(query, connection, output).await,
        Question::Records(query) => records::records(query, connection, output).await,
        Question::Coverage(query) => coverage::coverage(query, connection, output).await,
    }
}
