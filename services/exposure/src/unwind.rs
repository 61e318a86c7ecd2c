//! What an unwind of a trade would do to a book.
//!
//! If the trade loses n of its standard deviations in a day, c* = −n·σ_c, the book is expected to make
//! b·c*. Nine days of ten fall into
//!
//! ```text
//! b·c* ± 1.645 · √(k²·σ_e² + c*²·se_b²)
//! ```
//!
//! with σ_e the deviation of the book's residuals e = r − b·c, weighted as for the beta, and k = RMS(e /
//! σ_e), at least 1, over the days on which the trade moved by at least two standard deviations, or the
//! 30 on which it moved most. Residuals are larger on such days, and the error of the beta alone is far
//! too narrow (methodology B6).

use crate::{
    driver::Driver,
    report::{Measured, TradeLeg, Unwind},
    top_down::Map,
};

/// Unwinds to report, in daily standard deviations.
const UNWINDS: [f64; 3] = [1.0, 2.0, 3.0];

/// The 95 % quantile of a normal variable: nine of ten lie between it and its negative.
const NINE_OF_TEN: f64 = 1.644_853_626_951_472_2;

/// A move of this many standard deviations is large.
const LARGE: f64 = 2.0;

/// Minimum number of large moves.
const LARGE_MIN: usize = 30;

/// The unwinds of a book with a money beta to a trade. `residual` is its k·σ_e in money.
pub(crate) fn unwinds(
    beta: Measured,
    trade: &Driver,
    legs: &[TradeLeg],
    residual: f64,
) -> Vec<Unwind> {
    let unwind = |standard_deviations: f64| {
        let trade_return = -standard_deviations * trade.standard_deviation;
        let pnl = |beta: Option<Measured>| beta.map_or(0.0, |beta| beta.value * trade_return);
        let leg_pnl: Vec<f64> = legs.iter().map(|leg| pnl(leg.beta)).collect();
        let pnl: f64 = leg_pnl.iter().sum();
        let of_beta = (beta.standard_error * trade_return).abs();
        let reach = NINE_OF_TEN * (residual * residual + of_beta * of_beta).sqrt();
        Unwind {
            standard_deviations,
            trade_return,
            pnl,
            pnl_low: pnl - reach,
            pnl_high: pnl + reach,
            pnl_standard_error: of_beta,
            leg_pnl,
        }
    };
    UNWINDS.map(unwind).to_vec()
}

/// k·σ_e of a book's returns over the fit window, given its slope on the trade.
pub(crate) fn residual_deviation(
    map: &Map<'_>,
    trade: &Driver,
    returns: &[f64],
    slope: f64,
) -> f64 {
    let residual = |(r, c): (&f64, &f64)| r - slope * c;
    let residuals: Vec<f64> = returns.iter().zip(&trade.window).map(residual).collect();
    let moves: Vec<f64> = trade.window.iter().map(|c| c / trade.standard_deviation).collect();
    large_deviation(map.weights(), &moves, &residuals)
}

/// k·σ_e of residuals about their mean. Weights sum to one; sessions without weight do not count.
fn large_deviation(weights: &[f64], moves: &[f64], residuals: &[f64]) -> f64 {
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
