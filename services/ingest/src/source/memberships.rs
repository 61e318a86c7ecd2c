//! Intervals of membership in an index: each row adds a fact of joining and, if it ended, of
//! leaving.
//!
//! The end date is the first day outside the index. Symbols are those of the row's first day. A
//! name that leaves and joins on the same day (a change of ticker) remains a member.

use super::{
    file_name,
    layout::Layout,
    reader::{self, Reader},
};
use crate::{
    options::Options,
    parsed_file::{Flow, ParsedFile},
};
use marketdata::dataset::Dataset;
use tables::{
    cell::{date, is_missing},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

pub(crate) const REQUIRED: &[Column] = &[reader::SYMBOL, &["start_date"], &["end_date"]];

/// Positions of the columns, and the index.
#[derive(Debug)]
pub(crate) struct MembershipsReader {
    index: String,
    symbol: usize,
    start: usize,
    end: usize,
}

impl MembershipsReader {
    pub(crate) fn new(layout: &Layout, options: &Options) -> Result<MembershipsReader, Refusal> {
        let find = |column: Column| layout.header.find(column).unwrap_or(0);
        Ok(MembershipsReader {
            index: file_name::index(options)?,
            symbol: find(reader::SYMBOL),
            start: find(&["start_date"]),
            end: find(&["end_date"]),
        })
    }
}

impl Reader for MembershipsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let start = date("the start", row.get(self.start))?;
        let found = row.get(self.end);
        let end = if is_missing(found) { None } else { Some(date("the end", found)?) };
        if let Some(end) = end.filter(|end| *end <= start) {
            return Err(Fault::new(Reason::EndBeforeStart, format!("{start} to {end}")));
        }
        // Checked before the first fact is added, so that a row is added completely or not at all.
        if let Some(end) = end {
            parsed_file.days.check(Dataset::Memberships, end)?;
        }
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let index = parsed_file.names.series(self.index.as_bytes())?;
        let facts = [Some((start, 1.0)), end.map(|end| (end, 0.0))];
        for (day, member) in facts.into_iter().flatten() {
            let staged =
                parsed_file.push(Dataset::Memberships, line, (who, index), day, &[member])?;
            staged.named.push(start);
        }
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
