//! Changes of ticker symbols: `old_symbol,new_symbol,date`, our own format.
//!
//! The date is the first day under the new symbol: `FB,META,2022-06-09`. An empty new symbol
//! retires the old one. Load these files before those that use the names of their rows' dates: once
//! both symbols belong to different instruments, these are merged if their facts do not contradict
//! each other, and otherwise the row is refused.

use super::{layout::Layout, reader::Reader};
use crate::parsed_file::{Flow, ParsedFile, Rename};
use marketdata::{dataset::Dataset, symbol::Symbol};
use tables::{
    cell::{date, is_no_symbol},
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct ChangesReader {
    old: usize,
    new: usize,
    date: usize,
}

impl ChangesReader {
    pub(crate) fn new(layout: &Layout) -> ChangesReader {
        let find = |column| layout.header.find(column).unwrap_or(0);
        ChangesReader {
            old: find(&["old_symbol"]),
            new: find(&["new_symbol"]),
            date: find(&["date"]),
        }
    }
}

fn symbol(found: &[u8]) -> Result<Symbol, Fault> {
    Symbol::listed(&tables::row::text(found)).map_err(|error| Fault::symbol(error, found))
}

impl Reader for ChangesReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let on = date("the date", row.get(self.date))?;
        parsed_file.days.check(Dataset::Listings, on)?;
        let old = symbol(row.get(self.old))?;
        let found = row.get(self.new);
        let new = if is_no_symbol(found) { None } else { Some(symbol(found)?) };
        if new.as_ref() == Some(&old) {
            return Err(Fault::of(Reason::BadSymbol, "the new symbol", found));
        }
        parsed_file.renames.push(Rename { line, old, new, on });
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
