//! `ballast`: the one binary. Arguments in, one function a command, an exit code out.

mod as_of_args;
mod book;
mod connect;
mod coverage;
mod demo;
mod error_report;
mod history;
mod ingest;
mod json;
mod progress;
mod query_commands;
mod records;
mod serve;
mod show;
mod store_commands;
mod terminal;
mod watch;

use anyhow::{Result, bail};
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
#[command(
    name = "ballast",
    version,
    propagate_version = true,
    after_help = error_report::EXIT_CODES
)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Print answers as JSON, and errors as JSON on standard error.
    #[arg(long, global = true, conflicts_with = "csv")]
    json: bool,
    /// Print one table of the answer as CSV: the first, or the one named; numbers are not rounded.
    #[arg(
        long,
        global = true,
        value_name = "TABLE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    csv: Option<String>,
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
    Export(store_commands::ExportArguments),
    /// Bring the tables of a store up to date, or make a store.
    Migrate(store_commands::StoreArguments),
    /// Read a whole store and verify every hash in it.
    Check(store_commands::StoreArguments),
    /// Copy a store, which may be in use, to a new file.
    Backup {
        #[command(flatten)]
        store: store_commands::StoreArguments,
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
    Rotation(query_commands::RotationArguments),
    /// Report it again whenever it changes.
    Watch(watch::WatchArguments),
    /// Analyse a book: what it is a bet on, the crowded trade in it, bad days.
    Exposure(query_commands::ExposureArguments),
    /// Rank the market's squeezes, or assess the shorts of a book.
    Squeeze(query_commands::SqueezeArguments),
    /// Rank days: "the largest since", of any series or measure, under conditions on others.
    Records(records::RecordsArguments),
    /// List the values of a measure, as known now or as known at each close.
    History(history::HistoryArguments),
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
        Ok(false) => ExitCode::from(error_report::FAILED),
        Err(error) => {
            let text = if arguments.json {
                error_report::as_json(&error)
            } else {
                error_report::explain(&error, Terminal::plain())
            };
            terminal::warn(text.trim_end());
            ExitCode::from(error_report::exit_code(&error))
        }
    }
}

/// True where everything asked for was done.
async fn run(arguments: &Arguments, terminal: Terminal) -> Result<bool> {
    let (connection, as_json) = (&arguments.connection, arguments.json);
    if arguments.csv.is_some() && !matches!(arguments.command, Command::Ask(_)) {
        bail!("--csv is for the answers of a server's analyses; this command has its own output");
    }
    match &arguments.command {
        Command::Serve(settings) => serve::run(settings).await,
        Command::Ingest(files) => ingest::run(files, connection, as_json, terminal).await,
        Command::Ask(question) => {
            let csv = arguments.csv.as_deref();
            let output = query_commands::Output { json: as_json, csv, terminal };
            answer(question, connection, output).await.map(|()| true)
        }
        Command::Health => store_commands::health(connection, as_json, terminal).await,
        Command::Export(query) => store_commands::export(query).await.map(|()| true),
        Command::Migrate(store) => store_commands::migrate(store, as_json).await.map(|()| true),
        Command::Check(store) => store_commands::check(store, as_json, terminal).await,
        Command::Backup { store, to } => store_commands::backup(store, to).await.map(|()| true),
        Command::Restore { from, to } => store_commands::restore(from, to, as_json, terminal).await,
        Command::Demo(how) => demo::run(how, terminal).await.map(|()| true),
    }
}

async fn answer(
    question: &Question,
    connection: &Connection,
    output: query_commands::Output<'_>,
) -> Result<()> {
    match question {
        Question::Rotation(query) => query_commands::rotation(query, connection, output).await,
        Question::Watch(query) => watch::watch(query, connection, output).await,
        Question::Exposure(query) => query_commands::exposure(query, connection, output).await,
        Question::Squeeze(query) => query_commands::squeeze(query, connection, output).await,
        Question::Records(query) => records::records(query, connection, output).await,
        Question::History(query) => history::history(query, connection, output).await,
        Question::Coverage(query) => coverage::coverage(query, connection, output).await,
    }
}
