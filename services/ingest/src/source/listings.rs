//! Lists of listed lines: screeners, and an index's members with their sectors.
//!
//! A screener's day is the caller's as-of date, else that of the file's name. The day of a list of
//! members is that of the file's name, else the day of receipt. Sectors keep the source's own
//! classification. A market value of zero counts as absent.

use super::{file_name, layout::Layout, reader::Reader};
use crate::{
    kind::SourceKind,
    note::NoteCode,
    options::Options,
    parsed_file::{Flow, NameId, ParsedFile, not_negative, or_absent},
};
use marketdata::{dataset::Dataset, day::Day};
use tables::{
    cell::{amount, is_missing},
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

/// Columns in which a security master states the type of a line. A screener's plain `type` is not
/// included, because it can mean anything.
const ASSET_CLASS: Column =
    &["asset class", "asset_class", "asset type", "asset_type", "security type", "security_type"];
const LAST: Column = &["last_sale_usd", "last sale", "last"];
const MARKET_CAP: Column = &["market_cap_usd", "market cap"];
pub(crate) const SCREENER: &[Column] = &[&["symbol", "ticker"], &["name"], LAST, MARKET_CAP];
pub(crate) const CONSTITUENTS: &[Column] =
    &[&["symbol", "ticker"], &["security", "name"], GICS_SECTOR];
const GICS_SECTOR: Column = &["gics sector"];

/// Positions of the columns, and the day of the list.
#[derive(Debug)]
pub(crate) struct ListingsReader {
    on: Day,
    symbol: usize,
    name: usize,
    exchange: Option<usize>,
    sector: Option<usize>,
    /// The classification that the sectors belong to.
    sector_scheme: &'static str,
    cap: Option<usize>,
    last: Option<usize>,
    volume: Option<usize>,
    asset_class: Option<usize>,
}

impl ListingsReader {
    pub(crate) fn new(
        layout: &Layout,
        options: &Options,
        parsed_file: &mut ParsedFile,
    ) -> Result<ListingsReader, Refusal> {
        let find = |column| layout.header.find(column);
        let today = (layout.kind == SourceKind::Constituents).then_some(parsed_file.today);
        let on = options.observed_on.or_else(|| file_name::day(&options.file_name)).or(today);
        let Some(on) = on.filter(|day| *day <= parsed_file.today) else {
            return Err(Refusal::DateNeeded { file_name: options.file_name.clone() });
        };
        parsed_file.named_on = Some(on);
        Ok(ListingsReader {
            on,
            symbol: find(&["symbol", "ticker"]).unwrap_or(0),
            name: find(&["security", "name"]).unwrap_or(0),
            exchange: find(&["exchange"]),
            sector: find(GICS_SECTOR).or_else(|| find(&["sector"])),
            // A screener without the name of GICS has the sectors of Nasdaq's own.
            sector_scheme: if find(GICS_SECTOR).is_some() { "GICS" } else { "NASDAQ" },
            cap: find(MARKET_CAP),
            last: find(LAST),
            volume: find(&["volume"]),
            asset_class: find(ASSET_CLASS),
        })
    }
}

/// A number that may end in K, M, B or T.
fn scaled(field: &str, found: &[u8]) -> Result<Option<f64>, Fault> {
    let scale = match found.last().map(u8::to_ascii_uppercase) {
        Some(b'K') => 1e3,
        Some(b'M') => 1e6,
        Some(b'B') => 1e9,
        Some(b'T') => 1e12,
        _ => 1.0,
    };
    let bare = if 1.0 < scale { &found[..found.len() - 1] } else { found };
    let value = amount(field, bare)?.map(|decimal| decimal.value * scale);
    match value {
        Some(value) if !value.is_finite() => Err(Fault::of(Reason::Overflow, field, found)),
        value => not_negative(field, found, value),
    }
}

impl Reader for ListingsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let number = |field: &str, column: Option<usize>| match row.optional(column) {
            found if is_missing(found) => Ok(None),
            found => scaled(field, found),
        };
        let cap = number("the market value", self.cap)?.filter(|cap| 0.0 < *cap);
        let last = number("the last price", self.last)?.filter(|last| 0.0 < *last);
        let volume = number("the volume", self.volume)?;
        if cap.is_none() && self.cap.is_some() {
            parsed_file.note(NoteCode::NoMarketCap, || format!("line {line}"));
        }
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let name = parsed_file.text("the name", row.text(Some(self.name)))?;
        let exchange = row.text(self.exchange).to_ascii_uppercase();
        let exchange = parsed_file.text("the exchange", exchange)?;
        let sector = parsed_file.text("the sector", row.text(self.sector))?;
        let scheme = parsed_file.sector_scheme(sector, self.sector_scheme)?;
        let class = parsed_file.text("the asset class", row.text(self.asset_class))?;
        let numbers = [cap, last, volume].map(or_absent);
        let values = [name, exchange, sector, scheme, numbers[0], numbers[1], numbers[2], class];
        parsed_file.push(Dataset::Listings, line, (who, NameId::NONE), self.on, &values)?;
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}
