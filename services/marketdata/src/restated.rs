//! Stored rows in other share units: as stored, in those of one day, or as traded on their own day.

use crate::{
    basis::{PriceBasis, Units},
    dataset::{Dataset, Field, Kind},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};

/// The share units that prices and share counts are returned in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareUnits {
    /// Those in which each row is stored.
    AsStored,
    /// Those of one day.
    Of(Day),
    /// Those of each row's own day.
    AsTraded,
}

/// The rows of one instrument in one dataset, in chosen share units.
#[derive(Debug)]
pub struct Restated<'a> {
    rows: &'a Rows<'a>,
    dataset: Dataset,
    units: Units,
    wanted: ShareUnits,
}

impl<'a> Restated<'a> {
    /// The rows of an instrument, in the wanted units.
    pub fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        dataset: Dataset,
        rows: &'a Rows<'a>,
        wanted: ShareUnits,
    ) -> Restated<'a> {
        Restated { rows, dataset, units: Units::of(snapshot, instrument), wanted }
    }

    /// Whether the dataset has a column of a kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.dataset.fields().iter().any(|field| field.kind() == kind)
    }

    /// The day whose share units the returned row is in.
    pub fn units_on(&self, row: usize) -> Day {
        match self.wanted {
            ShareUnits::AsStored => self.stored_basis(row).units_on(self.rows.day(row)),
            ShareUnits::Of(day) => day,
            ShareUnits::AsTraded => self.rows.day(row),
        }
    }

    /// What the prices of a row are adjusted for as stored. Only bars are ever adjusted.
    pub fn stored_basis(&self, row: usize) -> PriceBasis {
        if self.dataset != Dataset::Bars {
            return PriceBasis::Raw;
        }
        let value = |field| self.rows.value(row, self.dataset.column(field));
        match value(Field::PriceBasis).zip(value(Field::BasisOn)) {
            Some((code, on)) => PriceBasis::from_values(code, on),
            None => PriceBasis::Raw,
        }
    }

    /// What the returned prices of a row are adjusted for. An adjustment for distributions is never
    /// reversed.
    pub fn basis(&self, row: usize) -> PriceBasis {
        match (self.wanted, self.stored_basis(row)) {
            (ShareUnits::AsStored, stored) => stored,
            (_, PriceBasis::TotalReturn { on }) => PriceBasis::TotalReturn { on },
            (ShareUnits::Of(on), _) => PriceBasis::SplitAdjusted { on },
            (ShareUnits::AsTraded, _) => PriceBasis::Raw,
        }
    }

    /// The value of a field of a row in the wanted units. `Ok(None)` if the source gave none.
    ///
    /// # Errors
    /// The reason why the value cannot be converted: no known factor connects the units, or a close
    /// that is adjusted for distributions is asked for as it was traded.
    pub fn value(&self, row: usize, field: Field) -> Result<Option<f64>, GapReason> {
        let Some(stored) = self.rows.value(row, self.dataset.column(field)) else {
            return Ok(None);
        };
        if self.wanted == ShareUnits::AsStored {
            return Ok(Some(stored));
        }
        let converted = match field.kind() {
            Kind::Price => self.price(row, stored)?,
            Kind::Shares => self.shares(row, stored)?,
            _ => stored,
        };
        Ok(Some(converted))
    }

    fn price(&self, row: usize, stored: f64) -> Result<f64, GapReason> {
        let basis = self.stored_basis(row);
        if basis.is_total_return() && self.wanted == ShareUnits::AsTraded {
            return Err(GapReason::AdjustedPrice);
        }
        let change = self.units.change(self.units_on(row), basis.units_on(self.rows.day(row)));
        finite(stored * change.ok_or(GapReason::BasisUnknown)?.price)
    }

    /// A source that restates prices for a spin-off restates volumes by the same factor; see
    /// [`crate::bars::Bars::volume_in_units_of`].
    fn shares(&self, row: usize, stored: f64) -> Result<f64, GapReason> {
        let day = self.rows.day(row);
        let stored_on = self.stored_basis(row).units_on(day);
        let change = self.units.change(self.units_on(row), stored_on);
        let taken = self.units.value_change(day, stored_on);
        let (change, taken) = change.zip(taken).ok_or(GapReason::BasisUnknown)?;
        finite(stored / change.shares / taken)
    }
}

