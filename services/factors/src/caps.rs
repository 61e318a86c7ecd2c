//! A listed line's market value by day: known shares times price, in the same share units.
//!
//! There is no value before the first known count. Carrying a count back would apply today's
//! buybacks and issuance to every past market value.

use crate::size::CapSource;
use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// Market values on the days of an instrument's bars.
#[derive(Clone, Debug, PartialEq)]
pub struct CapHistory {
    /// USD, by row of the bars; NaN if unknown, which the accessors hide.
    cap: Vec<f64>,
    /// USD: shares of the previous day times the change of price.
    change: Vec<f64>,
    /// The source of the values.
    pub source: CapSource,
    /// The day of the first count or printed value; there are no values before it.
    pub known_from: Day,
    /// The day of the last count or printed value.
    pub known_to: Day,
}

impl CapHistory {
    /// The market values of an instrument. `None` if neither shares nor a printed value are known,
    /// if some closes are total-return levels and not prices, or if no row has a value.
    ///
    /// Shares of row `t` are the last count at or before day `t`.
    pub fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        bars: &Bars<'_>,
    ) -> Option<CapHistory> {
        let shares = KnownShares::of(snapshot, instrument, bars)?;
        let (known_from, known_to) = (shares.counts.first()?.0, shares.counts.last()?.0);
        if bars.any_total_return() {
            return None;
        }
        let (cap, change) = match bars.closes_in_one_unit() {
            // If the units never change, the day whose units are requested does not matter.
            Some(closes) => walk(&shares.counts, &bars.days, |i, _| Some(closes[i])),
            None => walk(&shares.counts, &bars.days, |i, day| bars.close_in_units_of(i, day)),
        };
        let any = cap.iter().any(|value| value.is_finite());
        any.then_some(CapHistory { cap, change, source: shares.source, known_from, known_to })
    }

    /// Market value of row `i`, USD.
    pub fn at(&self, i: usize) -> Option<f64> {
        self.cap.get(i).copied().filter(|value| value.is_finite() && 0.0 < *value)
    }

    /// Change of market value of row `i` over the previous row, USD, without issuance and buybacks.
    pub fn change(&self, i: usize) -> Option<f64> {
        self.change.get(i).copied().filter(|value| value.is_finite())
    }
}

/// The known share counts of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownShares {
    /// Day and number of each count, positive, by day; at least one.
    pub counts: Vec<(Day, f64)>,
    /// Whether the shares were counted or implied by printed market values and closes.
    pub source: CapSource,
}

impl KnownShares {
    /// The counts of an instrument, else those implied by its printed values; `None` if it has
    /// neither.
    pub fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        bars: &Bars<'_>,
    ) -> Option<KnownShares> {
        let counted = column(snapshot, Dataset::ShareCounts, Field::SharesOutstanding, instrument);
        let (counts, source) = if counted.is_empty() {
            (implied(snapshot, instrument, bars), CapSource::Printed)
        } else {
            (counted, CapSource::SharesTimesClose)
        };
        (!counts.is_empty()).then_some(KnownShares { counts, source })
    }
}

/// Shares implied by printed market values: a value divided by that day's close.
fn implied(snapshot: &Snapshot, instrument: InstrumentId, bars: &Bars<'_>) -> Vec<(Day, f64)> {
    let caps = column(snapshot, Dataset::Listings, Field::MarketCap, instrument);
    let shares = caps.into_iter().filter_map(|(day, cap)| {
        let close = bars.close_in_units_of(bars.index_on_or_before(day)?, day)?;
        Some((day, cap / close))
    });
    shares.collect()
}

