//! Converts prices and share counts of different days to common units across splits and spin-offs.
//!
//! A factor is (instrument, from, to, price factor, share factor): between `from` (last day in the
//! old units) and `to` (first day in the new units) one old share became `share_factor` new shares,
//! and an old price is `price_factor` times the new one. A spin-off has a share factor of 1. A
//! factor converts units and is not market information, so it is used whenever it was published,
//! up to the snapshot's revision.
//!
//! Units change on a trading day. If `from` and `to` are more than one session apart, the exact day
//! is unknown, but it is one of the sessions after `from` and up to `to`. Two days are certain to
//! be in the same units if no such session lies after the first and up to the second. A day is
//! always in its own units.

use crate::{
    calendar::is_session,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// What the prices of a row have been adjusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceBasis {
    /// As traded.
    Raw,
    /// Divided by the price factors of all splits after the row's day and up to `on`.
    SplitAdjusted {
        /// The day whose units the prices are in.
        on: Day,
    },
    /// Adjusted for splits and distributions up to `on`: returns are total returns, and levels are
    /// not traded prices.
    TotalReturn {
        /// The day whose units the prices are in.
        on: Day,
    },
}

/// The adjustments that prices contain, without the day of their units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasisKind {
    /// No adjustments: as traded.
    Raw,
    /// Splits.
    SplitAdjusted,
    /// Splits and distributions.
    TotalReturn,
}

impl BasisKind {
    /// The name in exports.
    pub const fn name(self) -> &'static str {
        match self {
            BasisKind::Raw => "raw",
            BasisKind::SplitAdjusted => "split_adjusted",
            BasisKind::TotalReturn => "total_return",
        }
    }

    /// The kind with a stored code.
    pub fn from_code(code: f64) -> BasisKind {
        match code as i64 {
            1 => BasisKind::SplitAdjusted,
            2 => BasisKind::TotalReturn,
            _ => BasisKind::Raw,
        }
    }
}

impl PriceBasis {
    /// The basis of a kind whose prices are in the units of `on`; raw prices are in those of their
    /// own days.
    pub const fn of(kind: BasisKind, on: Day) -> PriceBasis {
        match kind {
            BasisKind::Raw => PriceBasis::Raw,
            BasisKind::SplitAdjusted => PriceBasis::SplitAdjusted { on },
            BasisKind::TotalReturn => PriceBasis::TotalReturn { on },
        }
    }

    /// The stored pair (`PriceBasis`, `BasisOn`).
    pub fn to_values(self) -> [f64; 2] {
        match self {
            PriceBasis::Raw => [0.0, 0.0],
            PriceBasis::SplitAdjusted { on } => [1.0, f64::from(on.epoch())],
            PriceBasis::TotalReturn { on } => [2.0, f64::from(on.epoch())],
        }
    }

    /// The basis of a stored pair; absent values mean raw.
    pub fn from_values(code: f64, on: f64) -> PriceBasis {
        PriceBasis::of(BasisKind::from_code(code), Day::from_epoch(on as i32))
    }

    /// Whether the levels are adjusted for distributions, so that they are not traded prices.
    pub const fn is_total_return(self) -> bool {
        matches!(self, PriceBasis::TotalReturn { .. })
    }

