//! The error of a mean of dependent values: the stationary bootstrap's, in closed form.
//!
//! Politis and Romano (1994), "The stationary bootstrap", lemma 1: the variance that infinitely many
//! resamples would show, without a draw.

/// ⌈T^{1/3}⌉, the mean length of a block for T observations; at least 1.
#[must_use]
pub fn mean_block(observations: usize) -> usize {
    let mut block = 1_usize;
    while block.saturating_mul(block).saturating_mul(block) < observations {
        block += 1;
    }
    block
}

/// v = R₀ + 2Σ_{k=1}^{T−1} [(1−k/T)q^k + (k/T)q^{T−k}]·R_k with q = 1 − 1/`block`.
///
/// R_k = (1/T)Σ_t (x_t − x̄)(x_{t+k} − x̄) is the autocovariance at lag k. v/T is the variance of the
/// mean; for independent values v is about their own variance. A block of 1 gives R₀.
///
/// `None` for no values, one that is not finite, or a block of 0.
#[must_use]
pub fn long_run_variance(values: &[f64], block: usize) -> Option<f64> {
    let mean = crate::moments::mean(values)?;
    if block == 0 {
        return None;
    }
    let q = 1.0 - 1.0 / block as f64;
    let count = values.len() as f64;
    let powers = powers(q, values.len());
    let mut squares = 0.0;
    // Sums over earlier values x at distance k: Σ q^k·x and Σ k·q^k·x, which end within the series.
    let (mut near, mut near_k) = (0.0, 0.0);
    // Sums over earlier values at place j: Σ q^j·x and Σ j·q^j·x, for blocks that wrap around.
    let (mut first, mut first_j) = (0.0, 0.0);
    let mut products = 0.0;
    for (at, value) in values.iter().enumerate() {
        let x = value - mean;
        let place = at as f64;
        squares += x * x;
        products += x * (near - near_k / count);
        products += x * powers[values.len() - at] * (place * first - first_j) / count;
        near = q * (near + x);
        near_k = q * near_k + near;
        first += powers[at] * x;
        first_j += place * powers[at] * x;
    }
    let variance = (squares + 2.0 * products) / count;
    // A variance is not negative but for rounding.
    variance.is_finite().then_some(variance.max(0.0))
}

/// √(v/T), the standard error of the mean with blocks of [`mean_block`]; see [`long_run_variance`].
#[must_use]
pub fn mean_error(values: &[f64]) -> Option<f64> {
    let variance = long_run_variance(values, mean_block(values.len()))?;
    Some((variance / values.len() as f64).sqrt())
}

/// q⁰, q¹, … qⁿ.
fn powers(q: f64, n: usize) -> Vec<f64> {
    let mut power = 1.0;
    let mut powers = Vec::with_capacity(n + 1);
    for _ in 0..=n {
        powers.push(power);
        power *= q;
    }
    powers
}
