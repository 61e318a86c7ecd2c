//! The complete rows of a regression, centred, and their normal equations.

use crate::cholesky::{factor_in_place, solve_in_place};
use crate::kernel;
use crate::matrix::SymmetricMatrix;

/// Maximum number of regressors, not counting the intercept: eight factors and two lags of one.
pub const REGRESSORS_MAX: usize = 10;

/// Maximum number of unknowns: the intercept and the slopes.
pub(crate) const UNKNOWNS_MAX: usize = REGRESSORS_MAX + 1;

/// Minimum share of a regressor's spread that the others must leave unexplained.
const PIVOT_MIN: f64 = 1e-10;

/// Coefficients of the centred problem.
pub(crate) type Unknowns = [f64; UNKNOWNS_MAX];

/// A small matrix, row by row, with as many entries per row as there are unknowns.
pub(crate) type Square = [f64; UNKNOWNS_MAX * UNKNOWNS_MAX];

/// Why a regression has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegressionError {
    /// No regressor, or more than [`REGRESSORS_MAX`].
    #[error("{0} regressors, not 1 to {REGRESSORS_MAX}")]
    Regressors(usize),
    /// The columns or weights do not have the length of y.
    #[error("columns of unequal length")]
    Length,
    /// An infinite value, a negative weight, or a result too large for a double.
    #[error("a value or weight is out of range")]
    Range,
    /// Fewer complete rows than unknowns plus one.
    #[error("{have} complete observations, at least {need} needed")]
    TooFew {
        /// Complete rows.
        have: usize,
        /// Rows needed.
        need: usize,
    },
    /// A regressor is constant or a linear combination of those before it.
    #[error("regressor {0} is constant or a combination of the others")]
    Collinear(usize),
}

/// y and the columns of X, each less its weighted mean. The slopes are those of the caller's
/// problem, and the normal equations are much better conditioned.
#[derive(Clone, Debug)]
pub(crate) struct Design {
    /// Number of rows used.
    pub(crate) rows: usize,
    /// Number of unknowns used.
    pub(crate) unknowns: usize,
    /// Ones, then every regressor, centred.
    pub(crate) columns: Vec<Vec<f64>>,
    /// The caller's weights.
    pub(crate) weights: Vec<f64>,
    y: Vec<f64>,
    y_mean: f64,
    means: Unknowns,
    /// Weighted root mean square of every column.
    spreads: Unknowns,
}

impl Design {
    pub(crate) fn empty() -> Self {
        Self {
            rows: 0,
            unknowns: 0,
            columns: vec![Vec::new(); UNKNOWNS_MAX],
            weights: Vec::new(),
            y: Vec::new(),
            y_mean: 0.0,
            means: [0.0; UNKNOWNS_MAX],
            spreads: [0.0; UNKNOWNS_MAX],
        }
    }

    /// Loads the complete rows of the caller's columns.
    pub(crate) fn load(
        &mut self,
        y: &[f64],
        regressors: &[&[f64]],
        weights: Option<&[f64]>,
    ) -> Result<(), RegressionError> {
        if !(1..=REGRESSORS_MAX).contains(&regressors.len()) {
            return Err(RegressionError::Regressors(regressors.len()));
        }
        let rows = y.len();
        if regressors.iter().any(|x| x.len() != rows) || weights.is_some_and(|w| w.len() != rows) {
            return Err(RegressionError::Length);
        }
        self.unknowns = regressors.len() + 1;
        self.copy(y, regressors, weights)?;
        self.rows = self.y.len();
        let need = self.unknowns + 1;
        if self.rows < need {
            return Err(RegressionError::TooFew { have: self.rows, need });
        }
        self.centre()
    }

