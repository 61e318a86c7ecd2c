//! The market for borrowing shares over the wire: what a short book and a ranking say of it, what a
//! watch crosses, and what was known when.

use crate::{
    harness::{Harness, gaps, held, is_about, on, soon},
    squeeze::{NOW, load},
};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use std::fmt::Write as _;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;

/// Fees of CROWD, 10 % and 20 % in turn over 21 sessions up to 2021-01-26; CALM has only counts.
fn lending() -> String {
    let mut text = String::from("symbol,date,utilisation,fee_pct,on_loan,lendable,recall\n");
    let last = marketdata::day::Day::parse_iso("2021-01-26").unwrap();
    for back in (0..21).rev() {
        let day = marketdata::calendar::plus_sessions(last, -back);
        let fee = if back % 2 == 0 { 20 } else { 10 };
        writeln!(text, "CROWD,{day},0.9,{fee},,,{}", u8::from(back == 0)).unwrap();
    }
    text.push_str("CALM,2021-01-26,,,50000,1000000,\n");
    text
}

async fn market() -> (Harness, SqueezeServiceClient<Channel>) {
    let harness = Harness::at(NOW).await;
    load(&harness).await;
    harness.ingest("lending.csv", lending().as_bytes()).await;
    let client = SqueezeServiceClient::new(harness.channel().await);
    (harness, client)
}

fn portfolio() -> Option<v1::Portfolio> {
    let sold = [("CROWD", -200_000.0), ("CALM", -1_000.0), ("PXONLY", -10.0)];
    let positions = sold.map(|(symbol, shares)| held(symbol, Size::Quantity(shares)));
    Some(v1::Portfolio { positions: positions.into(), ..Default::default() })
}

async fn assess(
    client: &mut SqueezeServiceClient<Channel>,
    day: &str,
) -> v1::AssessShortBookResponse {
    let request =
        v1::AssessShortBookRequest { as_of: on(day), portfolio: portfolio(), ..Default::default() };
    client.assess_short_book(request).await.unwrap().into_inner()
}

