//! The excess of jumps: a generalised Pareto distribution by probability-weighted moments (Hosking and
//! Wallis 1987), with F of the i-th smallest of n taken as (i − 0.35)/n:
//!
//! ```text
//! a₀ = mean(x),  a₁ = mean((1 − F)·x),  ξ = 2 − a₀/(a₀ − 2a₁),  β = a₀·(1 − ξ)
//! ```
//!
//! ξ is kept between 0 and 0.95, and β is then the one with the same mean. Every event of every
//! session is one excess, because a probability is one of a squeeze within five sessions of any day.
//! The excess is over the threshold alone. A simulated jump adds it to the larger of the threshold and
//! the pressure of covering (`joint::jump`), which exceeds the threshold only from some 25 days to
//! cover on: such names jump a little too far.
//!
//! Windows of neighbouring sessions overlap, so one squeeze is several events, as a rule of two weeks.
//! Errors are clustered by name, and by week with the weeks beside it ([`stats::clustered`]).

use crate::calibration::check::Estimate;
use stats::clustered::{self, Part};

/// Fewest events, and weeks that have any, that an excess is fitted to.
const EXCESS_EVENTS: usize = 100;
const EXCESS_WEEKS: usize = 20;
/// Largest weight of the tail: from 1 on there is no mean.
const SHAPE_MOST: f64 = 0.95;

/// The excess of jumps over the least that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExcessFit {
    /// β, a decimal return.
    pub scale: Estimate,
    /// ξ, 0 to 0.95.
    pub shape: Estimate,
    /// Events that it was fitted to.
    pub events: u32,
}

/// A squeeze as seen from one session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) name: u32,
    pub(super) week: i32,
    pub(super) excess: f64,
}

/// The excess of events. `None` with too few of them.
pub(super) fn excess(events: &[Event]) -> Option<ExcessFit> {
    let mut weeks: Vec<i32> = events.iter().map(|event| event.week).collect();
    weeks.sort_unstable();
    weeks.dedup();
    if events.len() < EXCESS_EVENTS || weeks.len() < EXCESS_WEEKS {
        return None;
    }
    let mut sorted = events.to_vec();
    sorted.sort_by(|a, b| a.excess.total_cmp(&b.excess));
    let values: Vec<f64> = sorted.iter().map(|event| event.excess).collect();
    let ([scale, shape], influences) = pareto(&values)?;
    let error = |part: usize| {
        let part = |(event, of): (&Event, &[f64; 2])| Part {
            unit: event.name,
            period: event.week,
            value: of[part],
        };
        clustered::variance(sorted.iter().zip(&influences).map(part)).sqrt()
    };
    Some(ExcessFit {
        scale: Estimate { value: scale, error: error(0) },
        shape: Estimate { value: shape, error: error(1) },
        events: events.len() as u32,
    })
}

