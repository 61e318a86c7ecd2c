//! Weighted least squares on a few regressors and an intercept, with standard errors.
//!
//! Regressors are centred, the normal equations solved by Cholesky's factor. A [`Workspace`] keeps
//! its columns between calls, so that thousands of fits allocate nothing per observation.

use crate::cholesky::{factor_in_place, solve_in_place};
use crate::kernel;
use crate::matrix::SymmetricMatrix;
use crate::newey_west;

/// Most regressors beside the intercept.
pub const REGRESSORS_MAX: usize = 8;

/// Unknowns at most: the intercept and the slopes.
pub(crate) const UNKNOWNS_MAX: usize = REGRESSORS_MAX + 1;

/// Share of a regressor's spread the others must leave unexplained.
const PIVOT_MIN: f64 = 1e-10;

/// Where standard errors come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorModel {
    /// Independent errors with variance inverse to the weight: s²(X′WX)⁻¹, s² = Σwe²/(n−p).
    /// Too small when the weights mean importance (age, say): use the other one then, lags 0 at least.
    Classical,
    /// Newey and West (1987), Bartlett weights to the given lag, scores w·e·x, times n/(n−p).
    /// Lag 0 allows for unequal variances only; [`newey_west::lags`] gives the usual bandwidth.
    Hac {
        /// Highest lag.
        lags: usize,
    },
}

/// A coefficient and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The coefficient.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Estimate {
    /// Value over standard error; `None` for an error of zero.
    #[must_use]
    pub fn t_statistic(&self) -> Option<f64> {
        Some(self.value / self.standard_error).filter(|t| t.is_finite())
    }
}

/// A fitted line or plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Value where every regressor is zero.
    pub intercept: Estimate,
    /// One slope for each regressor, in the order given.
    pub slopes: Vec<Estimate>,
    /// Covariance of the coefficients, intercept first.
    pub covariance: SymmetricMatrix,
    /// 1 − Σwe²/Σw(y−ȳ)², with the weights given; `None` when y does not vary.
    pub r_squared: Option<f64>,
    /// √(Σwe²/Σw · n/(n−p)), in units of y.
    pub residual_sd: f64,
    /// Rows used: complete ones with a weight above zero.
    pub observations: usize,
    /// (Σw)²/Σw² over those rows.
    pub effective_observations: f64,
}

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegressionError {
    /// No regressor, or more than [`REGRESSORS_MAX`].
    #[error("{0} regressors, not 1 to {REGRESSORS_MAX}")]
    Regressors(usize),
    /// The columns or weights are not as long as y.
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
    /// A regressor is constant or a combination of those before it.
    #[error("regressor {0} is constant or a combination of the others")]
    Collinear(usize),
}

/// One fit with a workspace of its own; see [`Workspace::least_squares`].
///
/// # Errors
/// As [`Workspace::least_squares`].
pub fn least_squares(
    y: &[f64],
    regressors: &[&[f64]],
    weights: Option<&[f64]>,
    errors: ErrorModel,
) -> Result<Fit, RegressionError> {
    Workspace::empty().least_squares(y, regressors, weights, errors)
}

/// Columns kept from fit to fit.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Rows in use.
    pub(crate) rows: usize,
    /// Unknowns in use.
    pub(crate) unknowns: usize,
    /// y less its mean.
    y: Vec<f64>,
    y_mean: f64,
    /// Ones, then every regressor less its mean.
    columns: Vec<Vec<f64>>,
    means: [f64; UNKNOWNS_MAX],
    /// Root mean square of every column, centred.
    spreads: [f64; UNKNOWNS_MAX],
    /// The caller's weights.
    pub(crate) weights: Vec<f64>,
    pub(crate) residuals: Vec<f64>,
    /// Weights times residuals, and one column times weights or scores.
    product: Vec<f64>,
    scores: Vec<Vec<f64>>,
    /// For robust fits: weights of the current step, and absolute residuals.
    pub(crate) step_weights: Vec<f64>,
    pub(crate) sizes: Vec<f64>,
}

