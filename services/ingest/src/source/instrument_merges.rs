//! Merges of instruments: `survivor,merged,date,action`, our own format.
//!
//! `META,FB` says that the data stored under FB and under META are those of one company, which is
//! called META. The symbols are those of the date, or of the day of receipt without one; it matters
//! only for a symbol that several companies have had. The action `retract` undoes a merge.

use super::{layout::Layout, reader::Reader};
use crate::parsed_file::{Flow, MergeRow, ParsedFile};
use marketdata::{dataset::Dataset, symbol::Symbol};
use tables::{
    cell::{date, is_missing},
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct MergesReader {
    survivor: usize,
    merged: usize,
    date: Option<usize>,
    action: Option<usize>,
}

impl MergesReader {
    pub(crate) fn new(layout: &Layout) -> MergesReader {
        let find = |column| layout.header.find(column);
        MergesReader {
            survivor: find(&["survivor"]).unwrap_or(0),
            merged: find(&["merged"]).unwrap_or(0),
            date: find(&["date"]),
            action: find(&["action"]),
        }
    }
}

fn symbol(found: &[u8]) -> Result<Symbol, Fault> {
    Symbol::listed(&tables::row::text(found)).map_err(|error| Fault::symbol(error, found))
}

fn is_retracted(found: &[u8]) -> Result<bool, Fault> {
    match found.to_ascii_lowercase().as_slice() {
        b"" | b"merge" => Ok(false),
        b"retract" => Ok(true),
        _ => Err(Fault::of(Reason::UnknownAction, "the action", found)),
    }
}

impl Reader for MergesReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let dated = self.date.map(|column| row.get(column)).filter(|found| !is_missing(found));
        let on = match dated {
            Some(found) => date("the date", found)?,
            None => parsed_file.today,
        };
        parsed_file.days.check(Dataset::Merges, on)?;
        let survivor = symbol(row.get(self.survivor))?;
        let merged = symbol(row.get(self.merged))?;
        if survivor == merged {
            return Err(Fault::of(Reason::MergeCycle, "the merged symbol", row.get(self.merged)));
        }
        let is_retracted = is_retracted(self.action.map_or(b"", |column| row.get(column)))?;
        parsed_file.merges.push(MergeRow { line, survivor, merged, on, is_retracted });
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
