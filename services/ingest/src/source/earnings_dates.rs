//! Days on which companies report earnings: our own format.
//!
//! `symbol,earnings_on,announced_at[,withdrawn]`. `announced_at` is the instant at which the day
//! became public; empty: when the file is received, so that nothing is known too early. A day without
//! a time means its end in New York. A report that moves to another day is two rows: the new day, and
//! the old one with `withdrawn` yes, both with the instant of the news. The symbol is that of the day
//! of the announcement, or of receipt.

use super::{layout::Layout, reader::Reader};
use crate::parsed_file::{Flow, NameId, ParsedFile, Stated};
use marketdata::{dataset::Dataset, day::Day, instant::Instant};
use tables::{
    cell::{date, flag, instant, is_missing},
    header::Column,
    refusal::{Fault, Refusal},
    row::Row,
};

const SYMBOL: Column = &["symbol", "ticker"];
const ON: Column = &["earnings_on", "earnings_date", "report_date", "date"];
const ANNOUNCED: Column = &["announced_at", "announced_on"];
pub(crate) const REQUIRED: &[Column] = &[SYMBOL, ON, ANNOUNCED];
/// Calendars of dividends and of other events have a date and an announcement, too.
pub(crate) const TELLING: &[Column] = &[&["earnings_on", "earnings_date"]];

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct EarningsReader {
    symbol: usize,
    on: usize,
    announced: usize,
    withdrawn: Option<usize>,
}

impl EarningsReader {
    pub(crate) fn new(layout: &Layout) -> EarningsReader {
        let find = |column: Column| layout.header.find(column);
        let required = |column: Column| find(column).unwrap_or(0);
        EarningsReader {
            symbol: required(SYMBOL),
            on: required(ON),
            announced: required(ANNOUNCED),
            withdrawn: find(&["withdrawn", "cancelled", "canceled"]),
        }
    }
}

/// The day and the instant of an announcement; that of a day without a time is its end. `None` if it
/// is empty.
fn announced(found: &[u8]) -> Result<Option<(Day, Instant)>, Fault> {
    if is_missing(found) {
        return Ok(None);
    }
    if found.contains(&b':') {
        return Ok(instant("announced_at", found)?.map(|at| (at.new_york_day(), at)));
    }
    let on = date("announced_at", found)?;
    Ok(Some((on, Instant::new_york(on.plus(1), 0, 0))))
}

impl Reader for EarningsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let on = date("the day of earnings", row.get(self.on))?;
        let announced = announced(row.get(self.announced))?;
        let named = announced.map_or(parsed_file.today, |(on, _)| on);
        parsed_file.past(named)?;
        if let Some((_, at)) = announced {
            parsed_file.days.check_instant(at)?;
        }
        let withdrawn = flag("withdrawn", row.optional(self.withdrawn))?.unwrap_or(false);
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let values = [f64::from(u8::from(!withdrawn))];
        let dataset = Dataset::EarningsDates;
        let staged = parsed_file.push(dataset, line, (who, NameId::NONE), on, &values)?;
        staged.stated.push(announced.map(|(_, at)| Stated::At(at)));
        staged.named.push(named);
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
