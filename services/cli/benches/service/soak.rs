//! A soak: mixed calls with ingest for many minutes, in which memory must stay flat.

use super::{Result, load, process::Child};
use contract::v1::{
    self, as_of::When, exposure_service_client::ExposureServiceClient, ingest_request::Part,
    market_data_service_client::MarketDataServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use h2::Reason;
use marketdata::day::Day;
use simulation::market::{Market, Parameters};
use std::{
    error::Error as _,
    iter::successors,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tonic::{Code, Status, transport::Channel};

/// Resident memory that the last quarter may have above the second, in millions of bytes: what the
/// allocator takes, and per minute what the ingested facts take.
const GROWTH_MB: f64 = 4.0;
const GROWTH_MB_PER_MINUTE: f64 = 2.0;
/// Share of it above the second quarter that is allowed in any case.
const GROWTH: f64 = 0.05;
/// So few prepared values that they are dropped from the first minute on: while they are still
/// collected, memory grows as it should.
const PREPARED: (&str, &str) = ("BALLAST_LIMITS__PREPARED_BYTES", "33554432");
/// Looks at the memory.
const LOOKS: u32 = 80;
/// Pause of each caller between two calls.
const PAUSE: Duration = Duration::from_millis(20);
/// Pause between two files.
const FILE_PAUSE: Duration = Duration::from_secs(2);
/// Sessions that are published again and again with other closes.
const CORRECTED: usize = 5;

/// What the callers share.
#[derive(Clone)]
struct Run {
    channel: Channel,
    market: Arc<Market>,
    until: Instant,
}

impl Run {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn day(&self, at: usize) -> Day {
        let days = &self.market.days;
        days[days.len() / 2 + at.wrapping_mul(7_919) % (days.len() / 2)]
    }
}

/// The number of calls answered, of those refused under overload, and of those that the client did
/// not send.
type Count = [u64; 3];

/// Whether a call came to a connection that was reaching its age: the client dropped it from its
/// queue, or a GOAWAY said that its stream was not processed (RFC 9113, 6.8). tonic does not send
/// such a call again, other clients do. What a server answers has no source.
fn was_not_processed(status: &Status) -> bool {
    let causes = || successors(status.source(), |error| (*error).source());
    let ended = |error: &h2::Error| {
        error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
    };
    match status.code() {
        Code::Cancelled => causes().next().is_some(),
        _ => causes().any(|error| error.downcast_ref().is_some_and(ended)),
    }
}

fn count(counts: &mut Count, ended: std::result::Result<(), Status>) -> Result<()> {
    match ended {
        Ok(()) => counts[0] += 1,
        Err(status) if status.code() == Code::ResourceExhausted => counts[1] += 1,
        Err(status) if was_not_processed(&status) => counts[2] += 1,
        Err(status) => return Err(status.into()),
    }
    Ok(())
}

/// Calls every query in turn, at the head and as of days of the past.
async fn query(run: Run, first: usize) -> Result<Count> {
    let mut counts = [0; 3];
    let mut exposure = ExposureServiceClient::new(run.channel.clone());
    let mut rotation = RotationServiceClient::new(run.channel.clone());
    let mut squeeze = SqueezeServiceClient::new(run.channel.clone());
    let mut data = MarketDataServiceClient::new(run.channel.clone());
    let book = load::portfolio(&run.market, 100);
    let mut at = first;
    while run.goes_on() {
        let on = |at| {
            let when = Some(When::On(run.day(at).to_string()));
            Some(v1::AsOf { when, ..v1::AsOf::default() })
        };
        let ended = match at % 7 {
            0..=2 => exposure.analyze_portfolio(book.clone()).await.map(drop),
            3 => {
                let past = v1::AnalyzePortfolioRequest { as_of: on(at), ..book.clone() };
                exposure.analyze_portfolio(past).await.map(drop)
            }
            4 => rotation.get_rotation(v1::GetRotationRequest::default()).await.map(drop),
            5 => squeeze.rank_squeeze(v1::RankSqueezeRequest::default()).await.map(drop),
            _ => data.list_datasets(v1::ListDatasetsRequest::default()).await.map(drop),
        };
        count(&mut counts, ended)?;
        at += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(counts)
}

/// Opens watches, reads one report of each, and leaves them.
async fn watch(run: Run) -> Result<Count> {
    let mut counts = [0; 3];
    let mut rotation = RotationServiceClient::new(run.channel.clone());
    while run.goes_on() {
        let opened = rotation.watch_rotation(v1::WatchRotationRequest::default()).await;
        let ended = match opened {
            Ok(stream) => stream.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        };
        count(&mut counts, ended)?;
        tokio::time::sleep(FILE_PAUSE / 4).await;
    }
    Ok(counts)
}

/// Ingests corrections of the last sessions of one name, a new value each time.
async fn ingest(run: Run) -> Result<Count> {
    let mut counts = [0; 3];
    let mut client = MarketDataServiceClient::new(run.channel.clone());
    let symbol = &run.market.names[0].symbol;
    let last: Vec<Day> = run.market.days.iter().rev().take(CORRECTED).copied().collect();
    while run.goes_on() {
        let close = 100.0 + counts[0] as f64 / 100.0;
        let rows =
            last.iter().map(|day| format!("{symbol},{day},{close},{close},{close},{close},1000\n"));
        let text =
            "Ticker,Date,Open,High,Low,Close,Volume\n".to_owned() + &rows.collect::<String>();
        let header = v1::IngestHeader {
            request_id: format!("soak-{}", counts.iter().sum::<u64>()),
            file_name: "soak.csv".to_owned(),
            ..v1::IngestHeader::default()
        };
        let parts = [Part::Header(header), Part::Chunk(text.into_bytes())];
        let messages = parts.map(|part| v1::IngestRequest { part: Some(part) });
        count(&mut counts, client.ingest(tokio_stream::iter(messages)).await.map(drop))?;
        tokio::time::sleep(FILE_PAUSE).await;
    }
    Ok(counts)
}

/// The memory over a run, and the calls of it.
pub(crate) async fn soak(folder: &Path, minutes: f64) -> Result<()> {
    let store = load::url(&folder.join("soak.db"));
    let market = Arc::new(Market::new(Parameters { names: 400, days: 500, seed: 11 }));
    load::fill(&store, &market).await?;
    let server = Child::ballast_with(&store, &[PREPARED])?;
    let time = Duration::from_secs_f64(minutes * 60.0);
    let run = Run { channel: server.connect().await?, market, until: Instant::now() + time };
    let mut callers = JoinSet::new();
    (0..4).for_each(|caller| drop(callers.spawn(query(run.clone(), caller))));
    callers.spawn(watch(run.clone()));
    callers.spawn(ingest(run));
    let mut resident = Vec::new();
    for _ in 0..LOOKS {
        tokio::time::sleep(time / LOOKS).await;
        resident.push(server.resident_mb()?);
    }
    let mut total = [0; 3];
    while let Some(counts) = callers.join_next().await {
        let counts = counts??;
        total = std::array::from_fn(|at| total[at] + counts[at]);
    }
    let quarters: Vec<f64> = resident
        .chunks(resident.len() / 4)
        .map(|quarter| quarter.iter().copied().fold(0.0, f64::max))
        .collect();
    let [answered, refused, unsent] = total;
    println!(
        "soak of {minutes} minutes: {answered} calls answered, {refused} refused, {unsent} not sent; \
         resident at most {quarters:.0?} MB in its quarters"
    );
    let most = quarters[1] * (1.0 + GROWTH) + GROWTH_MB + minutes * GROWTH_MB_PER_MINUTE;
    if most < quarters[3] {
        return Err(format!("memory grew: {:.0} MB, at most {most:.0}", quarters[3]).into());
    }
    if answered == 0 {
        return Err("no call was answered".into());
    }
    Ok(())
}
