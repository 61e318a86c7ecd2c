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

#[cfg(test)]
mod tests {
    use super::*;

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
