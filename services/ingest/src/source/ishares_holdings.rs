//! A fund's holdings as published by iShares, with or without the lines before the header.
//!
//! The day is that of the preamble, else the caller's as-of date, else that of the file's name. The
//! fund is the caller's symbol, else the beginning of the file's name. Rows that are not stocks are
//! skipped and counted. A fund of funds repeats its block for the look-through; reading stops
//! there.

use super::{file_name, layout::Layout, reader::Reader};
use crate::{
    note::NoteCode,
    options::Options,
    parsed_file::{Flow, ParsedFile, or_absent},
};
use marketdata::{dataset::Dataset, day::Day};
use tables::{
    cell::{amount, date, percentage},
    header::Column,
    refusal::{Fault, Refusal, excerpt},
    row::Row,
};

const SHARES: Column = &["shares", "quantity"];
const WEIGHT: Column = &["weight (%)"];
pub(crate) const REQUIRED: &[Column] = &[&["ticker"], &["name"], &["asset class"], WEIGHT, SHARES];

/// Positions of the columns, the fund, and the day of its holdings.
#[derive(Debug)]
pub(crate) struct HoldingsReader {
    fund: String,
    on: Day,
    ticker: usize,
    name: usize,
    class: usize,
    weight: usize,
    shares: usize,
    value: Option<usize>,
    price: Option<usize>,
    sector: Option<usize>,
}

impl HoldingsReader {
    pub(crate) fn new(
        layout: &Layout,
        options: &Options,
        parsed_file: &ParsedFile,
    ) -> Result<HoldingsReader, Refusal> {
        let find = |column| layout.header.find(column);
        let stated = layout.preamble.iter().find_map(|line| preamble_day(line));
        let on = stated
            .or(options.observed_on)
            .or_else(|| file_name::day(&options.file_name))
            .filter(|day| *day <= parsed_file.today);
        let Some(on) = on else {
            return Err(Refusal::DateNeeded { file_name: options.file_name.clone() });
        };
        Ok(HoldingsReader {
            fund: file_name::fund(options)?,
            on,
            ticker: find(&["ticker"]).unwrap_or(0),
            name: find(&["name"]).unwrap_or(0),
            class: find(&["asset class"]).unwrap_or(0),
            weight: find(WEIGHT).unwrap_or(0),
            shares: find(SHARES).unwrap_or(0),
            value: find(&["market value"]),
            price: find(&["price"]),
            sector: find(&["sector"]),
        })
    }
}

/// Reads the day of `Fund Holdings as of,"Jul 10, 2024"`.
fn preamble_day(line: &str) -> Option<Day> {
    let rest = line.trim_start_matches('\u{feff}').trim_start_matches('"');
    let rest = rest.strip_prefix("Fund Holdings as of")?;
    let day = rest.trim_matches(|c: char| c == ',' || c == '"' || c.is_whitespace());
    date("the preamble", day.as_bytes()).ok()
}

impl Reader for HoldingsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let (ticker, class) = (row.get(self.ticker), row.get(self.class));
        if ticker == b"Ticker" {
            parsed_file.note(NoteCode::RepeatedBlock, || format!("from line {line}"));
            return Ok(Flow::End);
        }
        if !class.eq_ignore_ascii_case(b"Equity") || tables::cell::is_no_symbol(ticker) {
            let what = row.get(self.name);
            parsed_file.note(NoteCode::NotAStock, || format!("line {line}: {}", excerpt(what)));
            return Ok(Flow::Skipped);
        }
        let value = |field: &str, column: Option<usize>| -> Result<f64, Fault> {
            Ok(or_absent(amount(field, row.optional(column))?.map(|decimal| decimal.value)))
        };
        let weight = percentage("the weight", row.get(self.weight))?;
        let shares = value("the shares", Some(self.shares))?;
        let held_value = value("the market value", self.value)?;
        let price = value("the price", self.price)?;
        // Escrows and rights are carried at zero, which is not a price.
        let price = if price == 0.0 { f64::NAN } else { price };
        let who = parsed_file.names.listed(ticker)?;
        let fund = parsed_file.names.listed(self.fund.as_bytes())?;
        let sector = parsed_file.text("the sector", row.text(self.sector))?;
        let scheme = parsed_file.sector_scheme(sector, "GICS")?;
        let class = parsed_file.text("the asset class", row.text(Some(self.class)))?;
        let values = [or_absent(weight), shares, held_value, price, sector, scheme, class];
        parsed_file.push(Dataset::Holdings, line, (who, fund), self.on, &values)?;
        Ok(Flow::Kept)
    }

    /// A line of one or two fields is legal text or the beginning of the repeated block.
    fn short_row(
        &mut self,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Option<Result<Flow, Fault>> {
        if 2 < row.len() {
            return None;
        }
        if row.get(0).starts_with(b"Fund Holdings as of") {
            parsed_file.note(NoteCode::RepeatedBlock, || excerpt(row.get(0)));
        }
        Some(Ok(Flow::End))
    }

    fn ends_at_blank(&self) -> bool {
        true
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
