//! Simulated paths over several periods, made of past ones by balanced resampling.
//!
//! A path is a sequence of past periods. At every step each period occurs equally often among the
//! paths (Davison, Hinkley and Schechtman 1986), so that the share of a period is never left to
//! chance, only what it meets. At the first step the paths are the periods in order of time, so paths
//! of one step are the history itself.
//!
//! ```text
//! profit of a path = Σ_k u_k·y(s_k),  u_1 = 1,  u_{k+1} = u_k·√(λ + (1−λ)·z(s_k)²/q)
//! ```
//!
//! y(s) is the outcome of period s at the volatility of the next period, z(s) the same in units of
//! that volatility, and q the mean of z². This is the recursion of [`crate::filter`] along the path, on
//! residuals of unit variance (Barone-Adesi, Giannopoulos and Vosper 1999): E(u²) = 1 at every step. If
//! one outcome is most of q, u is most often below 1, and few paths carry the variance and the tail.

use crate::{rng::Rng, stationary_bootstrap};

/// Which periods the paths take, step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Paths {
    periods: usize,
    steps: usize,
    rounds: usize,
    /// For every round and every step after the first: the periods in a random order.
    orders: Vec<u32>,
}

impl Paths {
    /// Rounds of one path from each period, drawn from a seed.
    ///
    /// `None` without periods, steps or rounds, or for more periods than a number of 32 bits counts.
    #[must_use]
    pub fn balanced(periods: usize, steps: usize, rounds: usize, seed: u64) -> Option<Paths> {
        let last = u32::try_from(periods).ok()?;
        if periods == 0 || steps == 0 || rounds == 0 {
            return None;
        }
        let mut orders: Vec<u32> = Vec::with_capacity(rounds * (steps - 1) * periods);
        for stream in 0..rounds * (steps - 1) {
            let start = orders.len();
            orders.extend(0..last);
            Rng::new(seed, stream as u64).shuffle(&mut orders[start..]);
        }
        Some(Paths { periods, steps, rounds, orders })
    }

