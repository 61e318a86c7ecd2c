//! Risk models of vendors: our own format, in three files, of one day or of many.
//!
//! `symbol,date,factor,value[,model][,published_at]`, exposures;
//! `date,factor_a,factor_b,value[,model][,period][,published_at]`, covariances of factors, each pair
//! once or twice; `symbol,date,volatility[,model][,period][,published_at]`, specific volatilities.
//!
//! A model is named by its column or by the caller. Covariances and volatilities are decimals, for a
//! session or for a year of 252: the column `period`, else the caller, else a comment `# period: year`
//! before the header says which. They are stored per year. Figures in per cent are above what any
//! market has, so a file of them is refused.

mod covariance;
mod exposures;

pub(crate) use covariance::CovarianceReader;
pub(crate) use exposures::ExposuresReader;

use super::{
    layout::Layout,
    reader::{self, Reader},
};
use crate::{
    options::{Options, RiskPeriod},
    parsed_file::{Flow, NameId, ParsedFile, StagedRows, Stated, not_negative},
};
use marketdata::{
    dataset::Dataset,
    day::Day,
    symbol::{SPECIFIC_FACTOR, Symbol},
};
use tables::{
    cell::{amount, date, instant, is_missing, number},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

pub(crate) const FACTOR: Column = &["factor"];
pub(crate) const FACTOR_A: Column = &["factor_a"];
const FACTOR_B: Column = &["factor_b"];
const VALUE: Column = &["value"];
const VOLATILITY: Column = &["volatility"];
const MODEL: Column = &["model"];
const PERIOD: Column = &["period"];
pub(crate) const EXPOSURES: &[Column] = &[reader::SYMBOL, reader::DATE, FACTOR, VALUE];
pub(crate) const COVARIANCE: &[Column] = &[reader::DATE, FACTOR_A, FACTOR_B, VALUE];
pub(crate) const SPECIFIC: &[Column] = &[reader::SYMBOL, reader::DATE, VOLATILITY];

/// Sessions of a year, for figures stated per session.
const SESSIONS_PER_YEAR: f64 = 252.0;
/// Greatest specific volatility per year: a share that moves by 126 % every day. A file of per cents
/// has nearly all of its rows above it.
const VOLATILITY_MOST: f64 = 20.0;
/// Values nearer to zero are zero: no book is large enough to show them.
const DUST: f64 = 1e-18;

/// What the rows of all three files state besides their values.
#[derive(Debug)]
struct Common {
    date: usize,
    model: Option<usize>,
    /// The model of rows without a column for it.
    only: String,
    published: Option<usize>,
}

impl Common {
    fn new(layout: &Layout, options: &Options) -> Result<Common, Refusal> {
        let model = layout.header.find(MODEL);
        let only = match (&options.symbol, model) {
            (Some(name), _) => match Symbol::factor(name, SPECIFIC_FACTOR) {
                Ok(_) => name.clone(),
                Err(error) => {
                    let (option, value, fault) = ("symbol", name.clone(), error.to_string());
                    return Err(Refusal::BadOption { option, value, fault });
                }
            },
            (None, Some(_)) => String::new(),
            (None, None) => return Err(Refusal::ModelNeeded),
        };
        let date = layout.header.find(reader::DATE).unwrap_or(0);
        Ok(Common { date, model, only, published: layout.header.find(&["published_at"]) })
    }

    fn model<'a>(&'a self, row: &Row<'a>) -> &'a [u8] {
        match row.optional(self.model) {
            found if is_missing(found) => self.only.as_bytes(),
            found => found,
        }
    }

    /// The day of a row, and when it says it was published.
    fn dates(
        &self,
        row: &Row<'_>,
        parsed_file: &ParsedFile,
    ) -> Result<(Day, Option<Stated>), Fault> {
        let day = parsed_file.past(date("the date", row.get(self.date))?)?;
        let published = match self.published {
            Some(column) => instant("published_at", row.get(column))?,
            None => None,
        };
        published.map(|instant| parsed_file.days.check_instant(instant)).transpose()?;
        Ok((day, published.map(Stated::At)))
    }

    /// Keeps what a row says of its publication.
    fn state(&self, staged: &mut StagedRows, stated: Option<Stated>) {
        if self.published.is_some() {
            staged.stated.push(stated);
        }
    }
}

/// What the figures of a file are for.
#[derive(Debug)]
struct Periods {
    column: Option<usize>,
    /// Of rows that do not say it.
    of_file: Option<RiskPeriod>,
}

impl Periods {
    fn new(layout: &Layout, options: &Options) -> Result<Periods, Refusal> {
        let column = layout.header.find(PERIOD);
        let commented = layout.preamble.iter().find_map(|line| commented(line));
        let of_file = options.risk_period.or(commented);
        match of_file.is_none() && column.is_none() {
            true => Err(Refusal::PeriodNeeded),
            false => Ok(Periods { column, of_file }),
        }
    }

    /// By what a variance is multiplied to be one of a year.
    fn years(&self, row: &Row<'_>) -> Result<f64, Fault> {
        let found = row.optional(self.column);
        let period = match is_missing(found) {
            true => self.of_file,
            false => match period(found) {
                None => return Err(Fault::of(Reason::UnknownPeriod, "the period", found)),
                known => known,
            },
        };
        match period {
            Some(RiskPeriod::Year) => Ok(1.0),
            Some(RiskPeriod::Session) => Ok(SESSIONS_PER_YEAR),
            None => Err(Fault::of(Reason::MissingValue, "the period", found)),
        }
    }
}

fn period(text: &[u8]) -> Option<RiskPeriod> {
    match text.to_ascii_lowercase().as_slice() {
        b"year" | b"annual" | b"yearly" => Some(RiskPeriod::Year),
        b"session" | b"day" | b"daily" => Some(RiskPeriod::Session),
        _ => None,
    }
}

/// The period that a comment states.
fn commented(line: &str) -> Option<RiskPeriod> {
    let text = line.strip_prefix('#')?.trim().to_ascii_lowercase();
    period(text.strip_prefix("period:")?.trim().as_bytes())
}

/// When a row says that it was published, in microseconds.
fn micros(stated: Option<Stated>) -> Option<i64> {
    match stated {
        Some(Stated::At(instant)) => Some(instant.micros()),
        Some(Stated::With(_)) | None => None,
    }
}

/// A factor of a row. An asterisk stands for specific returns and is in no name of a factor, so that
/// nobody takes one for the other.
fn factor(parsed_file: &mut ParsedFile, model: &[u8], found: &[u8]) -> Result<NameId, Fault> {
    if found.iter().any(|byte| SPECIFIC_FACTOR.as_bytes() == [*byte]) {
        return Err(Fault::of(Reason::BadSymbol, "the factor", found));
    }
    parsed_file.names.factor(model, found)
}

/// A number that must be present.
fn present(field: &str, found: &[u8]) -> Result<f64, Fault> {
    let missing = || Fault::of(Reason::MissingValue, field, found);
    let value = number(field, found)?.ok_or_else(missing)?.value;
    Ok(if value.abs() < DUST { 0.0 } else { value })
}

/// Specific volatilities of names.
#[derive(Debug)]
pub(crate) struct SpecificReader {
    common: Common,
    periods: Periods,
    symbol: usize,
    volatility: usize,
}

impl SpecificReader {
    pub(crate) fn new(layout: &Layout, options: &Options) -> Result<SpecificReader, Refusal> {
        let required = |column: Column| layout.header.find(column).unwrap_or(0);
        Ok(SpecificReader {
            common: Common::new(layout, options)?,
            periods: Periods::new(layout, options)?,
            symbol: required(reader::SYMBOL),
            volatility: required(VOLATILITY),
        })
    }
}

impl Reader for SpecificReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        const FIELD: &str = "the volatility";
        let (day, stated) = self.common.dates(row, parsed_file)?;
        let found = row.get(self.volatility);
        let value = amount(FIELD, found)?.map(|decimal| decimal.value);
        let Some(value) = not_negative(FIELD, found, value)? else {
            return Err(Fault::of(Reason::MissingValue, FIELD, found));
        };
        let volatility = value * self.periods.years(row)?.sqrt();
        if VOLATILITY_MOST < volatility {
            let text = format!("{FIELD} is {volatility} per year, a decimal is accepted");
            return Err(Fault::new(Reason::OutOfRange, text));
        }
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let model = self.common.model(row);
        let specific = parsed_file.names.factor(model, SPECIFIC_FACTOR.as_bytes())?;
        let names = (who, specific);
        let dataset = Dataset::VendorSpecificRisks;
        let staged = parsed_file.push(dataset, line, names, day, &[volatility])?;
        self.common.state(staged, stated);
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}

/// A pair of factors in the order in which it is stored.
fn ordered(parsed_file: &ParsedFile, a: NameId, b: NameId) -> (NameId, NameId) {
    let symbol = |name: NameId| &parsed_file.names.list()[name.0 as usize].1;
    if symbol(a) <= symbol(b) { (a, b) } else { (b, a) }
}
