//! The last known close of every instrument of a view, in the units of the view's day.

use crate::{
    basis::{PriceBasis, Units},
    currency::NoRate,
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    newest::{PRICES_COMPARED_DAYS, newest_of_market, session_up_to},
    snapshot::Snapshot,
    track::Rows,
};

/// The last known close of an instrument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// Close in the units of the view's day and in its base currency; positive.
    pub price: f64,
    /// The day of the close.
    pub on: Day,
    /// Whether the close is adjusted for distributions after its day, so that it is below what was
    /// paid if there were any.
    pub is_adjusted: bool,
    /// The day of the rate that converts it, at most that of the close. `None`: it is quoted in the
    /// base currency.
    pub rate_on: Option<Day>,
    /// What money of its own quotation is worth in the base currency at that rate; 1 in the base
    /// currency.
    pub rate: f64,
    /// The day of its last close, if that is not this one: fewer than one in ten names have reached that
    /// day, so it may be wrong.
    pub left_out_on: Option<Day>,
}

/// The close of every instrument of a view that values it: the last one up to the newest day that one in
/// ten names have reached.
#[derive(Clone, Debug)]
pub struct Quotes {
    /// By instrument id.
    quotes: Vec<Option<Quote>>,
    session: Option<Day>,
    newest: Day,
}

/// A change of units on an unknown session, which hides in what units the last close is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndatedSplit {
    /// The day in whose share units the last close is.
    pub units_on: Day,
    /// The first session on which it may have taken place.
    pub earliest: Day,
    /// The last one.
    pub latest: Day,
}

impl Quotes {
    /// Heap memory used, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.quotes.capacity() * size_of::<Option<Quote>>()
    }

    /// Reads the last close of every instrument with bars.
    pub fn of(snapshot: &Snapshot) -> Quotes {
        let mut quotes = Vec::new();
        // A close is one on its day whether or not a rate converts it.
        let last = |id| Some((id, last_in_units(snapshot, id, Day::MAX)?));
        let closes: Vec<_> = snapshot.holders(Dataset::Bars).filter_map(last).collect();
        let days = || closes.iter().map(|(_, close)| close.on);
        let newest_of = |days| newest_of_market(days, PRICES_COMPARED_DAYS);
        let session = newest_of(days().map(session_up_to).collect());
        let newest = newest_of(days().collect()).unwrap_or(Day::MAX);
        for (instrument, close) in closes {
            let is_left_out = newest < close.on;
            let known = is_left_out.then(|| last_in_units(snapshot, instrument, newest)).flatten();
            let quote = known.unwrap_or(close).at_rate(snapshot, instrument);
            let left_out_on = known.map(|_| close.on);
            let quote = quote.map(|quote| Quote { left_out_on, ..quote });
            let index = instrument.0 as usize;
            quotes.resize(quotes.len().max(index + 1), None);
            quotes[index] = quote;
        }
        Quotes { quotes, session, newest }
    }

    /// The last close of an instrument. `None` if it never had one, or if no known factor or rate
    /// converts it to the units of the view's day and to its base currency.
    #[inline]
    pub fn get(&self, instrument: InstrumentId) -> Option<Quote> {
        self.quotes.get(instrument.0 as usize).copied().flatten()
    }

    /// Why an instrument has no quote.
    pub fn why_none(snapshot: &Snapshot, instrument: InstrumentId) -> GapReason {
        let rows = snapshot.rows(Dataset::Bars, instrument);
        match last_close(&rows) {
            None => GapReason::NoPrice,
            Some((row, _)) if rate(snapshot, instrument, rows.day(row)).is_err() => {
                GapReason::NoRate
            }
            Some(_) => GapReason::BasisUnknown,
        }
    }

    /// The missing rate for which an instrument has no quote. `None` if something else is the reason.
    pub fn missing_rate(snapshot: &Snapshot, instrument: InstrumentId) -> Option<NoRate> {
        let rows = snapshot.rows(Dataset::Bars, instrument);
        let (row, _) = last_close(&rows)?;
        rate(snapshot, instrument, rows.day(row)).err()
    }

    /// The undated change of units for which an instrument has no quote. `None` if something else is
    /// the reason.
    pub fn undated_split(snapshot: &Snapshot, instrument: InstrumentId) -> Option<UndatedSplit> {
        let rows = snapshot.rows(Dataset::Bars, instrument);
        let (row, _) = last_close(&rows)?;
        let units_on = basis(&rows, row).units_on(rows.day(row));
        let undated = Units::of(snapshot, instrument).undated(units_on, snapshot.today());
        undated.map(|(earliest, latest)| UndatedSplit { units_on, earliest, latest })
    }

    /// The market's latest session: the newest one that one in ten names has reached
    /// ([`newest_of_market`]). `None` without closes.
    pub const fn session(&self) -> Option<Day> {
        self.session
    }

    /// The newest day of the market's closes, which need be no session; later closes are left out.
    /// [`Day::MAX`] without closes.
    pub const fn newest(&self) -> Day {
        self.newest
    }
}

