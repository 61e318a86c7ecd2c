//! Betas of a series of returns to one or two drivers, as weighted sums.
//!
//! The drivers are the same for every book, so least squares is a fixed linear map: the slope is the
//! inner product of the returns with the driver's influence. Two drivers may be taken together where
//! they are uncorrelated under the weights, as MARKET and SIZE are by construction.

use crate::{drivers::Driver, kernel::dot, report::Measured};
use stats::newey_west;

/// Slopes on the drivers, in order, and the share of variance they explain.
#[derive(Debug)]
pub(crate) struct TopDown {
    pub(crate) slopes: Vec<Measured>,
    /// 1 − Σwe²/Σw(r − r̄)²; none where the returns do not vary.
    pub(crate) r_squared: Option<f64>,
}

/// Fits returns of the fit window. Errors are Newey and West's on the influence of each day.
pub(crate) fn fit(returns: &[f64], weights: &[f64], drivers: &[&Driver]) -> TopDown {
    let mean = dot(weights, returns);
    let mut residuals: Vec<f64> = returns.iter().map(|r| r - mean).collect();
    let variance = weighted_square(weights, &residuals);
    let slopes: Vec<f64> = drivers.iter().map(|driver| dot(&driver.influence, returns)).collect();
    for (driver, slope) in drivers.iter().zip(&slopes) {
        let driver_mean = dot(weights, &driver.window);
        for (residual, value) in residuals.iter_mut().zip(&driver.window) {
            *residual -= slope * (value - driver_mean);
        }
    }
    let left = weighted_square(weights, &residuals);
    let measured = |(driver, slope): (&&Driver, &f64)| Measured {
        value: *slope,
        standard_error: standard_error(driver, &residuals, drivers.len()),
        observations: driver.observations,
    };
    TopDown {
        slopes: drivers.iter().zip(&slopes).map(measured).collect(),
        r_squared: (0.0 < variance).then(|| (1.0 - left / variance).clamp(0.0, 1.0)),
    }
}

fn weighted_square(weights: &[f64], values: &[f64]) -> f64 {
    let pulled: Vec<f64> = weights.iter().zip(values).map(|(w, v)| w * v).collect();
    dot(&pulled, values)
}

/// √(Σ u² + 2Σ_k bartlett(k)·Σ u_t·u_{t−k}), u = influence·residual, times √(n/(n − p)).
fn standard_error(driver: &Driver, residuals: &[f64], slopes: usize) -> f64 {
    let scores: Vec<f64> = driver.influence.iter().zip(residuals).map(|(c, e)| c * e).collect();
    let lags = newey_west::lags(driver.observations);
    let mut variance = dot(&scores, &scores);
    for lag in 1..=lags.min(scores.len().saturating_sub(1)) {
        variance += 2.0 * newey_west::bartlett(lag, lags) * dot(&scores[lag..], &scores);
    }
    let n = driver.observations as f64;
    let free = (n - 1.0 - slopes as f64).max(1.0);
    (variance.max(0.0) * n / free).sqrt()
}
