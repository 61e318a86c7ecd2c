//! Market value of a line of shares: shares as known times price, on one share basis.
//!
//! `value = shares · close`, USD, with the close in the share units of the count. It is the value at
//! the close, on the day of the close: splits between the two days change units and no value, and
//! what a spin-off took out of a share between them is gone. The shares are the last count, above
//! zero, of a day at or before the one asked about, among those that are known. Where no count is
//! known a printed market value implies one: value ÷ the price it was printed at. A stand-in, because
//! it may be the whole company's.
//!
//! There is no value where no known factor joins the units of the two days, where a spin-off of
//! unknown date may lie between them, and at a level adjusted for distributions, which is no price.
//! Under [`ReferenceKnowledge`]`::EarliestLater` a line
//! whose counts and printed values were all published later has the earliest of them, and says so: a
//! later count of shares changes the market value by whatever was issued and bought back since. Only
//! sizes use it ([`line_value`], [`KnownShares::of_size`]), and only of lines with a price.
//!
//! How old the close may be is the caller's decision. The daily history ([`crate::caps`]), the size of
//! a company ([`crate::size`]), squeeze and the most-shorted basket (methodology A8) all use this one.

use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    reference::{Later, ReferenceDataset, ReferenceKnowledge},
    snapshot::Snapshot,
    track::Rows,
};

/// A close more than this many calendar days before a printed value does not say what price the value
/// was printed at.
const PRINTED_CLOSE_DAYS: i32 = 14;

/// Where a market value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CapSource {
    /// Shares outstanding times close.
    SharesTimesClose,
    /// As printed by a listing, for the whole company where the source does so; a stand-in.
    Printed,
}

impl CapSource {
    /// Market value of a company from those of its lines, USD: the sum over the lines that have
    /// share counts of their own. A printed value may already cover the whole company, so it is
    /// never added to another.
    pub fn of_company(lines: impl Iterator<Item = (CapSource, f64)>) -> f64 {
        let (mut counted, mut printed) = (0.0, 0.0_f64);
        for (source, usd) in lines {
            match source {
                CapSource::SharesTimesClose => counted += usd,
                CapSource::Printed => printed = printed.max(usd),
            }
        }
        printed.max(counted)
    }
}

/// A number of shares outstanding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShareCount {
    /// The day it describes.
    pub on: Day,
    /// Shares in the units of `units_on`, above zero.
    shares: f64,
    /// The day whose share units it is in; its own day, unless a close stored in other units implies it.
    units_on: Day,
}

impl ShareCount {
    /// Shares counted on a day, in its units; a count of zero is none.
    pub fn counted(on: Day, shares: f64) -> Option<ShareCount> {
        (0.0 < shares).then_some(ShareCount { on, shares, units_on: on })
    }

    /// Shares implied by a market value printed on a day: value ÷ the last price printed beside it,
    /// else ÷ the last close up to that day. The close is taken, too, where no known factor joins the
    /// units of the day to those that prices around it are stored in.
    fn implied(bars: &Bars<'_>, on: Day, usd: f64, last_price: Option<f64>) -> Option<ShareCount> {
        let is_near = |row: &usize| on <= bars.days[*row].plus(PRINTED_CLOSE_DAYS);
        let close = bars
            .index_on_or_before(on)
            .filter(is_near)
            .map(|row| (row, bars.basis(row).units_on(bars.days[row])));
        let joins = close.is_none_or(|(_, stored)| bars.units().change(on, stored).is_some());
        // A price printed by a foreign listing is not in the currency of the value.
        let is_of_value = joins && !bars.is_converted();
        if let Some(price) = last_price.filter(|_| is_of_value) {
            return ShareCount::counted(on, usd / price);
        }
        let (row, units_on) = close?;
        Some(ShareCount { on, shares: usd / price(bars, row, units_on)?, units_on })
    }

