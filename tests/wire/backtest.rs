//! BacktestRisk: forecasts are those of single calls, nothing looks ahead, every fault is named.

use crate::{
    exposure::{TODAY, market, prices},
    harness::{
        Harness, expect_refusal, gaps, header, held, is_about, on, read, real_data, reference,
    },
};
use contract::v1::{
    self, RiskMeasureKind as Kind, TrafficLight, backtest_method::Method,
    exposure_service_client::ExposureServiceClient, position::Size,
};
use prost::Message as _;
use tonic::{Code, transport::Channel};

const SYMBOLS: [(&str, f64); 4] =
    [("AA", 8_000.0), ("BB", 4_000.0), ("CC", -3_000.0), ("DD", -5_000.0)];

fn portfolio() -> Option<v1::Portfolio> {
    let positions = SYMBOLS.map(|(symbol, shares)| held(symbol, Size::Quantity(shares)));
    Some(v1::Portfolio { positions: positions.to_vec(), ..v1::Portfolio::default() })
}

fn request() -> v1::BacktestRiskRequest {
    v1::BacktestRiskRequest {
        as_of: on(TODAY),
        portfolio: portfolio(),
        start_on: "2021-01-11".to_owned(),
        ..v1::BacktestRiskRequest::default()
    }
}

async fn backtest(
    client: &mut ExposureServiceClient<Channel>,
    request: v1::BacktestRiskRequest,
) -> v1::BacktestRiskResponse {
    client.backtest_risk(request).await.unwrap().into_inner()
}

