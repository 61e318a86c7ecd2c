//! The same reference gives the same bytes, for every method, after ingests and a restart.

use crate::harness::{Harness, header, held, leg, named, on, reference, replay_of, soon};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, hedge_service_client::HedgeServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use marketdata::{calendar, day::Day};
use prost::Message as _;
use std::fmt::Write as _;

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n\
                    AAPL,2021-01-05,128.9,131.7,128.4,131.0,97664900\n";

/// The bytes of one answer of each method, at an as-of.
async fn answers(harness: &Harness, as_of: Option<v1::AsOf>) -> Vec<Vec<u8>> {
    let mut client = harness.market_data().await;
    let coverage = v1::ListDatasetsRequest { as_of: as_of.clone() };
    let instruments = v1::ListInstrumentsRequest {
        as_of: as_of.clone(),
        ..v1::ListInstrumentsRequest::default()
    };
    let revisions =
        v1::ListRevisionsRequest { as_of: as_of.clone(), ..v1::ListRevisionsRequest::default() };
    let series = v1::GetSeriesRequest {
        as_of,
        dataset: v1::Dataset::Bars.into(),
        instrument: named("AAPL"),
        ..v1::GetSeriesRequest::default()
    };
    vec![
        client.list_datasets(coverage).await.unwrap().into_inner().encode_to_vec(),
        client.list_instruments(instruments).await.unwrap().into_inner().encode_to_vec(),
        client.list_revisions(revisions).await.unwrap().into_inner().encode_to_vec(),
        client.get_series(series).await.unwrap().into_inner().encode_to_vec(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_sent_back_gives_the_same_bytes() {
    let harness = Harness::at("2021-02-01T21:00:00.123456Z").await;
    let written = harness.ingest("prices.csv", BARS.as_bytes()).await;
    let reference = reference(&written.info);
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
async fn revisions_of_another_process_are_followed() {
    let harness = Harness::at("2021-02-01T21:00:00Z").await;
    let url = harness.store_url().to_owned();
    let other =
        Harness::with(server::clock::Clock::system(), |config| config.store = url.into()).await;
    let written = reference(&other.ingest("prices.csv", BARS.as_bytes()).await.info);
    let mut client = harness.market_data().await;
    let asked = v1::ListDatasetsRequest {
        as_of: Some(v1::AsOf { revision: Some(written.revision), ..v1::AsOf::default() }),
    };
    let followed = async {
        loop {
            if let Ok(answer) = client.list_datasets(asked.clone()).await {
                break answer.into_inner();
            }
            tokio::task::yield_now().await;
        }
    };
    let followed = soon("the other process's revision", followed).await;
    assert_eq!(reference(&followed.info).data_version, written.data_version);
    other.stop().await;
}

/// 130 sessions up to 2021-01-27 of some names, each on its own path.
pub(crate) fn history(symbols: &[&str]) -> String {
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    let today = Day::parse_iso("2021-01-27").unwrap();
    for (at, symbol) in symbols.iter().enumerate() {
        for back in (0..130).rev() {
            let day = calendar::plus_sessions(today, -back);
            let close = 100 + (back * (7 + at as i32)) % 13 + at as i32;
            writeln!(text, "{symbol},{day},{close},{close},{close},{close},100000").unwrap();
        }
    }
    text
}

pub(crate) const SHORT_INTEREST: &str = "symbol,exchange,shares_outstanding,public_float,short_interest_date,\
                              shares_sold_short\n\
                              AAA,N,1000000,900000,12/31/20,300000\n\
                              LATE,N,1000000,900000,12/31/20,500000\n\
                              BRKB,N,1000000,900000,12/31/20,1000\n";

/// The bytes of the answer of each analysis, for a reference or for a day.
pub(crate) async fn analyses(harness: &Harness, as_of: Option<v1::AsOf>) -> Vec<Vec<u8>> {
    let channel = harness.channel().await;
    let position = |symbol, shares| held(symbol, v1::position::Size::Quantity(shares));
    let positions = vec![position("SPY", 10.0), position("AAA", -20.0), position("LATE", -30.0)];
    let portfolio = Some(v1::Portfolio { positions, ..v1::Portfolio::default() });
    let (of, book) = (as_of.clone(), portfolio.clone());
    let rotation = v1::GetRotationRequest { as_of: of, ..Default::default() };
    let exposure =
        v1::AnalyzePortfolioRequest { as_of: as_of.clone(), portfolio: book, ..Default::default() };
    let ranking = v1::RankSqueezeRequest {
        as_of: as_of.clone(),
        min_daily_value_usd: Some(0.0),
        ..Default::default()
    };
    let shorts =
        v1::AssessShortBookRequest { as_of: as_of.clone(), portfolio, ..Default::default() };
    let plans = v1::PlanHedgeRequest {
        as_of: as_of.clone(),
        portfolio: shorts.portfolio.clone(),
        ..Default::default()
    };
    let coverage = v1::ListDatasetsRequest { as_of };
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let mut rotations = RotationServiceClient::new(channel.clone());
    let mut exposures = ExposureServiceClient::new(channel.clone());
    let mut hedges = HedgeServiceClient::new(channel);
    vec![
        rotations.get_rotation(rotation).await.unwrap().into_inner().encode_to_vec(),
        exposures.analyze_portfolio(exposure).await.unwrap().into_inner().encode_to_vec(),
        squeeze.rank_squeeze(ranking).await.unwrap().into_inner().encode_to_vec(),
        squeeze.assess_short_book(shorts).await.unwrap().into_inner().encode_to_vec(),
        harness
            .market_data()
            .await
            .list_datasets(coverage)
            .await
            .unwrap()
            .into_inner()
            .encode_to_vec(),
        hedges.plan_hedge(plans).await.unwrap().into_inner().encode_to_vec(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn analyses_ignore_later_data_of_names_that_they_know() {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw =
        |name: &str| v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header(name) };
    let first = history(&["SPY", "IWM", "QQQ", "AAA", "BBB"]);
    harness.try_ingest(raw("prices.csv"), first.as_bytes()).await.unwrap();
    let written = harness.ingest("short.csv", SHORT_INTEREST.as_bytes()).await;
    let reference = v1::SnapshotRef {
        // 2021-01-28, 16:00 New York.
        as_of: Some(prost_types::Timestamp { seconds: 1_611_867_600, nanos: 0 }),
        ..reference(&written.info)
    };
    let before = analyses(&harness, replay_of(&reference)).await;

    // Prices of a name without prices, published within the requested day; a split, a correction, a
    // new name and another spelling.
    let late = v1::IngestHeader {
        published_at: Some(prost_types::Timestamp { seconds: 1_611_850_000, nanos: 0 }),
        ..raw("late.csv")
    };
    harness.try_ingest(late, history(&["LATE", "SPY", "AAA"]).as_bytes()).await.unwrap();
    let split = "symbol,date,price_factor,share_factor\nAAA,2021-01-20,2,2\n";
    harness.ingest("splits.csv", split.as_bytes()).await;
    let names = "old_symbol,new_symbol,date\nAAA,NEW,2021-01-11\n";
    harness.ingest("names.csv", names.as_bytes()).await;
    let corrected = SHORT_INTEREST.replace("300000", "310000").replace("BRKB", "BRK.B");
    harness.ingest("short.csv", corrected.as_bytes()).await;
    let after = analyses(&harness, replay_of(&reference)).await;
    assert!(after == before, "after more facts");
    let head = analyses(&harness, on("2021-01-28")).await;
    assert!(head.iter().zip(&before).all(|(now, then)| now != then), "the head has moved");
    let harness = harness.restart().await;
    assert!(analyses(&harness, replay_of(&reference)).await == before, "after a restart");
}

/// META is configured before it has a price, and SMALL is held by the small-cap fund and has none.
/// Both are in their legs by the configuration and the fund's holdings, before and after prices
/// arrive.
#[tokio::test(flavor = "multi_thread")]
async fn legs_of_the_trade_do_not_depend_on_prices() {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    harness.ingest("prices.csv", history(&["SPY", "IWM", "AAA"]).as_bytes()).await;
    harness.ingest("names.csv", b"old_symbol,new_symbol,date\nFB,META,2022-06-09\n").await;
    let holdings = "Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Shares\n\
                    SMALL,SMALL INC,Energy,Equity,10,1,1\n";
    let holdings_header =
        v1::IngestHeader { observed_on: "2021-01-20".to_owned(), ..header("IWM_holdings.csv") };
    harness.try_ingest(holdings_header, holdings.as_bytes()).await.unwrap();
    let position = |symbol, value| held(symbol, v1::position::Size::MarketValue(value));
    let positions = vec![position("META", 1e6), position("SMALL", -1e6), position("AAA", 1e5)];
    let request = v1::AnalyzePortfolioRequest {
        as_of: on("2021-01-27"),
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        ..Default::default()
    };
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let mut asked = async |as_of| {
        let request = v1::AnalyzePortfolioRequest { as_of, ..request.clone() };
        client.analyze_portfolio(request).await.unwrap().into_inner()
    };
    let legs = |answer: &v1::AnalyzePortfolioResponse| {
        let mut rows = answer.report.clone().unwrap().positions;
        rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        rows.iter().map(|row| (row.symbol.clone(), leg(row).map(str::to_owned))).collect::<Vec<_>>()
    };
    let legs_of = [("AAA", None), ("FB", Some("megacap_long")), ("SMALL", Some("small_cap_short"))];
    let expected =
        legs_of.map(|(symbol, leg): (_, Option<&str>)| (symbol.to_owned(), leg.map(str::to_owned)));
    let before = asked(on("2021-01-27")).await;
    assert_eq!(legs(&before), expected);
    harness.ingest("more.csv", history(&["FB", "SMALL"]).as_bytes()).await;
    let reference = replay_of(&reference(&before.info));
    assert!(asked(reference).await.encode_to_vec() == before.encode_to_vec(), "a replay");
    let after = asked(on("2021-01-27")).await;
    assert_ne!(after, before, "the head has moved");
    assert_eq!(legs(&after), expected);
}
