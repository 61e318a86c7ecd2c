//! Multipliers of rows, where rows that say the same share theirs.
//!
//! Of equal rows only the sum of multipliers is determined, and a solver may return large opposites. The
//! smallest in squares are taken: equal ones for all rows that bind on the side of the sum.

use super::Owner;
use crate::program::{Program, Relation, Row, Solution};
use std::collections::BTreeMap;

/// A row with less slack than this binds, in the scaled units of a program.
const SLACK: f64 = 1e-8;

/// Coefficients that differ by a smaller share are equal.
const EQUAL: f64 = 1e-12;

/// Rows that bind and are multiples of each other, as one row: the first.
#[derive(Clone, Debug)]
pub(super) struct Class {
    /// The rows, and the factors by which they are the first.
    pub(super) rows: Vec<(usize, f64)>,
    /// Σ factor × multiplier. Not negative unless `is_free`.
    pub(super) sum: f64,
    /// Whether the sum may have either sign: some row is an equality, or two are opposite.
    pub(super) is_free: bool,
    /// Σ factor² of the rows that take a part of a sum above zero, and of one below.
    squares: (f64, f64),
}

/// The rows of a program that bind at a solution, by class.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) classes: Vec<Class>,
    /// Class and factor of each owner's row; `None` if it does not bind.
    pub(super) owners: Vec<Option<(usize, f64)>>,
}

impl Binding {
    pub(super) fn of(program: &Program, owners: &[Owner], solution: &Solution) -> Binding {
        let is_binding =
            |row: &usize| binds(&program.rows[*row], solution.multipliers[*row], &solution.values);
        let binding: Vec<usize> = (0..program.rows.len()).filter(is_binding).collect();
        let mut place = vec![None; program.rows.len()];
        // By the first variable and the number of terms, so that few rows are compared.
        let mut alike: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        let mut classes: Vec<Vec<(usize, f64)>> = Vec::new();
        for index in binding {
            let row = &program.rows[index];
            let key = (row.terms.first().map_or(0, |(variable, _)| *variable), row.terms.len());
            let near = alike.entry(key).or_default();
            let found = near
                .iter()
                .find_map(|class| Some((*class, ratio(row, &program.rows[classes[*class][0].0])?)));
            let (class, by) = found.unwrap_or((classes.len(), 1.0));
            if found.is_none() {
                near.push(class);
                classes.push(Vec::new());
            }
            classes[class].push((index, by));
            place[index] = Some((class, by));
        }
        let classes = classes.into_iter().map(|rows| Class::of(program, rows, solution)).collect();
        Binding { classes, owners: owners.iter().map(|owner| place[owner.row]).collect() }
    }

    /// The multiplier of an owner's row, given the sums of classes.
    pub(super) fn multiplier(
        &self,
        program: &Program,
        (row, owner): (usize, usize),
        sums: &[f64],
    ) -> f64 {
        let Some((class, by)) = self.owners[owner] else { return 0.0 };
        by * self.classes[class].part(&program.rows[row], by, sums[class])
    }

    /// The sums of the solution itself.
    pub(super) fn sums(&self) -> Vec<f64> {
        self.classes.iter().map(|class| class.sum).collect()
    }
}

impl Class {
    /// What a row that is the first times a factor has of a sum, per factor.
    pub(super) fn part(&self, row: &Row, by: f64, sum: f64) -> f64 {
        let takes = row.relation == Relation::Equal || 0.0 < by * sum;
        let (above, below) = self.squares;
        if takes { sum / if 0.0 < sum { above } else { below } } else { 0.0 }
    }

    fn of(program: &Program, rows: Vec<(usize, f64)>, solution: &Solution) -> Class {
        let sum = rows.iter().map(|(row, by)| by * solution.multipliers[*row]).sum();
        let is_equal = |row: usize| program.rows[row].relation == Relation::Equal;
        let is_free = rows.iter().any(|(row, by)| is_equal(*row) || *by < 0.0);
        let squares = |sign: f64| -> f64 {
            let takes = rows.iter().filter(|(row, by)| is_equal(*row) || 0.0 < sign * by);
            takes.map(|(_, by)| by * by).sum()
        };
        let squares = (squares(1.0), squares(-1.0));
        Class { rows, sum, is_free, squares }
    }
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
