//! Holdings of investment managers, as reported on form 13F: our own format, with the SEC's names
//! of columns accepted too.
//!
//! `manager,symbol,shares,value,period,filed_at[,amendment][,put_call][,share_type]`. A manager is
//! named by its CIK, or by any other name without blanks. The symbol is that of the last day of the
//! period; shares are in its units. `filed_at` is the instant of acceptance. A day without a time
//! means 22:00 in New York, when the SEC's system closes, so that nothing is known too early.
//!
//! `value` is as filed: whole dollars, and thousands of dollars in filings before 2023-01-03. The
//! column `value_usd` is always in dollars.
//!
//! Rows of one manager, symbol, period and filing are parts of one position (several accounts) and
//! are added up. Options (`put_call`) and bonds by principal (`share_type` PRN) are skipped. An
//! amendment is a RESTATEMENT, which replaces the whole filing, or NEW HOLDINGS, which adds to it; a
//! name that is added twice has what the later one says.

use super::{
    layout::Layout,
    reader::{self, Reader},
};
use crate::{
    note::NoteCode,
    parsed_file::{Flow, NameId, ParsedFile, StagedRows, Stated, Sums, not_negative, or_absent},
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
};
use tables::{
    cell::{amount, date, instant, is_missing},
    header::Column,
    refusal::{Fault, Reason, Refusal, excerpt},
    row::Row,
};

const MANAGER: Column = &["manager", "cik", "manager_cik"];
const SHARES: Column = &["shares", "sshprnamt"];
const VALUE: Column = &["value_usd", "value"];
const PERIOD: Column = &["period", "period_of_report", "periodofreport"];
const FILED: Column = &["filed_at", "acceptance_datetime", "filed_on", "filing_date", "filingdate"];
pub(crate) const REQUIRED: &[Column] = &[MANAGER, reader::SYMBOL, SHARES, VALUE, PERIOD, FILED];

/// The first day whose filings state values in dollars: 2023-01-03.
const WHOLE_DOLLARS: Day = Day::from_epoch(19_360);
/// Dollars per unit of value before that day.
const THOUSANDS: f64 = 1e3;
/// Shares and value are the first columns.
const AMOUNTS: usize = 2;
/// The hour in New York at which the SEC's system closes.
const FILING_ENDS: i8 = 22;

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct ManagerHoldingsReader {
    manager: usize,
    symbol: usize,
    shares: usize,
    value: usize,
    /// Whether values are in dollars whenever they were filed.
    is_in_dollars: bool,
    period: usize,
    filed: usize,
    amendment: Option<usize>,
    put_call: Option<usize>,
    share_type: Option<usize>,
}

impl ManagerHoldingsReader {
    pub(crate) fn new(layout: &Layout) -> ManagerHoldingsReader {
        let find = |column: Column| layout.header.find(column);
        let required = |column: Column| find(column).unwrap_or(0);
        ManagerHoldingsReader {
            manager: required(MANAGER),
            symbol: required(reader::SYMBOL),
            shares: required(SHARES),
            value: required(VALUE),
            is_in_dollars: find(&["value_usd"]).is_some(),
            period: required(PERIOD),
            filed: required(FILED),
            amendment: find(&["amendment", "amendment_type", "amendmenttype"]),
            put_call: find(&["put_call", "putcall"]),
            share_type: find(&["share_type", "sshprnamttype"]),
        }
    }

    /// Whether the row is an option, or a bond by its principal.
    fn is_no_share(&self, row: &Row<'_>) -> bool {
        let (option, unit) = (row.optional(self.put_call), row.optional(self.share_type));
        !is_missing(option) || unit.eq_ignore_ascii_case(b"PRN")
    }

