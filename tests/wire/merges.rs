//! Instruments merged afterwards, over the wire.

use crate::harness::{Harness, gaps, held, named, on, reference, replay_of, subjects};
use contract::v1::{self, exposure_service_client::ExposureServiceClient, position::Size};

const NOW: &str = "2022-06-13T12:00:00Z";
const HEADER: &str = "Ticker,Date,Open,High,Low,Close,Volume\n";
/// The company changed its symbol on 2022-06-09; a vendor still printed the old one on that day.
const OLD: &str = "FB,2022-06-07,195,195,195,195,5\nFB,2022-06-08,196,196,196,196,5\n\
                   FB,2022-06-09,999,999,999,999,5\n";
const NEW: &str = "META,2022-06-09,184,184,184,184,5\nMETA,2022-06-10,175,175,175,175,5\n";

async fn desk() -> Harness {
    let harness = Harness::at(NOW).await;
    harness.ingest("old.csv", format!("{HEADER}{OLD}").as_bytes()).await;
    harness.ingest("new.csv", format!("{HEADER}{NEW}").as_bytes()).await;
    harness
}

async fn series(harness: &Harness, symbol: &str, as_of: Option<v1::AsOf>) -> v1::GetSeriesResponse {
    let request = v1::GetSeriesRequest {
        as_of,
        dataset: v1::Dataset::Bars.into(),
        instrument: named(symbol),
        fields: vec!["close".to_owned()],
        ..Default::default()
    };
    harness.market_data().await.get_series(request).await.unwrap().into_inner()
}

fn closes(answer: &v1::GetSeriesResponse) -> Vec<f64> {
    let value = |point: &v1::SeriesPoint| match point.values[0].value {
        Some(v1::field_value::Value::Number(number)) => number,
        ref other => panic!("{other:?}"),
    };
    answer.points.iter().map(value).collect()
}

