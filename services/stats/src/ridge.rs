//! Least squares shrunk towards known slopes, for nearly collinear regressors.

use crate::design;
use crate::regression::{Fit, RegressionError, Workspace};

/// Strength and target of the shrinkage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge<'a> {
    /// κ: the penalty in units of each regressor's own weighted sum of squares. 0 is least squares;
    /// the slope of a single regressor moves κ/(1+κ) of the way to its target.
    pub kappa: f64,
    /// b₀, one slope for each regressor.
    pub towards: &'a [f64],
    /// Number of lags of the standard errors.
    pub lags: usize,
}

impl Workspace {
    /// b = (X′WX + κD)⁻¹(X′Wy + κD·b₀), X centred, D the diagonal of X′WX; the intercept is free.
    ///
    /// Hoerl and Kennard (1970), with a prior. Standard errors are A⁻¹SA⁻¹·n/(n−p) with A = X′WX +
    /// κD and S from the scores w·e·x as in [`crate::regression::ErrorModel::Hac`]: they measure
    /// the noise of the estimate, not its bias towards b₀.
    /// Rows and weights are treated as by [`Workspace::least_squares`].
    ///
    /// # Errors
    /// As [`Workspace::least_squares`]; `Range` also for a κ that is negative or a b₀ that is not
    /// finite, `Length` for a b₀ of another length.
    pub fn ridge(
        &mut self,
        y: &[f64],
        regressors: &[&[f64]],
        weights: Option<&[f64]>,
        ridge: &Ridge<'_>,
    ) -> Result<Fit, RegressionError> {
        if ridge.towards.len() != regressors.len() {
            return Err(RegressionError::Length);
        }
        let lawful = ridge.kappa >= 0.0 && ridge.kappa.is_finite();
        if !lawful || ridge.towards.iter().any(|b| !b.is_finite()) {
            return Err(RegressionError::Range);
        }
        self.design.load(y, regressors, weights)?;
        let p = self.design.unknowns;
        let (mut gram, mut moments) = self.design.normal_equations(&self.design.weights);
        for (k, b) in (1..p).zip(ridge.towards) {
            let penalty = ridge.kappa * gram[k * p + k];
            gram[k * p + k] += penalty;
            moments[k] += penalty * b;
        }
        let (factor, unknowns) = design::factored_solution(gram, moments, p)?;
        self.set_residuals(&unknowns);
        self.set_product(|w, e| w * e);
        let covariance = self.sandwich(&factor, ridge.lags);
        self.report(&unknowns, &covariance)
    }
}
