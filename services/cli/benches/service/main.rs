//! The service as its users meet it, over the wire, with each figure next to its yardstick from the
//! same run.
//!
//! `cargo bench -p ballast --bench service` measures: the time from `ballast ingest` of a
//! 393,689-row price file to its durable answer; from the start of `ballast serve` on 3,000 names
//! by 2,520 days to the first analysis, with its memory and disk; GetRotation at the head; and the
//! rate of AnalyzePortfolio with 500 positions beside an echo service with the same messages.
//! `REAL_DATA` names a folder with the real price file; without it a generated file of the same
//! size is used. Arguments after `--` select parts: `ingest`, `start`, `rotation`, `analyze`, and
//! `batch`: 10,000 books of 500 positions on one stream, beside single calls. Seven parts run only
//! if asked for, in any build: for so many minutes, `overload 5` and `soak 20`; `replicas`, three
//! servers on one PostgreSQL called in turn, beside one; `follow`, how soon each of them has what
//! another one has committed; for so many rounds `bulk 3`, files into PostgreSQL and a replica out
//! of it, beside `COPY`; `tracing`, a server that traces a tenth of its calls beside one that
//! traces none; and `hedge`, what hedges of 500 positions cost the server.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a bench reads clocks, files, ports and the environment"
)]

mod batch;
mod bulk;
mod echo;
mod follow;
mod hedge;
mod load;
mod overload;
#[path = "../../../../tests/support/postgres.rs"]
mod postgres;
mod process;
#[path = "../../../../tests/support/python.rs"]
mod python;
mod raw;
#[path = "../../../../tests/support/real_data.rs"]
mod real_files;
mod replicas;
mod soak;
mod tracing;

use contract::v1::{self, exposure_service_client::ExposureServiceClient};
use process::{Child, Pace};
use simulation::market::{Market, Parameters};
use std::{path::Path, process::Command, time::Instant};
use tempfile::TempDir;
use tonic::transport::Channel;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [_, word, port, answer] = &arguments[..]
        && word == "echo"
    {
        return runtime.block_on(echo::serve(port.parse()?, Path::new(answer)));
    }
    let parts =
        Parts(arguments.iter().skip(1).filter(|word| !word.starts_with('-')).cloned().collect());
    let folder = TempDir::new()?;
    // These run in any build, but only if they are asked for.
    if let Some(minutes) = parts.number("soak")? {
        return runtime.block_on(soak::soak(folder.path(), minutes));
    }
    if let Some(minutes) = parts.number("overload")? {
        return runtime.block_on(overload::overload(folder.path(), minutes));
    }
    if let Some(rounds) = parts.number("bulk")? {
        return runtime.block_on(bulk::measure(rounds as usize));
    }
    if parts.0 == ["tracing"] {
        return runtime.block_on(tracing::measure(folder.path()));
    }
    if parts.0 == ["hedge"] {
        return runtime.block_on(hedge::measure(folder.path()));
    }
    if parts.0 == ["replicas"] {
        return runtime.block_on(replicas::measure());
    }
    if parts.0 == ["follow"] {
        return runtime.block_on(follow::measure());
    }
    // Without `--bench` this is a test run, and an unoptimised build is not worth measuring.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    if parts.has("ingest") {
        runtime.block_on(ingest(folder.path()))?;
    }
    runtime.block_on(serve(folder.path(), &parts))
}

/// The selected parts; all if none is named.
struct Parts(Vec<String>);

impl Parts {
    fn has(&self, part: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|asked| asked == part)
    }

    /// The minutes or rounds of a part that is named with a number of them.
    fn number(&self, part: &str) -> Result<Option<f64>> {
        match &self.0[..] {
            [first, number] if first == part => Ok(Some(number.parse()?)),
            [first, ..] if first == part => Err(format!("{part} NUMBER").into()),
            _ => Ok(None),
        }
    }
}

/// Measures from `ballast ingest` to the durable answer, each time on a fresh store.
async fn ingest(folder: &Path) -> Result<()> {
    let file = folder.join("prices.csv");
    let rows = load::price_file(&file)?;
    let mut seconds = Vec::new();
    for round in 0..7 {
        let server = Child::ballast(&load::url(&folder.join(format!("ingest-{round}.db"))))?;
        let _channel = server.connect().await?;
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(["--server", &server.address(), "--json", "ingest"])
            .args(["--adjusted-on", "2024-03-31"])
            .arg(&file)
            .output()?;
        seconds.push(started.elapsed().as_secs_f64());
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
    }
    let [low, median, high] = process::spread(&mut seconds);
    println!(
        "ingest, {rows} rows uncompressed, process start to durable answer: {median:.3} s \
         (min {low:.3}, max {high:.3}; goal 0.4 s), {:.2} million rows/s",
        rows as f64 / median / 1e6
    );
    Ok(())
}

