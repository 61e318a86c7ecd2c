//! What hedges cost, beside what other services say of the same.

use crate::{
    golden::ROTATION_ON,
    harness::{expect_refusal, named, on},
    hedge::{market, outcome, plan_request},
};
use contract::v1::{self, hedge_objective::Risk, squeeze_service_client::SqueezeServiceClient};
use tonic::Code;

/// Half spread and commission are 4 basis points by default; the rest of the cost is that of the squeeze
/// service.
#[tokio::test(flavor = "multi_thread")]
async fn covering_costs_what_the_squeeze_service_says() {
    let (harness, mut client, book) = market().await;
    let plan = client.plan_hedge(plan_request(book.clone())).await.unwrap().into_inner();
    let mut squeeze = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::AssessShortBookRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book),
        ..Default::default()
    };
    let shorts = squeeze.assess_short_book(request).await.unwrap().into_inner();
    assert!(!plan.cover_order.is_empty());
    let symbol = |short: &v1::ShortLine| short.name.as_ref().unwrap().symbol.clone();
    for step in &plan.cover_order {
        let of = shorts.lines.iter().find(|short| symbol(short) == step.line_id).unwrap();
        let estimate = &of.covering_cost.as_ref().unwrap().estimates[0];
        let expected = 0.0004 * step.market_value + estimate.cost;
        assert!((step.cost / expected - 1.0).abs() < 1e-9, "{step:?} {estimate:?}");
    }
}