fn of(method: Method) -> v1::BacktestMethod {
    v1::BacktestMethod { method: Some(method), window_sessions: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forecast_is_that_of_a_call_as_of_the_close_before() {
    let (harness, mut client) = market().await;
    let asked = v1::BacktestRiskRequest { start_on: TODAY.to_owned(), ..request() };
    let answer = backtest(&mut client, asked).await;
    assert_eq!((answer.sessions, answer.first_on.as_str()), (1, TODAY));
    assert_eq!((answer.last_on.as_str(), answer.currency.as_str()), (TODAY, "USD"));
    let names: Vec<(&str, f64)> =
        answer.backtests.iter().map(|row| (&*row.scenario_set_id, row.confidence)).collect();
    let expected = [
        ("historical/1000", 0.95),
        ("historical/1000", 0.99),
        ("filtered_historical/1000/0.94", 0.95),
        ("filtered_historical/1000/0.94", 0.99),
        ("ewma/1000/0.94", 0.95),
        ("ewma/1000/0.94", 0.99),
        ("gaussian/1000", 0.95),
        ("gaussian/1000", 0.99),
        ("cornish_fisher/1000", 0.95),
        ("cornish_fisher/1000", 0.99),
    ];
    assert_eq!(names, expected);
    let methods = [
        v1::risk_measure_request::Method::Historical(v1::HistoricalMethod {}),
        v1::risk_measure_request::Method::FilteredHistorical(Default::default()),
        v1::risk_measure_request::Method::Ewma(v1::EwmaMethod::default()),
        v1::risk_measure_request::Method::Gaussian(v1::GaussianMethod {}),
        v1::risk_measure_request::Method::CornishFisher(v1::CornishFisherMethod {}),
    ];
    let measure = |(at, method)| v1::RiskMeasureRequest {
        measure_id: format!("{at}"),
        kind: Kind::ValueAtRisk.into(),
        method: Some(method),
        ..v1::RiskMeasureRequest::default()
    };
    let before = v1::AnalyzePortfolioRequest {
        as_of: Some(v1::AsOf {
            revision: Some(reference(&answer.info).revision),
            ..on("2021-01-26").unwrap()
        }),
        portfolio: portfolio(),
        include: vec![v1::ReportBlock::Risk.into()],
        risk_measures: methods.into_iter().enumerate().map(measure).collect(),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let report = client.analyze_portfolio(before).await.unwrap().into_inner().report.unwrap();
    let value = |measure: &v1::RiskMeasure| {
        [0, 1].map(|at| measure.levels.get(at).map(|level| level.value))
    };
    let values: Vec<Option<f64>> = report.risk_measures.iter().flat_map(value).collect();
    let forecast: Vec<Option<f64>> =
        answer.backtests.iter().map(|row| row.mean_value_at_risk).collect();
    assert_eq!(forecast, values);
    // The market's returns are uniform, for which the expansion of Cornish and Fisher is no quantile.
    assert!(forecast[..8].iter().all(Option::is_some) && forecast[8..] == [None, None]);
    let about = |gap: &&v1::Gap| is_about(gap, "Unspecified cornish_fisher/1000");
    let gap = gaps(&answer.info).iter().find(about).expect("a gap");
    assert!(gap.detail.contains("1 of 1 sessions"), "{gap:?}");
    harness.stop().await;
}

/// Runs of five sessions: two in twelve, each forecast by the analysis of the close before it.
#[tokio::test(flavor = "multi_thread")]
async fn runs_of_sessions_do_not_overlap() {
    let (harness, mut client) = market().await;
    let methods = vec![
        of(Method::FilteredHistorical(v1::FilteredHistoricalMethod::default())),
        of(Method::Ewma(v1::EwmaMethod::default())),
    ];
    let asked = |horizon_sessions| v1::BacktestRiskRequest {
        methods: methods.clone(),
        horizon_sessions,
        ..request()
    };
    let answer = backtest(&mut client, asked(Some(5))).await;
    assert_eq!(answer.sessions, 12);
    let revision = Some(reference(&answer.info).revision);
    let mut forecasts = [0.0; 2];
    for close in ["2021-01-08", "2021-01-15"] {
        let measure = |method| v1::RiskMeasureRequest {
            measure_id: format!("{method:?}").chars().take(20).collect(),
            kind: Kind::ValueAtRisk.into(),
            method: Some(method),
            horizon_sessions: Some(5),
            ..v1::RiskMeasureRequest::default()
        };
        let analysis = v1::AnalyzePortfolioRequest {
            as_of: Some(v1::AsOf { revision, ..on(close).unwrap() }),
            portfolio: portfolio(),
            include: vec![v1::ReportBlock::Risk.into()],
            risk_measures: vec![
                measure(v1::risk_measure_request::Method::FilteredHistorical(Default::default())),
                measure(v1::risk_measure_request::Method::Ewma(v1::EwmaMethod::default())),
            ],
            ..v1::AnalyzePortfolioRequest::default()
        };
        let report = client.analyze_portfolio(analysis).await.unwrap().into_inner().report.unwrap();
        for (sum, measure) in forecasts.iter_mut().zip(&report.risk_measures) {
            *sum += measure.levels[0].value;
        }
    }
    let sets = ["filtered_historical/1000/0.94/h5", "ewma/1000/0.94/h5"];
    for (at, set) in sets.into_iter().enumerate() {
        let row = &answer.backtests[2 * at];
        assert_eq!((row.scenario_set_id.as_str(), row.confidence), (set, 0.95));
        assert_eq!((row.forecast_count, row.missing_count), (2, 0));
        assert_eq!(row.mean_value_at_risk, Some(forecasts[at] / 2.0));
    }
    // One session is the same answer as none.
    let none = backtest(&mut client, asked(None)).await;
    assert_eq!(none, backtest(&mut client, asked(Some(1))).await);
    let refusal = client.backtest_risk(asked(Some(61))).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["horizon_sessions"]);
    harness.stop().await;
}

/// Without methods plain history is left out where its windows have too few runs; by name it is refused.
/// A stretch that is shorter than a run says that it has no forecasts. Simulated paths are work.
#[tokio::test(flavor = "multi_thread")]
async fn horizons_that_cannot_be_tested_are_said() {
    let (harness, mut client) = market().await;
    let over = |horizon| v1::BacktestRiskRequest { horizon_sessions: Some(horizon), ..request() };
    let answer = backtest(&mut client, over(51)).await;
    assert_eq!(answer.backtests.len(), 8);
    assert_eq!(answer.backtests[0].scenario_set_id, "filtered_historical/1000/0.94/h51");
    assert!(answer.backtests.iter().all(|row| row.forecast_count == 0));
    let detail = "no forecasts: 12 sessions are no run of 51";
    assert!(gaps(&answer.info).iter().any(|gap| gap.detail.contains(detail)), "{answer:?}");
    let plain = vec![of(Method::Historical(v1::HistoricalMethod {}))];
    let named = v1::BacktestRiskRequest { methods: plain, ..over(51) };
    let refused = client.backtest_risk(named).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["horizon_sessions"]);
    let filtered = |at| {
        let decay = Some(0.9 + f64::from(at) / 100.0);
        of(Method::FilteredHistorical(v1::FilteredHistoricalMethod { decay }))
    };
    // 81 sessions times eight methods times 2,500 positions are 1,620,000, and with 1,000 for the paths
    // of each method 2,268,000.
    let many = |horizon| v1::BacktestRiskRequest {
        portfolio: Some(v1::Portfolio {
            positions: vec![held("AA", Size::Quantity(1.0)); 2_500],
            ..v1::Portfolio::default()
        }),
        methods: (0..8).map(filtered).collect(),
        start_on: "2020-10-01".to_owned(),
        ..over(horizon)
    };
    let refused = client.backtest_risk(many(2)).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["start_on"]);
    assert!(refused.message().ends_with("leaves 2268000"), "{}", refused.message());
    harness.stop().await;
}

