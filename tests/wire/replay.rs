//! The same reference gives the same bytes: after more was ingested, after a restart, on every method that takes one.

use crate::harness::{Harness, replay_of};
use contract::v1;
use prost::Message as _;

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n\
                    AAPL,2021-01-05,128.9,131.7,128.4,131.0,97664900\n";

/// The bytes of one answer of each method, at an as-of.
async fn answers(harness: &Harness, as_of: Option<v1::AsOf>) -> Vec<Vec<u8>> {
    let mut client = harness.market_data().await;
    let coverage = v1::GetCoverageRequest { as_of: as_of.clone() };
    let instruments = v1::ListInstrumentsRequest {
        as_of: as_of.clone(),
        ..v1::ListInstrumentsRequest::default()
    };
    let revisions =
        v1::ListRevisionsRequest { as_of: as_of.clone(), ..v1::ListRevisionsRequest::default() };
    let series = v1::GetSeriesRequest {
        as_of,
        dataset: v1::Dataset::Bars.into(),
        symbol: "AAPL".to_owned(),
        ..v1::GetSeriesRequest::default()
    };
    vec![
        client.get_coverage(coverage).await.unwrap().into_inner().encode_to_vec(),
        client.list_instruments(instruments).await.unwrap().into_inner().encode_to_vec(),
        client.list_revisions(revisions).await.unwrap().into_inner().encode_to_vec(),
        client.get_series(series).await.unwrap().into_inner().encode_to_vec(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_sent_back_gives_the_same_bytes() {
    let harness = Harness::at("2021-02-01T21:00:00.123456Z").await;
    let written = harness.ingest("prices.csv", BARS.as_bytes()).await;
    let reference = written.snapshot.unwrap();
    let before = answers(&harness, replay_of(&reference)).await;
    harness.set_clock("2021-02-03T12:00:00Z");
    harness.ingest("prices.csv", BARS.replace("131.0,", "131.5,").as_bytes()).await;
    harness.ingest("prices.csv", BARS.replace("AAPL", "MSFT").as_bytes()).await;
    assert_eq!(answers(&harness, replay_of(&reference)).await, before, "after more facts");
    assert_ne!(answers(&harness, None).await, before, "the head has moved");
    let harness = harness.restart().await;
    assert_eq!(answers(&harness, replay_of(&reference)).await, before, "after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_wrote_is_followed() {
    let harness = Harness::at("2021-02-01T21:00:00Z").await;
    let url = harness.store_url().to_owned();
    let other = Harness::with(server::clock::Clock::system(), |config| config.store = url).await;
    let written = other.ingest("prices.csv", BARS.as_bytes()).await.snapshot.unwrap();
    let mut client = harness.market_data().await;
    let asked = v1::GetCoverageRequest {
        as_of: Some(v1::AsOf { revision: Some(written.revision), ..v1::AsOf::default() }),
    };
    let patience = std::time::Duration::from_secs(20);
    let followed = tokio::time::timeout(patience, async {
        loop {
            if let Ok(answer) = client.get_coverage(asked.clone()).await {
                break answer.into_inner();
            }
            tokio::task::yield_now().await;
        }
    });
    let followed = followed.await.expect("the other process's revision arrives");
    assert_eq!(followed.snapshot.unwrap().data_version, written.data_version);
    other.stop().await;
}
