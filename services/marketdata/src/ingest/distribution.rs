//! What a day's distribution was, by a vendor's two closes.

use crate::source::{cell::rounding, sheet::Draft};

/// Column of the close in a draft of bars, and of the adjusted close that stands in the place of the
/// distribution until this is worked out.
const CLOSE: usize = 3;
const ADJUSTED: usize = 5;

/// Gross total return over gross price return since the row before, and the relative error that the
/// printed digits leave in it.
///
/// `(adjusted_t ÷ adjusted_{t−1}) ÷ (close_t ÷ close_{t−1})`; exactly 1 where it is 1 within that
/// error. Later restatements of the whole adjusted history by one factor cancel out. NaN where there
/// is no adjusted close.
pub(super) fn distribution(draft: &Draft, before: usize, row: usize) -> (f64, f64) {
    let (close, adjusted) = (&draft.columns[CLOSE], &draft.columns[ADJUSTED]);
    let (c0, c1, a0, a1) = (close[before], close[row], adjusted[before], adjusted[row]);
    let gross = (a1 * c0) / (a0 * c1);
    if gross.is_nan() {
        return (f64::NAN, 0.0);
    }
    let (d0, d1) = (draft.decimals[before], draft.decimals[row]);
    let error = rounding(c0, d0 & 15) / c0
        + rounding(c1, d1 & 15) / c1
        + rounding(a0, d0 >> 4) / a0
        + rounding(a1, d1 >> 4) / a1;
    (if (gross - 1.0).abs() <= error { 1.0 } else { gross }, error)
}
