//! The demo: a server on a fresh store, a simulated market, and a portfolio under stress.

use crate::{
    connect::{Clients, Connection},
    ingest, show,
    terminal::{self, Terminal, Tone},
};
use anyhow::{Context as _, Result};
use clap::Args;
use contract::v1::{
    AnalyzePortfolioRequest, AsOf, AssessShortBookRequest, GetRotationRequest, GetRotationResponse,
    IngestHeader, IngestResponse, Portfolio, Position, as_of::When, position::Size,
};
use prost::Message as _;
use server::{Running, StartError, clock::Stopwatch, config::Config, telemetry};
use simulation::{
    factors, files,
    market::{Market, Parameters},
    rotation_day::ROTATION_ON,
    sample::{self, Holding},
};
use std::{net::SocketAddr, path::Path};

/// How the demo ends, and which port it listens on.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArguments {
    /// Exit when the demo is complete, instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Port to listen on; without it 50051, or a free port if that one is taken.
    #[arg(long)]
    port: Option<u16>,
}

const USUAL_PORT: u16 = 50_051;

/// Runs the demo; Ctrl-C ends it at any time and leaves no files behind.
///
/// # Errors
/// If the server does not start, or a step of the demo fails.
pub(crate) async fn run(arguments: &DemoArguments, terminal: Terminal) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let running = start(arguments, folder.path()).await?;
    let interrupted = async { tokio::signal::ctrl_c().await.context("cannot listen for signals") };
    let outcome = tokio::select! {
        outcome = play(arguments, running.address(), folder.path(), terminal) => outcome,
        interrupted = interrupted => interrupted,
    };
    running.stop().await;
    outcome
}

