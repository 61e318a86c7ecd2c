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
use risk::large_moves::{NINE_OF_TEN, large_deviation};

/// Unwinds to report, in daily standard deviations.
const UNWINDS: [f64; 3] = [1.0, 2.0, 3.0];

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
