//! What today's positions lose over scenarios from past sessions.

use super::DayPnl;
use crate::settings::TailSettings;
use marketdata::day::Day;

/// Value at risk and expected shortfall at one confidence level, as losses.
#[derive(Clone, Debug, PartialEq)]
pub struct TailLevel {
    /// Confidence, inside (0, 1).
    pub confidence: f64,
    /// The loss not exceeded with that confidence.
    pub value_at_risk: f64,
    /// Lower end of its confidence interval by inversion. `None` if it is open.
    pub value_at_risk_low: Option<f64>,
    /// Upper end of its confidence interval by inversion. `None` if it is open.
    pub value_at_risk_high: Option<f64>,
    /// Mean loss beyond it; the scenario on the border counts in part.
    pub expected_shortfall: f64,
    /// Its standard error, allowing for clusters of losses. `None` if the tail is a single session.
    pub expected_shortfall_standard_error: Option<f64>,
    /// By trade of the report: contributions of its legs to expected shortfall, the rest last.
    pub leg_expected_shortfall: Vec<Vec<f64>>,
    /// The same to the value at risk; empty if no contributions to it are wanted.
    pub leg_value_at_risk: Vec<Vec<f64>>,
    /// How much of it rests on stand-ins. `None` if every return is a name's own.
    pub stand_ins: Option<TailStandIns>,
}

/// How far a confidence level rests on stand-ins for missing returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TailStandIns {
    /// Contribution of stand-ins to expected shortfall; negative if they reduce it.
    pub expected_shortfall: f64,
    /// Standard deviation, over the draws, of the value at risk of each draw.
    pub value_at_risk_spread: f64,
    /// Standard deviation, over the draws, of the expected shortfall of each draw.
    pub expected_shortfall_spread: f64,
}

/// Standard deviation of the scenarios' P&L.
#[derive(Clone, Debug, PartialEq)]
pub struct TailVolatility {
    /// √(Σ (P − P̄)²/(n − 1)) over n sessions, each session's draws counting 1/draws.
    pub value: f64,
    /// Its standard error, allowing for clusters. `None` without any variance.
    pub standard_error: Option<f64>,
    /// Contributions of the legs, cov(leg, book)/σ, by trade and leg; those of a trade sum to it.
    pub legs: Vec<Vec<f64>>,
    /// How far it rests on stand-ins. `None` if every return is a name's own.
    pub stand_ins: Option<VolatilityStandIns>,
}

/// How far a standard deviation rests on stand-ins for missing returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VolatilityStandIns {
    /// Contribution of stand-ins to it.
    pub contribution: f64,
    /// Standard deviation, over the draws, of the standard deviation of each draw.
    pub spread: f64,
}

/// Losses of today's positions over scenarios made of past sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct TailRisk {
    /// The settings used, with defaults filled in.
    pub settings: TailSettings,
    /// Number of sessions used as scenarios.
    pub sessions: usize,
    /// Number of scenarios made of several sessions, per draw: runs or paths. `None` if each is one
    /// session.
    pub scenarios: Option<usize>,
    /// First of these sessions.
    pub first_on: Day,
    /// Last of these sessions.
    pub last_on: Day,
    /// The filter. `None` for plain history.
    pub filter: Option<FilterRecord>,
    /// Confidence levels, in the requested order, one group after the other.
    pub levels: Vec<TailLevel>,
    /// The standard deviation of the scenarios. `None` if it was not asked for.
    pub volatility: Option<TailVolatility>,
    /// By number of [`TailSettings::by_group`] and breakdown of the report: the contribution of each
    /// of its groups. Those of a breakdown sum to the number.
    pub by_group: Vec<Vec<Vec<f64>>>,
    /// The session of the largest replayed loss: today's positions, unscaled returns.
    pub worst_on: Day,
    /// P&L of that session; stand-ins are averaged over draws.
    pub worst_pnl: f64,
    /// What today's shares made on that session itself.
    pub worst_day: DayPnl,
    /// The session of the worst scenario, the first if it has several. The same as `worst_on` for plain
    /// history over one session without stand-ins.
    pub worst_scenario_on: Day,
    /// P&L of that scenario, rescaled by the filter, with the stand-ins of one draw.
    pub worst_scenario_pnl: f64,
    /// Number of draws of stand-ins; 1 without stand-ins.
    pub draws: usize,
    /// Share of gross times sessions of the window for which stand-ins are used.
    pub proxied_share: f64,
    /// Number of names without a return of their own on some session of the window or its seeds.
    pub proxied_names: usize,
    /// Number of names for which some draws in the window used peers of other sizes or sectors.
    pub widened_names: usize,
    /// Number of sessions left out because names of more than a twentieth of the joined gross have
    /// no return on them and fewer than ten of their peers have one.
    pub left_out_sessions: usize,
    /// Share of gross times sessions of the window for which fewer than ten peers have a return, so
    /// that only betas are used.
    pub undrawn_share: f64,
}

/// What the volatility filter did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilterRecord {
    /// The decay λ of the recursion.
    pub decay: f64,
    /// Number of sessions before the window that initialise the volatility.
    pub seed_sessions: usize,
    /// σ_{T+1}: the forecast standard deviation of the next session's P&L, averaged over draws.
    pub volatility: f64,
    /// Number of scenarios, over all draws, that are not rescaled because no returns moved before
    /// them.
    pub unscaled: usize,
}
