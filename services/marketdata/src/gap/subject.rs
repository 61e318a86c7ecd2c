//! What a gap is about.

use crate::{dataset::Dataset, gap::MeasureRef};

/// What a gap is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A line of a portfolio: its caller's identifier, or its path in the request.
    Line(String),
    /// A name, by its symbol.
    Symbol(String),
    /// A number of an analysis.
    Measure(MeasureRef),
    /// A measure of an indicator, by its id: `size_spread.5d`.
    Indicator(String),
    /// A series, by its id.
    Series(String),
    /// A dataset as a whole.
    Dataset(Dataset),
    /// A role of the settings, by its id.
    Role(&'static str),
}

impl Subject {
    /// A name, by its symbol.
    pub fn symbol(symbol: &str) -> Subject {
        Subject::Symbol(symbol.to_owned())
    }

    /// A number of one name.
    pub fn number_of(symbol: &str, field: &'static str) -> Subject {
        Subject::Measure(MeasureRef::Name { symbol: symbol.to_owned(), field })
    }

    /// Memory held outside of itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Subject::Line(text)
            | Subject::Symbol(text)
            | Subject::Indicator(text)
            | Subject::Series(text) => text.capacity(),
            Subject::Measure(measure) => measure.heap_bytes(),
            Subject::Dataset(_) | Subject::Role(_) => 0,
        }
    }
}

impl From<MeasureRef> for Subject {
    fn from(measure: MeasureRef) -> Subject {
        Subject::Measure(measure)
    }
}
