//! The hedge service over the wire: plans, their laws, refusals, and replays.

use crate::{
    golden::{NOW, ROTATION_ON, book, simulated},
    harness::{
        Harness, expect_refusal, forget_reference, gaps, header, named, on, reference, replay_of,
        subjects,
    },
};
use contract::v1::{
    self, HedgePlanKind as Kind, exposure_service_client::ExposureServiceClient,
    hedge_constraint::Limited, hedge_line::Line, hedge_plan::Result as Outcome,
    hedge_service_client::HedgeServiceClient, measure_ref::Measure,
};
use prost::Message as _;
use tonic::{Code, transport::Channel};

/// A fund that may be traded on the terms of the problem.
pub(crate) fn fund(symbol: &str) -> v1::HedgeInstrument {
    v1::HedgeInstrument { instrument: named(symbol), ..Default::default() }
}

/// Two funds, and a limit on the net.
pub(crate) fn problem() -> v1::HedgeProblem {
    v1::HedgeProblem {
        instruments: vec![fund("IWM"), fund("QQQ")],
        constraints: vec![between("net", net(), Some(-40e6), Some(40e6))],
        ..Default::default()
    }
}

pub(crate) fn plan_request(portfolio: v1::Portfolio) -> v1::PlanHedgeRequest {
    v1::PlanHedgeRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(portfolio),
        problem: Some(problem()),
        ..Default::default()
    }
}

fn between(
    id: &str,
    limited: Limited,
    lower: Option<f64>,
    upper: Option<f64>,
) -> v1::HedgeConstraint {
    v1::HedgeConstraint { constraint_id: id.to_owned(), lower, upper, limited: Some(limited) }
}

fn net() -> Limited {
    let book = v1::BookRef {
        number: v1::BookNumber::Exposure.into(),
        exposure: v1::ExposureNumber::Net.into(),
        ..Default::default()
    };
    Limited::Measure(v1::MeasureRef { measure: Some(Measure::Book(book)) })
}

pub(crate) fn bottom_up(model_id: &str, factor_id: &str) -> Limited {
    let factor = v1::FactorRef {
        model_id: model_id.to_owned(),
        factor_id: factor_id.to_owned(),
        number: v1::FactorNumber::BottomUp.into(),
    };
    Limited::Measure(v1::MeasureRef { measure: Some(Measure::Factor(factor)) })
}

fn line(symbol: &str) -> Option<v1::HedgeLine> {
    Some(v1::HedgeLine { line: named(symbol).map(Line::Instrument) })
}

/// A server with the simulated market, and its book.
pub(crate) async fn market() -> (Harness, HedgeServiceClient<Channel>, v1::Portfolio) {
    let harness = Harness::at(NOW).await;
    let market = simulated(&harness).await;
    let client = HedgeServiceClient::new(harness.channel().await);
    (harness, client, book(&market))
}

#[track_caller]
pub(crate) fn solution(plan: &v1::HedgePlan) -> &v1::HedgeSolution {
    let Some(Outcome::Solution(solution)) = &plan.result else { panic!("{:?}", plan.result) };
    solution
}

#[track_caller]
pub(crate) fn outcome(plan: &v1::HedgePlan) -> &v1::HedgeOutcome {
    solution(plan).outcome.as_ref().unwrap()
}

fn net_of(report: &Option<v1::ExposureReport>) -> f64 {
    report.as_ref().unwrap().total.as_ref().unwrap().net
}

fn traded(outcome: &v1::HedgeOutcome) -> f64 {
    outcome.trades.iter().map(|trade| trade.market_value).sum()
}

fn gain(outcome: &v1::HedgeOutcome) -> f64 {
    let objective = outcome.objective.as_ref().unwrap();
    objective.before - objective.after
}

