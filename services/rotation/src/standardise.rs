//! Standardising a measure against what was usual before it: changes by their own standard
//! deviation ([`factors::usual_change`]), levels and flows by their rank (methodology A21 (i)).
//!
//! Both have a finite memory, so that loading older history changes no value.

use stats::change;

/// Number of earlier values that a level or a flow is ranked among.
pub const RANKED: usize = 1_260;

/// How the values of a measure are standardised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A change over some sessions is divided by its standard deviation, from one-day changes.
    Change {
        /// Number of sessions of the change.
        sessions: usize,
        /// The measure of the same change over one session.
        daily: &'static str,
    },
    /// A level or a flow: the normal quantile of its rank.
    Rank,
}

/// The normal quantile of the mid-rank of the value at `at` among itself and up to [`RANKED`]
/// values before it, and the number of those: Φ⁻¹((below + ties/2 + 1/2) / (n + 1)). `None` if
/// there are fewer than `minimum`.
pub fn rank_z(values: &[f64], at: usize, minimum: usize) -> Option<(f64, usize)> {
    let (past, value) = (&values[at.saturating_sub(RANKED)..at], values[at]);
    if past.len() < minimum.max(1) {
        return None;
    }
    let twice_below: u32 = past
        .iter()
        .map(|other| match change::difference(*other, value) {
            above if 0.0 < above => 2,
            below if below < 0.0 => 0,
            _ => 1,
        })
        .sum();
    let share = (f64::from(twice_below) + 1.0) / (2 * (past.len() + 1)) as f64;
    Some((stats::normal::quantile(share)?, past.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_a_normal_quantile() {
        // Two below, one equal, one above: (2 + 1/2 + 1/2) / 5 = 0.6; Φ⁻¹(0.6) = 0.253347.
        let (z, observations) = rank_z(&[1.0, 2.0, 3.0, 4.0, 3.0], 4, 4).unwrap();
        assert!((z - 0.253_347_103_135_8).abs() < 1e-12);
        assert_eq!(observations, 4);
        assert_eq!(rank_z(&[1.0, 2.0], 1, 2), None);
        // A record among 1,260 stays finite: Φ⁻¹(1 − 0.5/1261) = 3.3538.
        let rising: Vec<f64> = (0..3_000).map(f64::from).collect();
        let (z, observations) = rank_z(&rising, 2_999, 126).unwrap();
        assert_eq!(observations, RANKED);
        assert!((z - 3.353).abs() < 1e-2, "{z}");
    }
}
