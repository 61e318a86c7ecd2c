//! Long-run variances and correlations of series with gaps, weighted by age.
//!
//! Newey and West (1987) with exponential weights: with x̃_t = √w_t·x_t, zero where x is missing,
//! the variance is (γ₀ + 2Σ b_l·γ_l)/W, where γ_l = Σ x̃_t·x̃_{t−l}, b_l are Bartlett's weights and W
//! is the sum of the weights of the values present. Bartlett's weights on one series x̃ cannot give
//! a negative variance. Values are deviations from zero, as is usual for daily returns. With L lags
//! it is the variance per period over horizons longer than L.

use crate::{kernel, matrix::SymmetricMatrix, newey_west::bartlett};

/// Weights by age and lags.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongRun {
    /// Weight of a value relative to that of the next one, inside (0, 1).
    pub lambda: f64,
    /// Number of lags; 0 for the plain variance.
    pub lags: usize,
    /// Minimum number of values present.
    pub observations_min: usize,
}

impl LongRun {
    /// The variance of one series from its values before each place, NaN if missing; `None` before
    /// there are enough values. There is one more element than values: the last uses all of them.
    ///
    /// Every step is one recursion per lag, γ_l ← λ·γ_l + λ^{l/2}·x_t·x_{t−l}.
    #[must_use]
    pub fn forecasts(&self, values: &[f64]) -> Vec<Option<f64>> {
        let shrink: Vec<f64> =
            (0..=self.lags).map(|lag| libm::pow(self.lambda, lag as f64 / 2.0)).collect();
        let mut sums = vec![0.0; self.lags + 1];
        let (mut weight, mut observations) = (0.0, 0);
        let mut forecasts = Vec::with_capacity(values.len() + 1);
        forecasts.push(None);
        for (t, value) in values.iter().enumerate() {
            let present = value.is_finite();
            weight = self.lambda * weight + f64::from(u8::from(present));
            observations += usize::from(present);
            for (lag, sum) in sums.iter_mut().enumerate() {
                let earlier = t.checked_sub(lag).map_or(0.0, |t| values[t]);
                let product = if present && earlier.is_finite() { value * earlier } else { 0.0 };
                *sum = self.lambda * *sum + shrink[lag] * product;
            }
            forecasts.push((self.observations_min <= observations).then(|| {
                let lagged = sums.iter().enumerate().skip(1);
                let lagged: f64 = lagged.map(|(lag, sum)| bartlett(lag, self.lags) * sum).sum();
                // Negative only by rounding.
                ((sums[0] + 2.0 * lagged) / weight).max(0.0)
            }));
        }
        forecasts
    }

    /// Correlations of series of equal length, NaN if missing. `None` if a series has too few values
    /// or does not vary, or a pair of series has too few values in common.
    ///
    /// Each entry has the weights of the sessions that both series have, so that with gaps the
    /// matrix may have negative eigenvalues: see [`crate::cholesky::repair`].
    #[must_use]
    pub fn correlation(&self, series: &[&[f64]]) -> Option<SymmetricMatrix> {
        let length = crate::covariance::common_length(series)?;
        let weights = crate::ewma::weights(length, self.lambda)?;
        let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
        let scaled: Vec<Vec<f64>> = series
            .iter()
            .map(|x| {
                let at = |(x, root): (&f64, &f64)| if x.is_finite() { x * root } else { 0.0 };
                x.iter().zip(&roots).map(at).collect()
            })
            .collect();
        let lagged = |i: usize, j: usize, lag: usize| {
            kernel::dot(&scaled[i][lag..], &scaled[j][..length - lag])
        };
        let entry = |i: usize, j: usize| {
            let both = series[i].iter().zip(series[j]).zip(&weights);
            let both = both.filter(|((x, y), _)| x.is_finite() && y.is_finite());
            let (count, weight) = both.fold((0, 0.0), |(n, sum), (_, w)| (n + 1, sum + w));
            if count < self.observations_min.max(1) {
                return f64::NAN;
            }
            let lags = (1..=self.lags.min(length - 1))
                .map(|lag| bartlett(lag, self.lags) * (lagged(i, j, lag) + lagged(j, i, lag)));
            (lagged(i, j, 0) + lags.sum::<f64>()) / weight
        };
        SymmetricMatrix::from_lower(series.len(), entry)?.correlation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newey_west;

    /// Ten returns of methodology C4.
    const RETURNS: [f64; 10] = [0.01, -0.02, 0.015, -0.03, 0.005, 0.02, -0.01, 0.0, 0.012, -0.025];

    #[test]
    fn without_decay_it_is_newey_and_wests_variance_about_zero() {
        // λ so near one that the weights are equal to rounding. Deviations from the mean in
        // `newey_west`, hence a series with mean zero.
        let mean = RETURNS.iter().sum::<f64>() / 10.0;
        let centred = RETURNS.map(|r| r - mean);
        let settings = LongRun { lambda: 1.0 - 1e-14, lags: 2, observations_min: 2 };
        let last = settings.forecasts(&centred).last().copied().flatten().unwrap();
        // Methodology C6: 8.6412667e-5.
        assert!((last - 8.641_266_7e-5).abs() < 1e-11, "{last}");
        assert!((last / newey_west::variance(&RETURNS, 2).unwrap() - 1.0).abs() < 1e-10);
    }

    #[test]
    fn a_forecast_uses_the_values_before_it_only() {
        let settings = LongRun { lambda: 0.94, lags: 3, observations_min: 4 };
        let all = settings.forecasts(&RETURNS);
        assert_eq!(all.iter().filter(|forecast| forecast.is_none()).count(), 4);
        for end in 0..RETURNS.len() {
            let last = settings.forecasts(&RETURNS[..end]).last().copied().flatten();
            assert_eq!(all[end].map(f64::to_bits), last.map(f64::to_bits));
        }
        // Without lags the recursion is that of the weighted mean square.
        let plain = LongRun { lags: 0, ..settings };
        let last = plain.forecasts(&RETURNS).last().copied().flatten().unwrap();
        let square = crate::ewma::variance(&RETURNS, 0.94, crate::ewma::Centre::Zero).unwrap();
        assert!((last / square - 1.0).abs() < 1e-14);
    }

    #[test]
    fn correlations_agree_with_variances_and_allow_gaps() {
        let settings = LongRun { lambda: 0.9, lags: 2, observations_min: 4 };
        let other: Vec<f64> = RETURNS.iter().rev().map(|r| r * 0.5 + 0.001).collect();
        let sum: Vec<f64> = RETURNS.iter().zip(&other).map(|(a, b)| a + b).collect();
        let variance = |x: &[f64]| settings.forecasts(x).last().copied().flatten().unwrap();
        let found = settings.correlation(&[&RETURNS, &other]).unwrap().get(0, 1);
        // Variances are those of one quadratic form, so Var(a+b) gives the covariance.
        let [a, b, both] = [&RETURNS[..], &other, &sum].map(variance);
        let expected = (both - a - b) / 2.0 / (a * b).sqrt();
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        let mut gaps = other.clone();
        gaps[3] = f64::NAN;
        assert!(settings.correlation(&[&RETURNS, &gaps]).is_some());
        gaps[..7].fill(f64::NAN);
        assert_eq!(settings.correlation(&[&RETURNS, &gaps]), None);
        assert_eq!(settings.correlation(&[&RETURNS, &[0.0; 10]]), None);
    }
}