/// Coefficients of the centred problem.
pub(crate) type Unknowns = [f64; UNKNOWNS_MAX];

/// Lower triangle of a factor, row by row, `unknowns` to a row.
pub(crate) type Square = [f64; UNKNOWNS_MAX * UNKNOWNS_MAX];

impl Workspace {
    /// An empty workspace; it grows to the longest fit it sees.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            rows: 0,
            unknowns: 0,
            y: Vec::new(),
            y_mean: 0.0,
            columns: vec![Vec::new(); UNKNOWNS_MAX],
            means: [0.0; UNKNOWNS_MAX],
            spreads: [0.0; UNKNOWNS_MAX],
            weights: Vec::new(),
            residuals: Vec::new(),
            product: Vec::new(),
            scores: vec![Vec::new(); UNKNOWNS_MAX],
            step_weights: Vec::new(),
            sizes: Vec::new(),
        }
    }

    /// Minimises Σ w(y − a − Σ bₖxₖ)².
    ///
    /// A row in which anything is NaN, or the weight zero, is left out; rows left are taken as
    /// successive when lags count. Without weights every row weighs one.
    ///
    /// # Errors
    /// [`RegressionError`]: bad shapes or values, too few rows, or collinear regressors.
    pub fn least_squares(
        &mut self,
        y: &[f64],
        regressors: &[&[f64]],
        weights: Option<&[f64]>,
        errors: ErrorModel,
    ) -> Result<Fit, RegressionError> {
        self.load(y, regressors, weights)?;
        let (factor, unknowns) = solve(&self.columns, &self.weights, &self.y, self.unknowns)?;
        self.set_residuals(&unknowns);
        let covariance = match errors {
            ErrorModel::Classical => self.classical(&factor),
            ErrorModel::Hac { lags } => {
                self.set_product(|w, e| w * e);
                self.sandwich(&factor, lags)
            }
        };
        self.report(&unknowns, &covariance)
    }

    /// Takes the complete rows of the caller's columns, centred.
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
        self.copy_complete(y, regressors, weights)?;
        self.rows = self.y.len();
        let need = self.unknowns + 1;
        if self.rows < need {
            return Err(RegressionError::TooFew { have: self.rows, need });
        }
        self.columns[0].clear();
        self.columns[0].resize(self.rows, 1.0);
        self.y_mean = centre(&mut self.y);
        self.means = [0.0; UNKNOWNS_MAX];
        for (mean, column) in
            self.means.iter_mut().zip(&mut self.columns).take(self.unknowns).skip(1)
        {
            *mean = centre(column);
        }
        for (spread, column) in self.spreads.iter_mut().zip(&self.columns).take(self.unknowns) {
            *spread = (kernel::dot(column, column) / self.rows as f64).sqrt();
        }
        Ok(())
    }

    fn copy_complete(
        &mut self,
        y: &[f64],
        regressors: &[&[f64]],
        weights: Option<&[f64]>,
    ) -> Result<(), RegressionError> {
        let usable = kernel::all_finite(y)
            && regressors.iter().all(|x| kernel::all_finite(x))
            && weights.is_none_or(|w| w.iter().fold(true, |all, w| all & (*w > 0.0)));
        self.y.clear();
        self.weights.clear();
        let columns = &mut self.columns[1..self.unknowns];
        columns.iter_mut().for_each(Vec::clear);
        if usable {
            self.y.extend_from_slice(y);
            for (column, x) in columns.iter_mut().zip(regressors) {
                column.extend_from_slice(x);
            }
            match weights {
                Some(weights) => self.weights.extend_from_slice(weights),
                None => self.weights.resize(y.len(), 1.0),
            }
        } else {
            for row in 0..y.len() {
                let weight = weights.map_or(1.0, |w| w[row]);
                let absent = weight.is_nan() || y[row].is_nan();
                if absent || regressors.iter().any(|x| x[row].is_nan()) {
                    continue;
                }
                if weight < 0.0 {
                    return Err(RegressionError::Range);
                }
                if weight > 0.0 {
                    self.y.push(y[row]);
                    self.weights.push(weight);
                    for (column, x) in columns.iter_mut().zip(regressors) {
                        column.push(x[row]);
                    }
                }
            }
        }
        let finite = kernel::all_finite(&self.y)
            && kernel::all_finite(&self.weights)
            && columns.iter().all(|column| kernel::all_finite(column));
        if finite { Ok(()) } else { Err(RegressionError::Range) }
    }

    /// Solves with the weights of the current robust step.
    pub(crate) fn solve_step(&self) -> Result<(Square, Unknowns), RegressionError> {
        solve(&self.columns, &self.step_weights, &self.y, self.unknowns)
    }

    pub(crate) fn set_residuals(&mut self, unknowns: &Unknowns) {
        self.residuals.clear();
        self.residuals.extend(self.y.iter().map(|y| y - unknowns[0]));
        for (coefficient, column) in unknowns.iter().zip(&self.columns).take(self.unknowns).skip(1)
        {
            for (residual, x) in self.residuals.iter_mut().zip(column) {
                *residual = (-coefficient).mul_add(*x, *residual);
            }
        }
    }

    /// Largest change of a coefficient, in units of y: times the root mean square of its column.
    pub(crate) fn largest_move(&self, from: &Unknowns, to: &Unknowns) -> f64 {
        let changes = from.iter().zip(to).map(|(a, b)| (a - b).abs());
        changes.zip(&self.spreads).take(self.unknowns).fold(0.0, |m, (change, s)| m.max(change * s))
    }

    /// Fills `product` from each weight and residual.
    pub(crate) fn set_product(&mut self, f: impl Fn(f64, f64) -> f64) {
        self.product.clear();
        self.product.extend(self.weights.iter().zip(&self.residuals).map(|(&w, &e)| f(w, e)));
    }

    /// s²(X′WX)⁻¹ of the centred problem.
    fn classical(&mut self, factor: &Square) -> Square {
        self.set_product(|w, e| w * e);
        let squares = kernel::dot(&self.product, &self.residuals);
        let variance = squares / (self.rows - self.unknowns) as f64;
        let mut inverse = inverse(factor, self.unknowns);
        for entry in &mut inverse {
            *entry *= variance;
        }
        inverse
    }

    /// A⁻¹·S·A⁻¹·n/(n−p) with A given by its factor and S the long-run sum of the products of the
    /// scores `product`·x.
    pub(crate) fn sandwich(&mut self, factor: &Square, lags: usize) -> Square {
        let p = self.unknowns;
        for (score, column) in self.scores.iter_mut().zip(&self.columns).take(p) {
            score.clear();
            score.extend(self.product.iter().zip(column).map(|(g, x)| g * x));
        }
        let mut middle = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
        for lag in 0..=lags.min(self.rows - 1) {
            let weight = newey_west::bartlett(lag, lags);
            for i in 0..p {
                for j in 0..p {
                    let gamma = weight * kernel::dot(&self.scores[i][lag..], &self.scores[j]);
                    middle[i * p + j] += gamma;
                    if lag > 0 {
                        middle[j * p + i] += gamma;
                    }
                }
            }
        }
        let inverse = inverse(factor, p);
        let correction = self.rows as f64 / (self.rows - p) as f64;
        let mut result = multiply(&multiply(&inverse, &middle, p), &inverse, p);
        for entry in &mut result {
            *entry *= correction;
        }
        result
    }

    /// Back from the centred problem to the caller's, checked to be finite.
    pub(crate) fn report(
        &self,
        unknowns: &Unknowns,
        centred: &Square,
    ) -> Result<Fit, RegressionError> {
        let p = self.unknowns;
        let mut intercept = self.y_mean + unknowns[0];
        for (slope, mean) in unknowns.iter().zip(&self.means).take(p).skip(1) {
            intercept -= slope * mean;
        }
        let covariance = self.uncentred_covariance(centred).ok_or(RegressionError::Range)?;
        let estimate = |value: f64, k: usize| Estimate {
            value,
            standard_error: covariance.get(k, k).max(0.0).sqrt(),
        };
        let weight = kernel::sum(&self.weights);
        let errors = kernel::weighted_dot(&self.residuals, &self.residuals, &self.weights);
        let y_centre = kernel::dot(&self.y, &self.weights) / weight;
        let total =
            kernel::weighted_dot(&self.y, &self.y, &self.weights) - weight * y_centre * y_centre;
        // Spread of no more than the rounding of the values is none.
        let rounding = weight * (self.y_mean * f64::EPSILON) * (self.y_mean * f64::EPSILON) * 4.0;
        let freedom = self.rows as f64 / (self.rows - p) as f64;
        let fit = Fit {
            intercept: estimate(intercept, 0),
            slopes: (1..p).map(|k| estimate(unknowns[k], k)).collect(),
            r_squared: (total > rounding).then(|| 1.0 - errors / total),
            residual_sd: (errors / weight * freedom).sqrt(),
            observations: self.rows,
            effective_observations: weight * weight / kernel::dot(&self.weights, &self.weights),
            covariance,
        };
        let finite = fit.intercept.value.is_finite()
            && fit.residual_sd.is_finite()
            && fit.effective_observations.is_finite()
            && fit.r_squared.is_none_or(f64::is_finite)
            && fit.slopes.iter().all(|slope| slope.value.is_finite());
        if finite { Ok(fit) } else { Err(RegressionError::Range) }
    }

    /// J·V·J′: the intercept of the caller's problem is that of the centred one less Σ mₖbₖ.
    fn uncentred_covariance(&self, centred: &Square) -> Option<SymmetricMatrix> {
        let p = self.unknowns;
        let mut jacobian = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
        for k in 0..p {
            jacobian[k] = -self.means[k];
            jacobian[k * p + k] = 1.0;
        }
        let half = multiply(&jacobian, centred, p);
        SymmetricMatrix::from_lower(p, |i, j| {
            kernel::dot(&half[i * p..i * p + p], &jacobian[j * p..j * p + p])
        })
    }
}