/// The returns of the market repeat every eleven sessions (−5 to 5 per cent), so the counts follow from
/// the forecasts; a stretch is the sum of its sessions.
#[tokio::test(flavor = "multi_thread")]
async fn rows_add_up_over_sessions_and_agree_with_single_ones() {
    let (harness, mut client) = market().await;
    let whole = backtest(&mut client, request()).await;
    // 11 to 27 January without the 18th, a holiday.
    assert_eq!(whole.sessions, 12);
    let mut single = Vec::new();
    for day in ["11", "12", "13", "14", "15", "19", "20", "21", "22", "25", "26", "27"] {
        let day = format!("2021-01-{day}");
        let asked = v1::BacktestRiskRequest { start_on: day.clone(), end_on: day, ..request() };
        single.push(backtest(&mut client, asked).await);
    }
    for (at, row) in whole.backtests.iter().enumerate() {
        let rows: Vec<&v1::RiskBacktest> = single.iter().map(|day| &day.backtests[at]).collect();
        let sum = |of: fn(&v1::RiskBacktest) -> i32| rows.iter().map(|row| of(row)).sum::<i32>();
        assert_eq!(row.breach_count, sum(|row| row.breach_count), "{row:?}");
        assert_eq!(row.forecast_count, sum(|row| row.forecast_count));
        assert_eq!(row.missing_count + row.forecast_count, 12);
        if row.forecast_count == 0 {
            assert_eq!(row.scenario_set_id, "cornish_fisher/1000");
            continue;
        }
        let worst = rows.iter().filter_map(|row| row.worst_breach.clone());
        let excess = |breach: &v1::BacktestBreach| breach.pnl + breach.value_at_risk;
        let worst = worst.min_by(|a, b| excess(a).total_cmp(&excess(b)));
        assert_eq!(row.worst_breach, worst);
        let expected = f64::from(row.forecast_count) * (1.0 - row.confidence);
        assert!((row.expected_breach_count - expected).abs() < 1e-12);
        assert!(row.traffic_light() != TrafficLight::Unspecified && row.coverage.is_some());
    }
    assert!(whole.backtests.iter().any(|row| 0 < row.breach_count), "{whole:?}");
    harness.stop().await;
}

