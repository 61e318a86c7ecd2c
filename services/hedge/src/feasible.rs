//! Programs whose rows may be missed, for programs at whose edge the solver stops.
//!
//! Where limits nearly allow some values, or leave hardly any room, an interior-point solver may stop
//! with neither a solution nor a proof that there is none: either the values or the multipliers have no
//! interior. If every row may be missed at a price, both have one, because no multiplier is larger than
//! the price.
//!
//! The first phase minimises the sum of misses alone. Its multipliers μ have A′μ = 0 and b′μ = −(the
//! least sum), so that a sum above zero is a proof that rows contradict each other (Farkas). Otherwise
//! the objective plus a price per miss has the program's own solution, once the price is above its
//! multipliers (the exact penalty of Han and Mangasarian 1979).

use crate::program::{Program, Relation, Row, Solution};

/// A least sum of misses above this is no rounding. Rows are scaled to a largest coefficient of one,
/// and money by the size of the book, so it is the breach of a limit that counts as none.
const MISS: f64 = 1e-8;

/// A program that some values always solve: the rows of another one, each of which may be missed.
pub(crate) struct Elastic {
    pub(crate) program: Program,
    /// The divisor of each row.
    divisors: Vec<f64>,
    /// Number of variables of the other program.
    variables: usize,
}

impl Elastic {
    /// The sum of misses of a program's rows.
    pub(crate) fn first_phase(program: &Program) -> Elastic {
        let (quadratic, linear) = (Vec::new(), vec![0.0; program.variables()]);
        Elastic::of(program, Program { quadratic, linear, ..Program::empty() }, 1.0)
    }

    /// A program's objective, plus a price on every miss.
    pub(crate) fn priced(program: &Program, price: f64) -> Elastic {
        let (quadratic, linear) = (program.quadratic.clone(), program.linear.clone());
        Elastic::of(program, Program { quadratic, linear, ..Program::empty() }, price)
    }

    /// Cones stay: nothing else bounds their r from above.
    fn of(program: &Program, mut elastic: Program, price: f64) -> Elastic {
        elastic.cones = program.cones.clone();
        let divisors: Vec<f64> = program.rows.iter().map(largest).collect();
        for (row, divisor) in program.rows.iter().zip(&divisors) {
            let mut terms: Vec<(usize, f64)> =
                row.terms.iter().map(|(variable, a)| (*variable, a / divisor)).collect();
            terms.push((elastic.miss(price), -1.0));
            if row.relation == Relation::Equal {
                terms.push((elastic.miss(price), 1.0));
            }
            let bound = row.bound / divisor;
            elastic.rows.push(Row { terms, relation: row.relation, bound });
        }
        // After all others, so that the rows of both programs have the same places.
        for miss in program.variables()..elastic.variables() {
            elastic.at_most(vec![(miss, -1.0)], 0.0);
        }
        Elastic { program: elastic, divisors, variables: program.variables() }
    }

    /// Multipliers of the program's own rows that contradict each other, from a solution of the first
    /// phase. `None` if nothing is missed.
    pub(crate) fn contradiction(&self, solution: &Solution) -> Option<Vec<f64>> {
        (MISS < self.missed(solution)).then(|| self.multipliers(solution))
    }

    /// The solution of the program itself. `None` if something is missed.
    pub(crate) fn solution(&self, solution: &Solution) -> Option<Solution> {
        (self.missed(solution) <= 2.0 * MISS).then(|| Solution {
            values: solution.values[..self.variables].to_vec(),
            multipliers: self.multipliers(solution),
            cone_multipliers: solution.cone_multipliers.clone(),
        })
    }

    fn missed(&self, solution: &Solution) -> f64 {
        solution.values[self.variables..].iter().sum()
    }

    fn multipliers(&self, solution: &Solution) -> Vec<f64> {
        let own = solution.multipliers.iter().zip(&self.divisors);
        own.map(|(multiplier, divisor)| multiplier / divisor).collect()
    }
}

/// The largest coefficient of a row; one if it has none.
fn largest(row: &Row) -> f64 {
    let most = row.terms.iter().fold(0.0_f64, |most, (_, a)| most.max(a.abs()));
    if 0.0 < most { most } else { 1.0 }
}

impl Program {
    /// Adds a variable that costs a price per unit.
    fn miss(&mut self, price: f64) -> usize {
        let variable = self.variable();
        self.linear[variable] = price;
        variable
    }
}
