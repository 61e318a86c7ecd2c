//! How far a line must jump within a week for it to count as a squeeze.
//!
//! Companies and funds alike: what of a fund is not seen through moves as the fund does. A line without
//! enough returns of its own has no threshold, in every service.

use marketdata::{
    bars::Bars, day::Day, gap::GapReason, instrument::InstrumentId, snapshot::Snapshot,
};
use stats::moments::{Ddof, standard_deviation};

/// Sessions of the volatility behind a threshold, and how many of them a line needs.
const VOLATILITY_SESSIONS: usize = 60;
const VOLATILITY_LEAST: usize = 42;

/// A last close more than this many calendar days before the market's latest is stale. Even illiquid
/// lines trade within a week.
pub const STALE_DAYS: i32 = 7;

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

/// Standard deviation, with n − 1, of the total returns of a line's last 60 sessions up to a row.
///
/// # Errors
/// It has fewer than 42, or no known factor converts their units.
pub fn daily_volatility(bars: &Bars<'_>, last: usize) -> Result<f64, GapReason> {
    let first = (last + 1).saturating_sub(VOLATILITY_SESSIONS).max(1);
    let returns: Option<Vec<f64>> = (first..last + 1).map(|row| bars.total_return(row)).collect();
    let returns = returns.ok_or(GapReason::BasisUnknown)?;
    if returns.len() < VOLATILITY_LEAST {
        return Err(GapReason::ShortHistory);
    }
    standard_deviation(&returns, Ddof::Sample).ok_or(GapReason::Degenerate)
}

/// The threshold of a line; `sessions` are those of the market, the latest last. Closes of other days
/// are no part of it.
///
/// # Errors
/// It has no close, only stale ones, or no volatility.
pub fn threshold_of(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    sessions: &[Day],
) -> Result<f64, GapReason> {
    let freshest = sessions.last().ok_or(GapReason::NoPrice)?;
    let (bars, _) = Bars::on_sessions(snapshot, instrument, sessions);
    let last = bars.len().checked_sub(1).ok_or(GapReason::NoPrice)?;
    if bars.days[last] < freshest.plus(-STALE_DAYS) {
        return Err(GapReason::Stale);
    }
    daily_volatility(&bars, last).map(squeeze_threshold)
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
