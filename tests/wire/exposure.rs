//! The exposure service over the wire: arithmetic, defaults, gaps, refusals, replay.

use crate::harness::{
    Harness, expect_refusal, factor, header, held, instant, on, reference, replay_of, subjects,
    symbols_of,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, position::Size,
    risk_measure_request::Method,
};
use marketdata::{calendar, day::Day};
use prost::Message as _;
use server::{clock::Clock, config::Config};
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

pub(crate) const TODAY: &str = "2021-01-27";

/// 150 sessions up to [`TODAY`] of names with returns that are exact multiples of the market's.
pub(crate) fn prices() -> String {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for (symbol, beta) in [("^GSPC", 1.0), ("AA", 1.2), ("BB", 1.8), ("CC", 1.4), ("DD", 1.1)] {
        let mut close = 100.0;
        for back in (0..150).rev() {
            let day = calendar::plus_sessions(today, -back);
            close *= 1.0 + beta * 0.01 * f64::from((back * 7) % 11 - 5);
            writeln!(text, "{symbol},{day},{close},{close},{close},{close},{close},1000").unwrap();
        }
    }
    text
}

pub(crate) async fn market() -> (Harness, ExposureServiceClient<Channel>) {
    market_with(|_| {}).await
}

/// The same on a server with other settings.
pub(crate) async fn market_with(
    change: impl FnOnce(&mut Config),
) -> (Harness, ExposureServiceClient<Channel>) {
    let harness = Harness::with(Clock::manual(instant("2021-02-01T12:00:00Z")), change).await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, prices().as_bytes()).await.unwrap();
    let client = ExposureServiceClient::new(harness.channel().await);
    (harness, client)
}

pub(crate) fn worth(symbol: &str, value: f64) -> v1::Position {
    held(symbol, Size::MarketValue(value))
}

pub(crate) fn portfolio(positions: Vec<v1::Position>) -> Option<v1::Portfolio> {
    let net_asset_value = Some(10e6);
    Some(v1::Portfolio { positions, net_asset_value, ..v1::Portfolio::default() })
}

/// The symbol of each role behind a factor.
pub(crate) fn symbols(report: &v1::ExposureReport, id: &str) -> Vec<String> {
    factor(report, id).roles.iter().map(symbols_of).collect()
}

/// methodology.md, section 0.
pub(crate) fn example() -> v1::AnalyzePortfolioRequest {
    let positions = vec![worth("aa", 8e6), worth("BB", 4e6), worth("CC", -3e6), worth("DD", -5e6)];
    v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: portfolio(positions),
        ..v1::AnalyzePortfolioRequest::default()
    }
}

fn estimated(beta: v1::BetaSettings) -> Option<v1::AnalysisSettings> {
    Some(v1::AnalysisSettings { beta: Some(beta), ..v1::AnalysisSettings::default() })
}

fn echoed(answer: &v1::AnalyzePortfolioResponse) -> Vec<v1::RiskMeasureRequest> {
    let measures = &answer.report.as_ref().unwrap().risk_measures;
    measures.iter().map(|measure| measure.request.clone().unwrap()).collect()
}

pub(crate) fn coverage(
    answer: &v1::AnalyzePortfolioResponse,
    aspect: v1::CoverageAspect,
) -> v1::Coverage {
    let row = crate::harness::coverage(&answer.info).iter().find(|row| row.aspect() == aspect);
    *row.unwrap_or_else(|| panic!("{aspect:?} in {:?}", answer.info))
}

