//! Losses over several periods: the truth of simulated markets lies where the errors say.

#![expect(clippy::unwrap_used, reason = "simulated histories are whole")]

use stats::{
    filter::{filter, growths},
    moments::{Ddof, mean, variance},
    paths::Paths,
    quantile::QuantileRule,
    rng::Rng,
    scenarios::{Dependence, Level, Scenarios},
    tail::historical,
};
use std::sync::Arc;

const STEPS: usize = 10;
const CONFIDENCE: f64 = 0.95;

/// Normal numbers of one history.
fn normals(count: usize, stream: u64) -> Vec<f64> {
    let mut rng = Rng::new(77, stream);
    (0..count).map(|_| rng.normal()).collect()
}

fn level(profits: Vec<f64>, dependence: Dependence) -> Level {
    let scenarios = Scenarios::unordered(&[profits]).unwrap();
    let mut scenarios = scenarios.depending(dependence);
    scenarios.levels(&[CONFIDENCE], QuantileRule::Linear, 0.95).unwrap().pop().unwrap()
}

/// What is known of the estimates over many histories.
struct Study {
    /// Share of histories whose interval has the true value at risk.
    covered: f64,
    /// Mean of the estimates over the truth: value at risk, and expected shortfall.
    bias: [f64; 2],
    /// Mean of the standard errors said over the scatter of the estimates.
    said: f64,
}

impl Study {
    /// `level_of` gives the estimates from a history; the truth is of value at risk and shortfall.
    fn of(histories: u64, truth: [f64; 2], level_of: impl Fn(u64) -> Level) -> Study {
        let levels: Vec<Level> = (0..histories).map(level_of).collect();
        let is_covered = |level: &&Level| {
            level.interval.low.is_none_or(|low| low <= truth[0])
                && level.interval.high.is_none_or(|high| truth[0] <= high)
        };
        let of = |number: fn(&Level) -> f64| levels.iter().map(number).collect::<Vec<f64>>();
        let shortfalls = of(|level| level.tail.expected_shortfall);
        let errors = of(|level| level.expected_shortfall_error.unwrap());
        let at_risk = mean(&of(|level| level.tail.value_at_risk)).unwrap();
        Study {
            covered: levels.iter().filter(is_covered).count() as f64 / histories as f64,
            bias: [at_risk / truth[0], mean(&shortfalls).unwrap() / truth[1]],
            said: mean(&errors).unwrap() / variance(&shortfalls, Ddof::Sample).unwrap().sqrt(),
        }
    }

    #[track_caller]
    fn holds(&self, bias: f64, covered: f64, said: (f64, f64)) {
        let Study { covered: found, bias: [at_risk, shortfall], said: ratio } = self;
        assert!((at_risk - 1.0).abs() < bias && (shortfall - 1.0).abs() < bias, "{:?}", self.bias);
        assert!(covered < *found, "{found}");
        assert!((said.0..said.1).contains(ratio), "{ratio}");
    }
}

/// z at 95 %, and the mean beyond it: methodology C1.
const NORMAL: [f64; 2] = [1.644_854, 2.062_713];

fn of_ten() -> [f64; 2] {
    NORMAL.map(|number| number * (STEPS as f64).sqrt())
}

/// Paths of independent normal periods without a filter: the sum of ten has √10 times their quantiles.
/// Of 120 histories an interval of 95 % holds the truth in fewer than 88 % once in a thousand.
#[test]
fn paths_of_independent_periods_recover_the_truth() {
    let study = Study::of(120, of_ten(), |history| {
        let outcomes = normals(500, history);
        let paths = Arc::new(Paths::balanced(500, STEPS, 20, history).unwrap());
        let profits = paths.profits(&outcomes, &vec![1.0; 500]);
        level(profits, Dependence::Paths(paths))
    });
    study.holds(0.02, 0.88, (0.8, 1.2));
}

/// Runs of independent normal periods. Blocks miss a tenth of the variance of runs, and the scatter over
/// 120 histories is known to a fifteenth.
#[test]
fn runs_of_independent_periods_recover_the_truth() {
    let study = Study::of(120, of_ten(), |history| {
        let outcomes = normals(1_000, 500 + history);
        let runs = outcomes.windows(STEPS).map(|run| run.iter().sum()).collect();
        level(runs, Dependence::Runs(STEPS))
    });
    study.holds(0.04, 0.82, (0.7, 1.15));
}

/// Blocks no longer than those of single periods would miss most of what long runs share.
#[test]
fn longer_runs_have_longer_blocks() {
    let said = |dependence: Dependence| {
        let truth = NORMAL.map(|number| number * 30.0_f64.sqrt());
        let study = Study::of(120, truth, |history| {
            let outcomes = normals(1_000, 500 + history);
            let runs = outcomes.windows(30).map(|run| run.iter().sum()).collect();
            level(runs, dependence.clone())
        });
        study.said
    };
    let (short, long) = (said(Dependence::Periods), said(Dependence::Runs(30)));
    assert!(short < 0.8 && short < 0.95 * long && 0.7 < long, "{short} {long}");
}

