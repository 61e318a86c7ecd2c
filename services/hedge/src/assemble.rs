//! From a problem to a program in standard form, in scaled money.
//!
//! Variables: the trades x, by line; y = E′x, what the trades add to the exposures, by factor, so that
//! P holds the small F instead of a matrix of lines by lines; t ≥ x⁻, what is sold, where costs or
//! turnover need it; s ≥ p⁻, what is short afterwards, where carry or gross need it; the variables of
//! the tail; z and r of lines that may or may not be picked. Money is divided by the size of the book
//! and the objective by its value without trades, so that the data of the program are near one.

mod core;
mod knots;
mod price;
mod prices;
mod rows;
mod shares;

use crate::{
    constraint::{Measure, Side},
    problem::Problem,
    program::Program,
};

/// What is known of a line in a branch of the search over lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// May trade; counts by its share of its range.
    Free,
    /// Does not trade.
    Out,
    /// May trade and counts as traded.
    In,
    /// Buys at least the smallest ticket.
    Buy,
    /// Sells at least the smallest ticket.
    Sell,
}

/// A member of a conflict: the index of a constraint, or of an exclusion after all constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member(pub(crate) usize);

/// Where a row comes from: ∂bound/∂limit is `per`, for a lower limit with the opposite sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) row: usize,
    pub(crate) member: Member,
    pub(crate) side: Side,
    pub(crate) per: f64,
}

/// What a program is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal<'a> {
    /// The problem's own objective; a tail is minimised over these scenarios only.
    Cheapest { tail: &'a [usize] },
    /// The smallest sum of relaxations of these members, each as a share of its limit.
    Relaxed { members: &'a [Member] },
}

/// What a program is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe<'a> {
    /// One per traded line.
    pub(crate) picks: &'a [Pick],
    /// One per member: whether it holds.
    pub(crate) enforced: &'a [bool],
    pub(crate) goal: Goal<'a>,
}

/// Divisors of money and of the objective.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) money: f64,
    /// Objective of the program per money of the problem's objective.
    pub(crate) objective: f64,
}

/// A program and what its variables and rows are.
#[derive(Clone, Debug)]
pub(crate) struct Assembly {
    pub(crate) program: Program,
    pub(crate) owners: Vec<Owner>,
    pub(crate) scale: Scale,
    /// The part of the problem's objective that no variable changes, in money.
    pub(crate) constant: f64,
    /// Variable of each trade; `None` for lines that are out.
    pub(crate) trades: Vec<Option<usize>>,
    /// Variable of each line's share of a pick; `None` unless it is free.
    pub(crate) shares: Vec<Option<usize>>,
    /// Relaxations: member, side, variable and unit of the variable.
    pub(crate) slacks: Vec<Slack>,
    /// Variable of the tail's threshold.
    pub(crate) threshold: Option<usize>,
}

/// A variable by which a limit is relaxed, times `unit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slack {
    pub(crate) member: Member,
    pub(crate) side: Side,
    pub(crate) variable: usize,
    pub(crate) unit: f64,
}

/// By how much a limit is relaxed, in its unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) member: Member,
    pub(crate) side: Side,
    pub(crate) amount: f64,
}

impl Scale {
    pub(crate) fn of(problem: &Problem) -> Scale {
        let money = power_of_two(problem.size());
        let nothing = problem.no_trades();
        // What trading the whole book once would cost, where risk is nearly free.
        let costs = problem.traded_lines().map(|(_, terms)| terms.buy_cost.max(terms.sell_cost));
        let trading = money * costs.fold(0.0, f64::max);
        let worth = problem.risk_price(&nothing).max(trading);
        let worth = if 0.0 < worth { worth } else { money };
        Scale { money, objective: 1.0 / power_of_two(worth) }
    }
}

/// The largest power of two that is not larger: dividing by it is exact.
fn power_of_two(value: f64) -> f64 {
    libm::ldexp(1.0, libm::ilogb(value))
}

impl Assembly {
    pub(crate) fn of(problem: &Problem, scale: Scale, recipe: Recipe<'_>) -> Assembly {
        let mut builder = Builder::new(problem, scale, recipe);
        builder.trade_rows();
        builder.factor_rows();
        builder.constraint_rows();
        builder.exclusion_rows();
        match recipe.goal {
            Goal::Cheapest { tail } => {
                builder.costs();
                builder.risk(tail);
                builder.shares_of_lines();
            }
            Goal::Relaxed { .. } => builder.shares_of_lines(),
        }
        builder.assembly
    }

    /// Trades of a solution in money, one per traded line.
    pub(crate) fn trades(&self, values: &[f64]) -> Vec<f64> {
        let money =
            |variable: &Option<usize>| variable.map_or(0.0, |v| values[v] * self.scale.money);
        self.trades.iter().map(money).collect()
    }

    /// By how much a solution relaxes limits.
    pub(crate) fn changes(&self, values: &[f64]) -> Vec<Change> {
        let change = |slack: &Slack| Change {
            member: slack.member,
            side: slack.side,
            amount: values[slack.variable] * slack.unit,
        };
        self.slacks.iter().map(change).collect()
    }

    /// The problem's objective of a solution, in money.
    pub(crate) fn objective(&self, values: &[f64]) -> f64 {
        self.constant + self.program.objective(values) / self.scale.objective
    }
}

