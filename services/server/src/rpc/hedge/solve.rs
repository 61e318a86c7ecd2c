//! Solves the problems of a setting, and puts the reports after the trades beside the solutions.

use super::{
    faults,
    setting::Setting,
    to_proto::{self, Dealt},
};
use crate::refusal::Refusal;
use ::hedge::{
    consequences::consequences,
    frontier::{Axis, trace},
    limits::Stopped,
    optimize::{Answer, evaluate, optimize},
    plan::Plan,
    problem::Problem,
    scheme::Scheme,
    unjudged,
    walk_forward::{Effectiveness, effectiveness},
};
use contract::v1::{self, HedgeUnsolvedReason as Reason, hedge_plan::Result as Outcome};
use marketdata::gap::Gap;

/// The currency of a portfolio.
pub(super) fn currency(portfolio: &Option<v1::Portfolio>) -> String {
    portfolio.as_ref().map(|held| held.currency.clone()).unwrap_or_default()
}

/// A plan, and the gaps of what it lacks.
type Planned = (v1::HedgePlan, Vec<Gap>);

/// The plan of a scheme, with the report after its trades, judged by past P&L.
pub(super) fn judged_plan(setting: &Setting<'_>, scheme: Scheme) -> Result<Planned, Refusal> {
    let gone = setting.asked.caller.of_solves();
    let limits = setting.asked.problem.solve;
    let mut gaps = Vec::new();
    let plan = plan_with(setting, scheme, |plan| {
        let judged = effectiveness(&setting.desk, &setting.wish, (scheme, plan), limits, &gone);
        // Whoever left needs no number.
        let judged = judged.map_err(|_| Refusal::DeadlineExceeded)?;
        gaps.extend(lacking(scheme, judged.as_ref()));
        Ok(judged.map(to_proto::effectiveness))
    })?;
    Ok((plan, gaps))
}

/// Why numbers of past P&L are absent.
fn lacking(scheme: Scheme, judged: Option<&Effectiveness>) -> Option<Gap> {
    let Some(judged) = judged else { return Some(unjudged::still(scheme)) };
    judged.out_of_sample.err().map(|why| why.gap(scheme))
}

/// The same, not judged.
pub(super) fn plan(setting: &Setting<'_>, scheme: Scheme) -> Result<v1::HedgePlan, Refusal> {
    plan_with(setting, scheme, |_| Ok(None))
}

fn plan_with(
    setting: &Setting<'_>,
    scheme: Scheme,
    judge: impl FnOnce(&Plan) -> Result<Option<v1::HedgeEffectiveness>, Refusal>,
) -> Result<v1::HedgePlan, Refusal> {
    let kind = to_proto::kind(scheme);
    if !setting.desk.trades_anything(scheme) {
        return Ok(v1::HedgePlan { kind, result: Some(unsolved(Reason::NothingToTrade)) });
    }
    let problem = setting.problem(scheme)?;
    let gone = setting.asked.caller.of_solves();
    let answer = optimize(&problem, setting.asked.problem.solve, &gone);
    let effectiveness = match &answer {
        Ok(Answer::Plan(plan)) => judge(plan)?,
        _ => None,
    };
    let mut result = outcome(setting, &problem, answer)?;
    if let Outcome::Solution(solution) = &mut result {
        solution.effectiveness = effectiveness;
        if let Some(outcome) = &mut solution.outcome {
            outcome.after = report_after(setting, outcome)?;
        }
    }
    Ok(v1::HedgePlan { kind, result: Some(result) })
}

/// The exposure report after the trades of an outcome.
fn report_after(
    setting: &Setting<'_>,
    outcome: &v1::HedgeOutcome,
) -> Result<Option<v1::ExposureReport>, Refusal> {
    let of =
        |trade: &v1::HedgeTrade| Some((setting.desk.place(&trade.line_id)?, trade.market_value));
    let trades: Vec<(usize, f64)> = outcome.trades.iter().filter_map(of).collect();
    let after = setting.after(&trades);
    let (report, prepared) = (&setting.asked.report, setting.prepared);
    Ok(report.report(setting.pinned, prepared, &after)?.into_part().report)
}

