//! Closes that are converted at rates older than they are.
//!
//! On a day without a rate the last one before it holds ([`crate::currency`]). A return that begins or
//! ends on such a day lacks a move of the rate, or has that of earlier days too, so whatever rests on
//! returns asks about its own days, and not about the last close.

use crate::{currency::Currency, day::Day, instrument::InstrumentId, snapshot::Snapshot};
use std::collections::BTreeMap;

/// A close, and the earlier day of the rate that converts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldRate {
    /// The day of the close.
    pub on: Day,
    /// The day of the rate.
    pub rate_on: Day,
}

/// The old rates on some days, by currency: lines of one currency share them.
#[derive(Debug)]
pub struct OldRates<'a> {
    snapshot: &'a Snapshot,
    days: &'a [Day],
    by_currency: BTreeMap<Currency, Vec<OldRate>>,
}

impl<'a> OldRates<'a> {
    /// Reads nothing yet. The days are ascending.
    pub const fn of(snapshot: &'a Snapshot, days: &'a [Day]) -> OldRates<'a> {
        OldRates { snapshot, days, by_currency: BTreeMap::new() }
    }

    /// Number of days.
    pub const fn days(&self) -> usize {
        self.days.len()
    }

    /// The days on which a close of a line is converted at an older rate. A day whose rate is too old
    /// to hold is none of them: it has no close.
    pub fn of_line(&mut self, line: InstrumentId) -> Vec<OldRate> {
        if !self.snapshot.converts_any() {
            return Vec::new();
        }
        let (snapshot, days) = (self.snapshot, self.days);
        let old = |currency: Currency, on: Day| {
            let rate_on = snapshot.rate(currency, on).ok()?.on?;
            (rate_on < on).then_some(OldRate { on, rate_on })
        };
        let Some(currency) = snapshot.only_currency(line) else {
            let of_day = |on: &Day| old(snapshot.quotation(line, *on).currency, *on);
            return days.iter().filter_map(of_day).collect();
        };
        let all = || days.iter().filter_map(|on| old(currency, *on)).collect();
        self.by_currency.entry(currency).or_insert_with(all).clone()
    }
}
