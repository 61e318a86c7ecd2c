//! When each settlement's short interest could first be seen. Load it before the short interest.

use super::{
    Reader,
    cell::date,
    header::{Column, Layout},
    refusal::{Fault, Reason, Refusal},
    row::Row,
    series::instant,
    sheet::{Flow, NameId, Sheet},
};
use crate::{dataset::Dataset, ingest::SHORT_INTEREST};

pub(crate) const REQUIRED: &[Column] = &[&["settlement"], &["first_seen"]];

/// Where the columns are.
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
    fn row(&mut self, line: u32, row: &Row<'_>, sheet: &mut Sheet) -> Result<Flow, Fault> {
        let settlement = date("the settlement", row.get(self.settlement))?;
        let found = row.get(self.first_seen);
        let seen = instant("first_seen", found)?
            .ok_or_else(|| Fault::new(Reason::MissingValue, "first_seen is empty"))?;
        if seen.new_york_day() < settlement {
            return Err(Fault::of(Reason::EndBeforeStart, "first_seen", found));
        }
        sheet.days.check_instant(seen)?;
        let who = sheet.names.series(SHORT_INTEREST.as_bytes())?;
        // Microseconds of the next centuries are exact in a double.
        let values = [seen.micros() as f64];
        sheet.push(Dataset::Schedules, line, (who, NameId::NONE), settlement, &values)?;
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _sheet: &mut Sheet) -> Result<(), Refusal> {
        Ok(())
    }
}
