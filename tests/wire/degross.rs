//! "Halve the trade's beta for the least cost by noon": a book that is only cut.

use crate::{
    golden::ROTATION_ON,
    harness::{named, on},
    hedge::{bottom_up, market, outcome, plan_request},
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, hedge_line::Line, hedge_objective::Risk,
    hedge_order::Size,
};

const NOON: i32 = 150;

/// A limit on the book's beta to the trade, at next to no price of risk.
fn problem(most: f64) -> v1::HedgeProblem {
    let risk = v1::HedgeVariance { relative_risk_aversion: Some(1e-6), ..Default::default() };
    v1::HedgeProblem {
        terms: Some(v1::HedgeTerms { lot_quantity: Some(1e-6), ..Default::default() }),
        objective: Some(v1::HedgeObjective {
            risk: Some(Risk::Variance(risk)),
            horizon_sessions: None,
        }),
        constraints: vec![v1::HedgeConstraint {
            constraint_id: "beta".to_owned(),
            lower: None,
            upper: Some(most),
            limited: Some(bottom_up("ballast-regression", "trade/megacap_small_cap")),
        }],
        squeeze_budget: Some(v1::HedgeSqueezeBudget { off: true, max_loss: None }),
        max_participation: Some(1.0),
        timing: Some(v1::HedgeTiming { start_minute: Some(0), decide_by_minute: Some(NOON) }),
        working: Some(v1::HedgeWorking {
            period_count: Some(6),
            until_minute: Some(NOON),
            risk_aversion: None,
        }),
        ..Default::default()
    }
}

fn value(outcome: &v1::HedgeOutcome) -> &v1::HedgeConstraintValue {
    outcome.constraints.iter().find(|one| one.constraint_id == "beta").unwrap()
}

/// The plan halves the beta, costs no more than halving every position, which does so too, and says by
/// when how much of each order is done and what risk is left.
#[tokio::test(flavor = "multi_thread")]
async fn the_beta_of_the_trade_is_halved_at_the_least_cost() {
    let (harness, mut client, book) = market().await;
    let mut request = plan_request(book.clone());
    request.without_effectiveness = true;
    request.problem = Some(problem(1e15));
    let free = client.plan_hedge(request.clone()).await.unwrap().into_inner();
    let beta = value(outcome(&free.plans[0])).before;
    assert!(1e6 < beta, "the book is in the trade");

    request.problem = Some(problem(0.5 * beta));
    let answer = client.plan_hedge(request).await.unwrap().into_inner();
    let cut = outcome(&answer.plans[0]);
    assert!((value(cut).after / (0.5 * beta) - 1.0).abs() < 1e-4, "{:?}", value(cut));
    for trade in &cut.trades {
        let held = trade.position.as_ref().unwrap();
        assert!(held.after.abs() < held.before.abs() && 0.0 <= held.after * held.before);
    }
    let sizes: Vec<f64> = cut.trades.iter().map(|trade| trade.market_value.abs()).collect();
    assert!(sizes.is_sorted_by(|a, b| b <= a), "the largest first");

    // Half of every position: as far from the trade, and dearer.
    let listed = v1::AnalyzePortfolioRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book.clone()),
        top_positions: Some(10_000),
        ..Default::default()
    };
    let mut exposure = ExposureServiceClient::new(harness.channel().await);
    let report = exposure.analyze_portfolio(listed).await.unwrap().into_inner().report;
    let positions = report.unwrap().positions;
    let order = |row: &v1::PositionExposure| v1::HedgeOrder {
        line: Some(v1::HedgeLine { line: named(&row.symbol).map(Line::Instrument) }),
        size: Some(Size::MarketValue(-0.5 * row.market_value)),
    };
    let asked = v1::EvaluateHedgeRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book),
        problem: Some(problem(0.5 * beta)),
        orders: positions.iter().map(order).collect(),
        ..Default::default()
    };
    let half = client.evaluate_hedge(asked).await.unwrap().into_inner().own.unwrap();
    assert!((value(&half).after / (0.5 * beta) - 1.0).abs() < 1e-3, "{:?}", value(&half));
    let after = |outcome: &v1::HedgeOutcome| outcome.objective.as_ref().unwrap().after;
    assert!(after(cut) < after(&half), "{} {}", after(cut), after(&half));

    // Every order is worked until noon, and nothing is left then.
    assert_eq!(cut.schedules.len(), cut.trades.len());
    for (schedule, trade) in cut.schedules.iter().zip(&cut.trades) {
        let left: Vec<f64> =
            schedule.steps.iter().map(|step| step.left_market_value / trade.market_value).collect();
        assert!(left.is_sorted_by(|a, b| b <= a) && left[0] < 1.0, "{left:?}");
        let last = schedule.steps.last().unwrap();
        assert_eq!((last.minute, last.left_market_value.abs()), (NOON, 0.0));
    }
    // At the close all is done: the risk is that of the plan, and the beta half.
    let (noon, close) = (&cut.progress[0], cut.progress.last().unwrap());
    assert_eq!((noon.minute, close.minute), (NOON, 390));
    assert!(noon.done_share <= close.done_share && close.left_value <= noon.left_value);
    assert!((close.done_share - 1.0).abs() < 1e-9);
    assert!((close.trade_beta.unwrap() / value(cut).after - 1.0).abs() < 1e-6);
    let volatility = cut.volatility.as_ref().unwrap();
    assert!((close.volatility / volatility.after - 1.0).abs() < 1e-6);
    assert!(close.trade_beta.unwrap() <= noon.trade_beta.unwrap());
}
