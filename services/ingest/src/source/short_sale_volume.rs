//! FINRA's daily short sale volume (Regulation SHO): the pipe-delimited files of all facilities or of
//! one, and the layout of its API.
//!
//! `Date|Symbol|ShortVolume[|ShortExemptVolume]|TotalVolume|Market`, with a trailer that counts the
//! rows. The API names the same columns `tradeReportDate`,
//! `securitiesInformationProcessorSymbolIdentifier`, `shortParQuantity`, `shortExemptParQuantity`,
//! `totalParQuantity` and `marketCode`, and has a row per facility. A row is a fact about the
//! facilities that it names, so files of single facilities and of all never replace each other.
//! Quantities have decimals since 2026. Short sales contain the exempt ones, and are part of the
//! total.

use super::{layout::Layout, reader::Reader};
use crate::{
    note::NoteCode,
    parsed_file::{Flow, ParsedFile, not_negative, or_absent},
};
use marketdata::{dataset::Dataset, facilities::Facilities};
use tables::{
    cell::{amount, date},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

const DATE: Column = &["date", "tradeReportDate"];
const SYMBOL: Column = &["symbol", "securitiesInformationProcessorSymbolIdentifier"];
const SHORT: Column = &["shortVolume", "shortParQuantity"];
const EXEMPT: Column = &["shortExemptVolume", "shortExemptParQuantity"];
const TOTAL: Column = &["totalVolume", "totalParQuantity"];
const MARKET: Column = &["market", "marketCode"];
pub(crate) const REQUIRED: &[Column] = &[DATE, SYMBOL, SHORT, TOTAL, MARKET];

/// Positions of the columns.
#[derive(Debug)]
pub(crate) struct ShortSaleVolumeReader {
    date: usize,
    symbol: usize,
    short: usize,
    exempt: Option<usize>,
    total: usize,
    market: usize,
    /// Whether the last line counts the rows, as in all files but those of the API.
    has_trailer: bool,
}

impl ShortSaleVolumeReader {
    pub(crate) fn new(layout: &Layout) -> ShortSaleVolumeReader {
        let find = |column| layout.header.find(column);
        let required = |column: Column| find(column).unwrap_or(0);
        ShortSaleVolumeReader {
            date: required(DATE),
            symbol: required(SYMBOL),
            short: required(SHORT),
            exempt: find(EXEMPT),
            total: required(TOTAL),
            market: required(MARKET),
            has_trailer: find(&["totalVolume"]).is_some(),
        }
    }

    /// Short, exempt and total volume.
    fn volumes(&self, row: &Row<'_>) -> Result<[f64; 3], Fault> {
        let read = |field: &str, found: &[u8]| {
            not_negative(field, found, amount(field, found)?.map(|decimal| decimal.value))
        };
        let required = |field: &str, column: usize| {
            let missing = || Fault::new(Reason::MissingValue, format!("{field} is empty"));
            read(field, row.get(column))?.ok_or_else(missing)
        };
        let short = required("the short volume", self.short)?;
        let total = required("the total volume", self.total)?;
        let exempt = read("the exempt volume", row.optional(self.exempt))?;
        if total < short {
            return Err(Fault::of(Reason::OutOfRange, "the short volume", row.get(self.short)));
        }
        if exempt.is_some_and(|exempt| short < exempt) {
            let found = row.optional(self.exempt);
            return Err(Fault::of(Reason::OutOfRange, "the exempt volume", found));
        }
        Ok([short, or_absent(exempt), total])
    }
}

impl Reader for ShortSaleVolumeReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let day = parsed_file.past(date("the date", row.get(self.date))?)?;
        let values = self.volumes(row)?;
        let market = row.get(self.market);
        let wrong = || Fault::of(Reason::UnknownFacility, "the market", market);
        let facilities = Facilities::parse(market).ok_or_else(wrong)?;
        let series = facilities.series().map_err(|_| wrong())?;
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let at = parsed_file.names.series(series.as_str().as_bytes())?;
        parsed_file.push(Dataset::ShortSales, line, (who, at), day, &values)?;
        Ok(Flow::Kept)
    }

    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        if self.has_trailer && parsed_file.trailer.is_none() {
            let text = || "rows may be missing at the end".to_owned();
            parsed_file.note(NoteCode::NoTrailer, text);
        }
        Ok(())
    }
}
