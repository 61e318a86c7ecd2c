//! Whether two instruments can be one that changed its symbol.

use marketdata::{
    dataset::Dataset, day::Day, instrument::InstrumentId, snapshot::Snapshot, track::Rows,
};
use std::{cmp::Ordering, fmt};

/// What is known about two instruments.
pub(crate) trait Evidence: fmt::Debug {
    /// Whether the facts of two instruments do not contradict that the first one took the symbol of
    /// the second one on a day.
    fn agree(&self, old: InstrumentId, new: InstrumentId, on: Day) -> bool;
}

/// The facts of a market; `None` if it has none.
#[derive(Debug)]
pub(crate) struct Histories(pub(crate) Option<Snapshot>);

impl Evidence for Histories {
    /// No fact of one key differs. The facts under the old symbol end before the change and those
    /// under the new one begin with it, or the two have a bar of the same day, which is the same in
    /// both: a ticker that was used again by another company fails both conditions.
    ///
    /// Identifiers need not end or begin with the change: they are of the company, and a master
    /// gives them under one of its symbols for all its days.
    fn agree(&self, old: InstrumentId, new: InstrumentId, on: Day) -> bool {
        let Some(snapshot) = &self.0 else { return true };
        let (old, new) = (snapshot.survivor(old), snapshot.survivor(new));
        let (mut is_handed_over, mut shares_bars) = (true, false);
        for dataset in Dataset::ALL.into_iter().filter(|dataset| *dataset != Dataset::Merges) {
            let (before, after) = (snapshot.rows(dataset, old), snapshot.rows(dataset, new));
            is_handed_over &= dataset == Dataset::Identifiers || hand_over(&before, &after, on);
            match common_rows(&before, &after) {
                None => return false,
                Some(count) => shares_bars |= dataset == Dataset::Bars && 0 < count,
            }
        }
        is_handed_over || shares_bars
    }
}

/// Whether the rows under the old symbol end before a day and those under the new one begin with it
/// or later.
fn hand_over(before: &Rows<'_>, after: &Rows<'_>, on: Day) -> bool {
    before.last().is_none_or(|last| before.day(last) < on)
        && (after.is_empty() || on <= after.day(0))
}

/// Number of keys with a row in both; `None` if the values of one differ.
fn common_rows(one: &Rows<'_>, other: &Rows<'_>) -> Option<usize> {
    let (mut a, mut b, mut count) = (0, 0, 0);
    while a < one.len() && b < other.len() {
        match (one.day(a), one.other(a)).cmp(&(other.day(b), other.other(b))) {
            Ordering::Less => a += 1,
            Ordering::Greater => b += 1,
            Ordering::Equal => {
                let value =
                    |rows: &Rows<'_>, row, column| rows.value(row, column).map(f64::to_bits);
                if (0..one.width()).any(|at| value(one, a, at) != value(other, b, at)) {
                    return None;
                }
                (a, b, count) = (a + 1, b + 1, count + 1);
            }
        }
    }
    Some(count)
}
