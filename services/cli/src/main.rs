//! `ballast`: the one binary. Arguments in, one function a command, an exit code out.

mod ask;
mod connect;
mod export;
mod failure;
mod ingest;
mod json;
mod operate;
mod show;
mod terminal;
mod when;

use anyhow::Result;
use clap::{Parser, Subcommand};
use connect::Connection;
use std::{path::PathBuf, process::ExitCode};
use terminal::Terminal;

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
    /// Send files of market data to a server.
    Ingest(ingest::IngestArguments),
    /// Rank the market's squeezes.
    Squeeze(ask::SqueezeArguments),
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
        Command::Ingest(files) => ingest::run(files, connection, as_json, terminal).await,
        Command::Squeeze(query) => {
            ask::squeeze(query, connection, as_json, terminal).await.map(|()| true)
        }
        Command::Health => operate::health(connection, as_json, terminal).await,
        Command::Export(query) => operate::export(query).await.map(|()| true),
        Command::Migrate(store) => operate::migrate(store, as_json).await.map(|()| true),
        Command::Check(store) => operate::check(store, as_json, terminal).await,
        Command::Backup { store, to } => operate::backup(store, to).await.map(|()| true),
        Command::Restore { from, to } => operate::restore(from, to, as_json, terminal).await,
    }
}
