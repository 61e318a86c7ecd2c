//! Weighted least squares on a few regressors and an intercept, with standard errors.
//!
//! Regressors are centred, and the normal equations are solved by a Cholesky factor. A
//! [`Workspace`] keeps its columns between calls, so that thousands of fits allocate nothing per
//! observation.

use crate::design::{self, Design, Square, UNKNOWNS_MAX, Unknowns};
use crate::kernel;
use crate::matrix::SymmetricMatrix;

pub use crate::design::{REGRESSORS_MAX, RegressionError};

/// Model of the standard errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorModel {
    /// Independent errors with variance inverse to the weight: s²(X′WX)⁻¹, s² = Σwe²/(n−p). Too
    /// small if weights express importance (age, for instance): then use `Hac`, with at least lag
    /// 0.
    Classical,
    /// Newey and West (1987), Bartlett weights up to the given lag, scores w·e·x, times n/(n−p).
    /// Lag 0 allows only for unequal variances; `newey_west::lags` gives the usual bandwidth.
    Hac {
        /// Highest lag.
        lags: usize,
    },
}

/// A coefficient and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The coefficient.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// A fitted line or plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Value at which every regressor is zero.
    pub intercept: Estimate,
    /// One slope for each regressor, in the order given.
    pub slopes: Vec<Estimate>,
    /// Covariance of the coefficients, intercept first.
    pub covariance: SymmetricMatrix,
    /// 1 − Σwe²/Σw(y−ȳ)², with the given weights. `None` if y does not vary.
    pub r_squared: Option<f64>,
    /// √(Σwe²/Σw · n/(n−p)), in units of y.
    pub residual_sd: f64,
    /// Number of rows used: complete ones with a positive weight.
    pub observations: usize,
    /// (Σw)²/Σw² over those rows.
    pub effective_observations: f64,
}

/// Fits once with a temporary workspace; see [`Workspace::least_squares`].
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

/// Buffers for columns, reused from fit to fit.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub(crate) design: Design,
    /// y less its fit.
    pub(crate) residuals: Vec<f64>,
    /// One number per row, of which every score is a multiple: w·e for least squares.
    product: Vec<f64>,
    scores: Vec<Vec<f64>>,
    /// For robust fits: weights of the current step, and absolute residuals.
    pub(crate) step_weights: Vec<f64>,
    pub(crate) sizes: Vec<f64>,
}

impl Workspace {
    /// An empty workspace; it grows to the longest fit.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            design: Design::empty(),
            residuals: Vec::new(),
            product: Vec::new(),
            scores: vec![Vec::new(); UNKNOWNS_MAX],
            step_weights: Vec::new(),
            sizes: Vec::new(),
        }
    }

    /// Minimises Σ w(y − a − Σ bₖxₖ)².
    ///
    /// A row with a NaN or with zero weight is left out; the remaining rows count as consecutive
    /// for lags. Without weights, every row has weight one.
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
        self.design.load(y, regressors, weights)?;
        let (factor, unknowns) = self.design.solve(&self.design.weights)?;
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

    pub(crate) fn set_residuals(&mut self, unknowns: &Unknowns) {
        self.design.residuals(unknowns, &mut self.residuals);
    }

    /// Fills `product` from each weight and residual.
    pub(crate) fn set_product(&mut self, f: impl Fn(f64, f64) -> f64) {
        self.product.clear();
        let rows = self.design.weights.iter().zip(&self.residuals);
        self.product.extend(rows.map(|(&w, &e)| f(w, e)));
    }

    /// s²(X′WX)⁻¹ of the centred problem.
    fn classical(&self, factor: &Square) -> Square {
        let squares = kernel::weighted_dot(&self.residuals, &self.residuals, &self.design.weights);
        let variance = squares / (self.design.rows - self.design.unknowns) as f64;
        design::inverse(factor, self.design.unknowns).map(|entry| entry * variance)
    }

    /// A⁻¹·S·A⁻¹·n/(n−p) with A given by its factor and S the long-run sum of the products of the
    /// scores `product`·x.
    pub(crate) fn sandwich(&mut self, factor: &Square, lags: usize) -> Square {
        let (n, p) = (self.design.rows, self.design.unknowns);
        for (score, column) in self.scores.iter_mut().zip(&self.design.columns).take(p) {
            score.clear();
            score.extend(self.product.iter().zip(column).map(|(g, x)| g * x));
        }
        // The lagged sum of products of two columns' scores is an inner product of one with the
        // other smoothed over the lags.
        let mut middle = [0.0; UNKNOWNS_MAX * UNKNOWNS_MAX];
        for j in 0..p {
            kernel::smooth(&self.scores[j], lags.min(n - 1), lags, &mut self.product);
            for i in 0..=j {
                let gamma = kernel::dot(&self.scores[i], &self.product);
                middle[i * p + j] = gamma;
                middle[j * p + i] = gamma;
            }
        }
        let inverse = design::inverse(factor, p);
        let correction = n as f64 / (n - p) as f64;
        design::multiply(&design::multiply(&inverse, &middle, p), &inverse, p)
            .map(|entry| entry * correction)
    }

    /// Converts the centred problem back to the caller's, and checks that it is finite.
    pub(crate) fn report(
        &self,
        unknowns: &Unknowns,
        centred: &Square,
    ) -> Result<Fit, RegressionError> {
        let Design { rows, unknowns: p, ref weights, .. } = self.design;
        let (intercept, covariance) =
            self.design.uncentred(unknowns, centred).ok_or(RegressionError::Range)?;
        let estimate = |value: f64, k: usize| Estimate {
            value,
            standard_error: covariance.get(k, k).max(0.0).sqrt(),
        };
        let weight = kernel::sum(weights);
        let errors = kernel::weighted_dot(&self.residuals, &self.residuals, weights);
        let freedom = rows as f64 / (rows - p) as f64;
        let fit = Fit {
            intercept: estimate(intercept, 0),
            slopes: (1..p).map(|k| estimate(unknowns[k], k)).collect(),
            r_squared: self.design.total_squares().map(|total| 1.0 - errors / total),
            residual_sd: (errors / weight * freedom).sqrt(),
            observations: rows,
            effective_observations: weight * weight / kernel::dot(weights, weights),
            covariance,
        };
        let finite = fit.intercept.value.is_finite()
            && fit.residual_sd.is_finite()
            && fit.effective_observations.is_finite()
            && fit.r_squared.is_none_or(f64::is_finite)
            && fit.slopes.iter().all(|slope| slope.value.is_finite());
        if finite { Ok(fit) } else { Err(RegressionError::Range) }
    }
}
