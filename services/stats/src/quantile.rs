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

/// Ranks (from 1, ascending) of sample values that enclose a quantile of their distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderInterval {
    /// Rank of the lower bound. `None` if the sample is too short for one.
    pub lower_rank: Option<usize>,
    /// Rank of the upper bound. `None` if the sample is too short for one.
    pub upper_rank: Option<usize>,
    /// Probability that the bounds enclose the quantile, at least the requested level.
    pub coverage: f64,
}

/// The distribution-free confidence interval of the p-quantile from `n` independent values.
///
/// The number of values below the quantile is binomial (n, p); each tail outside the interval has
/// probability at most (1 − level)/2. With dependent values (volatility clusters) the interval
/// would have to be wider. `None` unless n > 0 and p and level lie inside (0, 1).
#[must_use]
pub fn order_interval(n: usize, p: f64, level: f64) -> Option<OrderInterval> {
    let inside = |x: f64| x > 0.0 && x < 1.0;
    if n == 0 || !inside(p) || !inside(level) {
        return None;
    }
    let tail = (1.0 - level) / 2.0;
    let (mut below, mut lower_rank, mut upper_rank) = (0.0, None, None);
    let (mut outside_low, mut inside_to) = (0.0, 1.0);
    for successes in 0..n {
        // Here `below` is P(B < successes), the probability that rank `successes` lies above the
        // quantile.
        if below <= tail && successes > 0 {
            lower_rank = Some(successes);
            outside_low = below;
        }
        below += binomial(n, p, successes);
        // Now it is P(B ≤ successes), the probability that rank `successes + 1` lies at or above
        // the quantile.
        if below >= 1.0 - tail {
            upper_rank = Some(successes + 1);
            inside_to = below.min(1.0);
            break;
        }
    }
    if upper_rank.is_none() && below <= tail {
        lower_rank = Some(n);
        outside_low = below;
    }
    Some(OrderInterval { lower_rank, upper_rank, coverage: inside_to - outside_low })
}

/// Probability of exactly `k` successes in `n` trials, 0 < p < 1.
fn binomial(n: usize, p: f64, k: usize) -> f64 {
    let (trials, hits) = (n as f64, k as f64);
    let choices =
        libm::lgamma(trials + 1.0) - libm::lgamma(hits + 1.0) - libm::lgamma(trials - hits + 1.0);
    libm::exp(choices + hits * libm::log(p) + (trials - hits) * libm::log1p(-p))
}

/// Rounds places that differ from a whole number only by the rounding of p.
pub(crate) fn snap(place: f64) -> f64 {
    let whole = place.round();
    if (place - whole).abs() < 1e-9 { whole } else { place }
}
