//! Prepared values across revisions: a file invalidates only the values that read its datasets.

use crate::{
    drawn_files::bars,
    harness::{Harness, header, held},
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient,
    market_data_service_client::MarketDataServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use marketdata::day::Day;
use tonic::transport::Channel;

/// Calls one method of each service; returns whether each had to prepare a value: market data,
/// exposure, rotation, squeeze.
async fn prepared(harness: &Harness, channel: &Channel) -> [bool; 4] {
    let begun = || harness.services().preparations();
    let mut counts = vec![begun()];
    let mut market_data = MarketDataServiceClient::new(channel.clone());
    market_data.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
    counts.push(begun());
    let position = held("AAPL", v1::position::Size::Quantity(1.0));
    let portfolio = v1::Portfolio { positions: vec![position], ..v1::Portfolio::default() };
    let request = v1::ValidatePortfolioRequest { as_of: None, portfolio: Some(portfolio) };
    ExposureServiceClient::new(channel.clone()).validate_portfolio(request).await.unwrap();
    counts.push(begun());
    let mut rotation = RotationServiceClient::new(channel.clone());
    rotation.get_rotation(v1::GetRotationRequest::default()).await.unwrap();
    counts.push(begun());
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    squeeze.rank_squeeze(v1::RankSqueezeRequest::default()).await.unwrap();
    counts.push(begun());
    std::array::from_fn(|at| counts[at] < counts[at + 1])
}

fn settlement(shares: u32) -> String {
    format!("symbolCode|settlementDate|currentShortPositionQuantity\nAAPL|2021-01-15|{shares}\n")
}

fn series(value: f64) -> String {
    format!("series,date,value,published_at\nDGS10,2021-01-26,{value},\n")
}

fn schedule(hour: u32) -> String {
    format!("settlement,first_seen\n2020-12-31,2021-01-13T{hour}:00:00Z\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_invalidates_only_the_values_that_read_it() {
    let harness = Harness::at("2021-01-27T23:00:00Z").await;
    let channel = harness.channel().await;
    let today = Day::parse_iso("2021-01-27").unwrap();
    let prices = async |variant| {
        let raw = v1::PriceBasis::Raw.into();
        let header = v1::IngestHeader { price_basis: raw, ..header("bars.csv") };
        let text = bars(&["SPY", "IWM", "AAPL"], today, 60, variant);
        harness.try_ingest(header, text.as_bytes()).await.unwrap();
    };
    prices(1).await;
    harness.ingest("finra.csv", settlement(1_000).as_bytes()).await;
    harness.ingest("series.csv", series(1.0).as_bytes()).await;
    harness.ingest("publication_times.csv", schedule(10).as_bytes()).await;
    assert_eq!(prepared(&harness, &channel).await, [true; 4], "the first time");
    assert_eq!(prepared(&harness, &channel).await, [false; 4], "nothing changed");

    harness.ingest("publication_times.csv", schedule(11).as_bytes()).await;
    assert_eq!(prepared(&harness, &channel).await, [true, false, false, false], "a schedule");
    // Rotation reads short interest for the most shorted names.
    harness.ingest("finra.csv", settlement(2_000).as_bytes()).await;
    assert_eq!(prepared(&harness, &channel).await, [true, false, true, true], "short interest");
    // Rotation and exposure read yields for their roles, squeeze reads exchange rates.
    harness.ingest("series.csv", series(2.0).as_bytes()).await;
    assert_eq!(prepared(&harness, &channel).await, [true; 4], "a series");
    prices(2).await;
    assert_eq!(prepared(&harness, &channel).await, [true; 4], "prices");
}
