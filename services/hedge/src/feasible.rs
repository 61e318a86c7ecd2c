//! Whether a program has any values at all, for programs of which the solver cannot say it.
//!
//! Where limits nearly allow some values, or where they leave values only at their edge, an
//! interior-point solver may stop with neither a solution nor a proof that there is none. The
//! problem of the first phase always has both: every row may be missed, and the sum of misses is
//! minimised. Its multipliers μ have A′μ = 0 and b′μ = −(the least sum), so that a sum above zero is
//! a proof (Farkas).

use crate::program::{Program, Relation, Row, Solution};

/// A least sum of misses above this is no rounding. Rows are scaled to a largest coefficient of one,
/// and money by the size of the book.
const MISS: f64 = 1e-7;

/// A program that some values always solve: the rows of another one, each of which may be missed.
pub(crate) struct FirstPhase {
    pub(crate) program: Program,
    /// The divisor of each row.
    divisors: Vec<f64>,
}

impl FirstPhase {
    /// The sum of misses of a program's rows. Cones stay: nothing else bounds their r from above.
    pub(crate) fn of(program: &Program) -> FirstPhase {
        let mut elastic = Program {
            linear: vec![0.0; program.variables()],
            cones: program.cones.clone(),
            ..Program::empty()
        };
        let divisors: Vec<f64> = program.rows.iter().map(largest).collect();
        for (row, divisor) in program.rows.iter().zip(&divisors) {
            let mut terms: Vec<(usize, f64)> =
                row.terms.iter().map(|(variable, a)| (*variable, a / divisor)).collect();
            terms.push((elastic.miss(), -1.0));
            if row.relation == Relation::Equal {
                terms.push((elastic.miss(), 1.0));
            }
            let bound = row.bound / divisor;
            elastic.rows.push(Row { terms, relation: row.relation, bound });
        }
        // After all others, so that the rows of both programs have the same places.
        for miss in program.variables()..elastic.variables() {
            elastic.at_most(vec![(miss, -1.0)], 0.0);
        }
        FirstPhase { program: elastic, divisors }
    }

    /// Multipliers of the program's own rows that contradict each other, from a solution of the first
    /// phase. `None` if nothing is missed.
    pub(crate) fn contradiction(&self, solution: &Solution) -> Option<Vec<f64>> {
        let own = solution.multipliers.iter().zip(&self.divisors);
        (MISS < self.program.objective(&solution.values))
            .then(|| own.map(|(multiplier, divisor)| multiplier / divisor).collect())
    }
}

/// The largest coefficient of a row; one if it has none.
fn largest(row: &Row) -> f64 {
    let most = row.terms.iter().fold(0.0_f64, |most, (_, a)| most.max(a.abs()));
    if 0.0 < most { most } else { 1.0 }
}

impl Program {
    /// Adds a variable that costs one per unit.
    fn miss(&mut self) -> usize {
        let variable = self.variable();
        self.linear[variable] = 1.0;
        variable
    }
}
