//! What an exposure report says of a squeezed book: sizes, sectors, coverage, past days.

use crate::harness::{
    Harness, JANUARY_2021, coverage, expect_refusal, gaps, header, held, is_about, leg, on,
    real_data,
};
use contract::v1::{self, exposure_service_client::ExposureServiceClient, position::Size};
use marketdata::{calendar, day::Day};
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

const TODAY: &str = "2021-01-27";

/// 150 sessions up to [`TODAY`]: the market, SQ at 10 until it closes at 200 today, FLAT at 50 and ONLY at 20.
fn prices() -> String {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    let mut market = 100.0;
    for back in (0..150).rev() {
        let day = calendar::plus_sessions(today, -back);
        market *= 1.0 + 0.01 * f64::from((back * 7) % 11 - 5);
        let squeezed = if back == 0 { 200.0 } else { 10.0 };
        for (symbol, close) in [("^GSPC", market), ("SQ", squeezed), ("FLAT", 50.0), ("ONLY", 20.0)]
        {
            writeln!(text, "{symbol},{day},{close},{close},{close},{close},{close},1000").unwrap();
        }
    }
    text
}

/// 100m shares of SQ and 1bn of FLAT, as printed after the close of the day before.
const SCREENER: &str = "exchange,symbol,name,last_sale_usd,volume,market_cap_usd,sector\n\
    nyse,SQ,Squeezed Inc. Common Stock,10,1000,1000000000,Technology\n\
    nyse,FLAT,Flat Inc. Common Stock,50,1000,50000000000,Finance\n";

async fn market() -> (Harness, ExposureServiceClient<Channel>) {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, prices().as_bytes()).await.unwrap();
    harness.ingest("screener_2021-01-26.csv", SCREENER.as_bytes()).await;
    let client = ExposureServiceClient::new(harness.channel().await);
    (harness, client)
}

fn worth(symbol: &str, value: f64) -> v1::Position {
    held(symbol, Size::MarketValue(value))
}

fn book(positions: Vec<v1::Position>) -> v1::AnalyzePortfolioRequest {
    v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        ..v1::AnalyzePortfolioRequest::default()
    }
}

fn sized_by(scheme: v1::SizeScheme) -> Option<v1::AnalysisSettings> {
    Some(v1::AnalysisSettings { size_scheme: Some(scheme), ..v1::AnalysisSettings::default() })
}

fn row<'a>(report: &'a v1::ExposureReport, symbol: &str) -> &'a v1::PositionExposure {
    let row = report.positions.iter().find(|row| row.symbol == symbol);
    row.unwrap_or_else(|| panic!("{symbol} in {:?}", report.positions))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_squeezed_short_stays_a_small_cap_on_its_day() {
    let (_harness, mut client) = market().await;
    let request = book(vec![worth("FLAT", 1e6), worth("SQ", -1e6)]);
    let report = client.analyze_portfolio(request.clone()).await.unwrap().into_inner().report;
    let report = report.unwrap();
    // 100m shares: 20bn at today's 200, and 1bn at the 10 of 2020-10-02, 63 sessions before the
    // first session of January.
    let squeezed = row(&report, "SQ");
    assert_eq!((squeezed.bucket_id.as_str(), squeezed.sized_on.as_str()), ("small", "2020-10-02"));
    assert!((squeezed.lagged_market_cap_usd.unwrap() / 1e9 - 1.0).abs() < 1e-9);
    assert!((squeezed.market_cap_usd.unwrap() / 20e9 - 1.0).abs() < 1e-9);
    assert_eq!(leg(squeezed), Some("small_cap_short"));
    let sizes = &report.breakdowns[0];
    assert_eq!(sizes.group_by.as_ref().unwrap().kind(), v1::GroupByKind::Size);
    let buckets: Vec<&str> = sizes.groups.iter().map(|group| group.group_id.as_str()).collect();
    assert_eq!(buckets, ["large", "small"]);
    let scheme = report.settings.as_ref().unwrap().size_scheme.as_ref().unwrap();
    assert_eq!((scheme.lag_sessions, scheme.reconstitutions), (Some(63), Some(12)));

    // Two bands, without a lag: the last reconstitution is 2021-01-04, at 10. Betas and legs stay.
    let band = |id: &str, edge| v1::SizeBand { bucket_id: id.to_owned(), lower_edge_usd: edge };
    let own = v1::SizeScheme {
        scheme_id: "two".to_owned(),
        bands: vec![band("big", 0.9e9), band("tiny", 0.0)],
        lag_sessions: Some(0),
        ..v1::SizeScheme::default()
    };
    let request = v1::AnalyzePortfolioRequest { settings: sized_by(own), ..request };
    let two = client.analyze_portfolio(request).await.unwrap().into_inner().report.unwrap();
    assert_eq!(
        (row(&two, "SQ").bucket_id.as_str(), row(&two, "SQ").sized_on.as_str()),
        ("big", "2021-01-04")
    );
    assert_eq!(row(&two, "SQ").betas, squeezed.betas);
    assert_eq!(leg(row(&two, "SQ")), Some("small_cap_short"));
}

