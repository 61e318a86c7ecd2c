//! At what price the market's open shorts were sold: an estimate from settlements, closes and volumes
//! (methodology D1).
//!
//! ```text
//! C ← C + (close − C)/60                     on every session: shorts turn over
//! C ← (S·C + ΔS⁺·P)/(S + ΔS⁺)                at a settlement, P the average close since the last one
//! ```
//!
//! S is short interest; what is bought back leaves C as it is. C begins with the average close of the
//! 60 sessions up to a settlement, the mean age of a short that turns over at that rate: the first
//! settlement of 240 calendar days that has enough of them. Earlier ones play no part, so that short
//! interest from before the first price changes nothing. After the 165 sessions of that window a
//! sixteenth of the beginning is left. Averages are weighted by volume, because no file has prices of
//! trades. Distributions are left out.

use crate::{
    measure::{Measured, ratio},
    name::SqueezeName,
    traded::Traded,
};
use factors::{
    average_volume::rows_up_to, settlement_days::SettlementDays, squeeze_threshold::STALE_DAYS,
};
use marketdata::{
    bars::Bars,
    basis::Units,
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use std::ops::Range;

/// Sessions in which as many shares are bought back and sold anew as are short.
const TURNOVER_SESSIONS: usize = 60;
/// Minimum of those up to the settlement that a basis begins at that must have a volume.
const FIRST_LEAST: usize = 42;
/// Calendar days before the latest settlement from which settlements count.
const WINDOW_DAYS: i32 = 240;

/// Short interest by settlement, the oldest first, in the units of one day.
pub(crate) struct Settlements {
    units_on: Day,
    shares: Vec<(Day, f64)>,
}

impl Settlements {
    /// Those published by the as-of date, up to the latest.
    ///
    /// # Errors
    /// No known factor converts the units of one of them.
    pub(crate) fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        (bars, units_on): (&Bars<'_>, Day),
        (latest, all): (Day, &SettlementDays),
    ) -> Result<Settlements, GapReason> {
        let rows = snapshot.rows(Dataset::ShortInterest, instrument);
        let column = Dataset::ShortInterest.column(Field::SharesShort);
        let mut shares = Vec::new();
        for row in 0..rows.last_on_or_before(latest).map_or(0, |last| last + 1) {
            let Some(short) = rows.value(row, column).filter(|short| 0.0 <= *short) else {
                continue;
            };
            let on = rows.day(row);
            if latest.plus(-WINDOW_DAYS) <= on && all.contains(on) {
                let change = bars.units().change(on, units_on).ok_or(GapReason::BasisUnknown)?;
                shares.push((on, short * change.shares));
            }
        }
        Ok(Settlements { units_on, shares })
    }
}

/// The cost basis at a row of bars, in the units of the settlements.
pub(crate) fn cost_basis(bars: &Bars<'_>, last: usize, settlements: &Settlements) -> Measured {
    let prices = Prices { bars, units_on: settlements.units_on };
    let (first, (mut row, mut basis)) = beginning(&prices, &settlements.shares)?;
    let mut shares = settlements.shares[first].1;
    for (on, short) in &settlements.shares[first + 1..] {
        let next = bars.index_on_or_before(*on).unwrap_or(row);
        basis = prices.turned_over(basis, row + 1..next + 1)?;
        let added = short - shares;
        // Without a session in between, there is no price but the basis itself.
        if 0.0 < added && row < next {
            basis = averaged((shares, basis), (added, prices.average(row + 1..next + 1, 1)?));
        }
        (row, shares) = (next, *short);
    }
    match 0.0 < shares {
        true => prices.turned_over(basis, row + 1..last + 1),
        false => Err(GapReason::Degenerate),
    }
}

/// Index of the first settlement with enough sessions up to it, with the row of its last session and
/// the average close of all of them.
///
/// # Errors
/// None has enough: what the latest one lacks.
fn beginning(
    prices: &Prices<'_>,
    settlements: &[(Day, f64)],
) -> Result<(usize, (usize, f64)), GapReason> {
    let mut lacks = GapReason::NoShortInterest;
    for (at, (on, _)) in settlements.iter().enumerate() {
        match prices.before(*on) {
            Ok(found) => return Ok((at, found)),
            Err(reason) => lacks = reason,
        }
    }
    Err(lacks)
}

/// Average price of shares at two prices.
fn averaged((shares, price): (f64, f64), (added, at): (f64, f64)) -> f64 {
    (shares * price + added * at) / (shares + added)
}

/// Closes and volumes in the units of one day.
struct Prices<'a> {
    bars: &'a Bars<'a>,
    units_on: Day,
}

