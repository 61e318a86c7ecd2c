//! FINRA's consolidated short interest: pipe-delimited, twice a month, with new or old column
//! names.
//!
//! A row with a revised previous position adds a second fact about the previous settlement, which
//! is published together with the current one. If a split lies inside the cycle, the previous
//! position is in other units and adds no fact.

use super::{layout::Layout, reader::Reader};
use crate::{
    note::NoteCode,
    parsed_file::{Flow, NameId, ParsedFile, Stated, not_negative, or_absent},
};
use marketdata::{calendar::is_session, dataset::Dataset, day::Day};
use tables::{
    cell::{amount, date},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

const SYMBOL: Column = &["symbolCode", "issueSymbolIdentifier"];
const SETTLEMENT: Column = &["settlementDate"];
const CURRENT: Column = &["currentShortPositionQuantity", "currentShortShareNumber"];
pub(crate) const REQUIRED: &[Column] = &[SYMBOL, CURRENT, SETTLEMENT];

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct FinraReader {
    symbol: usize,
    settlement: usize,
    current: usize,
    previous: Option<usize>,
    volume: Option<usize>,
    cover: Option<usize>,
    split: Option<usize>,
    revised: Option<usize>,
}

impl FinraReader {
    pub(crate) fn new(layout: &Layout) -> FinraReader {
        let find = |column| layout.header.find(column);
        FinraReader {
            symbol: find(SYMBOL).unwrap_or(0),
            settlement: find(SETTLEMENT).unwrap_or(0),
            current: find(CURRENT).unwrap_or(0),
            previous: find(&["previousShortPositionQuantity", "previousShortShareNumber"]),
            volume: find(&["averageDailyVolumeQuantity", "averageShortShareNumber"]),
            cover: find(&["daysToCoverQuantity", "daysToCoverNumber"]),
            split: find(&["stockSplitFlag"]),
            revised: find(&["revisionFlag"]),
        }
    }

    fn count(field: &str, row: &Row<'_>, column: Option<usize>) -> Result<Option<f64>, Fault> {
        let found = row.optional(column);
        not_negative(field, found, amount(field, found)?.map(|decimal| decimal.value))
    }

    /// Days to cover as printed; 999.99 is a cap that means "no volume".
    fn cover(
        &self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Option<f64>, Fault> {
        match Self::count("days to cover", row, self.cover)? {
            Some(cover) if 999.985 < cover => {
                parsed_file.note(NoteCode::DaysToCoverCapped, || format!("line {line}"));
                Ok(None)
            }
            cover => Ok(cover),
        }
    }
}

/// The previous settlement. Before a mid-month settlement it is the last session of the previous
/// month. Before one at the end of a month it is the mid-month one: the 15th, or the session before
/// it.
pub(crate) fn settlement_before(settlement: Day) -> Day {
    let (year, month, day) = settlement.ymd();
    let latest = if day <= 15 {
        settlement.plus(-(day as i32))
    } else {
        Day::from_ymd(year, month, 15).unwrap_or(settlement)
    };
    (0..10).map(|back| latest.plus(-back)).find(|day| is_session(*day)).unwrap_or(latest)
}

impl Reader for FinraReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let settlement =
            parsed_file.past(date("the settlement date", row.get(self.settlement))?)?;
        let current = Self::count("the short position", row, Some(self.current))?
            .ok_or_else(|| Fault::new(Reason::MissingValue, "the short position is empty"))?;
        let previous = Self::count("the previous short position", row, self.previous)?;
        let volume = Self::count("the average daily volume", row, self.volume)?;
        let cover = self.cover(line, row, parsed_file)?;
        let split = row.optional(self.split) == b"S";
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let values = [
            current,
            or_absent(previous),
            or_absent(volume),
            or_absent(cover),
            if split { 1.0 } else { 0.0 },
        ];
        let revised = row.optional(self.revised) == b"R" && !split;
        let before = settlement_before(settlement);
        let dataset = Dataset::ShortInterest;
        // Checked before the first fact is added, so that a row is added completely or not at all.
        parsed_file.days.check(dataset, before)?;
        let staged = parsed_file.push(dataset, line, (who, NameId::NONE), settlement, &values)?;
        staged.stated.push(None);
        if let Some(previous) = previous.filter(|_| revised) {
            let absent = f64::NAN;
            let values = [previous, absent, absent, absent, absent];
            let staged = parsed_file.push(dataset, line, (who, NameId::NONE), before, &values)?;
            staged.stated.push(Some(Stated::With(settlement)));
        }
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settlements_follow_each_other() {
        // Settlement dates of FINRA's schedule, and the dates of the real files.
        let chain = [
            "2020-11-13",
            "2020-11-30",
            "2020-12-15",
            "2020-12-31",
            "2021-01-15",
            "2021-01-29",
            "2021-02-12",
        ];
        for pair in chain.windows(2) {
            let day = |text| Day::parse_iso(text).unwrap();
            assert_eq!(settlement_before(day(pair[1])), day(pair[0]), "{}", pair[1]);
        }
    }
}
