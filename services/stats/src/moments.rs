//! Mean, variance and correlation.

/// Divisor of a sum of squared deviations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ddof {
    /// By n: the values are the whole population (delta degrees of freedom 0).
    Population,
    /// By n − 1: the values are a sample (delta degrees of freedom 1).
    Sample,
}

impl Ddof {
    /// The divisor for `n` values. `None` if it is not positive.
    #[must_use]
    pub fn divisor(self, n: usize) -> Option<f64> {
        let free = match self {
            Self::Population => n,
            Self::Sample => n.checked_sub(1)?,
        };
        (free > 0).then_some(free as f64)
    }
}

/// Arithmetic mean; `None` for an empty slice or a value that is not finite.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    finite(values.iter().sum::<f64>() / values.len() as f64)
}

/// Variance about the mean, in two passes (the second corrected for the rounding of the first);
/// `None` for too few values or one that is not finite.
#[must_use]
pub fn variance(values: &[f64], ddof: Ddof) -> Option<f64> {
    let mean = mean(values)?;
    let divisor = ddof.divisor(values.len())?;
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in values {
        let deviation = value - mean;
        sum += deviation;
        squares += deviation * deviation;
    }
    finite(((squares - sum * sum / values.len() as f64) / divisor).max(0.0))
}

/// Square root of [`variance`].
#[must_use]
pub fn standard_deviation(values: &[f64], ddof: Ddof) -> Option<f64> {
    variance(values, ddof).map(f64::sqrt)
}

/// Pearson correlation of two series of equal length; `None` without at least two values and
/// spread.
#[must_use]
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() < 2 {
        return None;
    }
    let (mean_x, mean_y) = (mean(x)?, mean(y)?);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        let (da, db) = (a - mean_x, b - mean_y);
        xx += da * da;
        yy += db * db;
        xy += da * db;
    }
    let n = x.len() as f64;
    let rounding = |mean: f64| 4.0 * n * (mean * f64::EPSILON) * (mean * f64::EPSILON);
    if xx <= rounding(mean_x) || yy <= rounding(mean_y) {
        return None;
    }
    finite(xy / (xx.sqrt() * yy.sqrt())).map(|r| r.clamp(-1.0, 1.0))
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
