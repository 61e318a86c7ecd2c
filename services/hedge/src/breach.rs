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
        let positions = self.positions(trades);
        let mut found = Vec::new();
        let mut check = |id: &String, (amount, limit): (f64, f64), unit: Unit| {
            let size = self.unit_size(unit);
            if LIMIT_TOLERANCE * limit.abs() + SOLVER_TOLERANCE * size < amount {
                found.push((Breach { constraint: id.clone(), amount, unit }, amount / size));
            }
        };
        for constraint in &statement.constraints {
            let value = self.measure_at(&constraint.measure, trades, &positions);
            let unit = constraint.measure.unit();
            check(&constraint.id, miss(constraint, value), unit);
        }
        for exclusion in &statement.exclusions {
            let trade = self.trade_of(exclusion.line).map_or(0.0, |trade| trades[trade]);
            let held = statement.lines[exclusion.line].held;
            let amount = match exclusion.rule {
                ExclusionRule::NoTrade => trade.abs(),
                ExclusionRule::NoNewShort => -(trade + held.max(0.0)),
            };
            check(&exclusion.id, (amount, 0.0), Unit::Money);
        }
        let noise = NO_TRADE * self.size();
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
        match unit {
            Unit::VolumeShare | Unit::Lines => 1.0,
            Unit::Money | Unit::BetaMoney | Unit::ExposureMoney => self.size(),
        }
    }
}

/// By how much a value misses a constraint, not positive if it respects it, and the limit that it
/// misses most.
fn miss(constraint: &Constraint, value: f64) -> (f64, f64) {
    let below = constraint.lower.map(|lower| (lower - value, lower));
    let above = constraint.upper.map(|upper| (value - upper, upper));
    let worse = |a: (f64, f64), b: (f64, f64)| if a.0 < b.0 { b } else { a };
    below.into_iter().chain(above).reduce(worse).unwrap_or((f64::NEG_INFINITY, 0.0))
}
