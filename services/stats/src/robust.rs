//! Regression that a few wild observations cannot turn: Huber's M-estimator.

use crate::rank::MAD_TO_SD;
use crate::regression::{Fit, RegressionError, Workspace};

/// Share by which the scale seldom changes from one step to the next.
const SCALE_CHANGE: f64 = 0.05;

/// How a robust fit is to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// Residuals beyond this many robust standard deviations lose weight; 1.345 keeps 95 % of the
    /// efficiency of least squares when errors are normal.
    pub k: f64,
    /// Steps at most.
    pub iterations_max: usize,
    /// Converged when no step moves a coefficient, times its regressor's root mean square, by more
    /// than this share of the scale. 1e-8 is exact for all purposes, 1e-4 enough for a beta.
    pub tolerance: f64,
    /// Lags of the sandwich standard error; 0 allows for unequal variances only.
    pub lags: usize,
}

/// A robust fit and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct RobustFit {
    /// The line. R², residual SD and effective observations are under the caller's weights, not the
    /// robust ones; R² can be negative where least squares was bought by a few observations.
    pub fit: Fit,
    /// Robust standard deviation of the residuals: median of |e| times 1.4826, unweighted.
    pub scale: f64,
    /// Observations beyond k·scale.
    pub downweighted: usize,
    /// Steps taken.
    pub iterations: usize,
    /// Whether the tolerance was met. If not, the coefficients are those of the last step; so too
    /// when the scale fell to zero, because a line fits more than half of the observations exactly.
    pub converged: bool,
}

impl Workspace {
    /// Minimises Σ w·ρ((y − a − Σ bₖxₖ)/s) by iterated least squares from the least squares fit, the
    /// scale s taken anew at each step.
    ///
    /// ρ is Huber's (1964): quadratic to ±k, linear beyond. The scale is the median absolute residual
    /// about zero times 1.4826, as in statsmodels' `RLM` with `scale_est="mad"`. Standard errors are
    /// the sandwich A⁻¹SA⁻¹·n/(n−p), A = Σ w·1{|e| ≤ ks}·xx′, S from the scores w·clip(e, ±ks)·x;
    /// statsmodels reports Huber's H1 instead, which supposes equal variances.
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
        // Without a scale nothing tells an outlier: the plain sandwich then.
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

/// One robust fit with a workspace of its own; see [`Workspace::huber`].
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

    /// The same, where it is likely to be near the last one: the median is sought among the residuals
    /// close to that, and among all only where it is not there.
    fn robust_scale_near(&mut self, last: f64) -> f64 {
        let middle = last / MAD_TO_SD;
        let (low, high) = ((1.0 - SCALE_CHANGE) * middle, (1.0 + SCALE_CHANGE) * middle);
        let below = self.residuals.iter().filter(|e| e.abs() < low).count();
        // Every size is written and those elsewhere written over: no branch to mispredict.
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

    /// Scales below this are rounding.
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
