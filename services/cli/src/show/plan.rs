//! The name of a plan for a hedge, and what it leads to.

use contract::v1::{
    HedgeOutcome, HedgePlan, HedgePlanKind, HedgeSolution, HedgeTradeMove,
    hedge_plan::Result as Outcome,
};

pub(crate) fn name(plan: &HedgePlan) -> &'static str {
    match plan.kind() {
        HedgePlanKind::Cut => "cut",
        HedgePlanKind::Overlay => "overlay",
        HedgePlanKind::Both => "both",
        HedgePlanKind::Unspecified => "other",
    }
}

pub(crate) fn solution(plan: &HedgePlan) -> Option<(&HedgeSolution, &HedgeOutcome)> {
    match &plan.result {
        Some(Outcome::Solution(solution)) => Some((solution, solution.outcome.as_ref()?)),
        _ => None,
    }
}

pub(crate) fn trade_move(outcome: &HedgeOutcome, deviations: f64) -> Option<&HedgeTradeMove> {
    let is_it = |one: &&HedgeTradeMove| (one.standard_deviations - deviations).abs() < 1e-9;
    outcome.trade_moves.iter().find(is_it)
}
