//! A page of rows as protobuf, in the share units asked for.

use crate::rpc::shared::timestamp;
use contract::v1::{self, field_value::Value};
use marketdata::{
    basis::{BasisKind, PriceBasis},
    cell::Cell,
    currency::{Currency, Quotation},
    dataset::{Field, Kind},
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    restated::Restated,
    snapshot::Snapshot,
    track::Rows,
};
use std::collections::BTreeMap;

/// A field of a dataset, with its unit. Prices of a listing are in its own currency, amounts of money
/// in US dollars.
pub(super) fn field(field: Field, listing: Quotation) -> v1::SeriesField {
    let unit = unit(field.kind());
    let currency = match unit {
        v1::SeriesFieldUnit::Price => listing.code(),
        v1::SeriesFieldUnit::Money => Currency::USD.code(),
        _ => "",
    };
    v1::SeriesField {
        name: field.name().to_owned(),
        unit: unit.into(),
        currency: currency.to_owned(),
    }
}

const fn unit(kind: Kind) -> v1::SeriesFieldUnit {
    use v1::SeriesFieldUnit as Unit;
    match kind {
        Kind::Price => Unit::Price,
        Kind::Shares => Unit::Shares,
        Kind::Money => Unit::Money,
        Kind::GrossReturn | Kind::Decimal | Kind::Factor => Unit::Decimal,
        Kind::DayCount => Unit::Days,
        Kind::Number => Unit::OfSource,
        Kind::Flag => Unit::Flag,
        Kind::Text => Unit::Text,
        Kind::Day | Kind::BasisDay => Unit::Day,
        Kind::Instant => Unit::Instant,
        Kind::Basis => Unit::PriceBasis,
    }
}

fn value(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Number(number) => Value::Number(number),
        Cell::Text(text) => Value::Text(text.to_owned()),
        Cell::Day(day) => Value::Day(day.to_string()),
        Cell::Instant(instant) => Value::Instant(timestamp(instant)),
        Cell::Flag(flag) => Value::Flag(flag),
        Cell::Basis(basis) => Value::PriceBasis(price_basis(basis).into()),
    }
}

const fn price_basis(kind: BasisKind) -> v1::PriceBasis {
    match kind {
        BasisKind::Raw => v1::PriceBasis::Raw,
        BasisKind::SplitAdjusted => v1::PriceBasis::SplitAdjusted,
        BasisKind::TotalReturn => v1::PriceBasis::TotalReturn,
    }
}

/// The rows of a page, and what could not be converted.
pub(super) struct SeriesPage<'a> {
    snapshot: &'a Snapshot,
    rows: &'a Rows<'a>,
    restated: &'a Restated<'a>,
    fields: &'a [Field],
    symbol: &'a str,
    /// Number of values that could not be converted, by place of the field and reason.
    lacking: BTreeMap<(usize, GapReason), usize>,
}

impl<'a> SeriesPage<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        rows: &'a Rows<'a>,
        restated: &'a Restated<'a>,
        (symbol, fields): (&'a str, &'a [Field]),
    ) -> SeriesPage<'a> {
        SeriesPage { snapshot, rows, restated, fields, symbol, lacking: BTreeMap::new() }
    }

    /// One row.
    pub(super) fn point(&mut self, row: usize) -> v1::SeriesPoint {
        let values = (0..self.fields.len()).map(|at| self.value(row, at)).collect();
        let has_prices = self.restated.has(Kind::Price);
        let has_units = has_prices || self.restated.has(Kind::Shares);
        let units_on = has_units.then(|| self.restated.units_on(row).to_string());
        let basis = has_prices.then(|| self.restated.basis(row));
        let (price_basis, adjusted_on) = match basis {
            None => (None, None),
            Some(PriceBasis::Raw) => (Some(v1::PriceBasis::Raw), None),
            Some(PriceBasis::SplitAdjusted { .. }) => (Some(v1::PriceBasis::SplitAdjusted), None),
            Some(PriceBasis::TotalReturn { on }) => (Some(v1::PriceBasis::TotalReturn), Some(on)),
        };
        v1::SeriesPoint {
            observed_on: self.rows.day(row).to_string(),
            published_at: Some(timestamp(self.rows.published_at(row))),
            revision: self.rows.revision(row),
            other_symbol: match self.rows.other(row) {
                InstrumentId::NONE => String::new(),
                other => self.snapshot.symbol(other).to_owned(),
            },
            values,
            units_on: units_on.unwrap_or_default(),
            price_basis: price_basis.map(Into::into),
            distributions_adjusted_on: adjusted_on.map(|on| on.to_string()).unwrap_or_default(),
        }
    }

    fn value(&mut self, row: usize, at: usize) -> v1::FieldValue {
        let field = self.fields[at];
        let number = match self.restated.value(row, field) {
            Ok(number) => number,
            Err(reason) => {
                *self.lacking.entry((at, reason)).or_default() += 1;
                None
            }
        };
        let cell = number.and_then(|number| self.snapshot.cell(field, number));
        v1::FieldValue { value: cell.map(value) }
    }

    /// What could not be converted in the points so far: one gap per field and reason.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let gap = |(&(at, reason), &count): (&(usize, GapReason), &usize)| {
            let why = match reason {
                GapReason::AdjustedPrice => {
                    "the prices are adjusted for distributions, so what was traded is not known"
                }
                _ => "no known factor connects their share units",
            };
            let detail = format!("{count} values of this page are not converted: {why}");
            let field = self.fields[at].name();
            Gap::new(reason, Subject::number_of(self.symbol, field), detail)
        };
        self.lacking.iter().map(gap).collect()
    }
}
