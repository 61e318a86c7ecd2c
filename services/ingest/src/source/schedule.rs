//! When each settlement's short interest could first be seen. Load it before the short interest.

use super::{layout::Layout, reader::Reader};
use crate::parsed_file::{Flow, NameId, ParsedFile};
use marketdata::dataset::{Dataset, SHORT_INTEREST};
use tables::{
    cell::{date, instant},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

pub(crate) const REQUIRED: &[Column] = &[&["settlement"], &["first_seen"]];

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct ScheduleReader {
    settlement: usize,
    first_seen: usize,
}

impl ScheduleReader {
    pub(crate) fn new(layout: &Layout) -> ScheduleReader {
        let find = |column| layout.header.find(column).unwrap_or(0);
        ScheduleReader { settlement: find(REQUIRED[0]), first_seen: find(REQUIRED[1]) }
    }
}

impl Reader for ScheduleReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let settlement = date("the settlement", row.get(self.settlement))?;
        let found = row.get(self.first_seen);
        let seen = instant("first_seen", found)?
            .ok_or_else(|| Fault::new(Reason::MissingValue, "first_seen is empty"))?;
        if seen.new_york_day() < settlement {
            return Err(Fault::of(Reason::EndBeforeStart, "first_seen", found));
        }
        parsed_file.days.check_instant(seen)?;
        let who = parsed_file.names.series(SHORT_INTEREST.as_bytes())?;
        // Microseconds of the next centuries are exact in a double.
        let values = [seen.micros() as f64];
        parsed_file.push(Dataset::Schedules, line, (who, NameId::NONE), settlement, &values)?;
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