/// Nasdaq's screener classifies SQ and FLAT, a list of GICS only ONLY. "Technology" of one scheme and
/// "Information Technology" of the other would be two rows that never net.
#[tokio::test(flavor = "multi_thread")]
async fn sectors_of_two_schemes_never_stand_in_one_table() {
    let (harness, mut client) = market().await;
    let gics = "Symbol,Security,GICS Sector\nONLY,Only Inc.,Information Technology\n";
    harness.ingest("sp500_2021-01-26.csv", gics.as_bytes()).await;
    let request = book(vec![worth("SQ", 1e6), worth("ONLY", -1e6)]);
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    let report = answer.report.unwrap();
    assert_eq!(report.settings.as_ref().unwrap().classification_scheme_id, "NASDAQ");
    let sectors = &report.breakdowns[1];
    assert_eq!(sectors.group_by.as_ref().unwrap().kind(), v1::GroupByKind::Sector);
    let table: Vec<(&str, f64)> = sectors
        .groups
        .iter()
        .map(|group| (group.group_id.as_str(), group.exposure.unwrap().net))
        .collect();
    assert_eq!(table, [("Technology", 1e6), ("", -1e6)]);
    assert_eq!(row(&report, "SQ").classification_scheme_id, "NASDAQ");
    assert_eq!(row(&report, "ONLY").sector, "");
    let gap = gaps(&answer.info).iter().find(|gap| is_about(gap, "no Sector")).unwrap();
    assert_eq!((gap.reason(), gap.gross_share), (v1::GapReason::NoClassification, Some(0.5)));
    assert!(gap.detail.contains("50.0 % of gross has a sector of another scheme only"));
}

/// Without a screener nothing says how large the names are: the betas are their own, the sizes are
/// unknown for all of gross, and one number would hide it.
#[tokio::test(flavor = "multi_thread")]
async fn coverage_is_told_aspect_by_aspect() {
    let (_harness, mut client) = market().await;
    let request = book(vec![worth("SQ", 1e6), worth("ONLY", -3e6), worth("UNHEARD", 1e6)]);
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    use v1::CoverageAspect::{Classified, OwnBetas, OwnTailHistory, Priced, Sized};
    let rows: Vec<_> =
        coverage(&answer.info).iter().map(|row| (row.aspect(), row.missing)).collect();
    let expected = [Priced, Sized, Classified, OwnBetas, OwnTailHistory];
    assert_eq!(rows.iter().map(|(aspect, _)| *aspect).collect::<Vec<_>>(), expected);
    for row in coverage(&answer.info) {
        assert!((row.own + row.proxied + row.missing - 1.0).abs() < 1e-12, "{row:?}");
    }
    // SQ's size is that of a printed market value; ONLY has neither size nor sector, and its price
    // never moves, so it has no beta of its own.
    let row = |aspect| *coverage(&answer.info).iter().find(|row| row.aspect() == aspect).unwrap();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    near(row(Priced).own, 0.8);
    near(row(Sized).proxied, 0.2);
    near(row(Sized).missing, 0.8);
    near(row(Classified).own, 0.2);
    near(row(OwnTailHistory).own, 0.8);
    assert!(row(OwnBetas).own < 0.5);
}

