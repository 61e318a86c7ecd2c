//! Settings of the cross-section model. The defaults are those of a model for short horizons
//! (methodology B4).

/// Settings of the cross-section model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossSectionSettings {
    /// Minimum market value of a line in the estimation universe, USD. Prices of smaller ones are
    /// often stale.
    pub cap_min_usd: f64,
    /// Minimum number of names in the estimation universe of a session.
    pub names_min: usize,
    /// Minimum number of sessions for a factor, and for a specific risk of a name's own.
    pub observations_min: usize,
    /// Volatilities of the factors.
    pub volatility: AgeWeights,
    /// Correlations of the factors.
    pub correlation: AgeWeights,
    /// Half-life in sessions of the volatility regime.
    pub regime_half_life_sessions: f64,
    /// Number of simulated histories behind the correction of eigenvalues.
    pub eigen_draws: usize,
    /// Strength of that correction; above one, because returns are not normal.
    pub eigen_scale: f64,
    /// Seed of the simulated histories.
    pub seed: u64,
    /// Specific risks.
    pub specific: AgeWeights,
    /// Number of sessions with which a name's specific risk is all its own; nine tenths of the most
    /// that any name has where that is less. Between the minimum and this number it is blended with
    /// that of names like it.
    pub specific_observations_full: usize,
    /// Strength q of the shrinkage of specific risks towards the mean of their size decile.
    pub specific_shrinkage: f64,
}

/// Weights of past sessions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgeWeights {
    /// Age in sessions at which a weight has halved.
    pub half_life_sessions: f64,
    /// Lags of autocorrelation (Newey and West).
    pub lags: usize,
}

impl CrossSectionSettings {
    /// Default settings, with which views are prepared.
    pub const PREPARED: CrossSectionSettings = CrossSectionSettings {
        cap_min_usd: 100e6,
        names_min: 50,
        observations_min: 60,
        volatility: AgeWeights { half_life_sessions: 84.0, lags: 5 },
        correlation: AgeWeights { half_life_sessions: 504.0, lags: 2 },
        regime_half_life_sessions: 42.0,
        eigen_draws: 256,
        eigen_scale: 1.4,
        seed: 1,
        specific: AgeWeights { half_life_sessions: 84.0, lags: 5 },
        specific_observations_full: 180,
        specific_shrinkage: 0.1,
    };
}

/// Number of sessions of factor returns: three years.
pub const HISTORY_SESSIONS: usize = 756;

/// Number of sessions of specific returns: six half-lives, of which the last four also measure the
/// regime.
pub const RESIDUAL_SESSIONS: usize = 504;

/// Number of sessions before an exposure's day that it may depend on, its own included: a year.
pub const LOOKBACK_SESSIONS: usize = 252;