impl Prices<'_> {
    fn close(&self, row: usize) -> Measured {
        self.bars.close_in_units_of(row, self.units_on).ok_or(GapReason::BasisUnknown)
    }

    /// The last row on or before a day, with the average close of the sessions up to it.
    fn before(&self, on: Day) -> Result<(usize, f64), GapReason> {
        let row = self.bars.index_on_or_before(on).ok_or(GapReason::ShortHistory)?;
        if self.bars.days[row] < on.plus(-STALE_DAYS) {
            return Err(GapReason::MissingObservations);
        }
        if row + 1 < FIRST_LEAST {
            return Err(GapReason::ShortHistory);
        }
        Ok((row, self.average(rows_up_to(row, TURNOVER_SESSIONS), FIRST_LEAST)?))
    }

    /// Average close of rows, weighted by volume; at least `least` of them need one.
    fn average(&self, rows: Range<usize>, least: usize) -> Measured {
        let (mut count, mut volume, mut value) = (0, 0.0, 0.0);
        for row in rows {
            let traded = self.bars.volume_in_units_of(row, self.units_on);
            if let Some(shares) = traded.filter(|shares| 0.0 < *shares) {
                value += shares * self.close(row)?;
                (count, volume) = (count + 1, volume + shares);
            }
        }
        match least.max(1) <= count {
            true => Ok(value / volume),
            false => Err(GapReason::NoVolume),
        }
    }

    /// The basis after sessions on which shorts turn over.
    fn turned_over(&self, mut basis: f64, rows: Range<usize>) -> Measured {
        for row in rows {
            basis += (self.close(row)? - basis) / TURNOVER_SESSIONS as f64;
        }
        Ok(basis)
    }
}

impl SqueezeName {
    fn basis_of(&self, of: impl Fn(&Traded) -> Measured) -> Measured {
        of(self.traded.as_ref().map_err(|reason| *reason)?)
    }

    /// The cost basis in the units in which prices of the name are stored, USD per share.
    pub(crate) fn cost_basis(&self) -> Measured {
        self.short.as_ref().map_err(|reason| *reason)?;
        self.basis_of(|traded| traded.cost_basis)
    }

    /// The cost basis of the market's shorts, USD per share in the units of `units_on`.
    ///
    /// # Errors
    /// No current short interest, too few sessions before every settlement, or no known factor
    /// converts the units of an input.
    pub fn short_cost_basis(&self, units: &Units) -> Measured {
        let basis = self.cost_basis()?;
        let stored = self.traded.as_ref().map_err(|reason| *reason)?.units_on;
        let change = units.change(self.units_on, stored).ok_or(GapReason::BasisUnknown)?;
        Ok(basis * change.price)
    }

    /// Close / cost basis − 1, a decimal: above 0, the average short has lost.
    ///
    /// # Errors
    /// As for [`SqueezeName::short_cost_basis`].
    pub fn loss_on_cost_basis(&self) -> Measured {
        let basis = self.cost_basis()?;
        self.basis_of(|traded| ratio(traded.close, basis)).map(|ratio| ratio - 1.0)
    }

    /// What the market's shorts gained against their cost basis, USD, below 0 if they lost: for the
    /// shares short at the settlement.
    ///
    /// # Errors
    /// As for [`SqueezeName::short_cost_basis`].
    pub fn shorts_gain_since_cost_basis_usd(&self) -> Measured {
        self.shorts_gain(|traded| traded.gain_since_cost_basis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// methodology.md D1: 1.0m shares at 10, and 0.5m more at 12: 16m/1.5m = 10.6667. At 15 the loss is
    /// 4.3333/10.6667 = 40.625 %, and 1.5m x 4.3333 = 6.5m.
    #[test]
    fn the_example_of_the_methodology() {
        let basis = averaged((1e6, 10.0), (5e5, 12.0));
        assert!((basis - 32.0 / 3.0).abs() < 1e-12, "{basis}");
        assert!(((15.0 - basis) / basis - 0.40625).abs() < 1e-12);
        assert!((1.5e6 * (15.0 - basis) - 6.5e6).abs() < 1e-6);
    }
}
