//! The demo: a server on a fresh store, a simulated market, and a portfolio under stress.

mod answers;
mod short;

use crate::{
    connect::{Clients, Connection, Credentials},
    ingest, show,
    terminal::{self, Terminal, Tone},
};
use answers::DemoAnswers;
use anyhow::{Context as _, Result};
use clap::Args;
use contract::v1::{IngestHeader, IngestResponse};
use server::{Running, clock::Stopwatch, config::Config, start_error::StartError, telemetry};
use simulation::{
    files,
    market::{Market, Parameters},
    rotation_day::ROTATION_ON,
    sample,
};
use std::{net::SocketAddr, path::Path};

/// How the demo ends, and which port it listens on.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArguments {
    /// Exit when the demo is complete, instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Print every table of every answer, not only what happened and what it means.
    #[arg(long)]
    full: bool,
    /// Port to listen on; without it 50051, or a free port if that one is taken.
    #[arg(long)]
    port: Option<u16>,
}

const USUAL_PORT: u16 = 50_051;

/// How the answers are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// As one JSON object, and nothing else.
    pub(crate) as_json: bool,
    /// Where it is printed to.
    pub(crate) terminal: Terminal,
}

/// Runs the demo; Ctrl-C ends it at any time and leaves no files behind.
///
/// # Errors
/// If the server does not start, or a step of the demo fails.
pub(crate) async fn run(arguments: &DemoArguments, output: Output) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let running = start(arguments, folder.path()).await?;
    let interrupted = async { tokio::signal::ctrl_c().await.context("cannot listen for signals") };
    let outcome = tokio::select! {
        outcome = present(arguments, running.address(), folder.path(), output) => outcome,
        interrupted = interrupted => interrupted,
    };
    running.stop().await;
    outcome
}

async fn present(
    arguments: &DemoArguments,
    address: SocketAddr,
    folder: &Path,
    output: Output,
) -> Result<()> {
    let stopwatch = Stopwatch::start();
    let Output { as_json, terminal } = output;
    let connection = Connection {
        server: format!("http://{address}"),
        timeout: 60,
        traceparent: None,
        credentials: Credentials::default(),
    };
    let clients = connection.open().await?;
    let say = |text: &str| {
        if !as_json {
            terminal::say(text)
        }
    };
    say(&opening(address, terminal));
    let market = Market::new(Parameters::DEMO);
    say(&load(&market, (&clients, &connection), arguments.full, terminal).await?);
    let book = sample::long_megacap_short_small_cap(&market);
    let answers = DemoAnswers::request(&market, &book, &clients, &connection).await?;
    if as_json {
        terminal::say(&answers.as_json()?);
    }
    let text =
        if arguments.full { answers.in_full(terminal) } else { short::summary(&answers, terminal) };
    say(&text);
    let file = folder.join("book.csv");
    tokio::fs::write(&file, sample::to_csv(&book)).await?;
    if arguments.once {
        say("Without --once the server stays up for requests of your own.\n");
        return Ok(());
    }
    say(&closing(address, &file, stopwatch.elapsed_ms(), terminal));
    say("Serving until Ctrl-C.\n");
    std::future::pending().await
}

/// Starts a server on a fresh store in the folder.
async fn start(arguments: &DemoArguments, folder: &Path) -> Result<Running> {
    let mut config = Config::standard();
    config.store = format!("sqlite:{}", folder.join("demo.db").display()).into();
    config.create = true;
    config.log.filter = "error".to_owned();
    // No load balancer needs time to notice the shutdown.
    config.drain.deadline_ms = 2_000;
    // A demo logs errors and sends nothing.
    let _exporter = telemetry::start(&config)?;
    config.listen = SocketAddr::from(([127, 0, 0, 1], arguments.port.unwrap_or(USUAL_PORT)));
    config.admin.listen.set_port(0);
    match server::start(config.clone()).await {
        Err(StartError::Listen { .. }) if arguments.port.is_none() => {
            config.listen.set_port(0);
            Ok(server::start(config).await?)
        }
        outcome => Ok(outcome?),
    }
}

fn opening(address: SocketAddr, terminal: Terminal) -> String {
    let warning = terminal.paint(Tone::Warning, "SIMULATED");
    format!(
        "{}A server is listening on {address}, on an empty store.\n\
         Everything below is {warning}: 500 names over three years, with real tickers only where roles\n\
         need them. Only the index moves of {ROTATION_ON} are those that were published.\n\n",
        terminal.heading("Ballast")
    )
}

