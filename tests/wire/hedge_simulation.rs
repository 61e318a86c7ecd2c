//! Plans by expected shortfall over simulated scenarios.

use crate::{
    harness::expect_refusal,
    hedge::{market, outcome, plan_request},
};
use contract::v1::{self, hedge_objective::Risk};
use tonic::Code;

fn by_simulation(book: &v1::Portfolio, simulation: v1::HedgeSimulation) -> v1::PlanHedgeRequest {
    let mut request = plan_request(book.clone());
    let shortfall =
        v1::HedgeShortfall { simulation: Some(simulation), ..v1::HedgeShortfall::default() };
    let objective =
        v1::HedgeObjective { risk: Some(Risk::Shortfall(shortfall)), ..Default::default() };
    request.problem.as_mut().unwrap().objective = Some(objective);
    request
}

/// What the answer repeats of the scenarios.
fn echoed(problem: &Option<v1::HedgeProblem>) -> v1::HedgeSimulation {
    let objective = problem.as_ref().unwrap().objective.as_ref().unwrap();
    match &objective.risk {
        Some(Risk::Shortfall(shortfall)) => shortfall.simulation.unwrap(),
        other => unreachable!("{other:?}"),
    }
}

/// The defaults are echoed, and given as they are echoed the answer is the same. The expected shortfall of
/// the book as held is near that of Student's t with four degrees, 2.2648 standard deviations at 95 % by
/// `tests/oracles/hedge_simulation.py`, over the horizon of ten sessions. The error of 500 draws is
/// 5.54/√500 = 0.25 deviations.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_by_simulated_scenarios_says_what_was_drawn() {
    let (_harness, mut client, book) = market().await;
    let asked = by_simulation(&book, v1::HedgeSimulation::default());
    let found = client.plan_hedge(asked).await.unwrap().into_inner();
    let used = echoed(&found.problem);
    let expected = v1::HedgeSimulation {
        scenario_count: Some(500),
        distribution: v1::HedgeDistribution::StudentT.into(),
        degrees_of_freedom: Some(4),
        sessions: Some(10.0),
        days: v1::HedgeDays::All.into(),
    };
    assert_eq!(used, expected);
    for plan in &found.plans {
        let outcome = outcome(plan);
        assert_eq!(outcome.shortfall_scenario_count, 500);
        let deviation = 10.0_f64.sqrt() * outcome.volatility.unwrap().before;
        let (known, fresh) =
            (outcome.expected_shortfall.unwrap(), outcome.fresh_expected_shortfall.unwrap());
        for before in [known.before, fresh.before] {
            assert!((before / deviation - 2.2648).abs() < 1.0, "{before} {deviation}");
        }
        assert!(known.after < known.before && fresh.after < fresh.before, "{known:?} {fresh:?}");
    }
    let again = client.plan_hedge(by_simulation(&book, used)).await.unwrap().into_inner();
    assert_eq!((&again.plans, &again.problem), (&found.plans, &found.problem));

    // On large days of one session with a normal distribution everything is another number.
    let large = v1::HedgeSimulation {
        scenario_count: Some(200),
        distribution: v1::HedgeDistribution::Normal.into(),
        sessions: Some(1.0),
        days: v1::HedgeDays::LargeMoves.into(),
        ..Default::default()
    };
    let large = client.plan_hedge(by_simulation(&book, large)).await.unwrap().into_inner();
    assert!(large.large_days.is_some() && found.large_days.is_none());
    assert_eq!(outcome(&large.plans[1]).shortfall_scenario_count, 200);
    assert_ne!(outcome(&large.plans[1]).trades, outcome(&found.plans[1]).trades);

    // Past sessions have no fresh ones.
    let mut past = by_simulation(&book, v1::HedgeSimulation::default());
    past.without_effectiveness = true;
    let risk = Some(Risk::Shortfall(v1::HedgeShortfall::default()));
    past.problem.as_mut().unwrap().objective.as_mut().unwrap().risk = risk;
    let past = client.plan_hedge(past).await.unwrap().into_inner();
    let past = outcome(&past.plans[1]);
    assert!(0 < past.shortfall_scenario_count && past.fresh_expected_shortfall.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_drawn_is_named() {
    let (_harness, mut client, book) = market().await;
    let wrong = v1::HedgeSimulation {
        scenario_count: Some(99),
        distribution: 9,
        degrees_of_freedom: Some(2),
        sessions: Some(0.0),
        days: 9,
    };
    let status = client.plan_hedge(by_simulation(&book, wrong)).await.unwrap_err();
    let path = |field: &str| format!("problem.objective.shortfall.simulation.{field}");
    let fields = ["scenario_count", "distribution", "degrees_of_freedom", "sessions", "days"];
    let paths = fields.map(path);
    let paths = paths.each_ref().map(String::as_str);
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let odd = v1::HedgeSimulation {
        scenario_count: Some(101),
        distribution: v1::HedgeDistribution::Normal.into(),
        degrees_of_freedom: Some(4),
        ..Default::default()
    };
    let status = client.plan_hedge(by_simulation(&book, odd)).await.unwrap_err();
    let paths = [paths[0], paths[2]];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}
