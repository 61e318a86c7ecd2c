//! What a server does beyond its capacity: answers at half of it, at it, and at four times it; and
//! what it does for calls about the present while others ask about random days of the past.

use super::{Result, load, process, process::Child, raw};
use contract::v1::{self, as_of::When};
use marketdata::day::Day;
use prost::{Message as _, bytes::Bytes};
use simulation::market::{Market, Parameters};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tonic::{Code, transport::Channel};

/// Calls in flight that keep two processors busy and are all admitted.
const FULL: usize = 4;
/// Connections that share the load, as those of as many clients.
const CONNECTIONS: usize = 16;
/// Rounds; medians are printed.
const ROUNDS: usize = 3;
/// Time of each part before anything is counted: queues fill and the server sees that they stand.
const WARM_UP: Duration = Duration::from_secs(1);
/// Callers about the past, at once.
const BACK_TESTS: usize = 8;
/// Pause between two calls about the present.
const PAUSE: Duration = Duration::from_millis(50);

/// What a part of a round achieved.
#[derive(Debug, Default)]
struct Part {
    /// Latencies of the answers, from when the call was due, milliseconds.
    answered_ms: Vec<f64>,
    refused: usize,
    seconds: f64,
    /// Processor time of the server, seconds.
    used: f64,
}

impl Part {
    fn rate(&self) -> f64 {
        self.answered_ms.len() as f64 / self.seconds
    }

    /// Answers per second of the server's processor time: does not depend on what the clients and
    /// other processes take.
    fn per_processor_second(&self) -> f64 {
        self.answered_ms.len() as f64 / self.used
    }

    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.answered_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    fn print(&self, name: &str) {
        println!(
            "  {name}: {:.1} answers/s, p50 {:.1} ms, p99 {:.1} ms, {} refused, {:.1} answers per \
             processor second",
            self.rate(),
            self.quantile(0.5),
            self.quantile(0.99),
            self.refused,
            self.per_processor_second(),
        );
    }
}

/// How a call ended: its latency, or nothing if it was refused.
type Ended = Result<Option<f64>>;

