//! Settings of betas and tails that a caller can choose.

use stats::quantile::QuantileRule;

/// Settings of the estimation of betas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaSettings {
    /// Age in sessions at which the weight of an observation has halved.
    pub half_life_sessions: f64,
    /// Minimum number of sessions with a return for an estimate of a name's own.
    pub min_observations: usize,
    /// Residuals beyond this many robust standard deviations are down-weighted (Huber).
    pub huber_k: f64,
    /// Whether estimates are shrunk towards the mean of their prior.
    pub shrinkage: Shrinkage,
}

impl BetaSettings {
    /// Default settings, with which views are prepared: methodology B2.
    pub const PREPARED: BetaSettings = BetaSettings {
        half_life_sessions: 126.0,
        min_observations: 60,
        huber_k: 1.345,
        shrinkage: Shrinkage::Vasicek,
    };

    /// Length of the fit window in sessions: four half-lives, after which a day weighs a sixteenth
    /// of today.
    pub fn window_sessions(&self) -> usize {
        (4.0 * self.half_life_sessions).ceil() as usize
    }
}

/// Whether estimates are shrunk towards the mean of their prior: that of the size bucket, or of all
/// names if the size is unknown or the bucket has too few names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrinkage {
    /// Vasicek (1973). Funds and indices are not shrunk.
    Vasicek,
    /// Each name's own estimate is used as it is. Names without one still get the mean of the
    /// prior.
    None,
}

/// How past sessions become scenarios for the next session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailMethod {
    /// Past sessions as they were.
    Historical,
    /// Past sessions rescaled to the volatility forecast for the next one (Barone-Adesi 1999; Hull
    /// and White 1998): m_s = σ_{T+1}/σ_s, σ by the recursion with [`FILTER_LAMBDA`] on the book's
    /// own profits and losses at today's positions, after [`SEED_SESSIONS`].
    FilteredHistorical,
}

/// How value at risk and expected shortfall are computed from history.
#[derive(Clone, Debug, PartialEq)]
pub struct TailSettings {
    /// How past sessions become scenarios.
    pub method: TailMethod,
    /// Number of latest sessions used as scenarios; fewer if fewer are available.
    pub window_sessions: usize,
    /// Confidence levels, each inside (0, 1).
    pub confidence_levels: Vec<f64>,
    /// Rule for quantiles of order statistics.
    pub quantile_rule: QuantileRule,
    /// Probability with which the confidence interval covers the value at risk.
    pub interval_level: f64,
}

impl TailSettings {
    /// Number of sessions before the window that only initialise the volatility.
    pub const fn seed_sessions(&self) -> usize {
        match self.method {
            TailMethod::Historical => 0,
            TailMethod::FilteredHistorical => SEED_SESSIONS,
        }
    }

    /// Index of the first session that is used, as a scenario or as a seed, of `sessions` in all.
    pub const fn first(&self, sessions: usize) -> usize {
        sessions.saturating_sub(self.window_sessions + self.seed_sessions())
    }
}

/// Maximum number of scenario sessions of one request.
pub const WINDOW_SESSIONS_MAX: usize = 1_000;

/// Number of sessions whose mean square initialises the filter; they are not scenarios.
pub const SEED_SESSIONS: usize = 60;

/// λ of the filter's recursion.
pub const FILTER_LAMBDA: f64 = 0.94;

/// Minimum number of scenarios for a tail: one in the worst twentieth.
pub const SCENARIOS_MIN: usize = 20;

/// Number of draws of replacements for missing returns, equally weighted.
pub const DRAWS: usize = 32;

/// Number of sessions of returns kept in a view.
pub const PANEL_SESSIONS: usize = WINDOW_SESSIONS_MAX + SEED_SESSIONS;
