//! GetSeries in the share units asked for, with the units of what it returns.

use crate::harness::{Harness, expect_refusal, header, named, on};
use contract::v1::{self, SeriesUnits, field_value::Value};
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
        Some(Value::Number(number)) => Some(number),
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

/// The single row of a dataset: each field's name with its value.
async fn row(harness: &Harness, dataset: v1::Dataset, symbol: &str) -> Vec<(String, String)> {
    let request = v1::GetSeriesRequest {
        dataset: dataset.into(),
        instrument: named(symbol),
        ..v1::GetSeriesRequest::default()
    };
    let answer = series(harness, request).await;
    let [point] = &answer.points[..] else { panic!("{:?}", answer.points) };
    let names = answer.fields.iter().map(|field| field.name.clone());
    let shown = point.values.iter().map(|value| shown(value.value.as_ref()));
    names.zip(shown).filter(|(_, shown)| !shown.is_empty()).collect()
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::Number(number)) => format!("number {number}"),
        Some(Value::Text(text)) => format!("text {text}"),
        Some(Value::Day(day)) => format!("day {day}"),
        Some(Value::Instant(at)) => format!("instant {}", at.seconds),
        Some(Value::Flag(flag)) => format!("flag {flag}"),
        Some(Value::PriceBasis(basis)) => {
            v1::PriceBasis::try_from(*basis).unwrap().as_str_name().to_owned()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_what_it_means_and_not_how_it_is_stored() {
    let harness = Harness::at(NOW).await;
    let master = "symbol,isin,name,from,until\nAAA,US0378331005,Alpha,2020-01-02,\n";
    // Of prices and schedules: one row each.
    let bars: String = BARS.lines().take(2).map(|line| format!("{line}\n")).collect();
    let schedule = "settlement,first_seen\n2020-12-31,2021-01-13T08:12:58Z\n";
    for (name, text) in [
        ("prices.csv", bars.as_str()),
        ("splits.csv", SPLIT),
        ("master.csv", master),
        ("schedule.csv", schedule),
        ("members.csv", "ticker,start_date,end_date\nAAA,2021-01-04,\n"),
    ] {
        let header = v1::IngestHeader { index_id: "SP500".to_owned(), ..header(name) };
        harness.try_ingest(header, text.as_bytes()).await.unwrap();
    }
    let expected = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect()
    };
    let bars = row(&harness, v1::Dataset::Bars, "AAA").await;
    assert_eq!(
        bars[bars.len() - 2..],
        expected(&[("price_basis", "PRICE_BASIS_SPLIT_ADJUSTED"), ("basis_on", "day 2021-02-01")])
    );
    assert_eq!(
        row(&harness, v1::Dataset::Splits, "AAA").await,
        expected(&[
            ("from_on", "day 2021-01-19"),
            ("price_factor", "number 2"),
            ("share_factor", "number 2"),
        ])
    );
    assert_eq!(
        row(&harness, v1::Dataset::Identifiers, "AAA").await,
        expected(&[
            ("until_on", "day 9999-12-31"),
            ("isin", "text US0378331005"),
            ("name", "text Alpha"),
        ])
    );
    // 2021-01-13T08:12:58Z: 18,640 days of 86,400 seconds, and 29,578 seconds.
    assert_eq!(
        row(&harness, v1::Dataset::Schedules, "SHORT_INTEREST").await,
        expected(&[("first_seen", "instant 1610525578")])
    );
    assert_eq!(
        row(&harness, v1::Dataset::Memberships, "AAA").await,
        expected(&[("member", "flag true")])
    );
}