    /// The day in whose share units a row of `day` is.
    pub fn units_on(self, day: Day) -> Day {
        match self {
            PriceBasis::Raw => day,
            PriceBasis::SplitAdjusted { on } | PriceBasis::TotalReturn { on } => on.max(day),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Factor {
    /// The earliest day that may be the first in the new units.
    earliest: Day,
    /// The latest day that may be the first in the new units; equals `earliest` if the date is
    /// known.
    latest: Day,
    price: f64,
    shares: f64,
}

/// The position of a change of units relative to two days in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    Outside,
    Unknown,
}

impl Factor {
    /// `from` is the last day known to be in the old units, `to` the first known to be in the new.
    fn new(from: Day, to: Day, price: f64, shares: f64) -> Factor {
        let sessions = || (from.epoch() + 1..=to.epoch()).map(Day::from_epoch);
        // If a file dates a change on a day without trading, that date is kept.
        let earliest = sessions().find(|day| is_session(*day)).unwrap_or(to);
        let latest = sessions().rev().find(|day| is_session(*day)).unwrap_or(to);
        Factor { earliest, latest, price, shares }
    }

    /// Whether a day is in the new units; `None` if that is not known.
    fn is_past(&self, day: Day) -> Option<bool> {
        let (before, after) = (day < self.earliest, self.latest <= day);
        (before || after).then_some(after)
    }

    fn is_dated(&self) -> bool {
        self.earliest == self.latest
    }

    /// The position of the change relative to two days; `first` must not be after `second`.
    fn place(&self, first: Day, second: Day) -> Place {
        if self.latest <= first || second < self.earliest {
            return Place::Outside;
        }
        if first < self.earliest && self.latest <= second {
            return Place::Between;
        }
        let mut after = (first.epoch() + 1..=second.epoch()).map(Day::from_epoch);
        if after.any(is_session) { Place::Unknown } else { Place::Outside }
    }
}

/// The unit changes of one instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// By the first day in the new units. An undated change is dropped if a dated change lies
    /// inside its interval, because the dated one takes precedence.
    factors: Vec<Factor>,
}

/// The factors that convert one day's units to another's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Price in the first day's units ÷ price in the second day's.
    pub price: f64,
    /// Shares in the second day's units ÷ shares in the first day's.
    pub shares: f64,
}

impl Units {
    /// The unit changes of an instrument that are known at the snapshot's revision.
    pub fn of(snapshot: &Snapshot, instrument: InstrumentId) -> Units {
        let rows = snapshot.rows_whenever_published(Dataset::Splits, instrument);
        let column = |field| Dataset::Splits.column(field);
        let read = |i: usize| {
            let from = Day::from_epoch(rows.value(i, column(Field::FromOn))? as i32);
            let price = rows.value(i, column(Field::PriceFactor))?;
            Some((from, rows.day(i), price, rows.value(i, column(Field::ShareFactor))?))
        };
        let stored: Vec<(Day, Day, f64, f64)> = (0..rows.len()).filter_map(read).collect();
        Units::new(&stored)
    }

    /// Builds from stored rows: last day in the old units, first day in the new, price factor,
    /// share factor.
    fn new(stored: &[(Day, Day, f64, f64)]) -> Units {
        let factor = |(from, to, price, shares): &(Day, Day, f64, f64)| {
            ((*from, *to), Factor::new(*from, *to, *price, *shares))
        };
        let mut factors: Vec<((Day, Day), Factor)> = stored.iter().map(factor).collect();
        let mut dated: Vec<Day> =
            factors.iter().filter(|(_, f)| f.is_dated()).map(|(_, f)| f.latest).collect();
        dated.sort_unstable();
        let first_after = |day: &Day| dated.get(dated.partition_point(|dated| dated <= day));
        factors.retain(|((from, to), factor)| {
            factor.is_dated() || first_after(from).is_none_or(|day| to < day)
        });
        Units { factors: factors.into_iter().map(|(_, factor)| factor).collect() }
    }

    /// No change of units.
    pub const fn none() -> Units {
        Units { factors: Vec::new() }
    }

    /// Whether no change of units is known.
    pub fn is_constant(&self) -> bool {
        self.factors.is_empty()
    }

    /// Whether two days are in the same units, so that either can replace the other in
    /// [`Units::change`]: every change of units is certain to be before both days or after both.
    pub fn are_same_on(&self, a: Day, b: Day) -> bool {
        let same = |factor: &Factor| {
            let past = factor.is_past(a);
            past.is_some() && past == factor.is_past(b)
        };
        a == b || self.factors.iter().all(same)
    }

    /// The value that spin-offs removed from a share between two days: the product of price factor
    /// ÷ share factor. It is 1 if only splits lie between, whatever their exact days. `None` if a
    /// spin-off of unknown date may or may not lie between the two days, and if the product exceeds
    /// the range of a double.
    pub fn value_change(&self, from: Day, to: Day) -> Option<f64> {
        if to < from {
            return both_ways(1.0 / self.value_change(to, from)?);
        }
        let mut value = 1.0;
        for factor in &self.factors {
            let taken = factor.price / factor.shares;
            match factor.place(from, to) {
                Place::Outside => {}
                _ if (taken - 1.0).abs() < 1e-9 => {}
                Place::Between => value *= taken,
                Place::Unknown => return None,
            }
        }
        both_ways(value)
    }

