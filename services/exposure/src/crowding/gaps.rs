//! What the crowding of a book lacks.

use super::overlap::{Sides, on_side};
use crate::{
    crowds::{CrowdName, Crowds},
    prepared::PreparedExposure,
};
use factors::{look_through::Part, trade::Side};
use marketdata::gap::{Gap, GapReason, Subject};

/// What is missing of the market as a whole, and of the names held.
pub(super) fn list(prepared: &PreparedExposure, crowds: &Crowds, book: &Sides<'_>) -> Vec<Gap> {
    let mut gaps = crowds.sources.gaps.clone();
    for part in book.parts() {
        let Some(name) = crowds.get(part.instrument) else { continue };
        let symbol = prepared.snapshot().symbol(part.instrument);
        let of_name = missing(name, part).into_iter().flatten();
        gaps.extend(of_name.map(|(field, reason, value, detail)| {
            let share = (value / book.gross()).min(1.0);
            Gap::new(reason, Subject::number_of(symbol, field), detail).of_gross(share)
        }));
    }
    gaps
}

type Missing = Option<(&'static str, GapReason, f64, &'static str)>;

/// What is missing of a name: the shares of the crowd on the sides that are held, and the volume.
fn missing(name: &CrowdName, part: &Part) -> [Missing; 3] {
    let (long, short) = (on_side(part, Side::Long), on_side(part, Side::Short));
    let held = name.crowd_shares(Side::Long).err().filter(|_| 0.0 < long);
    let sold = name.crowd_shares(Side::Short).err().filter(|_| 0.0 < short);
    let volume = name.normal_volume.err().filter(|_| 0.0 < long + short);
    [
        held.map(|reason| {
            ("crowded/manager_count", reason, long, "no shares held by managers are known")
        }),
        sold.map(|reason| {
            ("crowded/short_of_float", reason, short, "no current short interest is known")
        }),
        volume.map(|reason| {
            ("crowded/exit_days_alone", reason, long + short, "no normal volume is known")
        }),
    ]
}