/// Scale and shape of sorted values, and what each value adds to either to first order. `None` if all
/// are zero.
///
/// a₁ is half of the mean of min(x, x′) over pairs, so its influence function is E min(x, ·) − 2·a₁.
/// That of the shape is the one without bounds: an estimate at its bound is not certain.
fn pareto(sorted: &[f64]) -> Option<([f64; 2], Vec<[f64; 2]>)> {
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let weighted = |(at, value): (usize, &f64)| (1.0 - (at as f64 + 0.65) / count) * value;
    let second = sorted.iter().enumerate().map(weighted).sum::<f64>() / count;
    let spread = mean - 2.0 * second;
    if !(0.0 < mean && 0.0 < spread) {
        return None;
    }
    let free = 2.0 - mean / spread;
    let shape = free.clamp(0.0, SHAPE_MOST);
    let mut below = 0.0;
    let influence = |(at, value): (usize, &f64)| {
        below += value;
        let of_minimum = (below + value * (count - 1.0 - at as f64)) / count;
        let (of_mean, of_second) = (value - mean, of_minimum - 2.0 * second);
        let of_shape = (mean * (of_mean - 2.0 * of_second) / spread - of_mean) / spread;
        let kept = if shape.to_bits() == free.to_bits() { of_shape } else { 0.0 };
        [((1.0 - shape) * of_mean - mean * kept) / count, of_shape / count]
    };
    let influences = sorted.iter().enumerate().map(influence).collect();
    Some(([mean * (1.0 - shape), shape], influences))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::joint_fit::tests::near;
    use stats::rng::Rng;
    use std::collections::BTreeMap;

    fn drawn(seed: u64, scale: f64, shape: f64) -> Vec<Event> {
        let mut rng = Rng::new(seed, 0);
        let quantile = |u: f64| match 0.0 < shape {
            true => scale * ((1.0 - u).powf(-shape) - 1.0) / shape,
            false => -scale * (1.0 - u).ln(),
        };
        let event = |at| Event { name: at as u32, week: at / 30, excess: quantile(rng.uniform()) };
        (0..3_000).map(event).collect()
    }

    #[test]
    fn the_excess_of_a_known_distribution_is_found() {
        for (scale, shape) in [(0.2, 0.25), (0.1, 0.1), (0.3, 0.4)] {
            let fit = excess(&drawn(1, scale, shape)).unwrap();
            near(fit.scale, scale, 0.1 * scale);
            near(fit.shape, shape, 0.15);
            assert_eq!(fit.events, 3_000);
        }
        // An exponential one has no heavier tail, and the mean of its excesses.
        let light = excess(&drawn(1, 0.2, 0.0)).unwrap();
        assert!(light.shape.value < 0.05, "{light:?}");
    }

    /// The spread of 40 fits lies within a third of the mean of their errors.
    #[test]
    fn errors_of_the_excess_are_those_of_other_histories() {
        let fits: Vec<ExcessFit> =
            (0..40).map(|seed| excess(&drawn(seed, 0.2, 0.25)).unwrap()).collect();
        for part in [|fit: &ExcessFit| fit.scale, |fit: &ExcessFit| fit.shape] {
            let mean = fits.iter().map(|fit| part(fit).value).sum::<f64>() / 40.0;
            let squares: f64 = fits.iter().map(|fit| (part(fit).value - mean).powi(2)).sum();
            let stated = fits.iter().map(|fit| part(fit).error).sum::<f64>() / 40.0;
            let ratio = (squares / 39.0).sqrt() / stated;
            assert!((0.67..1.5).contains(&ratio), "{ratio}");
        }
    }

    /// Squeezes as a calibration sees them: one is seen from three to five sessions in a row, and its
    /// excess from each of them is nearly the same. Names have scales of their own, and each name has
    /// some squeezes.
    fn overlapping(seed: u64, spread: f64) -> Vec<Event> {
        let mut rng = Rng::new(seed, 9);
        let mut events = Vec::new();
        for name in 0..120 {
            let own = 0.2 * (spread * rng.normal()).exp();
            for _ in 0..4 {
                let (first, seen) = (rng.below(500) as i32, 3 + rng.below(3) as i32);
                let excess = own * ((1.0 - rng.uniform()).powf(-0.25) - 1.0) / 0.25;
                for session in first..first + seen {
                    let excess = excess * (0.9 + 0.2 * rng.uniform());
                    events.push(Event { name, week: session / 5, excess });
                }
            }
        }
        events
    }

    /// Errors of scale and shape if each week is a cluster of its own.
    fn errors_of_weeks(events: &[Event]) -> [f64; 2] {
        let mut sorted = events.to_vec();
        sorted.sort_by(|a, b| a.excess.total_cmp(&b.excess));
        let values: Vec<f64> = sorted.iter().map(|event| event.excess).collect();
        let (_, influences) = pareto(&values).unwrap();
        [0, 1].map(|part| {
            let mut weeks: BTreeMap<i32, f64> = BTreeMap::new();
            for (event, influence) in sorted.iter().zip(&influences) {
                *weeks.entry(event.week).or_default() += influence[part];
            }
            weeks.values().map(|sum| sum * sum).sum::<f64>().sqrt()
        })
    }

    /// Of 400 histories, 1.96 errors hold the fit to all of them together 90 to 99 times in a hundred,
    /// with and without names that differ. With weeks as clusters they hold it less often.
    #[test]
    fn errors_of_the_excess_cover_overlapping_windows() {
        for spread in [0.0, 0.5] {
            let histories: Vec<Vec<Event>> =
                (0..400).map(|seed| overlapping(seed, spread)).collect();
            let mut all: Vec<f64> = histories.iter().flatten().map(|event| event.excess).collect();
            all.sort_by(f64::total_cmp);
            let (truth, _) = pareto(&all).unwrap();
            let mut held = [[0.0; 2]; 2];
            for events in &histories {
                let fit = excess(events).unwrap();
                let of_weeks = errors_of_weeks(events);
                for (part, of) in [fit.scale, fit.shape].into_iter().enumerate() {
                    let off = (of.value - truth[part]).abs();
                    held[part][0] += f64::from(off <= 1.96 * of.error) / 400.0;
                    held[part][1] += f64::from(off <= 1.96 * of_weeks[part]) / 400.0;
                }
            }
            for [own, of_weeks] in held {
                assert!((0.9..=0.99).contains(&own) && of_weeks < own - 0.02, "{spread}: {held:?}");
            }
        }
    }

    #[test]
    fn too_little_is_not_fitted() {
        assert_eq!(excess(&drawn(1, 0.2, 0.25)[..99]), None);
        // 120 events of four weeks.
        assert_eq!(excess(&drawn(1, 0.2, 0.25)[..120]), None);
        assert_eq!(excess(&vec![Event { name: 0, week: 0, excess: 0.0 }; 3_000]), None);
    }

    /// Excesses 1, 2, 3, 4 with F = (i - 0.35)/4: a0 = 2.5, a1 = (0.8375 x 1 + 0.5875 x 2 + 0.3375 x 3
    /// + 0.0875 x 4)/4 = 0.84375, so xi = 2 - 2.5/0.8125 is below 0: it is 0, and the scale the mean.
    #[test]
    fn weighted_moments_by_hand() {
        let ([scale, shape], _) = pareto(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((scale - 2.5).abs() < 1e-12 && shape.abs() < 1e-12);
        // 1, 1, 1, 9: a0 = 3, a1 = (0.8375 + 0.5875 + 0.3375 + 0.7875)/4 = 0.6375, xi = 2 - 3/1.725.
        let ([scale, shape], _) = pareto(&[1.0, 1.0, 1.0, 9.0]).unwrap();
        assert!((shape - (2.0 - 3.0 / 1.725)).abs() < 1e-12);
        assert!((scale - 3.0 * (1.0 - shape)).abs() < 1e-12);
    }
}
