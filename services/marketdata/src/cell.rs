//! What a stored number means: a number, a text, a day, an instant, a flag or a price basis.
//!
//! Columns hold numbers only. Every row that is shown is read here, so that answers and exports agree
//! and a new kind of column has one place to say what it means.

use crate::{
    basis::BasisKind,
    dataset::{Field, Kind},
    day::Day,
    instant::Instant,
    snapshot::Snapshot,
};

/// The meaning of a stored number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A quantity, in the unit of its field.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// A day.
    Day(Day),
    /// An instant.
    Instant(Instant),
    /// True or false.
    Flag(bool),
    /// What the prices of the row are adjusted for.
    Basis(BasisKind),
}

impl Snapshot {
    /// The meaning of a number stored in a field. `None` if it stands for nothing: the day of prices
    /// that are not adjusted, or a text that the market does not have.
    pub fn cell(&self, field: Field, stored: f64) -> Option<Cell<'_>> {
        let cell = match field.kind() {
            Kind::Price
            | Kind::Shares
            | Kind::Money
            | Kind::GrossReturn
            | Kind::Decimal
            | Kind::Factor
            | Kind::DayCount
            | Kind::Number => Cell::Number(stored),
            Kind::Flag => Cell::Flag(stored > 0.0),
            Kind::Text => Cell::Text(self.text(stored)?),
            Kind::BasisDay if stored < 1.0 => return None,
            Kind::Day | Kind::BasisDay => Cell::Day(Day::from_epoch(stored as i32)),
            Kind::Instant => Cell::Instant(Instant::from_micros(stored as i64)),
            Kind::Basis => Cell::Basis(BasisKind::from_code(stored)),
        };
        Some(cell)
    }
}

#[cfg(all(test, feature = "fixture"))]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, day};

    #[test]
    fn a_stored_number_means_what_its_kind_says() {
        let mut fixture = Fixture::new();
        let text = fixture.text("Technology");
        let snapshot = fixture.commit().snapshot(Instant::MAX);
        // 1970-01-11 is ten days after the epoch, and 2020-01-01 is 50 · 365 + 12 leap days after it.
        for (field, stored, cell) in [
            (Field::Close, 347.51, Some(Cell::Number(347.51))),
            (Field::Sector, text, Some(Cell::Text("Technology"))),
            (Field::Sector, 1e6, None),
            (Field::FromOn, 10.0, Some(Cell::Day(day("1970-01-11")))),
            (Field::FromOn, 0.0, Some(Cell::Day(day("1970-01-01")))),
            (Field::BasisOn, 18_262.0, Some(Cell::Day(day("2020-01-01")))),
            (Field::BasisOn, 0.0, None),
            (Field::FirstSeen, 1e6, Some(Cell::Instant(Instant::from_micros(1_000_000)))),
            (Field::Member, 1.0, Some(Cell::Flag(true))),
            (Field::Member, 0.0, Some(Cell::Flag(false))),
            (Field::PriceBasis, 0.0, Some(Cell::Basis(BasisKind::Raw))),
            (Field::PriceBasis, 1.0, Some(Cell::Basis(BasisKind::SplitAdjusted))),
            (Field::PriceBasis, 2.0, Some(Cell::Basis(BasisKind::TotalReturn))),
        ] {
            assert_eq!(snapshot.cell(field, stored), cell, "{field:?} {stored}");
        }
    }
}
