//! A driver: a series of returns that betas are measured against, over a fit window.

use stats::kernel::dot;

/// Minimum number of sessions of a driver inside the window.
const OBSERVATIONS_MIN: usize = 20;

/// A driver: its returns, and the weights that turn a book's returns into a beta to it.
#[derive(Clone, Debug)]
pub struct Driver {
    /// One value per session, NaN if missing.
    pub returns: Vec<f64>,
    /// The returns in the fit window, zero if missing.
    pub window: Vec<f64>,
    /// Weights in the fit window, zero if the return is missing; they sum to one.
    pub weights: Vec<f64>,
    /// Least squares as a linear map: beta = Σ influence·return over the fit window.
    pub influence: Vec<f64>,
    /// Number of sessions with a return in the fit window.
    pub observations: usize,
    /// Weighted standard deviation over the fit window, a decimal per day.
    pub standard_deviation: f64,
}

impl Driver {
    /// Returns `None` with too few sessions or without variation in the window.
    pub fn of(returns: Vec<f64>, first: usize, weights: &[f64]) -> Option<Driver> {
        let within = first..first + weights.len();
        let mut weights = weights.to_vec();
        zero_missing_weights(&mut weights, &returns[within.clone()]);
        let observations = weights.iter().filter(|weight| 0.0 < **weight).count();
        if observations < OBSERVATIONS_MIN {
            return None;
        }
        let known = |r: &f64| if r.is_finite() { *r } else { 0.0 };
        let window: Vec<f64> = returns[within].iter().map(known).collect();
        let mean = dot(&weights, &window);
        let centred: Vec<f64> = window.iter().map(|r| r - mean).collect();
        let pull: Vec<f64> = weights.iter().zip(&centred).map(|(w, c)| w * c).collect();
        let variance = dot(&pull, &centred);
        if variance <= f64::EPSILON * f64::EPSILON {
            return None;
        }
        let influence = pull.iter().map(|pull| pull / variance).collect();
        let standard_deviation = variance.sqrt();
        Some(Driver { returns, window, weights, influence, observations, standard_deviation })
    }
}

/// Sets weights to zero if the value is missing, and rescales the others to sum to one.
pub(crate) fn zero_missing_weights(weights: &mut [f64], values: &[f64]) {
    for (weight, value) in weights.iter_mut().zip(values) {
        if !value.is_finite() {
            *weight = 0.0;
        }
    }
    let sum: f64 = weights.iter().sum();
    if 0.0 < sum {
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

/// Weighted least-squares slope of y on x over the window.
pub(crate) fn slope(y: &[f64], x: &[f64], first: usize, weights: &[f64]) -> Option<f64> {
    let both: Vec<f64> =
        y.iter().zip(x).map(|(y, x)| if y.is_finite() { *x } else { f64::NAN }).collect();
    let driver = Driver::of(both, first, weights)?;
    let known = |y: &f64| if y.is_finite() { *y } else { 0.0 };
    let y: Vec<f64> = y[first..first + weights.len()].iter().map(known).collect();
    Some(dot(&driver.influence, &y)).filter(|slope| slope.is_finite())
}
