//! Risk measures over the wire: rows echo what was asked, share scenarios, and fail one by one.

use crate::{
    exposure::{example, market, worth},
    harness::{expect_refusal, is_about},
};
use contract::v1::{
    self, GroupByKind, RiskMeasureKind as Kind, RiskMeasureRequest as Asked, RiskSplit,
    RiskSplitKind as By, exposure_service_client::ExposureServiceClient,
    risk_measure_request::Method,
};
use std::time::Duration;
use tonic::{Code, transport::Channel};

fn asked(id: &str, kind: Kind) -> Asked {
    Asked { measure_id: id.to_owned(), kind: kind.into(), ..Asked::default() }
}

fn filtered(decay: f64) -> Option<Method> {
    Some(Method::FilteredHistorical(v1::FilteredHistoricalMethod { decay: Some(decay) }))
}

fn split(kind: By) -> RiskSplit {
    RiskSplit { kind: kind.into(), group_by: None }
}

fn by_group(kind: GroupByKind, label_key: &str) -> RiskSplit {
    let group_by = v1::GroupBy { kind: kind.into(), label_key: label_key.to_owned() };
    RiskSplit { group_by: Some(group_by), ..split(By::Group) }
}

fn by_label(key: &str) -> RiskSplit {
    by_group(GroupByKind::Label, key)
}

fn plain() -> Option<Method> {
    Some(Method::Historical(v1::HistoricalMethod {}))
}

/// Losses over three sessions by simulated paths, by runs and by a fitted distribution.
pub(crate) fn over_several_sessions() -> Vec<Asked> {
    let methods = [filtered(0.94), plain(), Some(Method::Ewma(v1::EwmaMethod::default()))];
    let measure = |(at, method): (usize, Option<Method>)| Asked {
        method,
        horizon_sessions: Some(3),
        ..asked(&at.to_string(), Kind::ExpectedShortfall)
    };
    methods.into_iter().enumerate().map(measure).collect()
}

async fn report(
    client: &mut ExposureServiceClient<Channel>,
    risk_measures: Vec<Asked>,
) -> v1::ExposureReport {
    let request = v1::AnalyzePortfolioRequest { risk_measures, ..example() };
    client.analyze_portfolio(request).await.unwrap().into_inner().report.unwrap()
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-5 * b.abs(), "{a} is not {b}");
}

