//! How soon replicas have what another one has committed: three servers on one PostgreSQL with the
//! market of the benches, which hear of commits and poll only once an hour.

use super::{Result, load, postgres::Postgres, process::Child};
use contract::v1::{
    self, ingest_request::Part, market_data_service_client::MarketDataServiceClient,
    rotation_service_client::RotationServiceClient,
};
use simulation::market::{Market, Parameters};
use std::{
    fmt::Write as _,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tonic::transport::Channel;

const REPLICAS: usize = 3;
/// Sessions that are committed, one file with a bar of every name each, by the replicas in turn.
const COMMITS: usize = 150;
/// What is seen in time was heard of.
const HEARING: (&str, &str) = ("BALLAST_FOLLOW_MS", "3600000");
/// Pause between two questions to a replica; a latency is too long by this much at most, and the
/// time of the answer.
const PAUSE: Duration = Duration::from_millis(1);
/// A commit that nobody heard of.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn measure() -> Result<()> {
    let Some(database) = Postgres::start("the bench of following") else { return Ok(()) };
    let url = database.database();
    let market = Market::new(Parameters::BENCH);
    load::fill(&url, &market).await?;
    let (mut servers, mut channels) = (Vec::new(), Vec::new());
    for _ in 0..REPLICAS {
        let server = Child::ballast_with(&url, &[HEARING])?;
        channels.push(server.connect().await?);
        servers.push(server);
    }
    let first = 1 + revision(&channels[0]).await?;
    let (mut seen, mut written) = (Vec::new(), Vec::new());
    for number in 0..COMMITS {
        let expected = first + number as u64;
        let others = (1..REPLICAS).map(|next| channels[(number + next) % REPLICAS].clone());
        let others: Vec<_> = others.map(|channel| tokio::spawn(sees(channel, expected))).collect();
        let started = Instant::now();
        commit(&channels[number % REPLICAS], session(&market, number), number).await?;
        written.push(started.elapsed().as_secs_f64());
        for other in others {
            seen.push((expected, other.await??));
        }
    }
    let committed = committed_at(&channels[0], first).await?;
    let mut late = Vec::new();
    for (revision, at) in seen {
        late.push(at - committed[usize::try_from(revision - first)?]);
    }
    print("from the commit to an answer from it by another replica", &mut late);
    print("a commit, from the call to its answer", &mut written);
    Ok(())
}

/// The bars of every name of a session after the market's last.
fn session(market: &Market, number: usize) -> Vec<u8> {
    // The last one is a Wednesday; these are the working days from the next Monday on.
    let day = market.days[market.days.len() - 1].plus((5 + number / 5 * 7 + number % 5) as i32);
    let close = 50.0 + number as f64 / 100.0;
    let mut text = "Ticker,Date,Open,High,Low,Close,Volume\n".to_owned();
    for name in &market.names {
        let _ = writeln!(text, "{},{day},{close},{close},{close},{close},1000", name.symbol);
    }
    text.into_bytes()
}

async fn commit(channel: &Channel, file: Vec<u8>, number: usize) -> Result<()> {
    let header = v1::IngestHeader {
        request_id: format!("follow-{number}"),
        file_name: "session.csv".to_owned(),
        ..v1::IngestHeader::default()
    };
    let messages = [Part::Header(header), Part::Chunk(file)];
    let messages = messages.map(|part| v1::IngestRequest { part: Some(part) });
    let mut client = MarketDataServiceClient::new(channel.clone());
    client.ingest(tokio_stream::iter(messages)).await?;
    Ok(())
}

/// The revision that a replica answers from.
async fn revision(channel: &Channel) -> Result<u64> {
    let mut client = RotationServiceClient::new(channel.clone());
    let answer = client.list_indicators(v1::ListIndicatorsRequest::default()).await?.into_inner();
    let snapshot = answer.info.and_then(|info| info.snapshot);
    Ok(snapshot.ok_or("an answer without a reference")?.revision)
}

/// When a replica first answered from a revision, seconds of the epoch.
async fn sees(channel: Channel, expected: u64) -> Result<f64> {
    let started = Instant::now();
    while revision(&channel).await? < expected {
        if PATIENCE < started.elapsed() {
            return Err(format!("revision {expected} was not heard of").into());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

/// When the revisions from one on were committed, as the database recorded just before it did so,
/// seconds of the epoch; it has the same clock.
async fn committed_at(channel: &Channel, first: u64) -> Result<Vec<f64>> {
    let request = v1::ListRevisionsRequest {
        after_revision: first - 1,
        page_size: COMMITS as i32,
        ..v1::ListRevisionsRequest::default()
    };
    let mut client = MarketDataServiceClient::new(channel.clone());
    let answer = client.list_revisions(request).await?.into_inner();
    let at = |at: &prost_types::Timestamp| at.seconds as f64 + f64::from(at.nanos) / 1e9;
    Ok(answer.revisions.iter().filter_map(|row| row.committed_at.as_ref()).map(at).collect())
}

fn print(what: &str, seconds: &mut [f64]) {
    seconds.sort_by(f64::total_cmp);
    let at = |share: usize| seconds[(seconds.len() - 1) * share / 100] * 1e3;
    println!(
        "{what}: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms of {}",
        at(50),
        at(90),
        at(99),
        at(100),
        seconds.len()
    );
}
