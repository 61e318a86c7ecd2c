//! What may hedge, as a list of symbols or as a file with the terms of contracts and options.

use crate::error_report::Fault;
use anyhow::{Result, bail};
use contract::v1::{
    HedgeContract, HedgeInstrument, HedgeOption, HedgeTerms, InstrumentRef, OptionRight,
};
use std::path::Path;
use tables::{
    cell::{date, is_missing, number},
    header::Header,
    row::{FieldSplitter, Row},
};

/// The column that makes a file a table.
const SYMBOL: &str = "symbol";
/// The columns of a table: the fields of the contract that they are, and an option's right.
const COLUMNS: [&str; 19] = [
    SYMBOL,
    "daily_value",
    "contract_id",
    "multiplier",
    "right",
    "strike",
    "expires_on",
    "bid",
    "ask",
    "mid",
    "rate",
    "dividend_yield",
    "may_write",
    "lot_quantity",
    "half_spread",
    "commission",
    "margin_rate",
    "long_carry_per_year",
    "short_carry_per_year",
];

/// The instruments of a list of symbols, or of a file if there is one of that name: a table whose
/// header has a column `symbol`, or one symbol per line.
///
/// # Errors
/// If the file cannot be read, or a row is not understood.
pub(crate) async fn instruments(text: &str) -> Result<Vec<HedgeInstrument>> {
    if !tokio::fs::try_exists(Path::new(text)).await.unwrap_or(false) {
        return symbols(&text.replace(',', "\n"));
    }
    let read = tokio::fs::read_to_string(text).await;
    let read = read.map_err(|error| Fault::Input(format!("{text} cannot be read: {error}")))?;
    match Table::of(&read) {
        Some(table) => {
            table.instruments(&read).map_err(|why| Fault::Input(format!("{text}: {why}")).into())
        }
        None => symbols(&read),
    }
}

fn symbols(text: &str) -> Result<Vec<HedgeInstrument>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let found: Vec<HedgeInstrument> = lines.map(listed).collect();
    if found.is_empty() {
        bail!(Fault::Input("--instruments names no symbol".to_owned()));
    }
    Ok(found)
}

/// What may be traded, on the terms of the problem.
pub(crate) fn listed(symbol: &str) -> HedgeInstrument {
    let named = InstrumentRef { symbol: symbol.to_owned(), ..InstrumentRef::default() };
    HedgeInstrument { instrument: Some(named), ..HedgeInstrument::default() }
}

/// Columns that only options have, besides the right.
const OPTION_TERMS: [&str; 8] =
    ["strike", "expires_on", "bid", "ask", "mid", "rate", "dividend_yield", "may_write"];

/// The name of a column. Spreadsheets begin a file with a mark of its encoding.
fn plain(name: &str) -> &str {
    name.trim_start_matches('\u{feff}').trim()
}

/// A table of instruments.
struct Table {
    header: Header,
}

impl Table {
    /// `None` unless the first line names a column `symbol`.
    fn of(text: &str) -> Option<Table> {
        let header = Header::new(text.lines().next()?.as_bytes(), b',')?;
        header.find(&[SYMBOL]).map(|_| Table { header })
    }

    fn instruments(&self, text: &str) -> Result<Vec<HedgeInstrument>, String> {
        let is_known = |name: &&str| COLUMNS.contains(&plain(name).to_lowercase().as_str());
        let mut names = (0..self.header.len()).map(|column| self.header.name(column));
        if let Some(other) = names.find(|name| !is_known(name)) {
            return Err(format!("the column {other:?} is not one of {}", COLUMNS.join(", ")));
        }
        let mut found = Vec::new();
        for (at, line) in text.lines().enumerate().skip(1) {
            if line.trim().is_empty() {
                continue;
            }
            let mut splitter = FieldSplitter::new(b',');
            let row = splitter.split(line.as_bytes());
            let row = row.ok_or("opens a quoted field and does not close it".to_owned());
            let is_wide = |row: &Row<'_>| self.header.len() < row.len();
            let row = row.and_then(|row| match is_wide(&row) {
                true => {
                    Err("has more fields than the header; quote numbers with commas".to_owned())
                }
                false => Ok(row),
            });
            let read = row.and_then(|row| Cells { table: self, row }.instrument());
            found.push(read.map_err(|why| format!("line {}: {why}", at + 1))?);
        }
        match found.is_empty() {
            true => Err("has a header and no row".to_owned()),
            false => Ok(found),
        }
    }
}

