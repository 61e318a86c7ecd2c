//! Security masters: the identifiers of listed lines, our own format with the usual column names.
//!
//! `symbol,figi,isin,cusip,sedol,mic,name,asset_class,currency[,from,until]`; every column but the
//! symbol and one identifier may be missing, and a row needs an identifier or a currency. `from` is the first day and `until` the day after the
//! last; an empty `from` begins before all markets, and an empty `until` or 9999-12-31 is open. A
//! file without these two columns describes its own day: the caller's as-of date, else the day in
//! its name, else the day of receipt. An `until` on the day of `from` withdraws the row of that day.
//!
//! The symbol is that of the row's last day, or of the file's day if the row goes on.

use super::{
    file_name,
    layout::Layout,
    reader::{self, CLOSE, DATE, Reader},
};
use crate::{
    note::NoteCode,
    options::Options,
    parsed_file::{Flow, NameId, ParsedFile},
};
use marketdata::{
    currency::Quotation,
    dataset::{Dataset, EARLIEST},
    day::Day,
    identifier::{Scheme, check_mic},
    identities::OPEN,
};
use tables::{
    cell::{date, is_missing},
    header::Column,
    refusal::{Fault, Reason, Refusal, excerpt},
    row::{Row, text},
};

const FIGI: Column = &["figi", "composite_figi", "share_class_figi", "bbg_id"];
const ISIN: Column = &["isin"];
const CUSIP: Column = &["cusip"];
const SEDOL: Column = &["sedol"];
const FROM: Column = &["from", "from_on", "valid_from", "start_date"];
const UNTIL: Column = &["until", "until_on", "valid_until", "end_date"];
pub(crate) const REQUIRED: &[Column] =
    &[reader::SYMBOL, &["isin", "figi", "cusip", "sedol", "composite_figi", "share_class_figi"]];
/// An open end, as many masters write it.
const NO_END: &[u8] = b"9999-12-31";
/// Columns of prices and of portfolios, which may have identifiers too.
pub(crate) const EXCLUDED: &[Column] = &[
    DATE,
    CLOSE,
    &["settlement date"],
    &["quantity", "shares", "qty", "units", "position", "market_value", "weight"],
];

/// Positions of the columns, and the day of the file.
#[derive(Debug)]
pub(crate) struct MasterReader {
    file_day: Day,
    symbol: usize,
    /// By [`Scheme::ALL`].
    codes: [Option<usize>; 4],
    mic: Option<usize>,
    name: Option<usize>,
    asset_class: Option<usize>,
    currency: Option<usize>,
    from: Option<usize>,
    until: Option<usize>,
}

impl MasterReader {
    pub(crate) fn new(
        layout: &Layout,
        options: &Options,
        parsed_file: &ParsedFile,
    ) -> Result<MasterReader, Refusal> {
        let find = |column| layout.header.find(column);
        let given = options.observed_on.or_else(|| file_name::day(&options.file_name));
        let file_day = given.unwrap_or(parsed_file.today);
        if parsed_file.today < file_day {
            return Err(Refusal::DateNeeded { file_name: options.file_name.clone() });
        }
        Ok(MasterReader {
            file_day,
            symbol: find(reader::SYMBOL).unwrap_or(0),
            codes: [FIGI, ISIN, CUSIP, SEDOL].map(find),
            mic: find(&["mic", "mic_code", "exchange_mic"]),
            name: find(&["name", "security_name", "security"]),
            asset_class: find(&["asset_class", "asset_type", "security_type"]),
            currency: find(&["currency", "ccy"]),
            from: find(FROM),
            until: find(UNTIL),
        })
    }

    /// The first day, and the end day if the row states one.
    fn days(&self, row: &Row<'_>, parsed_file: &ParsedFile) -> Result<(Day, Option<Day>), Fault> {
        let day = |field, column| match row.optional(column) {
            found if is_missing(found) || found == NO_END => Ok(None),
            found => date(field, found).map(Some),
        };
        let end = day("the end", self.until)?;
        let from = match day("the start", self.from)? {
            Some(from) => from,
            None if self.from.is_some() || end.is_some() => EARLIEST,
            None => self.file_day,
        };
        let until = self.until.map(|_| end.unwrap_or(OPEN));
        if let Some(until) = until.filter(|until| *until != OPEN) {
            parsed_file.days.check(Dataset::Identifiers, until)?;
            if until < from {
                return Err(Fault::new(Reason::EndBeforeStart, format!("{from} to {until}")));
            }
        }
        Ok((from, until))
    }

    /// The day of which the symbol is.
    fn named_on(&self, (from, until): (Day, Option<Day>)) -> Day {
        until.map_or(self.file_day, |until| until.plus(-1).max(from).min(self.file_day))
    }
}

/// An identifier in capital letters; empty if missing.
fn code(found: &[u8]) -> String {
    if is_missing(found) { String::new() } else { text(found).trim().to_ascii_uppercase() }
}

/// The code of a currency; empty if missing.
fn currency(found: &[u8]) -> Result<String, Fault> {
    if is_missing(found) {
        return Ok(String::new());
    }
    let code = Quotation::code_of(&text(found));
    if Quotation::parse(&code).is_some() {
        return Ok(code);
    }
    Err(bad("currency", &code, "must be an ISO 4217 code, or GBX, ZAC or ILA for hundredths"))
}

fn bad(field: &str, found: &str, what: &str) -> Fault {
    let text = format!("{field} {:?}: {what}", excerpt(found.as_bytes()));
    Fault::new(Reason::BadIdentifier, text)
}

impl Reader for MasterReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let days = self.days(row, parsed_file)?;
        let codes = self.codes.map(|column| code(row.optional(column)));
        for (scheme, found) in Scheme::ALL.iter().zip(&codes).filter(|(_, text)| !text.is_empty()) {
            scheme.check(found).map_err(|what| bad(scheme.name(), found, what))?;
        }
        let mic = code(row.optional(self.mic));
        if !mic.is_empty() {
            check_mic(&mic).map_err(|what| bad("mic", &mic, what))?;
        }
        let currency = currency(row.optional(self.currency))?;
        if codes.iter().all(String::is_empty) && currency.is_empty() {
            parsed_file.note(NoteCode::NoValue, || format!("line {line}"));
            return Ok(Flow::Skipped);
        }
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let mut values = [f64::NAN; 9];
        values[0] = days.1.map_or(f64::NAN, |until| f64::from(until.epoch()));
        for ((value, scheme), found) in values[1..5].iter_mut().zip(Scheme::ALL).zip(codes) {
            *value = parsed_file.text(scheme.name(), found)?;
        }
        values[5] = parsed_file.text("mic", mic)?;
        values[6] = parsed_file.text("the name", row.text(self.name))?;
        values[7] = parsed_file.text("the asset class", row.text(self.asset_class))?;
        values[8] = parsed_file.text("the currency", currency)?;
        let staged =
            parsed_file.push(Dataset::Identifiers, line, (who, NameId::NONE), days.0, &values)?;
        staged.named.push(self.named_on(days));
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
