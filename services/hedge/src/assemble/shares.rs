//! Multipliers of limits, shared by those that say the same.
//!
//! Of equal rows only the sum of multipliers is determined, and a solver may return large opposites. The
//! smallest in squares are taken: equal ones for all rows that bind on the side of the sum.

use super::Owner;
use crate::program::{Program, Relation, Row, Solution};

/// A row with less slack than this binds, in the scaled units of a program.
const SLACK: f64 = 1e-8;

/// Coefficients that differ by a smaller share are equal.
const EQUAL: f64 = 1e-12;

/// The multipliers of the owners' rows.
pub(super) fn shared(program: &Program, owners: &[Owner], solution: &Solution) -> Vec<f64> {
    let binding: Vec<(&Row, f64)> = owners
        .iter()
        .map(|owner| (&program.rows[owner.row], solution.multipliers[owner.row]))
        .filter(|(row, multiplier)| binds(row, *multiplier, &solution.values))
        .collect();
    let share = |owner: &Owner| {
        let (row, multiplier) = (&program.rows[owner.row], solution.multipliers[owner.row]);
        if !binds(row, multiplier, &solution.values) {
            return 0.0;
        }
        let alike =
            || binding.iter().filter_map(|(other, m)| Some((*other, *m, ratio(other, row)?)));
        let sum: f64 = alike().map(|(_, multiplier, by)| by * multiplier).sum();
        let takes = |row: &Row, by: f64| row.relation == Relation::Equal || 0.0 < by * sum;
        let squares: f64 =
            alike().filter(|(other, _, by)| takes(other, *by)).map(|(.., by)| by * by).sum();
        if takes(row, 1.0) { sum / squares } else { 0.0 }
    };
    owners.iter().map(share).collect()
}

/// Whether a row binds: a limit with more slack than its multiplier does not.
fn binds(row: &Row, multiplier: f64, values: &[f64]) -> bool {
    let slack = row.bound - row.terms.iter().map(|(v, a)| a * values[*v]).sum::<f64>();
    row.relation == Relation::Equal || slack <= multiplier.max(SLACK)
}

/// The factor by which a row is another one, if its terms are the other's times one.
fn ratio(row: &Row, other: &Row) -> Option<f64> {
    if row.terms.len() != other.terms.len() {
        return None;
    }
    let by = row.terms.first()?.1 / other.terms.first()?.1;
    let same = |((v, a), (w, b)): (&(usize, f64), &(usize, f64))| {
        v == w && (a - by * b).abs() <= EQUAL * a.abs()
    };
    row.terms.iter().zip(&other.terms).all(same).then_some(by)
}
