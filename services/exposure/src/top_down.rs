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

/// Fits returns of the fit window. Errors are Newey and West's on the influence of each day. R² is
/// over the sessions of the first driver.
pub(crate) fn fit(returns: &[f64], drivers: &[&Driver]) -> TopDown {
    let slopes: Vec<f64> = drivers.iter().map(|driver| dot(&driver.influence, returns)).collect();
    let mut residuals = returns.to_vec();
    for (driver, slope) in drivers.iter().zip(&slopes) {
        for (residual, value) in residuals.iter_mut().zip(&driver.window) {
            *residual -= slope * value;
        }
    }
    let r_squared = drivers.first().and_then(|driver| {
        let variance = variance(&driver.weights, returns);
        let left = variance_left(variance, &driver.weights, &residuals)?;
        Some((1.0 - left).clamp(0.0, 1.0))
    });
    let measured = |(driver, slope): (&&Driver, &f64)| Measured {
        value: *slope,
        standard_error: standard_error(driver, &residuals, drivers.len()),
        observations: driver.observations,
    };
    TopDown { slopes: drivers.iter().zip(&slopes).map(measured).collect(), r_squared }
}

/// Share of a variance that residuals keep; none where there is no variance.
fn variance_left(whole: f64, weights: &[f64], residuals: &[f64]) -> Option<f64> {
    (0.0 < whole).then(|| variance(weights, residuals) / whole)
}

/// Weighted variance about the weighted mean.
fn variance(weights: &[f64], values: &[f64]) -> f64 {
    let mean = dot(weights, values);
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let pulled: Vec<f64> = weights.iter().zip(&centred).map(|(w, c)| w * c).collect();
    dot(&pulled, &centred)
}

/// √(Σ u² + 2Σ_k bartlett(k)·Σ u_t·u_{t−k}), u = influence·residual, times √(n/(n − p)).
fn standard_error(driver: &Driver, residuals: &[f64], slopes: usize) -> f64 {
    let mean = dot(&driver.weights, residuals);
    let scores: Vec<f64> =
        driver.influence.iter().zip(residuals).map(|(c, e)| c * (e - mean)).collect();
    let lags = newey_west::lags(driver.observations);
    let mut variance = dot(&scores, &scores);
    for lag in 1..=lags.min(scores.len().saturating_sub(1)) {
        variance += 2.0 * newey_west::bartlett(lag, lags) * dot(&scores[lag..], &scores);
    }
    let n = driver.observations as f64;
    let free = (n - 1.0 - slopes as f64).max(1.0);
    (variance.max(0.0) * n / free).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::{
        newey_west,
        regression::{ErrorModel, Workspace},
        rng::Rng,
    };

    /// Another way to the same numbers: the normal equations of [`stats::regression`].
    #[test]
    fn agrees_with_weighted_least_squares_and_its_errors() {
        let n = 300;
        let mut rng = Rng::new(1, 2);
        let market: Vec<f64> = (0..n).map(|_| 0.01 * rng.normal()).collect();
        let mut returns: Vec<f64> = market.iter().map(|m| 0.8 * m + 0.004 * rng.normal()).collect();
        returns[7] += 0.05;
        let weights = stats::ewma::weights(n, 0.99).unwrap();
        let driver = Driver::of(market.clone(), 0, &weights).unwrap();
        let fit = fit(&returns, &[&driver]);
        let errors = ErrorModel::Hac { lags: newey_west::lags(n) };
        let other =
            Workspace::empty().least_squares(&returns, &[&market], Some(&weights), errors).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-10 * b.abs(), "{a} {b}");
        near(fit.slopes[0].value, other.slopes[0].value);
        near(fit.slopes[0].standard_error, other.slopes[0].standard_error);
        near(fit.r_squared.unwrap(), other.r_squared.unwrap());
        assert_eq!(fit.slopes[0].observations, other.observations);
    }
}
