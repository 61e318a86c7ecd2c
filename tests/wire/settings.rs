//! The settings of analyses over the wire: netting, the scheme of sectors, refusals, echoes.

use crate::harness::{Harness, expect_refusal, header, held, on};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, position::Size,
    squeeze_service_client::SqueezeServiceClient,
};
use marketdata::{calendar, day::Day};
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

const TODAY: &str = "2021-01-27";

/// Raw closes of 70 sessions up to [`TODAY`]: AA at 10 and BB at 20, a thousand shares a day. Nasdaq's
/// screener classifies both, a list of GICS only AA.
async fn market() -> (Harness, Channel) {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for (symbol, p) in [("AA", 10), ("BB", 20)] {
        for back in (0..70).rev() {
            let day = calendar::plus_sessions(today, -back);
            writeln!(text, "{symbol},{day},{p},{p},{p},{p},{p},1000").unwrap();
        }
    }
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, text.as_bytes()).await.unwrap();
    let screener = "exchange,symbol,name,last_sale_usd,volume,market_cap_usd,sector\n\
                    nyse,AA,Aa Inc. Common Stock,10,1000,1000000000,Technology\n\
                    nyse,BB,Bb Inc. Common Stock,20,1000,1000000000,Finance\n";
    harness.ingest("screener_2021-01-26.csv", screener.as_bytes()).await;
    let gics = "Symbol,Security,GICS Sector\nAA,Aa Inc.,Information Technology\n";
    harness.ingest("sp500_2021-01-25.csv", gics.as_bytes()).await;
    let channel = harness.channel().await;
    (harness, channel)
}

fn line(symbol: &str, value: f64, strategy: &str) -> v1::Position {
    let label = v1::Label { key: "strategy".to_owned(), value: strategy.to_owned() };
    v1::Position { labels: vec![label], ..held(symbol, Size::MarketValue(value)) }
}

/// Long 100 and short 90 of AA in two strategies, and short 60 of BB in two lines of one.
fn boxed() -> Option<v1::Portfolio> {
    let positions = vec![
        line("AA", 100.0, "a"),
        line("AA", -90.0, "b"),
        line("BB", -40.0, "b"),
        line("BB", -20.0, "b"),
    ];
    Some(v1::Portfolio { positions, ..v1::Portfolio::default() })
}

fn netting(level: v1::NettingLevel, keys: &[&str]) -> Option<v1::AnalysisSettings> {
    let label_keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let netting = Some(v1::Netting { level: level.into(), label_keys });
    Some(v1::AnalysisSettings { netting, ..v1::AnalysisSettings::default() })
}

fn analysis(settings: Option<v1::AnalysisSettings>) -> v1::AnalyzePortfolioRequest {
    v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: boxed(),
        settings,
        ..v1::AnalyzePortfolioRequest::default()
    }
}

fn shorts(settings: Option<v1::AnalysisSettings>) -> v1::AssessShortBookRequest {
    v1::AssessShortBookRequest {
        as_of: on(TODAY),
        portfolio: boxed(),
        settings,
        ..v1::AssessShortBookRequest::default()
    }
}

