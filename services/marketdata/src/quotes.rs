//! The last known close of every instrument of a view, in the units of the view's day.

use crate::{
    basis::{PriceBasis, Units},
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// The last known close of an instrument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// Close in the units of the view's day; positive.
    pub price: f64,
    /// The day of the close.
    pub on: Day,
}

/// The last known close of every instrument of a view.
#[derive(Clone, Debug)]
pub struct Quotes {
    /// By instrument id.
    quotes: Vec<Option<Quote>>,
    last_day: Option<Day>,
}

impl Quotes {
    /// Heap memory used, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.quotes.capacity() * size_of::<Option<Quote>>()
    }

    /// Reads the last close of every instrument with bars.
    pub fn of(snapshot: &Snapshot) -> Quotes {
        let mut quotes = Vec::new();
        let mut last_day = None;
        for instrument in snapshot.holders(Dataset::Bars) {
            let quote = last_quote(snapshot, instrument);
            last_day = last_day.max(quote.map(|quote| quote.on));
            let index = instrument.0 as usize;
            quotes.resize(quotes.len().max(index + 1), None);
            quotes[index] = quote;
        }
        Quotes { quotes, last_day }
    }

    /// The last close of an instrument. `None` if it never had one, or if no known factor converts
    /// it to the units of the view's day.
    #[inline]
    pub fn get(&self, instrument: InstrumentId) -> Option<Quote> {
        self.quotes.get(instrument.0 as usize).copied().flatten()
    }

    /// Why an instrument has no quote.
    pub fn why_none(snapshot: &Snapshot, instrument: InstrumentId) -> GapReason {
        if snapshot.rows(Dataset::Bars, instrument).is_empty() {
            GapReason::NoPrice
        } else {
            GapReason::BasisUnknown
        }
    }

    /// The latest day of any close.
    pub const fn last_day(&self) -> Option<Day> {
        self.last_day
    }
}

fn last_quote(snapshot: &Snapshot, instrument: InstrumentId) -> Option<Quote> {
    let rows = snapshot.rows(Dataset::Bars, instrument);
    let column = |field| Dataset::Bars.column(field);
    let last = (0..rows.len()).rev().find_map(|row| {
        let close = rows.value(row, column(Field::Close)).filter(|close| 0.0 < *close)?;
        Some((row, close))
    });
    let (row, close) = last?;
    let value = |field| rows.value(row, column(field)).unwrap_or(0.0);
    let basis = PriceBasis::from_values(value(Field::PriceBasis), value(Field::BasisOn));
    let units = Units::of(snapshot, instrument);
    let change = units.change(snapshot.today(), basis.units_on(rows.day(row)))?;
    Some(Quote { price: close * change.price, on: rows.day(row) })
}
