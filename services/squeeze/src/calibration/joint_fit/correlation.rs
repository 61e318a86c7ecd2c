//! The correlation of squeezes: the ρ of the Gaussian copula with which the number of pairs that were
//! squeezed from one session on is the expected one:
//!
//! ```text
//! Σ_t K_t·(K_t − 1) = Σ_t ∫ φ(m)·[(Σ_i p_i(m))² − Σ_i p_i(m)²] dm
//! ```
//!
//! with p_i(m) the probability given the factor. Before that, all quantiles of the probabilities are
//! shifted by one number, so that as many squeezes are expected as there were: an error of the level
//! is not clustering. The error is by the jackknife over at most 20 blocks of consecutive sessions,
//! because windows of neighbouring sessions overlap, each with the level of the rest.

use crate::{
    calibration::check::Estimate,
    joint::copula::{Conditional, Copula, Factor},
};
use rayon::prelude::*;
use stats::normal;
use std::collections::BTreeMap;

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
/// By how much quantiles are raised to see what another level of the probabilities changes.
const RAISED: f64 = 0.02;
/// Probabilities are grouped by their quantiles, in steps of this.
const STEP: f64 = 0.1;
/// Points of the factor, a quarter of a deviation apart, from −6 to 6.
const POINTS: i32 = 24;
/// Largest correlation that is fitted.
pub const CORRELATION_MOST: f64 = CORRELATIONS[CORRELATIONS.len() - 1];

/// The standard error of an estimate from those with one cluster left out each.
fn jackknife(left_out: &[f64]) -> f64 {
    let count = left_out.len() as f64;
    let mean = left_out.iter().sum::<f64>() / count;
    let squares: f64 = left_out.iter().map(|value| (value - mean).powi(2)).sum();
    (squares * (count - 1.0) / count).sqrt()
}

/// Of one session or of several: what happened, and what was expected.
#[derive(Clone, Copy, Debug)]
struct Counts {
    /// Squeezes, and those expected at the level of all sessions and at the raised one.
    events: f64,
    expected_events: [f64; 2],
    /// Ordered pairs of squeezes, and those expected at each of [`CORRELATIONS`] at both levels.
    pairs: f64,
    expected_pairs: [[f64; CORRELATIONS.len()]; 2],
}

/// The correlation of sessions, each a list of probabilities and whether a squeeze followed. `None`
/// with too few of them.
pub(super) fn correlation(sessions: &[Vec<(f64, bool)>]) -> Option<Estimate> {
    let events: f64 = sessions.iter().flatten().map(|(_, event)| f64::from(*event)).sum();
    if sessions.len() < SESSIONS || events < EVENTS {
        return None;
    }
    let groups: Vec<Vec<(f64, f64)>> =
        sessions.iter().map(|session| grouped(session)).collect::<Option<_>>()?;
    let shift = level_shift(&groups, events)?;
    let both = sessions.par_iter().zip(&groups);
    let counts: Vec<Counts> =
        both.map(|(session, groups)| Counts::of(session, groups, shift)).collect::<Option<_>>()?;
    let size = counts.len().div_ceil(BLOCKS);
    let blocks: Vec<Counts> =
        counts.chunks(size).map(|block| block.iter().fold(Counts::NONE, Counts::plus)).collect();
    let without = |left_out: Option<usize>| {
        let kept = blocks.iter().enumerate().filter(|(at, _)| Some(*at) != left_out);
        kept.map(|(_, block)| block).fold(Counts::NONE, Counts::plus).correlation()
    };
    // An estimate that rests on one block has no error.
    let left_out: Vec<f64> =
        (0..blocks.len()).map(|block| without(Some(block))).collect::<Option<_>>()?;
    Some(Estimate { value: without(None)?.max(0.0), error: jackknife(&left_out) })
}

impl Counts {
    const NONE: Counts = Counts {
        events: 0.0,
        expected_events: [0.0; 2],
        pairs: 0.0,
        expected_pairs: [[0.0; CORRELATIONS.len()]; 2],
    };

    /// Of a session, with what is added to all quantiles.
    fn of(session: &[(f64, bool)], groups: &[(f64, f64)], shift: f64) -> Option<Counts> {
        let events: f64 = session.iter().map(|(_, event)| f64::from(*event)).sum();
        let levels = [shift, shift + RAISED];
        let mut expected_pairs = [[0.0; CORRELATIONS.len()]; 2];
        for (pairs, level) in expected_pairs.iter_mut().zip(levels) {
            *pairs = expected(groups, level)?;
        }
        Some(Counts {
            events,
            expected_events: levels.map(|level| expected_events(groups, level)),
            pairs: events * (events - 1.0),
            expected_pairs,
        })
    }

    fn plus(mut self, other: &Counts) -> Counts {
        self.events += other.events;
        self.pairs += other.pairs;
        for level in 0..2 {
            self.expected_events[level] += other.expected_events[level];
            let pairs = self.expected_pairs[level].iter_mut();
            pairs.zip(other.expected_pairs[level]).for_each(|(sum, one)| *sum += one);
        }
        self
    }

