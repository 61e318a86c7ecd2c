//! How far a name must jump within a week for it to count as a squeeze.

/// Sessions within which the price must jump.
pub const HORIZON_SESSIONS: u32 = 5;
/// The jump must be this many standard deviations of the horizon, and at least this large.
const DEVIATIONS: f64 = 3.0;
const LEAST: f64 = 0.15;

/// The least return over five sessions that counts as a squeeze, a decimal: max(3σ√5, 15 %), with σ
/// the standard deviation of daily returns.
pub fn squeeze_threshold(daily_volatility: f64) -> f64 {
    (DEVIATIONS * daily_volatility * f64::from(HORIZON_SESSIONS).sqrt()).max(LEAST)
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