#[tokio::test(flavor = "multi_thread")]
async fn three_plans_stand_side_by_side() {
    let (harness, mut client, book) = market().await;
    let answer = client.plan_hedge(plan_request(book.clone())).await.unwrap().into_inner();
    let kinds: Vec<Kind> = answer.plans.iter().map(v1::HedgePlan::kind).collect();
    assert_eq!(kinds, [Kind::Cut, Kind::Overlay, Kind::Both]);
    // "Before" is the report of AnalyzePortfolio.
    let report = v1::AnalyzePortfolioRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book),
        include: [
            v1::ReportBlock::Breakdowns,
            v1::ReportBlock::Factors,
            v1::ReportBlock::Trades,
            v1::ReportBlock::Risk,
        ]
        .map(i32::from)
        .to_vec(),
        ..Default::default()
    };
    let mut exposure = ExposureServiceClient::new(harness.channel().await);
    let report = exposure.analyze_portfolio(report).await.unwrap().into_inner().report;
    assert_eq!(answer.before, report);
    for plan in &answer.plans {
        let outcome = outcome(plan);
        assert!(!outcome.trades.is_empty());
        // The report after the trades holds what was traded.
        let moved = net_of(&outcome.after) - net_of(&answer.before);
        assert!((moved - traded(outcome)).abs() < 1.0, "{moved} {}", traded(outcome));
        let volatility = outcome.volatility.as_ref().unwrap();
        assert!(volatility.after < volatility.before);
        for trade in &outcome.trades {
            let position = trade.position.as_ref().unwrap();
            assert!((position.after - position.before - trade.market_value).abs() < 1e-6);
            assert!((trade.quantity * trade.price - trade.market_value).abs() < 1e-6);
            // Whole lots of one share.
            assert_eq!(trade.quantity.fract(), 0.0, "{trade:?}");
        }
    }
    let [cut, overlay, both] = &answer.plans[..] else { panic!("three plans") };
    // No trades are the same trades in every plan: equal up to the order of a sum.
    let idle = |plan: &v1::HedgePlan| outcome(plan).objective.as_ref().unwrap().before;
    assert!((idle(cut) / idle(both) - 1.0).abs() < 1e-12);
    assert!((idle(overlay) / idle(both) - 1.0).abs() < 1e-12);
    for trade in &outcome(cut).trades {
        let position = trade.position.as_ref().unwrap();
        assert!(position.after * position.before >= 0.0, "{trade:?}");
        assert!(position.after.abs() <= position.before.abs(), "{trade:?}");
        assert!(!trade.position_ids.is_empty());
    }
    assert!(outcome(overlay).trades.iter().all(|trade| ["IWM", "QQQ"].contains(&&*trade.line_id)));
    let most = gain(outcome(cut)).max(gain(outcome(overlay)));
    assert!(most * 0.98 <= gain(outcome(both)), "both may do what either does");
    assert!(harness.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_reported_for_an_instrument_that_is_not_held() {
    let (harness, mut client, book) = market().await;
    // A vendor went on with another symbol for a day.
    let bar = format!("Ticker,Date,Open,High,Low,Close,Volume\nQQQX,{ROTATION_ON},9,9,9,9,5\n");
    harness.ingest("other.csv", bar.as_bytes()).await;
    harness.ingest("merges.csv", b"survivor,merged\nQQQ,QQQX\n").await;
    for (instruments, found) in [(vec!["IWM"], vec![]), (vec!["IWM", "QQQ"], vec!["QQQ"])] {
        let mut request = plan_request(book.clone());
        request.without_effectiveness = true;
        request.problem.as_mut().unwrap().instruments = instruments.into_iter().map(fund).collect();
        let answer = client.plan_hedge(request).await.unwrap().into_inner();
        let merged = gaps(&answer.info).iter().filter(|gap| gap.reason() == v1::GapReason::Merged);
        assert_eq!(merged.flat_map(subjects).collect::<Vec<String>>(), found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gains_when_the_trade_unwinds_loses_when_it_resumes() {
    let (_harness, mut client, book) = market().await;
    let answer = client.plan_hedge(plan_request(book)).await.unwrap().into_inner();
    for plan in &answer.plans {
        let moves = &outcome(plan).trade_moves;
        let at: Vec<f64> = moves.iter().map(|one| one.standard_deviations).collect();
        assert_eq!(at, [-1.0, -3.0, 1.0, 3.0]);
        let pnl = |at: usize| moves[at].after.as_ref().unwrap().pnl;
        assert!((pnl(0) + pnl(2)).abs() < 1e-6 * pnl(0).abs().max(1.0));
        assert!((pnl(1) - 3.0 * pnl(0)).abs() < 1e-6 * pnl(1).abs().max(1.0));
        for one in moves {
            let range = one.after.as_ref().unwrap();
            assert!(range.pnl_low < range.pnl && range.pnl < range.pnl_high);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_depend_on_the_order_of_lines_and_can_be_replayed() {
    let (harness, mut client, book) = market().await;
    let whole = client.plan_hedge(plan_request(book.clone())).await.unwrap().into_inner();
    let mut reversed = book.clone();
    reversed.positions.reverse();
    let mut turned = plan_request(reversed);
    turned.problem.as_mut().unwrap().instruments.reverse();
    let mut turned = client.plan_hedge(turned).await.unwrap().into_inner();
    let mut straight = whole.clone();
    for answer in [&mut straight, &mut turned] {
        forget_reference(&mut answer.info);
        answer.problem = None;
        for plan in &mut answer.plans {
            let Some(Outcome::Solution(solution)) = &mut plan.result else { panic!("a plan") };
            // Paths of lines without ids name their places.
            let trades = &mut solution.outcome.as_mut().unwrap().trades;
            trades.iter_mut().for_each(|trade| trade.position_ids.clear());
        }
    }
    assert_eq!(straight, turned);

    let mut replayed = plan_request(book);
    replayed.as_of = replay_of(&reference(&whole.info));
    harness
        .ingest("prices.csv", b"Ticker,Date,Open,High,Low,Close,Volume\nZZZ,2024-07-30,1,1,1,1,9\n")
        .await;
    let again = client.plan_hedge(replayed.clone()).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), whole.encode_to_vec());
    let harness = harness.restart().await;
    let mut client = HedgeServiceClient::new(harness.channel().await);
    let again = client.plan_hedge(replayed).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), whole.encode_to_vec());
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_that_contradict_each_other_are_an_answer() {
    let (_harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    request.without_effectiveness = true;
    let problem = request.problem.as_mut().unwrap();
    // IWM must be sold for 5 million, and nothing may be traded for more than 1 million in all.
    let turnover = Limited::Trades(v1::HedgeTradesNumber::Turnover.into());
    problem.max_participation = Some(1.0);
    problem.constraints = vec![
        between("sell", Limited::Trade(line("IWM").unwrap()), None, Some(-5e6)),
        between("turnover", turnover, None, Some(1e6)),
    ];
    let answer = client.plan_hedge(request.clone()).await.unwrap().into_inner();
    let overlay = &answer.plans[1];
    let Some(Outcome::Infeasible(found)) = &overlay.result else { panic!("{overlay:?}") };
    assert_eq!(found.conflict, ["sell", "turnover"]);
    // Selling one million, or turning over five.
    let limits: Vec<f64> = found.alone.iter().map(|change| change.sufficient_limit).collect();
    assert!((limits[0] + 1e6).abs() < 1e3 && (limits[1] - 5e6).abs() < 1e3, "{limits:?}");
    // With the relaxation there is a plan.
    request.problem.as_mut().unwrap().constraints[1].upper = Some(limits[1]);
    let answer = client.plan_hedge(request).await.unwrap().into_inner();
    let sold =
        outcome(&answer.plans[1]).trades.iter().find(|trade| trade.line_id == "IWM").unwrap();
    assert!((sold.market_value + 5e6).abs() < 1e4, "{sold:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_price_is_what_one_more_unit_saves() {
    let (_harness, mut client, book) = market().await;
    let turnover = Limited::Trades(v1::HedgeTradesNumber::Turnover.into());
    let fine = v1::HedgeTerms { lot_quantity: Some(1e-6), ..Default::default() };
    let request = v1::TraceFrontierRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book),
        problem: Some(v1::HedgeProblem {
            constraints: vec![between("turnover", turnover, None, Some(2e6))],
            terms: Some(fine),
            ..problem()
        }),
        constraint_id: "turnover".to_owned(),
        side: v1::HedgeSide::Upper.into(),
        limits: vec![2e6, 2.02e6, 4e6],
        ..Default::default()
    };
    let answer = client.trace_frontier(request).await.unwrap().into_inner();
    let plans: Vec<&v1::HedgePlan> =
        answer.points.iter().map(|point| point.plan.as_ref().unwrap()).collect();
    let after = |at: usize| outcome(plans[at]).objective.as_ref().unwrap().after;
    assert!(after(2) < after(1) && after(1) < after(0), "more room is never worse");
    let price = &solution(plans[0]).shadow_prices[0];
    assert_eq!((price.constraint_id.as_str(), price.side()), ("turnover", v1::HedgeSide::Upper));
    let saved = (after(0) - after(1)) / 0.02e6;
    assert!((saved / price.money_per_unit - 1.0).abs() < 0.02, "{saved} {}", price.money_per_unit);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desks_own_trades_are_judged_by_the_same_measures() {
    let (_harness, mut client, book) = market().await;
    let plans = client.plan_hedge(plan_request(book.clone())).await.unwrap().into_inner();
    let both = outcome(&plans.plans[2]);
    let order = |trade: &v1::HedgeTrade| v1::HedgeOrder {
        line: line(&trade.line_id),
        size: Some(v1::hedge_order::Size::Quantity(trade.quantity)),
    };
    let mut request = v1::EvaluateHedgeRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book),
        problem: Some(problem()),
        orders: both.trades.iter().map(order).collect(),
        ..Default::default()
    };
    let answer = client.evaluate_hedge(request.clone()).await.unwrap().into_inner();
    let own = answer.own.unwrap();
    assert_eq!(own.trades.len(), both.trades.len());
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * b.abs().max(1.0);
    let (ours, theirs) = (own.objective.unwrap(), both.objective.unwrap());
    assert!(near(ours.after, theirs.after), "the plan's own trades: {ours:?} {theirs:?}");
    assert!(
        near(answer.objective_difference.unwrap(), 0.0) || answer.objective_difference < Some(1.0)
    );
    assert!(answer.breaches.is_empty(), "{:?}", answer.breaches);
    // Doing the opposite is worse.
    for order in &mut request.orders {
        let Some(v1::hedge_order::Size::Quantity(size)) = &mut order.size else { continue };
        *size = -*size;
    }
    let answer = client.evaluate_hedge(request).await.unwrap().into_inner();
    assert!(0.0 < answer.objective_difference.unwrap());
}

/// A move of the trade of the settings.
fn shock(total_return: f64) -> v1::Scenario {
    use v1::{move_size::Size, scenario::Happening, scenario_shock::Target};
    let size = Some(v1::MoveSize { size: Some(Size::TotalReturn(total_return)) });
    let target = Some(Target::SeriesId("trade/megacap_small_cap".to_owned()));
    let shocks = vec![v1::ScenarioShock { target, size }];
    let known = v1::HypotheticalScenario { shocks, sessions: None };
    v1::Scenario { happening: Some(Happening::Hypothetical(known)), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stress_loss_is_limited_as_stress_measures_it() {
    let (harness, mut client, book) = market().await;
    let mut stress = v1::stress_service_client::StressServiceClient::new(harness.channel().await);
    let run = v1::RunStressRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book.clone()),
        scenarios: vec![shock(-0.1)],
        ..Default::default()
    };
    let stressed = stress.run_stress(run).await.unwrap().into_inner();
    let expected = stressed.results[0].outcome.as_ref().unwrap().pnl;
    assert!(expected < 0.0, "the book is in the trade");
    let mut request = plan_request(book);
    request.without_effectiveness = true;
    let problem = request.problem.as_mut().unwrap();
    problem.constraints =
        vec![between("loss", Limited::Scenario(shock(-0.1)), Some(0.25 * expected), None)];
    problem.max_participation = Some(1.0);
    let answer = client.plan_hedge(request).await.unwrap().into_inner();
    for plan in &answer.plans {
        let Some(Outcome::Solution(solution)) = &plan.result else { continue };
        let values = &solution.outcome.as_ref().unwrap().constraints;
        let value = values.iter().find(|value| value.constraint_id == "loss").unwrap();
        assert!((value.before / expected - 1.0).abs() < 1e-6, "{value:?} {expected}");
        // Rounding to lots may miss the limit by some shares.
        assert!(0.25 * expected * 1.001 <= value.after, "{value:?} {expected}");
    }
    outcome(&answer.plans[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_value_the_book_and_the_trades() {
    let (_harness, mut client, book) = market().await;
    let plain = client.plan_hedge(plan_request(book.clone())).await.unwrap().into_inner();
    let mut request = plan_request(book.clone());
    let symbol = book.positions[0].instrument.clone().unwrap().symbol;
    let Some(v1::position::Size::Quantity(shares)) = book.positions[0].size else {
        panic!("shares")
    };
    let mark = v1::HedgeMark { instrument: named(&symbol), price: 1.0 };
    request.problem.as_mut().unwrap().marks = vec![mark];
    let marked = client.plan_hedge(request).await.unwrap().into_inner();
    let close = book_price(&plain, &symbol);
    let moved = net_of(&marked.before) - net_of(&plain.before);
    assert!((moved - shares * (1.0 - close)).abs() < 1e-3 * shares.abs() * close, "{moved}");
}

/// The price at which a plan traded a name.
fn book_price(answer: &v1::PlanHedgeResponse, symbol: &str) -> f64 {
    let mut trades = answer.plans.iter().flat_map(|plan| &outcome(plan).trades);
    trades.find(|trade| trade.line_id == symbol).map_or(f64::NAN, |trade| trade.price)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_without_a_factor_model_has_reports_and_no_plans() {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, crate::replay::history(&["SPY", "AAA"]).as_bytes()).await.unwrap();
    let mut client = HedgeServiceClient::new(harness.channel().await);
    let held = crate::harness::held("AAA", v1::position::Size::Quantity(-10.0));
    let portfolio = v1::Portfolio { positions: vec![held], ..Default::default() };
    let request = v1::PlanHedgeRequest {
        as_of: on("2021-01-27"),
        portfolio: Some(portfolio),
        ..Default::default()
    };
    let answer = client.plan_hedge(request).await.unwrap().into_inner();
    assert!(net_of(&answer.before) < 0.0);
    for plan in &answer.plans {
        let Some(Outcome::Unsolved(unsolved)) = &plan.result else { panic!("{plan:?}") };
        assert_eq!(unsolved.reason(), v1::HedgeUnsolvedReason::NoFactorModel);
    }
    assert!(gaps(&answer.info).iter().any(|gap| gap.reason() == v1::GapReason::ShortHistory));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_problem_is_named() {
    let (_harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    let constraints = vec![
        between("a", net(), None, None),
        between("a", bottom_up("ballast-regression", "SIZE"), Some(2.0), Some(1.0)),
        between("cut/x", Limited::Trades(0), None, Some(1.0)),
    ];
    let contract = v1::HedgeContract { multiplier: 0.0, ..Default::default() };
    request.problem = Some(v1::HedgeProblem {
        instruments: vec![
            v1::HedgeInstrument { contract: Some(contract), ..fund("IWM") },
            v1::HedgeInstrument {
                terms: Some(v1::HedgeTerms {
                    half_spread: Some(-1.0),
                    long_carry_per_year: Some(-0.5),
                    short_carry_per_year: Some(0.1),
                    ..Default::default()
                }),
                ..Default::default()
            },
        ],
        objective: Some(v1::HedgeObjective { horizon_sessions: Some(0.0), ..Default::default() }),
        constraints,
        exclusions: vec![v1::HedgeExclusion::default()],
        squeeze_budget: Some(v1::HedgeSqueezeBudget { off: true, max_loss: Some(1.0) }),
        max_participation: Some(2.0),
        timing: Some(v1::HedgeTiming { start_minute: Some(200), decide_by_minute: Some(100) }),
        solve_limits: Some(v1::SolveLimits { max_nodes: Some(0), relative_gap: None }),
        marks: vec![v1::HedgeMark { instrument: None, price: -1.0 }],
        ..Default::default()
    });
    let status = client.plan_hedge(request).await.unwrap_err();
    let paths = [
        "problem.instruments[0].contract.contract_id",
        "problem.instruments[0].contract.multiplier",
        "problem.instruments[0].daily_value",
        "problem.instruments[1].instrument",
        "problem.instruments[1].terms.half_spread",
        "problem.instruments[1].terms.short_carry_per_year",
        "problem.objective.horizon_sessions",
        "problem.constraints[0]",
        "problem.constraints[1].constraint_id",
        "problem.constraints[1].measure",
        "problem.constraints[1].upper",
        "problem.constraints[2].constraint_id",
        "problem.constraints[2].trades",
        "problem.exclusions[0].constraint_id",
        "problem.exclusions[0].line",
        "problem.exclusions[0].rule",
        "problem.squeeze_budget.max_loss",
        "problem.max_participation",
        "problem.timing.decide_by_minute",
        "problem.marks[0].instrument",
        "problem.marks[0].price",
        "problem.solve_limits.max_nodes",
    ];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_view_does_not_have_is_refused_at_its_field() {
    let (_harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    let problem = request.problem.as_mut().unwrap();
    problem.instruments.push(fund("NOSUCH"));
    let status = client.plan_hedge(request.clone()).await.unwrap_err();
    let path = ["problem.instruments[2].instrument"];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &path);

    let problem = request.problem.as_mut().unwrap();
    problem.instruments.pop();
    problem.constraints =
        vec![between("position", Limited::Position(line("SPY").unwrap()), None, Some(1.0))];
    let status = client.plan_hedge(request.clone()).await.unwrap_err();
    let path = ["problem.constraints[0].position"];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &path);

    let problem = request.problem.as_mut().unwrap();
    problem.constraints =
        vec![between("factor", bottom_up("ballast-cross-section", "NOSUCH"), None, Some(1.0))];
    let status = client.plan_hedge(request).await.unwrap_err();
    let path = ["problem.constraints[0]"];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &path);
}
