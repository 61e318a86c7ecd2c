//! Daily prices: tables with a symbol column, files of one symbol, files of dates and closes.
//!
//! The adjustments in the prices, if the caller does not state them (`price_basis`):
//! - with an `Adj Close` column (Yahoo), open, high, low, close and volume are split-adjusted, and
//!   `Adj Close` is also adjusted for distributions: the basis is split-adjusted, and the
//!   distribution of each day is computed from the two closes;
//! - with `Close/Last` (Nasdaq.com), prices are as traded;
//! - with Stooq's own column names (`<TICKER>`), prices are adjusted for splits and distributions;
//! - otherwise prices are adjusted for splits, as most vendors deliver a plain file.
//!
//! The day up to which they are adjusted (`adjusted_on`) is the caller's, else the day of receipt.

use super::{
    file_name,
    layout::Layout,
    reader::{self, Reader},
};
use crate::{
    kind::SourceKind,
    note::NoteCode,
    options::Options,
    parsed_file::{Flow, NameId, ParsedFile, or_absent},
};
use marketdata::{
    basis::{BasisKind, PriceBasis},
    dataset::Dataset,
    day::Day,
    instant::Instant,
};
use tables::{
    cell::{Decimal, amount, date},
    header::{Column, Header},
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

/// Positions of the columns, and the symbol of the rows.
#[derive(Debug)]
pub(crate) struct BarsReader {
    symbol: Option<usize>,
    date: usize,
    open: Option<usize>,
    high: Option<usize>,
    low: Option<usize>,
    close: usize,
    adjusted: Option<usize>,
    volume: Option<usize>,
    /// The only symbol of the file, if no column names it.
    only: Option<String>,
    who: NameId,
    /// The last day whose close was before the file was received.
    last_day: Day,
    latest: Day,
    named_on: Option<Day>,
    raw: bool,
}

impl BarsReader {
    pub(crate) fn new(
        layout: &Layout,
        options: &Options,
        parsed_file: &mut ParsedFile,
    ) -> Result<BarsReader, Refusal> {
        let header = &layout.header;
        let find = |column| header.find(column);
        let symbol = match layout.kind {
            SourceKind::OhlcvTable => find(reader::SYMBOL),
            _ => find(STOOQ_TICKER),
        };
        let only = match symbol {
            Some(_) => None,
            None => Some(file_name::symbol(options)?),
        };
        let basis = basis(layout, options, parsed_file);
        parsed_file.staged(Dataset::Bars).basis = Some(basis);
        let received_on = options.received_at.new_york_day();
        let over = Instant::close_of(received_on) <= options.received_at;
        Ok(BarsReader {
            symbol,
            date: find(reader::DATE).unwrap_or(0),
            open: find(reader::OPEN),
            high: find(reader::HIGH),
            low: find(reader::LOW),
            close: find(reader::CLOSE).unwrap_or(0),
            adjusted: find(ADJUSTED_CLOSE),
            volume: find(&["volume", "<vol>"]),
            only,
            who: NameId::NONE,
            last_day: if over { received_on } else { received_on.plus(-1) },
            latest: Day::MIN,
            named_on: options.observed_on.or(match basis {
                PriceBasis::Raw => None,
                PriceBasis::SplitAdjusted { on } | PriceBasis::TotalReturn { on } => Some(on),
            }),
            raw: basis == PriceBasis::Raw,
        })
    }

    #[inline]
    fn name_of(&mut self, row: &Row<'_>, parsed_file: &mut ParsedFile) -> Result<NameId, Fault> {
        match (self.symbol, &self.only) {
            (Some(column), _) => parsed_file.names.listed(row.get(column)),
            (None, Some(only)) if self.who == NameId::NONE => {
                self.who = parsed_file.names.listed(only.as_bytes())?;
                Ok(self.who)
            }
            (None, _) => Ok(self.who),
        }
    }

    #[inline]
    fn day(&mut self, found: &[u8]) -> Result<Day, Fault> {
        let day = date("the date", found)?;
        if self.last_day < day {
            return Err(Fault::future(day));
        }
        self.latest = self.latest.max(day);
        Ok(day)
    }
}

const ADJUSTED_CLOSE: Column = &["adj close", "adjusted close", "adjclose"];
/// A column that only Stooq writes.
const STOOQ_TICKER: Column = &["<ticker>"];

/// How prices under this header are taken as adjusted if the caller does not say.
pub(super) fn default_basis(header: &Header) -> BasisKind {
    let has = |column| header.find(column).is_some();
    if has(ADJUSTED_CLOSE) {
        BasisKind::SplitAdjusted
    } else if has(&["close/last"]) {
        BasisKind::Raw
    } else if has(STOOQ_TICKER) {
        BasisKind::TotalReturn
    } else {
        BasisKind::SplitAdjusted
    }
}

fn basis(layout: &Layout, options: &Options, parsed_file: &mut ParsedFile) -> PriceBasis {
    let on = options.adjusted_on.unwrap_or_else(|| options.received_at.new_york_day());
    let choice = options.price_basis.unwrap_or_else(|| default_basis(&layout.header));
    let basis = PriceBasis::of(choice, on);
    if options.price_basis.is_none() {
        let name = choice.name();
        parsed_file.note(NoteCode::DefaultBasis, || match basis {
            PriceBasis::Raw => format!("prices taken as {name}"),
            _ => format!("prices taken as {name}, up to {on}"),
        });
    }
    basis
}

/// A price: positive if present.
#[inline]
fn price(field: &str, row: &Row<'_>, column: Option<usize>) -> Result<Option<Decimal>, Fault> {
    let Some(column) = column else { return Ok(None) };
    let found = row.get(column);
    match amount(field, found)? {
        Some(Decimal { value, .. }) if value <= 0.0 => {
            Err(Fault::of(Reason::NotPositive, field, found))
        }
        read => Ok(read),
    }
}

/// Relative error of a price above which rounding in single precision does not explain it.
const SLACK: f64 = 1.0 / 4_194_304.0;
/// One unit of the sixth decimal, with which vendors print adjusted prices.
const SIXTH: f64 = 1e-6;

/// Rejects prices of a day that contradict each other by more than one unit of the last printed
/// digit.
#[inline]
fn check_range(close: Decimal, high: Option<Decimal>, low: Option<Decimal>) -> Result<(), Fault> {
    let unit = match close.decimals {
        6 => SIXTH,
        decimals => 2.0 * tables::cell::rounding(0.0, decimals),
    };
    let tolerance = close.value * SLACK + unit;
    if let (Some(high), Some(low)) = (high, low)
        && high.value < low.value - tolerance
    {
        let text = format!("high {} below low {}", high.value, low.value);
        return Err(Fault::new(Reason::HighBelowLow, text));
    }
    if is_outside(close, high, low, tolerance) {
        let text = format!("close {} outside {}", close.value, range(high, low));
        return Err(Fault::new(Reason::CloseOutsideRange, text));
    }
    Ok(())
}

#[inline]
fn is_outside(price: Decimal, high: Option<Decimal>, low: Option<Decimal>, by: f64) -> bool {
    high.is_some_and(|high| high.value + by < price.value)
        || low.is_some_and(|low| price.value < low.value - by)
}

fn range(high: Option<Decimal>, low: Option<Decimal>) -> String {
    let (low, high) = (low.map_or(0.0, |d| d.value), high.map_or(f64::INFINITY, |d| d.value));
    format!("{low} to {high}")
}

/// Notes an open or close that is outside the day's range by more than single precision explains.
/// The row is kept, because the close is what matters and vendors' highs omit auctions and odd
/// lots.
#[inline]
fn note_outside(
    line: u32,
    prices: [Option<Decimal>; 2],
    high: Option<Decimal>,
    low: Option<Decimal>,
    parsed_file: &mut ParsedFile,
) {
    for (name, price) in ["open", "close"].into_iter().zip(prices) {
        let Some(price) = price else { continue };
        if is_outside(price, high, low, price.value * SLACK + SIXTH) {
            let text =
                || format!("line {line}: {name} {} outside {}", price.value, range(high, low));
            parsed_file.note(NoteCode::OutsideRange, text);
        }
    }
}

impl Reader for BarsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let day = self.day(row.get(self.date))?;
        let open = price("the open", row, self.open)?;
        let high = price("the high", row, self.high)?;
        let low = price("the low", row, self.low)?;
        let close = price("the close", row, Some(self.close))?;
        let adjusted = price("the adjusted close", row, self.adjusted)?;
        let volume = match self.volume {
            Some(column) => amount("the volume", row.get(column))?,
            None => None,
        };
        let Some(close) = close else {
            if open.or(high).or(low).is_some() {
                return Err(Fault::new(Reason::MissingValue, "the close is empty"));
            }
            parsed_file.note(NoteCode::NoValue, || format!("line {line}"));
            return Ok(Flow::Skipped);
        };
        check_range(close, high, low)?;
        if let Some(volume) = volume.filter(|volume| volume.value < 0.0) {
            let text = format!("the volume is {}", volume.value);
            return Err(Fault::new(Reason::Negative, text));
        }
        let who = self.name_of(row, parsed_file)?;
        let value = |read: Option<Decimal>| or_absent(read.map(|decimal| decimal.value));
        // Until the rows are sorted, the adjusted close takes the place of the distribution.
        let values =
            [value(open), value(high), value(low), close.value, value(volume), value(adjusted)];
        let staged = parsed_file.push(Dataset::Bars, line, (who, NameId::NONE), day, &values)?;
        let adjusted = adjusted.map_or(0, |adjusted| adjusted.decimals.min(15));
        staged.decimals.push(close.decimals.min(15) | adjusted << 4);
        note_outside(line, [open, Some(close)], high, low, parsed_file);
        Ok(Flow::Kept)
    }

    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        // As-traded files use the names as of their last row, adjusted ones those as of their
        // adjustment.
        parsed_file.named_on = self.named_on.or(self.raw.then_some(self.latest));
        Ok(())
    }
}