    /// The correlation at which as many pairs are expected as were squeezed, at most the largest one; on
    /// below 0 in proportion, so that leaving out a block may move an estimate of 0. The level is that of
    /// these sessions, by one step of Newton from that of all. `None` without a session of two names or
    /// more: then nothing is known of pairs.
    fn correlation(&self) -> Option<f64> {
        if self.expected_pairs[0][0] <= 0.0 {
            return None;
        }
        let [events, raised] = self.expected_events;
        let level = (self.events - events) / (raised - events);
        let expected = |at: usize| {
            let [pairs, raised] = [self.expected_pairs[0][at], self.expected_pairs[1][at]];
            pairs + level * (raised - pairs)
        };
        let last = CORRELATIONS.len() - 1;
        if expected(last) <= self.pairs {
            return Some(CORRELATIONS[last]);
        }
        let above = (1..last).find(|at| self.pairs < expected(*at)).unwrap_or(last);
        let (low, high) = (expected(above - 1), expected(above));
        let step = CORRELATIONS[above] - CORRELATIONS[above - 1];
        Some(CORRELATIONS[above - 1] + step * (self.pairs - low) / (high - low))
    }
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
    let expected =
        |shift: f64| -> f64 { groups.iter().map(|groups| expected_events(groups, shift)).sum() };
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

/// Expected squeezes of a session.
fn expected_events(groups: &[(f64, f64)], shift: f64) -> f64 {
    groups.iter().map(|(q, count)| count * normal::cdf(q + shift)).sum()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calibration::joint_fit::{JointFit, tests::near},
        count::poisson_binomial,
    };
    use stats::rng::Rng;

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
        assert_eq!(correlation(&sessions(3, 0.3, 1.0)[..249]), None);
    }

    /// All pairs of names are in one block: without it nothing is known of pairs, so there is no error.
    /// With pairs in two blocks there is one.
    #[test]
    fn pairs_of_one_block_are_not_fitted() {
        let alone: Vec<Vec<(f64, bool)>> = (0..260).map(|at| vec![(0.5, at % 2 == 0)]).collect();
        let with_pairs = |places: &[usize]| {
            let mut all = alone.clone();
            for (at, session) in places.iter().zip(sessions(3, 0.3, 1.0)) {
                all[*at] = session;
            }
            correlation(&all)
        };
        assert_eq!(with_pairs(&[]), None);
        assert_eq!(with_pairs(&[0, 5, 12]), None);
        assert!(with_pairs(&[0, 5, 12, 100]).is_some());
    }

    /// The same of overlapping windows: factor and noise are moving sums of five sessions.
    fn moving(seed: u64, rho: f64) -> Vec<Vec<(f64, bool)>> {
        let mut rng = Rng::new(seed, 1);
        let path = |rng: &mut Rng| -> Vec<f64> {
            let drawn: Vec<f64> = (0..SESSIONS + 4).map(|_| rng.normal()).collect();
            drawn.windows(5).map(|five| five.iter().sum::<f64>() / 5f64.sqrt()).collect()
        };
        let common = path(&mut rng);
        let names: Vec<Vec<f64>> = (0..60).map(|_| path(&mut rng)).collect();
        let session = |at: usize| {
            let name = |(name, own): (usize, &Vec<f64>)| {
                let x = rho.sqrt() * common[at] + (1.0 - rho).sqrt() * own[at];
                (chance(name), x < normal::quantile(chance(name)).unwrap())
            };
            names.iter().enumerate().map(name).collect()
        };
        (0..SESSIONS).map(session).collect()
    }

    /// Of name 0 to 59.
    fn chance(name: usize) -> f64 {
        0.005 * (1 + name % 10) as f64
    }

    /// Probabilities of 0, 1, … squeezes of the sixty names.
    fn counts(rho: f64) -> Vec<f64> {
        let mut counts = vec![0.0; 61];
        for point in -POINTS..=POINTS {
            let m = 0.25 * f64::from(point);
            let of = |name| {
                let given = Conditional::new(Copula::Gaussian, chance(name), rho).unwrap();
                normal::cdf(given.z(Factor { m, s: 1.0 }))
            };
            let exactly = poisson_binomial(&(0..60).map(of).collect::<Vec<_>>());
            let weight = 0.25 * normal::pdf(m);
            counts.iter_mut().zip(exactly).for_each(|(sum, p)| *sum += weight * p);
        }
        counts
    }

    /// The chance of more squeezes than the 99 % quantile that a correlation says, if another is true; at
    /// the quantile itself by the share that makes 1 %.
    fn beyond(said: f64, truth: f64) -> f64 {
        let (said, truth) = (counts(said), counts(truth));
        let (mut above, mut beyond) = (0.0, 0.0);
        for (said, truth) in said.into_iter().zip(truth).rev() {
            if 0.01 < above + said {
                return beyond + truth * (0.01 - above) / said;
            }
            (above, beyond) = (above + said, beyond + truth);
        }
        beyond
    }

    /// Sessions as few as a fit needs: the point estimate thins the tail on average, the bound that a
    /// simulation takes does not, nor does it make the tail so thick that nothing is ever beyond it. The
    /// errors are those of other histories.
    #[test]
    fn the_bound_of_a_correlation_does_not_thin_the_tail() {
        for truth in [0.05, 0.3] {
            let fits: Vec<JointFit> = (0..24_u64)
                .into_par_iter()
                .map(|seed| JointFit {
                    excess: None,
                    correlation: correlation(&moving(100 + seed, truth)),
                })
                .collect();
            let mean = |of: &dyn Fn(&JointFit) -> f64| fits.iter().map(of).sum::<f64>() / 24.0;
            let value = |fit: &JointFit| fit.correlation.unwrap().value;
            let point = mean(&|fit| beyond(value(fit), truth));
            let bound = mean(&|fit| beyond(fit.cautious_correlation().unwrap(), truth));
            assert!(0.01 < point && (0.003..0.01).contains(&bound), "{truth}: {point} {bound}");
            let center = mean(&value);
            let scatter = mean(&|fit| (value(fit) - center).powi(2)).sqrt();
            let stated = mean(&|fit| fit.correlation.unwrap().error);
            assert!((0.67..1.5).contains(&(scatter / stated)), "{scatter} {stated}");
        }
    }
}
