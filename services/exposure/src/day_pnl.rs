//! What today's shares made on a past day.
//!
//! A replay applies the returns of a day to today's holdings at today's values. If prices moved a lot
//! since, it is not what the day cost: this is,
//!
//! ```text
//! Σ value of today's shares at the close before the day · total return of the day
//! ```

use crate::{day_moves::CLOSE_BEFORE_DAYS, prepared::PreparedExposure, report::DayPnl};
use marketdata::{bars::Bars, day::Day, instrument::InstrumentId, snapshot::Snapshot};
use portfolio::book::{Book, Holding};
/// What the shares of a book made on a day.
pub(crate) fn day_pnl(prepared: &PreparedExposure, book: &Book, on: Day) -> DayPnl {
    let moves = prepared.moves().on(on);
    sum(book, |holding| {
        let per_value = moves.of(&prepared.snapshot, holding.instrument);
        per_value.map(|per_value| holding.market_value * per_value)
    })
}

/// What the shares of a book made on the last session of the view. Here also a line counts whose
/// closes are total-return levels: its value before is its value now without the session's return.
pub(crate) fn session_pnl(prepared: &PreparedExposure, book: &Book, on: Day) -> DayPnl {
    let moves = prepared.moves().on(on);
    sum(book, |holding| {
        let snapshot = &prepared.snapshot;
        let per_value = moves.of(snapshot, holding.instrument);
        let per_value = per_value.or_else(|| per_level(snapshot, holding.instrument, on));
        per_value.map(|per_value| holding.market_value * per_value)
    })
}

/// The sum of what holdings made, and the share of gross of which it is not known.
fn sum(book: &Book, made_by: impl Fn(&Holding) -> Option<f64>) -> DayPnl {
    let (mut pnl, mut known) = (0.0, 0.0);
    for holding in &book.holdings {
        if let Some(made) = made_by(holding).filter(|made| made.is_finite()) {
            pnl += made;
            known += holding.gross();
        }
    }
    let missing = if 0.0 < book.gross { 1.0 - known / book.gross } else { 0.0 };
    DayPnl {
        pnl: (0.0 < known).then_some(pnl),
        // Sums of parts may differ from the whole in the last bits; those are not a gap.
        missing_gross_share: if missing < 1e-12 { 0.0 } else { missing },
    }
}

/// r/(1 + r) for the return r of the last day: what it made, over the value after it. `None` unless
/// the day is the last one of the name.
fn per_level(snapshot: &Snapshot, instrument: InstrumentId, on: Day) -> Option<f64> {
    let bars = Bars::since(snapshot, instrument, on.plus(-CLOSE_BEFORE_DAYS));
    let last = bars.len().checked_sub(1).filter(|last| bars.days[*last] == on)?;
    let made = bars.total_return(last)?;
    Some(made / (1.0 + made)).filter(|per_value| per_value.is_finite())
}
