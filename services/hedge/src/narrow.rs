//! A contradiction of few rows.
//!
//! Rows contradict each other if multipliers μ ≥ 0 have A′μ = 0 and b′μ < 0, and the supports of the
//! vertices of these multipliers are the smallest contradictions (Gleeson and Ryan 1990). The multipliers
//! that cost least, min c′μ with b′μ = −1, are such a vertex where costs differ; they are those of the
//! rows of max t with A·v − b·t ≤ c, which t = 0 and v = 0 always meet.

use crate::program::{Program, Relation, Solution};

/// The program whose multipliers are a contradiction of another one's rows.
pub(crate) struct Narrowed {
    pub(crate) program: Program,
    /// The row of the other program that each row comes from.
    from: Vec<usize>,
    rows: usize,
}

/// The program of the cheapest contradiction of a program without cones, given a cost per row.
pub(crate) fn narrowed(program: &Program, costs: &[f64]) -> Narrowed {
    let mut narrowed =
        Narrowed { program: Program::empty(), from: Vec::new(), rows: program.rows.len() };
    narrowed.program.linear = vec![0.0; program.variables()];
    let t = narrowed.program.variable();
    narrowed.program.linear[t] = -1.0;
    for (place, (row, cost)) in program.rows.iter().zip(costs).enumerate() {
        let terms = |sign: f64| -> Vec<(usize, f64)> {
            let own = row.terms.iter().map(|(variable, a)| (*variable, sign * a));
            own.chain([(t, -sign * row.bound)]).collect()
        };
        match row.relation {
            Relation::Equal if *cost <= 0.0 => drop(narrowed.program.equal(terms(1.0), 0.0)),
            Relation::Equal => {
                narrowed.program.at_most(terms(1.0), *cost);
                narrowed.from.push(place);
                narrowed.program.at_most(terms(-1.0), *cost);
            }
            Relation::AtMost => drop(narrowed.program.at_most(terms(1.0), *cost)),
        }
        narrowed.from.push(place);
    }
    narrowed
}

impl Narrowed {
    /// Sizes of the multipliers of the other program's rows.
    pub(crate) fn multipliers(&self, solution: &Solution) -> Vec<f64> {
        let mut sizes = vec![0.0; self.rows];
        let own = self.from.iter().zip(&solution.multipliers);
        own.for_each(|(row, multiplier)| sizes[*row] += multiplier.abs());
        sizes
    }
}