const DECAY: f64 = 0.94;

/// P&L of periods whose volatility follows the recursion, from a volatility of 1.
fn recursive(periods: usize, stream: u64) -> Vec<f64> {
    let mut variance = 1.0_f64;
    let next = |z: f64| {
        let profit = z * variance.sqrt();
        variance = DECAY * variance + (1.0 - DECAY) * profit * profit;
        profit
    };
    normals(periods, stream).into_iter().map(next).collect()
}

/// A market whose volatility follows the recursion of the filter. In units of the volatility of the next
/// period, the P&L of its next ten is the same variable on every day; 100,000 draws of it are the truth.
#[test]
fn filtered_paths_recover_the_truth_of_a_market_with_their_recursion() {
    let truth: Vec<f64> =
        (0..100_000).map(|at| recursive(STEPS, 10_000 + at).iter().sum()).collect();
    let truth = historical(&truth, CONFIDENCE, QuantileRule::Linear, &mut Vec::new()).unwrap();
    let truth = [truth.value_at_risk, truth.expected_shortfall];
    // Clusters make the tail fatter than that of independent periods.
    assert!(of_ten()[1] < truth[1], "{truth:?}");
    let study = Study::of(120, truth, |history| {
        let profits = recursive(560, 1_000 + history);
        let found = filter(&profits, 60, DECAY).unwrap();
        let growths = growths(&found, &profits[60..], DECAY);
        let pairs = found.multipliers.iter().zip(&profits[60..]);
        let outcomes: Vec<f64> = pairs.map(|(m, x)| m * x / found.volatility).collect();
        let paths = Arc::new(Paths::balanced(500, STEPS, 20, history).unwrap());
        level(paths.profits(&outcomes, &growths), Dependence::Paths(paths))
    });
    study.holds(0.03, 0.86, (0.75, 1.25));
}

/// Volatility of paths of `steps` over the root of `steps` times that of single periods, averaged over
/// seeds. Innovations have a t distribution with four degrees of freedom, and one of them is a jump of 20
/// deviations, if there is one.
fn drift(steps: usize, jump: Option<f64>) -> f64 {
    let mut rng = Rng::new(78, 1);
    let mut student = || {
        let squares: f64 = (0..4).map(|_| rng.normal().powi(2)).sum();
        rng.normal() / (squares / 4.0).sqrt() / 2.0_f64.sqrt()
    };
    let mut profits: Vec<f64> = (0..1_060).map(|_| student()).collect();
    profits[700] = jump.unwrap_or(profits[700]);
    let found = filter(&profits, 60, DECAY).unwrap();
    let growths = growths(&found, &profits[60..], DECAY);
    let mean_square = growths.iter().map(|growth| growth * growth).sum::<f64>() / 1_000.0;
    assert!((mean_square - 1.0).abs() < 1e-12, "{mean_square}");
    let pairs = found.multipliers.iter().zip(&profits[60..]);
    let outcomes: Vec<f64> = pairs.map(|(m, x)| m * x).collect();
    let deviation = |values: &[f64]| variance(values, Ddof::Sample).unwrap().sqrt();
    let ratio = |seed| {
        let paths = Paths::balanced(1_000, steps, 10, seed).unwrap();
        let root = (steps as f64).sqrt();
        deviation(&paths.profits(&outcomes, &growths)) / (root * deviation(&outcomes))
    };
    (0..20).map(ratio).sum::<f64>() / 20.0
}

/// A path expects the variance of today of every later period, also where the recursion lags behind
/// jumps, so that the mean square of z is above 1. With raw z the ratio of 60 steps was 1.24 without and
/// 1.63 with the jump.
#[test]
fn filtered_paths_do_not_drift() {
    for jump in [None, Some(20.0)] {
        for (steps, tolerance) in [(10, 0.03), (60, 0.1)] {
            let ratio = drift(steps, jump);
            assert!((ratio - 1.0).abs() < tolerance, "{jump:?} {steps} {ratio}");
        }
    }
}

/// 10,000 paths of 500 periods: at 99.9 % the upper end is beyond one in 500, at 95 % it is not.
#[test]
fn intervals_of_paths_open_where_the_history_ends() {
    let outcomes = normals(500, 1);
    let paths = Arc::new(Paths::balanced(500, STEPS, 20, 1).unwrap());
    let scenarios = Scenarios::unordered(&[paths.profits(&outcomes, &vec![1.0; 500])]).unwrap();
    let mut scenarios = scenarios.depending(Dependence::Paths(paths));
    let levels = scenarios.levels(&[0.999, CONFIDENCE], QuantileRule::Linear, 0.95).unwrap();
    assert_eq!(levels[0].interval.high, None);
    assert!(levels[1].interval.low.is_some() && levels[1].interval.high.is_some());
}
