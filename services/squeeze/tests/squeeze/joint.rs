//! The joint loss: against exact distributions, numpy, and laws.

use crate::count::poisson_binomial;
use portfolio::convexity::Convexity;
use proptest::prelude::*;
use squeeze::{
    deleveraging::Holders,
    joint::{
        Crowd, JointLoss, JointModel, Short, Simulation,
        copula::{Conditional, Copula, Factor},
        jump::{Excess, Jump},
        tail::Estimate,
    },
};
use stats::normal;
use std::sync::atomic::{AtomicUsize, Ordering};

const PLAIN: Simulation = Simulation {
    copula: Copula::Gaussian,
    correlation: 0.3,
    excess: Excess { scale: 0.2, shape: 0.25 },
    cap: 10.0,
    pairs: 50_000,
    seed: 1,
};

/// A book of names whose numbers vary in a fixed pattern; `tests/oracles/joint_squeeze.py` has the
/// same one.
fn shorts(count: usize) -> Vec<Short> {
    let short = |at: usize| Short {
        symbol: format!("N{at:03}"),
        value: 1e6 * (1 + at % 7) as f64,
        options: Convexity::NONE,
        left: vec![1.0 / (1 + at % 4) as f64, 0.0],
        crowd_value: 1e7 * (1 + at % 3) as f64,
        probability: 0.005 * (1 + at % 10) as f64,
        jump: Jump {
            threshold: 0.15 + 0.02 * (at % 5) as f64,
            daily_volatility: 0.02 + 0.005 * (at % 4) as f64,
            days_to_cover: (at % 9) as f64,
        },
    };
    (0..count).map(short).collect()
}

fn simulated(count: usize, simulation: Simulation) -> JointLoss {
    let model = JointModel::new(shorts(count), None, simulation, &|| false).unwrap();
    model.simulate(&[0.95, 0.99], &|| false).unwrap()
}

/// Within four standard errors; a fixed seed passes or fails for good.
#[track_caller]
fn near(found: Estimate, expected: f64) {
    let off = (found.value - expected).abs();
    assert!(off <= 4.0 * found.error + 1e-12, "{found:?} is not {expected}");
}

/// Probability of at least k events, from that of exactly k.
fn at_least(exactly: &[f64], k: usize) -> f64 {
    exactly[k..].iter().sum()
}

#[test]
fn independent_squeezes_are_poisson_binomial() {
    for copula in [Copula::Gaussian, Copula::StudentT4] {
        // Under the t copula names still share W, so only the Gaussian case is independent.
        let simulation = Simulation { correlation: 0.0, copula, ..PLAIN };
        let found = simulated(20, simulation);
        let p: Vec<f64> = shorts(20).iter().map(|short| short.probability).collect();
        let exact = poisson_binomial(&p);
        match copula {
            Copula::Gaussian => {
                for (k, found) in found.at_least.iter().enumerate() {
                    near(*found, at_least(&exact, k + 1));
                }
            }
            // Clustered: more often none and more often several.
            Copula::StudentT4 => {
                assert!(found.at_least[0].value < at_least(&exact, 1));
                assert!(at_least(&exact, 3) < found.at_least[2].value);
            }
        }
    }
}

/// With ρ = 0.3: the mean over M of the Poisson-binomial distribution given M, integrated with
/// 4,001 points.
#[test]
fn clustered_squeezes_agree_with_the_integral() {
    let p: Vec<f64> = shorts(20).iter().map(|short| short.probability).collect();
    let names: Vec<Conditional> =
        p.iter().map(|p| Conditional::new(Copula::Gaussian, *p, 0.3).unwrap()).collect();
    let mut exact = vec![0.0; p.len() + 1];
    let step = 0.005;
    for at in -2_000..=2_000 {
        let m = f64::from(at) * step;
        let given: Vec<f64> =
            names.iter().map(|name| normal::cdf(name.z(Factor { m, s: 1.0 }))).collect();
        for (sum, chance) in exact.iter_mut().zip(poisson_binomial(&given)) {
            *sum += step * normal::pdf(m) * chance;
        }
    }
    let found = simulated(20, PLAIN);
    for (k, found) in found.at_least.iter().enumerate().take(8) {
        near(*found, at_least(&exact, k + 1));
    }
}

