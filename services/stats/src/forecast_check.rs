//! Checks of volatility forecasts against what happened: bias statistic, QLIKE, MRAD.
//!
//! All of them use standardised outcomes b_t = r_t/σ_t, an outcome over the forecast made before it.

use crate::moments::{self, Ddof};

/// The bias statistic: the sample standard deviation of the standardised outcomes. One for correct
/// forecasts, above one if risk was forecast too low. `None` for fewer than two.
#[must_use]
pub fn bias(standardised: &[f64]) -> Option<f64> {
    moments::standard_deviation(standardised, Ddof::Sample)
}

/// Half the width of the 95 % interval 1 ± √(2/T) of the bias statistic of T normal outcomes.
#[must_use]
pub fn bias_band(outcomes: usize) -> f64 {
    (2.0 / outcomes.max(1) as f64).sqrt()
}

/// Mean QLIKE loss ln σ² + r²/σ² over pairs of an outcome and its forecast σ². Lowest for the true
/// variance, whatever the distribution; only differences between two forecasts of the same outcomes
/// have a meaning. Unlike Patton's form r²/σ² − ln(r²/σ²) − 1 (2011), from which it differs by a
/// function of the outcomes alone, it allows an outcome of zero. `None` for none, or a variance that
/// is not above zero.
#[must_use]
pub fn qlike(outcomes: &[(f64, f64)]) -> Option<f64> {
    if outcomes.is_empty() || outcomes.iter().any(|(_, variance)| *variance <= 0.0) {
        return None;
    }
    let loss = |(r, variance): &(f64, f64)| libm::log(*variance) + r * r / variance;
    let mean = outcomes.iter().map(loss).sum::<f64>() / outcomes.len() as f64;
    Some(mean).filter(|mean| mean.is_finite())
}

/// Mean rolling absolute deviation: the mean of |bias − 1| over all windows of `window` outcomes in
/// a row. About 0.17 for correct forecasts of normal outcomes and windows of 12. `None` without a
/// whole window.
#[must_use]
pub fn mrad(standardised: &[f64], window: usize) -> Option<f64> {
    if window < 2 || standardised.len() < window {
        return None;
    }
    let deviations: Option<Vec<f64>> =
        standardised.windows(window).map(|w| Some((bias(w)? - 1.0).abs())).collect();
    moments::mean(&deviations?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn statistics_by_hand() {
        // Mean 1, deviations −2, 0, 2: variance 8/2.
        assert!((bias(&[-1.0, 1.0, 3.0]).unwrap() - 2.0).abs() < 1e-15);
        // Windows (−1, 1) and (1, 3): √2 each.
        assert!((mrad(&[-1.0, 1.0, 3.0], 2).unwrap() - (2.0_f64.sqrt() - 1.0)).abs() < 1e-15);
        assert!((bias_band(200) - 0.1).abs() < 1e-15);
        // (ln 1 + 4 + ln e + 0)/2.
        let loss = qlike(&[(2.0, 1.0), (0.0, std::f64::consts::E)]).unwrap();
        assert!((loss - 2.5).abs() < 1e-15);
        assert_eq!(qlike(&[(1.0, 0.0)]), None);
        assert_eq!((bias(&[1.0]), mrad(&[1.0], 2)), (None, None));
    }

    #[test]
    fn the_true_forecast_is_in_its_band_and_has_the_lowest_loss() {
        let mut rng = Rng::new(3, 0);
        let outcomes: Vec<f64> = (0..4_000).map(|_| rng.normal()).collect();
        assert!((bias(&outcomes).unwrap() - 1.0).abs() < bias_band(outcomes.len()));
        // The expected |s − 1| of the deviation s of 12 normal values: √(2/π)·√(1/22) = 0.170.
        assert!((mrad(&outcomes, 12).unwrap() - 0.17).abs() < 0.02);
        let loss = |variance: f64| {
            qlike(&outcomes.iter().map(|r| (*r, variance)).collect::<Vec<_>>()).unwrap()
        };
        assert!(loss(1.0) < loss(0.8) && loss(1.0) < loss(1.25));
    }
}
