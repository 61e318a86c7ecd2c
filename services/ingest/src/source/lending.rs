//! Securities lending by day: our own format.
//!
//! `symbol,date,utilisation,fee_pct[,on_loan][,lendable][,recall][,published_at]`. Any value may be
//! empty, and is then unknown, never zero. The symbol is that of the date; shares are in its units.
//!
//! `utilisation` is a decimal from 0 to 1; the column `utilisation_pct` is in per cent. A file of per
//! cents under the wrong name has nearly all of its rows above 1, so it is refused. `fee_pct` is in
//! per cent per year, and may be below zero: some borrowers are paid. `recall` says yes or no.

use super::{
    layout::Layout,
    reader::{self, Reader},
};
use crate::{
    note::NoteCode,
    parsed_file::{Flow, NameId, ParsedFile, Stated, not_negative, or_absent},
};
use marketdata::dataset::Dataset;
use tables::{
    cell::{amount, date, flag, instant, percentage},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

const UTILISATION: Column = &["utilisation", "utilization", "utilisation_pct", "utilization_pct"];
const UTILISATION_PCT: Column = &["utilisation_pct", "utilization_pct"];
const FEE: Column = &["fee_pct"];
pub(crate) const REQUIRED: &[Column] = &[reader::SYMBOL, reader::DATE, UTILISATION, FEE];

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct LendingReader {
    symbol: usize,
    date: usize,
    utilisation: usize,
    /// Whether utilisation is in per cent.
    is_in_per_cent: bool,
    fee: usize,
    on_loan: Option<usize>,
    lendable: Option<usize>,
    recall: Option<usize>,
    published: Option<usize>,
}

impl LendingReader {
    pub(crate) fn new(layout: &Layout) -> LendingReader {
        let find = |column: Column| layout.header.find(column);
        let required = |column: Column| find(column).unwrap_or(0);
        let utilisation = required(UTILISATION);
        LendingReader {
            symbol: required(reader::SYMBOL),
            date: required(reader::DATE),
            utilisation,
            is_in_per_cent: find(UTILISATION_PCT) == Some(utilisation),
            fee: required(FEE),
            on_loan: find(&["on_loan", "shares_on_loan"]),
            lendable: find(&["lendable", "shares_lendable"]),
            recall: find(&["recall", "recalled"]),
            published: find(&["published_at"]),
        }
    }

    fn utilisation(&self, row: &Row<'_>) -> Result<Option<f64>, Fault> {
        let found = row.get(self.utilisation);
        let read = match self.is_in_per_cent {
            true => percentage("the utilisation", found)?,
            false => amount("the utilisation", found)?.map(|decimal| decimal.value),
        };
        match not_negative("the utilisation", found, read)? {
            Some(value) if 1.0 < value => {
                Err(Fault::of(Reason::OutOfRange, "the utilisation", found))
            }
            value => Ok(value),
        }
    }

    fn values(&self, row: &Row<'_>) -> Result<[Option<f64>; 5], Fault> {
        let shares = |field: &str, column: Option<usize>| {
            let found = row.optional(column);
            not_negative(field, found, amount(field, found)?.map(|decimal| decimal.value))
        };
        Ok([
            self.utilisation(row)?,
            percentage("the fee", row.get(self.fee))?,
            shares("the shares on loan", self.on_loan)?,
            shares("the lendable shares", self.lendable)?,
            flag("the recall", row.optional(self.recall))?.map(|yes| f64::from(u8::from(yes))),
        ])
    }
}

impl Reader for LendingReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let day = parsed_file.past(date("the date", row.get(self.date))?)?;
        let values = self.values(row)?;
        if values.iter().all(Option::is_none) {
            parsed_file.note(NoteCode::NoValue, || format!("line {line}"));
            return Ok(Flow::Skipped);
        }
        let published = match self.published {
            Some(column) => instant("published_at", row.get(column))?,
            None => None,
        };
        published.map(|instant| parsed_file.days.check_instant(instant)).transpose()?;
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let values = values.map(or_absent);
        let staged = parsed_file.push(Dataset::Lending, line, (who, NameId::NONE), day, &values)?;
        if self.published.is_some() {
            staged.stated.push(published.map(Stated::At));
        }
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