/// Uploads the market's files, as a user would. Returns what became of them, as text: a table of
/// the files if all is to be shown, else a sentence.
async fn load(
    market: &Market,
    (clients, connection): (&Clients, &Connection),
    is_full: bool,
    terminal: Terminal,
) -> Result<String> {
    let stopwatch = Stopwatch::start();
    let mut table = show::ingest::summary_table();
    let mut facts = 0;
    // Two short-interest files per month, all alike, share one line of the table.
    let mut short_interest = IngestResponse::default();
    let mut short_interest_files = 0;
    let files = files::all(market);
    for file in &files {
        let header = IngestHeader {
            request_id: format!("demo-{}", file.file_name),
            file_name: file.file_name.clone(),
            symbol: file.symbol.clone().unwrap_or_default(),
            index_id: file.index_id.unwrap_or_default().to_owned(),
            observed_on: file.observed_on.map(|day| day.to_string()).unwrap_or_default(),
            adjusted_on: file.adjusted_on.map(|day| day.to_string()).unwrap_or_default(),
            ..IngestHeader::default()
        };
        let source = ingest::Source::Bytes(file.bytes.clone());
        let answer = ingest::send(clients, connection, &header, &source)
            .await
            .with_context(|| format!("{} was rejected", file.file_name))?;
        facts += answer.accepted_count;
        for note in show::ingest::rejections(&answer, &file.file_name, terminal) {
            terminal::warn(&note);
        }
        if file.file_name.starts_with("settle_") {
            short_interest_files += 1;
            short_interest = show::ingest::joined(&short_interest, answer);
        } else {
            show::ingest::summarise(&mut table, &file.file_name, &answer);
        }
    }
    let name = format!("settle_*.csv ({short_interest_files} files)");
    show::ingest::summarise(&mut table, &name, &short_interest);
    let words = format!(
        "{} facts from {} files are durable, each with the day it describes, the instant it was \
         published and the revision that added it. It took {:.1} s.\n\n",
        show::number::count(facts),
        files.len(),
        stopwatch.elapsed_ms() / 1e3
    );
    let table = if is_full { table.render(terminal) } else { String::new() };
    Ok(format!("{}{table}{}", terminal.heading("Files to facts"), terminal.wrap(&words)))
}

fn closing(address: SocketAddr, book: &Path, elapsed_ms: f64, terminal: Terminal) -> String {
    let book = book.display();
    let ballast = std::env::args().next().unwrap_or_else(|| "ballast".to_owned());
    let heading = terminal.heading("Try it yourself");
    format!(
        "{heading}\
         Completed in {seconds:.1} s. The server is at {address}, with reflection:\n\n  \
         grpcurl -plaintext -d '{{\"asOf\": {{\"on\": \"{ROTATION_ON}\"}}}}' {address} \
         ballast.v1.RotationService/GetRotation\n\n  \
         {ballast} --server http://{address} rotation --as-of {ROTATION_ON}\n  \
         {ballast} --server http://{address} exposure {book} --as-of {ROTATION_ON}\n  \
         {ballast} --server http://{address} hedge {book} --nav {nav} --instruments IWM,QQQ --as-of {ROTATION_ON}\n  \
         {ballast} --server http://{address} squeeze --as-of 2024-07-15 --top 10\n\n\
         From Python (pip install grpcio-tools; stubs by `python -m grpc_tools.protoc -Iproto \
         --python_out=. --grpc_python_out=. proto/ballast/v1/*.proto`):\n\n  \
         import grpc\n  \
         from ballast.v1 import rotation_pb2, rotation_pb2_grpc, snapshot_pb2\n  \
         stub = rotation_pb2_grpc.RotationServiceStub(grpc.insecure_channel(\"{address}\"))\n  \
         as_of = snapshot_pb2.AsOf(on=\"{ROTATION_ON}\")\n  \
         print(stub.GetRotation(rotation_pb2.GetRotationRequest(as_of=as_of)).report.composite)\n\n",
        nav = answers::NET_ASSET_VALUE_USD,
        seconds = elapsed_ms / 1e3
    )
}
