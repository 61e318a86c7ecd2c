//! Time to buy shorts back at a given share of the market's volume.

use crate::measure::{Measured, ratio};
use factors::exit_curve::{ExitLine, ExitPoint, exit_curve};
use portfolio::coverage::share;

/// One's own orders as a share of the day's volume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Participation(f64);

impl Participation {
    /// Default participation, usual at trading desks.
    pub const USUAL: Participation = Participation(0.15);

    /// The smallest share, a hundredth of one per cent: no order that anyone works is smaller, and the
    /// days that it takes stay a number.
    pub const LEAST: f64 = 1e-4;

    /// Returns `None` unless `share` is from [`Participation::LEAST`] to 1.
    pub fn new(share: f64) -> Option<Participation> {
        (Self::LEAST..=1.0).contains(&share).then_some(Participation(share))
    }

    /// The share.
    pub const fn share(self) -> f64 {
        self.0
    }

    /// Days to exit at a normal volume and at a recent one.
    pub fn exit(self, shares: f64, normal: Measured, recent: Measured) -> ExitDays {
        ExitDays {
            normal: normal.and_then(|volume| self.exit_days(shares, volume)),
            recent: recent.and_then(|volume| self.exit_days(shares, volume)),
        }
    }

    /// |shares| / (participation · average volume), in days; both in the same units.
    ///
    /// # Errors
    /// The volume is zero.
    pub fn exit_days(self, shares: f64, average_volume: f64) -> Measured {
        ratio(shares.abs(), self.0 * average_volume)
    }
}

/// Days to buy a short back at two volumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitDays {
    /// At the normal volume. A squeeze does not shorten it.
    pub normal: Measured,
    /// At the average volume of the last 21 sessions, which a squeeze in progress inflates.
    pub recent: Measured,
}

/// The exit of a short book at one measure of volume.
#[derive(Clone, Debug, PartialEq)]
pub struct ExitPlan {
    /// Short value with exit days / gross short, 0 to 1. `None` without shorts.
    pub share: Option<f64>,
    /// Days to buy back 25, 50, 75 and 95 % of the short value that has exit days.
    pub curve: Vec<ExitPoint>,
    /// Days to buy back all of that value: those of the slowest line.
    pub days: Option<f64>,
}

impl ExitPlan {
    /// The plan of the lines that have exit days, out of a gross short.
    pub fn of(lines: &[ExitLine], gross_short: f64) -> ExitPlan {
        // The sum of nothing is -0.0.
        let value: f64 = lines.iter().map(|line| line.value).sum::<f64>() + 0.0;
        ExitPlan {
            share: share(value, gross_short),
            curve: exit_curve(lines, &SHARES),
            days: lines.iter().map(|line| line.days).max_by(f64::total_cmp),
        }
    }
}

/// Shares of a short book for which the exit curve is reported.
pub const SHARES: [f64; 4] = [0.25, 0.50, 0.75, 0.95];

/// A line that is bought back, and what a squeeze of it would make or lose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitingShort {
    /// Its value and its days.
    pub line: ExitLine,
    /// P&L if the whole line is squeezed, below 0; 0 if it is not known.
    pub squeeze_pnl: f64,
}

/// A book after some sessions of buying back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitSession {
    /// Share of the value bought back, 0 to 1.
    pub share: f64,
    /// Value left, 0 or more.
    pub value_left: f64,
    /// P&L if everything left is squeezed, 0 or below.
    pub squeeze_pnl_left: f64,
}

/// Share that is left after some sessions of what takes `days` to buy back, 0 to 1.
pub fn share_left(days: f64, sessions: u16) -> f64 {
    (1.0 - f64::from(sessions) / days).max(0.0)
}

/// Maximum number of sessions listed one by one: a quarter.
pub const SESSIONS: usize = 63;

/// What is left after 1, 2, … sessions, until everything is bought back, at most [`SESSIONS`]. Empty
/// without lines to buy back.
pub fn exit_sessions(lines: &[ExitingShort]) -> Vec<ExitSession> {
    let total: f64 = lines.iter().map(|short| short.line.value).sum();
    let slowest = lines.iter().map(|short| short.line.days).max_by(f64::total_cmp);
    let Some(slowest) = slowest.filter(|_| 0.0 < total) else { return Vec::new() };
    let sessions = slowest.ceil().clamp(1.0, SESSIONS as f64) as usize;
    let after = |session: usize| {
        let left = |short: &ExitingShort| share_left(short.line.days, session as u16);
        // The sum of nothing is -0.0, and so is what is left of a loss.
        let value_left: f64 = lines.iter().map(|l| left(l) * l.line.value).sum::<f64>() + 0.0;
        let squeeze_pnl_left: f64 =
            lines.iter().map(|l| left(l) * l.squeeze_pnl).sum::<f64>() + 0.0;
        ExitSession { share: 1.0 - value_left / total, value_left, squeeze_pnl_left }
    };
    (1..=sessions).map(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 60 over 1 session and 40 over 4, that a squeeze would cost 12 and 20.
    #[test]
    fn what_is_left_by_hand() {
        let exiting =
            |value, days, squeeze_pnl| ExitingShort { line: ExitLine { value, days }, squeeze_pnl };
        let left = exit_sessions(&[exiting(40.0, 4.0, -20.0), exiting(60.0, 1.0, -12.0)]);
        let expected = [(0.7, 30.0, -15.0), (0.8, 20.0, -10.0), (0.9, 10.0, -5.0), (1.0, 0.0, 0.0)];
        assert_eq!(left.len(), 4);
        for (session, (share, value, pnl)) in left.iter().zip(expected) {
            assert!((session.share - share).abs() < 1e-12, "{session:?}");
            assert!((session.value_left - value).abs() < 1e-12, "{session:?}");
            assert!((session.squeeze_pnl_left - pnl).abs() < 1e-12, "{session:?}");
        }
        assert!(exit_sessions(&[]).is_empty());
        assert_eq!(exit_sessions(&[exiting(1.0, 1e4, 0.0)]).len(), SESSIONS);
    }

    #[test]
    fn own_exit_of_the_published_example() {
        // 200,000 shares at 15 % of 800,000 per day: 1.667 days (methodology.md D1).
        let days = Participation::USUAL.exit_days(-200_000.0, 800_000.0).unwrap();
        assert!((days - 5.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            Participation::USUAL.exit_days(-1.0, 0.0),
            Err(marketdata::gap::GapReason::Degenerate)
        );
        for wrong in [0.0, 5e-324, 9.9e-5, -0.1, 1.01, f64::NAN] {
            assert_eq!(Participation::new(wrong), None);
        }
        assert_eq!(Participation::new(1e-4).map(Participation::share), Some(1e-4));
    }

    #[test]
    fn a_share_of_nothing_has_no_sign() {
        let of_none = ExitPlan::of(&[], 100.0).share;
        assert_eq!(of_none.map(f64::to_bits), Some(0.0f64.to_bits()));
    }
}
