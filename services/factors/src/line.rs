//! The daily history of one role as a single line: the growth of one unit invested at the start, or
//! the values of a series.

use crate::{moves::Moves, roles::ResolvedRole};
use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    snapshot::{Series, Snapshot},
};
use stats::change;

/// The meaning of a line's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Growth of one unit since the first day, distributions reinvested: from bars.
    Wealth,
    /// The values as published: from a series.
    Value,
}

/// A daily history without gaps: days strictly ascending, every level finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The role and the symbol configured for it.
    pub resolved: ResolvedRole,
    /// The meaning of the levels.
    pub kind: LineKind,
    /// The days.
    pub days: Vec<Day>,
    /// The level of each day.
    pub levels: Vec<f64>,
    /// A relative change of the levels up to this size counts as zero.
    pub precision: f64,
    /// Number of earlier rows left out because no known factor connects their prices to the later
    /// ones.
    pub rows_left_out: usize,
}

impl Line {
    /// The history of a resolved role.
    pub fn of(snapshot: &Snapshot, resolved: ResolvedRole) -> Line {
        match resolved.dataset {
            Dataset::Bars => {
                let bars = Bars::of(snapshot, resolved.instrument);
                let (start, levels) = wealth(&bars);
                let days = bars.days[start..].to_vec();
                let precision = bars.precision();
                Line {
                    resolved,
                    kind: LineKind::Wealth,
                    days,
                    levels,
                    precision,
                    rows_left_out: start,
                }
            }
            _ => {
                let series = snapshot.series(Dataset::Series, Field::Value, resolved.instrument);
                let (days, levels) = (series.days, series.values);
                let precision = change::ROUNDING;
                Line { resolved, kind: LineKind::Value, days, levels, precision, rows_left_out: 0 }
            }
        }
    }

    /// Growth over `horizon` rows, a decimal: `level_t / level_{t−h} − 1`. Levels must be positive.
    pub fn growth(&self, horizon: usize) -> Series {
        over(&self.days, &self.levels, horizon, |old, new| self.step(old, new))
    }

    /// [`Line::growth`] together with the days on which each change begins.
    pub fn moves(&self, horizon: usize) -> Moves {
        let mut moves = Moves::with_capacity(self.days.len().saturating_sub(horizon));
        for end in horizon..self.days.len() {
            let start = end - horizon;
            if let Some(growth) = self.step(self.levels[start], self.levels[end]) {
                moves.push(self.days[start], self.days[end], growth);
            }
        }
        moves
    }

    /// Memory held outside of itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let proxy_for = self.resolved.proxy_for.as_ref().map_or(0, String::capacity);
        self.days.capacity() * size_of::<Day>()
            + self.levels.capacity() * size_of::<f64>()
            + self.resolved.symbol.capacity()
            + proxy_for
    }

    fn step(&self, old: f64, new: f64) -> Option<f64> {
        let growth = change::settled(new / old - 1.0, self.precision);
        Some(growth).filter(|growth| 0.0 < old && growth.is_finite())
    }

    /// Difference over `horizon` rows, in the unit of the levels.
    pub fn difference(&self, horizon: usize) -> Series {
        over(&self.days, &self.levels, horizon, |old, new| {
            Some(change::settled(new - old, self.precision * old.abs().max(new.abs())))
        })
    }

    /// Growth from the last row at or before a day to the last row, a decimal, and the day of the
    /// first of the two.
    pub fn growth_since(&self, day: Day) -> Option<(Day, f64)> {
        let start = self.days.partition_point(|candidate| *candidate <= day).checked_sub(1)?;
        let (old, new) = (self.levels[start], *self.levels.last()?);
        Some((self.days[start], self.step(old, new)?))
    }
}

