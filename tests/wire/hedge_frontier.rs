//! Frontiers over what trading costs and over the number of lines.

use crate::{
    golden::ROTATION_ON,
    harness::{expect_refusal, named, on},
    hedge::{fund, market, outcome, problem},
};
use contract::v1::{self, hedge_constraint::Limited, hedge_plan::Result as Outcome};
use tonic::Code;

fn frontier(
    portfolio: &v1::Portfolio,
    problem: v1::HedgeProblem,
    (constraint_id, limits): (&str, &[f64]),
) -> v1::TraceFrontierRequest {
    v1::TraceFrontierRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(portfolio.clone()),
        problem: Some(problem),
        constraint_id: constraint_id.to_owned(),
        side: v1::HedgeSide::Upper.into(),
        limits: limits.to_vec(),
        ..Default::default()
    }
}

/// The plans, the narrowest limit first: no objective rises.
fn by_limit(answer: &v1::TraceFrontierResponse) -> Vec<(f64, v1::HedgeOutcome)> {
    let mut points: Vec<(f64, v1::HedgeOutcome)> = answer
        .points
        .iter()
        .map(|point| (point.limit, outcome(point.plan.as_ref().unwrap()).clone()))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let after = |at: usize| points[at].1.objective.as_ref().unwrap().after;
    for at in 1..points.len() {
        assert!(after(at) <= after(at - 1) + 1e-6 * after(at).abs(), "{at}");
    }
    assert!(after(points.len() - 1) < after(0), "more room is worth something");
    points
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frontier_over_half_spreads_and_commissions() {
    let (_harness, mut client, book) = market().await;
    let fine = v1::HedgeTerms { lot_quantity: Some(1e-6), ..Default::default() };
    let spread = Limited::Trades(v1::HedgeTradesNumber::Spread.into());
    let mut problem = v1::HedgeProblem { terms: Some(fine), ..problem() };
    problem.constraints.push(v1::HedgeConstraint {
        constraint_id: "cost".to_owned(),
        lower: None,
        upper: Some(1e3),
        limited: Some(spread),
    });
    let asked = frontier(&book, problem.clone(), ("cost", &[2e3, 0.0, 500.0, 1e3]));
    let points = by_limit(&client.trace_frontier(asked).await.unwrap().into_inner());
    for (limit, outcome) in &points {
        let cost = outcome.cost.as_ref().unwrap().spread;
        assert!(cost <= limit + 1.0, "{cost} of {limit}");
        let value = outcome.constraints.iter().find(|one| one.constraint_id == "cost").unwrap();
        assert!((value.after - cost).abs() < 1e-6 && value.before == 0.0, "{value:?} {cost}");
    }
    assert_eq!(points[0].1.trades.len(), 0, "nothing trades for nothing");
    problem.constraints.last_mut().unwrap().lower = Some(1.0);
    let asked = frontier(&book, problem, ("cost", &[1e3]));
    let status = client.trace_frontier(asked).await.unwrap_err();
    let path = "problem.constraints[1].lower";
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &[path]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frontier_over_the_number_of_lines() {
    let (_harness, mut client, book) = market().await;
    let mut problem = v1::HedgeProblem { max_lines: Some(2), ..problem() };
    problem.instruments.push(fund("SPY"));
    let asked = frontier(&book, problem.clone(), ("max_lines", &[4.0, 1.0, 2.0]));
    let answer = client.trace_frontier(asked).await.unwrap().into_inner();
    let limits: Vec<f64> = answer.points.iter().map(|point| point.limit).collect();
    assert_eq!(limits, [4.0, 1.0, 2.0]);
    for (limit, outcome) in by_limit(&answer) {
        assert!(outcome.trades.len() as f64 <= limit, "{limit} {:?}", outcome.trades);
    }
    let asked = frontier(&book, problem.clone(), ("max_lines", &[1.5, 0.0, 3.0]));
    let status = client.trace_frontier(asked).await.unwrap_err();
    let paths = ["limits[0]", "limits[1]"];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let mut asked = frontier(&book, problem.clone(), ("max_lines", &[1.0]));
    asked.side = v1::HedgeSide::Lower.into();
    let status = client.trace_frontier(asked).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &["side"]);
    problem.max_lines = None;
    let asked = frontier(&book, problem, ("max_lines", &[1.0]));
    let status = client.trace_frontier(asked).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &["constraint_id"]);
}

/// Two lines must trade by 600,000 each, in tickets of a million: within a turnover of 1.3 million a search of
/// one branch finds no plan, and there is none; with five million both are traded. The one says why, the
/// other is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_point_without_a_plan_leaves_the_others() {
    let (_harness, mut client, book) = market().await;
    let turnover = Limited::Trades(v1::HedgeTradesNumber::Turnover.into());
    let limit = |id: &str, limited, lower, upper| v1::HedgeConstraint {
        constraint_id: id.to_owned(),
        lower,
        upper,
        limited: Some(limited),
    };
    let trade = |symbol: &str| {
        let line = Some(v1::hedge_line::Line::Instrument(named(symbol).unwrap()));
        Limited::Trade(v1::HedgeLine { line })
    };
    let problem = v1::HedgeProblem {
        constraints: vec![
            limit("turnover", turnover, None, Some(5e6)),
            limit("bought", trade("IWM"), Some(6e5), None),
            limit("sold", trade("QQQ"), None, Some(-6e5)),
        ],
        min_ticket: Some(1e6),
        max_participation: Some(1.0),
        solve_limits: Some(v1::SolveLimits { max_nodes: Some(1), ..Default::default() }),
        ..problem()
    };
    let mut asked = frontier(&book, problem, ("turnover", &[5e6, 1.3e6]));
    asked.kind = v1::HedgePlanKind::Overlay.into();
    let answer = client.trace_frontier(asked).await.unwrap().into_inner();
    let [wide, narrow] = &answer.points[..] else { panic!("{answer:?}") };
    assert_eq!(outcome(wide.plan.as_ref().unwrap()).trades.len(), 2);
    let Some(Outcome::Unsolved(why)) = &narrow.plan.as_ref().unwrap().result else {
        panic!("{narrow:?}")
    };
    assert_eq!(why.reason(), v1::HedgeUnsolvedReason::NodeLimit);
}
