//! Finds the best hedge, or says why there is none; and judges a hedge of the caller's own.

use crate::{
    assemble::{Member, Pick},
    branch::{self, Best, NO_TRADE, Searched},
    breach::Breach,
    conflict::{self, Infeasible},
    constraint::Side,
    convex::ConvexSolver,
    limits::{Caller, SolveLimits, Stopped},
    line::{Line, Trading},
    plan::{Effect, Plan, ShadowPrice, Trade},
    problem::Problem,
    proof::Proof,
    rounding,
};

/// A shadow price smaller than this share of the objective per book is that of a limit that does
/// not bind.
const NO_PRICE: f64 = 1e-6;

/// The answer to a problem. All three are answers: none is a fault of the caller's.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The best trades.
    Plan(Box<Plan>),
    /// No trades meet the constraints.
    Infeasible(Infeasible),
    /// The objective falls without end.
    Unbounded(Unbounded),
}

/// The objective falls without end along a direction of trades: some line needs a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Unbounded {
    /// Indices of the lines that trade along the direction, and their shares of it, which add up to
    /// one in absolute value.
    pub direction: Vec<(usize, f64)>,
}

/// A hedge of the caller's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What the trades change.
    pub effect: Effect,
    /// The constraints that they miss.
    pub breaches: Vec<Breach>,
}

/// Finds the trades with the lowest objective among those that meet the constraints.
///
/// The caller is asked in every iteration of the solver and before every step of rounding. Equal
/// problems and limits have equal answers, bit by bit.
///
/// # Errors
/// [`Stopped`].
pub fn optimize(
    problem: &Problem,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Answer, Stopped> {
    Ok(optimize_from(problem, limits, caller, Start { picks: None, tail: None })?.0)
}

/// What is known of a problem from one that differs in one limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// The picks of its best plan.
    pub(crate) picks: Option<&'a [Pick]>,
    /// The first scenarios of the tail, which depend on no limit.
    pub(crate) tail: Option<&'a [usize]>,
}

/// The same, beginning with what is known; with the picks of a plan.
pub(crate) fn optimize_from(
    problem: &Problem,
    limits: SolveLimits,
    caller: &Caller,
    start: Start<'_>,
) -> Result<(Answer, Option<Vec<Pick>>), Stopped> {
    let mut solver = match start.tail {
        Some(tail) => ConvexSolver::with_tail(problem, tail.to_vec(), caller),
        None => ConvexSolver::new(problem, caller),
    };
    let answer = match branch::search(problem, &mut solver, limits, start.picks)? {
        Searched::Best(best) => {
            let plan = plan(problem, &best, caller)?;
            return Ok((Answer::Plan(Box::new(plan)), Some(best.picks)));
        }
        Searched::Infeasible => Answer::Infeasible(conflict::explain(problem, limits, caller)?),
        Searched::NoPick => Answer::Infeasible(conflict::explain_picks(problem, limits, caller)?),
        Searched::Unbounded(direction) => Answer::Unbounded(unbounded(problem, &direction)),
    };
    Ok((answer, None))
}

/// Why trades cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrades {
    /// There are more or fewer trades than lines that trade.
    #[error("{given} trades for {traded} lines")]
    Count {
        /// Trades given.
        given: usize,
        /// Lines that trade.
        traded: usize,
    },
    /// The trade of this traded line is not finite.
    #[error("trade {0} is not finite")]
    NotFinite(usize),
}

/// Judges given trades by the same measures: in money, one per traded line in the order of lines.
///
/// # Errors
/// [`InvalidTrades`], all violations.
pub fn evaluate(problem: &Problem, trades: &[f64]) -> Result<Evaluation, Vec<InvalidTrades>> {
    let (given, traded) = (trades.len(), problem.traded().len());
    let count = (given != traded).then_some(InvalidTrades::Count { given, traded });
    let wrong = (0..given).filter(|trade| !trades[*trade].is_finite());
    let found: Vec<_> = count.into_iter().chain(wrong.map(InvalidTrades::NotFinite)).collect();
    if !found.is_empty() {
        return Err(found);
    }
    Ok(Evaluation { effect: Effect::of(problem, trades), breaches: problem.breaches(trades) })
}

