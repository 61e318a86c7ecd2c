//! Standard errors of means of dependent values: the stationary bootstrap in closed form.
//!
//! Politis and Romano (1994), "The stationary bootstrap", lemma 1: the variance over infinitely
//! many resamples, without drawing any.

/// ⌈T^{1/3}⌉, the mean length of a block for T observations; at least 1.
#[must_use]
pub fn mean_block(observations: usize) -> usize {
    let mut block = 1_usize;
    while block.saturating_mul(block).saturating_mul(block) < observations {
        block += 1;
    }
    block
}

/// v = R₀ + 2Σ_{k=1}^{T−1} w_k·R_k with w_k = (1−k/T)q^k + (k/T)q^{T−k} and q = 1 − 1/`block`.
///
/// R_k = (1/T)Σ_t (x_t − x̄)(x_{t+k} − x̄) is the autocovariance at lag k. v/T is the variance of
/// the mean; for independent values, v is close to their own variance. A block of 1 gives R₀.
///
/// The T values are zero except at some places, given as (place, value) in ascending order; each of
/// these takes one step. Because w_k = w_{T−k}, every place meets the same sum of weights
/// W = Σ_{k<T} w_k, so v = (1/T)Σ_t Σ_s w_{|t−s|}·x_t·x_s − W·x̄². Where x̄² is much greater than
/// v, digits are lost.
///
/// `None` for no values, one that is not finite or out of place, or a block of 0.
#[must_use]
pub fn long_run_variance(values: &[(usize, f64)], count: usize, block: usize) -> Option<f64> {
    let is_within = |(place, value): &(usize, f64)| *place < count && value.is_finite();
    let is_ascending = values.is_sorted_by(|a, b| a.0 < b.0);
    if count == 0 || block == 0 || !is_ascending || !values.iter().all(is_within) {
        return None;
    }
    let (q, length) = (1.0 - 1.0 / block as f64, count as f64);
    let (mut sum, mut products, mut sums) = (0.0, 0.0, Earlier::none());
    for (place, value) in values {
        sums.advance(*place, q);
        products += value * (0.5 * value + sums.pull(count, q));
        sums.add(*value);
        sum += value;
    }
    let mean = sum / length;
    let variance = 2.0 * products / length - sum_of_weights(count, q) * mean * mean;
    // A variance can be negative only by rounding.
    variance.is_finite().then_some(variance.max(0.0))
}

/// √(v/T), the standard error of the mean with blocks of [`mean_block`]; see [`long_run_variance`].
#[must_use]
pub fn mean_error(values: &[(usize, f64)], count: usize) -> Option<f64> {
    let variance = long_run_variance(values, count, mean_block(count))?;
    Some((variance / count as f64).sqrt())
}

/// Sums over the values before a place.
struct Earlier {
    place: usize,
    /// q^place.
    power: f64,
    /// Over values x at distance k: Σ q^k·x and Σ k·q^k·x, which end within the series.
    near: [f64; 2],
    /// Over values x at place j: Σ q^j·x and Σ j·q^j·x, for blocks that wrap around.
    first: [f64; 2],
}

impl Earlier {
    const fn none() -> Earlier {
        Earlier { place: 0, power: 1.0, near: [0.0; 2], first: [0.0; 2] }
    }

    /// Moves on to a later place.
    fn advance(&mut self, place: usize, q: f64) {
        let gap = place - self.place;
        let power = power(q, gap);
        let [near, near_k] = self.near;
        self.near = [power * near, power * (near_k + gap as f64 * near)];
        self.power *= power;
        self.place = place;
    }

    /// Σ w_k·x over the earlier values.
    fn pull(&self, count: usize, q: f64) -> f64 {
        let length = count as f64;
        let around = self.place as f64 * self.first[0] - self.first[1];
        let near = self.near[0] - self.near[1] / length;
        near + power(q, count - self.place) * around / length
    }

    /// Adds the value at this place.
    fn add(&mut self, value: f64) {
        self.near[0] += value;
        self.first[0] += self.power * value;
        self.first[1] += self.place as f64 * self.power * value;
    }
}

/// W = 2Σ_{k<T}(1−k/T)q^k − 1, by the closed forms of Σ q^k and Σ k·q^k.
fn sum_of_weights(count: usize, q: f64) -> f64 {
    let (length, p) = (count as f64, 1.0 - q);
    let last = power(q, count);
    let powers = (1.0 - last) / p;
    let places = (q - length * last + (length - 1.0) * q * last) / (p * p);
    2.0 * (powers - places / length) - 1.0
}

/// qⁿ by squaring.
fn power(mut q: f64, mut n: usize) -> f64 {
    let mut power = 1.0;
    while 0 < n {
        power *= if n % 2 == 1 { q } else { 1.0 };
        q *= q;
        n /= 2;
    }
    power
}