/// Mean loss: Σ value · p · E[J]; without excess and without days to cover J is the threshold.
#[test]
fn the_mean_loss_by_hand() {
    let mut shorts = shorts(30);
    shorts.iter_mut().for_each(|short| short.jump.days_to_cover = 0.0);
    let expected: f64 =
        shorts.iter().map(|short| short.value * short.probability * short.jump.threshold).sum();
    for copula in [Copula::Gaussian, Copula::StudentT4] {
        let simulation = Simulation { excess: Excess { scale: 0.0, shape: 0.0 }, copula, ..PLAIN };
        let model = JointModel::new(shorts.clone(), None, simulation, &|| false).unwrap();
        let found = model.simulate(&[0.99], &|| false).unwrap();
        near(found.whole.mean, expected);
        let left: f64 =
            shorts.iter().map(|s| s.left[0] * s.value * s.probability * s.jump.threshold).sum();
        near(found.left[0].mean, left);
        assert_eq!(found.left[1].mean, Estimate { value: 0.0, error: 0.0 }, "nothing is left");
    }
}

/// Value at risk and expected shortfall of 200 names and a million paths in numpy, with errors:
/// `tests/oracles/joint_squeeze.py`.
#[test]
fn tails_agree_with_numpy() {
    let check = |found: Estimate, expected: f64, error: f64| {
        let error = (found.error.powi(2) + error.powi(2)).sqrt();
        near(Estimate { error, ..found }, expected);
    };
    for (copula, numpy) in NUMPY {
        let found = simulated(200, Simulation { copula, ..PLAIN });
        for (tail, [var, var_error, es, es_error]) in found.whole.tails.iter().zip(numpy) {
            check(tail.value_at_risk, var, var_error);
            check(tail.expected_shortfall, es, es_error);
        }
    }
}

/// Per copula: at 95 % and 99 %, value at risk, its error, expected shortfall, its error.
const NUMPY: [(Copula, [[f64; 4]; 2]); 2] = [
    (
        Copula::Gaussian,
        [
            [42_433_450.0, 108_322.0, 66_615_591.0, 137_777.0],
            [81_345_811.0, 207_344.0, 107_387_213.0, 271_889.0],
        ],
    ),
    (
        Copula::StudentT4,
        [
            [54_973_484.0, 205_970.0, 100_726_793.0, 312_104.0],
            [130_687_510.0, 478_536.0, 175_938_337.0, 604_212.0],
        ],
    ),
];

/// The crowd sells what its leverage requires, and the longs fall with it: on the path of a single
/// squeeze by 20 % of a crowd short of 40, the rounds of `deleveraging`.
#[test]
fn the_crowd_sells_its_longs() {
    let short = Short {
        symbol: "A".to_owned(),
        value: 10.0,
        options: Convexity::NONE,
        left: vec![0.25],
        crowd_value: 40.0,
        probability: 0.5,
        jump: Jump { threshold: 0.2, daily_volatility: 0.0, days_to_cover: 0.0 },
    };
    let holders = Holders::new(400.0, 4.0, 0.0004).unwrap();
    let crowd = Crowd { holders, own_longs: 100.0 };
    let excess = Excess { scale: 0.0, shape: 0.0 };
    let model =
        JointModel::new(vec![short], Some(crowd), Simulation { excess, ..PLAIN }, &|| false)
            .unwrap();
    let found = model.simulate(&[0.9], &|| false).unwrap();
    // A loss of 8 on the shorts is an example of the loop, in which 56.126 276 are sold in all.
    let fall = 0.0004 * 56.126_276;
    let parts = &found.contributions[0];
    assert!((parts.shorts[0].value - 2.0).abs() < 1e-9);
    assert!((parts.longs.value - 100.0 * fall).abs() < 1e-6, "{:?}", parts.longs);
    let whole = found.whole.tails[0].expected_shortfall.value;
    assert!((whole - parts.shorts[0].value - parts.longs.value).abs() < 1e-9);
    // A quarter of the short is left at the next stage, and all of the longs.
    let left = found.left[0].tails[0].expected_shortfall.value;
    assert!((left - 0.5 - 100.0 * fall).abs() < 1e-6, "{left}");
}

#[test]
fn a_caller_who_leaves_ends_the_simulation() {
    let model = JointModel::new(shorts(3), None, PLAIN, &|| false).unwrap();
    assert_eq!(model.simulate(&[0.95], &|| true), None);
    let asked = AtomicUsize::new(0);
    let leaves = || 2 < asked.fetch_add(1, Ordering::Relaxed);
    assert_eq!(model.simulate(&[0.95], &leaves), None);
    // 49 blocks of 2,048 paths; no block begins after the departure is known.
    assert!(asked.into_inner() < 49);
    // Nor does the work of a tail go on: half of 100,000 paths, hundreds of chunks.
    let asked = AtomicUsize::new(0);
    let leaves = || 60 < asked.fetch_add(1, Ordering::Relaxed);
    assert_eq!(model.simulate(&[0.5], &leaves), None);
    assert!(asked.into_inner() < 100);
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let with = |change: fn(&mut Short)| {
        let mut shorts = shorts(3);
        change(&mut shorts[1]);
        JointModel::new(shorts, None, PLAIN, &|| false).is_err()
    };
    assert!(with(|short| short.probability = 0.0));
    assert!(with(|short| short.probability = 1.0));
    assert!(with(|short| short.value = -1.0));
    assert!(with(|short| short.jump.threshold = f64::NAN));
    assert!(with(|short| short.symbol = "N000".to_owned()));
    assert!(with(|short| short.left = vec![1.0]));
    assert!(with(|short| short.left[0] = 1.5));
    let refused = |simulation| JointModel::new(shorts(3), None, simulation, &|| false).is_err();
    assert!(refused(Simulation { correlation: 1.0, ..PLAIN }));
    assert!(refused(Simulation { pairs: 1, ..PLAIN }));
    assert!(refused(Simulation { cap: f64::INFINITY, ..PLAIN }));
}