/// The trades of the best plan alone, as rounded: in money, one per traded line. `None` without a
/// plan.
pub(crate) fn best_trades(
    problem: &Problem,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Option<Vec<f64>>, Stopped> {
    let mut solver = ConvexSolver::new(problem, caller);
    match branch::search(problem, &mut solver, limits, None)? {
        Searched::Best(best) => rounding::round(problem, &exact(problem, &best), caller).map(Some),
        Searched::Infeasible | Searched::NoPick | Searched::Unbounded(_) => Ok(None),
    }
}

/// Trades before rounding, without those that are nothing but rounding of the solver.
fn exact(problem: &Problem, best: &Best) -> Vec<f64> {
    let noise = NO_TRADE * problem.size();
    let trades = best.optimum.trades.iter();
    let quiet: Vec<f64> = trades.map(|x| if x.abs() <= noise { 0.0 } else { *x }).collect();
    // Small trades are no rounding where a limit needs them.
    if problem.breaches(&quiet).is_empty() { quiet } else { best.optimum.trades.clone() }
}

fn plan(problem: &Problem, best: &Best, caller: &Caller) -> Result<Plan, Stopped> {
    let exact = exact(problem, best);
    let rounded = rounding::round(problem, &exact, caller)?;
    let lines = problem.traded().iter().zip(problem.traded_lines());
    type Of<'a> = (&'a usize, (&'a Line, &'a Trading));
    let trade = |((line, (of, terms)), (money, exact)): (Of<'_>, (&f64, &f64))| Trade {
        line: *line,
        units: terms.units(*money),
        money: *money,
        exact_money: *exact,
        position: of.held + money,
    };
    let objective = problem.objective(&exact);
    Ok(Plan {
        trades: lines.zip(rounded.iter().zip(&exact)).map(trade).collect(),
        effect: Effect::of(problem, &rounded),
        breaches: problem.breaches(&rounded),
        shadow_prices: shadow_prices(problem, &best.optimum.prices(caller)?),
        proof: Proof {
            objective,
            bound: best.bound.min(objective),
            gap: gap(problem, objective, best.bound),
            nodes: best.nodes,
            residuals: best.optimum.residuals,
        },
    })
}

/// (objective − bound)/|objective|. An objective that is nothing but rounding has no gap.
fn gap(problem: &Problem, objective: f64, bound: f64) -> f64 {
    let noise = NO_TRADE * problem.objective(&problem.no_trades()).abs();
    if objective.abs() <= noise { 0.0 } else { (objective - bound).max(0.0) / objective.abs() }
}

/// Prices other than zero, in the order of constraints and exclusions.
fn shadow_prices(problem: &Problem, found: &[(Member, Side, f64)]) -> Vec<ShadowPrice> {
    let mut prices: Vec<ShadowPrice> = Vec::new();
    let floor = NO_PRICE * problem.risk_price(&problem.no_trades()).abs();
    for (member, side, price) in found {
        let unit = problem.member_unit(*member);
        if floor < price.abs() * problem.unit_size(unit) {
            let constraint = problem.member_id(*member);
            prices.push(ShadowPrice { constraint, side: *side, money_per_unit: *price, unit });
        }
    }
    prices
}

fn unbounded(problem: &Problem, direction: &[f64]) -> Unbounded {
    let total: f64 = direction.iter().map(|x| x.abs()).sum();
    let lines = problem.traded().iter().zip(direction);
    let moves = lines.filter(|(_, x)| NO_TRADE * total < x.abs());
    Unbounded { direction: moves.map(|(line, x)| (*line, x / total)).collect() }
}