fn line<'a>(
    answer: &'a v1::AssessShortBookResponse,
    symbol: &str,
) -> (&'a v1::ShortLine, &'a v1::SqueezeName) {
    let mut lines = answer.lines.iter().map(|line| (line, line.name.as_ref().unwrap()));
    lines.find(|(_, name)| name.symbol == symbol).unwrap()
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap_or(f64::NAN);
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} not {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_book_shows_fees_recalls_and_what_borrowing_costs() {
    let (_harness, mut client) = market().await;
    let answer = assess(&mut client, "2021-01-27").await;
    let (short, crowd) = line(&answer, "CROWD");
    near(crowd.utilisation, 0.9);
    near(crowd.borrow_fee, 0.2);
    // Eleven fees of 20 % and ten of 10 %: 0.1 x sqrt(11 x 10 / 21 / 20).
    near(crowd.borrow_fee_volatility, 0.1 * (110.0 / 420.0_f64).sqrt());
    assert_eq!((crowd.recall, crowd.borrow_fee_sessions), (Some(true), 21));
    let fee = crowd.inputs.iter().find(|input| input.name == "borrow_fee").unwrap();
    assert_eq!((fee.observed_on.as_str(), fee.age_days), ("2021-01-26", 1));
    // Known from 09:30 in New York of the next session.
    let published = fee.published_at.as_ref().unwrap();
    assert_eq!(published.to_string(), "2021-01-27T14:30:00Z");
    // 2.4 million x 20 % / 360 a day; 200,000 at 15 % of 80,000 a day take 16 2/3 sessions.
    near(short.borrow_cost_per_day, 2.4e6 * 0.2 / 360.0);
    let exit = short.covering_cost.as_ref().unwrap().borrow_cost;
    near(exit, 2.4e6 * 0.2 / 360.0 * (50.0 / 3.0) * 365.0 / 252.0 / 2.0);
    let totals = answer.totals.as_ref().unwrap();
    near(totals.borrow_cost_per_day, 2.4e6 * 0.2 / 360.0);
    near(totals.share_with_borrow_fee, 2.4e6 / (2.4e6 + 50_000.0 + 200.0));
    // CALM has counts and no fee: a ratio, a gap, and no zero.
    let (short, calm) = line(&answer, "CALM");
    near(calm.utilisation, 0.05);
    assert_eq!((calm.borrow_fee, calm.recall, short.borrow_cost_per_day), (None, None, None));
    let lacks = |field: &str| {
        let about = |gap: &&v1::Gap| is_about(gap, &format!("CALM.{field}"));
        calm.gaps.iter().find(about).map(v1::Gap::reason)
    };
    assert_eq!(lacks("borrow_fee"), Some(v1::GapReason::InputMissing), "{:?}", calm.gaps);
    assert_eq!(lacks("recall"), Some(v1::GapReason::InputMissing));
    assert_eq!(lacks("utilisation"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_its_publication_lending_is_one_gap_of_the_answer() {
    let (_harness, mut client) = market().await;
    let answer = assess(&mut client, "2020-12-24").await;
    let of_dataset = |gap: &&v1::Gap| is_about(gap, "lending");
    let gap = gaps(&answer.info).iter().find(of_dataset).map(v1::Gap::reason);
    assert_eq!(gap, Some(v1::GapReason::InputMissing), "{:?}", gaps(&answer.info));
    let (_, crowd) = line(&answer, "CROWD");
    assert_eq!((crowd.borrow_fee, crowd.recall), (None, None));
    // On the 26th the fee of the 25th is the newest known, and nothing was recalled by then.
    let answer = assess(&mut client, "2021-01-26").await;
    let (_, crowd) = line(&answer, "CROWD");
    assert_eq!((crowd.borrow_fee, crowd.recall), (Some(0.1), Some(false)));
    assert!(!gaps(&answer.info).iter().any(|gap| is_about(gap, "lending")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ranking_shows_lending_as_evidence() {
    let (_harness, mut client) = market().await;
    let request = v1::RankSqueezeRequest {
        as_of: on("2021-01-27"),
        min_daily_value_usd: Some(0.0),
        min_line_market_cap_usd: Some(0.0),
        ..Default::default()
    };
    let answer = client.rank_squeeze(request).await.unwrap().into_inner();
    let crowd = answer.names[0].name.as_ref().unwrap();
    let rows: Vec<_> = crowd.evidence[9..]
        .iter()
        .map(|row| (row.measure_id.as_str(), row.value, row.percentile))
        .collect();
    assert_eq!(crowd.symbol, "CROWD");
    // Of two names with a utilisation it has the higher: (2 - 1/2)/2; of one with a fee it is it.
    assert_eq!(rows[0], ("utilisation", Some(0.9), Some(0.75)));
    assert_eq!(rows[1], ("borrow_fee", Some(0.2), Some(0.5)));
    assert_eq!((rows[2].0, rows[2].2), ("borrow_fee_volatility", Some(0.5)));
    assert_eq!(rows.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_crosses_fees_and_recalls() {
    let (harness, mut client) = market().await;
    let threshold = |id: &str, level| v1::SqueezeThreshold { measure_id: id.to_owned(), level };
    let request = v1::WatchSqueezeRequest {
        portfolio: portfolio(),
        thresholds: vec![threshold("borrow_fee", 0.25), threshold("recall", 1.0)],
        ..Default::default()
    };
    let mut stream = client.watch_squeeze(request).await.unwrap().into_inner();
    let first = soon("standings", stream.next()).await.unwrap().unwrap();
    let readings = first.standings.unwrap().readings;
    let of = |symbol: &str, id: &str| {
        let mut readings = readings.iter();
        readings.find(|r| r.symbol == symbol && r.measure_id == id).unwrap().standing()
    };
    use v1::SqueezeStanding::{Below, Reached, Unknown};
    assert_eq!((of("CROWD", "borrow_fee"), of("CROWD", "recall")), (Below, Reached));
    assert_eq!((of("CALM", "borrow_fee"), of("CALM", "recall")), (Unknown, Unknown));
    let news = "symbol,date,utilisation,fee_pct,recall,published_at\n\
                CROWD,2021-01-29,0.95,30,0,2021-01-30T00:00:00Z\n";
    harness.ingest("lending.csv", news.as_bytes()).await;
    let message = loop {
        let message = soon("crossings", stream.next()).await.unwrap().unwrap();
        if !message.crossings.is_empty() {
            break message;
        }
    };
    let crossed: Vec<_> = message
        .crossings
        .iter()
        .map(|crossing| {
            let reading = crossing.reading.as_ref().unwrap();
            (reading.measure_id.as_str(), reading.standing(), crossing.value_before)
        })
        .collect();
    assert_eq!(crossed, [("borrow_fee", Reached, 0.2), ("recall", Below, 1.0)]);
    let datasets: Vec<_> = message.crossings[0].datasets().collect();
    assert_eq!(datasets, [v1::Dataset::Lending]);
}