pub(crate) fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_and_its_replay() {
    let (harness, mut client) = market().await;
    let answer = client.analyze_portfolio(example()).await.unwrap().into_inner();
    let report = answer.report.clone().unwrap();
    let total = report.total.unwrap();
    // +8, +4, −3, −5 ($m), betas 1.2, 1.8, 1.4, 1.1: long 12, short 8, net 4, gross 20; beta-$ long
    // 9.6 + 7.2, short −4.2 − 5.5. Closes are printed with 15 digits.
    near(total.long, 12e6, 1e-6);
    near(total.short, 8e6, 1e-6);
    near(total.gross, 20e6, 1e-6);
    near(total.net, 4e6, 1e-6);
    near(total.beta_adjusted_long.unwrap(), 16.8e6, 1.0);
    near(total.beta_adjusted_short.unwrap(), -9.7e6, 1.0);
    near(total.beta_adjusted_net.unwrap(), 7.1e6, 1.0);
    assert_eq!((report.gross_leverage, report.net_leverage), (Some(2.0), Some(0.4)));
    let beta = factor(&report, "MARKET");
    near(beta.bottom_up_per_gross.unwrap(), 0.355, 1e-6);
    near(beta.bottom_up_per_net_asset_value.unwrap(), 0.71, 1e-6);
    near(beta.top_down.unwrap().value, 7.1e6, 20.0);
    assert_eq!(
        (beta.model_id.as_str(), beta.unit()),
        ("ballast-regression", v1::FactorUnit::Return)
    );
    assert_eq!(symbols(&report, "MARKET"), ["^GSPC"]);
    // Without a small-cap index SIZE keeps its row, and every estimate of it is absent.
    assert_eq!(symbols(&report, "SIZE"), ["", "^GSPC"]);
    let size = factor(&report, "SIZE");
    assert!(
        size.bottom_up.is_none() && size.top_down.is_none() && size.bottom_up_per_gross.is_none()
    );
    let ids: Vec<&str> = report.factors.iter().map(|row| row.factor_id.as_str()).collect();
    assert_eq!(ids, ["MARKET", "SIZE", "MARKET_UP"]);
    near(coverage(&answer, v1::CoverageAspect::OwnBetas).own, 1.0, 1e-12);
    near(coverage(&answer, v1::CoverageAspect::Sized).missing, 1.0, 1e-12);
    assert_eq!(report.positions.len(), 4);
    let first = &report.positions[0];
    let lots: Vec<&str> = first.lots.iter().map(|lot| lot.position_id.as_str()).collect();
    assert_eq!((first.symbol.as_str(), lots), ("AA", vec!["portfolio.positions[0]"]));
    assert_eq!(first.betas[0].unit(), v1::FactorUnit::Return);
    assert_eq!((first.market_cap_usd, first.market_cap_source), (None, None));
    let tail = &report.scenario_sets[0];
    // 149 returns, 60 of them to start the filter from.
    assert_eq!((tail.sessions, tail.last_on.as_str()), (89, TODAY));
    let filter = tail.filter.unwrap();
    assert_eq!((filter.decay, filter.seed_sessions, tail.draw_count), (0.94, 60, 1));
    assert_eq!(tail.scenario_set_id, "filtered_historical/1000/0.94");
    // The market falls 5 % about once in eleven sessions: the worst day costs 0.05·7.1m.
    near(tail.worst_replay_pnl, -0.05 * 7.1e6, 1.0);
    let plain = v1::RiskMeasureRequest {
        measure_id: "plain".to_owned(),
        kind: v1::RiskMeasureKind::ValueAtRisk.into(),
        method: Some(Method::Historical(v1::HistoricalMethod {})),
        ..v1::RiskMeasureRequest::default()
    };
    let plain = v1::AnalyzePortfolioRequest { risk_measures: vec![plain], ..example() };
    let plain = client.analyze_portfolio(plain).await.unwrap().into_inner().report.unwrap();
    let set = &plain.scenario_sets[0];
    assert_eq!((set.sessions, set.filter), (149, None));
    assert_eq!(set.worst_replay_pnl.to_bits(), set.worst_scenario_pnl.to_bits());
    near(plain.risk_measures[0].levels[1].value, 0.05 * 7.1e6, 1.0);

    let reference = reference(&answer.info);
    let again = v1::AnalyzePortfolioRequest { as_of: replay_of(&reference), ..example() };
    let again = client.analyze_portfolio(again).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec(), "the same bytes");
    let harness = harness.restart().await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let again = v1::AnalyzePortfolioRequest { as_of: replay_of(&reference), ..example() };
    let again = client.analyze_portfolio(again).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec(), "after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn explicit_defaults_change_nothing() {
    let (_harness, mut client) = market().await;
    let quiet = client.analyze_portfolio(example()).await.unwrap().into_inner();
    let aloud = v1::AnalyzePortfolioRequest {
        settings: estimated(v1::BetaSettings {
            half_life_sessions: Some(126.0),
            min_observations: Some(60),
            huber_k: Some(1.345),
            shrinkage: v1::BetaShrinkage::Vasicek.into(),
        }),
        // The measures as the answer echoes them.
        risk_measures: echoed(&quiet),
        top_positions: Some(10),
        ..example()
    };
    let aloud = client.analyze_portfolio(aloud).await.unwrap().into_inner();
    assert_eq!(aloud.encode_to_vec(), quiet.encode_to_vec());
    let other = v1::BetaSettings { half_life_sessions: Some(63.0), ..v1::BetaSettings::default() };
    let other = v1::AnalyzePortfolioRequest { settings: estimated(other), ..example() };
    let other = client.analyze_portfolio(other).await.unwrap().into_inner();
    assert_ne!(other.info.unwrap().result_id, quiet.info.as_ref().unwrap().result_id);
    // Exact multiples are exact whatever the weights.
    near(other.report.unwrap().total.unwrap().beta_adjusted_net.unwrap(), 7.1e6, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unresolved_lines_are_gaps_with_their_share() {
    let (_harness, mut client) = market().await;
    let mut request = example();
    let positions = &mut request.portfolio.as_mut().unwrap().positions;
    positions.push(worth("UNHEARD", -5e6));
    let position_id = "lot-9".to_owned();
    positions.push(v1::Position { position_id, ..held("NOBODY", Size::Quantity(3.0)) });
    request.as_of = on(TODAY);
    let answer = client.analyze_portfolio(request.clone()).await.unwrap().into_inner();
    let unknown: Vec<_> = answer
        .info
        .as_ref()
        .unwrap()
        .gaps
        .iter()
        .filter(|gap| gap.reason() == v1::GapReason::UnknownInstrument)
        .map(|gap| (subjects(gap), gap.subject_count, gap.gross_share, gap.severity()))
        .collect();
    let both = ["portfolio.positions[4]", "lot-9"].map(str::to_owned).to_vec();
    assert_eq!(unknown, [(both, 2, Some(0.2), v1::GapSeverity::Severe)]);
    let lines: Vec<_> =
        answer.unresolved.iter().map(|l| (l.position_id.as_str(), l.gross_share)).collect();
    assert_eq!(lines, [("portfolio.positions[4]", Some(0.2)), ("lot-9", None)]);
    assert_eq!(answer.unresolved[1].reason(), v1::GapReason::UnknownInstrument);
    near(coverage(&answer, v1::CoverageAspect::Priced).missing, 0.2, 1e-12);
    near(answer.report.clone().unwrap().total.unwrap().short, 13e6, 1e-6);
    // Before the first publication there are no data, and the answer reports it.
    request.as_of = on("2019-01-02");
    let early = client.analyze_portfolio(request).await.unwrap().into_inner();
    near(coverage(&early, v1::CoverageAspect::Priced).proxied, 0.8, 1e-12);
    near(coverage(&early, v1::CoverageAspect::OwnTailHistory).missing, 1.0, 1e-12);
    let report = early.report.as_ref().unwrap();
    assert!(report.scenario_sets.is_empty() && !report.risk_measures[0].gaps.is_empty());
    assert!(
        early
            .info
            .as_ref()
            .unwrap()
            .gaps
            .iter()
            .any(|gap| gap.reason() == v1::GapReason::InputMissing)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_violations_are_reported_at_once() {
    let (_harness, mut client) = market().await;
    let wrong = v1::AnalyzePortfolioRequest {
        portfolio: Some(v1::Portfolio {
            positions: vec![
                v1::Position {
                    average_cost: Some(-1.0),
                    kind: 77,
                    ..held("AA", Size::Quantity(f64::NAN))
                },
                v1::Position { size: None, ..held("<b>", Size::Quantity(1.0)) },
            ],
            net_asset_value: Some(0.0),
            currency: "EURO".into(),
            ..v1::Portfolio::default()
        }),
        settings: estimated(v1::BetaSettings {
            half_life_sessions: Some(f64::NAN),
            shrinkage: 77,
            ..v1::BetaSettings::default()
        }),
        risk_measures: vec![v1::RiskMeasureRequest {
            measure_id: "a".to_owned(),
            kind: v1::RiskMeasureKind::ValueAtRisk.into(),
            window_sessions: Some(100),
            confidences: vec![0.95, 1.0, 0.95],
            quantile_rule: Some(99),
            ..v1::RiskMeasureRequest::default()
        }],
        repeat_on: vec!["2021-02-30".into(), TODAY.into(), TODAY.into(), String::new()],
        top_positions: Some(-1),
        ..example()
    };
    let refusal = client.analyze_portfolio(wrong).await.unwrap_err();
    let paths = [
        "settings.beta.half_life_sessions",
        "settings.beta.shrinkage",
        "risk_measures[0].window_sessions",
        "risk_measures[0].confidences[1]",
        "risk_measures[0].confidences[2]",
        "risk_measures[0].quantile_rule",
        "repeat_on[0]",
        "repeat_on[2]",
        "repeat_on[3]",
        "top_positions",
        "portfolio.currency",
        "portfolio.positions[0].kind",
        "portfolio.positions[0].quantity",
        "portfolio.positions[0].average_cost",
        "portfolio.positions[1].instrument.symbol",
        "portfolio.positions[1].size",
        "portfolio.net_asset_value",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    // The same if only the lines are invalid, which is found while they are resolved.
    let mut request = example();
    request.portfolio.as_mut().unwrap().positions[1].size = None;
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    let path = ["portfolio.positions[1].size"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &path);
    let request = v1::AnalyzePortfolioRequest { portfolio: None, ..example() };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["portfolio"]);
}

/// A book of which nothing is known is not a neutral one.
#[tokio::test(flavor = "multi_thread")]
async fn a_side_without_any_beta_has_no_beta_adjusted_value() {
    let (_harness, mut client) = market().await;
    let cases = [
        // 8m x 1.2; nothing is held short.
        (vec![worth("AA", 8e6)], (Some(9.6e6), Some(0.0), Some(9.6e6))),
        (vec![worth("AA", 8e6), worth("unheard", -2e6)], (Some(9.6e6), None, None)),
        // -3m x 1.4.
        (vec![worth("unheard", 2e6), worth("CC", -3e6)], (None, Some(-4.2e6), None)),
        (vec![worth("AA", 8e6), worth("unheard", 2e6)], (Some(9.6e6), Some(0.0), Some(9.6e6))),
    ];
    for (positions, (long, short, net)) in cases {
        let request = v1::AnalyzePortfolioRequest { portfolio: portfolio(positions), ..example() };
        let report = client.analyze_portfolio(request).await.unwrap().into_inner().report.unwrap();
        let total = report.total.unwrap();
        let found = [total.beta_adjusted_long, total.beta_adjusted_short, total.beta_adjusted_net];
        for (found, expected) in found.into_iter().zip([long, short, net]) {
            assert_eq!(found.is_some(), expected.is_some(), "{total:?}");
            near(found.unwrap_or_default(), expected.unwrap_or_default(), 1.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_lists_violations_and_unresolved_lines() {
    let (_harness, mut client) = market().await;
    let mut request =
        v1::ValidatePortfolioRequest { as_of: on(TODAY), portfolio: example().portfolio };
    let book = request.portfolio.as_mut().unwrap();
    book.positions.push(worth("Aa", 1e6));
    book.positions.push(worth("unheard", 2e6));
    let found = client.validate_portfolio(request.clone()).await.unwrap().into_inner();
    assert!(found.accepted && !found.fully_resolved && found.violations.is_empty());
    assert_eq!((found.line_count, found.name_count, found.gross), (6, Some(4), Some(23e6)));
    let [line] = found.unresolved.as_slice() else { panic!("{found:?}") };
    let symbol = line.instrument.as_ref().unwrap().symbol.as_str();
    assert_eq!((line.position_id.as_str(), symbol), ("portfolio.positions[5]", "unheard"));
    assert_eq!(line.reason(), v1::GapReason::UnknownInstrument);
    near(line.gross_share.unwrap(), 2.0 / 23.0, 1e-12);
    request.portfolio.as_mut().unwrap().positions.pop();
    let found = client.validate_portfolio(request.clone()).await.unwrap().into_inner();
    assert!(found.accepted && found.fully_resolved && found.unresolved.is_empty());
    let book = request.portfolio.as_mut().unwrap();
    book.currency = "eur".into();
    book.positions[2].size = None;
    let found = client.validate_portfolio(request).await.unwrap().into_inner();
    let paths: Vec<&str> = found.violations.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(paths, ["portfolio.currency", "portfolio.positions[2].size"]);
    assert_eq!((found.gross, found.currency.as_str()), (None, ""), "nothing is in it");
    assert!(
        !found.accepted
            && !found.fully_resolved
            && found.unresolved.is_empty()
            && found.gross.is_none()
    );
    let nothing = v1::ValidatePortfolioRequest::default();
    let refusal = client.validate_portfolio(nothing).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["portfolio"]);
}
