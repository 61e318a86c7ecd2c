//! The rows of one line that a range counts, with what they are counted by.

use super::{LineState, Terms, is_value};
use crate::universe::Member;
use factors::{
    basket::has_not_left,
    comparison::Comparison,
    market_value::{CapSource, KnownShares, counted},
};
use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    snapshot::Snapshot,
    track::Rows,
};
use std::ops::Range;

/// The rows of a line that were loaded: all of them, or those after a checkpoint.
pub(super) struct LineRows<'a> {
    pub(super) member: &'a Member,
    pub(super) bars: Bars<'a>,
    /// Market value by row, NaN if unknown.
    pub(super) caps: Vec<f64>,
    pub(super) shares: Option<KnownShares>,
    pub(super) terms: Terms,
    /// First and last day of all rows, including those not loaded.
    pub(super) span: Option<(Day, Day)>,
}

impl<'a> LineRows<'a> {
    /// All rows of a line.
    pub(super) fn all(snapshot: &'a Snapshot, member: &'a Member) -> LineRows<'a> {
        let bars = Bars::of(snapshot, member.instrument);
        let shares = KnownShares::of(snapshot, member.instrument, &bars);
        LineRows::with(snapshot, member, bars, shares, &LineState::new())
    }

    /// The rows after a checkpoint. `None` if anything before it differs from the earlier snapshot.
    pub(super) fn tail(
        comparison: &'a Comparison<'_>,
        member: &'a Member,
        state: &LineState,
        checkpoint: Day,
    ) -> Option<LineRows<'a>> {
        let (snapshot, id) = (comparison.snapshot, member.instrument);
        let changed = comparison.first_difference(Dataset::Bars, id);
        if changed.is_some_and(|day| day <= checkpoint) || !comparison.has_same_units(id) {
            return None;
        }
        let shares = shares_after(comparison, member, state, checkpoint)?;
        let bars = Bars::since(snapshot, id, checkpoint.plus(1));
        Some(LineRows::with(snapshot, member, bars, shares, state))
    }

    /// Rows that follow those of a line's state.
    pub(super) fn with(
        snapshot: &Snapshot,
        member: &'a Member,
        bars: Bars<'a>,
        shares: Option<KnownShares>,
        state: &LineState,
    ) -> LineRows<'a> {
        let levels = levels(&bars, 0..bars.len());
        let [prices, adjusted] = [0, 1].map(|at| levels[at] || state.levels[at]);
        let one_unit = bars.units().is_constant() && !(prices && adjusted);
        let none = || vec![f64::NAN; bars.len()];
        let caps = shares.as_ref().map_or_else(none, |shares| shares.values(&bars));
        let any_cap = state.any_cap || caps.iter().any(|cap| cap.is_finite());
        let source = shares.as_ref().map(|shares| shares.source);
        let ends = bars.days.first().copied().zip(bars.days.last().copied());
        let span = match (state.span, ends) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (one, other) => one.or(other),
        };
        let left = state.span.is_none_or(|(_, last)| !has_not_left(last, snapshot.today()));
        let terms = Terms {
            one_unit,
            units_on: units_on(&bars, bars.len()).unwrap_or(state.units_on),
            precision: bars.precision().max(state.precision),
            source: source.filter(|_| any_cap && !adjusted),
            lacks_rows: !(bars.is_empty() && left),
        };
        LineRows { member, bars, caps, shares, terms, span }
    }

    /// The close of a row, in the units in which all rows are compared.
    pub(super) fn close(&self, row: usize) -> Option<f64> {
        if self.terms.one_unit {
            return Some(self.bars.close_as_stored(row));
        }
        self.bars.close_in_units_of(row, self.terms.units_on)
    }

    /// The market value on a day.
    pub(super) fn cap_on(&self, day: Day) -> Option<f64> {
        let row = self.bars.days.binary_search(&day).ok()?;
        Some(self.caps[row]).filter(|cap| is_value(*cap))
    }

    /// The rows between two days, both included.
    pub(super) fn between(&self, first: Day, last: Day) -> Range<usize> {
        let place = |end: Day| self.bars.days.partition_point(|day| *day < end);
        place(first)..place(last.plus(1))
    }
}

/// A line's share counts, reusing those up to the checkpoint. `None` if those may have changed.
pub(super) fn shares_after(
    comparison: &Comparison<'_>,
    member: &Member,
    state: &LineState,
    checkpoint: Day,
) -> Option<Option<KnownShares>> {
    let (snapshot, id) = (comparison.snapshot, member.instrument);
    let kept = |dataset| {
        let changed = comparison.first_difference(dataset, id);
        changed.is_none_or(|day| checkpoint < day)
    };
    let late = |dataset| snapshot.rows_since(dataset, id, checkpoint.plus(1));
    if !kept(Dataset::ShareCounts) {
        return None;
    }
    let counted = counted(&late(Dataset::ShareCounts));
    match &state.shares {
        Some(shares) if shares.source == CapSource::SharesTimesClose => {
            let mut shares = shares.clone();
            shares.counts.extend(counted);
            (!shares.counts.is_empty()).then_some(Some(shares))
        }
        // The shares implied by a printed value use the close of its day, which may be new.
        printed => {
            let holds = counted.is_empty() && kept(Dataset::Listings);
            let none_late = holds && !any_market_cap(&late(Dataset::Listings));
            none_late.then(|| printed.clone())
        }
    }
}

/// Whether some rows of listings print a market value.
pub(super) fn any_market_cap(rows: &Rows<'_>) -> bool {
    let column = Dataset::Listings.column(Field::MarketCap);
    (0..rows.len()).any(|row| rows.value(row, column).is_some_and(|value| 0.0 < value))
}

/// Whether any rows are prices, and whether any are total-return levels.
pub(super) fn levels(bars: &Bars<'_>, rows: Range<usize>) -> [bool; 2] {
    let mut found = [false; 2];
    for row in rows {
        found[usize::from(bars.basis(row).is_total_return())] = true;
    }
    found
}

/// The day in whose units the last of the first `rows` rows is stored.
pub(super) fn units_on(bars: &Bars<'_>, rows: usize) -> Option<Day> {
    let last = rows.checked_sub(1)?;
    Some(bars.basis(last).units_on(bars.days[last]))
}
