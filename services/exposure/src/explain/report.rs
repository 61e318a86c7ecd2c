//! The explained P&L of a book.

use crate::factor::Factor;
use factors::trade::TradeDefinition;
use marketdata::{day::Day, gap::Gap, instrument::InstrumentId};
use portfolio::coverage::Coverage;
use risk::factor::FactorRole;

/// A part of a P&L, and how much it was expected to move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// P&L, signed.
    pub pnl: f64,
    /// Its forecast standard deviation over the window, as of the start. `None` with too few
    /// sessions before the start, or if it never moved.
    pub forecast: Option<f64>,
}

/// The P&L of a book between two closes.
#[derive(Clone, Debug, PartialEq)]
pub struct PnlReport {
    /// The session at whose close it starts.
    pub start_on: Day,
    /// The session at whose close it ends.
    pub end_on: Day,
    /// Number of sessions.
    pub sessions: usize,
    /// All names.
    pub total: Part,
    /// The part of the total from prices.
    pub price: f64,
    /// The part of that from exchange rates; `None` if every name is quoted in the base currency.
    pub rates: Option<f64>,
    /// The part of the total from distributions.
    pub distributions: f64,
    /// Names held long at the start.
    pub long: Part,
    /// Names held short at the start.
    pub short: Part,
    /// Value of the names held long at the first close.
    pub start_long: f64,
    /// Value of the names held short at the first close; positive.
    pub start_short: f64,
    /// One row per factor of [`super::ADDITIVE`]; with the residual they add up to the total.
    pub factors: Vec<FactorPnl>,
    /// The rest.
    pub residual: Part,
    /// The trades requested, each splitting the total again.
    pub trades: Vec<TradePnl>,
    /// By requested grouping, the groups, which split the total again.
    pub breakdowns: Vec<Vec<GroupPnl>>,
    /// The classification scheme of the sectors.
    pub sector_scheme: String,
    /// The names listed, the largest |P&L| first.
    pub names: Vec<NamePnl>,
    /// The other names.
    pub unlisted: Part,
    /// Number of names explained.
    pub name_count: usize,
    /// How well data cover the book.
    pub coverage: Vec<Coverage>,
    /// What is missing.
    pub gaps: Vec<Gap>,
}

/// What a factor made.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorPnl {
    /// The factor.
    pub factor: Factor,
    /// The symbols behind it at the start.
    pub roles: Vec<FactorRole>,
    /// Sum of its returns over the window. `None`: it has no series.
    pub factor_change: Option<f64>,
    /// Σ value at the start × beta. `None`: it has no series.
    pub exposure: Option<f64>,
    /// Σ over names and sessions of value before × beta × return. `None`: it has no series.
    pub part: Option<Part>,
}

/// The P&L split by a trade.
#[derive(Clone, Debug, PartialEq)]
pub struct TradePnl {
    /// The trade.
    pub definition: TradeDefinition,
    /// Its legs and then everything else; they add up to the total.
    pub legs: Vec<GroupPnl>,
    /// What the trade's own return explains, through the names' betas to it. `None` for a trade of
    /// the caller's.
    pub factor: Option<FactorPnl>,
}

/// What a leg of a trade or a group of a book made.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPnl {
    /// The leg or the group. `None`: everything that is in no other.
    pub id: Option<String>,
    /// Number of names.
    pub names: usize,
    /// Value at the start, signed.
    pub start_value: f64,
    /// Its P&L.
    pub part: Part,
}

/// What a line of a name made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LotPnl {
    /// Index of the line.
    pub line: usize,
    /// Value at the first close, signed.
    pub start_value: f64,
    /// Price and distributions.
    pub pnl: f64,
}

/// What a name made.
#[derive(Clone, Debug, PartialEq)]
pub struct NamePnl {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Its symbol at the as-of date.
    pub symbol: String,
    /// The lines that hold it, in the order submitted.
    pub lots: Vec<LotPnl>,
    /// Value at the first close, signed.
    pub start_value: f64,
    /// Days of its first and last close.
    pub first_on: Day,
    /// Day of its last close.
    pub last_on: Day,
    /// Price and distributions.
    pub total: Part,
    /// From prices.
    pub price: f64,
    /// The part of that from the exchange rate; `None` if it is quoted in the base currency.
    pub rates: Option<f64>,
    /// From distributions.
    pub distributions: f64,
    /// Through the factors of [`super::ADDITIVE`]; zero for one without a series.
    pub factors: [f64; 2],
    /// The rest.
    pub residual: Part,
    /// Its leg of each trade.
    pub legs: Vec<Option<usize>>,
}
