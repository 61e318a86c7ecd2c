//! What a server does beyond its capacity: answers at half of it, at it, at twice and at four times
//! it; and what it does for calls about the present while others ask about random days of the past.
//!
//! A late answer is none: only answers within the deadline of their call count, from the moment at
//! which the call was due. Calls are due at a fixed rate whatever comes back, at random moments as
//! those of many callers are. The books are large, so that the client and the transport take little
//! of the processors that the server shares with them; their share is printed.

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

/// Positions of a book.
const POSITIONS: usize = 3_000;
/// Time that a caller gives a call.
const DEADLINE: Duration = Duration::from_secs(1);
/// The same for a call about the past, whose view is prepared first.
const PATIENCE: Duration = Duration::from_secs(30);
/// Calls in flight that keep two processors busy and are all admitted.
const FULL: usize = 4;
/// Connections that share the load.
const CONNECTIONS: usize = 4;
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
    /// Latencies of the answers in time, from when the call was due, milliseconds.
    answered_ms: Vec<f64>,
    /// Latencies of refusals, the same.
    refused_ms: Vec<f64>,
    /// Calls without an answer or a refusal within their deadline.
    late: usize,
    seconds: f64,
    /// Processor time of the server and of this process, seconds.
    used: [f64; 2],
}

impl Part {
    /// Answers in time per second.
    fn goodput(&self) -> f64 {
        self.answered_ms.len() as f64 / self.seconds
    }

