//! ExplainPnl over the wire: arithmetic, both days of the shares, replay, gaps, refusals.

use crate::{
    exposure::{TODAY, example, market},
    harness::{expect_refusal, gaps, held, is_about, on, reference, replay_of},
};
use contract::v1::{self, position::Size};
use prost::Message as _;
use tonic::Code;

fn request() -> v1::ExplainPnlRequest {
    let v1::AnalyzePortfolioRequest { as_of, portfolio, .. } = example();
    v1::ExplainPnlRequest { as_of, portfolio, ..v1::ExplainPnlRequest::default() }
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_session_by_hand_and_its_replay() {
    let (harness, mut client) = market().await;
    let answer = client.explain_pnl(request()).await.unwrap().into_inner();
    let report = answer.report.clone().unwrap();
    assert_eq!((report.start_on.as_str(), report.end_on.as_str()), ("2021-01-26", TODAY));
    assert_eq!((report.sessions, report.name_count), (1, 4));
    // The market returned -5 %. AA, 8m now, beta 1.2: 8m x -0.06 / 0.94 = -510,638.298. BB, 4m, 1.8:
    // 4m x -0.09 / 0.91 = -395,604.396. CC, -3m, 1.4: +3m x 0.07 / 0.93 = 225,806.452. DD, -5m, 1.1:
    // +5m x 0.055 / 0.945 = 291,005.291. Longs -906,242.694, shorts 516,811.742.
    near(report.long.unwrap().pnl, -906_242.694, 1e-3);
    near(report.short.unwrap().pnl, 516_811.742, 1e-3);
    let total = report.total.unwrap();
    near(total.pnl, -389_430.951, 1e-3);
    near(report.price, total.pnl, 1e-6);
    assert_eq!(report.distributions, 0.0);
    // Exact multiples of the market: it explains everything, up to the precision of the fits.
    let [market, size] = &report.factors[..] else { panic!("{:?}", report.factors) };
    assert_eq!((market.factor_id.as_str(), size.factor_id.as_str()), ("MARKET", "SIZE"));
    assert_eq!(market.unit(), v1::FactorUnit::Return);
    near(market.factor_change.unwrap(), -0.05, 1e-12);
    near(market.part.unwrap().pnl, total.pnl, 1.0);
    near(report.residual.unwrap().pnl, 0.0, 1.0);
    assert!(size.factor_change.is_none() && size.part.is_none(), "no small-cap index");
    // The forecast of the book is that of its market part.
    let forecast = total.forecast_standard_deviation.unwrap();
    near(forecast, market.part.unwrap().forecast_standard_deviation.unwrap(), 1e-3 * forecast);
    near(total.standard_deviations.unwrap(), total.pnl / forecast, 1e-12);
    let names: Vec<&str> = report.names.iter().map(|name| name.symbol.as_str()).collect();
    assert_eq!(names, ["AA", "BB", "DD", "CC"], "the largest P&L by size first");
    let [lot] = &report.names[0].lots[..] else { panic!("{:?}", report.names[0]) };
    assert_eq!(lot.position_id, "portfolio.positions[0]");
    near(lot.pnl, report.names[0].total.unwrap().pnl, 1e-6);
    assert!(report.breakdowns.is_empty(), "none was asked for");
    assert_eq!(report.names[0].factors.len(), 1, "SIZE has no series");
    let again = v1::ExplainPnlRequest { as_of: replay_of(&reference(&answer.info)), ..request() };
    let again = client.explain_pnl(again).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec());
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_book_of_the_start_and_that_of_now_are_two_questions() {
    let (harness, mut client) = market().await;
    let at_start = v1::ExplainPnlRequest {
        positions_day: v1::PositionsDay::Start.into(),
        start_on: "2021-01-25".to_owned(),
        top_names: Some(10_000),
        ..request()
    };
    let report = client.explain_pnl(at_start).await.unwrap().into_inner().report.unwrap();
    assert_eq!((report.sessions, report.start_on.as_str()), (2, "2021-01-25"));
    // Market values are at the closes of the start: 12m long and 8m short.
    near(report.start_long, 12e6, 1e-6);
    near(report.start_short, 8e6, 1e-6);
    // Back 1: 0.01 x (7 - 5) = +2 %, back 0: -5 %. AA: 8m x (1.024 x 0.94 - 1) = -299,520;
    // BB: 4m x (1.036 x 0.91 - 1) = -228,960; CC: -3m x (1.028 x 0.93 - 1) = 131,880;
    // DD: -5m x (1.022 x 0.945 - 1) = 171,050. Together -225,550.
    near(report.total.unwrap().pnl, -225_550.0, 1e-3);
    // Value before x beta x return: AA 8m x 1.2 x 0.02 + 8.192m x 1.2 x -0.05 is all of its P&L.
    near(report.residual.unwrap().pnl, 0.0, 1.0);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_pnl_is_a_gap_with_its_share() {
    let (harness, mut client) = market().await;
    let mut asked = request();
    let lines = &mut asked.portfolio.as_mut().unwrap().positions;
    lines.push(held("NOBODY", Size::MarketValue(5e6)));
    let answer = client.explain_pnl(asked).await.unwrap().into_inner();
    assert_eq!(answer.unresolved.len(), 1);
    let gap = gaps(&answer.info).iter().find(|gap| is_about(gap, "portfolio.positions[4]"));
    near(gap.unwrap().gross_share.unwrap(), 0.2, 1e-12);
    let coverage = crate::harness::coverage(&answer.info);
    let priced = coverage.iter().find(|row| row.aspect() == v1::CoverageAspect::Priced).unwrap();
    near(priced.missing, 0.2, 1e-12);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_request_is_named() {
    let (harness, mut client) = market().await;
    let asked = v1::ExplainPnlRequest {
        as_of: on("2021-02-30"),
        portfolio: None,
        settings: Some(v1::AnalysisSettings {
            beta: Some(v1::BetaSettings { huber_k: Some(0.0), ..v1::BetaSettings::default() }),
            size_scheme: Some(v1::SizeScheme {
                lag_sessions: Some(-1),
                ..v1::SizeScheme::default()
            }),
            ..v1::AnalysisSettings::default()
        }),
        start_on: "yesterday".to_owned(),
        end_on: "2021-13-01".to_owned(),
        positions_day: 9,
        trades: vec![v1::TradeSelection::default()],
        top_names: Some(-1),
        group_by: vec![v1::GroupBy::default(); 2],
    };
    let refused = client.explain_pnl(asked).await.unwrap_err();
    let paths = [
        "as_of.on",
        "settings.size_scheme.lag_sessions",
        "settings.beta.huber_k",
        "start_on",
        "end_on",
        "positions_day",
        "trades[0]",
        "top_names",
        "group_by[0].kind",
        "group_by[1]",
        "portfolio",
    ];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    for (start_on, end_on, path) in [
        (TODAY, "", "start_on"),
        ("2021-01-27", "2021-01-26", "start_on"),
        ("2010-01-04", "", "start_on"),
        ("", "2021-03-01", "end_on"),
        ("", "2010-01-04", "end_on"),
    ] {
        let (start_on, end_on) = (start_on.to_owned(), end_on.to_owned());
        let asked = v1::ExplainPnlRequest { start_on, end_on, ..request() };
        let refused = client.explain_pnl(asked).await.unwrap_err();
        expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &[path]);
    }
    // Before all data no window is right.
    let asked = v1::ExplainPnlRequest { as_of: on("2005-01-03"), ..request() };
    let refused = client.explain_pnl(asked).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["as_of"]);
    harness.stop().await;
}

/// Every line twice, in two accounts and once in none, and the groups of the book.
#[tokio::test(flavor = "multi_thread")]
async fn groups_are_labelled_split_and_add_up() {
    let (harness, mut client) = market().await;
    let group_by = |kind: v1::GroupByKind, key: &str| v1::GroupBy {
        kind: kind.into(),
        label_key: key.to_owned(),
    };
    let mut asked = request();
    let lines = &mut asked.portfolio.as_mut().unwrap().positions;
    let account = |value: &str| v1::Label { key: "account".to_owned(), value: value.to_owned() };
    lines[0].labels = vec![account("left")];
    lines.push(v1::Position { labels: vec![account("right")], ..lines[0].clone() });
    asked.group_by =
        vec![group_by(v1::GroupByKind::Size, ""), group_by(v1::GroupByKind::Label, "account")];
    let report = client.explain_pnl(asked.clone()).await.unwrap().into_inner().report.unwrap();
    let total = report.total.unwrap().pnl;
    let [sizes, accounts] = &report.breakdowns[..] else { panic!("{:?}", report.breakdowns) };
    let row = |group: &v1::PnlBreakdownGroup| {
        (group.group_id.clone(), group.name_count, group.part.unwrap().pnl)
    };
    // No market value is known of any name.
    let sizes: Vec<_> = sizes.groups.iter().map(row).collect();
    assert_eq!(sizes, [(String::new(), 4, total)]);
    // AA made -510,638.298 (see above) in each account; the others 121,207.347.
    let accounts: Vec<_> = accounts.groups.iter().map(row).collect();
    let ids: Vec<_> = accounts.iter().map(|(id, names, _)| (id.as_str(), *names)).collect();
    assert_eq!(ids, [("left", 1), ("right", 1), ("", 3)]);
    for ((.., pnl), expected) in accounts.iter().zip([-510_638.298, -510_638.298, 121_207.347]) {
        near(*pnl, expected, 1e-3);
    }
    near(accounts.iter().map(|(.., pnl)| pnl).sum(), total, 1e-6);
    let held: Vec<_> =
        report.names[0].lots.iter().map(|lot| lot.labels[0].value.as_str()).collect();
    assert_eq!((report.names[0].symbol.as_str(), held), ("AA", vec!["left", "right"]));
    asked.group_by.push(group_by(v1::GroupByKind::Label, "desk"));
    let refused = client.explain_pnl(asked).await.unwrap_err();
    let path = ["group_by[2].label_key"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &path);
    let scheme = v1::ExplainPnlRequest {
        settings: Some(v1::AnalysisSettings {
            classification_scheme_id: "GICS".to_owned(),
            ..v1::AnalysisSettings::default()
        }),
        ..request()
    };
    let refused = client.explain_pnl(scheme).await.unwrap_err();
    expect_refusal(&refused, Code::NotFound, "UNKNOWN_CLASSIFICATION_SCHEME", &[]);
    harness.stop().await;
}