    fn copy(
        &mut self,
        y: &[f64],
        regressors: &[&[f64]],
        weights: Option<&[f64]>,
    ) -> Result<(), RegressionError> {
        let complete = kernel::all_finite(y)
            && regressors.iter().all(|x| kernel::all_finite(x))
            && weights.is_none_or(|w| w.iter().fold(true, |all, w| all & (*w > 0.0)));
        let columns = &mut self.columns[1..self.unknowns];
        self.y.clear();
        self.weights.clear();
        columns.iter_mut().for_each(Vec::clear);
        if complete {
            self.y.extend_from_slice(y);
            for (column, x) in columns.iter_mut().zip(regressors) {
                column.extend_from_slice(x);
            }
            match weights {
                Some(weights) => self.weights.extend_from_slice(weights),
                None => self.weights.resize(y.len(), 1.0),
            }
        } else {
            self.copy_complete(y, regressors, weights)?;
        }
        let columns = &self.columns[1..self.unknowns];
        let finite = kernel::all_finite(&self.y)
            && kernel::all_finite(&self.weights)
            && columns.iter().all(|column| kernel::all_finite(column));
        if finite { Ok(()) } else { Err(RegressionError::Range) }
    }

    /// Copies row by row, skipping rows with a missing value or without weight.
    fn copy_complete(
        &mut self,
        y: &[f64],
        regressors: &[&[f64]],
        weights: Option<&[f64]>,
    ) -> Result<(), RegressionError> {
        let columns = &mut self.columns[1..self.unknowns];
        for (row, &y) in y.iter().enumerate() {
            let weight = weights.map_or(1.0, |w| w[row]);
            let hole = weight.is_nan() || y.is_nan() || regressors.iter().any(|x| x[row].is_nan());
            if hole {
                continue;
            }
            if weight < 0.0 {
                return Err(RegressionError::Range);
            }
            if weight > 0.0 {
                self.y.push(y);
                self.weights.push(weight);
                for (column, x) in columns.iter_mut().zip(regressors) {
                    column.push(x[row]);
                }
            }
        }
        Ok(())
    }

    fn centre(&mut self) -> Result<(), RegressionError> {
        let weight = kernel::sum(&self.weights);
        self.columns[0].clear();
        self.columns[0].resize(self.rows, 1.0);
        self.y_mean = subtract_mean(&mut self.y, &self.weights, weight);
        (self.means[0], self.spreads[0]) = (0.0, 1.0);
        for k in 1..self.unknowns {
            let column = &mut self.columns[k];
            let mean = subtract_mean(column, &self.weights, weight);
            let spread = (kernel::weighted_dot(column, column, &self.weights) / weight).sqrt();
            // What remains of a constant is the rounding of its mean.
            if spread <= 8.0 * f64::EPSILON * mean.abs() {
                return Err(RegressionError::Collinear(k - 1));
            }
            (self.means[k], self.spreads[k]) = (mean, spread);
        }
        Ok(())
    }

    /// Factor and solution of X′WX·b = X′Wy with the given weights.
    pub(crate) fn solve(&self, weights: &[f64]) -> Result<(Square, Unknowns), RegressionError> {
        let (gram, moments) = self.normal_equations(weights);
        factored_solution(gram, moments, self.unknowns)
    }

    /// The lower triangle of X′WX, and X′Wy.
    pub(crate) fn normal_equations(&self, weights: &[f64]) -> (Square, Unknowns) {
        match self.unknowns {
            2 => self.in_one_pass([&self.columns[1]], weights),
            3 => self.in_one_pass([&self.columns[1], &self.columns[2]], weights),
            _ => self.entry_by_entry(weights),
        }
    }

    fn in_one_pass<const R: usize>(&self, x: [&[f64]; R], weights: &[f64]) -> (Square, Unknowns) {
        let p = self.unknowns;
        let sums = kernel::moments(x, &self.y, weights);
        let mut gram = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
        let mut moments = [0.0; UNKNOWNS_MAX];
        (gram[0], moments[0]) = (sums.weight, sums.y);
        for i in 0..R {
            gram[(i + 1) * p] = sums.x[i];
            gram[(i + 1) * p + 1..][..=i].copy_from_slice(&sums.xx[i][..=i]);
            moments[i + 1] = sums.xy[i];
        }
        (gram, moments)
    }

