//! Covariance of the factors' returns for the next session, from their history.
//!
//! Volatilities follow the market faster than correlations, so each has a half-life of its own; both
//! allow for autocorrelation (Newey and West). Then the eigenvalues are corrected for the chance in
//! them ([`stats::eigen_adjustment`]), and the whole matrix is multiplied by λ² (volatility regime):
//! λ² is the mean over recent sessions, weighted by age, of B_t² = K⁻¹Σ(f_kt/σ_kt)², the squared
//! returns of session t over the variances forecast before it.

use super::settings::{AgeWeights, CrossSectionSettings};
use stats::{
    cholesky,
    eigen_adjustment::{self, WhiteNoise},
    ewma,
    long_run::LongRun,
    matrix::SymmetricMatrix,
    rng::stream_of,
};
use std::sync::Arc;

/// Eigenvalues of the correlation matrix are at least this; only gaps in histories make smaller ones.
const EIGENVALUE_MIN: f64 = 1e-6;

/// The regime is measured over this many half-lives.
const REGIME_HALF_LIVES: f64 = 4.0;

/// Covariance of the factors, and what it was made with.
#[derive(Clone, Debug)]
pub(crate) struct FactorCovariance {
    /// Per session.
    pub(crate) matrix: SymmetricMatrix,
    /// λ, by which the regime multiplies volatilities. `None`, hence 1, if too few sessions had a
    /// forecast.
    pub(crate) regime: Option<f64>,
    /// Bias of each eigenvalue before its correction, that of the largest first; empty if the history
    /// is too short for the number of factors to correct any.
    pub(crate) biases: Vec<f64>,
    /// Kept because it depends on the length of the history and the factors only.
    pub(crate) noise: Noise,
}

/// Simulated white noise, and what it was simulated for.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    sessions: usize,
    factors: Vec<String>,
    noise: Option<Arc<WhiteNoise>>,
}

impl Noise {
    /// Each factor has the random stream of its name, so that factors may come and go and change
    /// their order.
    fn of(
        sessions: usize,
        factors: &[String],
        settings: &CrossSectionSettings,
        earlier: Option<&Noise>,
    ) -> Noise {
        let same = |noise: &&Noise| noise.sessions == sessions && noise.factors == factors;
        if let Some(noise) = earlier.filter(same) {
            return noise.clone();
        }
        let streams: Vec<u64> = factors.iter().map(|name| stream_of(name)).collect();
        let lambda = ewma::lambda_of_half_life(settings.correlation.half_life_sessions);
        let weights = lambda.and_then(|lambda| ewma::weights(sessions, lambda));
        let noise = weights.and_then(|weights| {
            WhiteNoise::simulated(settings.eigen_draws, &weights, settings.seed, &streams)
        });
        Noise { sessions, factors: factors.to_vec(), noise: noise.map(Arc::new) }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.noise.as_ref().map_or(0, |noise| noise.bytes())
    }
}

/// Long-run settings of some weights. `None` unless the half-life is above zero.
pub(crate) fn long_run(weights: AgeWeights, observations_min: usize) -> Option<LongRun> {
    let lambda = ewma::lambda_of_half_life(weights.half_life_sessions)?;
    Some(LongRun { lambda, lags: weights.lags, observations_min })
}

impl FactorCovariance {
    /// From the returns by factor, NaN if missing. `None` if a factor or a pair has too few of them,
    /// or one does not vary.
    pub(crate) fn of(
        factors: &[String],
        returns: &[&[f64]],
        settings: &CrossSectionSettings,
        earlier: Option<&Noise>,
    ) -> Option<FactorCovariance> {
        let least = settings.observations_min;
        let volatility = long_run(settings.volatility, least)?;
        let forecasts: Vec<Vec<Option<f64>>> =
            returns.iter().map(|returns| volatility.forecasts(returns)).collect();
        let next: Vec<f64> =
            forecasts.iter().map(|all| all.last().copied().flatten()).collect::<Option<_>>()?;
        let correlation = long_run(settings.correlation, least)?.correlation(returns)?;
        let correlation = cholesky::repair(&correlation, EIGENVALUE_MIN)?.matrix;
        let plain = SymmetricMatrix::from_lower(factors.len(), |i, j| {
            correlation.get(i, j) * (next[i] * next[j]).sqrt()
        })?;
        let noise = Noise::of(returns.first()?.len(), factors, settings, earlier);
        let adjusted = noise
            .noise
            .as_ref()
            .and_then(|noise| eigen_adjustment::adjusted(&plain, noise, settings.eigen_scale));
        let biases = adjusted.as_ref().map_or(Vec::new(), |adjusted| adjusted.biases.clone());
        let matrix = adjusted.map_or(plain, |adjusted| adjusted.matrix);
        let squares = standardised_squares(returns, &forecasts);
        let regime = regime(&squares, settings.regime_half_life_sessions);
        let scale = regime.map_or(1.0, |regime| regime * regime);
        let matrix = matrix.blend(scale, &matrix, 0.0)?;
        Some(FactorCovariance { matrix, regime, biases, noise })
    }
}

/// B_t² by session: the mean over the factors with a return and a forecast; NaN if none has both.
fn standardised_squares(returns: &[&[f64]], forecasts: &[Vec<Option<f64>>]) -> Vec<f64> {
    let sessions = returns.first().map_or(0, |returns| returns.len());
    let of_session = |t: usize| {
        let pairs = returns.iter().zip(forecasts).filter_map(|(returns, forecasts)| {
            let variance = forecasts[t].filter(|variance| 0.0 < *variance)?;
            returns[t].is_finite().then(|| returns[t] * returns[t] / variance)
        });
        let (count, sum) = pairs.fold((0_u32, 0.0), |(n, sum), square| (n + 1, sum + square));
        sum / f64::from(count)
    };
    (0..sessions).map(of_session).collect()
}

/// λ from the standardised squares by session, NaN if missing: the root of their mean weighted by
/// age, over four half-lives. `None` with fewer than half a half-life of them, or if all are zero.
pub(crate) fn regime(squares: &[f64], half_life: f64) -> Option<f64> {
    let lambda = ewma::lambda_of_half_life(half_life)?;
    let window = squares.len().min((REGIME_HALF_LIVES * half_life).ceil() as usize);
    let (mut sum, mut total, mut count) = (0.0, 0.0, 0_u32);
    for square in &squares[squares.len() - window..] {
        (sum, total) = (sum * lambda, total * lambda);
        if square.is_finite() {
            (sum, total, count) = (sum + square, total + 1.0, count + 1);
        }
    }
    let regime = (sum / total).sqrt();
    (half_life <= 2.0 * f64::from(count) && 0.0 < regime && regime.is_finite()).then_some(regime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_regime_is_the_weighted_mean_of_standardised_squares() {
        // Half-life 1: weights 1, 1/2, 1/4 from the newest: (4 + 1/2 + 9/4)/(7/4).
        let found = regime(&[9.0, 1.0, 4.0], 1.0).unwrap();
        assert!((found * found - 6.75 / 1.75).abs() < 1e-14);
        // A missing session has no weight: (4 + 9/4)/(5/4).
        let gap = regime(&[9.0, f64::NAN, 4.0], 1.0).unwrap();
        assert!((gap * gap - 5.0).abs() < 1e-14);
        // Four half-lives are the last four sessions.
        let short = regime(&[1e9, 1.0, 1.0, 1.0, 1.0], 1.0).unwrap();
        assert!((short - 1.0).abs() < 1e-14);
        assert_eq!(regime(&[1.0], 3.0), None);
        assert_eq!(regime(&[], 42.0), None);
    }
}