/// The sum of the legs' contributions.
fn by_leg(level: &v1::RiskLevel) -> f64 {
    let [trade] = &level.trades[..] else { panic!("one trade in {level:?}") };
    trade.legs.iter().map(|leg| leg.value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_rows_say_what_they_are_and_add_up() {
    let (_harness, mut client) = market().await;
    let report = report(&mut client, Vec::new()).await;
    let [var, shortfall] = &report.risk_measures[..] else { panic!("two rows") };
    let request = var.request.as_ref().unwrap();
    assert_eq!((request.measure_id.as_str(), request.kind()), ("value_at_risk", Kind::ValueAtRisk));
    assert_eq!((request.method, request.horizon_sessions), (filtered(0.94), Some(1)));
    assert_eq!(
        (request.window_sessions, &request.confidences[..]),
        (Some(1_000), &[0.95, 0.99][..])
    );
    assert_eq!(
        (request.quantile_rule(), request.interval_level),
        (v1::QuantileRule::Linear, Some(0.95))
    );
    assert_eq!(report.scenario_sets.len(), 1, "both rows share it");
    assert_eq!(var.scenario_set_id, report.scenario_sets[0].scenario_set_id);
    assert_eq!(var.scenario_set_id, shortfall.scenario_set_id);
    for (var, shortfall) in var.levels.iter().zip(&shortfall.levels) {
        assert!(var.value <= shortfall.value && var.trades.is_empty());
        // Positive where a leg adds to the loss: they add up to the loss itself.
        near(by_leg(shortfall), shortfall.value);
    }
    let parts = report.positions.iter().map(|row| {
        let [part] = &row.risk_contributions[..] else { panic!("one by position") };
        assert_eq!((part.measure_id.as_str(), part.confidence), ("expected_shortfall", Some(0.95)));
        part.value
    });
    near(parts.sum(), shortfall.levels[0].value);
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_of_one_method_and_window_share_their_scenarios() {
    let (_harness, mut client) = market().await;
    let by = vec![split(By::TradeLeg), split(By::Position)];
    let measures = vec![
        Asked { confidences: vec![0.99], ..asked("a", Kind::ValueAtRisk) },
        Asked { method: filtered(0.94), contributions_by: by, ..asked("b", Kind::Volatility) },
        Asked { method: filtered(0.97), ..asked("c", Kind::ValueAtRisk) },
        Asked {
            method: plain(),
            window_sessions: Some(252),
            ..asked("d", Kind::ExpectedShortfall)
        },
        Asked {
            quantile_rule: Some(v1::QuantileRule::Ceil.into()),
            ..asked("e", Kind::ValueAtRisk)
        },
    ];
    let found = report(&mut client, measures.clone()).await;
    let sets: Vec<&str> =
        found.scenario_sets.iter().map(|set| set.scenario_set_id.as_str()).collect();
    let expected =
        ["filtered_historical/1000/0.94", "filtered_historical/1000/0.97", "historical/252"];
    assert_eq!(sets, expected);
    let of: Vec<&str> =
        found.risk_measures.iter().map(|row| row.scenario_set_id.as_str()).collect();
    assert_eq!(of, [sets[0], sets[0], sets[1], sets[2], sets[0]]);
    let volatility = &found.risk_measures[1];
    let [level] = &volatility.levels[..] else { panic!("one level") };
    assert!(level.confidence.is_none() && 0.0 < level.standard_error.unwrap());
    near(by_leg(level), level.value);
    near(found.positions.iter().map(|row| row.risk_contributions[0].value).sum(), level.value);
    // Each row is what it is alone.
    for (row, measure) in found.risk_measures.iter().zip(measures) {
        let alone = report(&mut client, vec![measure]).await;
        assert_eq!(*row, alone.risk_measures[0]);
    }
}

/// A line of a book with a label: what it is worth, and its desk.
fn line(symbol: &str, value: f64, desk: &str) -> v1::Position {
    let label = v1::Label { key: "desk".to_owned(), value: desk.to_owned() };
    v1::Position { labels: vec![label], ..worth(symbol, value) }
}

#[tokio::test(flavor = "multi_thread")]
async fn contributions_of_groups_have_the_rows_of_the_breakdowns_and_add_up() {
    let (_harness, mut client) = market().await;
    let mut request = example();
    let portfolio = request.portfolio.as_mut().unwrap();
    // Two desks box a name of the book, one of its other lines has no desk.
    let symbol = portfolio.positions[0].instrument.as_ref().unwrap().symbol.clone();
    portfolio.positions.extend([line(&symbol, 5e5, "a"), line(&symbol, -3e5, "b")]);
    let groupings = [by_group(GroupByKind::Sector, ""), by_label("desk")];
    request.group_by = groupings.iter().filter_map(|split| split.group_by.clone()).collect();
    let contributions_by = groupings.to_vec();
    request.risk_measures = vec![
        Asked {
            contributions_by: contributions_by.clone(),
            ..asked("es", Kind::ExpectedShortfall)
        },
        Asked { contributions_by, ..asked("volatility", Kind::Volatility) },
        asked("alone", Kind::ExpectedShortfall),
    ];
    let report = client.analyze_portfolio(request).await.unwrap().into_inner().report.unwrap();
    let ids = |groups: &[String]| groups.join(",");
    for level in report.risk_measures[..2].iter().flat_map(|measure| &measure.levels) {
        assert_eq!(level.breakdowns.len(), 2);
        for (by, breakdown) in level.breakdowns.iter().zip(&report.breakdowns) {
            assert_eq!(by.group_by, breakdown.group_by);
            let found: Vec<String> = by.groups.iter().map(|g| g.group_id.clone()).collect();
            let shown: Vec<String> = breakdown.groups.iter().map(|g| g.group_id.clone()).collect();
            assert_eq!(ids(&found), ids(&shown));
            near(by.groups.iter().map(|group| group.value).sum(), level.value);
        }
        let [a, b, _] = &level.breakdowns[1].groups[..] else { panic!("a, b and no desk") };
        // Linear in what each holds: 5 against -3.
        near(b.value, -0.6 * a.value);
        assert!(0.0 < a.value.abs());
    }
    let alone = &report.risk_measures[2].levels;
    assert!(alone.iter().all(|level| level.breakdowns.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measure_without_scenarios_says_so_in_its_row() {
    let (_harness, mut client) = market().await;
    // 30 sessions: enough for plain history, too few after 60 that only start the filter.
    let early = v1::AsOf {
        when: Some(v1::as_of::When::On("2020-08-05".to_owned())),
        ..v1::AsOf::default()
    };
    let measures = vec![
        asked("filtered", Kind::Volatility),
        Asked { method: plain(), ..asked("plain", Kind::Volatility) },
    ];
    let request =
        v1::AnalyzePortfolioRequest { as_of: Some(early), risk_measures: measures, ..example() };
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    let report = answer.report.unwrap();
    let [filtered, plain] = &report.risk_measures[..] else { panic!("two rows") };
    assert_eq!((filtered.levels.len(), plain.levels.len()), (0, 1));
    let [gap] = &filtered.gaps[..] else { panic!("{:?}", filtered.gaps) };
    let set = "Unspecified filtered_historical/1000/0.94";
    assert!(is_about(gap, set) && gap.reason() == v1::GapReason::ShortHistory, "{gap:?}");
    assert!(plain.gaps.is_empty() && report.scenario_sets.len() == 1);
    let of_answer = answer.info.unwrap().gaps;
    assert!(of_answer.iter().any(|gap| is_about(gap, set)));
}

/// 7,000 desks and the lines without one, times eight confidences of two measures, are 112,016. It took
/// 18 s until such an answer was refused as too large.
#[tokio::test(flavor = "multi_thread")]
async fn more_contributions_than_an_answer_holds_are_refused_before_they_are_computed() {
    let (_harness, mut client) = market().await;
    let mut request = example();
    let portfolio = request.portfolio.as_mut().unwrap();
    let symbol = portfolio.positions[0].instrument.as_ref().unwrap().symbol.clone();
    portfolio.positions.extend((0..7_000).map(|desk| line(&symbol, 1e3, &desk.to_string())));
    request.group_by = by_label("desk").group_by.into_iter().collect();
    let measure = |id| Asked {
        confidences: (0..8).map(|at| 0.9 + 0.01 * f64::from(at)).collect(),
        contributions_by: vec![by_label("desk")],
        ..asked(id, Kind::ExpectedShortfall)
    };
    request.risk_measures = vec![measure("a"), measure("b")];
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["risk_measures"]);
    assert!(refusal.message().ends_with("has 112016"), "{}", refusal.message());
}

/// One session beside ten: each row says which, and a horizon of one is the same as none.
#[tokio::test(flavor = "multi_thread")]
async fn a_measure_over_several_sessions_has_scenarios_of_its_own() {
    let (_harness, mut client) = market().await;
    let over = |id, horizon_sessions, method| Asked {
        horizon_sessions,
        method,
        contributions_by: vec![split(By::TradeLeg)],
        ..asked(id, Kind::ExpectedShortfall)
    };
    let measures = vec![
        over("none", None, filtered(0.94)),
        over("one", Some(1), filtered(0.94)),
        over("ten", Some(10), filtered(0.94)),
        over("runs", Some(5), plain()),
        over("normal", Some(9), Some(Method::Gaussian(v1::GaussianMethod {}))),
    ];
    let found = report(&mut client, measures.clone()).await;
    let sets: Vec<&str> =
        found.risk_measures.iter().map(|row| row.scenario_set_id.as_str()).collect();
    let filtered_set = "filtered_historical/1000/0.94";
    let ten = "filtered_historical/1000/0.94/h10";
    assert_eq!(sets, [filtered_set, filtered_set, ten, "historical/1000/h5", "gaussian/1000/h9"]);
    let horizons = found.risk_measures.iter().map(|row| row.request.as_ref().unwrap());
    let horizons: Vec<Option<i32>> = horizons.map(|asked| asked.horizon_sessions).collect();
    assert_eq!(horizons, [1, 1, 10, 5, 9].map(Some));
    let joined = |id: &str| {
        let set = found.scenario_sets.iter().find(|set| set.scenario_set_id == id).unwrap();
        (set.joined_scenarios, set.sessions)
    };
    assert_eq!(joined(filtered_set).0, 0);
    assert_eq!(joined("gaussian/1000/h9").0, 0);
    let (paths, sessions) = joined(ten);
    assert!(10_000 <= paths && paths % sessions == 0 && paths < 10_000 + sessions);
    let (runs, sessions) = joined("historical/1000/h5");
    assert_eq!(runs, sessions - 4);
    for (row, measure) in found.risk_measures.iter().zip(measures) {
        for level in &row.levels {
            near(by_leg(level), level.value);
        }
        // A tail of a single session has no error, so the first confidence is looked at.
        assert_eq!(row.levels[0].standard_error.is_some(), measure.measure_id != "normal");
        // Each row is what it is alone, and the same paths are drawn again.
        assert_eq!(*row, report(&mut client, vec![measure]).await.risk_measures[0]);
    }
    let value = |at: usize| found.risk_measures[at].levels[0].value;
    assert!(value(0) < value(2), "{} {}", value(0), value(2));
    let many = [60, 30, 31].map(|horizon| Asked {
        horizon_sessions: Some(horizon),
        ..asked(&horizon.to_string(), Kind::Volatility)
    });
    let request = v1::AnalyzePortfolioRequest { risk_measures: many.to_vec(), ..example() };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["risk_measures"]);
}

/// 252 sessions have 20 runs of 12 that do not overlap, and 1,000 have 20 of 50.
#[tokio::test(flavor = "multi_thread")]
async fn plain_runs_that_a_window_can_never_hold_are_refused() {
    let (_harness, mut client) = market().await;
    let measure = |(at, (horizon, window_sessions)): (usize, (i32, Option<i32>))| Asked {
        method: plain(),
        horizon_sessions: Some(horizon),
        window_sessions,
        ..asked(&at.to_string(), Kind::Volatility)
    };
    let asked = [(12, Some(252)), (13, Some(252)), (50, None), (51, None)];
    let risk_measures = asked.into_iter().enumerate().map(measure).collect();
    let request = v1::AnalyzePortfolioRequest { risk_measures, ..example() };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    let paths = ["risk_measures[1].horizon_sessions", "risk_measures[3].horizon_sessions"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_are_refused_by_field() {
    let (_harness, mut client) = market().await;
    let measures = vec![
        Asked::default(),
        Asked {
            confidences: vec![0.95],
            quantile_rule: Some(v1::QuantileRule::Ceil.into()),
            interval_level: Some(0.9),
            horizon_sessions: Some(61),
            contributions_by: vec![split(By::TradeLeg), split(By::TradeLeg)],
            ..asked("a", Kind::Volatility)
        },
        Asked { method: filtered(1.0), ..asked("a", Kind::ValueAtRisk) },
        Asked {
            contributions_by: vec![
                split(By::Unspecified),
                RiskSplit { kind: 9, group_by: None },
                split(By::Group),
                by_label("desk"),
                RiskSplit { kind: By::Position.into(), ..by_label("desk") },
            ],
            ..asked(&"x".repeat(65), Kind::ExpectedShortfall)
        },
    ];
    let request = v1::AnalyzePortfolioRequest { risk_measures: measures, ..example() };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    let paths = [
        "risk_measures[0].measure_id",
        "risk_measures[0].kind",
        "risk_measures[1].horizon_sessions",
        "risk_measures[1].quantile_rule",
        "risk_measures[1].interval_level",
        "risk_measures[1].confidences",
        "risk_measures[1].contributions_by[1]",
        "risk_measures[2].measure_id",
        "risk_measures[2].filtered_historical.decay",
        "risk_measures[3].measure_id",
        "risk_measures[3].contributions_by[0].kind",
        "risk_measures[3].contributions_by[1].kind",
        "risk_measures[3].contributions_by[2].group_by",
        "risk_measures[3].contributions_by[3].group_by",
        "risk_measures[3].contributions_by[4].group_by",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let many = (0..17).map(|at| asked(&at.to_string(), Kind::Volatility)).collect();
    let request = v1::AnalyzePortfolioRequest { risk_measures: many, ..example() };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["risk_measures"]);
    // Each confidence is compared with all others, so those beyond the limit are left out at once:
    // 400,000 took minutes of a thread that other calls need.
    let confidences: Vec<f64> = (0..400_000).map(|at| 0.5 + f64::from(at) * 1e-6).collect();
    let flood = vec![Asked { confidences, ..asked("a", Kind::ValueAtRisk) }];
    let request = v1::AnalyzePortfolioRequest { risk_measures: flood, ..example() };
    let answer = tokio::time::timeout(Duration::from_secs(20), client.analyze_portfolio(request));
    let refusal = answer.await.expect("refused at once").unwrap_err();
    let paths = ["risk_measures[0].confidences"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

/// Fitted distributions beside scenarios: each row echoes its method, and the parts of an expected
/// shortfall by leg and by position add up to it.
#[tokio::test(flavor = "multi_thread")]
async fn fitted_distributions_stand_beside_scenarios_and_add_up() {
    let (_harness, mut client) = market().await;
    let methods = [
        Method::Ewma(v1::EwmaMethod { decay: Some(0.97) }),
        Method::Gaussian(v1::GaussianMethod {}),
        Method::CornishFisher(v1::CornishFisherMethod {}),
    ];
    let row = |at: usize, kind: Kind, by: &[By]| Asked {
        method: Some(methods[at]),
        contributions_by: by.iter().map(|by| split(*by)).collect(),
        ..asked(&format!("{at} {kind:?}"), kind)
    };
    let of_method = |at| {
        [
            row(at, Kind::ValueAtRisk, &[By::TradeLeg, By::Position]),
            row(at, Kind::ExpectedShortfall, &[By::TradeLeg, By::Position]),
            row(at, Kind::Volatility, &[By::TradeLeg]),
        ]
    };
    let report = report(&mut client, (0..3).flat_map(of_method).collect()).await;
    let ids: Vec<&str> =
        report.scenario_sets.iter().map(|set| set.scenario_set_id.as_str()).collect();
    assert_eq!(ids, ["ewma/1000/0.97", "gaussian/1000"]);
    // The market's returns are uniform, for which the expansion of Cornish and Fisher is no quantile.
    for row in &report.risk_measures[6..] {
        assert!(
            row.levels.is_empty() && is_about(&row.gaps[0], "Unspecified cornish_fisher/1000"),
            "{row:?}"
        );
        assert!(row.gaps[0].detail.contains("excess kurtosis of -1.2"), "{row:?}");
    }
    for rows in report.risk_measures[..6].chunks(3) {
        let [var, shortfall, volatility] = rows else { panic!("three rows") };
        let request = var.request.as_ref().unwrap();
        assert_eq!((request.quantile_rule, request.interval_level), (None, None));
        for measure in [var, shortfall] {
            let id = &measure.request.as_ref().unwrap().measure_id;
            let position = |row: &v1::PositionExposure| {
                row.risk_contributions.iter().find(|part| part.measure_id == *id).unwrap().value
            };
            near(report.positions.iter().map(position).sum(), measure.levels[0].value);
        }
        for (var, shortfall) in var.levels.iter().zip(&shortfall.levels) {
            near(by_leg(var), var.value);
            assert!(var.value < shortfall.value && var.value_low.is_none(), "{var:?}");
            near(by_leg(shortfall), shortfall.value);
        }
        near(by_leg(&volatility.levels[0]), volatility.levels[0].value);
    }
    // Normal with mean zero: 1.644854 and 2.326348 deviations, and 2.062713 and 2.665214.
    let [var, shortfall, volatility] = &report.risk_measures[..3] else { panic!("three rows") };
    let sigma = volatility.levels[0].value;
    near(var.levels[0].value, 1.644_854 * sigma);
    near(var.levels[1].value, 2.326_348 * sigma);
    near(shortfall.levels[0].value, 2.062_713 * sigma);
    near(shortfall.levels[1].value, 2.665_214 * sigma);
    let wrong = Asked {
        quantile_rule: Some(v1::QuantileRule::Linear.into()),
        interval_level: Some(0.9),
        ..row(1, Kind::ValueAtRisk, &[])
    };
    let request = v1::AnalyzePortfolioRequest { risk_measures: vec![wrong], ..example() };
    let refused = client.analyze_portfolio(request).await.unwrap_err();
    let paths = ["risk_measures[0].quantile_rule", "risk_measures[0].interval_level"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}