/// The cells of a row by the names of their columns.
struct Cells<'a> {
    table: &'a Table,
    row: Row<'a>,
}

impl Cells<'_> {
    fn bytes(&self, column: &str) -> &[u8] {
        let header = &self.table.header;
        let is_it = |at: &usize| plain(header.name(*at)).eq_ignore_ascii_case(column);
        let place = (0..header.len()).find(is_it);
        self.row.optional(place)
    }

    fn text(&self, column: &str) -> Option<String> {
        let bytes = self.bytes(column);
        (!is_missing(bytes)).then(|| tables::row::text(bytes))
    }

    fn number(&self, column: &str) -> Result<Option<f64>, String> {
        let read = number(column, self.bytes(column)).map_err(|fault| fault.text)?;
        Ok(read.map(|decimal| decimal.value))
    }

    fn instrument(&self) -> Result<HedgeInstrument, String> {
        let symbol = self.text(SYMBOL).ok_or("has no symbol")?;
        let terms = HedgeTerms {
            lot_quantity: self.number("lot_quantity")?,
            half_spread: self.number("half_spread")?,
            commission: self.number("commission")?,
            long_carry_per_year: self.number("long_carry_per_year")?,
            short_carry_per_year: self.number("short_carry_per_year")?,
            margin_rate: self.number("margin_rate")?,
        };
        Ok(HedgeInstrument {
            contract: self.contract(&symbol)?,
            daily_value: self.number("daily_value")?,
            terms: Some(terms),
            ..listed(&symbol)
        })
    }

    fn contract(&self, symbol: &str) -> Result<Option<HedgeContract>, String> {
        let option = self.option()?;
        let multiplier = self.number("multiplier")?;
        let id = self.text("contract_id");
        if option.is_none() && multiplier.is_none() && id.is_none() {
            return Ok(None);
        }
        let multiplier = multiplier.ok_or("a contract needs a multiplier")?;
        let named = |option: &HedgeOption| {
            let right = if option.right() == OptionRight::Put { "put" } else { "call" };
            format!("{symbol} {} {} {right}", option.expires_on, option.strike)
        };
        let contract_id = id.or_else(|| option.as_ref().map(named));
        let contract_id = contract_id.ok_or("a contract needs a contract_id")?;
        Ok(Some(HedgeContract { contract_id, multiplier, option }))
    }

    /// Terms of an option without its right: read as a contract, it would be another trade.
    fn without_right(&self) -> Result<Option<HedgeOption>, String> {
        match OPTION_TERMS.into_iter().find(|column| self.text(column).is_some()) {
            Some(term) => Err(format!("has {term} but no right: write call or put")),
            None => Ok(None),
        }
    }

    fn option(&self) -> Result<Option<HedgeOption>, String> {
        let right = match self.text("right").map(|right| right.to_lowercase()).as_deref() {
            None => return self.without_right(),
            Some("call" | "c") => OptionRight::Call,
            Some("put" | "p") => OptionRight::Put,
            Some(other) => return Err(format!("right is {other:?}, not call or put")),
        };
        let strike = self.number("strike")?.ok_or("an option needs a strike")?;
        let expires_on =
            date("expires_on", self.bytes("expires_on")).map_err(|fault| fault.text)?;
        let may_write = match self.text("may_write").map(|text| text.to_lowercase()).as_deref() {
            None | Some("no" | "false") => false,
            Some("yes" | "true") => true,
            Some(other) => return Err(format!("may_write is {other:?}, not yes or no")),
        };
        Ok(Some(HedgeOption {
            right: right.into(),
            strike,
            expires_on: expires_on.to_string(),
            bid: self.number("bid")?,
            ask: self.number("ask")?,
            mid: self.number("mid")?,
            rate: self.number("rate")?,
            dividend_yield: self.number("dividend_yield")?,
            may_write,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<HedgeInstrument>, String> {
        Table::of(text).unwrap().instruments(text)
    }

    #[test]
    fn a_row_that_would_be_read_as_another_trade_is_refused() {
        let of = |row: &str| {
            read(&format!("\u{feff}symbol,contract_id,multiplier,right,strike,bid,ask\n{row}\n"))
        };
        assert!(of("QQQ,Q450P,100,,,,").unwrap()[0].contract.is_some(), "a future");
        let refused = of("QQQ,Q450P,100,,450,10.1,10.3").unwrap_err();
        assert_eq!(refused, "line 2: has strike but no right: write call or put");
        let shifted = of("IWM,RTY,50,,,5,000,000").unwrap_err();
        assert!(shifted.starts_with("line 2: has more fields than the header"), "{shifted}");
    }

    #[test]
    fn a_table_has_funds_futures_and_options() {
        let found = read(
            "Symbol,contract_id,multiplier,daily_value,right,strike,expires_on,bid,ask,rate\n\
             IWM,,,,,,,,,\n\
             \n\
             IWM,RTY,50,5e9,,,,,,\n\
             QQQ,,100,2e7,put,450,2024-09-20,10.1,10.3,0.05\n",
        )
        .unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].contract.as_ref(), found[0].daily_value), (None, None));
        let future = found[1].contract.as_ref().unwrap();
        assert_eq!((future.contract_id.as_str(), future.multiplier), ("RTY", 50.0));
        assert_eq!((future.option.as_ref(), found[1].daily_value), (None, Some(5e9)));
        let contract = found[2].contract.as_ref().unwrap();
        assert_eq!(contract.contract_id, "QQQ 2024-09-20 450 put");
        let option = contract.option.as_ref().unwrap();
        assert_eq!((option.right(), option.strike), (OptionRight::Put, 450.0));
        assert_eq!((option.bid, option.ask, option.mid), (Some(10.1), Some(10.3), None));
        assert_eq!((option.rate, option.dividend_yield), (Some(0.05), None));
        assert!(!option.may_write && option.expires_on == "2024-09-20");
    }

    #[test]
    fn a_row_that_is_not_understood_is_named_by_its_line() {
        let header = "symbol,multiplier,right,strike,expires_on,may_write";
        let fault = |row: &str| read(&format!("{header}\n{row}\n")).unwrap_err();
        assert_eq!(fault(",100,put,450,2024-09-20,"), "line 2: has no symbol");
        assert_eq!(fault("QQQ,,put,450,2024-09-20,"), "line 2: a contract needs a multiplier");
        assert_eq!(fault("QQQ,100,,,,"), "line 2: a contract needs a contract_id");
        assert_eq!(
            fault("QQQ,100,puts,450,2024-09-20,"),
            "line 2: right is \"puts\", not call or put"
        );
        assert_eq!(fault("QQQ,100,put,,2024-09-20,"), "line 2: an option needs a strike");
        assert_eq!(
            fault("QQQ,100,put,450,2024-09-20,maybe"),
            "line 2: may_write is \"maybe\", not yes or no"
        );
        assert!(fault("QQQ,100,put,450,soon,").starts_with("line 2: expires_on"));
        assert!(fault("QQQ,x,put,450,2024-09-20,").starts_with("line 2: multiplier"));
        assert_eq!(read(header).unwrap_err(), "has a header and no row");
        let other = read("symbol,strike price\nQQQ,1\n").unwrap_err();
        assert!(other.starts_with("the column \"strike price\" is not one of symbol,"), "{other}");
        assert!(Table::of("IWM\nQQQ\n").is_none());
    }
}