    /// Market value at the close of a row, USD, finite and above zero.
    pub fn value(&self, bars: &Bars<'_>, row: usize) -> Option<f64> {
        let value = self.shares * price(bars, row, self.units_on)?;
        Some(value).filter(|value| value.is_finite() && 0.0 < *value)
    }

    /// Change of market value from the row before to a row, USD: these shares times the change of the
    /// price of a share of the row before. What a spin-off takes out of a share is no loss.
    pub(crate) fn change(&self, bars: &Bars<'_>, row: usize) -> Option<f64> {
        let before = row.checked_sub(1)?;
        let close = |row| bars.close_in_units_of(row, self.units_on);
        let moved = self.shares * stats::change::difference(close(before)?, close(row)?);
        Some(moved / bars.units().value_change(self.units_on, bars.days[before])?)
    }
}

/// USD paid at the close of a row for as many shares as are one on another day.
fn price(bars: &Bars<'_>, row: usize, units_on: Day) -> Option<f64> {
    if bars.basis(row).is_total_return() {
        return None;
    }
    if bars.units().is_constant() {
        return Some(bars.close_as_stored(row));
    }
    let close = bars.close_in_units_of(row, units_on)?;
    // The factor of a spin-off is in the close as if its value were still there.
    Some(close / bars.units().value_change(units_on, bars.days[row])?)
}

/// The counts of an instrument's shares, as known.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownShares {
    /// By day.
    pub counts: Vec<ShareCount>,
    /// Whether they were counted, or are implied by printed market values.
    pub source: CapSource,
}

impl KnownShares {
    /// The counts of an instrument, one at least, else what its printed values imply; none where there
    /// is neither.
    pub fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        bars: &Bars<'_>,
    ) -> Option<KnownShares> {
        let counted = counted(&snapshot.rows(Dataset::ShareCounts, instrument));
        let (counts, source) = if counted.is_empty() {
            (printed(&snapshot.rows(Dataset::Listings, instrument), bars), CapSource::Printed)
        } else {
            (counted, CapSource::SharesTimesClose)
        };
        (!counts.is_empty()).then_some(KnownShares { counts, source })
    }

    /// The counts as sizes use them: where none is known, the earliest one published later.
    pub fn of_size(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        bars: &Bars<'_>,
    ) -> Option<KnownShares> {
        KnownShares::of(snapshot, instrument, bars).or_else(|| {
            let (later, source) = later(snapshot, instrument)?;
            let count = match source {
                CapSource::SharesTimesClose => count(&later.rows, later.row),
                CapSource::Printed => implied(&later.rows, later.row, bars),
            };
            Some(KnownShares { counts: vec![count?], source })
        })
    }

    /// The count that holds on each row: the last of a day at or before the row's.
    pub(crate) fn by_row<'a>(
        &'a self,
        bars: &'a Bars<'_>,
    ) -> impl Iterator<Item = Option<&'a ShareCount>> {
        let mut next = 0;
        bars.days.iter().map(move |day| {
            while self.counts.get(next).is_some_and(|count| count.on <= *day) {
                next += 1;
            }
            self.counts.get(next.checked_sub(1)?)
        })
    }

    /// Market value at the close of each row, USD, NaN where there is none. Rows before the first
    /// count use that one: for purposes that need a size within a factor of five, as
    /// [`crate::size_scheme`] does.
    pub fn sizes(&self, bars: &Bars<'_>) -> Vec<f64> {
        let first = self.counts.first();
        let counts = self.by_row(bars).map(|count| count.or(first)).enumerate();
        counts
            .map(|(row, count)| count.and_then(|c| c.value(bars, row)).unwrap_or(f64::NAN))
            .collect()
    }

    /// Market value at the close of each row, USD, NaN where there is none.
    pub fn values(&self, bars: &Bars<'_>) -> Vec<f64> {
        let counts = self.by_row(bars).enumerate();
        counts
            .map(|(row, count)| count.and_then(|c| c.value(bars, row)).unwrap_or(f64::NAN))
            .collect()
    }
}