/// What one of the shares of the view's day cost at the close of a past day: that close in the units
/// of its own day, divided by the shares that one share has become since. Splits change nothing; the
/// value that a spin-off took from a share is in the past price and not in today's.
///
/// # Errors
/// [`GapReason::NoPrice`] without a close on that day. [`GapReason::NoRate`] if it cannot be brought to
/// the base currency. [`GapReason::BasisUnknown`] if no known factor
/// connects the units, or if only one of that close and the last one is a traded price.
pub fn past_price(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    on: Day,
) -> Result<f64, GapReason> {
    let rows = snapshot.rows(Dataset::Bars, instrument);
    let row = rows.last_on_or_before(on).filter(|row| rows.day(*row) == on);
    let (row, close) =
        row.and_then(|row| Some((row, close(&rows, row)?))).ok_or(GapReason::NoPrice)?;
    let (last, _) = last_close(&rows).ok_or(GapReason::NoPrice)?;
    let stored = basis(&rows, row);
    if stored.is_total_return() != basis(&rows, last).is_total_return() {
        return Err(GapReason::BasisUnknown);
    }
    let units = Units::of(snapshot, instrument);
    let then = units.change(on, stored.units_on(on));
    let since = units.change(on, snapshot.today());
    let (then, since) = then.zip(since).ok_or(GapReason::BasisUnknown)?;
    let (rate, _) = rate(snapshot, instrument, on).map_err(|_| GapReason::NoRate)?;
    Ok(close * then.price / since.shares * rate)
}

/// What a price of a day is multiplied with, and the day of the rate in it.
fn rate(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    on: Day,
) -> Result<(f64, Option<Day>), NoRate> {
    match snapshot.price_rate(instrument, on) {
        None => Ok((1.0, None)),
        Some(rate) => rate.map(|rate| (rate.value, rate.on)),
    }
}

/// A last close in its own currency.
#[derive(Clone, Copy, Debug)]
struct LastClose {
    /// In the units of the view's day.
    price: f64,
    on: Day,
    is_adjusted: bool,
}

impl LastClose {
    fn at_rate(self, snapshot: &Snapshot, instrument: InstrumentId) -> Option<Quote> {
        let LastClose { price, on, is_adjusted } = self;
        let (rate, rate_on) = rate(snapshot, instrument, on).ok()?;
        Some(Quote { price: price * rate, on, is_adjusted, rate_on, rate, left_out_on: None })
    }
}

/// The last close up to a day.
fn last_in_units(snapshot: &Snapshot, instrument: InstrumentId, until: Day) -> Option<LastClose> {
    let rows = snapshot.rows(Dataset::Bars, instrument);
    let mut known = (0..rows.len()).rev().filter(|row| rows.day(*row) <= until);
    let (row, close) = known.find_map(|row| Some((row, close(&rows, row)?)))?;
    let units = Units::of(snapshot, instrument);
    let (on, basis) = (rows.day(row), basis(&rows, row));
    let change = units.change(snapshot.today(), basis.units_on(on))?;
    let is_adjusted = matches!(basis, PriceBasis::TotalReturn { on: until } if on < until);
    Some(LastClose { price: close * change.price, on, is_adjusted })
}

/// The last row with a close.
fn last_close(rows: &Rows<'_>) -> Option<(usize, f64)> {
    (0..rows.len()).rev().find_map(|row| Some((row, close(rows, row)?)))
}

fn close(rows: &Rows<'_>, row: usize) -> Option<f64> {
    rows.value(row, Dataset::Bars.column(Field::Close)).filter(|close| 0.0 < *close)
}

fn basis(rows: &Rows<'_>, row: usize) -> PriceBasis {
    let value = |field| rows.value(row, Dataset::Bars.column(field)).unwrap_or(0.0);
    PriceBasis::from_values(value(Field::PriceBasis), value(Field::BasisOn))
}
