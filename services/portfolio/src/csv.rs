//! Reads portfolios as desks send them: a CSV with a symbol and a quantity or a market value per
//! line.
//!
//! Accepts the usual spellings: parentheses or a trailing minus for negatives, a side column beside
//! positive quantities, thousands commas, currency signs, Bloomberg suffixes, class separators, and
//! files without a header (symbol, quantity). Lines that cannot be read are reported one by one,
//! never dropped.

use crate::lines::Size;
use marketdata::symbol::Symbol;
use tables::{
    cell::{amount, is_missing, is_no_symbol},
    content::check_text,
    header::{Column, Header},
    refusal::{Fault, Reason, Refusal, Rejection, excerpt},
    row::{FieldSplitter, Row},
};

/// One line that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioLine {
    /// Line number in the file, from 1.
    pub line: u64,
    /// The ticker as written; [`crate::lines::Portfolio`] normalises it.
    pub symbol: String,
    /// Shares or market value, negative for a short.
    pub size: Size,
    /// Average cost per share, positive; absent if not given or zero.
    pub average_cost: Option<f64>,
}

/// The contents of a portfolio file.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioFile {
    /// The lines, in the order of the file.
    pub lines: Vec<PortfolioLine>,
    /// The lines that could not be read, with reasons.
    pub rejected: Vec<Rejection>,
}

const SYMBOL: Column = &[
    "symbol",
    "ticker",
    "instrument_id",
    "instrument",
    "identifier",
    "security id",
    "bloomberg ticker",
    "bbg ticker",
    "security",
];
const QUANTITY: Column =
    &["quantity", "shares", "qty", "position", "units", "net quantity", "shares held"];
const VALUE: Column = &[
    "market_value",
    "market value usd",
    "mv",
    "mkt value",
    "value",
    "notional",
    "notional value",
    "exposure",
];
const SIDE: Column = &["side", "long/short", "l/s", "direction", "position side", "type"];
const COST: Column = &["average_cost", "avg_cost", "average price", "avg price", "cost price"];
const ID_TYPE: Column = &["id_type", "identifier type"];

#[derive(Debug)]
struct Columns {
    symbol: usize,
    quantity: Option<usize>,
    value: Option<usize>,
    side: Option<usize>,
    cost: Option<usize>,
    id_type: Option<usize>,
}

