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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TailMethod {
    /// Past sessions as they were.
    Historical,
    /// Past sessions rescaled to the volatility forecast for the next one (Barone-Adesi 1999; Hull
    /// and White 1998): m_s = σ_{T+1}/σ_s, σ by an exponential recursion on the book's own profits
    /// and losses at today's positions, after [`SEED_SESSIONS`].
    FilteredHistorical {
        /// The decay λ of the recursion: the weight of yesterday's variance in today's.
        decay: f64,
    },
    /// A normal distribution with mean zero and the variance of the recursion, which starts with the
    /// mean square of the first [`SEED_SESSIONS`] of the window (methodology C3).
    Ewma {
        /// The decay λ of the recursion.
        decay: f64,
    },
    /// A normal distribution with the mean and the variance of the window.
    Gaussian,
    /// That distribution with the window's skewness and excess kurtosis (Cornish and Fisher 1938).
    CornishFisher,
}

impl TailMethod {
    /// The filter with its usual recursion.
    pub const FILTERED: TailMethod = TailMethod::FilteredHistorical { decay: FILTER_DECAY };

    /// Every method with its usual parameters.
    pub const ALL: [TailMethod; 5] = [
        TailMethod::Historical,
        TailMethod::FILTERED,
        TailMethod::Ewma { decay: FILTER_DECAY },
        TailMethod::Gaussian,
        TailMethod::CornishFisher,
    ];

    /// Whether its numbers are quantiles and means of scenarios, and not those of a distribution
    /// fitted to the sessions.
    pub const fn has_scenarios(self) -> bool {
        matches!(self, TailMethod::Historical | TailMethod::FilteredHistorical { .. })
    }
}

/// Confidence levels that are measured in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelSettings {
    /// Confidences, each inside (0, 1).
    pub confidences: Vec<f64>,
    /// Rule for quantiles of order statistics.
    pub quantile_rule: QuantileRule,
    /// Probability with which the confidence interval covers the value at risk.
    pub interval_level: f64,
}

/// A number measured on a set of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailPart {
    /// The expected shortfall at a confidence of [`TailSettings::levels`]: its group, and its place
    /// there.
    Level(usize, usize),
    /// The value at risk there.
    ValueAtRisk(usize, usize),
    /// The standard deviation.
    Volatility,
}

/// A set of scenarios, and what is measured on it.
#[derive(Clone, Debug, PartialEq)]
pub struct TailSettings {
    /// How past sessions become scenarios.
    pub method: TailMethod,
    /// Number of latest sessions used as scenarios; fewer if fewer are available.
    pub window_sessions: usize,
    /// Number of sessions over which a loss is counted, from 1.
    pub horizon_sessions: usize,
    /// Value at risk and expected shortfall are measured at these levels.
    pub levels: Vec<LevelSettings>,
    /// Whether the standard deviation is measured.
    pub volatility: bool,
    /// The numbers whose contributions by position are wanted.
    pub by_position: Vec<TailPart>,
    /// The numbers whose contributions by the groups of the report are wanted, and the values at risk
    /// whose contributions by leg are; the other numbers always have those.
    pub by_group: Vec<TailPart>,
}

impl TailSettings {
    /// Whether contributions to a number are wanted.
    pub fn splits(&self, part: TailPart) -> bool {
        self.by_position.contains(&part) || self.by_group.contains(&part)
    }

    /// The name of the set: the method, the window and, if it has one, its decay; then the horizon if it
    /// is longer than one session.
    pub fn id(&self) -> String {
        let window = self.window_sessions;
        let set = match self.method {
            TailMethod::Historical => format!("historical/{window}"),
            TailMethod::FilteredHistorical { decay } => {
                format!("filtered_historical/{window}/{decay}")
            }
            TailMethod::Ewma { decay } => format!("ewma/{window}/{decay}"),
            TailMethod::Gaussian => format!("gaussian/{window}"),
            TailMethod::CornishFisher => format!("cornish_fisher/{window}"),
        };
        match self.horizon_sessions {
            1 => set,
            horizon => format!("{set}/h{horizon}"),
        }
    }

    /// Number of sessions before the window that only initialise the volatility of a filter.
    pub const fn seed_sessions(&self) -> usize {
        match self.method {
            TailMethod::FilteredHistorical { .. } => SEED_SESSIONS,
            _ => 0,
        }
    }

    /// Index of the first session that is used, as a scenario or as a seed, of `sessions` in all.
    pub const fn first(&self, sessions: usize) -> usize {
        sessions.saturating_sub(self.window_sessions + self.seed_sessions())
    }

    /// Index of a confidence among those of all groups.
    pub fn place(&self, group: usize, at: usize) -> usize {
        self.levels.iter().take(group).map(|group| group.confidences.len()).sum::<usize>() + at
    }
}

/// Maximum number of scenario sessions of one request.
pub const WINDOW_SESSIONS_MAX: usize = 1_000;

/// Number of sessions whose mean square initialises the filter; they are not scenarios.
pub const SEED_SESSIONS: usize = 60;

/// Decay λ of the filter's recursion by default.
pub const FILTER_DECAY: f64 = 0.94;

/// Least number of simulated paths behind a tail over several sessions. The error of a quantile at
/// 99 % is then two to three percent of it, less than that of a thousand sessions of history.
pub const PATHS_MIN: usize = 10_000;

/// Maximum number of sessions over which a loss is counted: a quarter.
pub const HORIZON_SESSIONS_MAX: usize = 60;

/// Minimum number of scenarios for a tail: one in the worst twentieth.
pub const SCENARIOS_MIN: usize = 20;

/// Number of draws of replacements for missing returns, equally weighted.
pub const DRAWS: usize = 32;

/// Number of sessions of returns kept in a view.
pub const PANEL_SESSIONS: usize = WINDOW_SESSIONS_MAX + SEED_SESSIONS;
