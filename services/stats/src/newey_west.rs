//! Long-run variances of autocorrelated series: Newey and West (1987).

/// The usual bandwidth ⌊4(T/100)^{2/9}⌋.
#[must_use]
pub fn lags(observations: usize) -> usize {
    let scaled = 4.0 * libm::pow(observations as f64 / 100.0, 2.0 / 9.0);
    scaled as usize
}

/// Weight of the autocovariance at a lag: Bartlett's 1 − k/(L+1), 0 beyond.
#[must_use]
pub fn bartlett(lag: usize, lags: usize) -> f64 {
    (1.0 - lag as f64 / (lags as f64 + 1.0)).max(0.0)
}

/// Long-run variance γ₀ + 2Σ(1 − k/(L+1))γ_k, with deviations from the mean and each γ divided by
/// T.
///
/// Divide by T for the squared standard error of the mean. `None` for fewer than two values or one
/// that is not finite.
#[must_use]
pub fn variance(values: &[f64], lags: usize) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = crate::moments::mean(values)?;
    let autocovariance = |lag: usize| {
        let ahead = values.iter().skip(lag);
        values.iter().zip(ahead).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>()
            / values.len() as f64
    };
    let mut total = autocovariance(0);
    for lag in 1..=lags.min(values.len() - 1) {
        total += 2.0 * bartlett(lag, lags) * autocovariance(lag);
    }
    // The estimate can be negative only by rounding.
    Some(total.max(0.0)).filter(|variance| variance.is_finite())
}