async fn play(
    arguments: &DemoArguments,
    address: SocketAddr,
    folder: &Path,
    terminal: Terminal,
) -> Result<()> {
    let stopwatch = Stopwatch::start();
    let connection = Connection { server: format!("http://{address}"), timeout: 60 };
    let clients = connection.open().await?;
    terminal::say(&opening(address, terminal));
    let market = Market::new(Parameters::DEMO);
    load(&market, &clients, &connection, terminal).await?;
    let book = sample::long_megacap_short_small_cap(&market);
    evening_before(&market, &book, &clients, &connection, terminal).await?;
    rotation(&clients, &connection, terminal).await?;
    exposure(&book, &clients, &connection, terminal).await?;
    squeeze(&book, &clients, &connection, terminal).await?;
    let file = folder.join("book.csv");
    tokio::fs::write(&file, sample::to_csv(&book)).await?;
    terminal::say(&closing(address, &file, stopwatch.elapsed_ms(), terminal));
    if !arguments.once {
        terminal::say("Serving until Ctrl-C.\n");
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Starts a server on a fresh store in the folder.
async fn start(arguments: &DemoArguments, folder: &Path) -> Result<Running> {
    let mut config = Config::standard();
    config.store = format!("sqlite:{}", folder.join("demo.db").display());
    config.create = true;
    config.log.filter = "error".to_owned();
    // No load balancer needs time to notice the shutdown.
    config.drain.deadline_ms = 2_000;
    telemetry::start(&config.log)?;
    config.listen = SocketAddr::from(([127, 0, 0, 1], arguments.port.unwrap_or(USUAL_PORT)));
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

/// Uploads the market's files, as a user would.
async fn load(
    market: &Market,
    clients: &Clients,
    connection: &Connection,
    terminal: Terminal,
) -> Result<()> {
    let stopwatch = Stopwatch::start();
    let mut table = show::ingest::summary_table();
    let mut facts = 0;
    // Two short-interest files per month, all alike, share one line of the table.
    let mut short_interest = IngestResponse::default();
    let mut short_interest_files = 0;
    for file in files::all(market) {
        let header = IngestHeader {
            request_id: format!("demo-{}", file.file_name),
            file_name: file.file_name.clone(),
            symbol: file.symbol.unwrap_or_default(),
            index_id: file.index_id.unwrap_or_default().to_owned(),
            as_of_on: file.as_of_on.map(|day| day.to_string()).unwrap_or_default(),
            adjusted_on: file.adjusted_on.map(|day| day.to_string()).unwrap_or_default(),
            ..IngestHeader::default()
        };
        let source = ingest::Source::Bytes(file.bytes);
        let answer = ingest::send(clients, connection, &header, &source)
            .await
            .with_context(|| format!("{} was rejected", file.file_name))?;
        facts += answer.accepted;
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
    terminal::say(&terminal.heading("Files to facts"));
    terminal::say(&table.render(terminal));
    terminal::say(&format!(
        "  {} facts are durable, each with the day it describes, the instant it was published and\n  \
         the revision that added it. It took {:.1} s.\n\n",
        show::number::count(facts),
        stopwatch.elapsed_ms() / 1e3
    ));
    Ok(())
}

fn rotation_day() -> Option<AsOf> {
    Some(AsOf { when: Some(When::On(ROTATION_ON.to_owned())), ..AsOf::default() })
}

/// What the portfolio's owner could have known one day earlier: nothing of the rotation day is
/// visible.
async fn evening_before(
    market: &Market,
    book: &[Holding],
    clients: &Clients,
    connection: &Connection,
    terminal: Terminal,
) -> Result<()> {
    let on = market.days[market.rotation - 1].to_string();
    let request = AnalyzePortfolioRequest {
        as_of: Some(AsOf { when: Some(When::On(on)), ..AsOf::default() }),
        portfolio: Some(portfolio(book)),
        repeat_on: market.days[factors::earlier_rotation(market.rotation)].to_string(),
        top_positions: Some(0),
        ..AnalyzePortfolioRequest::default()
    };
    let request = connection.request(request);
    let answer = clients.exposure().analyze_portfolio(request).await?.into_inner();
    let known = show::evidence::as_known(answer.snapshot.as_ref());
    terminal::say(&terminal.heading(&format!("The evening before, {known}")));
    let words = answer.report.as_ref().map(|report| show::exposure::words(report, terminal));
    terminal::say(&terminal.wrap(&format!("{}\n", words.unwrap_or_default())));
    Ok(())
}

async fn rotation(clients: &Clients, connection: &Connection, terminal: Terminal) -> Result<()> {
    let request = GetRotationRequest { as_of: rotation_day(), ..GetRotationRequest::default() };
    let mut client = clients.rotation();
    let answer = client.get_rotation(connection.request(request)).await?.into_inner();
    terminal::say(&show::rotation::report(&answer, terminal).render(terminal));
    let again = client.get_rotation(connection.request(replay_of(&answer))).await?.into_inner();
    let words = if again.encode_to_vec() == answer.encode_to_vec() {
        terminal.paint(Tone::Good, "the same bytes")
    } else {
        terminal.paint(Tone::Bad, "a different answer")
    };
    terminal::say(&format!("  The same request with that reference returns {words}.\n\n"));
    Ok(())
}

/// The request whose answer must be the same bytes.
fn replay_of(answer: &GetRotationResponse) -> GetRotationRequest {
    let reference = answer.snapshot.clone().unwrap_or_default();
    let as_of = AsOf { when: Some(When::Snapshot(reference)), revision: None };
    GetRotationRequest { as_of: Some(as_of), ..GetRotationRequest::default() }
}

fn portfolio(book: &[Holding]) -> Portfolio {
    let positions = book.iter().map(|holding| Position {
        symbol: holding.symbol.clone(),
        size: Some(Size::Quantity(holding.quantity)),
        average_cost: Some(holding.average_cost),
    });
    Portfolio {
        portfolio_id: "sample".to_owned(),
        positions: positions.collect(),
        net_asset_value: Some(NET_ASSET_VALUE_USD),
        currency: String::new(),
    }
}

/// Net asset value of the fund that holds the sample portfolio.
const NET_ASSET_VALUE_USD: f64 = 100e6;

async fn exposure(
    book: &[Holding],
    clients: &Clients,
    connection: &Connection,
    terminal: Terminal,
) -> Result<()> {
    let request = AnalyzePortfolioRequest {
        as_of: rotation_day(),
        portfolio: Some(portfolio(book)),
        repeat_on: ROTATION_ON.to_owned(),
        top_positions: Some(8),
        ..AnalyzePortfolioRequest::default()
    };
    let request = connection.request(request);
    let answer = clients.exposure().analyze_portfolio(request).await?.into_inner();
    terminal::say(&show::exposure::report(&answer, terminal).render(terminal));
    terminal::say("\n");
    Ok(())
}

async fn squeeze(
    book: &[Holding],
    clients: &Clients,
    connection: &Connection,
    terminal: Terminal,
) -> Result<()> {
    let request = AssessShortBookRequest {
        as_of: rotation_day(),
        portfolio: Some(portfolio(book)),
        participation: None,
    };
    let request = connection.request(request);
    let answer = clients.squeeze().assess_short_book(request).await?.into_inner();
    terminal::say(&show::squeeze::book(&answer, 10, terminal).render(terminal));
    terminal::say("\n");
    Ok(())
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
         {ballast} --server http://{address} squeeze --as-of 2024-07-15 --top 10\n\n\
         From Python (pip install grpcio-tools; stubs by `python -m grpc_tools.protoc -Iproto \
         --python_out=. --grpc_python_out=. proto/ballast/v1/*.proto`):\n\n  \
         import grpc\n  \
         from ballast.v1 import rotation_pb2, rotation_pb2_grpc, snapshot_pb2\n  \
         stub = rotation_pb2_grpc.RotationServiceStub(grpc.insecure_channel(\"{address}\"))\n  \
         as_of = snapshot_pb2.AsOf(on=\"{ROTATION_ON}\")\n  \
         print(stub.GetRotation(rotation_pb2.GetRotationRequest(as_of=as_of)).report.composite)\n\n",
        seconds = elapsed_ms / 1e3
    )
}
