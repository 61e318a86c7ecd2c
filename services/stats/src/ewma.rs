//! Exponentially weighted mean, variance and volatility, by half-life.
//!
//! Series run from the oldest to the newest value. λ is the weight of a value relative to that of
//! its successor, 0 < λ < 1. A half-life h, in observations, is the age at which the weight has
//! halved.

use crate::kernel::all_finite;

/// λ = 0.5^{1/h}. `None` unless the half-life is finite and positive.
#[must_use]
pub fn lambda_of_half_life(half_life: f64) -> Option<f64> {
    if !(half_life.is_finite() && half_life > 0.0) {
        return None;
    }
    Some(libm::exp2(-1.0 / half_life)).filter(|&lambda| is_lambda(lambda))
}

/// Centre from which deviations are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Centre {
    /// Zero, as is usual for daily returns, whose mean is smaller than its own error.
    Zero,
    /// The mean under the same weights.
    Mean,
}

/// Normalised weights w_t = (1−λ)λ^{T−t}/(1−λ^T), oldest first; they sum to one.
///
/// `None` for no observations or λ outside (0, 1).
#[must_use]
pub fn weights(observations: usize, lambda: f64) -> Option<Vec<f64>> {
    if observations == 0 || !is_lambda(lambda) {
        return None;
    }
    let mut weights = vec![0.0; observations];
    let (mut weight, mut total) = (1.0, 0.0);
    for slot in weights.iter_mut().rev() {
        *slot = weight;
        total += weight;
        weight *= lambda;
    }
    for slot in &mut weights {
        *slot /= total;
    }
    Some(weights)
}

/// Weighted mean; `None` for an empty series, λ outside (0, 1) or a result that is not finite.
#[must_use]
pub fn mean(values: &[f64], lambda: f64) -> Option<f64> {
    if values.is_empty() || !is_lambda(lambda) {
        return None;
    }
    finite(weighted_mean(values, lambda, |x| x))
}

/// Weighted mean square deviation Σ w_t (x_t − c)², without correction for the estimated mean.
#[must_use]
pub fn variance(values: &[f64], lambda: f64, centre: Centre) -> Option<f64> {
    let centre = match centre {
        Centre::Zero => 0.0,
        Centre::Mean => mean(values, lambda)?,
    };
    if values.is_empty() || !is_lambda(lambda) {
        return None;
    }
    finite(weighted_mean(values, lambda, |x| (x - centre) * (x - centre)))
}

/// Square root of [`variance`], per period; multiply by √252 for a year of daily values.
#[must_use]
pub fn volatility(values: &[f64], lambda: f64, centre: Centre) -> Option<f64> {
    variance(values, lambda, centre).map(f64::sqrt)
}

/// Number of equally weighted values whose mean has the same error: (Σw)²/Σw² of any weights. `None` if they are empty, negative, not finite or all zero.
#[must_use]
pub fn effective_number(weights: &[f64]) -> Option<f64> {
    let (mut sum, mut squares) = (0.0, 0.0);
    for &weight in weights {
        if !(weight.is_finite() && weight >= 0.0) {
            return None;
        }
        sum += weight;
        squares += weight * weight;
    }
    (squares > 0.0).then(|| sum * sum / squares).and_then(finite)
}

/// One-step-ahead variances by the recursion σ²_{t+1} = λσ²_t + (1−λ)x²_t.
///
/// Element t is the forecast made before x_t; the first is `initial`. There is one more element
/// than values: the last is the forecast for the next period. `None` if anything is negative or not
/// finite.
#[must_use]
pub fn variance_forecasts(values: &[f64], lambda: f64, initial: f64) -> Option<Vec<f64>> {
    if !is_lambda(lambda) || !initial.is_finite() || initial < 0.0 {
        return None;
    }
    let mut forecasts = Vec::with_capacity(values.len() + 1);
    let mut variance = initial;
    forecasts.push(variance);
    for value in values {
        // Each step waits for the one before, so it is a single operation.
        variance = lambda.mul_add(variance, (1.0 - lambda) * value * value);
        forecasts.push(variance);
    }
    all_finite(&forecasts).then_some(forecasts)
}

/// Horner's rule from the oldest value on: sum ← λ·sum + f(x), and the same for the sum of the
/// weights.
fn weighted_mean(values: &[f64], lambda: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for &value in values {
        sum = lambda * sum + f(value);
        total = lambda * total + 1.0;
    }
    sum / total
}

fn is_lambda(lambda: f64) -> bool {
    lambda > 0.0 && lambda < 1.0
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
