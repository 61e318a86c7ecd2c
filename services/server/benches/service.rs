//! The service over the wire beside its yardstick, in one run: an echo service of tonic with the same
//! messages, asked by the same clients.
//!
//! `cargo bench -p server --bench service`: a store of 3,000 simulated names over 2,520 days, the time
//! from its file to the first answer of `AnalyzePortfolio`, then calls with 500 positions against the
//! service and against the echo, alternating, and single calls one after the other.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]
#![expect(clippy::disallowed_methods, reason = "a bench looks at the clock and at its own process")]

use contract::v1::{
    self,
    exposure_service_client::ExposureServiceClient,
    exposure_service_server::{ExposureService, ExposureServiceServer},
    position::Size,
    rotation_service_client::RotationServiceClient,
};
use marketdata::instant::Instant;
use prost::Message as _;
use server::{clock::Clock, config::Config};
use simulation::market::{Market, Parameters};
use std::{
    path::Path,
    time::{Duration, Instant as Moment},
};
use store::{Append, Provenance, RequestKey};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};

/// Positions of the book.
const POSITIONS: usize = 500;
/// Connections, and calls in flight on each.
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 4;
/// How long each side is asked in each round, and how many rounds.
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
/// Calls one after the other.
const SINGLE_CALLS: usize = 2_000;

fn main() {
    // Without `--bench` this is a test run: nothing to measure in a build that is not optimised.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("ballast.db");
    let market = Market::new(Parameters::BENCH);
    let request = request(&market);
    fill(&path, &market).await;
    drop(market);

    let started = Moment::now();
    let mut config = Config::standard();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.store = format!("sqlite:{}", path.display());
    let now = Instant::parse_rfc3339("2024-08-01T12:00:00Z").unwrap();
    let running = server::start_at(config, Clock::manual(now)).await.unwrap();
    let listening = started.elapsed();
    let service = channels(running.address()).await;
    let mut client = ExposureServiceClient::new(service[0].clone());
    let answer = client.analyze_portfolio(request.clone()).await.unwrap().into_inner();
    println!(
        "file to listening {:.3} s, to the first answer of AnalyzePortfolio {:.3} s, {} MB resident",
        listening.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        resident_megabytes()
    );
    let joined = answer.coverage.unwrap_or_default();
    assert!(0.9 < joined.resolved, "the book did not join: {joined:?}");
    let (asked, told) = (request.encoded_len(), answer.encoded_len());
    println!("messages: {asked} bytes asked, {told} bytes told, {POSITIONS} positions");

    let echo = echo(answer).await;
    let mut rates = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rates.0.push(load("AnalyzePortfolio", &service, &request).await);
        rates.1.push(load("echo", &echo, &request).await);
    }
    let best = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    println!("AnalyzePortfolio at {:.0} % of the echo", 100.0 * best(&rates.0) / best(&rates.1));

    single("AnalyzePortfolio", service[0].clone(), &request).await;
    single("echo", echo[0].clone(), &request).await;
    rotation(service[0].clone()).await;
    running.stop().await;
}

/// Every sixth name, long the larger half, short the smaller.
fn request(market: &Market) -> v1::AnalyzePortfolioRequest {
    let step = market.names.len() / POSITIONS;
    let position = |at: usize| {
        let sign = if 2 * at < POSITIONS { 1.0 } else { -1.0 };
        let size = Some(Size::Quantity(sign * (1_000.0 + at as f64)));
        v1::Position { symbol: market.names[at * step].symbol.clone(), size, average_cost: None }
    };
    v1::AnalyzePortfolioRequest {
        portfolio: Some(v1::Portfolio {
            portfolio_id: "bench".to_owned(),
            positions: (0..POSITIONS).map(position).collect(),
            net_asset_value: Some(100e6),
            currency: "USD".to_owned(),
        }),
        ..v1::AnalyzePortfolioRequest::default()
    }
}

