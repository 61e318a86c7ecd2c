//! Lines that are not part of any holding, and why.

use crate::lines::Size;
use marketdata::{
    currency::{Currency, NoRate},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    old_rates::OldRate,
    quotes::{Quotes, UndatedSplit},
    snapshot::Snapshot,
};

/// A line that is not part of any holding.
#[derive(Clone, Debug, PartialEq)]
pub struct LooseLine {
    /// Index of the line.
    pub line: usize,
    /// The instrument's symbol if the instrument is known, else the first identifier submitted.
    pub symbol: String,
    /// The instrument; `None` if the identifiers do not name exactly one.
    pub instrument: Option<InstrumentId>,
    /// Size as submitted, money in the base currency. Money that no rate brings there counts as shares
    /// do, which have no value either.
    pub size: Size,
    /// The old rate that brought its value to the base currency.
    pub old_rate: Option<OldRate>,
    /// Why it is loose.
    pub cause: Cause,
}

/// A line that is named as its instrument is called on other days than the view's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineOfOtherDays {
    /// Index of the line.
    pub line: usize,
    /// The identifiers submitted.
    pub given: String,
    /// The instrument's symbol on the view's day.
    pub symbol: String,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No instrument has any of its identifiers, which the text lists.
    UnknownInstrument(String),
    /// Several lines have its identifiers; the text names both.
    Ambiguous(String),
    /// Its identifiers are those of different lines; the text names both.
    Disagree(String),
    /// The instrument has no price.
    NoPrice,
    /// No known factor converts the last price to the units of the view's day, because of this
    /// split if one is given.
    UnknownUnits(Option<UndatedSplit>),
    /// The instrument has no close on the day of its market value.
    NoPriceOn(Day),
    /// No known factor connects the close on the day of its market value to today's shares.
    UnknownUnitsOn(Day),
    /// No rate brings its price, or its money, to the base currency.
    NoRate(NoRate),
    /// It gives another currency than its instrument is quoted in.
    OtherCurrency {
        /// The one it gives.
        given: Currency,
        /// The one of the instrument.
        quoted: Currency,
    },
    /// It is an option whose expiry is not after the last session with closes.
    Expired {
        /// Its expiry.
        on: Day,
        /// That session.
        session: Day,
    },
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
        self.cause.why(&self.symbol)
    }
}

impl Cause {
    /// Why an instrument has no usable price.
    pub fn no_quote(snapshot: &Snapshot, instrument: InstrumentId) -> Cause {
        match Quotes::why_none(snapshot, instrument) {
            GapReason::NoPrice => Cause::NoPrice,
            GapReason::NoRate => match Quotes::missing_rate(snapshot, instrument) {
                Some(missing) => Cause::NoRate(missing),
                None => Cause::NoPrice,
            },
            _ => Cause::UnknownUnits(Quotes::undated_split(snapshot, instrument)),
        }
    }

    /// What is wrong with a line of this symbol, as half a sentence.
    pub fn why(&self, symbol: &str) -> String {
        match self {
            Cause::UnknownInstrument(_) | Cause::Ambiguous(_) | Cause::Disagree(_) => {
                self.why_unresolved()
            }
            Cause::NoPrice => format!("{symbol} has no price at or before the as-of date"),
            Cause::UnknownUnits(None) => format!(
                "no known split factor converts the last price of {symbol} to units of the as-of day"
            ),
            Cause::UnknownUnits(Some(UndatedSplit { units_on, earliest, latest })) => format!(
                "{symbol} was split on an unknown session from {earliest} to {latest}, so its last \
                 price, in the share units of {units_on}, cannot be converted to those of the as-of \
                 day: load a file of splits that gives the day, or the prices with the right \
                 adjusted_on outside these sessions"
            ),
            Cause::NoPriceOn(day) => {
                format!("{symbol} has no close on {day}, the day of its market value")
            }
            Cause::UnknownUnitsOn(day) => format!(
                "no known factor connects the close of {symbol} on {day}, the day of its market \
                 value, to the last one"
            ),
            Cause::NoRate(missing) => {
                format!("{symbol} has no value in the currency of the book: {}", missing.why())
            }
            Cause::OtherCurrency { given, quoted } => format!(
                "the line says {given}, and {symbol} is quoted in {quoted} as far as the security \
                 master says: load one with its currency, or correct the line"
            ),
            Cause::Expired { on, session } => format!(
                "its option on {symbol} expired on {on}, and {session} is the last session with \
                 closes at the as-of date"
            ),
        }
    }

    /// The reason of the gap.
    pub const fn reason(&self) -> GapReason {
        match self {
            Cause::UnknownInstrument(_) => GapReason::UnknownInstrument,
            Cause::Ambiguous(_) => GapReason::AmbiguousInstrument,
            Cause::Disagree(_) => GapReason::IdentifiersDisagree,
            Cause::NoPrice | Cause::NoPriceOn(_) => GapReason::NoPrice,
            Cause::UnknownUnits(_) | Cause::UnknownUnitsOn(_) => GapReason::BasisUnknown,
            Cause::NoRate(_) => GapReason::NoRate,
            Cause::OtherCurrency { .. } => GapReason::CurrencyDisagrees,
            Cause::Expired { .. } => GapReason::Expired,
        }
    }

    /// Why a reference names no single instrument, as half a sentence; empty for other causes.
    pub fn why_unresolved(&self) -> String {
        match self {
            Cause::UnknownInstrument(given) => format!("no instrument has the {given}"),
            Cause::Ambiguous(text) => format!("{text}: give the mic, or the symbol"),
            Cause::Disagree(text) => format!("the identifiers disagree: {text}"),
            Cause::NoPrice
            | Cause::UnknownUnits(_)
            | Cause::NoPriceOn(_)
            | Cause::UnknownUnitsOn(_)
            | Cause::NoRate(_)
            | Cause::OtherCurrency { .. }
            | Cause::Expired { .. } => String::new(),
        }
    }
}
