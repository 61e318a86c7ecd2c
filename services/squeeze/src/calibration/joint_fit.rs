//! What past squeezes say about joint losses: how far jumps exceed the least that counts, and how
//! squeezes cluster.
//!
//! **Excess.** A generalised Pareto distribution by probability-weighted moments (Hosking and Wallis
//! 1987), with F of the i-th smallest of n taken as (i − 0.35)/n:
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
//! **Correlation.** The ρ of the Gaussian copula with which the number of pairs that were squeezed
//! from one session on is the expected one:
//!
//! ```text
//! Σ_t K_t·(K_t − 1) = Σ_t ∫ φ(m)·[(Σ_i p_i(m))² − Σ_i p_i(m)²] dm
//! ```
//!
//! with p_i(m) the probability given the factor. Before that, all quantiles of the probabilities are
//! shifted by one number, so that as many squeezes are expected as there were: an error of the level
//! is not clustering. Errors are those of the jackknife: over weeks for the excess, and over blocks of
//! consecutive sessions for the correlation, because windows of neighbouring sessions overlap.

use crate::{
    calibration::{
        check::Estimate,
        model::{Model, clipped_probability},
        panel::Observation,
    },
    joint::copula::{Conditional, Copula, Factor},
};
use marketdata::day::Day;
use rayon::prelude::*;
use stats::normal;
use std::collections::BTreeMap;

/// Fewest events, and weeks that have any, that an excess is fitted to.
const EXCESS_EVENTS: usize = 100;
const EXCESS_WEEKS: usize = 20;
/// Largest weight of the tail: from 1 on there is no mean.
const SHAPE_MOST: f64 = 0.95;
/// Fewest sessions, and events, that a correlation is fitted to.
const SESSIONS: usize = 250;
const EVENTS: f64 = 100.0;
/// Number of blocks of sessions that errors are taken over.
const BLOCKS: usize = 20;
/// Correlations at which expected pairs are computed; between them they are interpolated.
const CORRELATIONS: [f64; 20] = [
    0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.36, 0.42, 0.5, 0.58,
    0.66, 0.74, 0.82, 0.9,
];
/// Probabilities are grouped by their quantiles, in steps of this.
const STEP: f64 = 0.1;
/// Points of the factor, a quarter of a deviation apart, from −6 to 6.
const POINTS: i32 = 24;

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

/// How far squeezes jump, and how they cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointFit {
    /// The excess of jumps. `None` with too few events.
    pub excess: Option<ExcessFit>,
    /// ρ, 0 to 0.9. `None` with too few sessions or events, or without a model.
    pub correlation: Option<Estimate>,
}

impl JointFit {
    /// Nothing is fitted.
    pub const NONE: JointFit = JointFit { excess: None, correlation: None };

    /// What matured observations say, in the order of their sessions.
    pub fn of(matured: &[Observation], model: Option<&Model>) -> JointFit {
        let excesses: Vec<(i32, f64)> =
            matured.iter().filter_map(|o| Some((o.week(), o.excess?))).collect();
        let correlation = model.and_then(|model| {
            let mut sessions: BTreeMap<Day, Vec<(f64, bool)>> = BTreeMap::new();
            for o in matured {
                let chance = clipped_probability(model.index(&o.levels));
                sessions.entry(o.on).or_default().push((chance, o.event));
            }
            correlation(&sessions.into_values().collect::<Vec<_>>())
        });
        JointFit { excess: excess(&excesses), correlation }
    }
}

/// The excess of events, each with its week. `None` with too few of them.
fn excess(events: &[(i32, f64)]) -> Option<ExcessFit> {
    let mut weeks: Vec<i32> = events.iter().map(|(week, _)| *week).collect();
    weeks.sort_unstable();
    weeks.dedup();
    if events.len() < EXCESS_EVENTS || weeks.len() < EXCESS_WEEKS {
        return None;
    }
    let mut sorted = events.to_vec();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let without = |left_out: Option<i32>| {
        let kept = sorted.iter().filter(|(week, _)| Some(*week) != left_out);
        pareto(&kept.map(|(_, excess)| *excess).collect::<Vec<f64>>())
    };
    let [scale, shape] = without(None)?;
    let left_out = weeks.iter().map(|week| without(Some(*week)));
    let left_out: Vec<[f64; 2]> = left_out.collect::<Option<_>>()?;
    let error = |part: usize| jackknife(&left_out.iter().map(|fit| fit[part]).collect::<Vec<_>>());
    Some(ExcessFit {
        scale: Estimate { value: scale, error: error(0) },
        shape: Estimate { value: shape, error: error(1) },
        events: events.len() as u32,
    })
}