/// What comes after a session changes neither its forecast nor its outcome, and the session itself
/// changes its outcome only.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_looks_ahead() {
    let (harness, mut client) = market().await;
    let until = |end: &str| v1::BacktestRiskRequest { end_on: end.to_owned(), ..request() };
    let then = v1::BacktestRiskRequest { as_of: on("2021-01-25"), ..until("2021-01-25") };
    let (later, then) =
        (backtest(&mut client, until("2021-01-25")).await, backtest(&mut client, then).await);
    assert_eq!(later.backtests, then.backtests);
    // The long side falls by half on the last session of another market.
    let falls = |line: &str| match line.split_once(&format!(",{TODAY},")) {
        Some((symbol @ ("AA" | "BB"), _)) => format!("{symbol},{TODAY},9,9,9,9,9,1000\n"),
        _ => format!("{line}\n"),
    };
    let crash: String = prices().lines().map(falls).collect();
    let fallen = Harness::at("2021-02-01T12:00:00Z").await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    fallen.try_ingest(raw, crash.as_bytes()).await.unwrap();
    let mut other = ExposureServiceClient::new(fallen.channel().await);
    let last = v1::BacktestRiskRequest { start_on: TODAY.to_owned(), ..request() };
    let before = backtest(&mut client, last.clone()).await;
    let after = backtest(&mut other, last).await;
    for (before, after) in before.backtests.iter().zip(&after.backtests) {
        assert_eq!(before.mean_value_at_risk, after.mean_value_at_risk);
        assert_eq!(after.breach_count, after.forecast_count, "{after:?}");
        assert!(after.forecast_count == 0 || before.worst_breach != after.worst_breach);
    }
    harness.stop().await;
    fallen.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_lines_changes_nothing_and_missing_forecasts_are_said() {
    let (harness, mut client) = market().await;
    let mut turned = request();
    turned.portfolio.as_mut().unwrap().positions.reverse();
    let (one, other) =
        (backtest(&mut client, request()).await, backtest(&mut client, turned).await);
    assert_eq!(one.backtests, other.backtests);
    // The 150 sessions before are not enough for the first forecasts with a filter: 80 are needed.
    let early = v1::BacktestRiskRequest {
        start_on: "2020-10-01".to_owned(),
        end_on: "2020-10-30".to_owned(),
        methods: vec![of(Method::FilteredHistorical(Default::default()))],
        confidences: vec![0.9],
        ..request()
    };
    let answer = backtest(&mut client, early).await;
    let [row] = &answer.backtests[..] else { panic!("one row") };
    assert!(0 < row.missing_count && 0 < row.forecast_count, "{row:?}");
    assert_eq!(row.fewest_sessions, 20);
    let about = |gap: &&v1::Gap| is_about(gap, "Unspecified filtered_historical/1000/0.94");
    let gap = gaps(&answer.info).iter().find(about).expect("a gap");
    assert!(gap.detail.contains(&format!("{} of 22 sessions", row.missing_count)), "{gap:?}");
    let empty = v1::BacktestRiskRequest { start_on: "2030-01-02".to_owned(), ..request() };
    let answer = backtest(&mut client, empty).await;
    assert_eq!((answer.sessions, answer.first_on.as_str(), answer.backtests.len()), (0, "", 10));
    assert!(answer.backtests.iter().all(|row| row.coverage.is_none() && row.forecast_count == 0));
    let replay = v1::BacktestRiskRequest {
        as_of: Some(v1::AsOf {
            when: Some(v1::as_of::When::Snapshot(reference(&one.info).clone())),
            ..v1::AsOf::default()
        }),
        ..request()
    };
    let replay = backtest(&mut client, replay).await;
    assert_eq!(replay.encode_to_vec(), one.encode_to_vec(), "a replay has the same bytes");
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_named() {
    let (harness, mut client) = market().await;
    let decay = Some(0.5);
    let wrong = v1::BacktestRiskRequest {
        as_of: on("2021-02-30"),
        portfolio: None,
        start_on: "2021-01-27".to_owned(),
        end_on: "2021-01-26".to_owned(),
        methods: vec![
            v1::BacktestMethod::default(),
            of(Method::Ewma(v1::EwmaMethod { decay })),
            v1::BacktestMethod {
                window_sessions: Some(20),
                ..of(Method::Gaussian(v1::GaussianMethod {}))
            },
            of(Method::CornishFisher(v1::CornishFisherMethod {})),
            of(Method::CornishFisher(v1::CornishFisherMethod {})),
        ],
        confidences: vec![0.4, f64::NAN, 0.99, 0.99],
        horizon_sessions: Some(61),
    };
    let refused = client.backtest_risk(wrong).await.unwrap_err();
    let paths = [
        "as_of.on",
        "end_on",
        "methods[0].method",
        "methods[1].ewma.decay",
        "methods[2].window_sessions",
        "methods[4]",
        "confidences[0]",
        "confidences[1]",
        "confidences[3]",
        "horizon_sessions",
        "portfolio",
    ];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let positions = vec![held("AA", Size::Quantity(1.0)); 10_000];
    let large = v1::BacktestRiskRequest {
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        start_on: "2020-10-01".to_owned(),
        ..request()
    };
    let refused = client.backtest_risk(large).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["start_on"]);
    harness.stop().await;
}

