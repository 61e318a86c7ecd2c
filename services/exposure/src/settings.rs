//! Settings that a caller can choose: those of the risk model, and which positions to list.

pub use risk::settings::{
    BetaSettings, DRAWS, FILTER_LAMBDA, LevelSettings, SCENARIOS_MIN, SEED_SESSIONS, Shrinkage,
    TailMethod, TailPart, TailSettings, WINDOW_SESSIONS_MAX,
};

/// Positions to list in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The largest by absolute market value, at most this many.
    Largest(usize),
    /// All positions, largest first.
    All,
}