/// Scale and shape of sorted values. `None` if all are zero.
fn pareto(sorted: &[f64]) -> Option<[f64; 2]> {
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let weighted = |(at, value): (usize, &f64)| (1.0 - (at as f64 + 0.65) / count) * value;
    let second = sorted.iter().enumerate().map(weighted).sum::<f64>() / count;
    let spread = mean - 2.0 * second;
    if !(0.0 < mean && 0.0 < spread) {
        return None;
    }
    let shape = (2.0 - mean / spread).clamp(0.0, SHAPE_MOST);
    Some([mean * (1.0 - shape), shape])
}

/// The standard error of an estimate from those with one cluster left out each.
fn jackknife(left_out: &[f64]) -> f64 {
    let count = left_out.len() as f64;
    let mean = left_out.iter().sum::<f64>() / count;
    let squares: f64 = left_out.iter().map(|value| (value - mean).powi(2)).sum();
    (squares * (count - 1.0) / count).sqrt()
}

/// Pairs that were squeezed from one session on, and those expected at each of [`CORRELATIONS`].
#[derive(Clone, Debug)]
struct Pairs {
    squeezed: f64,
    expected: [f64; CORRELATIONS.len()],
}

/// The correlation of sessions, each a list of probabilities and whether a squeeze followed. `None`
/// with too few of them.
fn correlation(sessions: &[Vec<(f64, bool)>]) -> Option<Estimate> {
    let events: f64 = sessions.iter().flatten().map(|(_, event)| f64::from(*event)).sum();
    if sessions.len() < SESSIONS || events < EVENTS {
        return None;
    }
    let groups: Vec<Vec<(f64, f64)>> =
        sessions.iter().map(|session| grouped(session)).collect::<Option<_>>()?;
    let shift = level_shift(&groups, events)?;
    let pairs: Vec<Pairs> = sessions
        .par_iter()
        .zip(&groups)
        .map(|(session, groups)| {
            let count: f64 = session.iter().map(|(_, event)| f64::from(*event)).sum();
            Some(Pairs { squeezed: count * (count - 1.0), expected: expected(groups, shift)? })
        })
        .collect::<Option<_>>()?;
    let size = pairs.len().div_ceil(BLOCKS);
    let without = |left_out: Option<usize>| {
        let kept = pairs.iter().enumerate().filter(|(at, _)| Some(at / size) != left_out);
        solve(kept.map(|(_, pairs)| pairs))
    };
    let blocks = pairs.len().div_ceil(size);
    let left_out: Vec<f64> = (0..blocks).map(|block| without(Some(block))).collect();
    Some(Estimate { value: without(None), error: jackknife(&left_out) })
}

/// Quantiles of probabilities in steps, with the number of names of each. `None` if one is no
/// probability.
fn grouped(session: &[(f64, bool)]) -> Option<Vec<(f64, f64)>> {
    let mut counts: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
    for (chance, _) in session {
        let quantile = normal::quantile(*chance)?;
        let group = counts.entry((quantile / STEP).floor() as i32).or_default();
        *group = (group.0 + quantile, group.1 + 1.0);
    }
    Some(counts.into_values().map(|(sum, count)| (sum / count, count)).collect())
}

/// What is added to all quantiles so that as many squeezes are expected as there were.
fn level_shift(groups: &[Vec<(f64, f64)>], events: f64) -> Option<f64> {
    let expected = |shift: f64| -> f64 {
        groups.iter().flatten().map(|(q, count)| count * normal::cdf(q + shift)).sum()
    };
    let (mut low, mut high) = (-4.0, 4.0);
    if !(expected(low) <= events && events <= expected(high)) {
        return None;
    }
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if expected(middle) < events { low = middle } else { high = middle }
    }
    Some(f64::midpoint(low, high))
}

/// Expected pairs of a session at each correlation.
fn expected(groups: &[(f64, f64)], shift: f64) -> Option<[f64; CORRELATIONS.len()]> {
    let mut expected = [0.0; CORRELATIONS.len()];
    for (expected, rho) in expected.iter_mut().zip(CORRELATIONS) {
        let names = groups.iter().map(|(q, count)| {
            let chance = normal::cdf(q + shift);
            Some((Conditional::new(Copula::Gaussian, chance, rho)?, *count))
        });
        let names: Vec<(Conditional, f64)> = names.collect::<Option<_>>()?;
        for point in -POINTS..=POINTS {
            let m = 0.25 * f64::from(point);
            let (mut sum, mut squares) = (0.0, 0.0);
            for (name, count) in &names {
                let chance = normal::cdf(name.z(Factor { m, s: 1.0 }));
                sum += count * chance;
                squares += count * chance * chance;
            }
            *expected += 0.25 * normal::pdf(m) * (sum * sum - squares);
        }
    }
    Some(expected)
}