/// Traded evenly, a fifth in each period, trades cost what the plan says. With the aversion of the
/// objective they are done sooner, at a higher cost and a lower risk.
#[tokio::test(flavor = "multi_thread")]
async fn trades_worked_evenly_cost_what_the_plan_says() {
    let (_harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    request.without_effectiveness = true;
    let mut scheduled = async |risk_aversion| {
        let working =
            v1::HedgeWorking { period_count: Some(5), risk_aversion, ..Default::default() };
        request.problem.as_mut().unwrap().working = Some(working);
        client.plan_hedge(request.clone()).await.unwrap().into_inner().plans
    };
    let (even, averse) = (scheduled(Some(0.0)).await, scheduled(None).await);
    for (even, averse) in even.iter().zip(&averse).map(|(a, b)| (outcome(a), outcome(b))) {
        assert_eq!(even.trades, averse.trades, "a schedule changes no plan");
        let cost = even.cost.as_ref().unwrap();
        let sum: f64 = even.schedules.iter().map(|schedule| schedule.expected_cost).sum();
        assert!((sum / (cost.spread + cost.impact) - 1.0).abs() < 1e-9, "{sum} {cost:?}");
        assert_eq!(even.schedules.len(), even.trades.len());
        for (at, trade) in even.trades.iter().enumerate() {
            let (slow, fast) = (&even.schedules[at], &averse.schedules[at]);
            assert_eq!((&slow.line_id, &fast.line_id), (&trade.line_id, &trade.line_id));
            for (step, fifths) in slow.steps.iter().zip([4.0, 3.0, 2.0, 1.0, 0.0]) {
                let left = trade.market_value * fifths / 5.0;
                assert!((step.left_market_value - left).abs() < 1.0, "{trade:?} {slow:?}");
            }
            assert_eq!((slow.steps.len(), slow.steps[4].minute), (5, 390));
            assert!(slow.steps.windows(2).all(|pair| pair[0].minute < pair[1].minute));
            let left = |of: &v1::HedgeTradeSchedule| of.steps[0].left_market_value.abs();
            assert!(left(fast) < left(slow));
            assert!(fast.cost_deviation < slow.cost_deviation);
            assert!(slow.expected_cost < fast.expected_cost);
        }
    }
}

/// The objective is the price of risk, a/(2·wealth)·H·σ² of the header of `hedge.proto`, and all costs;
/// what it takes from the book is in the problem that the answer repeats. A future is not borrowed.
#[tokio::test(flavor = "multi_thread")]
async fn an_objective_is_the_sum_of_its_parts() {
    let (_harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    request.without_effectiveness = true;
    let problem = request.problem.as_mut().unwrap();
    problem.working = Some(v1::HedgeWorking::default());
    let usual = v1::HedgeTerms { long_carry_per_year: Some(0.02), ..Default::default() };
    problem.terms = Some(usual);
    let future = v1::HedgeInstrument {
        instrument: problem.instruments[0].instrument.clone(),
        contract: Some(v1::HedgeContract {
            contract_id: "FUT".to_owned(),
            multiplier: 50.0,
            option: None,
        }),
        daily_value: Some(1e10),
        ..Default::default()
    };
    problem.instruments.push(future);
    let answer = client.plan_hedge(request).await.unwrap().into_inner();
    let problem = answer.problem.as_ref().unwrap();
    let terms = |one: &v1::HedgeInstrument| one.terms.unwrap().short_carry_per_year;
    assert_eq!(terms(&problem.instruments[0]), Some(0.003));
    assert_eq!(terms(problem.instruments.last().unwrap()), Some(0.0));
    let objective = problem.objective.as_ref().unwrap();
    let Some(Risk::Variance(variance)) = &objective.risk else { panic!("{objective:?}") };
    let aversion = variance.relative_risk_aversion.unwrap() / (2.0 * variance.wealth.unwrap());
    assert_eq!(problem.working.as_ref().unwrap().risk_aversion, Some(aversion));
    let horizon = objective.horizon_sessions.unwrap();
    for outcome in answer.plans.iter().map(outcome) {
        let cost = outcome.cost.as_ref().unwrap();
        let (holding, sigma) = (cost.holding.unwrap(), outcome.volatility.unwrap());
        // A year has 252 sessions, and the carry of all its days.
        let year = outcome.carry_per_year.unwrap();
        for (holding, year) in [(holding.before, year.before), (holding.after, year.after)] {
            assert!((holding - year * horizon / 252.0).abs() < 1e-9 * year.abs(), "{outcome:?}");
        }
        let expected = |holding: f64, sigma: f64| aversion * horizon * sigma * sigma + holding;
        let before = expected(holding.before, sigma.before);
        let after = expected(holding.after, sigma.after) + cost.spread + cost.impact;
        let found = outcome.objective.unwrap();
        assert!((found.before / before - 1.0).abs() < 1e-9, "{found:?} {before}");
        assert!((found.after / after - 1.0).abs() < 1e-9, "{found:?} {after}");
        let cut = 1.0 - (sigma.after / sigma.before).powi(2);
        assert!((outcome.model_variance_cut.unwrap() - cut).abs() < 1e-9, "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_schedule_can_have_is_named() {
    let (_harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    let problem = request.problem.as_mut().unwrap();
    problem.timing = Some(v1::HedgeTiming { start_minute: Some(60), ..Default::default() });
    problem.working = Some(v1::HedgeWorking {
        period_count: Some(27),
        until_minute: Some(60),
        risk_aversion: Some(-1.0),
    });
    let status = client.plan_hedge(request.clone()).await.unwrap_err();
    let paths =
        ["period_count", "until_minute", "risk_aversion"].map(|f| format!("problem.working.{f}"));
    let paths = paths.each_ref().map(String::as_str);
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let problem = request.problem.as_mut().unwrap();
    problem.working = Some(v1::HedgeWorking::default());
    let risk = Some(Risk::Shortfall(v1::HedgeShortfall::default()));
    problem.objective = Some(v1::HedgeObjective { risk, ..Default::default() });
    let status = client.plan_hedge(request).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths[2..]);
}

/// The loss that the squeeze budget limits is that of the three costliest shorts in the answer about
/// the squeeze of the same book, a fund with unknown holdings among them.
#[tokio::test(flavor = "multi_thread")]
async fn plans_lose_by_a_squeeze_what_the_squeeze_service_says() {
    let (harness, mut client, mut book) = market().await;
    let mut fund = book.positions[0].clone();
    fund.position_id = "fund".to_owned();
    fund.instrument = named("IWM");
    fund.size = Some(v1::position::Size::Quantity(-4e6));
    book.positions.push(fund);
    let mut request = plan_request(book.clone());
    request.without_effectiveness = true;
    let plan = client.plan_hedge(request).await.unwrap().into_inner();
    let mut squeeze = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::AssessShortBookRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book),
        settings: Some(v1::AnalysisSettings {
            look_through: Some(v1::LookThrough { view: v1::FundView::Netted.into() }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let shorts = squeeze.assess_short_book(request).await.unwrap().into_inner();
    let scenarios = &shorts.scenarios;
    let three = scenarios.iter().find(|scenario| {
        scenario.kind() == v1::SqueezeScenarioKind::Costliest && scenario.symbols.len() == 3
    });
    let three = three.unwrap();
    assert!(three.symbols.iter().any(|symbol| symbol == "IWM"), "{three:?}");
    let loss = outcome(&plan.plans[0]).squeeze_loss.as_ref().unwrap().before;
    assert!((loss / -three.pnl - 1.0).abs() < 1e-9, "{loss} {three:?}");
}
