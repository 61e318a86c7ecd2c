//! The answer: trades, what they change, what they cost, and what the constraints cost.

use crate::{
    breach::Breach,
    constraint::{Side, Unit},
    measure::Cost,
    problem::Problem,
    proof::Proof,
};

/// The best trades, as far as they can be dealt in.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// One per traded line, in the order of lines; zero for lines that do not trade.
    pub trades: Vec<Trade>,
    /// What the trades, as rounded, change.
    pub effect: Effect,
    /// Constraints that the trades miss because of rounding.
    pub breaches: Vec<Breach>,
    /// Price of each limit that binds, before rounding. With limits on lines or tickets, the prices
    /// of the problem in which the picked lines alone trade.
    pub shadow_prices: Vec<ShadowPrice>,
    /// How good the plan is.
    pub proof: Proof,
}

/// The trade of one line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Index of the line.
    pub line: usize,
    /// Units bought, negative for sold, in whole lots.
    pub units: f64,
    /// Their value in money.
    pub money: f64,
    /// The value before rounding to lots.
    pub exact_money: f64,
    /// The position after the trade, in money.
    pub position: f64,
}

/// A number before and after the trades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeforeAfter {
    /// Of the book as held.
    pub before: f64,
    /// Of the book after the trades.
    pub after: f64,
}

/// What trades change.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// σ per session, in money.
    pub volatility: BeforeAfter,
    /// 1 − σ²after/σ²before: the share of variance that the hedge takes away, in the model. Negative
    /// if it adds variance; `None` for a book without risk.
    pub effectiveness: Option<f64>,
    /// CVaR over the scenarios, in money. `None` if the objective has none.
    pub cvar: Option<BeforeAfter>,
    /// Σ|p| in money.
    pub gross: BeforeAfter,
    /// Σp in money.
    pub net: BeforeAfter,
    /// Exposures by factor, money times exposure.
    pub exposures: Vec<BeforeAfter>,
    /// Values of the constraints' measures, in the order of constraints and in their units.
    pub measures: Vec<BeforeAfter>,
    /// What the trades cost and what holding the traded lines costs over the horizon. Before: the
    /// cost of holding them as they are.
    pub cost: CostBeforeAfter,
    /// The objective, in money.
    pub objective: BeforeAfter,
}

/// Costs before and after the trades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostBeforeAfter {
    /// Without trades.
    pub before: Cost,
    /// With the trades.
    pub after: Cost,
}

/// What relaxing a limit is worth. Limits that say the same share their price.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowPrice {
    /// Id of the constraint or exclusion.
    pub constraint: String,
    /// The limit that binds.
    pub side: Side,
    /// −∂objective/∂limit on the side of relaxing, in money per unit of the limit, positive for an upper
    /// limit and negative for a lower one. Where limits pin trades, tightening may cost more.
    pub money_per_unit: f64,
    /// The unit of the limit.
    pub unit: Unit,
}

impl Effect {
    pub(crate) fn of(problem: &Problem, trades: &[f64]) -> Effect {
        let nothing = problem.no_trades();
        let both =
            |of: &dyn Fn(&[f64]) -> f64| BeforeAfter { before: of(&nothing), after: of(trades) };
        let volatility = both(&|x| problem.variance(x).sqrt());
        let (before, after) = (problem.exposures(&nothing), problem.exposures(trades));
        let pairs = before.into_iter().zip(after);
        let constraints = problem.statement().constraints.iter();
        let cut =
            |sigma: BeforeAfter| 1.0 - (sigma.after / sigma.before) * (sigma.after / sigma.before);
        Effect {
            effectiveness: (0.0 < volatility.before).then(|| cut(volatility)),
            volatility,
            cvar: problem.tail().map(|(_, scenarios)| both(&|x| scenarios.cvar(x))),
            gross: both(&|x| problem.positions(x).iter().map(|p| p.abs()).sum()),
            net: both(&|x| problem.positions(x).iter().sum()),
            exposures: pairs.map(|(before, after)| BeforeAfter { before, after }).collect(),
            measures: constraints.map(|c| both(&|x| problem.measure(&c.measure, x))).collect(),
            cost: CostBeforeAfter { before: problem.cost(&nothing), after: problem.cost(trades) },
            objective: both(&|x| problem.objective(x)),
        }
    }
}