    fn quantile(values: &[f64], share: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    fn p50(&self) -> f64 {
        Part::quantile(&self.answered_ms, 0.5)
    }

    fn p99(&self) -> f64 {
        Part::quantile(&self.answered_ms, 0.99)
    }

    fn print(&self, name: &str) {
        let [server, client] = self.used;
        println!(
            "  {name}: goodput {:.1}/s, p50 {:.1} ms, p99 {:.1} ms; {} refused (p99 {:.1} ms), {} \
             late; {:.2} ms of the server's processor time per answer, the client's share of the \
             processor time {:.0} %",
            self.goodput(),
            self.p50(),
            self.p99(),
            self.refused_ms.len(),
            Part::quantile(&self.refused_ms, 0.99),
            self.late,
            server * 1e3 / self.answered_ms.len() as f64,
            100.0 * client / (server + client),
        );
    }

    fn add(&mut self, ended: Ended) {
        match ended {
            Ended::Answered(ms) => self.answered_ms.push(ms),
            Ended::Refused(ms) => self.refused_ms.push(ms),
            Ended::Late => self.late += 1,
        }
    }
}

/// How a call ended, after so many milliseconds.
#[derive(Clone, Copy, Debug)]
enum Ended {
    Answered(f64),
    Refused(f64),
    Late,
}

/// Calls once; once more if the connection ended by its age before the call was sent.
async fn call(channel: Channel, request: Bytes, due: Instant, within: Duration) -> Result<Ended> {
    let in_time = due + within;
    let left = in_time.saturating_duration_since(Instant::now());
    let twice = async {
        match raw::analyze(channel.clone(), request.clone()).await {
            Err(status) if status.code() == Code::Cancelled => raw::analyze(channel, request).await,
            other => other,
        }
    };
    let Ok(answered) = tokio::time::timeout(left, twice).await else {
        return Ok(Ended::Late);
    };
    let ms = due.elapsed().as_secs_f64() * 1e3;
    match answered {
        Ok(_) if in_time < Instant::now() => Ok(Ended::Late),
        Ok(_) => Ok(Ended::Answered(ms)),
        Err(status) if status.code() == Code::ResourceExhausted => Ok(Ended::Refused(ms)),
        Err(status) if status.code() == Code::DeadlineExceeded => Ok(Ended::Late),
        Err(status) => Err(status.into()),
    }
}

/// Processor seconds of the server and of this process so far.
fn used(server: &Child) -> Result<[f64; 2]> {
    Ok([server.processor_seconds()?, process::own_processor_seconds()?])
}

/// The processor seconds since.
fn since(server: &Child, before: [f64; 2]) -> Result<[f64; 2]> {
    let now = used(server)?;
    Ok([now[0] - before[0], now[1] - before[1]])
}

/// Calls at a mean rate, whatever comes back.
async fn open_loop(
    (server, channels): (&Child, &[Channel]),
    request: &Bytes,
    (rate, time): (f64, Duration),
) -> Result<Part> {
    let mut part = Part::default();
    let mut calls: JoinSet<(Instant, Result<Ended>)> = JoinSet::new();
    let (began, mut before, mut at) = (Instant::now(), None, 0_usize);
    let (mut due, mut pauses) = (began, Pauses(7));
    while due < began + WARM_UP + time {
        tokio::time::sleep_until(due.into()).await;
        if before.is_none() && WARM_UP <= began.elapsed() {
            before = Some(used(server)?);
        }
        let (channel, request) = (channels[at % channels.len()].clone(), request.clone());
        calls.spawn(async move { (due, call(channel, request, due, DEADLINE).await) });
        at += 1;
        due += Duration::from_secs_f64(pauses.draw() / rate);
    }
    part.used = since(server, before.unwrap_or_default())?;
    part.seconds = time.as_secs_f64();
    while let Some(ended) = calls.join_next().await {
        let (due, ended) = ended?;
        let ended = ended?;
        if began + WARM_UP <= due {
            part.add(ended);
        }
    }
    Ok(part)
}

/// Pauses with a mean of one, distributed exponentially, from the numbers of the generator of Park
/// and Miller (1988).
struct Pauses(u64);

impl Pauses {
    fn draw(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        -(self.0 as f64 / 2_147_483_647.0).ln()
    }
}

/// Calls with a fixed number in flight; `request` makes each.
async fn closed_loop(
    (server, channels): (&Child, &[Channel]),
    (callers, pause, within): (usize, Duration, Duration),
    request: impl Fn(usize) -> Bytes + Clone + Send + 'static,
    time: Duration,
) -> Result<Part> {
    let mut running = JoinSet::new();
    let (began, before) = (Instant::now(), used(server)?);
    for caller in 0..callers {
        let (channel, request) = (channels[caller % channels.len()].clone(), request.clone());
        running.spawn(async move {
            let mut part = Part::default();
            let mut at = caller;
            while began.elapsed() < time {
                let ended = call(channel.clone(), request(at), Instant::now(), within).await?;
                part.add(ended);
                if matches!(ended, Ended::Refused(_)) {
                    // Less than the server asks for, so that this stays an overload.
                    tokio::time::sleep(PAUSE).await;
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
        all.refused_ms.extend(part.refused_ms);
        all.late += part.late;
    }
    all.seconds = began.elapsed().as_secs_f64();
    all.used = since(server, before)?;
    Ok(all)
}

/// Runs the parts for about so many minutes together.
pub(crate) async fn overload(folder: &Path, minutes: f64) -> Result<()> {
    let store = load::url(&folder.join("overload.db"));
    let market = Market::new(Parameters { names: POSITIONS, days: 750, seed: 7 });
    load::fill(&store, &market).await?;
    let server = Child::ballast(&store)?;
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(server.connect().await?);
    }
    let book = load::portfolio(&market, POSITIONS);
    let present = Bytes::from(book.encode_to_vec());
    // Prepares the view.
    raw::analyze(channels[0].clone(), present.clone()).await?;
    // Seven parts in a round.
    let time = Duration::from_secs_f64(minutes * 60.0 / (ROUNDS * 7) as f64);
    capacity((&server, &channels), &present, time).await?;
    let book = load::portfolio(&market, 500);
    back_tests((&server, &channels), (&book, &market), time).await
}

/// The goodput beyond the capacity beside that at it, and latencies beside those at half of it.
async fn capacity(server: (&Child, &[Channel]), request: &Bytes, time: Duration) -> Result<()> {
    let (mut peaks, mut goodput, mut latency) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let same = request.clone();
        let full = (FULL, Duration::ZERO, DEADLINE);
        let peak = closed_loop(server, full, move |_| same.clone(), time).await?;
        peak.print("four callers in a closed loop");
        let rate = peak.goodput();
        let half = open_loop(server, request, (rate / 2.0, time)).await?;
        half.print("half of that rate");
        let mut best = rate;
        for times in [1_u32, 2, 4] {
            let part = open_loop(server, request, (rate * f64::from(times), time)).await?;
            part.print(&format!("{times} times that rate"));
            best = best.max(part.goodput());
            if times == 4 {
                goodput.push(part.goodput() / best);
                latency.push(part.p99() / half.p99());
            }
        }
        peaks.push(best);
    }
    let median = |values: &mut Vec<f64>| process::spread(values)[1];
    println!(
        "AnalyzePortfolio, {POSITIONS} positions: peak goodput {:.1}/s; at four times the capacity \
         {:.2} of the peak (goal 0.90), p99 of admitted calls {:.2} times that at half (goal 2)",
        median(&mut peaks),
        median(&mut goodput),
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
    let now = (1, PAUSE, DEADLINE);
    for _ in 0..ROUNDS {
        let present = Bytes::from(book.encode_to_vec());
        let present = move |_| present.clone();
        let alone = closed_loop(server, now, present.clone(), time).await?;
        let (days, past) = (days.clone(), book.clone());
        let of_the_past = move |at: usize| {
            // Multiplied by an odd number: every day in an order without order.
            let day = days[at.wrapping_mul(7_919) % days.len()];
            let as_of = v1::AsOf { when: Some(When::On(day.to_string())), ..Default::default() };
            let request = v1::AnalyzePortfolioRequest { as_of: Some(as_of), ..past.clone() };
            Bytes::from(request.encode_to_vec())
        };
        let (beside, past) = tokio::join!(
            closed_loop(server, now, present, time),
            closed_loop(server, (BACK_TESTS, Duration::ZERO, PATIENCE), of_the_past, time),
        );
        let (beside, past) = (beside?, past?);
        alone.print("the present alone");
        beside.print("the present beside back-tests");
        past.print("random days of the past");
        latency.push(beside.p50() / alone.p50());
    }
    println!(
        "the present beside {BACK_TESTS} callers about random days: median latency {:.2} times \
         that alone",
        process::spread(&mut latency)[1]
    );
    Ok(())
}