    /// The first and the last session on which a change of unknown date may have taken place that
    /// leaves unknown whether two days, in either order, are in the same units.
    pub fn undated(&self, a: Day, b: Day) -> Option<(Day, Day)> {
        let hides = |factor: &&Factor| factor.place(a.min(b), a.max(b)) == Place::Unknown;
        self.factors.iter().find(hides).map(|factor| (factor.earliest, factor.latest))
    }

    /// The change from the units of `from` to those of `to`, in either direction. `None` if a
    /// change of unknown date may or may not lie between the two days, and if the product of the
    /// factors exceeds the range of a double.
    pub fn change(&self, from: Day, to: Day) -> Option<Change> {
        if to < from {
            let back = self.change(to, from)?;
            return Some(Change { price: 1.0 / back.price, shares: 1.0 / back.shares });
        }
        let mut change = Change { price: 1.0, shares: 1.0 };
        if self.factors.iter().all(|factor| factor.place(from, to) == Place::Outside) {
            return Some(change);
        }
        for factor in &self.factors {
            match factor.place(from, to) {
                Place::Between => {
                    change.price *= factor.price;
                    change.shares *= factor.shares;
                }
                Place::Outside => {}
                Place::Unknown => return None,
            }
        }
        both_ways(change.price).and(both_ways(change.shares)).map(|_| change)
    }
}

