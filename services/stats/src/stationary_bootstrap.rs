//! Standard errors of means of dependent values: the stationary bootstrap in closed form.
//!
//! Politis and Romano (1994), "The stationary bootstrap", lemma 1: the variance over infinitely
//! many resamples, without drawing any.

use std::array;

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
/// R_k = (1/T)Σ_t (x_t − x̄)(x_{t+k} − x̄) is the autocovariance at lag k. v/T is the variance of
/// the mean; for independent values, v is close to their own variance. A block of 1 gives R₀.
///
/// `None` for no values, one that is not finite, or a block of 0.
#[must_use]
pub fn long_run_variance(values: &[f64], block: usize) -> Option<f64> {
    let (rows, _) = values.as_chunks();
    let [variance] = long_run_variances(rows, block);
    variance
}

/// √(v/T), the standard error of the mean with blocks of [`mean_block`]; see [`long_run_variance`].
#[must_use]
pub fn mean_error(values: &[f64]) -> Option<f64> {
    let variance = long_run_variance(values, mean_block(values.len()))?;
    Some((variance / values.len() as f64).sqrt())
}

/// [`mean_error`] of several series, identical to the bit. Series of equal length are computed side
/// by side, in a fraction of the time.
#[must_use]
pub fn mean_errors(series: &[Vec<f64>]) -> Vec<Option<f64>> {
    let mut errors = Vec::with_capacity(series.len());
    for alike in series.chunk_by(|a, b| a.len() == b.len()) {
        for group in alike.chunks(LANES) {
            let count = group[0].len();
            let value = |at: usize, lane: usize| group.get(lane).map_or(0.0, |values| values[at]);
            let rows: Vec<[f64; LANES]> =
                (0..count).map(|at| array::from_fn(|lane| value(at, lane))).collect();
            let variances = long_run_variances(&rows, mean_block(count));
            let error = |variance: Option<f64>| Some((variance? / count as f64).sqrt());
            errors.extend(variances.map(error).into_iter().take(group.len()));
        }
    }
    errors
}

/// Number of series computed side by side. Each step of the sums below waits for the one before, so
/// four series take little longer than one.
const LANES: usize = 4;

/// [`long_run_variance`] of the columns.
fn long_run_variances<const N: usize>(rows: &[[f64; N]], block: usize) -> [Option<f64>; N] {
    if rows.is_empty() || block == 0 {
        return [None; N];
    }
    let q = 1.0 - 1.0 / block as f64;
    let count = rows.len() as f64;
    let powers = powers(q, rows.len());
    let sums = rows.iter().fold([0.0; N], |sums, row| array::from_fn(|k| sums[k] + row[k]));
    let means = sums.map(|sum| sum / count);
    let mut squares = [0.0; N];
    // Sums over earlier values x at distance k: Σ q^k·x and Σ k·q^k·x, which end within the series.
    let (mut near, mut near_k) = ([0.0; N], [0.0; N]);
    // Sums over earlier values at place j: Σ q^j·x and Σ j·q^j·x, for blocks that wrap around.
    let (mut first, mut first_j) = ([0.0; N], [0.0; N]);
    let mut products = [0.0; N];
    for (at, row) in rows.iter().enumerate() {
        let place = at as f64;
        let (power, power_left) = (powers[at], powers[rows.len() - at]);
        for k in 0..N {
            let x = row[k] - means[k];
            squares[k] += x * x;
            products[k] += x * (near[k] - near_k[k] / count);
            products[k] += x * power_left * (place * first[k] - first_j[k]) / count;
            near[k] = q * (near[k] + x);
            near_k[k] = q * near_k[k] + near[k];
            first[k] += power * x;
            first_j[k] += place * power * x;
        }
    }
    array::from_fn(|k| {
        let variance = (squares[k] + 2.0 * products[k]) / count;
        // A variance can be negative only by rounding.
        variance.is_finite().then_some(variance.max(0.0))
    })
}

/// q⁰, q¹, … qⁿ.
fn powers(q: f64, n: usize) -> Vec<f64> {
    let mut powers = vec![1.0; n + 1];
    let mut power = 1.0;
    for slot in &mut powers {
        *slot = power;
        power *= q;
    }
    powers
}