/// Every count of shares among some rows of share counts.
pub fn counted(rows: &Rows<'_>) -> Vec<ShareCount> {
    (0..rows.len()).filter_map(|row| count(rows, row)).collect()
}

fn count(rows: &Rows<'_>, row: usize) -> Option<ShareCount> {
    let column = Dataset::ShareCounts.column(Field::SharesOutstanding);
    ShareCount::counted(rows.day(row), rows.value(row, column)?)
}

/// What every printed value among some rows of listings implies.
fn printed(rows: &Rows<'_>, bars: &Bars<'_>) -> Vec<ShareCount> {
    (0..rows.len()).filter_map(|row| implied(rows, row, bars)).collect()
}

fn implied(rows: &Rows<'_>, row: usize, bars: &Bars<'_>) -> Option<ShareCount> {
    let usd = positive(rows, row, Field::MarketCap)?;
    ShareCount::implied(bars, rows.day(row), usd, positive(rows, row, Field::LastPrice))
}

fn positive(rows: &Rows<'_>, row: usize, field: Field) -> Option<f64> {
    rows.value(row, Dataset::Listings.column(field)).filter(|value| 0.0 < *value)
}

/// Market value of one line of shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineCap {
    /// USD, above zero.
    pub usd: f64,
    /// Where it comes from.
    pub source: CapSource,
    /// The day the count of shares, or the printed value, describes.
    pub described_on: Day,
    /// Whether it is at the last close. A printed value stays that of `described_on` where no price
    /// then and now is known on one basis.
    pub is_of_today: bool,
    /// Calendar days from the as-of day to the publication of the count or the printed value. `None`
    /// if it was published by then.
    pub later_days: Option<u16>,
}

/// The market value of a line as a snapshot knows it: the latest count of shares times the last close,
/// else the latest printed value, moved on by the price since; none where neither is known. Where
/// neither was published by the as-of date, the earliest one published later, if the snapshot allows
/// it: without a close on or before that date the line may not have existed. Closes after `until`, the
/// newest day of the market's closes, do not count.
pub fn line_value(snapshot: &Snapshot, instrument: InstrumentId, until: Day) -> Option<LineCap> {
    let closed_on = last_close_on(snapshot, instrument, until);
    counted_value(snapshot, instrument, closed_on)
        .or_else(|| printed_value(snapshot, instrument, closed_on))
        .or_else(|| later_value(snapshot, instrument, closed_on?))
}

fn last_close_on(snapshot: &Snapshot, instrument: InstrumentId, until: Day) -> Option<Day> {
    let rows = snapshot.rows(Dataset::Bars, instrument);
    let column = Dataset::Bars.column(Field::Close);
    let is_close = |row: &usize| rows.day(*row) <= until && rows.value(*row, column).is_some();
    let last = (0..rows.len()).rev().find(is_close)?;
    Some(rows.day(last))
}

fn counted_value(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    closed_on: Option<Day>,
) -> Option<LineCap> {
    let rows = snapshot.rows(Dataset::ShareCounts, instrument);
    let count = (0..rows.len()).rev().find_map(|row| count(&rows, row))?;
    value_of_count(snapshot, instrument, count, closed_on?)
}

fn value_of_count(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    count: ShareCount,
    closed_on: Day,
) -> Option<LineCap> {
    let bars = Bars::usd_since(snapshot, instrument, closed_on);
    let usd = count.value(&bars, bars.index_on_or_before(closed_on)?)?;
    let source = CapSource::SharesTimesClose;
    Some(LineCap { usd, source, described_on: count.on, is_of_today: true, later_days: None })
}

fn printed_value(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    closed_on: Option<Day>,
) -> Option<LineCap> {
    let rows = snapshot.rows(Dataset::Listings, instrument);
    let row =
        (0..rows.len()).rev().find(|row| positive(&rows, *row, Field::MarketCap).is_some())?;
    value_of_print(snapshot, instrument, (&rows, row), closed_on)
}