    /// Number of paths.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.periods * self.rounds
    }

    /// Number of periods of the history.
    #[must_use]
    pub const fn periods(&self) -> usize {
        self.periods
    }

    /// Number of periods that a path takes.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// The period that a path takes at a step.
    #[must_use]
    pub fn period(&self, path: usize, step: usize) -> usize {
        let (round, first) = (path / self.periods, path % self.periods);
        match step.checked_sub(1) {
            None => first,
            Some(later) => {
                self.orders[(round * (self.steps - 1) + later) * self.periods + first] as usize
            }
        }
    }

    /// The periods of a path in order, each with u_k, given the growths of the periods.
    pub fn course(&self, path: usize, growths: &[f64]) -> impl Iterator<Item = (usize, f64)> {
        (0..self.steps).scan(1.0, move |scale, step| {
            let (period, now) = (self.period(path, step), *scale);
            *scale *= growths[period];
            Some((period, now))
        })
    }

    /// The profit of every path, given the outcomes of the periods and their growths.
    #[must_use]
    pub fn profits(&self, outcomes: &[f64], growths: &[f64]) -> Vec<f64> {
        let mut profits = Vec::with_capacity(self.count());
        let mut scales = vec![1.0; self.periods];
        for round in 0..self.rounds {
            scales.copy_from_slice(growths);
            let mut sums = outcomes.to_vec();
            let orders = &self.orders[round * (self.steps - 1) * self.periods..];
            for order in orders.chunks_exact(self.periods).take(self.steps - 1) {
                for ((sum, scale), period) in sums.iter_mut().zip(&mut scales).zip(order) {
                    let period = *period as usize;
                    *sum += *scale * outcomes[period];
                    *scale *= growths[period];
                }
            }
            profits.extend(sums);
        }
        profits
    }

    /// Standard error of the mean of values of the paths, zero but for those given, by the
    /// infinitesimal jackknife (Efron 2014): what a period adds to the mean is the sum of the values of
    /// the paths through it. The error of these sums over the periods is that of
    /// [`stationary_bootstrap::mean_error`].
    ///
    /// The sums also vary by what else is on the paths, by (steps − 1)/rounds of the variance of a value
    /// beyond the simulation's own error; this is taken out (Wager, Hastie and Efron 2014). What is left
    /// is the error of history and of the simulation, and no less than that of the simulation: in a deep
    /// tail over many steps the two cannot be told apart, and the error of history may be lost there.
    ///
    /// `None` for a value that is not finite.
    #[must_use]
    pub fn mean_error(&self, values: &[(usize, f64)]) -> Option<f64> {
        let mut sums = vec![0.0; self.periods];
        let (mut sum, mut squares) = (0.0, 0.0);
        for (path, value) in values {
            for step in 0..self.steps {
                sums[self.period(*path, step)] += value;
            }
            sum += value;
            squares += value * value;
        }
        let rounds = self.rounds as f64;
        let of_period = |(period, sum): (usize, f64)| (period, sum / rounds);
        let sums: Vec<(usize, f64)> = sums.into_iter().enumerate().map(of_period).collect();
        let block = stationary_bootstrap::mean_block(self.periods);
        let whole = stationary_bootstrap::long_run_variance(&sums, self.periods, block)?;
        let mean = sum / self.count() as f64;
        let simulated = (squares / self.count() as f64 - mean * mean).max(0.0) / rounds;
        let left = match self.steps {
            1 => whole,
            steps => (whole - (steps - 1) as f64 * simulated).max(simulated),
        };
        Some((left / self.periods as f64).sqrt()).filter(|error| error.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        filter::{filter, growths},
        moments::{self, Ddof},
        stationary_bootstrap::mean_error,
    };

    fn normals(count: usize, stream: u64) -> Vec<f64> {
        let mut rng = Rng::new(11, stream);
        (0..count).map(|_| rng.normal()).collect()
    }

    #[test]
    fn every_period_is_as_often_at_each_step() {
        let paths = Paths::balanced(7, 4, 3, 5).unwrap();
        assert_eq!((paths.count(), paths.steps()), (21, 4));
        for step in 0..4 {
            let mut counts = [0; 7];
            (0..paths.count()).for_each(|path| counts[paths.period(path, step)] += 1);
            assert_eq!(counts, [3; 7]);
        }
        assert_eq!(paths, Paths::balanced(7, 4, 3, 5).unwrap());
        assert_ne!(paths, Paths::balanced(7, 4, 3, 6).unwrap());
        assert_eq!(Paths::balanced(0, 1, 1, 0), None);
        assert_eq!(Paths::balanced(1, 0, 1, 0), None);
        assert_eq!(Paths::balanced(1, 1, 0, 0), None);
    }

    /// One step is the history: its profits, and its error.
    #[test]
    fn paths_of_one_step_are_the_periods() {
        let outcomes = normals(200, 1);
        let paths = Paths::balanced(200, 1, 2, 5).unwrap();
        let profits = paths.profits(&outcomes, &[1.5; 200]);
        assert_eq!(profits, [&outcomes[..], &outcomes[..]].concat());
        let all = |values: &[f64]| values.iter().copied().enumerate().collect::<Vec<_>>();
        let error = mean_error(&all(&outcomes), 200).unwrap();
        assert!((paths.mean_error(&all(&profits)).unwrap() - error).abs() < 1e-12);
    }

    /// The recursion of the filter, carried on along a path by hand.
    #[test]
    fn a_path_carries_the_recursion_of_the_filter_on() {
        let (history, seeds, decay) = (normals(90, 2), 60, 0.9);
        let found = filter(&history, seeds, decay).unwrap();
        let growths = growths(&found, &history[seeds..], decay);
        let pairs = found.multipliers.iter().zip(&history[seeds..]);
        let outcomes: Vec<f64> = pairs.map(|(m, x)| m * x).collect();
        let squares = outcomes.iter().map(|y| (y / found.volatility).powi(2));
        let unit = squares.sum::<f64>() / 30.0;
        let paths = Paths::balanced(30, 5, 2, 1).unwrap();
        let profits = paths.profits(&outcomes, &growths);
        for path in [0, 13, 59] {
            let (mut variance, mut sum) = (found.volatility * found.volatility, 0.0);
            for step in 0..5 {
                // σ_s = σ_{T+1}/m_s, so x_s/σ_s is the standardised outcome.
                let period = paths.period(path, step);
                let z = outcomes[period] / found.volatility;
                let profit = z * f64::sqrt(variance);
                sum += profit;
                variance = decay * variance + (1.0 - decay) * profit * profit / unit;
            }
            assert!((profits[path] - sum).abs() < 1e-12 * sum.abs().max(1.0));
            let course = paths.course(path, &growths);
            let of_course: f64 = course.map(|(period, scale)| scale * outcomes[period]).sum();
            assert!((of_course - sum).abs() < 1e-12 * sum.abs().max(1.0));
        }
    }

    /// Over 400 histories of 250 normal periods the mean square of a path of ten scatters as the errors
    /// say. 400 histories know a deviation to 3.5 %; the errors are estimates as well.
    #[test]
    fn errors_are_the_scatter_over_histories() {
        let (mut means, mut errors) = (Vec::new(), Vec::new());
        for history in 0..400 {
            let outcomes = normals(250, 100 + history);
            let paths = Paths::balanced(250, 10, 20, history).unwrap();
            let profits = paths.profits(&outcomes, &[1.0; 250]);
            let squares: Vec<(usize, f64)> =
                profits.iter().map(|profit| profit * profit).enumerate().collect();
            means.push(squares.iter().map(|(_, square)| square).sum::<f64>() / 5_000.0);
            errors.push(paths.mean_error(&squares).unwrap());
        }
        let scatter = moments::variance(&means, Ddof::Sample).unwrap().sqrt();
        let said = errors.iter().sum::<f64>() / 400.0;
        assert!((0.85..1.15).contains(&(said / scatter)), "{said} {scatter}");
        // E[Σx²] of ten periods with the mean m and the mean square q of a history is 10q + 90m², and
        // the expectation of m² is 1/250.
        let mean = means.iter().sum::<f64>() / 400.0;
        assert!((mean - 10.0 - 90.0 / 250.0).abs() < 4.0 * scatter / 20.0, "{mean}");
    }
}