async fn serve(folder: &Path, parts: &Parts) -> Result<()> {
    let file = folder.join("decade.db");
    let store = load::url(&file);
    let market = Market::new(Parameters::BENCH);
    load::fill(&store, &market).await?;
    let megabytes = std::fs::metadata(&file)?.len() as f64 / 1e6;
    println!("3,000 names by 2,520 days: {megabytes:.0} MB on disk (goal 250 MB)");
    let request = load::portfolio(&market, 500);

    if parts.has("start") {
        start(&store, &request).await?;
    }

    let server = Child::patient(&store)?;
    let channel = server.connect().await?;
    let mut client = ExposureServiceClient::new(channel.clone());
    let answer = client.analyze_portfolio(request.clone()).await?;
    println!("resident after the first answer: {:.0} MB (goal 450 MB)", server.resident_mb()?);
    let saved = folder.join("answer.bin");
    std::fs::write(&saved, prost::Message::encode_to_vec(answer.get_ref()))?;
    let echo = Child::echo(&saved)?;
    let echo_channel = echo.connect().await?;

    if parts.has("rotation") {
        rotation(channel.clone(), echo_channel.clone()).await?;
        println!("resident with rotation prepared: {:.0} MB", server.resident_mb()?);
    }
    if parts.has("analyze") {
        analyze((&server, channel.clone()), (&echo, echo_channel), &request).await?;
    }
    if parts.has("batch") {
        stream(&server, channel, &request).await?;
    }
    Ok(())
}

/// Measures from the start of the server to its first analysis.
async fn start(store: &str, request: &v1::AnalyzePortfolioRequest) -> Result<()> {
    let mut seconds = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        let server = Child::ballast(store)?;
        let mut client = ExposureServiceClient::new(server.connect().await?);
        client.analyze_portfolio(request.clone()).await?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    let [low, median, high] = process::spread(&mut seconds);
    println!(
        "start of `ballast serve` to the first AnalyzePortfolio: {median:.3} s \
         (min {low:.3}, max {high:.3}; goal 1 s)"
    );
    Ok(())
}

/// Median time of a GetRotation at the head, beside an empty call of the echo service.
async fn rotation(channel: Channel, echo: Channel) -> Result<()> {
    let mut client = v1::rotation_service_client::RotationServiceClient::new(channel);
    let mut yardstick = ExposureServiceClient::new(echo);
    let started = Instant::now();
    let first = client.get_rotation(v1::GetRotationRequest::default()).await?;
    let prepared = started.elapsed().as_secs_f64() * 1e3;
    println!("first GetRotation, which prepares the view: {prepared:.0} ms");
    let bytes = prost::Message::encoded_len(first.get_ref());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let started = Instant::now();
        client.get_rotation(v1::GetRotationRequest::default()).await?;
        ours.push(started.elapsed().as_secs_f64() * 1e6);
        let started = Instant::now();
        yardstick.validate_portfolio(v1::ValidatePortfolioRequest::default()).await?;
        theirs.push(started.elapsed().as_secs_f64() * 1e6);
    }
    let (ours, theirs) = (process::spread(&mut ours)[1], process::spread(&mut theirs)[1]);
    println!(
        "GetRotation at the head: {ours:.0} µs round trip for {bytes} bytes, an empty echo \
         {theirs:.0} µs: {:.0} µs more (goal 1,000 at the server)",
        ours - theirs
    );
    Ok(())
}

/// Calls per second with 16 in flight, alternating with the echo service.
async fn analyze(
    (server, channel): (&Child, Channel),
    (echo, echo_channel): (&Child, Channel),
    request: &v1::AnalyzePortfolioRequest,
) -> Result<()> {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..9 {
        let mine = process::pace(server, channel.clone(), request).await?;
        let yardstick = process::pace(echo, echo_channel.clone(), request).await?;
        ratios.push(mine.calls_per_second / yardstick.calls_per_second);
        ours.push(mine);
        theirs.push(yardstick);
    }
    print_pace("AnalyzePortfolio, 500 positions", &ours);
    print_pace("echo, the same messages", &theirs);
    let [low, median, high] = process::spread(&mut ratios);
    println!("rate over the echo's: {median:.2} (min {low:.2}, max {high:.2}; goal 0.50)");
    Ok(())
}

/// Books per second on one stream, alternating with single calls, and the memory it takes.
async fn stream(
    server: &Child,
    channel: Channel,
    request: &v1::AnalyzePortfolioRequest,
) -> Result<()> {
    let (mut single, mut streamed, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let one = process::pace(server, channel.clone(), request).await?;
        let many = batch::stream(server, channel.clone(), request).await?;
        ratios.push(many.pace.calls_per_second / one.calls_per_second);
        let [before, most] = many.resident_mb;
        println!("resident before a stream: {before:.0} MB, at most during it: {most:.0} MB");
        single.push(one);
        streamed.push(many.pace);
    }
    print_pace("AnalyzePortfolio, single calls", &single);
    print_pace("AnalyzePortfolios, 10,000 books on one stream", &streamed);
    let [low, median, high] = process::spread(&mut ratios);
    println!("rate over that of single calls: {median:.2} (min {low:.2}, max {high:.2}; goal 1.3)");
    Ok(())
}

fn print_pace(name: &str, paces: &[Pace]) {
    let mut rates: Vec<f64> = paces.iter().map(|pace| pace.calls_per_second).collect();
    let mut micros: Vec<f64> = paces.iter().map(|pace| pace.server_micros).collect();
    let (rate, cost) = (process::spread(&mut rates)[1], process::spread(&mut micros)[1]);
    println!("{name}: {rate:.0} calls/s, {cost:.0} µs of processor per call at the server");
}
