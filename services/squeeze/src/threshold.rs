//! What counts as a squeeze, and as heavily short.

use crate::{
    measure::{Component, Measured},
    name::SqueezeName,
};

/// Sessions within which the price must jump.
pub const HORIZON_SESSIONS: u32 = 5;
/// The jump must be this many standard deviations of the horizon, and at least this large.
const DEVIATIONS: f64 = 3.0;
const LEAST: f64 = 0.15;
/// A name is heavily short from this share of its float, or these days to cover.
const HEAVY_FLOAT: f64 = 0.10;
const HEAVY_DAYS: f64 = 5.0;

/// The least return over five sessions that counts as a squeeze, a decimal: max(3σ√5, 15 %), with σ
/// the standard deviation of daily returns.
pub fn squeeze_threshold(daily_volatility: f64) -> f64 {
    (DEVIATIONS * daily_volatility * f64::from(HORIZON_SESSIONS).sqrt()).max(LEAST)
}

/// Whether a name is heavily short: 10 % of its float, or 5 days to cover at the volume up to the
/// settlement.
pub fn is_heavily_short(name: &SqueezeName) -> bool {
    let is_from = |measured: Measured, least: f64| measured.is_ok_and(|value| least <= value);
    is_from(name.measure(Component::ShortOfFloat), HEAVY_FLOAT)
        || is_from(name.measure(Component::DaysToCover), HEAVY_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3·0.106·√5 = 71.1 %; a quiet name must still jump by 15 %.
    #[test]
    fn thresholds_by_hand() {
        assert!((squeeze_threshold(0.106) - 0.711_07).abs() < 1e-5);
        assert!((squeeze_threshold(0.01) - 0.15).abs() < 1e-15);
    }
}
