//! Ranks, percentile ranks, medians, winsorising and cross-sectional standard scores.

use std::cmp::Ordering;

use crate::moments::{self, Ddof};

/// Ratio of the standard deviation of a normal variable to its median absolute deviation: 1/Φ⁻¹(¾).
pub const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// Ranks, from 1 for the smallest. Equal values share the mean of their ranks (mid-rank).
///
/// `None` when a value is not finite.
#[must_use]
pub fn ranks(values: &[f64]) -> Option<Vec<f64>> {
    if !all_finite(values) {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| compare(values[a], values[b]).then(a.cmp(&b)));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let same = order[start..].iter().take_while(|&&i| values[i] <= value).count();
        let shared = start as f64 + (same as f64 + 1.0) / 2.0;
        for &index in &order[start..start + same] {
            ranks[index] = shared;
        }
        start += same;
    }
    Some(ranks)
}

/// Share of past values below `x`, with equal ones counted half, from 0 to 1.
///
/// `None` for an empty past or a value that is not finite.
#[must_use]
pub fn percentile_rank(past: &[f64], x: f64) -> Option<f64> {
    if past.is_empty() || !x.is_finite() || !all_finite(past) {
        return None;
    }
    let below = past.iter().filter(|&&p| p < x).count();
    let at_most = past.iter().filter(|&&p| p <= x).count();
    Some((below + at_most) as f64 / (2 * past.len()) as f64)
}

/// Percentile rank of every value within the slice: (rank − ½)/n.
///
/// `None` when a value is not finite.
#[must_use]
pub fn percentile_ranks(values: &[f64]) -> Option<Vec<f64>> {
    let n = values.len() as f64;
    Some(ranks(values)?.iter().map(|rank| (rank - 0.5) / n).collect())
}

/// Median: the middle value, or the mean of the two middle ones. `None` for an empty slice or a
/// value that is not finite.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    median_in_place(&mut values.to_vec())
}

/// [`median`] without a copy; reorders the slice.
#[must_use]
pub fn median_in_place(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() || !all_finite(values) {
        return None;
    }
    let odd = values.len() % 2 == 1;
    let middle = values.len() / 2;
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return Some(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Halved before adding, so that two large values do not overflow.
    Some(lower / 2.0 + upper / 2.0)
}

/// The median of `count` finite values, of which `below` are less than all of `middle` and the
/// others greater. `None` if the median is not in `middle`. Reorders the slice.
pub(crate) fn median_of_middle(middle: &mut [f64], below: usize, count: usize) -> Option<f64> {
    let upper = (count / 2).checked_sub(below).filter(|at| *at < middle.len())?;
    if count.is_multiple_of(2) && upper == 0 {
        return None;
    }
    let (lower, &mut upper, _) = middle.select_nth_unstable_by(upper, f64::total_cmp);
    if !count.is_multiple_of(2) {
        return Some(upper);
    }
    let lower = lower.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(lower / 2.0 + upper / 2.0)
}

/// Result of [`winsorise`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Winsorised {
    /// Median of the values.
    pub centre: f64,
    /// Robust standard deviation, 1.4826 times the median absolute deviation.
    pub scale: f64,
    /// Number of values that were clipped.
    pub clipped: usize,
}

/// Clips values further than `k` robust standard deviations from the median to that distance.
///
/// If more than half of the values are equal, the scale is zero and the values are left unchanged.
/// `None` for an empty slice, a value that is not finite, or k not above zero.
#[must_use = "None means that nothing was done"]
pub fn winsorise(values: &mut [f64], k: f64) -> Option<Winsorised> {
    if !(k.is_finite() && k > 0.0) {
        return None;
    }
    let (centre, deviation) = centre_and_deviation(values)?;
    let scale = deviation * MAD_TO_SD;
    let mut clipped = 0;
    if scale > 0.0 {
        let (low, high) = (centre - k * scale, centre + k * scale);
        for value in values {
            let inside = value.clamp(low, high);
            clipped += usize::from((inside - *value).abs() > 0.0);
            *value = inside;
        }
    }
    Some(Winsorised { centre, scale, clipped })
}

/// Standard scores within a slice: (x − mean)/SD. `None` without spread.
#[must_use]
pub fn z_scores(values: &[f64], ddof: Ddof) -> Option<Vec<f64>> {
    let mean = moments::mean(values)?;
    let deviation = moments::standard_deviation(values, ddof)?;
    // A spread no larger than the rounding of the mean counts as zero.
    if deviation <= 4.0 * mean.abs() * f64::EPSILON {
        return None;
    }
    let scores: Vec<f64> = values.iter().map(|x| (x - mean) / deviation).collect();
    all_finite(&scores).then_some(scores)
}

/// Standard score of a value against past values that exclude it. `None` without spread.
#[must_use]
pub fn z_score(past: &[f64], x: f64, ddof: Ddof) -> Option<f64> {
    let mean = moments::mean(past)?;
    let deviation = moments::standard_deviation(past, ddof)?;
    if deviation <= 4.0 * mean.abs() * f64::EPSILON {
        return None;
    }
    Some((x - mean) / deviation).filter(|z| z.is_finite())
}

fn centre_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let mut scratch = values.to_vec();
    let centre = median_in_place(&mut scratch)?;
    for value in &mut scratch {
        *value = (*value - centre).abs();
    }
    Some((centre, median_in_place(&mut scratch)?))
}

fn compare(a: f64, b: f64) -> Ordering {
    // Zeros of either sign are equal here, unlike in `total_cmp`.
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_found_among_middle_values() {
        for count in [1, 2, 3, 10, 11] {
            let all: Vec<f64> = (0..count).map(|at| f64::from((at * 7) % 11)).collect();
            for (low, high) in [(0.0, 11.0), (2.0, 6.0), (4.0, 5.0), (5.0, 5.0), (8.0, 11.0)] {
                let below = all.iter().filter(|x| **x < low).count();
                let mut middle: Vec<f64> =
                    all.iter().copied().filter(|x| (low..=high).contains(x)).collect();
                let found = median_of_middle(&mut middle, below, all.len());
                assert!(found.is_none() || found == median(&all), "{count} {low}");
                assert!(found.is_some() || low > 0.0 || high < 11.0, "{count}");
            }
        }
    }
}
