//! Three plans side by side: cut the book's own positions, overlay instruments, or both.

use crate::{
    consequences::{Consequences, consequences},
    desk::Desk,
    limits::{Caller, SolveLimits, Stopped},
    optimize::{Answer, optimize},
    scheme::Scheme,
    wish::{Wish, WishFault},
};

/// The answer of one scheme.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReport {
    /// What may trade.
    pub scheme: Scheme,
    /// The best trades, or why there are none. `None` if the scheme trades nothing: there is no
    /// instrument, or no position that can trade.
    pub answer: Option<Answer>,
    /// What the trades do. `None` unless the answer is a plan.
    pub consequences: Option<Consequences>,
}

/// Why there are no plans.
#[derive(Clone, Debug, PartialEq)]
pub enum NoPlans {
    /// Faults of the wish.
    Faults(Vec<WishFault>),
    /// A solve ended without an answer.
    Stopped(Stopped),
}

/// The plans of all schemes, in the order of [`Scheme::ALL`].
///
/// # Errors
/// [`NoPlans`].
pub fn plans(
    desk: &Desk<'_>,
    wish: &Wish,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Vec<PlanReport>, NoPlans> {
    Scheme::ALL.into_iter().map(|scheme| plan(desk, wish, scheme, limits, caller)).collect()
}

fn plan(
    desk: &Desk<'_>,
    wish: &Wish,
    scheme: Scheme,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<PlanReport, NoPlans> {
    if !desk.trades_anything(scheme) {
        return Ok(PlanReport { scheme, answer: None, consequences: None });
    }
    let problem = desk.problem(scheme, wish).map_err(NoPlans::Faults)?;
    let answer = optimize(&problem, limits, caller).map_err(NoPlans::Stopped)?;
    let consequences = match &answer {
        Answer::Plan(plan) => {
            let trades: Vec<f64> = plan.trades.iter().map(|trade| trade.money).collect();
            Some(consequences(desk, &problem, &trades, wish.participation))
        }
        Answer::Infeasible(_) | Answer::Unbounded(_) => None,
    };
    Ok(PlanReport { scheme, answer: Some(answer), consequences })
}
