//! What a caller may choose: the settings of the risk model, and which positions to list.

pub use risk::settings::{
    BetaSettings, DRAWS, FILTER_LAMBDA, SCENARIOS_MIN, SEED_SESSIONS, Shrinkage, TailMethod,
    TailSettings, WINDOW_SESSIONS_MAX,
};

/// Which positions an answer lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The largest by absolute market value, at most so many.
    Largest(usize),
    /// All, the largest first.
    All,
}
