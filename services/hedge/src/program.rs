//! A convex program in standard form, and a check of its solutions.

use crate::proof::Residuals;

/// min ½·v′Pv + q′v subject to rows a′v = b or a′v ≤ b, and cones r·z ≥ v² with r, z ≥ 0.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Entries of P's upper triangle (row ≤ column); repeated entries add up.
    pub(crate) quadratic: Vec<(usize, usize, f64)>,
    /// q, one per variable.
    pub(crate) linear: Vec<f64>,
    pub(crate) rows: Vec<Row>,
    pub(crate) cones: Vec<Perspective>,
}

/// A linear row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Variable and coefficient; no variable twice.
    pub(crate) terms: Vec<(usize, f64)>,
    pub(crate) relation: Relation,
    pub(crate) bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    AtMost,
}

/// The rotated cone r·z ≥ (v/unit)², as the second-order cone |(r − z, 2·v/unit)| ≤ r + z, by
/// variables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Perspective {
    pub(crate) r: usize,
    pub(crate) z: usize,
    pub(crate) v: usize,
    /// The largest size of v, so that r is at most one where z is.
    pub(crate) unit: f64,
}

/// A solution: values of the variables, multipliers of the rows (not negative for `AtMost`) and of
/// the cones. The objective falls by a row's multiplier per unit of its bound.
#[derive(Clone, Debug)]
pub(crate) struct Solution {
    pub(crate) values: Vec<f64>,
    pub(crate) multipliers: Vec<f64>,
    pub(crate) cone_multipliers: Vec<[f64; 3]>,
}

impl Program {
    /// A program without variables.
    pub(crate) fn empty() -> Program {
        Program { quadratic: Vec::new(), linear: Vec::new(), rows: Vec::new(), cones: Vec::new() }
    }

    pub(crate) fn variables(&self) -> usize {
        self.linear.len()
    }

    /// Adds a variable and gives its index.
    pub(crate) fn variable(&mut self) -> usize {
        self.linear.push(0.0);
        self.linear.len() - 1
    }

    /// Adds a row a′v ≤ b and gives its index.
    pub(crate) fn at_most(&mut self, terms: Vec<(usize, f64)>, bound: f64) -> usize {
        debug_assert!(are_distinct(&terms), "invariant: no variable twice: {terms:?}");
        self.rows.push(Row { terms, relation: Relation::AtMost, bound });
        self.rows.len() - 1
    }

    /// Adds a row a′v = b and gives its index.
    pub(crate) fn equal(&mut self, terms: Vec<(usize, f64)>, bound: f64) -> usize {
        debug_assert!(are_distinct(&terms), "invariant: no variable twice: {terms:?}");
        self.rows.push(Row { terms, relation: Relation::Equal, bound });
        self.rows.len() - 1
    }

    /// The objective at some values.
    pub(crate) fn objective(&self, values: &[f64]) -> f64 {
        let half: f64 = self
            .quadratic
            .iter()
            .map(|(i, j, p)| (if i == j { 0.5 } else { 1.0 }) * p * values[*i] * values[*j])
            .sum();
        half + self.linear.iter().zip(values).map(|(q, v)| q * v).sum::<f64>()
    }

    /// The residuals of a solution, computed from the program alone.
    pub(crate) fn residuals(&self, solution: &Solution) -> Residuals {
        let values = &solution.values;
        let mut gradient = self.linear.clone();
        for (i, j, p) in &self.quadratic {
            gradient[*i] += p * values[*j];
            if i != j {
                gradient[*j] += p * values[*i];
            }
        }
        let mut found =
            Residuals { stationarity: 0.0, primal: 0.0, dual: 0.0, complementarity: 0.0 };
        for (row, multiplier) in self.rows.iter().zip(&solution.multipliers) {
            row.terms.iter().for_each(|(v, a)| gradient[*v] += a * multiplier);
            let slack = row.bound - row.terms.iter().map(|(v, a)| a * values[*v]).sum::<f64>();
            match row.relation {
                Relation::Equal => found.primal = found.primal.max(slack.abs()),
                Relation::AtMost => {
                    found.primal = found.primal.max(-slack);
                    found.dual = found.dual.max(-multiplier);
                    let product = slack.max(0.0) * multiplier;
                    found.complementarity = found.complementarity.max(product.abs());
                }
            }
        }
        for (cone, m) in self.cones.iter().zip(&solution.cone_multipliers) {
            let (r, z, v) = (values[cone.r], values[cone.z], values[cone.v] / cone.unit);
            let s = [r + z, r - z, 2.0 * v];
            gradient[cone.r] -= m[0] + m[1];
            gradient[cone.z] -= m[0] - m[1];
            gradient[cone.v] -= 2.0 * m[2] / cone.unit;
            found.primal = found.primal.max(outside(&s));
            found.dual = found.dual.max(outside(m));
            let product: f64 = s.iter().zip(m).map(|(s, m)| s * m).sum();
            found.complementarity = found.complementarity.max(product.abs());
        }
        found.stationarity = gradient.iter().fold(0.0, |most, g| most.max(g.abs()));
        found
    }
}

fn are_distinct(terms: &[(usize, f64)]) -> bool {
    let mut variables: Vec<usize> = terms.iter().map(|(variable, _)| *variable).collect();
    variables.sort_unstable();
    variables.windows(2).all(|pair| pair[0] < pair[1])
}

/// By how much a point is outside of the second-order cone.
fn outside(point: &[f64; 3]) -> f64 {
    (point[1] * point[1] + point[2] * point[2]).sqrt() - point[0]
}
