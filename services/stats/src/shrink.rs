//! Shrinkage of many estimates towards their common mean.

/// Vasicek (1973): b* = (σ²·b + se²·b̄)/(σ² + se²).
///
/// `prior_variance` is σ², the variance of the true values about `prior`. `None` when an argument is
/// not finite, a variance or error is negative, or both are zero.
#[must_use]
pub fn vasicek(estimate: f64, standard_error: f64, prior: f64, prior_variance: f64) -> Option<f64> {
    let weight = vasicek_weight(standard_error, prior_variance)?;
    Some(prior + weight * (estimate - prior)).filter(|b| b.is_finite())
}

/// Weight of the estimate itself, σ²/(σ² + se²), between 0 and 1.
#[must_use]
pub fn vasicek_weight(standard_error: f64, prior_variance: f64) -> Option<f64> {
    if !(standard_error >= 0.0 && prior_variance >= 0.0) {
        return None;
    }
    let total = prior_variance + standard_error * standard_error;
    (total > 0.0 && total.is_finite()).then(|| prior_variance / total)
}

/// Where a group of estimates shrinks to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Plain mean of the estimates.
    pub mean: f64,
    /// Variance of the true values: that of the estimates (n − 1) less their mean squared error,
    /// not below the floor.
    pub variance: f64,
    /// Whether the floor was needed: the estimates differ no more than their errors explain.
    pub floored: bool,
}

/// The prior that a group of estimates gives itself.
///
/// `None` for fewer than two estimates, unequal lengths, a negative error or floor, or a value that
/// is not finite.
#[must_use]
pub fn prior_of(estimates: &[f64], standard_errors: &[f64], floor: f64) -> Option<Prior> {
    if estimates.len() != standard_errors.len() || !(floor >= 0.0 && floor.is_finite()) {
        return None;
    }
    if standard_errors.iter().any(|&se| !(se >= 0.0 && se.is_finite())) {
        return None;
    }
    let mean = crate::moments::mean(estimates)?;
    let spread = crate::moments::variance(estimates, crate::moments::Ddof::Sample)?;
    let squares: f64 = standard_errors.iter().map(|se| se * se).sum();
    let between = spread - squares / standard_errors.len() as f64;
    between.is_finite().then(|| Prior {
        mean,
        variance: between.max(floor),
        floored: between < floor,
    })
}