/// The stated errors are those that other seeds show: the spread of 40 expected shortfalls lies
/// within a third of the mean of their errors, and so does that of the contributions of the shorts
/// together and of one of the largest.
#[test]
fn errors_are_those_of_other_seeds() {
    let runs: Vec<JointLoss> =
        (0..40).map(|seed| simulated(50, Simulation { pairs: 2_500, seed, ..PLAIN })).collect();
    let check = |of: &dyn Fn(&JointLoss) -> Estimate| {
        let runs: Vec<Estimate> = runs.iter().map(of).collect();
        let mean = runs.iter().map(|run| run.value).sum::<f64>() / 40.0;
        let spread = (runs.iter().map(|run| (run.value - mean).powi(2)).sum::<f64>() / 39.0).sqrt();
        let stated = runs.iter().map(|run| run.error).sum::<f64>() / 40.0;
        assert!((0.67..1.5).contains(&(spread / stated)), "{spread} {stated}");
    };
    check(&|run| run.whole.tails[0].expected_shortfall);
    check(&|run| run.contributions[0].shorts[27]);
    check(&|run| run.contributions[0].shorts[48]);
    check(&|run| run.left[0].tails[0].expected_shortfall);
    let quantile = |run: &JointLoss, level: f64| {
        run.quantiles.iter().find(|row| (row.level - level).abs() < 1e-12).unwrap().loss
    };
    // One distance between two ranks is a noisy error: the mean over the runs is not.
    check(&|run| quantile(run, 0.7));
    check(&|run| quantile(run, 0.9));
    check(&|run| quantile(run, 0.99));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The order of names, and the number of threads, change no bit; contributions add up to the
    /// expected shortfall; a name that is added changes no other name's draws, so the loss only
    /// grows.
    #[test]
    fn laws_of_the_joint_loss(count in 2..40usize, seed in 0..1_000u64, t in any::<bool>()) {
        let copula = if t { Copula::StudentT4 } else { Copula::Gaussian };
        let simulation = Simulation { pairs: 3_000, seed, copula, ..PLAIN };
        let model = JointModel::new(shorts(count), None, simulation, &|| false).unwrap();
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = |model: &JointModel| model.simulate(&[0.95, 0.99], &|| false).unwrap();
        let found = pool(1).install(|| run(&model));
        let mut turned = shorts(count);
        turned.reverse();
        let turned = JointModel::new(turned, None, simulation, &|| false).unwrap();
        prop_assert_eq!(&pool(3).install(|| run(&turned)), &found);
        for (tail, parts) in found.whole.tails.iter().zip(&found.contributions) {
            let sum: f64 = parts.shorts.iter().chain([&parts.longs]).map(|part| part.value).sum();
            let expected = tail.expected_shortfall.value;
            prop_assert!((sum - expected).abs() <= 1e-9 * expected.max(1.0));
        }
        let levels = found.quantiles.iter().map(|row| row.level);
        // 6,000 paths: 20 of them are beyond 0.995, and six beyond 0.999.
        prop_assert_eq!(levels.clone().count(), 22);
        prop_assert!(levels.is_sorted_by(|a, b| a < b));
        prop_assert!(found.quantiles.is_sorted_by(|a, b| a.loss.value <= b.loss.value));
        for tail in &found.whole.tails {
            let is_it = |level: f64| (level - tail.confidence).abs() < 1e-12;
            let quantile = found.quantiles.iter().find(|row| is_it(row.level));
            prop_assert_eq!(quantile.map(|row| row.loss), Some(tail.value_at_risk));
        }
        let more = simulated(count + 1, simulation);
        prop_assert!(found.whole.mean.value <= more.whole.mean.value);
        let var = |run: &JointLoss| run.whole.tails[0].value_at_risk.value;
        prop_assert!(var(&found) <= var(&more));
    }
}