fn value_of_print(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    (rows, row): (&Rows<'_>, usize),
    closed_on: Option<Day>,
) -> Option<LineCap> {
    let (on, printed) = (rows.day(row), positive(rows, row, Field::MarketCap)?);
    let first = on.plus(-PRINTED_CLOSE_DAYS);
    let bars = Bars::usd_since(snapshot, instrument, closed_on.unwrap_or(first).min(first));
    let last = closed_on.and_then(|on| bars.index_on_or_before(on));
    let moved = implied(rows, row, &bars).and_then(|count| count.value(&bars, last?));
    Some(LineCap {
        usd: moved.unwrap_or(printed),
        source: CapSource::Printed,
        described_on: on,
        is_of_today: moved.is_some() || on == snapshot.today(),
        later_days: None,
    })
}

fn later_value(snapshot: &Snapshot, instrument: InstrumentId, closed_on: Day) -> Option<LineCap> {
    let (later, source) = later(snapshot, instrument)?;
    let cap = match source {
        CapSource::SharesTimesClose => {
            let count = count(&later.rows, later.row)?;
            value_of_count(snapshot, instrument, count, closed_on)
        }
        CapSource::Printed => {
            value_of_print(snapshot, instrument, (&later.rows, later.row), Some(closed_on))
        }
    };
    Some(LineCap { later_days: Some(later.age_days), ..cap? })
}

/// The earliest later count of a line that has neither a count nor a printed value, else the earliest
/// later printed value.
fn later(snapshot: &Snapshot, instrument: InstrumentId) -> Option<(Later<'_>, CapSource)> {
    if snapshot.reference() == ReferenceKnowledge::AsPublished {
        return None;
    }
    let is_count = |rows: &Rows<'_>, row: usize| count(rows, row).is_some();
    let is_printed = |rows: &Rows<'_>, row: usize| positive(rows, row, Field::MarketCap).is_some();
    let counts = snapshot.rows(Dataset::ShareCounts, instrument);
    let listings = snapshot.rows(Dataset::Listings, instrument);
    if (0..counts.len()).any(|row| is_count(&counts, row))
        || (0..listings.len()).any(|row| is_printed(&listings, row))
    {
        return None;
    }
    let counted = snapshot.later(ReferenceDataset::ShareCounts, instrument, is_count);
    let printed = || snapshot.later(ReferenceDataset::Listings, instrument, is_printed);
    counted
        .map(|later| (later, CapSource::SharesTimesClose))
        .or_else(|| Some((printed()?, CapSource::Printed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caps::CapHistory;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    /// A line with a count of shares on the first day, raw closes on days in a row, and a change of
    /// units between two days.
    fn line(closes: &[f64], units: (&str, &str, [f64; 2]), count: [(Field, f64); 2]) -> Fixture {
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let days = (0..).map(|offset| start.plus(offset));
        let closes: Vec<(Day, f64)> = days.zip(closes.iter().copied()).collect();
        fixture.closes("A", &closes);
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        let at = Instant::close_of(start);
        let dataset = if count[0].0 == Field::SharesOutstanding {
            Dataset::ShareCounts
        } else {
            Dataset::Listings
        };
        fixture.fact(dataset, key, start, at, &count);
        let (from, to, [price, shares]) = units;
        let split = [
            (Field::FromOn, f64::from(day(from).epoch())),
            (Field::PriceFactor, price),
            (Field::ShareFactor, shares),
        ];
        fixture.fact(Dataset::Splits, key, day(to), at, &split).commit();
        fixture
    }

    /// Values by row, changes by row, and the value of today.
    fn values(fixture: &mut Fixture) -> (Vec<Option<f64>>, Vec<Option<f64>>, Option<f64>) {
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-07")));
        let id = snapshot.listed("A").unwrap();
        let bars = Bars::of(&snapshot, id);
        let today = line_value(&snapshot, id, Day::MAX).map(|cap| cap.usd);
        let Some(history) = CapHistory::of(&snapshot, id, &bars) else {
            return (Vec::new(), Vec::new(), today);
        };
        let rows = 0..bars.len();
        (
            rows.clone().map(|row| history.at(row)).collect(),
            rows.map(|row| history.change(row)).collect(),
            today,
        )
    }

    const COUNT: [(Field, f64); 2] =
        [(Field::SharesOutstanding, 100.0), (Field::PublicFloat, 90.0)];

    #[test]
    fn what_a_spin_off_took_is_gone_from_history_and_today_alike() {
        // 100 shares at 40; a spin-off of a quarter of the price on the 5th, then 30 and 33. A share of
        // the day before was worth 30 · 4/3 = 40 at the close of the 5th: no loss.
        let spin_off = ("2021-01-04", "2021-01-05", [4.0 / 3.0, 1.0]);
        let (history, changes, today) = values(&mut line(&[40.0, 30.0, 33.0], spin_off, COUNT));
        for (row, expected) in [4_000.0, 3_000.0, 3_300.0].into_iter().enumerate() {
            assert!((history[row].unwrap() / expected - 1.0).abs() < 1e-12, "{history:?}");
        }
        assert!((today.unwrap() / 3_300.0 - 1.0).abs() < 1e-12);
        assert!(changes[1].unwrap().abs() < 1e-9, "{changes:?}");
        assert!((changes[2].unwrap() - 300.0).abs() < 1e-9, "{changes:?}");
    }

    #[test]
    fn a_spin_off_of_unknown_date_leaves_no_value() {
        let spin_off = ("2021-01-04", "2021-01-29", [4.0 / 3.0, 1.0]);
        let (history, _, today) = values(&mut line(&[40.0, 30.0], spin_off, COUNT));
        assert_eq!((history, today), (vec![Some(4_000.0), None], None));
    }

    #[test]
    fn a_split_changes_no_value() {
        let split = ("2021-01-05", "2021-01-06", [4.0, 4.0]);
        let (history, _, today) = values(&mut line(&[40.0, 44.0, 11.0], split, COUNT));
        assert_eq!(history, [Some(4_000.0), Some(4_400.0), Some(4_400.0)]);
        assert_eq!(today, Some(4_400.0));
    }

    #[test]
    fn the_price_printed_beside_a_value_counts_its_shares() {
        // 5,000 printed at 12.50 are 400 shares, whatever the close of that day was.
        let split = ("2021-01-04", "2021-01-05", [2.0, 2.0]);
        let listing = [(Field::MarketCap, 5_000.0), (Field::LastPrice, 12.5)];
        let (history, _, today) = values(&mut line(&[10.0, 6.0], split, listing));
        assert_eq!(history, [Some(4_000.0), Some(4_800.0)]);
        assert_eq!(today, Some(4_800.0));
        // Without that price the close of 10 makes 500 shares of it.
        let listing = [(Field::MarketCap, 5_000.0), (Field::LastPrice, 0.0)];
        let (history, _, today) = values(&mut line(&[10.0, 6.0], split, listing));
        assert_eq!(history, [Some(5_000.0), Some(6_000.0)]);
        assert_eq!(today, Some(6_000.0));
    }

    #[test]
    fn a_level_adjusted_for_distributions_is_no_price() {
        let mut fixture = Fixture::new();
        let on = day("2021-01-04");
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        let bar = [
            (Field::Close, 40.0),
            (Field::PriceBasis, 2.0),
            (Field::BasisOn, f64::from(day("2021-01-29").epoch())),
        ];
        fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &bar);
        fixture.fact(Dataset::ShareCounts, key, on, Instant::close_of(on), &COUNT).commit();
        assert_eq!(values(&mut fixture), (Vec::new(), Vec::new(), None));
    }
}
