//! Options after a scenario: what they make beyond their delta.

use crate::{
    derivatives::{line, near, option},
    golden::{LAST_ON, NOW, ROTATION_ON, book, simulated},
    harness::{Harness, gaps, held, named, on},
    stress,
};
use contract::v1::{
    self, OptionRight, PositionKind as Kind, exposure_service_client::ExposureServiceClient,
    move_size::Size as Moved, option_terms::Sensitivity, position::Size, scenario_shock::Target,
    short_squeeze::Shorts, squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use tonic::transport::Channel;

/// Stress says what options make beyond their delta: nothing for one that is as good as a share, and
/// more than nothing for whoever holds a choice, whichever way the price goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_values_options_anew() {
    let harness = Harness::at(NOW).await;
    let simulated = simulated(&harness).await;
    let channel = harness.channel().await;
    let asked = v1::AnalyzePortfolioRequest {
        as_of: on(LAST_ON),
        portfolio: Some(book(&simulated)),
        ..Default::default()
    };
    let analysis = ExposureServiceClient::new(channel.clone()).analyze_portfolio(asked).await;
    let held = analysis.unwrap().into_inner().report.unwrap().positions;
    let [first, second, third, ..] = &held[..] else { panic!("three names") };
    let mut client = StressServiceClient::new(channel);
    let terms = |strike: f64| {
        let model = v1::BlackScholesTerms {
            right: OptionRight::Call.into(),
            strike: Some(strike),
            expires_on: "2025-01-17".to_owned(),
            volatility: Some(0.4),
            rate: Some(0.0),
            dividend_yield: None,
        };
        Some(option(Some(100.0), Sensitivity::BlackScholes(model)))
    };
    let of = |name: &v1::PositionExposure, strike: f64, contracts: f64| {
        line(Kind::Option, &name.symbol, Size::Quantity(contracts), terms(strike))
    };
    // A strike of next to nothing, one at the close held long, and one at the close sold.
    let positions = vec![
        of(first, 1e-6, 10.0),
        of(second, second.price.unwrap(), 10.0),
        of(third, third.price.unwrap(), -10.0),
    ];
    let asked = v1::RunStressRequest {
        as_of: on(LAST_ON),
        portfolio: Some(v1::Portfolio { positions, ..Default::default() }),
        scenarios: vec![stress::replay(ROTATION_ON, ""), stress::listed("rotation_2024_07")],
        volatility_changes: vec![0.0, 0.1, -5.0],
        ..Default::default()
    };
    let answer = client.run_stress(asked.clone()).await.unwrap().into_inner();
    for result in &answer.results {
        let pnl = result.outcome.as_ref().unwrap();
        let [share, held, sold] = &pnl.options[..] else { panic!("{:?}", pnl.options) };
        let beyond = |row: &v1::RepricedOption| row.repriced_pnl - row.first_order_pnl;
        // A strike of 1e-6 is worth 1e-3 for 1,000 shares.
        near(beyond(share), 0.0, 1e-3);
        assert!(share.total_return != 0.0 && 0.0 < beyond(held) && beyond(sold) < 0.0);
        near(pnl.beyond_first_order_pnl.unwrap(), pnl.options.iter().map(beyond).sum(), 1e-9);
        on_the_grid(pnl);
        let first_order: f64 = pnl.options.iter().map(|row| row.first_order_pnl).sum();
        near(first_order, pnl.pnl, 1e-6 * pnl.pnl.abs().max(1.0));
        let ids: Vec<_> = pnl.options.iter().map(|row| row.position_id.as_str()).collect();
        assert_eq!(ids, [0, 1, 2].map(|at| format!("portfolio.positions[{at}]")));
    }
    netted_and_unlisted(&mut client, asked, &answer).await;
    harness.stop().await;
}

/// A higher volatility gains for whoever holds an option and costs who sold it, a share has none; without
/// a change the P&L is that at the scenario's price.
fn on_the_grid(pnl: &v1::ScenarioOutcome) {
    let [share, held, sold] = &pnl.options[..] else { panic!("{:?}", pnl.options) };
    let grid = |row: &v1::RepricedOption| -> [f64; 3] {
        row.repriced_pnl_by_change.clone().try_into().unwrap()
    };
    for (row, sign) in [(held, 1.0), (sold, -1.0)] {
        let [same, higher, none] = grid(row);
        assert_eq!(same.to_bits(), row.repriced_pnl.to_bits());
        assert!(0.0 < sign * (higher - same) && 0.0 < sign * (same - none), "{row:?}");
    }
    for made in grid(share) {
        near(made, share.repriced_pnl, 1e-3);
    }
    let sums = &pnl.beyond_first_order_pnl_by_change;
    assert_eq!(sums.len(), 3);
    for (at, sum) in sums.iter().enumerate() {
        let beyond = |row: &v1::RepricedOption| grid(row)[at] - row.first_order_pnl;
        near(*sum, pnl.options.iter().map(beyond).sum(), 1e-9);
    }
}