    fn entry_by_entry(&self, weights: &[f64]) -> (Square, Unknowns) {
        let p = self.unknowns;
        let mut gram = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
        let mut moments = [0.0; UNKNOWNS_MAX];
        for (i, column) in self.columns.iter().enumerate().take(p) {
            for (j, other) in self.columns.iter().enumerate().take(i + 1) {
                gram[i * p + j] = kernel::weighted_dot(column, other, weights);
            }
            moments[i] = kernel::weighted_dot(column, &self.y, weights);
        }
        (gram, moments)
    }

    /// y − X·b.
    pub(crate) fn residuals(&self, unknowns: &Unknowns, out: &mut Vec<f64>) {
        out.clear();
        out.extend(self.y.iter().map(|y| y - unknowns[0]));
        for (slope, column) in unknowns.iter().zip(&self.columns).take(self.unknowns).skip(1) {
            for (residual, x) in out.iter_mut().zip(column) {
                *residual = (-slope).mul_add(*x, *residual);
            }
        }
    }

    /// Largest change of a coefficient, in units of y: multiplied by the root mean square of its
    /// column.
    pub(crate) fn largest_move(&self, from: &Unknowns, to: &Unknowns) -> f64 {
        let changes = from.iter().zip(to).map(|(a, b)| (a - b).abs());
        changes.zip(&self.spreads).take(self.unknowns).fold(0.0, |m, (change, s)| m.max(change * s))
    }

    /// Σw(y − ȳ)². `None` if it is no more than the rounding of the values.
    pub(crate) fn total_squares(&self) -> Option<f64> {
        let rounding = 8.0 * f64::EPSILON * self.y_mean;
        let total = kernel::weighted_dot(&self.y, &self.y, &self.weights);
        (total > kernel::sum(&self.weights) * rounding * rounding).then_some(total)
    }

    /// The intercept, and the covariance of the coefficients J·V·J′, of the caller's problem: its
    /// intercept is that of the centred problem less Σ mₖbₖ.
    pub(crate) fn uncentred(
        &self,
        unknowns: &Unknowns,
        covariance: &Square,
    ) -> Option<(f64, SymmetricMatrix)> {
        let p = self.unknowns;
        let mut intercept = self.y_mean + unknowns[0];
        let mut jacobian = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
        jacobian[0] = 1.0;
        for k in 1..p {
            intercept -= unknowns[k] * self.means[k];
            jacobian[k] = -self.means[k];
            jacobian[k * p + k] = 1.0;
        }
        let half = multiply(&jacobian, covariance, p);
        let covariance = SymmetricMatrix::from_lower(p, |i, j| {
            kernel::dot(&half[i * p..i * p + p], &jacobian[j * p..j * p + p])
        })?;
        Some((intercept, covariance))
    }
}

/// Factors `gram` and solves for `moments`.
pub(crate) fn factored_solution(
    mut gram: Square,
    mut moments: Unknowns,
    p: usize,
) -> Result<(Square, Unknowns), RegressionError> {
    factor_in_place(&mut gram[..p * p], p, PIVOT_MIN)
        .map_err(|index| RegressionError::Collinear(index.saturating_sub(1)))?;
    solve_in_place(&gram[..p * p], p, &mut moments[..p]);
    Ok((gram, moments))
}

/// A⁻¹ from the factor of A.
pub(crate) fn inverse(factor: &Square, p: usize) -> Square {
    let mut inverse = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
    for k in 0..p {
        let row = &mut inverse[k * p..k * p + p];
        row[k] = 1.0;
        solve_in_place(&factor[..p * p], p, row);
    }
    inverse
}

/// A·B.
pub(crate) fn multiply(a: &Square, b: &Square, p: usize) -> Square {
    let mut product = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
    for i in 0..p {
        for k in 0..p {
            for j in 0..p {
                product[i * p + j] = a[i * p + k].mul_add(b[k * p + j], product[i * p + j]);
            }
        }
    }
    product
}

/// Subtracts the weighted mean and returns it.
fn subtract_mean(values: &mut [f64], weights: &[f64], total: f64) -> f64 {
    let mean = kernel::dot(values, weights) / total;
    for value in values {
        *value -= mean;
    }
    mean
}
