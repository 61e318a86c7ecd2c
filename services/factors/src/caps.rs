//! A listed line's market value day by day, and its daily change in USD.
//!
//! [`crate::market_value`] says what a value is. There is none before the first known count: a count
//! carried back would put today's buy-backs and issues into every dollar of the past.

use crate::market_value::{CapSource, KnownShares};
use marketdata::{bars::Bars, day::Day, instrument::InstrumentId, snapshot::Snapshot};

/// Market values on the days of an instrument's bars.
#[derive(Clone, Debug, PartialEq)]
pub struct CapHistory {
    /// USD, by row of the bars; NaN if unknown, which the accessors hide.
    cap: Vec<f64>,
    /// USD, shares of the day before times the change of price; a spin-off is no loss.
    change: Vec<f64>,
    /// The source of the values.
    pub source: CapSource,
    /// The day of the first count or printed value; there are no values before it.
    pub known_from: Day,
    /// The day of the last count or printed value.
    pub known_to: Day,
}

impl CapHistory {
    /// The market values of an instrument; none where neither shares nor a printed value are known,
    /// or where some close is adjusted for distributions: no change joins it to a price.
    pub fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        bars: &Bars<'_>,
    ) -> Option<CapHistory> {
        if bars.any_total_return() {
            return None;
        }
        let shares = KnownShares::of(snapshot, instrument, bars)?;
        let cap = shares.values(bars);
        if !cap.iter().any(|value| value.is_finite()) {
            return None;
        }
        // A change is made on the shares of the row before.
        let held = std::iter::once(None).chain(shares.by_row(bars)).enumerate().take(bars.len());
        let change = held.map(|(row, count)| count.and_then(|count| count.change(bars, row)));
        Some(CapHistory {
            cap,
            change: change.map(|change| change.unwrap_or(f64::NAN)).collect(),
            source: shares.source,
            known_from: shares.counts.first()?.on,
            known_to: shares.counts.last()?.on,
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        dataset::{Dataset, Field},
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