    /// Shares and dollars.
    fn amounts(&self, row: &Row<'_>, filed: Instant) -> Result<[f64; 2], Fault> {
        let read = |field: &str, column: usize| {
            let found = row.get(column);
            let value = amount(field, found)?.map(|decimal| decimal.value);
            not_negative(field, found, value)
        };
        let Some(shares) = read("the shares", self.shares)? else {
            return Err(Fault::of(Reason::MissingValue, "the shares", row.get(self.shares)));
        };
        let is_in_dollars = self.is_in_dollars || WHOLE_DOLLARS <= filed.new_york_day();
        let unit = if is_in_dollars { 1.0 } else { THOUSANDS };
        Ok([shares, or_absent(read("the value", self.value)?) * unit])
    }
}

/// The instant of a filing; that of a day without a time is its end.
fn filed_at(found: &[u8]) -> Result<Instant, Fault> {
    if is_missing(found) {
        return Err(Fault::of(Reason::MissingValue, "filed_at", found));
    }
    match found.contains(&b':') {
        true => instant("filed_at", found)?
            .ok_or_else(|| Fault::of(Reason::BadInstant, "filed_at", found)),
        false => Ok(Instant::new_york(date("filed_at", found)?, FILING_ENDS, 0)),
    }
}

/// Whether a filing adds to an earlier one.
fn adds(found: &[u8]) -> Result<bool, Fault> {
    match found.to_ascii_uppercase().as_slice() {
        b"" | b"RESTATEMENT" => Ok(false),
        b"NEW HOLDINGS" => Ok(true),
        _ => Err(Fault::of(Reason::UnknownAmendment, "the amendment", found)),
    }
}

impl Reader for ManagerHoldingsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        if self.is_no_share(row) {
            let what = row.get(self.symbol);
            parsed_file.note(NoteCode::NotAStock, || format!("line {line}: {}", excerpt(what)));
            return Ok(Flow::Skipped);
        }
        let period = parsed_file.past(date("the period", row.get(self.period))?)?;
        let filed = filed_at(row.get(self.filed))?;
        parsed_file.days.check_instant(filed)?;
        let [shares, value] = self.amounts(row, filed)?;
        let adds = f64::from(u8::from(adds(row.optional(self.amendment))?));
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let manager = parsed_file.names.series(row.get(self.manager))?;
        let values = [shares, value, filed.micros() as f64, adds];
        let dataset = Dataset::ManagerHoldings;
        let staged = parsed_file.push(dataset, line, (who, manager), period, &values)?;
        staged.stated.push(Some(Stated::At(filed)));
        Ok(Flow::Kept)
    }

    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        let sums = add_up(parsed_file.staged(Dataset::ManagerHoldings));
        parsed_file.record(sums);
        Ok(())
    }
}

/// The order in which rows of one position of one filing are beside each other, in that of the file.
type Part = (NameId, NameId, Day, i64, u32);

/// Adds rows of one position of one filing up into the first of them.
fn add_up(staged: &mut StagedRows) -> Sums {
    let filed = Dataset::ManagerHoldings.column(Field::FiledAt);
    let part = |row: u32| -> Part {
        let at = row as usize;
        let filed = staged.columns[filed][at] as i64;
        (staged.who[at], staged.other[at], staged.day[at], filed, row)
    };
    let mut order: Vec<Part> = (0..staged.len() as u32).map(part).collect();
    order.sort_unstable();
    let mut is_kept = vec![true; staged.len()];
    let mut sums = Sums { added: Vec::new(), out_of_range: Vec::new() };
    for same in order.chunk_by(|a, b| (a.0, a.1, a.2, a.3) == (b.0, b.1, b.2, b.3)) {
        let first = same[0].4 as usize;
        for (.., row) in &same[1..] {
            let row = *row as usize;
            is_kept[row] = false;
            sums.added.push(staged.line[row]);
            for column in &mut staged.columns[..AMOUNTS] {
                column[first] += column[row];
            }
        }
        let amounts: Vec<f64> = staged.columns[..AMOUNTS].iter().map(|c| c[first]).collect();
        if let Err(fault) = staged.check(&amounts) {
            is_kept[first] = false;
            sums.out_of_range.push((staged.line[first], fault));
        }
    }
    if !is_kept.iter().all(|kept| *kept) {
        staged.retain(&is_kept);
    }
    sums.added.sort_unstable();
    sums
}
