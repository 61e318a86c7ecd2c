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

/// How past sessions become scenarios of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailMethod {
    /// Past sessions as they were.
    Historical,
    /// Past sessions rescaled to the volatility forecast for the next one (Barone-Adesi 1999; Hull
    /// and White 1998): m_s = σ_{T+1}/σ_s, σ by the recursion with [`FILTER_LAMBDA`] on the book's own
    /// profits and losses at today's positions, after [`SEED_SESSIONS`].
    FilteredHistorical,
}

/// How value at risk and expected shortfall are read off history.
#[derive(Clone, Debug, PartialEq)]
pub struct TailSettings {
    /// How sessions become scenarios.
    pub method: TailMethod,
    /// Latest sessions that are scenarios; fewer where there are not so many.
    pub window_sessions: usize,
    /// Levels of confidence, each inside (0, 1).
    pub confidence_levels: Vec<f64>,
    /// The rule that makes a quantile of order statistics.
    pub quantile_rule: QuantileRule,
    /// Probability with which the interval is to enclose the value at risk.
    pub interval_level: f64,
}

impl TailSettings {
    /// Sessions before the window that only give the volatility to start from.
    pub const fn seed_sessions(&self) -> usize {
        match self.method {
            TailMethod::Historical => 0,
            TailMethod::FilteredHistorical => SEED_SESSIONS,
        }
    }

    /// Of so many sessions the first that is looked at: as a scenario, or as a seed.
    pub const fn first(&self, sessions: usize) -> usize {
        sessions.saturating_sub(self.window_sessions + self.seed_sessions())
    }
}

/// Sessions that one request may replay.
pub const WINDOW_SESSIONS_MAX: usize = 1_000;

/// Sessions whose mean square the filter starts from; they are no scenarios.
pub const SEED_SESSIONS: usize = 60;

/// λ of the filter's recursion.
pub const FILTER_LAMBDA: f64 = 0.94;

/// Fewer scenarios than this are no tail: one in the worst twentieth.
pub const SCENARIOS_MIN: usize = 20;

/// Draws of what stands in for absent returns, each of the same weight.
pub const DRAWS: usize = 32;

/// Sessions of returns that a view keeps ready.
pub const PANEL_SESSIONS: usize = WINDOW_SESSIONS_MAX + SEED_SESSIONS;