/// An option whose shares are hedged away has its part in the sum, and so have options that are not
/// among the positions listed.
async fn netted_and_unlisted(
    client: &mut StressServiceClient<Channel>,
    mut asked: v1::RunStressRequest,
    before: &v1::RunStressResponse,
) {
    let portfolio = asked.portfolio.as_mut().unwrap();
    let analysis = &before.results[0].outcome.as_ref().unwrap().positions;
    let hedges: Vec<v1::Position> = analysis
        .iter()
        .map(|row| held(&row.symbol, Size::MarketValue(-row.market_value)))
        .collect();
    portfolio.positions.extend(hedges);
    asked.top_positions = Some(1);
    let answer = client.run_stress(asked).await.unwrap().into_inner();
    for (result, before) in answer.results.iter().zip(&before.results) {
        let (pnl, before) = (result.outcome.as_ref().unwrap(), before.outcome.as_ref().unwrap());
        near(pnl.pnl, 0.0, 1e-9);
        let sum = before.beyond_first_order_pnl.unwrap();
        near(pnl.beyond_first_order_pnl.unwrap(), sum, 1e-6 * sum.abs());
        let beyond = |row: &v1::RepricedOption| (row.repriced_pnl - row.first_order_pnl).abs();
        let largest = before.options.iter().map(beyond).fold(0.0, f64::max);
        let [listed] = &pnl.options[..] else { panic!("{:?}", pnl.options) };
        near(beyond(listed), largest, 1e-6 * largest);
    }
}

/// A put at the close of a name. AssessShortBook loses in a squeeze what a shock of the squeeze's size
/// makes of it, and a squeeze on top of a fall by a tenth what a shock to the price after both makes; no
/// answer about its squeeze takes it by its delta.
#[tokio::test(flavor = "multi_thread")]
async fn a_squeeze_values_options_anew() {
    let harness = Harness::at(NOW).await;
    let simulated = simulated(&harness).await;
    let channel = harness.channel().await;
    let asked = v1::AnalyzePortfolioRequest {
        as_of: on(LAST_ON),
        portfolio: Some(book(&simulated)),
        ..Default::default()
    };
    let analysis = ExposureServiceClient::new(channel.clone()).analyze_portfolio(asked).await;
    let report = analysis.unwrap().into_inner().report.unwrap();
    let (symbol, price) = (&report.positions[0].symbol, report.positions[0].price);
    let model = v1::BlackScholesTerms {
        right: OptionRight::Put.into(),
        strike: price,
        expires_on: "2025-01-17".to_owned(),
        volatility: Some(0.4),
        rate: Some(0.0),
        dividend_yield: None,
    };
    let terms = Some(option(Some(100.0), Sensitivity::BlackScholes(model)));
    let positions = vec![line(Kind::Option, symbol, Size::Quantity(10.0), terms)];
    let portfolio = Some(v1::Portfolio { positions, ..Default::default() });
    let asked = v1::AssessShortBookRequest {
        as_of: on(LAST_ON),
        portfolio: portfolio.clone(),
        ..Default::default()
    };
    let mut client = SqueezeServiceClient::new(channel.clone());
    let answer = client.assess_short_book(asked).await.unwrap().into_inner();
    let is_first_order = |gap: &v1::Gap| gap.reason() == v1::GapReason::FirstOrder;
    assert!(!gaps(&answer.info).iter().any(is_first_order));
    let short = &answer.lines[0];
    let jump = short.name.as_ref().unwrap().squeeze_threshold.unwrap();
    let lost = short.squeeze_pnl.unwrap();
    assert!(short.market_value * jump < lost && lost < 0.0, "{short:?}");

    let shock = |size: f64| {
        let target = Target::Instrument(named(symbol).unwrap());
        let scenario_id = size.to_string();
        v1::Scenario { scenario_id, ..stress::shocked(target, Moved::TotalReturn(size)) }
    };
    let squeezed = stress::squeezed(shock(-0.1), Shorts::CostliestCount(1));
    let asked = v1::RunStressRequest {
        as_of: on(LAST_ON),
        portfolio,
        scenarios: vec![squeezed, shock(jump), shock(0.9 * (1.0 + jump) - 1.0)],
        ..Default::default()
    };
    let answer = StressServiceClient::new(channel).run_stress(asked).await.unwrap().into_inner();
    let [both, alone, after] = &answer.results[..] else { panic!("three scenarios") };
    let made = |result: &v1::StressResult| result.outcome.as_ref().unwrap().options[0].clone();
    near(made(alone).total_return, jump, 1e-9);
    near(lost, made(alone).repriced_pnl, 1e-6 * lost.abs());
    let beyond = both.outcome.as_ref().unwrap().beyond_first_order_pnl.unwrap();
    let squeezed = both.squeezed.as_ref().unwrap();
    let expected = made(after).repriced_pnl;
    near(squeezed.pnl + beyond, expected, 1e-6 * expected.abs());
    harness.stop().await;
}
