//! What one unit of today's value made on past days, by name.

use factors::market_value::ShareCount;
use marketdata::{bars::Bars, day::Day, instrument::InstrumentId, snapshot::Snapshot};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Calendar days to look back for the previous close.
pub(crate) const CLOSE_BEFORE_DAYS: i32 = 14;
/// Days whose moves are kept for the next book: most books have their worst day in common.
const DAYS_KEPT: usize = 8;

/// The moves of the days asked for last. A book reads one number per name instead of its bars.
#[derive(Debug)]
pub(crate) struct DayMoves {
    instruments: usize,
    days: Mutex<VecDeque<Arc<Moves>>>,
}

/// What one unit of today's value made on a day, by instrument, found when first asked for.
#[derive(Debug)]
pub(crate) struct Moves {
    on: Day,
    /// Bits of the number: [`UNREAD`], NaN if it is unknown.
    by_instrument: Vec<AtomicU64>,
}

/// The bits of a NaN that no computation yields.
const UNREAD: u64 = u64::MAX;

impl DayMoves {
    pub(crate) fn new(instruments: usize) -> DayMoves {
        DayMoves { instruments, days: Mutex::new(VecDeque::with_capacity(DAYS_KEPT)) }
    }

    /// Memory held once all days are kept, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        DAYS_KEPT * self.instruments * size_of::<AtomicU64>()
    }

    /// The moves of a day; displaces the day that was first asked for.
    pub(crate) fn on(&self, on: Day) -> Arc<Moves> {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(moves) = days.iter().find(|moves| moves.on == on) {
            return Arc::clone(moves);
        }
        let by_instrument = (0..self.instruments).map(|_| AtomicU64::new(UNREAD)).collect();
        let moves = Arc::new(Moves { on, by_instrument });
        if days.len() == DAYS_KEPT {
            days.pop_front();
        }
        days.push_back(Arc::clone(&moves));
        moves
    }
}

impl Moves {
    pub(crate) fn of(&self, snapshot: &Snapshot, instrument: InstrumentId) -> Option<f64> {
        let Some(cell) = self.by_instrument.get(instrument.0 as usize) else {
            return per_value(snapshot, instrument, self.on);
        };
        let bits = match cell.load(Ordering::Relaxed) {
            UNREAD => {
                let found = per_value(snapshot, instrument, self.on).unwrap_or(f64::NAN).to_bits();
                cell.store(found, Ordering::Relaxed);
                found
            }
            bits => bits,
        };
        Some(f64::from_bits(bits)).filter(|per_value| !per_value.is_nan())
    }
}

/// `None` unless the closes of the day, of the one before and of today are known prices.
fn per_value(snapshot: &Snapshot, instrument: InstrumentId, on: Day) -> Option<f64> {
    let bars = Bars::since(snapshot, instrument, on.plus(-CLOSE_BEFORE_DAYS));
    let row = bars.days.binary_search(&on).ok()?;
    let last = bars.len().checked_sub(1)?;
    // The value then of one share of today, over its value now.
    let share = ShareCount::counted(bars.days[last], 1.0)?;
    let ratio = share.value(&bars, row.checked_sub(1)?)? / share.value(&bars, last)?;
    Some(ratio * bars.total_return(row)?).filter(|per_value| per_value.is_finite())
}
