//! Settings that a caller can choose: those of the risk model, and which positions to list.

use factors::trade::TradeDefinition;
use portfolio::identifier::InstrumentRef;
use std::collections::BTreeMap;

pub use risk::settings::{
    BetaSettings, DRAWS, FILTER_DECAY, HORIZON_SESSIONS_MAX, LevelSettings, PATHS_MIN,
    SCENARIOS_MIN, SEED_SESSIONS, Shrinkage, TailMethod, TailPart, TailSettings,
    WINDOW_SESSIONS_MAX,
};

/// A trade to report.
#[derive(Clone, Debug, PartialEq)]
pub enum TradeChoice {
    /// The trade of the settings, long megacaps and short small caps.
    Standard,
    /// A trade of the caller's.
    Own(OwnDefinition),
}

/// A trade of the caller's.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnDefinition {
    /// The trade.
    pub trade: TradeDefinition,
    /// What the names of lines stand for. A name that is not among them is a symbol.
    pub references: BTreeMap<String, InstrumentRef<String>>,
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