/// Reads a portfolio.
///
/// # Errors
/// [`Refusal`] if the bytes are not a text table, or if no header names a symbol and a quantity or
/// a market value.
pub fn read(bytes: &[u8]) -> Result<PortfolioFile, Refusal> {
    check_text(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .zip(1u64..)
        .map(|(line, number)| (line.trim_ascii(), number))
        .filter(|(line, _)| !line.is_empty())
        .peekable();
    let Some((head, _)) = lines.peek().copied() else { return Err(Refusal::Empty) };
    let (delimiter, columns, has_header) = layout(head)?;
    if has_header {
        lines.next();
    }
    let mut splitter = FieldSplitter::new(delimiter);
    let mut file = PortfolioFile { lines: Vec::new(), rejected: Vec::new() };
    for (line, number) in lines {
        let read = match splitter.split(line) {
            Some(row) => columns.read(number, &row),
            None => Err(Fault::open_quote(number, line)),
        };
        match read {
            Ok(line) => file.lines.push(line),
            Err(Fault { reason, text }) => {
                file.rejected.push(Rejection { line: number, reason, text });
            }
        }
    }
    if file.lines.is_empty() && file.rejected.is_empty() {
        return Err(Refusal::NoRows);
    }
    Ok(file)
}

/// The delimiter, the columns, and whether the first line is a header.
fn layout(head: &[u8]) -> Result<(u8, Columns, bool), Refusal> {
    for delimiter in [b',', b'\t', b';', b'|'] {
        let Some(header) = Header::new(head, delimiter) else { continue };
        let (quantity, value) = (header.find(QUANTITY), header.find(VALUE));
        if let (Some(symbol), true) = (header.find(SYMBOL), quantity.or(value).is_some()) {
            let columns = Columns {
                symbol,
                quantity,
                value,
                side: header.find(SIDE),
                cost: header.find(COST),
                id_type: header.find(ID_TYPE),
            };
            return Ok((delimiter, columns, true));
        }
        // Without a header, the first line must be a ticker followed by a number.
        let plain = header.len() == 2
            && Symbol::listed(header.name(0)).is_ok()
            && matches!(signed("quantity", header.name(1).as_bytes()), Ok(Some(_)));
        if plain {
            let (symbol, quantity) = (0, Some(1));
            let columns =
                Columns { symbol, quantity, value: None, side: None, cost: None, id_type: None };
            return Ok((delimiter, columns, false));
        }
    }
    Err(Refusal::NotAPortfolio { found: excerpt(head) })
}

/// A number with a minus sign before or after it, or in parentheses.
fn signed(field: &str, found: &[u8]) -> Result<Option<f64>, Fault> {
    let value = match found.strip_suffix(b"-") {
        Some(positive) if !positive.is_empty() && !is_missing(found) => {
            amount(field, positive)?.map(|read| -read.value)
        }
        _ => amount(field, found)?.map(|read| read.value),
    };
    Ok(value)
}

/// −1 for a short side, 1 for a long one, `None` for other texts.
fn side(found: &[u8]) -> Option<f64> {
    let side = found.to_ascii_lowercase();
    match side.as_slice() {
        b"short" | b"s" | b"sell" | b"sell short" | b"ss" | b"sh" => Some(-1.0),
        b"long" | b"l" | b"buy" | b"b" => Some(1.0),
        _ => None,
    }
}

impl Columns {
    fn read(&self, line: u64, row: &Row<'_>) -> Result<PortfolioLine, Fault> {
        let symbol = self.symbol(row)?;
        let quantity = match self.quantity {
            Some(column) => signed("the quantity", row.get(column))?,
            None => None,
        };
        let value = match self.value {
            Some(column) => signed("the market value", row.get(column))?,
            None => None,
        };
        let side = side(row.optional(self.side));
        // A side must agree with a negative number; it gives the sign of a positive one.
        let sign = |number: f64| match side {
            Some(side) if 0.0 < number => Ok(number * side),
            Some(side) if number < 0.0 && 0.0 < side => {
                Err(Fault::new(Reason::Negative, format!("{number} on the long side of {symbol}")))
            }
            _ => Ok(number),
        };
        let size = match (quantity, value) {
            (Some(quantity), _) => Size::Shares(sign(quantity)?),
            (None, Some(value)) => Size::MarketValue(sign(value)?),
            (None, None) => {
                let text = format!("{symbol} has neither a quantity nor a market value");
                return Err(Fault::new(Reason::MissingValue, text));
            }
        };
        let found = row.optional(self.cost);
        let cost = amount("the average cost", found)?.map(|read| read.value);
        // Some books list positions received for free with an average cost of zero.
        let average_cost = cost.filter(|cost| *cost != 0.0).map(f64::abs);
        Ok(PortfolioLine { line, symbol, size, average_cost })
    }

    fn symbol(&self, row: &Row<'_>) -> Result<String, Fault> {
        let found = row.get(self.symbol);
        let fault = |text: &str| {
            Err(Fault::new(Reason::BadSymbol, format!("{:?}: {text}", excerpt(found))))
        };
        let kind = row.optional(self.id_type).to_ascii_uppercase();
        if matches!(kind.as_slice(), b"CUSIP" | b"ISIN" | b"SEDOL" | b"FIGI") {
            return fault("only tickers can be joined; give the ticker");
        }
        if is_no_symbol(found) {
            return fault("not a symbol");
        }
        let text = tables::row::text(found);
        if text.parse::<f64>().is_ok() {
            return fault("a number, perhaps a CUSIP that a spreadsheet converted to one");
        }
        let lower = text.to_ascii_lowercase();
        if ["total", "subtotal", "grand total", "sum"].contains(&lower.trim_end_matches(':')) {
            return fault("a total, not a position");
        }
        match Symbol::listed(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(Fault::symbol(error, found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<(String, Size)> {
        let file = read(text.as_bytes()).unwrap();
        assert_eq!(file.rejected, []);
        file.lines.into_iter().map(|line| (line.symbol, line.size)).collect()
    }

    #[test]
    fn spellings_that_desks_use_are_read() {
        let text = "Ticker,Side,Quantity,Avg Cost\r\n\
                    AAPL US Equity,Long,\"1,500\",150.25\r\n\
                    GME,Short,200,\r\n\
                    BRK/B,,(300),\r\n\
                    KOSS,,400-,\r\n\
                    AMC,S,-500,\r\n";
        let expected = [
            ("AAPL US Equity", 1500.0),
            ("GME", -200.0),
            ("BRK/B", -300.0),
            ("KOSS", -400.0),
            ("AMC", -500.0),
        ];
        let expected = expected.map(|(symbol, shares)| (symbol.to_owned(), Size::Shares(shares)));
        assert_eq!(sizes(text), expected);
        let file = read(text.as_bytes()).unwrap();
        assert_eq!(file.lines[0].average_cost, Some(150.25));
        assert_eq!(file.lines[0].line, 2);
    }

    #[test]
    fn market_values_and_files_without_header_are_read() {
        let expected = [("SPY".to_owned(), Size::MarketValue(-1_000_000.0))];
        assert_eq!(sizes("symbol;market_value\nSPY;($1,000,000)\n"), expected);
        assert_eq!(sizes("SPY,100\nIWM,-50\n")[1], ("IWM".to_owned(), Size::Shares(-50.0)));
    }

    #[test]
    fn unreadable_lines_are_reported() {
        let text = "symbol,quantity,id_type,side\n\
                    037833100,10,CUSIP,\n\
                    1.23E+08,10,,\n\
                    ,10,,\n\
                    AAPL,,,\n\
                    MSFT,10%,,\n\
                    TSLA,-5,,Long\n\
                    Total,100,,\n\
                    NVDA,1,,\n";
        let file = read(text.as_bytes()).unwrap();
        let reasons: Vec<(u64, Reason)> =
            file.rejected.iter().map(|rejection| (rejection.line, rejection.reason)).collect();
        assert_eq!(
            reasons,
            [
                (2, Reason::BadSymbol),
                (3, Reason::BadSymbol),
                (4, Reason::BadSymbol),
                (5, Reason::MissingValue),
                (6, Reason::NotANumber),
                (7, Reason::Negative),
                (8, Reason::BadSymbol),
            ]
        );
        assert_eq!(file.lines.len(), 1);
        let file = read(b"symbol,quantity,note\nA,1,\"two\nlines\"\nB,2,\"one\"\n").unwrap();
        let texts: Vec<&str> = file.rejected.iter().map(|bad| bad.text.as_str()).collect();
        assert!(
            texts[0].starts_with("line 2 opens a quoted field") && texts.len() == 2,
            "{texts:?}"
        );
        assert_eq!((file.rejected[0].reason, file.lines.len()), (Reason::Quotes, 1));
        assert!(matches!(read(b"a,b\n1,2\n"), Err(Refusal::NotAPortfolio { .. })));
        assert_eq!(read(b""), Err(Refusal::Empty));
    }
}
