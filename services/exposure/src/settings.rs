//! Settings that a caller can choose: those of the risk model, and which positions to list.

use factors::trade::TradeDefinition;

pub use risk::settings::{
    BetaSettings, DRAWS, FILTER_LAMBDA, SCENARIOS_MIN, SEED_SESSIONS, Shrinkage, TailMethod,
    TailSettings, WINDOW_SESSIONS_MAX,
};

/// A trade to report.
#[derive(Clone, Debug, PartialEq)]
pub enum TradeChoice {
    /// The trade of the settings, long megacaps and short small caps.
    Standard,
    /// A trade of the caller's.
    Own(TradeDefinition),
}

/// Maximum number of trades of one request.
pub const TRADES_MAX: usize = 4;

/// Positions to list in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The largest by absolute market value, at most this many.
    Largest(usize),
    /// All positions, largest first.
    All,
}
