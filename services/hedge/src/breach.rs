//! Which constraints given trades miss, and by how much.

use crate::{
    branch::NO_TRADE,
    constraint::{Constraint, ExclusionRule, Unit},
    problem::Problem,
};

/// A breach smaller than this share of the limit is none.
const LIMIT_TOLERANCE: f64 = 1e-6;

/// Nor is one smaller than this share of the book's size, to which the solver is exact.
const SOLVER_TOLERANCE: f64 = 1e-8;

/// A constraint that trades miss.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// Id of the constraint, exclusion or limit.
    pub constraint: String,
    /// By how much, in its unit.
    pub amount: f64,
    /// Its unit.
    pub unit: Unit,
}

impl Problem {
    /// The constraints that trades miss by more than rounding: limits in their order, then exclusions,
    /// the limit on lines and the smallest ticket.
    pub(crate) fn breaches(&self, trades: &[f64]) -> Vec<Breach> {
        self.all_breaches(trades).into_iter().map(|(breach, _)| breach).collect()
    }

    /// Breaches with their size as a share of what they are compared with.
    pub(crate) fn all_breaches(&self, trades: &[f64]) -> Vec<(Breach, f64)> {
        let statement = self.statement();
        let (positions, book) = (self.positions(trades), self.size());
        let mut found = Vec::new();
        let mut check = |id: &String, miss: (f64, f64), unit: Unit| {
            let share = share(miss, unit_size(unit, book));
            if 0.0 < share {
                let amount = miss.0;
                found.push((Breach { constraint: id.clone(), amount, unit }, share));
            }
        };
        for constraint in &statement.constraints {
            let value = self.measure_at(&constraint.measure, trades, &positions);
            check(&constraint.id, miss(constraint, value), constraint.measure.unit());
        }
        for exclusion in &statement.exclusions {
            let trade = self.trade_of(exclusion.line).map_or(0.0, |trade| trades[trade]);
            let held = statement.lines[exclusion.line].held;
            check(&exclusion.id, (excluded(exclusion.rule, held, trade), 0.0), Unit::Money);
        }
        let noise = NO_TRADE * book;
        let sizes = || trades.iter().map(|x| x.abs()).filter(|size| noise < *size);
        if let Some(limit) = &statement.max_lines {
            let excess = sizes().count().saturating_sub(limit.count);
            check(&limit.id, (excess as f64, 0.0), Unit::Lines);
        }
        if let Some(ticket) = &statement.min_ticket {
            let short = sizes().map(|size| ticket.money - size).fold(0.0, f64::max);
            check(&ticket.id, (short, ticket.money), Unit::Money);
        }
        found
    }

    /// What a breach or a relaxation is compared with: the book's size, or one.
    pub(crate) fn unit_size(&self, unit: Unit) -> f64 {
        unit_size(unit, self.size())
    }
}

/// What a breach is compared with, given the size of the book.
pub(crate) fn unit_size(unit: Unit, book: f64) -> f64 {
    match unit {
        Unit::VolumeShare | Unit::Lines => 1.0,
        Unit::Money | Unit::BetaMoney | Unit::ExposureMoney => book,
    }
}

/// A miss of a limit, both in one unit, as a share of what it is compared with; zero if it is within
/// the tolerances.
pub(crate) fn share((amount, limit): (f64, f64), size: f64) -> f64 {
    #[cfg(test)]
    count::add(1);
    let tolerance = LIMIT_TOLERANCE * limit.abs() + SOLVER_TOLERANCE * size;
    if tolerance < amount { amount / size } else { 0.0 }
}

/// By how much a value misses a constraint, not positive if it respects it, and the limit that it
/// misses most.
pub(crate) fn miss(constraint: &Constraint, value: f64) -> (f64, f64) {
    let below = constraint.lower.map(|lower| (lower - value, lower));
    let above = constraint.upper.map(|upper| (value - upper, upper));
    let worse = |a: (f64, f64), b: (f64, f64)| if a.0 < b.0 { b } else { a };
    below.into_iter().chain(above).reduce(worse).unwrap_or((f64::NEG_INFINITY, 0.0))
}

/// By how much a trade of a line that was held misses an exclusion, in money; not positive if it
/// respects it.
pub(crate) fn excluded(rule: ExclusionRule, held: f64, trade: f64) -> f64 {
    match rule {
        ExclusionRule::NoTrade => trade.abs(),
        ExclusionRule::NoNewShort => -(trade + held.max(0.0)),
    }
}

/// Counts on this thread what breaches cost: limits compared and lines passed over.
#[cfg(test)]
pub(crate) mod count {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn add(more: usize) {
        COUNT.set(COUNT.get() + more);
    }

    pub(crate) fn so_far() -> usize {
        COUNT.get()
    }
}