async fn instruments(harness: &Harness, prefix: &str) -> Vec<v1::Instrument> {
    let request =
        v1::ListInstrumentsRequest { symbol_prefix: prefix.to_owned(), ..Default::default() };
    let answer = harness.market_data().await.list_instruments(request).await.unwrap();
    answer.into_inner().instruments
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_shown_used_replayed_and_retracted() {
    let harness = desk().await;
    let before = series(&harness, "META", None).await;
    assert_eq!((closes(&before), before.merged_symbol.as_str()), (vec![184.0, 175.0], ""));

    let merged = harness.ingest("merges.csv", b"survivor,merged\nMETA,FB\n").await;
    assert_eq!((merged.kind.as_str(), merged.accepted_count), ("instrument_merges", 1));
    let after = series(&harness, "fb", None).await;
    assert_eq!(
        closes(&after),
        [195.0, 196.0, 184.0, 175.0],
        "the survivor's close of the 9th wins"
    );
    assert_eq!((after.symbol.as_str(), after.merged_symbol.as_str()), ("META", "FB"));
    assert_eq!(series(&harness, "META", None).await.merged_symbol, "");

    // The list shows the merge and what it hides, under either symbol.
    for prefix in ["FB", "META"] {
        let [listed] = &instruments(&harness, prefix).await[..] else { panic!("one instrument") };
        assert_eq!(listed.symbol, "META");
        let [of] = &listed.merged[..] else { panic!("one merged instrument") };
        assert_eq!((of.symbol.as_str(), of.merged_into.as_str()), ("FB", "META"));
        assert_eq!((of.since_revision, of.named_on.as_str()), (3, "2022-06-13"));
        let [hidden] = &listed.hidden_values[..] else { panic!("one dataset") };
        assert_eq!((hidden.dataset(), hidden.day_count), (v1::Dataset::Bars, 1));
    }
    let [gap] = gaps(&after.info) else { panic!("one gap: {:?}", after.info) };
    assert_eq!((gap.reason(), subjects(gap)), (v1::GapReason::Merged, vec!["META".to_owned()]));
    assert!(gap.detail.ends_with("META has its own: bars on 1 day"), "{}", gap.detail);
    // On the day before, nothing was hidden yet.
    assert_eq!(gaps(&series(&harness, "META", on("2022-06-08")).await.info), []);

    // A book that holds the old symbol holds the survivor.
    let positions = vec![held("FB", Size::Quantity(10.0)), held("META", Size::Quantity(5.0))];
    let request = v1::AnalyzePortfolioRequest {
        portfolio: Some(v1::Portfolio { positions, ..Default::default() }),
        top_positions: Some(10_000),
        ..Default::default()
    };
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    assert_eq!(merged_names(&answer.info), ["META"]);
    let report = answer.report.unwrap();
    let symbols: Vec<&str> = report.positions.iter().map(|line| line.symbol.as_str()).collect();
    assert!(symbols.iter().all(|symbol| *symbol == "META"), "{symbols:?}");

    // Replay before, and the whole after a retraction and a restart.
    let issued = replay_of(&reference(&before.info));
    let used = replay_of(&reference(&after.info));
    harness.ingest("retracted.csv", b"survivor,merged,action\nMETA,FB,retract\n").await;
    let harness = harness.restart().await;
    assert_eq!(closes(&series(&harness, "FB", None).await), [195.0, 196.0, 999.0]);
    assert_eq!(series(&harness, "META", issued).await, before);
    assert_eq!(series(&harness, "fb", used).await, after);
    assert_eq!(instruments(&harness, "").await.len(), 2);
}

/// The survivors whose hidden values an answer reports.
fn merged_names(info: &Option<v1::AnswerInfo>) -> Vec<String> {
    let merged = gaps(info).iter().filter(|gap| gap.reason() == v1::GapReason::Merged);
    merged.flat_map(subjects).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_reported_where_the_answer_rests_on_it() {
    let harness = desk().await;
    harness.ingest("other.csv", format!("{HEADER}{}", NEW.replace("META", "XOM")).as_bytes()).await;
    harness.ingest("merges.csv", b"survivor,merged\nMETA,FB\n").await;
    let none = Vec::<String>::new();
    // Rows of another instrument, and days of this one on which nothing is hidden.
    assert_eq!(merged_names(&series(&harness, "XOM", None).await.info), none);
    let mut client = harness.market_data().await;
    let days = |start_on: &str, end_on: &str| v1::GetSeriesRequest {
        dataset: v1::Dataset::Bars.into(),
        instrument: named("META"),
        start_on: start_on.to_owned(),
        end_on: end_on.to_owned(),
        ..Default::default()
    };
    for (start_on, end_on, found) in [
        ("2022-06-07", "2022-06-08", none.clone()),
        ("2022-06-09", "2022-06-09", vec!["META".to_owned()]),
        ("2022-06-10", "2022-06-10", none.clone()),
    ] {
        let page = client.get_series(days(start_on, end_on)).await.unwrap().into_inner();
        assert_eq!(merged_names(&page.info), found, "{start_on}");
    }
    let revisions = client.list_revisions(v1::ListRevisionsRequest::default()).await.unwrap();
    assert_eq!(merged_names(&revisions.into_inner().info), none);
    for (prefix, found) in [("XOM", none.clone()), ("FB", vec!["META".to_owned()])] {
        let request =
            v1::ListInstrumentsRequest { symbol_prefix: prefix.to_owned(), ..Default::default() };
        let listed = client.list_instruments(request).await.unwrap().into_inner();
        assert_eq!(merged_names(&listed.info), found, "{prefix}");
    }
    // Books with and without the survivor.
    let mut client = ExposureServiceClient::new(harness.channel().await);
    for (symbol, found) in [("XOM", none.clone()), ("META", vec!["META".to_owned()])] {
        let positions = vec![held(symbol, Size::Quantity(10.0))];
        let portfolio = Some(v1::Portfolio { positions, ..Default::default() });
        let checked = v1::ValidatePortfolioRequest { portfolio: portfolio.clone(), as_of: None };
        let checked = client.validate_portfolio(checked).await.unwrap().into_inner();
        assert_eq!(merged_names(&checked.info), found, "{symbol}");
        // The legs of the standard trade hold META; without trades only the lines count.
        let include = vec![v1::ReportBlock::Risk.into()];
        let request = v1::AnalyzePortfolioRequest { portfolio, include, ..Default::default() };
        let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
        assert_eq!(merged_names(&answer.info), found, "{symbol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facts_of_merges_are_a_dataset() {
    let harness = desk().await;
    harness.ingest("merges.csv", b"survivor,merged,date\nMETA,FB,2022-06-09\n").await;
    let request = |symbol: &str| v1::GetSeriesRequest {
        dataset: v1::Dataset::Merges.into(),
        instrument: named(symbol),
        ..Default::default()
    };
    let mut client = harness.market_data().await;
    let of = client.get_series(request("FB")).await.unwrap().into_inner();
    let [point] = &of.points[..] else { panic!("one merge: {of:?}") };
    assert_eq!((point.observed_on.as_str(), point.other_symbol.as_str()), ("2022-06-09", "META"));
    assert_eq!(client.get_series(request("META")).await.unwrap().into_inner().points, []);
    let list =
        v1::ListInstrumentsRequest { dataset: v1::Dataset::Merges.into(), ..Default::default() };
    let listed = client.list_instruments(list).await.unwrap().into_inner().instruments;
    assert_eq!(listed.iter().map(|known| known.symbol.as_str()).collect::<Vec<_>>(), ["META"]);
}