/// Before the first session, and for a name without prices: no forecasts, and the reason.
#[tokio::test(flavor = "multi_thread")]
async fn without_sessions_or_prices_there_is_no_forecast() {
    let (harness, mut client) = market().await;
    for day in ["1896-01-02", "1992-12-31"] {
        let asked =
            v1::BacktestRiskRequest { as_of: on(day), start_on: String::new(), ..request() };
        let answer = backtest(&mut client, asked).await;
        assert_eq!((answer.sessions, answer.first_on.as_str()), (0, ""), "{day}");
        assert!(answer.backtests.iter().all(|row| row.forecast_count == 0), "{day}");
    }
    let unknown = vec![held("ZZZZ9", Size::Quantity(1_000.0))];
    let portfolio = Some(v1::Portfolio { positions: unknown, ..v1::Portfolio::default() });
    let answer = backtest(&mut client, v1::BacktestRiskRequest { portfolio, ..request() }).await;
    assert_eq!(answer.unresolved.len(), 1);
    for row in &answer.backtests {
        assert_eq!((row.forecast_count, row.missing_count), (0, answer.sessions), "{row:?}");
    }
    assert!(!gaps(&answer.info).is_empty());
    harness.stop().await;
}

/// Long QQQ and short IWM on the largest day of small caps against the Nasdaq since 2000, with prices
/// of IWM and with its total-return levels, which are about half a per cent lower.
#[tokio::test(flavor = "multi_thread")]
async fn vaccine_monday_is_the_worst_breach_of_every_method() {
    let Some(folder) = real_data("a back-test of 2020") else { return };
    for (adjusted_on, tolerance) in [("", 1e-3), ("2021-06-30", 1e-2)] {
        let harness = Harness::start().await;
        for symbol in ["SPY", "QQQ", "IWM"] {
            let bytes = read(&folder, &format!("prices/etf_ohlcv/{symbol}.csv.gz"));
            let mut header = header(&format!("{symbol}.csv.gz"));
            if symbol == "IWM" {
                header.adjusted_on = adjusted_on.to_owned();
            }
            harness.try_ingest(header, &bytes).await.unwrap();
        }
        let mut client = ExposureServiceClient::new(harness.channel().await);
        let positions =
            vec![held("QQQ", Size::Quantity(1_000.0)), held("IWM", Size::Quantity(-1_700.0))];
        let asked = v1::BacktestRiskRequest {
            as_of: on("2020-12-31"),
            portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
            start_on: "2020-07-01".to_owned(),
            ..v1::BacktestRiskRequest::default()
        };
        let answer = backtest(&mut client, asked).await;
        assert_eq!((answer.sessions, answer.first_on.as_str()), (128, "2020-07-01"));
        for row in answer.backtests.iter().filter(|row| 0 < row.forecast_count) {
            assert_eq!((row.forecast_count, row.fewest_sessions), (128, 1_000), "{row:?}");
            let worst = row.worst_breach.as_ref().expect("a breach");
            assert_eq!(worst.on, "2020-11-09", "{row:?}");
            // Closes of Friday and Monday: QQQ 285.38 to 279.55, IWM 153.39 to 158.95.
            let made = 1_000.0 * (279.55 - 285.38) - 1_700.0 * (158.95 - 153.39);
            assert!((worst.pnl - made).abs() < tolerance * made.abs(), "{worst:?} {made}");
        }
        assert!(answer.backtests[..8].iter().all(|row| row.forecast_count == 128));
        harness.stop().await;
    }
}
