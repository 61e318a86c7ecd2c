//! Series of dates and values: FRED's layout, `date,value`, and tables of several series.

use super::{file_name, layout::Layout, reader::Reader};
use crate::{
    kind::SourceKind,
    note::NoteCode,
    options::Options,
    parsed_file::{Flow, NameId, ParsedFile, Stated},
};
use marketdata::dataset::Dataset;
use tables::{
    cell::{date, instant, number},
    header::Column,
    refusal::{Fault, Refusal},
    row::Row,
};

/// When the rows of a file became public.
pub(crate) const PUBLISHED: Column = &["published_at", "released_at"];

/// Positions of the columns, and the series if no column names it.
#[derive(Debug)]
pub(crate) struct SeriesReader {
    series: Option<usize>,
    only: String,
    date: usize,
    value: usize,
    published: Option<usize>,
}

impl SeriesReader {
    pub(crate) fn new(layout: &Layout, options: &Options) -> Result<SeriesReader, Refusal> {
        let header = &layout.header;
        let series = match layout.kind {
            SourceKind::Series => header.find(&["series", "series_id"]),
            _ => None,
        };
        let only = match (layout.kind, &options.symbol) {
            (SourceKind::Series, _) => String::new(),
            // FRED names the series in its header; the caller may give another name.
            (SourceKind::Fred, None) => header.name(1).to_owned(),
            _ => file_name::series(options)?,
        };
        let value = match layout.kind {
            SourceKind::Fred => 1,
            _ => header.find(&["value"]).unwrap_or(1),
        };
        Ok(SeriesReader {
            series,
            only,
            date: header.find(&["observation_date", "date"]).unwrap_or(0),
            value,
            published: header.find(PUBLISHED),
        })
    }
}

impl Reader for SeriesReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let day = parsed_file.past(date("the date", row.get(self.date))?)?;
        let Some(value) = number("the value", row.get(self.value))? else {
            parsed_file.note(NoteCode::NoValue, || day.to_string());
            return Ok(Flow::Skipped);
        };
        let published = match self.published {
            Some(column) => instant("published_at", row.get(column))?,
            None => None,
        };
        published.map(|instant| parsed_file.days.check_instant(instant)).transpose()?;
        let who = match self.series {
            Some(column) => parsed_file.names.series(row.get(column))?,
            None => parsed_file.names.series(self.only.as_bytes())?,
        };
        let staged =
            parsed_file.push(Dataset::Series, line, (who, NameId::NONE), day, &[value.value])?;
        if self.published.is_some() {
            staged.stated.push(published.map(Stated::At));
        }
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
