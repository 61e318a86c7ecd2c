//! Mean, variance, skewness and excess kurtosis, in one stable pass.

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

/// Count, mean and sums of central powers of the values seen so far.
///
/// Updated by Pébay's formulas (Sandia report SAND2008-6212), which do not cancel if the mean is
/// large compared with the spread. [`Moments::merge`] combines two blocks as if they were one.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    count: usize,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl Moments {
    /// Moments of no values.
    pub const EMPTY: Self = Self { count: 0, mean: 0.0, m2: 0.0, m3: 0.0, m4: 0.0 };

    /// The moments of a slice. `None` if it is empty or contains a value that is not finite.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut moments = Self::EMPTY;
        for &value in values {
            moments.push(value);
        }
        (moments.count > 0 && moments.m4.is_finite()).then_some(moments)
    }

    /// Adds one value.
    pub fn push(&mut self, value: f64) {
        let before = self.count as f64;
        self.count += 1;
        let n = self.count as f64;
        let delta = value - self.mean;
        let step = delta / n;
        let square = step * step;
        let term = delta * step * before;
        self.mean += step;
        self.m4 +=
            term * square * (n * n - 3.0 * n + 3.0) + 6.0 * square * self.m2 - 4.0 * step * self.m3;
        self.m3 += term * step * (n - 2.0) - 3.0 * step * self.m2;
        self.m2 += term;
    }

    /// The moments of both blocks together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        if self.count == 0 {
            return *other;
        }
        if other.count == 0 {
            return *self;
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let n = a + b;
        let delta = other.mean - self.mean;
        let d2 = delta * delta;
        let cross = a * b / n;
        Self {
            count: self.count + other.count,
            mean: self.mean + delta * b / n,
            m2: self.m2 + other.m2 + d2 * cross,
            m3: self.m3
                + other.m3
                + d2 * delta * cross * (a - b) / n
                + 3.0 * delta * (a * other.m2 - b * self.m2) / n,
            m4: self.m4
                + other.m4
                + d2 * d2 * cross * (a * a - a * b + b * b) / (n * n)
                + 6.0 * d2 * (a * a * other.m2 + b * b * self.m2) / (n * n)
                + 4.0 * delta * (a * other.m3 - b * self.m3) / n,
        }
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Arithmetic mean; `None` without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean).filter(|mean| mean.is_finite())
    }

    /// Mean squared deviation; `None` with too few values.
    #[must_use]
    pub fn variance(&self, ddof: Ddof) -> Option<f64> {
        Some(self.m2 / ddof.divisor(self.count)?).filter(|variance| variance.is_finite())
    }

    /// Square root of [`Moments::variance`].
    #[must_use]
    pub fn standard_deviation(&self, ddof: Ddof) -> Option<f64> {
        self.variance(ddof).map(f64::sqrt)
    }

    /// Population skewness m₃/m₂^{3/2}, without small-sample correction; `None` without spread.
    #[must_use]
    pub fn skewness(&self) -> Option<f64> {
        let variance = self.spread()?;
        finite(self.m3 / self.count as f64 / (variance * variance.sqrt()))
    }

    /// Population excess kurtosis m₄/m₂² − 3, without small-sample correction; `None` without
    /// spread.
    #[must_use]
    pub fn excess_kurtosis(&self) -> Option<f64> {
        let variance = self.spread()?;
        finite(self.m4 / self.count as f64 / (variance * variance) - 3.0)
    }

    /// Population variance. `None` if it is no more than rounding of the mean.
    fn spread(&self) -> Option<f64> {
        let variance = self.variance(Ddof::Population)?;
        let rounding = self.mean * f64::EPSILON;
        (variance > 4.0 * rounding * rounding && variance > f64::MIN_POSITIVE).then_some(variance)
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