/// Returns a product of factors only if its reciprocal is also a normal number. Sixty bad rows with
/// a factor of a million each would exceed the range.
fn both_ways(product: f64) -> Option<f64> {
    Some(product).filter(|product| product.is_normal() && (1.0 / product).is_normal())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::day;

    #[test]
    fn a_spin_off_takes_value_and_a_split_does_not() {
        let (from, to) = (day("2021-01-29"), day("2024-03-08"));
        let units = |price, shares| Units::new(&[(from, to, price, shares)]);
        // GME 4:1 in 2022; EXC 1.402 for Constellation, for which a file of 2024 gives only the
        // interval.
        let (split, spin_off) = (units(4.0, 4.0), units(1.402, 1.0));
        let (before, inside) = (day("2021-01-27"), day("2021-02-16"));
        assert_eq!(split.value_change(before, to), Some(1.0));
        assert_eq!(split.value_change(inside, to), Some(1.0));
        assert_eq!(spin_off.value_change(before, to), Some(1.402));
        assert_eq!(spin_off.value_change(to, before), Some(1.0 / 1.402));
        assert_eq!(spin_off.value_change(inside, to), None);
        assert_eq!(spin_off.value_change(before, before), Some(1.0));
    }

    #[test]
    fn factors_that_exceed_the_range_of_a_double_give_no_change() {
        // 1e6 is the largest factor that is accepted; 52 of them are 1e312, above the largest
        // double.
        for factor in [1e6, 1e-6] {
            let split = |n: i32| {
                let on = Day::from_epoch(18_262 + 7 * n);
                (on.plus(-1), on, factor, factor)
            };
            let units = Units::new(&(0..52).map(split).collect::<Vec<_>>());
            let (before, after) = (Day::from_epoch(18_000), Day::from_epoch(19_000));
            assert_eq!(units.change(before, after), None);
            assert_eq!(units.change(after, before), None);
            assert!(units.change(before, Day::from_epoch(18_262)).is_some());
            let taken = |n: i32| (split(n).0, split(n).1, factor, 1.0);
            let units = Units::new(&(0..52).map(taken).collect::<Vec<_>>());
            assert_eq!(units.value_change(before, after), None);
            assert_eq!(units.value_change(after, before), None);
        }
    }

    /// GME's 4-for-1 split took effect on 2022-07-22; the file of 2024 gives only the interval.
    const FROM: &str = "2021-01-29";
    const TO: &str = "2024-03-08";

    #[test]
    fn a_day_is_in_its_own_units_whatever_interval_surrounds_it() {
        for shares in [4.0, 1.0] {
            let units = Units::new(&[(day(FROM), day(TO), 4.0, shares)]);
            for offset in -5..1_200 {
                let on = day(FROM).plus(offset);
                assert_eq!(units.change(on, on), Some(Change { price: 1.0, shares: 1.0 }), "{on}");
                assert_eq!(units.value_change(on, on), Some(1.0), "{on}");
            }
        }
    }

    #[test]
    fn units_change_only_on_sessions() {
        let units = Units::new(&[(day(FROM), day(TO), 4.0, 4.0)]);
        let factor = |from, to| units.change(day(from), day(to)).map(|change| change.price);
        // Presidents' Day was Monday, 2021-02-15.
        assert_eq!(factor("2021-02-12", "2021-02-15"), Some(1.0));
        assert_eq!(factor("2021-02-15", "2021-02-12"), Some(1.0));
        assert_eq!(factor("2021-02-12", "2021-02-16"), None);
        assert_eq!(factor("2021-02-16", "2021-02-12"), None);
        // Friday, 2021-01-29, is the last day known to be in the old units; Monday may be in the
        // new.
        assert_eq!(factor("2021-01-27", "2021-01-31"), Some(1.0));
        assert_eq!(factor("2021-01-27", "2021-02-01"), None);
        assert_eq!(factor("2021-01-31", TO), Some(4.0));
        assert_eq!(factor("2021-02-01", TO), None);
        // Friday, 2024-03-08, is known to be in the new units; Thursday is not.
        assert_eq!(factor(TO, "2024-03-11"), Some(1.0));
        assert_eq!(factor("2024-03-07", "2024-03-11"), None);
    }

    #[test]
    fn an_interval_with_one_session_in_it_dates_the_change() {
        // Last day in the old units on Friday, first in the new on Monday.
        let units = Units::new(&[(day("2021-01-29"), day("2021-02-01"), 2.0, 2.0)]);
        let shares = |from, to| units.change(day(from), day(to)).map(|change| change.shares);
        assert_eq!(shares("2021-01-31", "2021-02-01"), Some(2.0));
        assert_eq!(shares("2021-02-01", "2021-01-31"), Some(0.5));
        assert_eq!(shares("2021-01-29", "2021-01-30"), Some(1.0));
        assert_eq!(shares("2021-02-01", "2021-02-02"), Some(1.0));
    }

    #[test]
    fn a_dated_change_takes_the_place_of_the_intervals_around_it() {
        let on = day("2022-07-22");
        let units = Units::new(&[(on.plus(-1), on, 4.0, 4.0), (day(FROM), day(TO), 4.0, 4.0)]);
        assert_eq!(units.change(day("2021-02-16"), day(TO)).map(|c| c.price), Some(4.0));
        assert_eq!(units.change(on.plus(-1), on).map(|c| c.price), Some(4.0));
        assert_eq!(units.change(on, day(TO)).map(|c| c.price), Some(1.0));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        /// For any interval and any days: a change known in one direction is known in the other,
        /// and a change composed over a third day, if known, is the same.
        #[test]
        fn changes_compose(
            from in 0..40, length in 1..30, days in proptest::array::uniform3(-5..80),
        ) {
            let start = day(FROM).plus(from);
            let units = Units::new(&[(start, start.plus(length), 4.0, 4.0)]);
            let [a, b, c] = days.map(|offset| day(FROM).plus(offset));
            let price = |from, to| units.change(from, to).map(|change| change.price);
            proptest::prop_assert_eq!(price(b, a), price(a, b).map(|price| 1.0 / price));
            // A day can replace another day in the same units, bit for bit.
            if units.are_same_on(a, b) {
                proptest::prop_assert_eq!(units.change(a, c), units.change(b, c));
                proptest::prop_assert_eq!(units.change(c, a), units.change(c, b));
            }
            if let (Some(first), Some(second)) = (price(a, b), price(b, c)) {
                proptest::prop_assert_eq!(price(a, c), Some(first * second));
            }
        }
    }
}