fn outcome(
    setting: &Setting<'_>,
    problem: &Problem,
    answer: Result<Answer, Stopped>,
) -> Result<Outcome, Refusal> {
    Ok(match answer {
        Ok(Answer::Plan(plan)) => Outcome::Solution(solution(setting, problem, &plan)?),
        Ok(Answer::Infeasible(found)) => Outcome::Infeasible(to_proto::infeasible(&found)),
        Ok(Answer::Unbounded(found)) => Outcome::Unbounded(to_proto::unbounded(setting, &found)),
        Err(Stopped::NodeLimit) => unsolved(Reason::NodeLimit),
        Err(Stopped::NotConverged) => unsolved(Reason::NotConverged),
        // The client no longer waits.
        Err(Stopped::Cancelled) => return Err(Refusal::DeadlineExceeded),
    })
}

fn unsolved(reason: Reason) -> Outcome {
    Outcome::Unsolved(v1::HedgeUnsolved { reason: reason.into() })
}

fn solution(
    setting: &Setting<'_>,
    problem: &Problem,
    plan: &Plan,
) -> Result<v1::HedgeSolution, Refusal> {
    let money: Vec<f64> = plan.trades.iter().map(|trade| trade.money).collect();
    let found = consequences(&setting.desk, problem, &money, setting.wish.participation);
    let dealt = to_proto::dealt(plan);
    let mut outcome = to_proto::outcome(setting, problem, (&plan.effect, &found), &dealt);
    outcome.fresh_expected_shortfall = fresh(setting, problem, &money)?;
    Ok(to_proto::solution(plan, outcome))
}

/// The expected shortfall over simulated scenarios that no plan knows.
fn fresh(
    setting: &Setting<'_>,
    problem: &Problem,
    money: &[f64],
) -> Result<Option<v1::BeforeAfter>, Refusal> {
    let found = setting.desk.fresh_shortfall(problem, money);
    // The client no longer waits.
    Ok(found.map_err(|_| Refusal::DeadlineExceeded)?.map(to_proto::both))
}

/// The desk's own trades, with the report after them, and the constraints that they miss.
pub(super) fn evaluation(
    setting: &Setting<'_>,
    trades: &[Dealt],
) -> Result<(v1::HedgeOutcome, Vec<v1::HedgeBreach>), Refusal> {
    let problem = setting.problem(Scheme::Both)?;
    let of = |line: &usize| trades.iter().find(|dealt| dealt.line == *line).map(|x| x.money);
    let money: Vec<f64> = problem.traded().iter().map(|line| of(line).unwrap_or(0.0)).collect();
    let evaluation = evaluate(&problem, &money)
        .map_err(|_| Refusal::Failed("invariant: a number per traded line".to_owned()))?;
    let found = consequences(&setting.desk, &problem, &money, setting.wish.participation);
    let dealt: Vec<Dealt> =
        trades.iter().filter(|dealt| 0.0 < dealt.money.abs()).copied().collect();
    let effect = (&evaluation.effect, &found);
    let mut outcome = to_proto::outcome(setting, &problem, effect, &dealt);
    outcome.after = report_after(setting, &outcome)?;
    outcome.fresh_expected_shortfall = fresh(setting, &problem, &money)?;
    Ok((outcome, to_proto::breaches(&evaluation.breaches)))
}

/// The plans of a frontier.
pub(super) fn frontier(
    setting: &Setting<'_>,
    scheme: Scheme,
    axis: &Axis,
) -> Result<Vec<v1::HedgePlan>, Refusal> {
    let points = match axis {
        Axis::Constraint { values, .. } => values.len(),
        Axis::Lines { counts } => counts.len(),
    };
    let kind = to_proto::kind(scheme);
    if !setting.desk.trades_anything(scheme) {
        let plan = v1::HedgePlan { kind, result: Some(unsolved(Reason::NothingToTrade)) };
        return Ok(vec![plan; points]);
    }
    let problem = setting.problem(scheme)?;
    let gone = setting.asked.caller.of_solves();
    let answers = trace(&problem, axis, setting.asked.problem.solve, &gone);
    let answers = answers.map_err(|fault| faults::of_frontier(&fault))?;
    let plan = |answer| {
        let result = Some(outcome(setting, &problem, answer)?);
        Ok(v1::HedgePlan { kind, result })
    };
    answers.into_iter().map(plan).collect()
}