/// 5,000 shares of SQ are short, worth 1m at today's 200. Today's return of 1,900 % on today's value
/// would be 19m; the day itself, from the close of 10, cost 5,000 · 190 = 950,000.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_not_what_the_day_cost() {
    let (_harness, mut client) = market().await;
    let mut request = book(vec![worth("FLAT", 1e6), worth("SQ", -1e6), worth("UNHEARD", 2e6)]);
    request.repeat_on = vec![TODAY.to_owned()];
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    let report = answer.report.unwrap();
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
    let repeat = &report.repeats[0];
    near(repeat.pnl, -19e6);
    let tail = &report.scenario_sets[0];
    assert_eq!(tail.worst_replay_on, TODAY);
    near(tail.worst_replay_pnl, -19e6);
    for day in [repeat.day.unwrap(), tail.worst_day.unwrap()] {
        near(day.pnl.unwrap(), -950_000.0);
        near(day.missing_gross_share, 0.5);
    }
    for subject in ["BOOK_NUMBER_REPEAT_DAY", "WorstDay filtered_historical/1000/0.94"] {
        let gap = gaps(&answer.info).iter().find(|gap| is_about(gap, subject)).unwrap();
        assert_eq!(gap.reason(), v1::GapReason::MissingObservations);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_scheme_is_refused_by_field() {
    let (_harness, mut client) = market().await;
    let band = |id: &str, edge| v1::SizeBand { bucket_id: id.to_owned(), lower_edge_usd: edge };
    let wrong = v1::SizeScheme {
        scheme_id: "x".repeat(41),
        bands: vec![band("a", 1e9), band("a", 2e9), band("", f64::NAN)],
        lag_sessions: Some(-1),
        buffer: Some(1.0),
        reconstitutions: Some(0),
    };
    let request = book(vec![worth("SQ", -1e6)]);
    let request = v1::AnalyzePortfolioRequest { settings: sized_by(wrong), ..request };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    let paths = [
        "settings.size_scheme.lag_sessions",
        "settings.size_scheme.reconstitutions",
        "settings.size_scheme.buffer",
        "settings.size_scheme.scheme_id",
        "settings.size_scheme.bands[1].bucket_id",
        "settings.size_scheme.bands[1].lower_edge_usd",
        "settings.size_scheme.bands[2].bucket_id",
        "settings.size_scheme.bands[2].lower_edge_usd",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

/// 69.7m shares of GME at 325.00 are 22.7bn on 2021-01-29, and 0.65bn at the 9.39 of 2020-10-02.
#[tokio::test(flavor = "multi_thread")]
async fn gamestop_stays_in_the_short_leg_in_january_2021() {
    let Some(folder) = real_data("the size of GME in January 2021") else { return };
    let harness = Harness::start().await;
    harness.ingest_real(&folder, &JANUARY_2021).await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    for today in ["2021-01-28", "2021-01-29"] {
        let request = v1::AnalyzePortfolioRequest {
            as_of: on(today),
            ..book(vec![worth("AAPL", 1e6), worth("GME", -1e6)])
        };
        let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
        let report = answer.report.unwrap();
        let gamestop = row(&report, "GME");
        assert_eq!(
            (gamestop.bucket_id.as_str(), gamestop.sized_on.as_str()),
            ("small", "2020-10-02")
        );
        assert_eq!(leg(gamestop), Some("small_cap_short"));
        let lagged = gamestop.lagged_market_cap_usd.unwrap();
        assert!((0.6e9..0.7e9).contains(&lagged), "{lagged}");
        assert!(10e9 < gamestop.market_cap_usd.unwrap());
    }
}