/// The correlation at which as many pairs are expected as were squeezed, at least 0 and at most the
/// largest one.
fn solve<'a>(pairs: impl Iterator<Item = &'a Pairs>) -> f64 {
    let mut squeezed = 0.0;
    let mut expected = [0.0; CORRELATIONS.len()];
    for one in pairs {
        squeezed += one.squeezed;
        expected.iter_mut().zip(one.expected).for_each(|(sum, one)| *sum += one);
    }
    let above = expected.iter().position(|expected| squeezed < *expected);
    match above {
        Some(0) => 0.0,
        None => CORRELATIONS[CORRELATIONS.len() - 1],
        Some(at) => {
            let (low, high) = (expected[at - 1], expected[at]);
            let step = CORRELATIONS[at] - CORRELATIONS[at - 1];
            CORRELATIONS[at - 1] + step * (squeezed - low) / (high - low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::rng::Rng;

    /// Within four errors, and within a stated distance.
    #[track_caller]
    fn near(found: Estimate, truth: f64, most: f64) {
        let off = (found.value - truth).abs();
        assert!(off <= 4.0 * found.error && off < most, "{found:?} is not {truth}");
        assert!(found.error < most, "{found:?}");
    }

    fn drawn(seed: u64, scale: f64, shape: f64) -> Vec<(i32, f64)> {
        let mut rng = Rng::new(seed, 0);
        let quantile = |u: f64| match 0.0 < shape {
            true => scale * ((1.0 - u).powf(-shape) - 1.0) / shape,
            false => -scale * (1.0 - u).ln(),
        };
        (0..3_000).map(|at| (at / 30, quantile(rng.uniform()))).collect()
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

    /// Sessions of 60 names whose squeezes have a common factor; neighbours do not overlap here.
    fn sessions(seed: u64, rho: f64, level: f64) -> Vec<Vec<(f64, bool)>> {
        let mut rng = Rng::new(seed, 0);
        let session = |_| {
            let m = rng.normal();
            (0..60)
                .map(|name| {
                    let chance = 0.005 * f64::from(1 + name % 10);
                    let x = rho.sqrt() * m + (1.0 - rho).sqrt() * rng.normal();
                    (chance * level, x < normal::quantile(chance).unwrap())
                })
                .collect()
        };
        (0..2_000).map(session).collect()
    }

    /// Also where all stated probabilities are half of the true ones: a wrong level is not clustering.
    #[test]
    fn the_correlation_of_a_known_copula_is_found() {
        for rho in [0.1, 0.3, 0.5] {
            near(correlation(&sessions(3, rho, 1.0)).unwrap(), rho, 0.08);
            near(correlation(&sessions(4, rho, 0.5)).unwrap(), rho, 0.08);
        }
        let none = correlation(&sessions(5, 0.0, 1.0)).unwrap();
        assert!(none.value < 0.02, "{none:?}");
    }

    #[test]
    fn too_little_is_not_fitted() {
        assert_eq!(excess(&drawn(1, 0.2, 0.25)[..99]), None);
        // 100 events of four weeks.
        assert_eq!(excess(&drawn(1, 0.2, 0.25)[..120]), None);
        assert_eq!(excess(&vec![(0, 0.0); 3_000]), None);
        assert_eq!(correlation(&sessions(3, 0.3, 1.0)[..249]), None);
    }

    /// Excesses 1, 2, 3, 4 with F = (i - 0.35)/4: a0 = 2.5, a1 = (0.8375 x 1 + 0.5875 x 2 + 0.3375 x 3
    /// + 0.0875 x 4)/4 = 0.84375, so xi = 2 - 2.5/0.8125 is below 0: it is 0, and the scale the mean.
    #[test]
    fn weighted_moments_by_hand() {
        let [scale, shape] = pareto(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((scale - 2.5).abs() < 1e-12 && shape.abs() < 1e-12);
        // 1, 1, 1, 9: a0 = 3, a1 = (0.8375 + 0.5875 + 0.3375 + 0.7875)/4 = 0.6375, xi = 2 - 3/1.725.
        let [scale, shape] = pareto(&[1.0, 1.0, 1.0, 9.0]).unwrap();
        assert!((shape - (2.0 - 3.0 / 1.725)).abs() < 1e-12);
        assert!((scale - 3.0 * (1.0 - shape)).abs() < 1e-12);
    }
}
