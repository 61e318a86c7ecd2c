//! Scenarios as conditional expectations of a joint normal distribution (Kupiec 1998).
//!
//! Every number is a linear form z = a′g + b′u of the common coordinates g, factors and series, and
//! of specific returns u, one per name. Cov(g) = C, Var(u_i) = d_i, and specific returns are
//! uncorrelated with all else. If the forms z take the values s, any other form p has
//!
//! ```text
//! E[p | z = s]   = Cov(p, z)·Var(z)⁻¹·s
//! Var[p | z = s] = Var(p) − Cov(p, z)·Var(z)⁻¹·Cov(z, p)
//! distance²      = s′·Var(z)⁻¹·s
//! ```
//!
//! A form that is shocked takes its shock exactly. Covariances are of one session; over h sessions
//! they are h times as large, which leaves expectations as they are.

use stats::{cholesky::Cholesky, kernel::dot, matrix::SymmetricMatrix};
use std::collections::BTreeSet;

/// A form of which others leave less than this share of its variance open is determined by them: no
/// estimate of a covariance is so exact.
const OPEN_SHARE_MIN: f64 = 1e-8;

/// A linear form of common coordinates and specific returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// a, one weight per common coordinate.
    pub common: Vec<f64>,
    /// b, by index of the name in ascending order; names without a weight are left out.
    pub specific: Vec<(usize, f64)>,
}

impl Form {
    /// One common coordinate.
    pub fn coordinate(at: usize, of: usize) -> Form {
        let mut common = vec![0.0; of];
        common[at] = 1.0;
        Form { common, specific: Vec::new() }
    }

    /// Σ weight·form. All forms have the same number of common coordinates.
    pub fn sum<'a>(of: usize, terms: impl IntoIterator<Item = (f64, &'a Form)>) -> Form {
        let mut sum = Form { common: vec![0.0; of], specific: Vec::new() };
        for (weight, form) in terms {
            let pairs = sum.common.iter_mut().zip(&form.common);
            pairs.for_each(|(sum, value)| *sum += weight * value);
            sum.specific.extend(form.specific.iter().map(|(name, b)| (*name, weight * b)));
        }
        // Stable, so that weights of one name are added in the order of the terms.
        sum.specific.sort_by_key(|(name, _)| *name);
        let of_name = |same: &[(usize, f64)]| (same[0].0, same.iter().map(|(_, b)| b).sum());
        sum.specific = sum.specific.chunk_by(|a, b| a.0 == b.0).map(of_name).collect();
        sum
    }
}

/// The joint distribution of common coordinates and specific returns over one session.
#[derive(Clone, Debug, PartialEq)]
pub struct Joint {
    /// C.
    pub common: SymmetricMatrix,
    /// d, by name; not negative.
    pub specific: Vec<f64>,
}

impl Joint {
    /// Cov(p, q) over one session.
    pub fn covariance(&self, p: &Form, q: &Form) -> f64 {
        let with_q: Vec<f64> =
            (0..self.common.dim()).map(|k| dot(self.common.row(k), &q.common)).collect();
        dot(&p.common, &with_q) + self.shared_specific(p, q)
    }

    /// The distribution given that forms take some values. `None` if a form has no variance of its
    /// own: it is constant, or the others determine it.
    pub fn given(&self, forms: &[Form], values: &[f64]) -> Option<Given<'_>> {
        let variance = SymmetricMatrix::from_lower(forms.len(), |row, column| {
            self.covariance(&forms[row], &forms[column])
        })?;
        let factor = Cholesky::factor(&variance)?;
        let multipliers = factor.solve(values)?;
        let combined = Form::sum(self.common.dim(), multipliers.iter().copied().zip(forms.iter()));
        Some(Given {
            joint: self,
            forms: forms.to_vec(),
            squared_distance: dot(&multipliers, values).max(0.0),
            factor,
            combined,
        })
    }

    /// The forms that determine each other, to a share of 1e-8, or that nothing moves; empty if
    /// all can take any values.
    pub fn determined(&self, forms: &[Form]) -> BTreeSet<usize> {
        let covariance = |i: usize, j: usize| self.covariance(&forms[i], &forms[j]);
        let every = SymmetricMatrix::from_lower(forms.len(), covariance);
        let Some(variance) = every else { return (0..forms.len()).collect() };
        let is_open = |form: usize, others: &[usize]| {
            OPEN_SHARE_MIN * variance.get(form, form) < open_variance(&variance, form, others)
        };
        let (mut open, mut determined) = (Vec::new(), BTreeSet::new());
        for form in 0..forms.len() {
            if is_open(form, &open) {
                open.push(form);
                continue;
            }
            // One of the open ones takes part if the form is open without it.
            let without = |one: usize| open.iter().copied().filter(move |other| *other != one);
            let takes_part = |one: &&usize| is_open(form, &without(**one).collect::<Vec<_>>());
            determined.extend(open.iter().filter(takes_part));
            determined.insert(form);
        }
        determined
    }

    fn shared_specific(&self, p: &Form, q: &Form) -> f64 {
        let mut others = q.specific.iter().peekable();
        let mut sum = 0.0;
        for (name, weight) in &p.specific {
            while others.next_if(|(other, _)| other < name).is_some() {}
            if let Some((_, other)) = others.next_if(|(other, _)| other == name) {
                sum += weight * other * self.specific[*name];
            }
        }
        sum
    }
}