/// AA nets to 10 long, and BB to 60 short. Where the strategies stand side by side 90 of AA are boxed.
#[tokio::test(flavor = "multi_thread")]
async fn netting_says_before_what_gross_is_measured() {
    use v1::NettingLevel::{Instrument, Labels, Line};
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel.clone());
    // Long, short, long names, short names; the largest position's gross.
    let cases = [
        (None, Instrument, (10.0, 60.0, 1, 1), ("BB", 60.0)),
        (netting(Instrument, &[]), Instrument, (10.0, 60.0, 1, 1), ("BB", 60.0)),
        (netting(Labels, &["strategy"]), Labels, (100.0, 150.0, 1, 2), ("BB", 60.0)),
        (netting(Line, &[]), Line, (100.0, 150.0, 1, 2), ("BB", 60.0)),
    ];
    for (settings, level, expected, largest) in cases {
        let answer = client.analyze_portfolio(analysis(settings)).await.unwrap().into_inner();
        let report = answer.report.unwrap();
        let total = report.total.unwrap();
        let found = (total.long, total.short, total.long_names, total.short_names);
        assert_eq!((found, total.net), (expected, -50.0), "{level:?}");
        assert_eq!(total.gross, total.long + total.short);
        let [bb, aa] = &report.positions[..] else { panic!("{:?}", report.positions) };
        assert_eq!((bb.symbol.as_str(), bb.gross), largest);
        assert_eq!((aa.market_value, aa.gross), (10.0, total.gross - 60.0));
        assert_eq!(aa.gross_share, aa.gross / total.gross);
        assert_eq!(report.settings.unwrap().netting.unwrap().level(), level, "echoed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boxed_short_is_covered_only_where_it_is_not_netted() {
    use v1::NettingLevel::{Instrument, Labels, Line};
    let (_harness, channel) = market().await;
    let mut client = SqueezeServiceClient::new(channel.clone());
    let aa = ("AA", -90.0, vec!["portfolio.positions[1]"]);
    let bb = ("BB", -60.0, vec!["portfolio.positions[2]", "portfolio.positions[3]"]);
    let cases = [
        (None, Instrument, vec![bb.clone()]),
        (netting(Labels, &["strategy"]), Labels, vec![aa.clone(), bb.clone()]),
        (netting(Line, &[]), Line, vec![aa, bb]),
    ];
    for (settings, level, expected) in cases {
        let answer = client.assess_short_book(shorts(settings)).await.unwrap().into_inner();
        let lines: Vec<(&str, f64, Vec<&str>)> = answer
            .lines
            .iter()
            .map(|line| {
                let lots = line.lots.iter().map(|lot| lot.position_id.as_str()).collect();
                (line.name.as_ref().unwrap().symbol.as_str(), line.market_value, lots)
            })
            .collect();
        assert_eq!(lines, expected, "{level:?}");
        let totals = answer.totals.unwrap();
        let gross: f64 = expected.iter().map(|(_, value, _)| -value).sum();
        assert_eq!((totals.gross_short, totals.long_names), (gross, 1));
        let echo = answer.settings.unwrap();
        assert_eq!(echo.netting.as_ref().unwrap().level(), level);
        assert_eq!((echo.size_scheme, echo.beta), (None, None), "only what is used is echoed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sectors_come_in_the_scheme_that_the_caller_chooses() {
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel.clone());
    let scheme = |name: &str| v1::AnalysisSettings {
        classification_scheme_id: name.to_owned(),
        ..v1::AnalysisSettings::default()
    };
    let cases = [("", "NASDAQ", "Technology"), ("GICS", "GICS", "Information Technology")];
    for (asked, echoed, sector) in cases {
        let request = analysis(Some(scheme(asked)));
        let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
        let report = answer.report.unwrap();
        assert_eq!(report.settings.unwrap().classification_scheme_id, echoed);
        let aa = report.positions.iter().find(|row| row.symbol == "AA").unwrap();
        assert_eq!((aa.classification_scheme_id.as_str(), aa.sector.as_str()), (echoed, sector));
        // BB is 60 of 70, and has no sector in GICS.
        let classified = crate::harness::coverage(&answer.info)
            .iter()
            .find(|row| row.aspect() == v1::CoverageAspect::Classified);
        let own = if asked.is_empty() { 1.0 } else { 1.0 / 7.0 };
        assert!((classified.unwrap().own - own).abs() < 1e-12);
    }
    let refusal = client.analyze_portfolio(analysis(Some(scheme("ICB")))).await.unwrap_err();
    expect_refusal(&refusal, Code::NotFound, "UNKNOWN_CLASSIFICATION_SCHEME", &[]);
    let message = "unknown classification scheme \"ICB\"; there are GICS, NASDAQ";
    assert_eq!(refusal.message(), message);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_refused_by_field() {
    use v1::NettingLevel::{Labels, Line};
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel.clone());
    let keys = "settings.netting.label_keys";
    let unknown = Some(v1::AnalysisSettings {
        netting: Some(v1::Netting { level: 99, label_keys: Vec::new() }),
        classification_scheme_id: "x".repeat(257),
        ..v1::AnalysisSettings::default()
    });
    let cases: [(_, &[&str]); 4] = [
        (netting(Labels, &[]), &[keys]),
        (netting(Line, &["strategy"]), &[keys]),
        (
            netting(Labels, &["strategy", "strategy", "desk"]),
            &["settings.netting.label_keys[1]", "settings.netting.label_keys[2]"],
        ),
        (unknown, &["settings.netting.level", "settings.classification_scheme_id"]),
    ];
    for (settings, paths) in cases {
        let refusal = client.analyze_portfolio(analysis(settings)).await.unwrap_err();
        expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", paths);
    }
    // A part that a method does not use must be valid all the same.
    let unused = Some(v1::AnalysisSettings {
        classification_scheme_id: "x".repeat(257),
        beta: Some(v1::BetaSettings { huber_k: Some(-1.0), ..v1::BetaSettings::default() }),
        ..v1::AnalysisSettings::default()
    });
    let mut client = SqueezeServiceClient::new(channel);
    let refusal = client.assess_short_book(shorts(unused)).await.unwrap_err();
    let paths = ["settings.classification_scheme_id", "settings.beta.huber_k"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_report_serve_the_short_book_too() {
    let (_harness, channel) = market().await;
    let scheme = Some(v1::AnalysisSettings {
        classification_scheme_id: "NASDAQ".to_owned(),
        ..v1::AnalysisSettings::default()
    });
    let mut exposure = ExposureServiceClient::new(channel.clone());
    let report = exposure.analyze_portfolio(analysis(scheme)).await.unwrap().into_inner();
    let echo = report.report.unwrap().settings.unwrap();
    assert!(echo.size_scheme.is_some() && echo.beta.is_some(), "{echo:?}");
    let mut client = SqueezeServiceClient::new(channel);
    let plain = client.assess_short_book(shorts(None)).await.unwrap().into_inner();
    let other = client.assess_short_book(shorts(Some(echo))).await.unwrap().into_inner();
    assert_eq!(other, plain, "the other parts change nothing, not even result_id");
}
