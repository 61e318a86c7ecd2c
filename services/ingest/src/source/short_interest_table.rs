//! Short interest of the whole market with float and shares outstanding.
//!
//! Each row's short interest belongs to its own settlement. The share counts are those known when
//! the file was made, so they belong to the file's settlement: the one of most rows, or the
//! caller's as-of date. If the only row of a name has an older settlement than most rows, it
//! could not be seen here before this file was published, so it is published with the settlement
//! of most rows. A name with several rows has its history in the file; each of its settlements was
//! published at its own time.

use super::{file_name, layout::Layout, reader::Reader};
use crate::{
    note::NoteCode,
    options::Options,
    parsed_file::{
        Flow, NameId, ParsedFile, StagedRows, Stated, above_zero, not_negative, or_absent,
    },
};
use marketdata::{dataset::Dataset, day::Day};
use std::collections::BTreeMap;
use tables::{
    cell::{amount, date, is_missing},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

const SYMBOL: Column = &["symbol", "ticker"];
const SETTLEMENT: Column = &["short_interest_date", "settlement_date"];
const SHORT: Column = &["shares_sold_short", "short_interest"];
pub(crate) const REQUIRED: &[Column] = &[SYMBOL, SETTLEMENT, SHORT];

/// Positions of the columns, and the state needed until the file's settlement is known.
#[derive(Debug)]
pub(crate) struct ShortInterestReader {
    symbol: usize,
    settlement: usize,
    short: usize,
    outstanding: Option<usize>,
    public_float: Option<usize>,
    observed_on: Option<Day>,
    file_name: String,
    settlements: BTreeMap<Day, u64>,
}

impl ShortInterestReader {
    pub(crate) fn new(layout: &Layout, options: &Options) -> ShortInterestReader {
        let find = |column| layout.header.find(column);
        ShortInterestReader {
            symbol: find(SYMBOL).unwrap_or(0),
            settlement: find(SETTLEMENT).unwrap_or(0),
            short: find(SHORT).unwrap_or(0),
            outstanding: find(&["shares_outstanding"]),
            public_float: find(&["public_float", "float"]),
            observed_on: options.observed_on,
            file_name: options.file_name.clone(),
            settlements: BTreeMap::new(),
        }
    }

    fn shares(field: &str, row: &Row<'_>, column: Option<usize>) -> Result<Option<f64>, Fault> {
        let found = row.optional(column);
        let read = amount(field, found)?.map(|decimal| decimal.value).filter(|v| *v != 0.0);
        above_zero(field, found, read)
    }
}

impl Reader for ShortInterestReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let found = row.get(self.settlement);
        let settlement = match is_missing(found) {
            true => None,
            false => Some(parsed_file.past(date("the settlement date", found)?)?),
        };
        let found = row.get(self.short);
        let short = amount("shares sold short", found)?.map(|decimal| decimal.value);
        let short = not_negative("shares sold short", found, short)?;
        let outstanding = Self::shares("shares outstanding", row, self.outstanding)?;
        let public_float = Self::shares("the public float", row, self.public_float)?;
        if short.or(outstanding).or(public_float).is_none() {
            parsed_file.note(NoteCode::NoValue, || format!("line {line}"));
            return Ok(Flow::Skipped);
        }
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let counts = [or_absent(outstanding), or_absent(public_float)];
        // Checked before the first fact is added, so that a row is added completely or not at all.
        parsed_file.check(Dataset::ShareCounts, parsed_file.today, &counts)?;
        match (settlement, short) {
            (Some(settlement), Some(short)) => {
                let absent = f64::NAN;
                let values = [short, absent, absent, absent, absent];
                parsed_file.push(
                    Dataset::ShortInterest,
                    line,
                    (who, NameId::NONE),
                    settlement,
                    &values,
                )?;
                *self.settlements.entry(settlement).or_default() += 1;
            }
            (None, Some(_)) => {
                return Err(Fault::new(Reason::MissingValue, "the settlement date is empty"));
            }
            (_, None) => {}
        }
        if public_float.is_none() && self.public_float.is_some() {
            parsed_file.note(NoteCode::EmptyFloat, || format!("line {line}"));
        }
        if outstanding.or(public_float).is_some() {
            // Dated today until the file's settlement is known.
            let today = parsed_file.today;
            parsed_file.push(Dataset::ShareCounts, line, (who, NameId::NONE), today, &counts)?;
        }
        Ok(Flow::Kept)
    }

    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        let most = self.settlements.iter().max_by_key(|(day, count)| (**count, **day));
        let most = most.map(|(day, _)| *day);
        if let Some(cycle) = most {
            publish_late_rows(parsed_file.staged(Dataset::ShortInterest), cycle);
        }
        let on = self.observed_on.or(most).or_else(|| file_name::day(&self.file_name));
        let on = on.filter(|on| parsed_file.days.check(Dataset::ShareCounts, *on).is_ok());
        let Some(on) = on else {
            return Err(Refusal::DateNeeded { file_name: self.file_name.clone() });
        };
        for (settlement, count) in self.settlements.range(..on) {
            for _ in 0..*count {
                parsed_file.note(NoteCode::OlderSettlement, || settlement.to_string());
            }
        }
        parsed_file.staged(Dataset::ShareCounts).day.fill(on);
        Ok(())
    }
}

/// Sets the publication of names whose only row is older than the settlement of most rows.
fn publish_late_rows(staged: &mut StagedRows, cycle: Day) {
    let mut rows: BTreeMap<NameId, u32> = BTreeMap::new();
    for who in &staged.who {
        *rows.entry(*who).or_default() += 1;
    }
    let is_late = |(who, day): (&NameId, &Day)| *day < cycle && rows.get(who) == Some(&1);
    if staged.who.iter().zip(&staged.day).any(is_late) {
        let rows = staged.who.iter().zip(&staged.day);
        staged.stated = rows.map(|row| is_late(row).then_some(Stated::With(cycle))).collect();
    }
}
