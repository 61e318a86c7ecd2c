//! What today's shares made on a past day.
//!
//! A replay applies the returns of a day to today's holdings at today's values. If prices moved a lot
//! since, it is not what the day cost: this is,
//!
//! ```text
//! Σ value of today's shares at the close before the day · total return of the day
//! ```

use crate::{prepared::PreparedExposure, report::DayPnl};
use factors::market_value::ShareCount;
use marketdata::{bars::Bars, day::Day};
use portfolio::book::{Book, Holding};

/// Calendar days to look back for the previous close.
const CLOSE_BEFORE_DAYS: i32 = 14;

/// What the shares of a book made on a day.
pub(crate) fn day_pnl(prepared: &PreparedExposure, book: &Book, on: Day) -> DayPnl {
    let (mut pnl, mut known) = (0.0, 0.0);
    for holding in &book.holdings {
        if let Some(made) = holding_pnl(prepared, holding, on) {
            pnl += made;
            known += holding.market_value.abs();
        }
    }
    let missing = if 0.0 < book.gross { 1.0 - known / book.gross } else { 0.0 };
    DayPnl {
        pnl: (0.0 < known).then_some(pnl),
        // Sums of parts may differ from the whole in the last bits; those are not a gap.
        missing_gross_share: if missing < 1e-12 { 0.0 } else { missing },
    }
}

/// `None` unless the closes of the day, of the one before and of today are known prices.
fn holding_pnl(prepared: &PreparedExposure, holding: &Holding, on: Day) -> Option<f64> {
    let first = on.plus(-CLOSE_BEFORE_DAYS);
    let bars = Bars::since(&prepared.snapshot, holding.instrument, first);
    let row = bars.days.binary_search(&on).ok()?;
    let last = bars.len().checked_sub(1)?;
    // The value then of one share of today, over its value now.
    let share = ShareCount::counted(bars.days[last], 1.0)?;
    let ratio = share.value(&bars, row.checked_sub(1)?)? / share.value(&bars, last)?;
    let made = holding.market_value * ratio * bars.total_return(row)?;
    Some(made).filter(|made| made.is_finite())
}
