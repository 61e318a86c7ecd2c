//! A dry run: every fault of a portfolio and every line that would not join; nothing is computed.

use marketdata::{gap::GapReason, quotes::Quotes};
use portfolio::{
    book::Book,
    lines::{RawLine, Violation},
    lookup::Lookup,
};

/// A line that would be left out, or counted by its given value alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Unresolved {
    /// Index of the line.
    pub line: usize,
    /// Nobody goes by the symbol, there is no price, or none in the units of the as-of day.
    pub reason: GapReason,
    /// |market value| ÷ gross, where the line gives a value.
    pub gross_share: Option<f64>,
}

/// What a portfolio would meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Every fault; with any, an analysis would be refused.
    pub violations: Vec<Violation>,
    /// Lines that would not join; empty where there are violations.
    pub unresolved: Vec<Unresolved>,
    /// Lines submitted.
    pub lines: usize,
    /// Instruments held once lines are added up.
    pub names: usize,
    /// Gross market value of what could be valued.
    pub gross: f64,
}

/// Checks and joins a portfolio.
pub fn validate<'a>(
    lines: impl ExactSizeIterator<Item = RawLine<'a>>,
    net_asset_value: Option<f64>,
    lookup: &Lookup,
    quotes: &Quotes,
) -> Validation {
    let count = lines.len();
    let book = match Book::join(lines, net_asset_value, lookup, quotes) {
        Ok(book) => book,
        Err(violations) => {
            return Validation {
                violations,
                unresolved: Vec::new(),
                lines: count,
                names: 0,
                gross: 0.0,
            };
        }
    };
    let unresolved = book.loose.iter().map(|line| Unresolved {
        line: line.line,
        reason: match line.instrument {
            None => GapReason::UnknownInstrument,
            Some(instrument) => Quotes::why_none(lookup.snapshot(), instrument),
        },
        gross_share: line.market_value.filter(|_| 0.0 < book.gross).map(|v| v.abs() / book.gross),
    });
    Validation {
        violations: Vec::new(),
        unresolved: unresolved.collect(),
        lines: count,
        names: book.holdings.len(),
        gross: book.gross,
    }
}