/// Values and changes of value on each day, NaN before the first count. `price` returns a row's
/// close in the units of a day.
fn walk(
    counts: &[(Day, f64)],
    days: &[Day],
    price: impl Fn(usize, Day) -> Option<f64>,
) -> (Vec<f64>, Vec<f64>) {
    let mut cap = Vec::with_capacity(days.len());
    let mut change = Vec::with_capacity(days.len());
    // The count as of the previous row: the shares to which the change of price applies.
    let mut held: Option<(Day, f64)> = None;
    let mut next = 0;
    for (i, today) in days.iter().enumerate() {
        let moved = held.and_then(|(day, shares)| {
            let (old, new) = (price(i.checked_sub(1)?, day)?, price(i, day)?);
            Some(shares * stats::change::difference(old, new))
        });
        change.push(moved.unwrap_or(f64::NAN));
        while let Some(count) = counts.get(next).filter(|(day, _)| day <= today) {
            held = Some(*count);
            next += 1;
        }
        let value = held.and_then(|(day, shares)| Some(shares * price(i, day)?));
        cap.push(value.unwrap_or(f64::NAN));
    }
    (cap, change)
}

fn column(
    snapshot: &Snapshot,
    dataset: Dataset,
    field: Field,
    instrument: InstrumentId,
) -> Vec<(Day, f64)> {
    let series = snapshot.series(dataset, field, instrument);
    let pairs = series.days.into_iter().zip(series.values);
    pairs.filter(|(_, value)| 0.0 < *value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    #[test]
    fn shares_and_prices_are_in_the_same_units_across_a_split() {
        // 100 shares at 40; then 4 for 1, prices 10 and 11: value 4,000, 4,000, 4,400.
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let days = [start, start.plus(1), start.plus(2)];
        fixture.closes("A", &[(days[0], 40.0), (days[1], 10.0), (days[2], 11.0)]);
        let id = fixture.id(Namespace::Listed, "A");
        let none = InstrumentId::NONE;
        let at = Instant::close_of(start);
        fixture.fact(
            Dataset::ShareCounts,
            (id, none),
            start,
            at,
            &[(Field::SharesOutstanding, 100.0)],
        );
        let split = [
            (Field::FromOn, f64::from(start.epoch())),
            (Field::PriceFactor, 4.0),
            (Field::ShareFactor, 4.0),
        ];
        fixture.fact(Dataset::Splits, (id, none), days[1], at, &split).commit();
        let snapshot = fixture.snapshot(Instant::close_of(days[2]));
        let bars = Bars::of(&snapshot, id);
        let caps = CapHistory::of(&snapshot, id, &bars).unwrap();
        assert_eq!(caps.source, CapSource::SharesTimesClose);
        for (i, expected) in [4_000.0, 4_000.0, 4_400.0].into_iter().enumerate() {
            assert!((caps.at(i).unwrap() - expected).abs() < 1e-9, "row {i}");
        }
        assert_eq!(caps.change(0), None);
        assert!(caps.change(1).unwrap().abs() < 1e-9);
        assert!((caps.change(2).unwrap() - 400.0).abs() < 1e-9);
    }

    #[test]
    fn new_shares_are_not_a_gain_and_a_printed_value_is_the_fallback() {
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let closes = [(start, 10.0), (start.plus(1), 11.0), (start.plus(2), 11.0)];
        fixture.closes("A", &closes).closes("B", &closes).closes("C", &closes);
        let [a, b, c] = ["A", "B", "C"].map(|name| fixture.id(Namespace::Listed, name));
        let at = Instant::close_of(start);
        for (on, shares) in [(start, 100.0), (start.plus(1), 200.0)] {
            let key = (a, InstrumentId::NONE);
            let values = [(Field::SharesOutstanding, shares)];
            fixture.fact(Dataset::ShareCounts, key, on, at, &values);
        }
        let key = (b, InstrumentId::NONE);
        fixture.fact(Dataset::Listings, key, start, at, &[(Field::MarketCap, 5_000.0)]).commit();
        let snapshot = fixture.snapshot(Instant::close_of(start.plus(2)));
        let of = |id| CapHistory::of(&snapshot, id, &Bars::of(&snapshot, id));
        let caps = of(a).unwrap();
        // 100 shares gained 1 each; the value also includes the hundred new shares.
        assert!((caps.change(1).unwrap() - 100.0).abs() < 1e-9);
        assert!((caps.at(1).unwrap() - 2_200.0).abs() < 1e-9);
        let printed = of(b).unwrap();
        assert_eq!(printed.source, CapSource::Printed);
        assert!((printed.at(1).unwrap() - 5_500.0).abs() < 1e-9);
        assert_eq!(of(c), None);
    }
}