async fn fill(path: &Path, market: &Market) {
    let store = store::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut facts = 0;
    for (at, batch) in simulation::facts::batches(market, 500).enumerate() {
        facts += batch.facts();
        let append = Append {
            key: RequestKey {
                caller: "bench".into(),
                method: "Ingest".into(),
                request_id: at.to_string(),
            },
            fingerprint: [at as u8; 32],
            provenance: Provenance {
                source: "simulation".into(),
                file_name: String::new(),
                content_hash: [at as u8; 32],
                received_at: Instant::from_micros(0),
            },
            batch,
            answer: Vec::new(),
        };
        store.append(append).await.unwrap();
    }
    store.close().await;
    let megabytes = std::fs::metadata(path).unwrap().len() / 1_000_000;
    println!("store: {facts} facts, {megabytes} MB");
}

async fn channels(address: std::net::SocketAddr) -> Vec<Channel> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
        channels.push(endpoint.tcp_nodelay(true).connect().await.unwrap());
    }
    channels
}

/// Answers every book with one answer made before.
struct Echo(v1::AnalyzePortfolioResponse);

#[tonic::async_trait]
impl ExposureService for Echo {
    async fn analyze_portfolio(
        &self,
        _request: Request<v1::AnalyzePortfolioRequest>,
    ) -> Result<Response<v1::AnalyzePortfolioResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn validate_portfolio(
        &self,
        _request: Request<v1::ValidatePortfolioRequest>,
    ) -> Result<Response<v1::ValidatePortfolioResponse>, Status> {
        Err(Status::unimplemented("an echo of one method"))
    }
}

async fn echo(answer: v1::AnalyzePortfolioResponse) -> Vec<Channel> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let service = ExposureServiceServer::new(Echo(answer));
    let incoming = incoming.with_nodelay(Some(true));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    channels(address).await
}

/// Calls from all connections for a round; calls a second.
async fn load(name: &str, channels: &[Channel], request: &v1::AnalyzePortfolioRequest) -> f64 {
    let (started, processor) = (Moment::now(), processor_seconds());
    let ask = |channel: &Channel| {
        let (mut client, request) = (ExposureServiceClient::new(channel.clone()), request.clone());
        tokio::spawn(async move {
            let mut calls = 0_u32;
            while started.elapsed() < ROUND {
                client.analyze_portfolio(request.clone()).await.unwrap();
                calls += 1;
            }
            calls
        })
    };
    let asking: Vec<_> =
        channels.iter().flat_map(|channel| (0..IN_FLIGHT).map(move |_| ask(channel))).collect();
    let mut calls = 0;
    for task in asking {
        calls += task.await.unwrap();
    }
    let (took, used) = (started.elapsed().as_secs_f64(), processor_seconds() - processor);
    let rate = f64::from(calls) / took;
    let micros = 1e6 * used / f64::from(calls);
    println!("{name}: {rate:.0} calls/s, {micros:.0} us of processor a call, client included");
    rate
}

/// Calls one after the other: what one caller sees.
async fn single(name: &str, channel: Channel, request: &v1::AnalyzePortfolioRequest) {
    let mut client = ExposureServiceClient::new(channel);
    let mut micros = Vec::with_capacity(SINGLE_CALLS);
    for _ in 0..SINGLE_CALLS {
        let started = Moment::now();
        client.analyze_portfolio(request.clone()).await.unwrap();
        micros.push(started.elapsed().as_secs_f64() * 1e6);
    }
    show(name, &mut micros);
}

async fn rotation(channel: Channel) {
    let mut client = RotationServiceClient::new(channel);
    let request = v1::GetRotationRequest::default();
    let first = Moment::now();
    client.get_rotation(request.clone()).await.unwrap();
    println!("GetRotation: first answer {:.3} s", first.elapsed().as_secs_f64());
    let mut micros = Vec::with_capacity(SINGLE_CALLS);
    for _ in 0..SINGLE_CALLS {
        let started = Moment::now();
        client.get_rotation(request.clone()).await.unwrap();
        micros.push(started.elapsed().as_secs_f64() * 1e6);
    }
    show("GetRotation", &mut micros);
}

fn show(name: &str, micros: &mut [f64]) {
    micros.sort_unstable_by(f64::total_cmp);
    let (median, late) = (micros[micros.len() / 2], micros[micros.len() * 99 / 100]);
    println!("{name}, one call after the other: median {median:.0} us, 99 % {late:.0} us");
}

/// Processor time of this process so far.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    // A hundred ticks a second on every Linux of today.
    ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn resident_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_000
}
