//! A dry run that reports every fault of a portfolio and every line that would not join.

use marketdata::{gap::Gap, instrument::InstrumentId, quotes::Quotes};
use portfolio::{
    book::Book,
    lines::{RawLine, Terms, Violation},
    lookup::Lookup,
    unresolved::Unresolved,
};

/// The result of a dry run.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Every fault. An analysis is refused if there is any.
    pub violations: Vec<Violation>,
    /// Lines that would not join; empty if there are violations.
    pub unresolved: Vec<Unresolved>,
    /// Number of lines submitted.
    pub lines: usize,
    /// The instruments held after lines are netted, in the order of names.
    pub instruments: Vec<InstrumentId>,
    /// Gross market value of the lines that could be valued.
    pub gross: f64,
    /// Lines named as their instruments are called on other days, and options.
    pub gaps: Vec<Gap>,
}

/// Validates and joins a portfolio.
pub fn validate<'a>(
    lines: impl ExactSizeIterator<Item = RawLine<'a>>,
    terms: &Terms<'_>,
    lookup: &Lookup,
    quotes: &Quotes,
) -> Validation {
    let count = lines.len();
    let book = match Book::join(lines, terms, lookup, quotes) {
        Ok(book) => book,
        Err(violations) => {
            return Validation {
                violations,
                unresolved: Vec::new(),
                lines: count,
                instruments: Vec::new(),
                gross: 0.0,
                gaps: Vec::new(),
            };
        }
    };
    let unresolved = book.loose.iter().map(|line| line.unresolved(book.gross));
    Validation {
        violations: Vec::new(),
        unresolved: unresolved.collect(),
        lines: count,
        instruments: book.holdings.iter().map(|holding| holding.instrument).collect(),
        gross: book.gross,
        gaps: book.line_gaps().collect(),
    }
}
