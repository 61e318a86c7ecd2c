//! `ballast`: the one binary. Parses arguments, runs one function per command, returns an exit
//! code.

mod as_of_args;
mod assumed_basis;
mod backtest;
mod batch;
mod book;
mod book_history;
mod calibration;
mod change;
mod connect;
mod datasets;
mod demo;
mod error_report;
mod factors;
mod hedge;
mod hedge_instruments;
mod history;
mod ingest;
mod json;
mod output;
mod pnl;
mod progress;
mod query_commands;
mod records;
mod report;
mod serve;
mod settings_args;
mod show;
mod squeeze;
mod squeeze_simulation;
mod squeeze_watch;
mod store_commands;
mod stress;
mod terminal;
mod trade_members;
mod watch;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use connect::Connection;
use std::{path::PathBuf, pin::Pin, process::ExitCode, time::Duration};
use terminal::Terminal;

/// Decoding and building messages of five hundred lines allocates from many threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Risk of long/short equity portfolios when market leadership rotates: is the market turning, is
/// this portfolio in the crowded trade, which shorts could squeeze. Every answer lists the data it
/// is based on.
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
    /// Print one table of the answer as CSV: the named one, or the first; numbers are not rounded.
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
    /// Start a server and run it until it is asked to stop.
    Serve(serve::ServeArguments),
    /// Upload files of market data to a server.
    Ingest(ingest::IngestArguments),
    #[command(flatten)]
    Query(Box<Query>),
    /// Ask a server and its services whether they are serving; sets the exit code.
    Health,
    /// Write a dataset of a store as CSV, point in time.
    Export(store_commands::ExportArguments),
    /// Bring the tables of a store up to date; creates the store if it does not exist.
    Migrate(store_commands::MigrateArguments),
    /// Copy a whole store to a new one of any kind, with its revisions, data versions and settings.
    Copy(store_commands::CopyArguments),
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
    /// Run a complete demonstration on a simulated market.
    Demo(demo::DemoArguments),
}

/// Requests to a server's analyses.
#[derive(Debug, Subcommand)]
enum Query {
    /// Report which part of the market leads, and whether that is changing.
    Rotation(query_commands::RotationArguments),
    /// Follow the rotation report and print it whenever it changes.
    Watch(watch::WatchArguments),
    /// Analyse a portfolio: factor bets, its share of the crowded trade, tail losses.
    Exposure(query_commands::ExposureArguments),
    /// Analyse many portfolios on one stream; prints one line per book.
    Batch(batch::BatchArguments),
    /// Explain what a portfolio made or lost, by default on the last session: through which factors,
    /// legs and names, and how unusual it was.
    Pnl(pnl::PnlArguments),
    /// Explain why an analysis of a portfolio differs from an earlier one: revised data, the market,
    /// positions.
    Change(change::ChangeArguments),
    /// Test forecasts of a portfolio's risk, method by method, on past sessions: how many losses were
    /// larger than the value at risk, whether they cluster, and how large they were.
    Backtest(backtest::BacktestArguments),
    /// List what betas are measured against: the factors, how they are built, their symbols.
    Factors(factors::FactorArguments),
    /// List the names that the legs of a trade stand for.
    Members(trade_members::MemberArguments),
    /// Rank the market by squeeze risk, or assess, simulate or watch the shorts of a portfolio.
    Squeeze(squeeze::SqueezeArguments),
    /// Say what a portfolio would make or lose in past windows and known moves, or find the likeliest
    /// way to lose an amount; `list` lists the scenarios.
    Stress(stress::StressArguments),
    /// Plan the way out of a portfolio's risk, three ways: cut it, overlay it with other instruments,
    /// or both; with what each costs and gives away.
    Hedge(hedge::HedgeArguments),
    /// Rank days: "the largest since", of any series or measure, under conditions on others.
    Records(records::RecordsArguments),
    /// List the values of a measure, as known now or as known at each close.
    History(history::HistoryArguments),
    /// List the datasets that a server holds: how much, how fresh, and which names have no prices.
    Datasets(datasets::DatasetsArguments),
}

/// How long a thread that is still at work may delay the end of the process.
const LEAVE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let terminal = Terminal::standard();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(&arguments, terminal));
            runtime.shutdown_timeout(LEAVE);
            outcome
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
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

/// Runs the command; returns its exit code.
async fn run(arguments: &Arguments, terminal: Terminal) -> Result<u8> {
    let (connection, as_json) = (&arguments.connection, arguments.json);
    if arguments.csv.is_some() && !matches!(arguments.command, Command::Query(_)) {
        bail!(error_report::Fault::Usage(
            "--csv is for the answers of a server's analyses; this command has its own output"
                .to_owned()
        ));
    }
    if as_json && matches!(arguments.command, Command::Export(_) | Command::Serve(_)) {
        bail!(error_report::Fault::Usage(
            "--json is not for this command: export writes CSV, and serve writes a log".to_owned()
        ));
    }
    let is_done = match &arguments.command {
        Command::Ingest(files) => {
            return ingest::run(files, connection, as_json, terminal).await;
        }
        Command::Serve(settings) => serve::run(settings).await,
        Command::Query(query) => {
            let csv = arguments.csv.as_deref();
            let output = output::Output { json: as_json, csv, terminal };
            answer(query, connection, output).await.map(|()| true)
        }
        Command::Health => store_commands::health(connection, as_json, terminal).await,
        Command::Export(arguments) => store_commands::export(arguments).await.map(|()| true),
        Command::Migrate(store) => store_commands::migrate(store, as_json).await.map(|()| true),
        Command::Copy(stores) => store_commands::copy(stores, as_json, terminal).await,
        Command::Check(store) => store_commands::check(store, as_json, terminal).await,
        Command::Backup { store, to } => {
            store_commands::backup(store, to, as_json).await.map(|()| true)
        }
        Command::Restore { from, to } => store_commands::restore(from, to, as_json, terminal).await,
        Command::Demo(how) => {
            Box::pin(demo::run(how, demo::Output { as_json, terminal })).await.map(|()| true)
        }
    };
    Ok(if is_done? { 0 } else { error_report::FAILED })
}

/// Sends a request to a server. Boxed, because the futures differ much in size.
fn answer<'a>(
    query: &'a Query,
    to: &'a Connection,
    output: output::Output<'a>,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    match query {
        Query::Rotation(what) => Box::pin(query_commands::rotation(what, to, output)),
        Query::Watch(what) => Box::pin(watch::watch(what, to, output)),
        Query::Exposure(what) => Box::pin(query_commands::exposure(what, to, output)),
        Query::Batch(what) => Box::pin(batch::batch(what, to, output)),
        Query::Pnl(what) => Box::pin(pnl::pnl(what, to, output)),
        Query::Change(what) => Box::pin(change::change(what, to, output)),
        Query::Backtest(what) => Box::pin(backtest::backtest(what, to, output)),
        Query::Factors(what) => Box::pin(factors::factors(what, to, output)),
        Query::Members(what) => Box::pin(trade_members::members(what, to, output)),
        Query::Squeeze(what) => Box::pin(squeeze::squeeze(what, to, output)),
        Query::Stress(what) => Box::pin(stress::stress(what, to, output)),
        Query::Hedge(what) => Box::pin(hedge::hedge(what, to, output)),
        Query::Records(what) => Box::pin(records::records(what, to, output)),
        Query::History(what) => Box::pin(history::history(what, to, output)),
        Query::Datasets(what) => Box::pin(datasets::datasets(what, to, output)),
    }
}
