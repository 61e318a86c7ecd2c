//! Shrinkage of many estimates towards their common mean.

/// Weight of the estimate itself in Vasicek (1973), between 0 and 1: b* = w·b + (1 − w)·b̄ with
/// w = σ²/(σ² + se²).
///
/// `prior_variance` is σ², the variance of the true values about b̄. `None` if a variance or an error
/// is negative or not finite, or both are zero.
#[must_use]
pub fn vasicek_weight(standard_error: f64, prior_variance: f64) -> Option<f64> {
    if !(standard_error >= 0.0 && prior_variance >= 0.0) {
        return None;
    }
    let total = prior_variance + standard_error * standard_error;
    (total > 0.0 && total.is_finite()).then(|| prior_variance / total)
}

/// Maximum number of steps to the variance of a prior; ten to twenty are usual.
const STEPS_MAX: usize = 100;

/// The prior that a group of estimates is shrunk to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Mean of the estimates, each weighted by its precision 1/(variance + se²).
    pub mean: f64,
    /// Variance of the true values, at least the floor.
    pub variance: f64,
    /// Whether the floor applies: the estimates differ no more than their errors explain.
    pub floored: bool,
}

/// The empirical prior of a group of estimates, by Paule and Mandel (1982).
///
/// The variance t of the true values solves Σ(b − m)²/(t + se²) = n − 1, where m is the mean
/// weighted by 1/(t + se²). With equal errors, t is the variance of the estimates (n − 1) less se²,
/// and m is their plain mean. With unequal errors, a noisy estimate has little influence on either;
/// in plain moments, one large error would explain all differences among the others.
///
/// `None` for fewer than two estimates, unequal lengths, a negative error, a floor that is not
/// positive, or a value that is not finite.
#[must_use]
pub fn prior_of(estimates: &[f64], standard_errors: &[f64], floor: f64) -> Option<Prior> {
    let valid_errors = standard_errors.iter().all(|se| *se >= 0.0 && se.is_finite());
    let valid_floor = floor > 0.0 && floor.is_finite();
    if estimates.len() < 2 || estimates.len() != standard_errors.len() {
        return None;
    }
    if !(valid_errors && valid_floor && estimates.iter().all(|b| b.is_finite())) {
        return None;
    }
    let degrees = (estimates.len() - 1) as f64;
    let mut variance = floor;
    let mut fit = Weighed::of(estimates, standard_errors, variance);
    let floored = fit.squares < degrees;
    // Newton's method (DerSimonian and Kacker 2007): the sum of squares decreases in the variance
    // and is convex, so steps from the left never pass the root.
    for _ in 0..STEPS_MAX {
        let step = (fit.squares - degrees) / fit.slope;
        if floored || !step.is_finite() || step <= f64::EPSILON * variance {
            break;
        }
        variance += step;
        fit = Weighed::of(estimates, standard_errors, variance);
    }
    let finite = fit.mean.is_finite() && variance.is_finite();
    finite.then_some(Prior { mean: fit.mean, variance, floored })
}

/// Statistics of estimates weighted by 1/(variance + se²).
struct Weighed {
    mean: f64,
    /// Σ w(b − mean)².
    squares: f64,
    /// Σ w²(b − mean)², the rate at which the squares decrease in the variance.
    slope: f64,
}

impl Weighed {
    fn of(estimates: &[f64], standard_errors: &[f64], variance: f64) -> Self {
        let pairs = || {
            let pairs = estimates.iter().zip(standard_errors);
            pairs.map(|(b, se)| (*b, 1.0 / (variance + se * se)))
        };
        let total: f64 = pairs().map(|(_, w)| w).sum();
        let mean = pairs().map(|(b, w)| w * b).sum::<f64>() / total;
        let (mut squares, mut slope) = (0.0, 0.0);
        for (b, w) in pairs() {
            let square = w * (b - mean) * (b - mean);
            squares += square;
            slope += w * square;
        }
        Self { mean, squares, slope }
    }
}
