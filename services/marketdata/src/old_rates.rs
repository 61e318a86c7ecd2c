//! Closes that are converted at rates older than they are.
//!
//! On a day without a rate the last one before it holds ([`crate::currency`]). A return that begins or
//! ends on such a day lacks a move of the rate, or has that of earlier days too, so whatever rests on
//! returns asks about its own days, and not about the last close.

use crate::{
    currency::Currency, dataset::Dataset, day::Day, instrument::InstrumentId, snapshot::Snapshot,
};
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
    /// Those of the last line whose currency changed.
    requoted: Vec<OldRate>,
}

impl<'a> OldRates<'a> {
    /// Reads nothing yet. The days are ascending.
    pub const fn of(snapshot: &'a Snapshot, days: &'a [Day]) -> OldRates<'a> {
        OldRates { snapshot, days, by_currency: BTreeMap::new(), requoted: Vec::new() }
    }

    /// Number of days.
    pub const fn days(&self) -> usize {
        self.days.len()
    }

    /// The closes of a line that are converted at older rates, among those with which a return begins or
    /// ends. A day without a close is none of them, and neither is one whose rate is too old to hold.
    pub fn of_returns(&mut self, line: InstrumentId) -> Vec<OldRate> {
        let (snapshot, days) = (self.snapshot, self.days);
        let old = self.of_days(line);
        if old.is_empty() {
            return Vec::new();
        }
        let rows = snapshot.rows(Dataset::Bars, line);
        let has_close = |at: usize| {
            let day = days.get(at);
            day.is_some_and(|on| {
                rows.last_on_or_before(*on).is_some_and(|row| rows.day(row) == *on)
            })
        };
        let has_return = |old: &&OldRate| {
            let at = days.partition_point(|day| *day < old.on);
            let has_other = at.checked_sub(1).is_some_and(has_close) || has_close(at + 1);
            has_close(at) && (has_other || days.len() == 1)
        };
        old.iter().filter(has_return).copied().collect()
    }

    /// The days on which prices of a line are converted at older rates.
    fn of_days(&mut self, line: InstrumentId) -> &[OldRate] {
        if !self.snapshot.converts_any() {
            return &[];
        }
        let (snapshot, days) = (self.snapshot, self.days);
        let old = |currency: Currency, on: Day| {
            let rate_on = snapshot.rate(currency, on).ok()?.on?;
            (rate_on < on).then_some(OldRate { on, rate_on })
        };
        let Some(currency) = snapshot.only_currency(line) else {
            let of_day = |on: &Day| old(snapshot.quotation(line, *on).currency, *on);
            self.requoted = days.iter().filter_map(of_day).collect();
            return &self.requoted;
        };
        let all = || days.iter().filter_map(|on| old(currency, *on)).collect();
        self.by_currency.entry(currency).or_insert_with(all)
    }
}
