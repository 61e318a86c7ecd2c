//! Robust regression, which a few outliers cannot distort: Huber's M-estimator.

use crate::rank::MAD_TO_SD;
use crate::regression::{Fit, RegressionError, Workspace};

/// The scale usually changes by less than this share from one step to the next.
const SCALE_CHANGE: f64 = 0.05;

/// Settings of a robust fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// Residuals beyond this many robust standard deviations are down-weighted; 1.345 keeps 95 % of
    /// the efficiency of least squares if errors are normal.
    pub k: f64,
    /// Maximum number of steps.
    pub iterations_max: usize,
    /// The fit has converged when no step moves a coefficient, times its regressor's root mean
    /// square, by more than this share of the scale. 1e-8 is exact for all purposes; 1e-4 is enough
    /// for a beta.
    pub tolerance: f64,
    /// Number of lags of the sandwich standard error; 0 allows only for unequal variances.
    pub lags: usize,
}

/// A robust fit and its diagnostics.
#[derive(Clone, Debug, PartialEq)]
pub struct RobustFit {
    /// The fit. R², residual SD and effective observations use the caller's weights, not the robust
    /// ones. R² can be negative if a few observations dominate least squares.
    pub fit: Fit,
    /// Robust standard deviation of the residuals: median of |e| times 1.4826, unweighted.
    pub scale: f64,
    /// Number of observations beyond k·scale.
    pub downweighted: usize,
    /// Number of steps taken.
    pub iterations: usize,
    /// Whether the tolerance was met. If not, the coefficients are those of the last step. Also
    /// false if the scale fell to zero, because a line fits more than half of the observations
    /// exactly.
    pub converged: bool,
}

impl Workspace {
    /// Minimises Σ w·ρ((y − a − Σ bₖxₖ)/s) by iteratively reweighted least squares, starting from
    /// the least-squares fit; the scale s is updated in each step.
    ///
    /// ρ is Huber's (1964): quadratic to ±k, linear beyond. The scale is the median absolute
    /// residual about zero times 1.4826, as in statsmodels' `RLM` with `scale_est="mad"`. Standard
    /// errors are the sandwich A⁻¹SA⁻¹·n/(n−p), A = Σ w·1{|e| ≤ ks}·xx′, S from the scores
    /// w·clip(e, ±ks)·x; statsmodels reports Huber's H1 instead, which assumes equal variances.
    /// Rows and weights are treated as by [`Workspace::least_squares`].
    ///
    /// # Errors
    /// As [`Workspace::least_squares`]; `Range` also when k or the tolerance is not above zero.
    pub fn huber(
        &mut self,
        y: &[f64],
        regressors: &[&[f64]],
        weights: Option<&[f64]>,
        settings: &Huber,
    ) -> Result<RobustFit, RegressionError> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        if !positive(settings.k) || !positive(settings.tolerance) {
            return Err(RegressionError::Range);
        }
        self.design.load(y, regressors, weights)?;
        let (_, mut unknowns) = self.design.solve(&self.design.weights)?;
        self.set_residuals(&unknowns);
        let floor = self.scale_floor();
        let mut scale = self.robust_scale();
        let (mut iterations, mut converged) = (0, false);
        while iterations < settings.iterations_max && !converged && scale > floor {
            self.set_step_weights(settings.k * scale);
            let (_, next) = self.design.solve(&self.step_weights)?;
            iterations += 1;
            converged = self.design.largest_move(&unknowns, &next) <= settings.tolerance * scale;
            unknowns = next;
            self.set_residuals(&unknowns);
            scale = self.robust_scale_near(scale);
        }
        let bound = settings.k * scale;
        // Without a scale there are no outliers, so the plain sandwich is used.
        let bound_or_none = if scale > floor { bound } else { f64::INFINITY };
        self.set_inlier_weights(bound_or_none);
        let (factor, _) = self.design.solve(&self.step_weights)?;
        self.set_product(|w, e| w * e.clamp(-bound_or_none, bound_or_none));
        let covariance = self.sandwich(&factor, settings.lags);
        let downweighted = self.residuals.iter().filter(|e| e.abs() > bound_or_none).count();
        let fit = self.report(&unknowns, &covariance)?;
        Ok(RobustFit { fit, scale, downweighted, iterations, converged })
    }
}

/// Fits once with a temporary workspace; see [`Workspace::huber`].
///
/// # Errors
/// As [`Workspace::huber`].
pub fn huber(
    y: &[f64],
    regressors: &[&[f64]],
    weights: Option<&[f64]>,
    settings: &Huber,
) -> Result<RobustFit, RegressionError> {
    Workspace::empty().huber(y, regressors, weights, settings)
}

impl Workspace {
    /// Median of the absolute residuals, times 1.4826.
    fn robust_scale(&mut self) -> f64 {
        self.sizes.clear();
        self.sizes.extend(self.residuals.iter().map(|e| e.abs()));
        crate::rank::median_in_place(&mut self.sizes).map_or(0.0, |median| median * MAD_TO_SD)
    }

    /// The same, if it is probably close to the last scale: searches the residuals close to that
    /// first, and all residuals only if the median is not among them.
    fn robust_scale_near(&mut self, last: f64) -> f64 {
        let middle = last / MAD_TO_SD;
        let (low, high) = ((1.0 - SCALE_CHANGE) * middle, (1.0 + SCALE_CHANGE) * middle);
        let below = self.residuals.iter().filter(|e| e.abs() < low).count();
        // Branch-free: every size is written, and those out of range are overwritten.
        self.sizes.resize(self.residuals.len(), 0.0);
        let mut near = 0;
        for size in self.residuals.iter().map(|e| e.abs()) {
            self.sizes[near] = size;
            near += usize::from(low <= size && size <= high);
        }
        self.sizes.truncate(near);
        let median = crate::rank::median_of_middle(&mut self.sizes, below, self.residuals.len());
        median.map_or_else(|| self.robust_scale(), |median| median * MAD_TO_SD)
    }

    /// Scales below this are rounding errors.
    fn scale_floor(&self) -> f64 {
        let largest = self.residuals.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
        largest * 1e-12
    }

    /// w·min(1, bound/|e|).
    fn set_step_weights(&mut self, bound: f64) {
        self.step_weights.clear();
        let rows = self.design.weights.iter().zip(&self.residuals);
        self.step_weights.extend(rows.map(|(w, e)| w * bound / e.abs().max(bound)));
    }

    /// w where |e| ≤ bound, else 0: the derivative of the score.
    fn set_inlier_weights(&mut self, bound: f64) {
        self.step_weights.clear();
        let rows = self.design.weights.iter().zip(&self.residuals);
        self.step_weights.extend(rows.map(|(w, e)| if e.abs() <= bound { *w } else { 0.0 }));
    }
}
