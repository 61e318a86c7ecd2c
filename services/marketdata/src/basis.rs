//! One unit for prices and shares of different days: splits change units, not knowledge.
//!
//! A factor is (instrument, from, to, price factor, share factor): between `from` (last day on the
//! old units) and `to` (first day on the new) one old share became `share_factor` new ones and one
//! old price became `price_factor` times the new one. A spin-off has a share factor of 1. Factors
//! are used whenever they were published, up to the snapshot's revision.

use crate::{
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
    /// Adjusted for splits and distributions up to `on`: returns are total returns, levels are not
    /// prices anyone paid.
    TotalReturn {
        /// The day whose units the prices are in.
        on: Day,
    },
}

impl PriceBasis {
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
        let on = Day::from_epoch(on as i32);
        match code as i64 {
            1 => PriceBasis::SplitAdjusted { on },
            2 => PriceBasis::TotalReturn { on },
            _ => PriceBasis::Raw,
        }
    }

    /// Whether distributions are in the levels, so that they are no prices anyone paid.
    pub const fn is_total_return(self) -> bool {
        matches!(self, PriceBasis::TotalReturn { .. })
    }

    /// The day whose share units a row of `day` is in.
    pub fn units_on(self, day: Day) -> Day {
        match self {
            PriceBasis::Raw => day,
            PriceBasis::SplitAdjusted { on } | PriceBasis::TotalReturn { on } => on.max(day),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Factor {
    from: Day,
    to: Day,
    price: f64,
    shares: f64,
}

/// The unit changes of one instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// By `to`. Intervals that hold an exactly dated change inside are left out: the exact one wins.
    factors: Vec<Factor>,
}

/// The factors from one day's units to another's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Price on the first day's units ÷ price on the second's.
    pub price: f64,
    /// Shares on the second day's units ÷ shares on the first's.
    pub shares: f64,
}

impl Units {
    /// The unit changes of an instrument that a snapshot's revision knows.
    pub fn of(snapshot: &Snapshot, instrument: InstrumentId) -> Units {
        let rows = snapshot.rows_whenever_published(Dataset::Splits, instrument);
        let column = |field| Dataset::Splits.column(field);
        let mut factors: Vec<Factor> = (0..rows.len())
            .filter_map(|i| {
                Some(Factor {
                    from: Day::from_epoch(rows.value(i, column(Field::FromOn))? as i32),
                    to: rows.day(i),
                    price: rows.value(i, column(Field::PriceFactor))?,
                    shares: rows.value(i, column(Field::ShareFactor))?,
                })
            })
            .collect();
        let exact: Vec<Factor> =
            factors.iter().filter(|f| f.from.plus(1) == f.to).copied().collect();
        factors.retain(|f| {
            f.from.plus(1) == f.to || !exact.iter().any(|e| f.from < e.to && e.to <= f.to)
        });
        Units { factors }
    }

    /// No change of units.
    pub const fn none() -> Units {
        Units { factors: Vec::new() }
    }

    /// Whether no change of units is known.
    pub fn is_constant(&self) -> bool {
        self.factors.is_empty()
    }

    /// What spin-offs took out of a share between two days: price factors over share factors, 1 where
    /// only splits lie between, whatever their exact days. None where one of the days lies inside an
    /// interval with a spin-off whose exact date is not known.
    pub fn value_change(&self, from: Day, to: Day) -> Option<f64> {
        if to < from {
            return Some(1.0 / self.value_change(to, from)?);
        }
        let mut value = 1.0;
        for factor in self.factors.iter().filter(|f| from < f.to && f.from < to) {
            let taken = factor.price / factor.shares;
            if (taken - 1.0).abs() < 1e-9 {
                continue;
            }
            if factor.from < from || to < factor.to {
                return None;
            }
            value *= taken;
        }
        Some(value)
    }

    /// The change from the units of `from` to those of `to`, in either direction; none where one of
    /// the days lies inside an interval whose exact date is not known.
    pub fn change(&self, from: Day, to: Day) -> Option<Change> {
        if to < from {
            let back = self.change(to, from)?;
            return Some(Change { price: 1.0 / back.price, shares: 1.0 / back.shares });
        }
        let mut change = Change { price: 1.0, shares: 1.0 };
        for factor in &self.factors {
            if factor.to <= from || to <= factor.from {
                continue;
            }
            if from <= factor.from && factor.to <= to {
                change.price *= factor.price;
                change.shares *= factor.shares;
            } else {
                return None;
            }
        }
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::day;

    #[test]
    fn a_spin_off_takes_value_and_a_split_does_not() {
        let (from, to) = (day("2021-01-29"), day("2024-03-08"));
        let units = |price, shares| Units { factors: vec![Factor { from, to, price, shares }] };
        // GME 4:1 in 2022, EXC 1.402 for Constellation, of which a file of 2024 gives the interval.
        let (split, spin_off) = (units(4.0, 4.0), units(1.402, 1.0));
        let (before, inside) = (day("2021-01-27"), day("2021-02-16"));
        assert_eq!(split.value_change(before, to), Some(1.0));
        assert_eq!(split.value_change(inside, to), Some(1.0));
        assert_eq!(spin_off.value_change(before, to), Some(1.402));
        assert_eq!(spin_off.value_change(to, before), Some(1.0 / 1.402));
        assert_eq!(spin_off.value_change(inside, to), None);
        assert_eq!(spin_off.value_change(before, before), Some(1.0));
    }
}