/// A change over `horizon` rows on every day that has one; non-finite changes are left out.
/// `change` must treat rounding as zero.
pub fn over(
    days: &[Day],
    levels: &[f64],
    horizon: usize,
    change: impl Fn(f64, f64) -> Option<f64>,
) -> Series {
    let mut series = Series::with_capacity(days.len().saturating_sub(horizon));
    for i in horizon..days.len() {
        if let Some(value) = change(levels[i - horizon], levels[i]).filter(|v| v.is_finite()) {
            series.days.push(days[i]);
            series.values.push(value);
        }
    }
    series
}

/// The first row after the last break of units, and the wealth from there on.
fn wealth(bars: &Bars<'_>) -> (usize, Vec<f64>) {
    let mut start = 0;
    let mut levels = Vec::with_capacity(bars.len());
    for i in 0..bars.len() {
        match (levels.last().copied(), bars.total_return(i)) {
            (Some(before), Some(value)) => levels.push(before * (1.0 + value)),
            _ => {
                start = i;
                levels.clear();
                levels.push(1.0);
            }
        }
    }
    (start, levels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::{Role, Roles};
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::InstrumentId,
    };

    #[test]
    fn the_rounding_of_a_vendors_levels_is_no_change() {
        let mut fixture = Fixture::new();
        let id = fixture.id(marketdata::instrument::Namespace::Listed, "SPY");
        let start = day("2021-01-04");
        // TLT as adjusted by a vendor: an unchanged price that differs by one and two steps of
        // single precision (7 digits), then a change of one cent on 37 dollars.
        for (i, close) in [(0, 37.414_013), (1, 37.414_017), (2, 37.414_009), (3, 37.424_013)] {
            let at = start.plus(i);
            let basis = marketdata::basis::PriceBasis::TotalReturn { on: day("2021-06-30") };
            let [code, on] = basis.to_values();
            let values = [(Field::Close, close), (Field::PriceBasis, code), (Field::BasisOn, on)];
            let key = (id, InstrumentId::NONE);
            fixture.fact(Dataset::Bars, key, at, Instant::close_of(at), &values);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(start.plus(9)));
        let resolved = Roles::standard().resolve_role(&snapshot, Role::LargeCapIndex).unwrap();
        let line = Line::of(&snapshot, resolved);
        let returns = line.growth(1).values;
        assert_eq!([returns[0].to_bits(), returns[1].to_bits()], [0; 2]);
        assert!((returns[2] - 0.010_004 / 37.414_009).abs() < 1e-9);
        assert_eq!(line.growth(2).values[0].to_bits(), 0);
    }

    #[test]
    fn distributions_of_a_fund_are_reinvested() {
        let mut fixture = Fixture::new();
        let id = fixture.id(marketdata::instrument::Namespace::Listed, "SPY");
        let start = day("2021-01-04");
        // 100 → 99 with 2 % paid out → 108.9: total returns +0.98 % and +10 %.
        for (i, close, distribution) in [(0, 100.0, 1.0), (1, 99.0, 1.02), (2, 108.9, 1.0)] {
            let at = start.plus(i);
            let values = [(Field::Close, close), (Field::Distribution, distribution)];
            let key = (id, InstrumentId::NONE);
            fixture.fact(Dataset::Bars, key, at, Instant::close_of(at), &values);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(start.plus(9)));
        let resolved = Roles::standard().resolve_role(&snapshot, Role::LargeCapIndex).unwrap();
        let line = Line::of(&snapshot, resolved);
        let returns = line.growth(1).values;
        assert!((returns[0] - 0.0098).abs() < 1e-12 && (returns[1] - 0.1).abs() < 1e-12);
        // 1.0098 · 1.1 − 1 = 0.11078
        assert!((line.growth(2).values[0] - 0.11078).abs() < 1e-12);
        let (from, since) = line.growth_since(start).unwrap();
        assert_eq!(from, start);
        assert!((since - 0.11078).abs() < 1e-12);
        assert_eq!(line.growth_since(start.plus(-1)), None);
    }
}