/// An assembly in the making.
struct Builder<'a> {
    problem: &'a Problem,
    recipe: Recipe<'a>,
    assembly: Assembly,
    /// Variable of what each factor's exposure changes by; `None` if no line has any.
    factors: Vec<Option<usize>>,
    /// Variable of what each line sells.
    sold: Vec<Option<usize>>,
    /// Variable of what each line is short.
    short: Vec<Option<usize>>,
}

impl<'a> Builder<'a> {
    fn new(problem: &'a Problem, scale: Scale, recipe: Recipe<'a>) -> Builder<'a> {
        let count = recipe.picks.len();
        let mut assembly = Assembly {
            program: Program::empty(),
            owners: Vec::new(),
            scale,
            constant: 0.0,
            trades: vec![None; count],
            shares: vec![None; count],
            slacks: Vec::new(),
            threshold: None,
        };
        for (trade, pick) in recipe.picks.iter().enumerate() {
            if *pick != Pick::Out {
                assembly.trades[trade] = Some(assembly.program.variable());
            }
        }
        let factors = vec![None; problem.statement().risk.factors()];
        let (sold, short) = (vec![None; count], vec![None; count]);
        Builder { problem, recipe, assembly, factors, sold, short }
    }

    fn program(&mut self) -> &mut Program {
        &mut self.assembly.program
    }

    fn is_cheapest(&self) -> bool {
        matches!(self.recipe.goal, Goal::Cheapest { .. })
    }

    /// Members whose limits are variables.
    fn relaxed(&self) -> &'a [Member] {
        match self.recipe.goal {
            Goal::Cheapest { .. } => &[],
            Goal::Relaxed { members } => members,
        }
    }

    /// Whether a constraint on such a measure is part of the program.
    fn limits(&self, measure: &Measure) -> bool {
        let constraints = &self.problem.statement().constraints;
        let enforced = constraints.iter().zip(self.recipe.enforced);
        enforced.filter(|(_, enforced)| **enforced).any(|(c, _)| c.measure == *measure)
    }

    /// t ≥ 0 and t ≥ −x where costs, turnover or picks need it; s ≥ 0 and s ≥ −p where carry or gross
    /// do; and the ranges of lines that must buy or sell.
    fn trade_rows(&mut self) {
        let horizon = self.problem.statement().objective.horizon_sessions;
        let (turnover, gross) = (self.limits(&Measure::Turnover), self.limits(&Measure::Gross));
        let spread = self.is_cheapest() || self.limits(&Measure::Spread);
        let ticket = self.problem.statement().min_ticket.as_ref().map_or(0.0, |t| t.money);
        let ticket = ticket / self.assembly.scale.money;
        for (trade, (line, terms)) in self.problem.traded_lines().enumerate() {
            let Some(x) = self.assembly.trades[trade] else { continue };
            let costs = spread && 0.0 < terms.buy_cost + terms.sell_cost;
            if costs || turnover {
                self.sold[trade] = Some(self.negative_part(x, 0.0));
            }
            let carry = terms.long_carry_per_session + terms.short_carry_per_session;
            if (self.is_cheapest() && 0.0 < carry * horizon) || gross {
                let held = line.held / self.assembly.scale.money;
                // What is sold of a line that is not held is short.
                let sold = self.sold[trade].filter(|_| held.abs() <= 0.0);
                self.short[trade] = Some(sold.unwrap_or_else(|| self.negative_part(x, held)));
            }
            match self.recipe.picks[trade] {
                Pick::Buy => drop(self.program().at_most(vec![(x, -1.0)], -ticket)),
                Pick::Sell => drop(self.program().at_most(vec![(x, 1.0)], -ticket)),
                Pick::Free | Pick::Out | Pick::In => {}
            }
        }
    }

    /// A variable at least (x + constant)⁻.
    fn negative_part(&mut self, x: usize, constant: f64) -> usize {
        let part = self.program().variable();
        self.program().at_most(vec![(part, -1.0)], 0.0);
        self.program().at_most(vec![(part, -1.0), (x, -1.0)], constant);
        part
    }

    /// y − E′x = 0 for each factor to which a line is exposed.
    fn factor_rows(&mut self) {
        let mut terms: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.factors.len()];
        for (trade, (line, _)) in self.problem.traded_lines().enumerate() {
            let Some(x) = self.assembly.trades[trade] else { continue };
            let exposures = line.exposures.iter().filter(|(_, value)| 0.0 < value.abs());
            exposures.for_each(|(factor, value)| terms[*factor].push((x, -value)));
        }
        for (factor, mut terms) in terms.into_iter().enumerate() {
            if !terms.is_empty() {
                let y = self.program().variable();
                terms.push((y, 1.0));
                self.program().equal(terms, 0.0);
                self.factors[factor] = Some(y);
            }
        }
    }
}

/// A limit that is smaller or larger by more than this than what it is compared with counts as that.
const RELAXATION_RANGE: f64 = 1e4;

/// What one unit of a relaxation costs, of which a unit is a book's size, or one: relaxations count as
/// shares of their limits.
pub(crate) fn relaxation_cost(limit: f64, size: f64) -> f64 {
    if limit.abs() <= 0.0 {
        return 1.0;
    }
    (size / limit.abs()).clamp(1.0 / RELAXATION_RANGE, RELAXATION_RANGE)
}
