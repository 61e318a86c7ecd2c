//! Lines that are not part of any holding, and why.

use crate::lines::Size;
use marketdata::{day::Day, gap::GapReason, instrument::InstrumentId};

/// A line that is not part of any holding.
#[derive(Clone, Debug, PartialEq)]
pub struct LooseLine {
    /// Index of the line.
    pub line: usize,
    /// The symbol as submitted.
    pub symbol: String,
    /// The instrument; `None` if no symbol is given or the symbol is unknown.
    pub instrument: Option<InstrumentId>,
    /// Size as submitted.
    pub size: Size,
    /// Why it is loose.
    pub cause: Cause,
}

/// A loose line as answers list it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unresolved {
    /// Index of the line.
    pub line: usize,
    /// Unknown symbol, no price, or no price in the units of the as-of day.
    pub reason: GapReason,
    /// The reason in words.
    pub detail: String,
    /// |market value| / gross, if the line gives a value.
    pub gross_share: Option<f64>,
}

/// Why a line is not part of any holding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No instrument has its symbol.
    UnknownSymbol,
    /// It gives identifiers but no symbol.
    NoSymbol,
    /// The instrument has no price.
    NoPrice,
    /// No known factor converts the last price to the units of the view's day.
    UnknownUnits,
    /// The instrument has no close on the day of its market value.
    NoPriceOn(Day),
    /// No known factor connects the close on the day of its market value to today's shares.
    UnknownUnitsOn(Day),
}

impl LooseLine {
    /// The market value given; `None` if the line gave shares, which no price could value.
    pub fn market_value(&self) -> Option<f64> {
        match self.size {
            Size::MarketValue(value) => Some(value),
            Size::Shares(_) => None,
        }
    }

    /// The line as answers list it, in a book of this gross value.
    pub fn unresolved(&self, gross: f64) -> Unresolved {
        let value = self.market_value().filter(|_| 0.0 < gross);
        Unresolved {
            line: self.line,
            reason: self.cause.reason(),
            detail: self.why(),
            gross_share: value.map(|value| value.abs() / gross),
        }
    }

    /// Whether the line is a short.
    pub fn is_short(&self) -> bool {
        let (Size::Shares(amount) | Size::MarketValue(amount)) = self.size;
        amount < 0.0
    }

    /// Why it is loose, as half a sentence.
    pub fn why(&self) -> String {
        let symbol = &self.symbol;
        match self.cause {
            Cause::UnknownSymbol => format!("no instrument has the symbol {symbol:?}"),
            Cause::NoSymbol => "no symbol is given, and the other identifiers cannot be looked up \
                                without a security master"
                .to_owned(),
            Cause::NoPrice => format!("{symbol} has no price at or before the as-of date"),
            Cause::UnknownUnits => format!(
                "no known split factor converts the last price of {symbol} to units of the as-of day"
            ),
            Cause::NoPriceOn(day) => {
                format!("{symbol} has no close on {day}, the day of its market value")
            }
            Cause::UnknownUnitsOn(day) => format!(
                "no known factor connects the close of {symbol} on {day}, the day of its market \
                 value, to the last one"
            ),
        }
    }
}

impl Cause {
    /// The reason of the gap.
    pub const fn reason(self) -> GapReason {
        match self {
            Cause::UnknownSymbol | Cause::NoSymbol => GapReason::UnknownInstrument,
            Cause::NoPrice | Cause::NoPriceOn(_) => GapReason::NoPrice,
            Cause::UnknownUnits | Cause::UnknownUnitsOn(_) => GapReason::BasisUnknown,
        }
    }
}
