//! GetSeries in the share units asked for, with the units of what it returns.

use crate::harness::{Harness, expect_refusal, header, named, on};
use contract::v1::{self, SeriesUnits};
use tonic::Code;

const NOW: &str = "2021-02-01T21:00:00Z";
/// Prices and volumes in the units of the day of receipt. AAA split two for one on Wednesday,
/// 2021-01-20, so that 50 dollars of Tuesday were 100 when they were paid, and 600 shares were 300.
const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAA,2021-01-19,50,50,50,50,600\n\
                    AAA,2021-01-20,51,51,51,51,700\n";
const SPLIT: &str = "symbol,date,price_factor,share_factor\nAAA,2021-01-20,2,2\n";

fn request(units: SeriesUnits) -> v1::GetSeriesRequest {
    v1::GetSeriesRequest {
        dataset: v1::Dataset::Bars.into(),
        instrument: named("AAA"),
        fields: vec!["close".to_owned(), "volume".to_owned()],
        units: units.into(),
        ..v1::GetSeriesRequest::default()
    }
}

async fn series(harness: &Harness, request: v1::GetSeriesRequest) -> v1::GetSeriesResponse {
    harness.market_data().await.get_series(request).await.unwrap().into_inner()
}

/// The numbers of each point, and the day whose units they are in.
fn numbers(answer: &v1::GetSeriesResponse) -> Vec<(Vec<Option<f64>>, &str)> {
    let number = |value: &v1::FieldValue| match value.value {
        Some(v1::field_value::Value::Number(number)) => Some(number),
        _ => None,
    };
    let values = |point: &v1::SeriesPoint| point.values.iter().map(number).collect();
    answer.points.iter().map(|point| (values(point), point.units_on.as_str())).collect()
}

fn bases(answer: &v1::GetSeriesResponse) -> Vec<v1::PriceBasis> {
    answer.points.iter().map(v1::SeriesPoint::price_basis).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_and_volumes_around_a_split() {
    let harness = Harness::at(NOW).await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    harness.ingest("splits.csv", SPLIT.as_bytes()).await;
    let row = |close, volume| vec![Some(close), Some(volume)];

    let stored = series(&harness, request(SeriesUnits::Unspecified)).await;
    assert_eq!(stored.units(), SeriesUnits::AsStored);
    let units: Vec<_> = stored.fields.iter().map(|f| (f.unit(), f.currency.as_str())).collect();
    let [price, shares] = [v1::SeriesFieldUnit::Price, v1::SeriesFieldUnit::Shares];
    assert_eq!(units, [(price, "USD"), (shares, "")]);
    let received = "2021-02-01";
    assert_eq!(numbers(&stored), [(row(50.0, 600.0), received), (row(51.0, 700.0), received)]);
    assert_eq!(bases(&stored), [v1::PriceBasis::SplitAdjusted; 2]);

    let traded = series(&harness, request(SeriesUnits::AsTraded)).await;
    let days = ["2021-01-19", "2021-01-20"];
    assert_eq!(numbers(&traded), [(row(100.0, 300.0), days[0]), (row(51.0, 700.0), days[1])]);
    assert_eq!(bases(&traded), [v1::PriceBasis::Raw; 2]);
    assert_eq!(traded.info.unwrap().gaps, []);

    // As of Tuesday the split is not published, but it changes units and not knowledge.
    let early = v1::GetSeriesRequest { as_of: on(days[0]), ..request(SeriesUnits::AsOfDate) };
    assert_eq!(numbers(&series(&harness, early).await), [(row(100.0, 300.0), days[0])]);
    let late = series(&harness, request(SeriesUnits::AsOfDate)).await;
    assert_eq!(numbers(&late), [(row(50.0, 600.0), received), (row(51.0, 700.0), received)]);

    let unknown = v1::GetSeriesRequest { units: 99, ..request(SeriesUnits::AsTraded) };
    let status = harness.market_data().await.get_series(unknown).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &["units"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_adjusted_for_distributions_are_not_what_was_traded() {
    let harness = Harness::at(NOW).await;
    let total = v1::IngestHeader {
        price_basis: v1::PriceBasis::TotalReturn.into(),
        ..header("prices.csv")
    };
    harness.try_ingest(total, BARS.as_bytes()).await.unwrap();
    harness.ingest("splits.csv", SPLIT.as_bytes()).await;
    let traded = series(&harness, request(SeriesUnits::AsTraded)).await;
    let found: Vec<_> = numbers(&traded).into_iter().map(|(values, _)| values).collect();
    assert_eq!(found, [vec![None, Some(300.0)], vec![None, Some(700.0)]]);
    let adjusted = traded.points.iter().map(|point| point.distributions_adjusted_on.as_str());
    assert_eq!(adjusted.collect::<Vec<_>>(), ["2021-02-01"; 2]);
    let gaps = traded.info.unwrap().gaps;
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(gap.reason(), v1::GapReason::AdjustedPrice);
    assert!(gap.detail.starts_with("2 values"), "{gap:?}");
}
