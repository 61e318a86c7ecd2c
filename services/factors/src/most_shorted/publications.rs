//! When each settlement of the market became public.

use crate::settlement_days::SettlementDays;
use marketdata::{
    dataset::Dataset, day::Day, instant::Instant, instrument::InstrumentId, snapshot::Snapshot,
};

/// The publication of one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Publication {
    pub(super) settlement_on: Day,
    pub(super) at: Instant,
    /// The day of the publication in New York.
    pub(super) day: Day,
    /// The last day whose close was public by then.
    pub(super) last_close: Day,
}

/// Each settlement of the market with the time at which most of it became public, in the order of
/// publication.
pub(super) fn all(
    snapshot: &Snapshot,
    holders: &[InstrumentId],
    settlements: &SettlementDays,
) -> Vec<Publication> {
    let mut all: Vec<(Day, Instant)> = Vec::new();
    for instrument in holders {
        let rows = snapshot.rows(Dataset::ShortInterest, *instrument);
        let settled = (0..rows.len()).filter(|row| settlements.contains(rows.day(*row)));
        all.extend(settled.map(|row| (rows.day(row), rows.published_at(row))));
    }
    all.sort_unstable();
    let mut publications: Vec<(Day, Instant)> = Vec::new();
    let mut most = 0;
    for same in all.chunk_by(|a, b| a == b) {
        match publications.last_mut().filter(|(settlement, _)| *settlement == same[0].0) {
            Some(last) if most < same.len() => (*last, most) = (same[0], same.len()),
            Some(_) => {}
            None => {
                publications.push(same[0]);
                most = same.len();
            }
        }
    }
    publications.sort_by_key(|(settlement, at)| (*at, *settlement));
    let publication = |(settlement_on, at): (Day, Instant)| {
        let day = at.new_york_day();
        let last_close = if Instant::close_of(day) <= at { day } else { day.plus(-1) };
        Publication { settlement_on, at, day, last_close }
    };
    publications.into_iter().map(publication).collect()
}