fn finite(value: f64) -> Result<f64, GapReason> {
    if value.is_finite() { Ok(value) } else { Err(GapReason::BasisUnknown) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    /// Bars of Friday and Monday around a two-for-one split that took effect on Monday: 50 dollars
    /// and 600 shares on both days in the units of Monday. 90 shares are short on either day, in the
    /// units of that day.
    fn split(basis: PriceBasis) -> (Fixture, InstrumentId) {
        let mut fixture = Fixture::new();
        let id = fixture.id(Namespace::Listed, "AAA");
        let key = (id, InstrumentId::NONE);
        let [code, on] = basis.to_values();
        for text in ["2021-01-29", "2021-02-01"] {
            let at = Instant::close_of(day(text));
            let values = [
                (Field::Close, 50.0),
                (Field::Volume, 600.0),
                (Field::PriceBasis, code),
                (Field::BasisOn, on),
            ];
            fixture.fact(Dataset::Bars, key, day(text), at, &values);
            let short = [(Field::SharesShort, 90.0)];
            fixture.fact(Dataset::ShortInterest, key, day(text), at, &short);
        }
        let factors = [
            (Field::FromOn, f64::from(day("2021-01-29").epoch())),
            (Field::PriceFactor, 2.0),
            (Field::ShareFactor, 2.0),
        ];
        let at = Instant::close_of(day("2021-02-01"));
        fixture.fact(Dataset::Splits, key, day("2021-02-01"), at, &factors).commit();
        (fixture, id)
    }

    fn values(
        dataset: Dataset,
        basis: PriceBasis,
        wanted: ShareUnits,
        field: Field,
    ) -> Vec<Result<Option<f64>, GapReason>> {
        let (fixture, id) = split(basis);
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-02-01")));
        let rows = snapshot.rows(dataset, id);
        let restated = Restated::of(&snapshot, id, dataset, &rows, wanted);
        (0..rows.len()).map(|row| restated.value(row, field)).collect()
    }

    #[test]
    fn a_split_converts_prices_and_shares() {
        let monday = day("2021-02-01");
        let adjusted = PriceBasis::SplitAdjusted { on: monday };
        let bars = |wanted, field| values(Dataset::Bars, adjusted, wanted, field);
        let [old, new] = [Ok(Some(100.0)), Ok(Some(50.0))];
        // One share of Friday is two of Monday: 50 dollars of Monday are 100 of Friday, and 600
        // shares of Monday are 300.
        assert_eq!(bars(ShareUnits::AsStored, Field::Close), [new, new]);
        assert_eq!(bars(ShareUnits::Of(monday), Field::Close), [new, new]);
        assert_eq!(bars(ShareUnits::AsTraded, Field::Close), [old, new]);
        assert_eq!(bars(ShareUnits::Of(day("2021-01-29")), Field::Close), [old, old]);
        assert_eq!(bars(ShareUnits::AsTraded, Field::Volume), [Ok(Some(300.0)), Ok(Some(600.0))]);
        // Short interest is stored in the units of its own day.
        let short = |wanted| values(Dataset::ShortInterest, adjusted, wanted, Field::SharesShort);
        assert_eq!(short(ShareUnits::AsTraded), [Ok(Some(90.0)); 2]);
        assert_eq!(short(ShareUnits::Of(monday)), [Ok(Some(180.0)), Ok(Some(90.0))]);
    }

    #[test]
    fn what_cannot_be_converted_is_a_reason() {
        let total = PriceBasis::TotalReturn { on: day("2021-02-01") };
        let bars = |wanted, field| values(Dataset::Bars, total, wanted, field);
        let reason = Err(GapReason::AdjustedPrice);
        assert_eq!(bars(ShareUnits::AsTraded, Field::Close), [reason, reason]);
        assert_eq!(bars(ShareUnits::AsTraded, Field::Volume), [Ok(Some(300.0)), Ok(Some(600.0))]);
        assert_eq!(bars(ShareUnits::Of(day("2021-01-29")), Field::Close), [Ok(Some(100.0)); 2]);
        // A source without an opening price.
        assert_eq!(bars(ShareUnits::AsTraded, Field::Open), [Ok(None), Ok(None)]);
    }
}
