//! The SEC's fails to deliver: pipe-delimited, half a month per file, with two trailer lines.
//!
//! `SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE`. The quantity is the balance of
//! the day. A symbol with two rows on a day has two CUSIPs, before and after a change of its name or
//! form: their balances are added up. Rows of payments (`5116REORGPYMNT`) are no securities and are
//! left out. The price is the close before the day, which bars have, and is not read.

use super::{layout::Layout, reader::Reader};
use crate::{
    note::NoteCode,
    parsed_file::{Flow, NameId, ParsedFile, StagedRows, Sums, not_negative},
};
use marketdata::{dataset::Dataset, day::Day};
use std::collections::BTreeMap;
use tables::{
    cell::{amount, date},
    header::Column,
    refusal::{Fault, Reason, Refusal, excerpt},
    row::Row,
};

const DATE: Column = &["settlement date"];
const SYMBOL: Column = &["symbol"];
const QUANTITY: Column = &["quantity (fails)", "quantity"];
pub(crate) const REQUIRED: &[Column] = &[DATE, SYMBOL, QUANTITY];
/// A list of trades has a settlement date, a symbol and a quantity, too.
pub(crate) const TELLING: &[Column] = &[&["quantity (fails)"]];
/// What the symbol of a payment ends with. No ticker is so long.
const PAYMENT: &[u8] = b"YMNT";
const TICKER_BYTES: usize = 8;

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct FailsReader {
    date: usize,
    symbol: usize,
    quantity: usize,
}

impl FailsReader {
    pub(crate) fn new(layout: &Layout) -> FailsReader {
        let find = |column: Column| layout.header.find(column).unwrap_or(0);
        FailsReader { date: find(DATE), symbol: find(SYMBOL), quantity: find(QUANTITY) }
    }
}

/// The text after the beginning of a trailer line. `None` if the line is none.
fn after(beginning: &str, line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?.trim().to_ascii_lowercase();
    text.strip_prefix(beginning).map(str::to_owned)
}

impl Reader for FailsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let symbol = row.get(self.symbol);
        if TICKER_BYTES < symbol.len() && symbol.ends_with(PAYMENT) {
            parsed_file.note(NoteCode::NotAStock, || format!("line {line}: {}", excerpt(symbol)));
            return Ok(Flow::Skipped);
        }
        let day = parsed_file.past(date("the settlement date", row.get(self.date))?)?;
        let found = row.get(self.quantity);
        let shares = amount("the quantity", found)?.map(|decimal| decimal.value);
        let shares = not_negative("the quantity", found, shares)?
            .ok_or_else(|| Fault::new(Reason::MissingValue, "the quantity is empty"))?;
        let who = parsed_file.names.listed(symbol)?;
        parsed_file.push(Dataset::Fails, line, (who, NameId::NONE), day, &[shares])?;
        Ok(Flow::Kept)
    }

    /// `Trailer record count 48216`.
    fn trailer(&self, line: &[u8]) -> Option<u64> {
        after("trailer record count", line)?.trim().parse().ok()
    }

    /// The sum of all quantities, which nothing needs. Rows of a second file are no such line.
    fn may_follow_trailer(&self, line: &[u8]) -> bool {
        after("trailer total quantity", line).is_some()
    }

    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        if parsed_file.trailer.is_none() {
            let text = || "rows may be missing at the end".to_owned();
            parsed_file.note(NoteCode::NoTrailer, text);
        }
        let sums = add_up(parsed_file.staged(Dataset::Fails));
        parsed_file.record(sums);
        Ok(())
    }
}

/// Adds rows of one symbol and day up into the first of them.
fn add_up(staged: &mut StagedRows) -> Sums {
    let mut first: BTreeMap<(NameId, Day), usize> = BTreeMap::new();
    let mut is_kept = vec![true; staged.len()];
    let mut sums = Sums { added: Vec::new(), out_of_range: Vec::new() };
    for (row, kept) in is_kept.iter_mut().enumerate() {
        let before = *first.entry((staged.who[row], staged.day[row])).or_insert(row);
        if before < row {
            *kept = false;
            sums.added.push(staged.line[row]);
            let more = staged.columns[0][row];
            staged.columns[0][before] += more;
        }
    }
    for (row, kept) in is_kept.iter_mut().enumerate().filter(|(_, kept)| **kept) {
        if let Err(fault) = staged.check(&[staged.columns[0][row]]) {
            *kept = false;
            sums.out_of_range.push((staged.line[row], fault));
        }
    }
    if !is_kept.iter().all(|kept| *kept) {
        staged.retain(&is_kept);
    }
    sums
}
