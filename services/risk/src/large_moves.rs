//! How large residuals are on days on which a trade moves a lot.

/// The 95 % quantile of a normal variable: nine of ten lie between it and its negative.
pub const NINE_OF_TEN: f64 = 1.644_853_626_951_472_2;

/// A move of this many standard deviations is large.
const LARGE: f64 = 2.0;

/// Minimum number of large moves.
const LARGE_MIN: usize = 30;

/// k·σ_e of residuals about their mean: RMS over the sessions on which the trade moved by at least two
/// deviations, or the 30 on which it moved most, and at least σ_e. `moves` are in deviations of the
/// trade; weights sum to one, and sessions without weight do not count.
pub fn large_deviation(weights: &[f64], moves: &[f64], residuals: &[f64]) -> f64 {
    let mean: f64 = weights.iter().zip(residuals).map(|(w, e)| w * e).sum();
    let square = |at: usize| (residuals[at] - mean) * (residuals[at] - mean);
    let mut counted: Vec<usize> = (0..weights.len()).filter(|at| 0.0 < weights[*at]).collect();
    let variance: f64 = counted.iter().map(|at| weights[*at] * square(*at)).sum();
    // The bits of non-negative doubles order like the doubles.
    let largest_first = |at: &usize| (!moves[*at].abs().to_bits(), *at);
    let is_large = |at: &&usize| LARGE <= moves[**at].abs();
    let large = counted.iter().filter(is_large).count().max(LARGE_MIN);
    if large < counted.len() {
        counted.select_nth_unstable_by_key(large, largest_first);
        counted.truncate(large);
    }
    // Sorted, so that the sum does not depend on how they were selected.
    counted.sort_unstable_by_key(largest_first);
    let sum: f64 = counted.iter().map(|at| square(*at)).sum();
    variance.max(sum / counted.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 sessions with moves of 3 and 10 without a move; residuals alternate in sign.
    fn deviation(large: f64, calm: f64) -> f64 {
        let sign = |at: usize| if at.is_multiple_of(2) { 1.0 } else { -1.0 };
        let moves: Vec<f64> = (0..40).map(|at| if at < 30 { 3.0 } else { 0.0 }).collect();
        let residuals: Vec<f64> =
            (0..40).map(|at| sign(at) * if at < 30 { large } else { calm }).collect();
        large_deviation(&[1.0 / 40.0; 40], &moves, &residuals)
    }

    #[test]
    fn residuals_of_days_with_large_moves_widen_the_interval() {
        // k·σ_e = RMS over the large moves.
        assert!((deviation(0.02, 0.01) - 0.02).abs() < 1e-15);
        // Where they are smaller than elsewhere, k is 1: √((30·1e-4 + 10·4e-4)/40).
        assert!((deviation(0.01, 0.02) - 1.75e-4_f64.sqrt()).abs() < 1e-15);
    }
}
