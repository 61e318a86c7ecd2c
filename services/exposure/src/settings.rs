//! What a caller may choose about betas and tails.

use stats::quantile::QuantileRule;

/// How betas are estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaSettings {
    /// Age, in sessions, at which an observation counts half.
    pub half_life_sessions: f64,
    /// Fewer sessions with a return than this give no estimate of a name's own.
    pub min_observations: usize,
    /// Residuals beyond this many robust standard deviations lose weight (Huber).
    pub huber_k: f64,
    /// Whether names' estimates are drawn towards the mean of their prior.
    pub shrinkage: Shrinkage,
}

impl BetaSettings {
    /// What a view is prepared with: methodology B2.
    pub const PREPARED: BetaSettings = BetaSettings {
        half_life_sessions: 126.0,
        min_observations: 60,
        huber_k: 1.345,
        shrinkage: Shrinkage::Vasicek,
    };

    /// Sessions a fit looks back: four half-lives, where a day weighs a sixteenth of today.
    pub fn window_sessions(&self) -> usize {
        (4.0 * self.half_life_sessions).ceil() as usize
    }
}

/// Whether names' estimates are drawn towards the mean of their prior: that of their size bucket, or
/// of all names where the size is unknown or the bucket has few names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrinkage {
    /// Vasicek (1973). Funds and indices are left as they are.
    Vasicek,
    /// Each name's own estimate as it is; names without one still take the mean of the prior.
    None,
}

/// How value at risk and expected shortfall are read off history.
#[derive(Clone, Debug, PartialEq)]
pub struct TailSettings {
    /// Latest sessions replayed; fewer where there are not so many.
    pub window_sessions: usize,
    /// Levels of confidence, each inside (0, 1).
    pub confidence_levels: Vec<f64>,
    /// The rule that makes a quantile of order statistics.
    pub quantile_rule: QuantileRule,
    /// Probability with which the order-statistic interval encloses the quantile, at least.
    pub interval_level: f64,
}

/// Sessions of returns that a view keeps ready.
pub const PANEL_SESSIONS: usize = 1_000;

/// Levels of confidence whose intervals a view keeps ready.
pub const PREPARED_LEVELS: [f64; 2] = [0.95, 0.99];

/// Interval level that a view keeps ready.
pub const PREPARED_INTERVAL: f64 = 0.95;

/// Which positions an answer lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The largest by absolute market value, at most so many.
    Largest(usize),
    /// All, the largest first.
    All,
}
