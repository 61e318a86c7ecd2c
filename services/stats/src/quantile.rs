//! Quantiles under a named rule, and confidence intervals for them from order statistics.

/// Definition of a sample quantile.
///
/// For n ordered values x₁ ≤ … ≤ xₙ and probability p. A place between two values is interpolated.
/// Places within 1e-9 of a whole number count as whole, so that 1 − 0.95 means five per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantileRule {
    /// Place (n−1)p + 1, interpolated: numpy's and R's default (type 7).
    Linear,
    /// Place (n−1)p + 1, rounded down: numpy's `lower`.
    Lower,
    /// Place (n−1)p + 1, rounded up: numpy's `higher`.
    Higher,
    /// Place np, rounded up: the inverse of the empirical distribution function (type 1).
    Ceil,
    /// Place (n+1)p, interpolated (type 6).
    Weibull,
    /// Place (n+⅓)p + ⅓, interpolated: about median-unbiased whatever the distribution (type 8).
    MedianUnbiased,
}

/// A place among ordered values: an index from 0 and the fraction of the way to the next value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) fraction: f64,
}

impl QuantileRule {
    /// The place of the quantile among `n` values. `None` for n = 0 or p outside [0, 1].
    pub(crate) fn place(self, n: usize, p: f64) -> Option<Place> {
        let place = self.place_among(n, p)? - 1.0;
        let index = place.floor();
        Some(Place { index: index as usize, fraction: place - index })
    }

    /// The place itself, from 1 to `n`.
    pub(crate) fn place_among(self, n: usize, p: f64) -> Option<f64> {
        if n == 0 || !(0.0..=1.0).contains(&p) {
            return None;
        }
        let count = n as f64;
        let place = snap(match self {
            Self::Linear | Self::Lower | Self::Higher => (count - 1.0) * p + 1.0,
            Self::Ceil => count * p,
            Self::Weibull => (count + 1.0) * p,
            Self::MedianUnbiased => (count + 1.0 / 3.0) * p + 1.0 / 3.0,
        });
        let place = match self {
            Self::Lower => place.floor(),
            Self::Higher | Self::Ceil => place.ceil(),
            Self::Linear | Self::Weibull | Self::MedianUnbiased => place,
        };
        Some(place.clamp(1.0, count))
    }
}

/// The quantile of values in any order; `None` for no values, one not finite, or p outside [0, 1].
#[must_use]
pub fn quantile(values: &[f64], p: f64, rule: QuantileRule) -> Option<f64> {
    quantile_in_place(&mut values.to_vec(), p, rule)
}

/// [`quantile`] without a copy; reorders the slice.
#[must_use]
pub fn quantile_in_place(values: &mut [f64], p: f64, rule: QuantileRule) -> Option<f64> {
    let place = rule.place(values.len(), p)?;
    if values.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let (_, &mut low, above) = values.select_nth_unstable_by(place.index, f64::total_cmp);
    if place.fraction <= 0.0 {
        return Some(low);
    }
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    Some(low + place.fraction * (high - low))
}

/// Rounds places that differ from a whole number only by the rounding of p.
pub(crate) fn snap(place: f64) -> f64 {
    let whole = place.round();
    if (place - whole).abs() < 1e-9 { whole } else { place }
}