async fn call(channel: Channel, request: Bytes, due: Instant) -> Ended {
    match raw::analyze(channel, request).await {
        Ok(_) => Ok(Some(due.elapsed().as_secs_f64() * 1e3)),
        Err(status) if status.code() == Code::ResourceExhausted => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// Calls at a fixed rate, whatever comes back.
async fn open_loop(
    (server, channels): (&Child, &[Channel]),
    request: &Bytes,
    (rate, time): (f64, Duration),
) -> Result<Part> {
    let mut part = Part::default();
    let mut calls: JoinSet<(Instant, Ended)> = JoinSet::new();
    let (began, mut used, mut at) = (Instant::now(), None, 0_u32);
    while began.elapsed() < WARM_UP + time {
        let due = began + Duration::from_secs_f64(f64::from(at) / rate);
        tokio::time::sleep_until(due.into()).await;
        if used.is_none() && WARM_UP <= began.elapsed() {
            used = Some(server.processor_seconds()?);
        }
        let channel = channels[at as usize % channels.len()].clone();
        let request = request.clone();
        calls.spawn(async move { (due, call(channel, request, due).await) });
        at += 1;
    }
    let used = used.unwrap_or_default();
    part.used = server.processor_seconds()? - used;
    part.seconds = (began.elapsed() - WARM_UP).as_secs_f64();
    while let Some(ended) = calls.join_next().await {
        let (due, ended) = ended?;
        match ended? {
            _ if due < began + WARM_UP => {}
            Some(ms) => part.answered_ms.push(ms),
            None => part.refused += 1,
        }
    }
    Ok(part)
}

/// Calls with a fixed number in flight; `request` makes each.
async fn closed_loop(
    (server, channels): (&Child, &[Channel]),
    (callers, pause): (usize, Duration),
    request: impl Fn(usize) -> Bytes + Clone + Send + 'static,
    time: Duration,
) -> Result<Part> {
    let mut running = JoinSet::new();
    let (began, used) = (Instant::now(), server.processor_seconds()?);
    for caller in 0..callers {
        let (channel, request) = (channels[caller % channels.len()].clone(), request.clone());
        running.spawn(async move {
            let mut part = Part::default();
            let mut at = caller;
            while began.elapsed() < time {
                match call(channel.clone(), request(at), Instant::now()).await? {
                    Some(ms) => part.answered_ms.push(ms),
                    // Less than the server asks for, so that this stays an overload.
                    None => {
                        part.refused += 1;
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                at += callers;
                tokio::time::sleep(pause).await;
            }
            Ok::<Part, Box<dyn std::error::Error + Send + Sync>>(part)
        });
    }
    let mut all = Part::default();
    while let Some(part) = running.join_next().await {
        let part = part??;
        all.answered_ms.extend(part.answered_ms);
        all.refused += part.refused;
    }
    all.seconds = began.elapsed().as_secs_f64();
    all.used = server.processor_seconds()? - used;
    Ok(all)
}

/// Runs the parts for about so many minutes together.
pub(crate) async fn overload(folder: &Path, minutes: f64) -> Result<()> {
    let store = load::url(&folder.join("overload.db"));
    let market = Market::new(Parameters { names: 1_000, days: 1_000, seed: 7 });
    load::fill(&store, &market).await?;
    let server = Child::ballast(&store)?;
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(server.connect().await?);
    }
    let book = load::portfolio(&market, 500);
    let present = Bytes::from(book.encode_to_vec());
    call(channels[0].clone(), present.clone(), Instant::now()).await?;
    // Five parts in a round.
    let time = Duration::from_secs_f64(minutes * 60.0 / (ROUNDS * 5) as f64);
    capacity((&server, &channels), &present, time).await?;
    back_tests((&server, &channels), (&book, &market), time).await
}

/// The answers at four times the capacity beside those at it, and their latencies beside those at
/// half of it.
async fn capacity(server: (&Child, &[Channel]), request: &Bytes, time: Duration) -> Result<()> {
    let (mut goodput, mut per_second, mut latency) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let same = request.clone();
        let peak = closed_loop(server, (FULL, Duration::ZERO), move |_| same.clone(), time).await?;
        let half = open_loop(server, request, (peak.rate() / 2.0, time)).await?;
        let four = open_loop(server, request, (peak.rate() * 4.0, time)).await?;
        peak.print("peak");
        half.print("half of it");
        four.print("four times it");
        goodput.push(four.rate() / peak.rate());
        per_second.push(four.per_processor_second() / peak.per_processor_second());
        latency.push(four.quantile(0.99) / half.quantile(0.99));
    }
    let median = |values: &mut Vec<f64>| process::spread(values)[1];
    println!(
        "AnalyzePortfolio, 500 positions, four times the capacity: {:.2} of the peak's answers \
         (goal 0.90), {:.2} per processor second of the server; p99 {:.2} times that at half \
         (goal 2)",
        median(&mut goodput),
        median(&mut per_second),
        median(&mut latency)
    );
    Ok(())
}

/// Calls about the present alone, and beside calls about random days of the past.
async fn back_tests(
    server: (&Child, &[Channel]),
    (book, market): (&v1::AnalyzePortfolioRequest, &Market),
    time: Duration,
) -> Result<()> {
    let days: Vec<Day> = market.days.iter().copied().skip(300).collect();
    let mut latency = Vec::new();
    for _ in 0..ROUNDS {
        let present = Bytes::from(book.encode_to_vec());
        let present = move |_| present.clone();
        let alone = closed_loop(server, (1, PAUSE), present.clone(), time).await?;
        let (days, past) = (days.clone(), book.clone());
        let of_the_past = move |at: usize| {
            // Multiplied by an odd number: every day in an order without order.
            let day = days[at.wrapping_mul(7_919) % days.len()];
            let as_of = v1::AsOf { when: Some(When::On(day.to_string())), ..Default::default() };
            let request = v1::AnalyzePortfolioRequest { as_of: Some(as_of), ..past.clone() };
            Bytes::from(request.encode_to_vec())
        };
        let (beside, past) = tokio::join!(
            closed_loop(server, (1, PAUSE), present, time),
            closed_loop(server, (BACK_TESTS, Duration::ZERO), of_the_past, time),
        );
        let (beside, past) = (beside?, past?);
        alone.print("the present alone");
        beside.print("the present beside back-tests");
        past.print("random days of the past");
        latency.push(beside.quantile(0.5) / alone.quantile(0.5));
    }
    println!(
        "the present beside {BACK_TESTS} callers about random days: median latency {:.2} times \
         that alone",
        process::spread(&mut latency)[1]
    );
    Ok(())
}