/// The variance of a form that others leave open.
fn open_variance(variance: &SymmetricMatrix, form: usize, others: &[usize]) -> f64 {
    let with: Vec<f64> = others.iter().map(|other| variance.get(form, *other)).collect();
    let block = |i: usize, j: usize| variance.get(others[i], others[j]);
    let explained = SymmetricMatrix::from_lower(others.len(), block)
        .and_then(|block| Cholesky::factor(&block)?.inverse_form(&with));
    variance.get(form, form) - explained.unwrap_or(0.0)
}

/// A joint distribution, given the values of some forms.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    joint: &'a Joint,
    forms: Vec<Form>,
    factor: Cholesky,
    /// Σ multiplier·form: E[p | z = s] is its covariance with p.
    combined: Form,
    squared_distance: f64,
}

impl Given<'_> {
    /// E[p | z = s].
    pub fn expected(&self, p: &Form) -> f64 {
        self.joint.covariance(p, &self.combined)
    }

    /// Expected values of all common coordinates.
    pub fn expected_common(&self) -> Vec<f64> {
        let covariance = &self.joint.common;
        (0..covariance.dim()).map(|k| dot(covariance.row(k), &self.combined.common)).collect()
    }

    /// Expected specific return of every name.
    pub fn expected_specific(&self) -> Vec<f64> {
        let mut expected = vec![0.0; self.joint.specific.len()];
        for (name, weight) in &self.combined.specific {
            expected[*name] = self.joint.specific[*name] * weight;
        }
        expected
    }

    /// Var[p | z = s] over one session; zero, not less, where rounding would make it negative.
    pub fn variance(&self, p: &Form) -> f64 {
        let with: Vec<f64> = self.forms.iter().map(|form| self.joint.covariance(p, form)).collect();
        let explained = self.factor.inverse_form(&with).unwrap_or(0.0);
        (self.joint.covariance(p, p) - explained).max(0.0)
    }

    /// Mahalanobis distance of the values over one session, in standard deviations.
    pub fn distance(&self) -> f64 {
        self.squared_distance.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joint() -> Joint {
        let common = SymmetricMatrix::from_rows(2, vec![4e-4, 2e-4, 2e-4, 9e-4]).unwrap();
        Joint { common, specific: vec![1e-4, 4e-4] }
    }

    /// Methodology F: Σ = [[4e-4, 2e-4], [2e-4, 9e-4]] and f₁ = −.03 give f₂ = −.015 with a residual
    /// deviation of .028284 (`reference/ref.py`, "conditional propagate").
    #[test]
    fn a_shock_is_carried_to_the_other_factor() {
        let joint = joint();
        let [first, second] = [0, 1].map(|at| Form::coordinate(at, 2));
        let given = joint.given(std::slice::from_ref(&first), &[-0.03]).unwrap();
        assert!((given.expected(&second) + 0.015).abs() < 1e-15);
        assert!((given.variance(&second).sqrt() - 0.028_284_271).abs() < 1e-9);
        // The shocked factor takes its shock exactly, and nothing of it is left open.
        assert!((given.expected(&first) + 0.03).abs() < 1e-17);
        assert!(given.variance(&first) < 1e-18);
        // 0.03 at a deviation of 0.02.
        assert!((given.distance() - 1.5).abs() < 1e-12);
    }

    /// A name with exposure 1 to the first factor: variance 4e-4 + 1e-4. A shock of −5 % is four
    /// fifths the factor's and one fifth its own; another name with the same exposure gets the
    /// factor's part.
    #[test]
    fn a_shock_of_a_name_is_split_into_common_and_specific() {
        let joint = joint();
        let name = |at| Form { common: vec![1.0, 0.0], specific: vec![(at, 1.0)] };
        let given = joint.given(&[name(0)], &[-0.05]).unwrap();
        assert!((given.expected_common()[0] + 0.04).abs() < 1e-15);
        assert!((given.expected_specific()[0] + 0.01).abs() < 1e-15);
        assert!((given.expected(&name(1)) + 0.04).abs() < 1e-15);
        // Var = 8e-4 − (4e-4)²/5e-4 = 4.8e-4.
        assert!((given.variance(&name(1)) - 4.8e-4).abs() < 1e-15);
    }

    #[test]
    fn forms_that_determine_each_other_have_no_conditional() {
        let form = Form::coordinate(0, 2);
        assert!(joint().given(&[form.clone(), form], &[0.01, 0.02]).is_none());
        let nothing = Form { common: vec![0.0; 2], specific: Vec::new() };
        assert!(joint().given(&[nothing], &[0.01]).is_none());
    }

    #[test]
    fn weights_of_one_name_are_added() {
        let [a, b] = [0.25, 0.5].map(|b| Form { common: vec![1.0, 0.0], specific: vec![(1, b)] });
        let sum = Form::sum(2, [(2.0, &a), (-1.0, &b)]);
        assert_eq!(sum, Form { common: vec![1.0, 0.0], specific: vec![(1, 0.0)] });
    }
}
