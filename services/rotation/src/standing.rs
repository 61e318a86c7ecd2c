//! How unusual a value is: z-score and percentile against the history before it.

use stats::change;

/// Window of a z-score: number of sessions before the value (methodology A1).
pub const Z_WINDOW: usize = 252;
/// Minimum number of values for a z-score.
pub const Z_MIN: usize = 126;

/// A z-score and the number of values behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZScore {
    /// `(x_t − mean) / sd` over the values before `x_t`, sample standard deviation.
    pub z: f64,
    /// Number of values in the window, excluding `x_t`.
    pub observations: usize,
}

/// The z-score of the last value against the up to 252 values before it. `None` with fewer than 126
/// values, or if they are constant.
pub fn z_score(values: &[f64]) -> Option<ZScore> {
    let (last, past) = values.split_last()?;
    let past = &past[past.len().saturating_sub(Z_WINDOW)..];
    if past.len() < Z_MIN {
        return None;
    }
    let z = stats::rank::z_score(past, *last, stats::moments::Ddof::Sample)?;
    Some(ZScore { z, observations: past.len() })
}

/// Share of all earlier values below the last, ties counting half, 0 to 1. `None` without earlier
/// values. Values that differ by no more than rounding are ties, as in a record.
pub fn percentile(values: &[f64]) -> Option<f64> {
    let (last, past) = values.split_last()?;
    let settled: Vec<f64> = past.iter().map(|x| change::difference(*last, *x)).collect();
    stats::rank::percentile_rank(&settled, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_excludes_the_value_itself() {
        // 252 values alternating −1 and 1: mean 0, sum of squares 252, sample variance 252/251.
        let mut values: Vec<f64> = (0..252).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 }).collect();
        // An older value outside the window has no effect.
        values.insert(0, 1e6);
        values.push(3.0);
        let score = z_score(&values).unwrap();
        assert_eq!(score.observations, 252);
        assert!((score.z - 3.0 / (252.0f64 / 251.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn too_few_or_constant_values_give_none() {
        assert_eq!(z_score(&[1.0; 126]), None, "125 before today");
        assert_eq!(z_score(&[1.0; 300]), None, "flat");
        assert_eq!(z_score(&[]), None);
        assert_eq!(percentile(&[1.0]), None);
        // Two below, one equal, one above: (2 + 0.5) / 4.
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0, 3.0]), Some(0.625));
        // A yield that rose from 0.75 to 0.82 and one that rose from 0.60 to 0.67 rose by the same
        // amount, though the two differences are not the same double: one below, one equal, (1 +
        // 0.5) / 2.
        let rises = [0.01, 0.82 - 0.75, 0.67 - 0.60];
        assert!(rises[2] < rises[1] || rises[1] < rises[2]);
        assert_eq!(percentile(&rises), Some(0.75));
    }
}