/// Factor and solution of X′WX·b = X′Wy.
fn solve(
    columns: &[Vec<f64>],
    weights: &[f64],
    y: &[f64],
    p: usize,
) -> Result<(Square, Unknowns), RegressionError> {
    let mut gram = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
    let mut unknowns = [0.0; UNKNOWNS_MAX];
    for i in 0..p {
        for j in 0..=i {
            gram[i * p + j] = kernel::weighted_dot(&columns[i], &columns[j], weights);
        }
        unknowns[i] = kernel::weighted_dot(&columns[i], y, weights);
    }
    factor_in_place(&mut gram[..p * p], p, PIVOT_MIN)
        .map_err(|index| RegressionError::Collinear(index.saturating_sub(1)))?;
    solve_in_place(&gram[..p * p], p, &mut unknowns[..p]);
    Ok((gram, unknowns))
}

fn inverse(factor: &Square, p: usize) -> Square {
    let mut inverse = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
    for k in 0..p {
        let row = &mut inverse[k * p..k * p + p];
        row[k] = 1.0;
        solve_in_place(&factor[..p * p], p, row);
    }
    inverse
}

fn multiply(a: &Square, b: &Square, p: usize) -> Square {
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

/// Subtracts the mean and returns it.
fn centre(values: &mut [f64]) -> f64 {
    let mean = kernel::sum(values) / values.len() as f64;
    for value in values {
        *value -= mean;
    }
    mean
}
