//! Properties that hold for all inputs: shift, scale, permutation, sign, definiteness.

use proptest::collection::vec;
use proptest::prelude::*;

use stats::cholesky::{self, Cholesky};
use stats::covariance;
use stats::eigen;
use stats::ewma::{self, Centre};
use stats::kernel::dot;
use stats::ledoit_wolf;
use stats::matrix::SymmetricMatrix;
use stats::moments::{self, Ddof};
use stats::normal;
use stats::quantile::{QuantileRule, quantile};
use stats::rank;
use stats::regression::{ErrorModel, Fit, least_squares};
use stats::rng::Rng;
use stats::robust::{Huber, huber};
use stats::tail;

const RULES: [QuantileRule; 6] = [
    QuantileRule::Linear,
    QuantileRule::Lower,
    QuantileRule::Higher,
    QuantileRule::Ceil,
    QuantileRule::Weibull,
    QuantileRule::MedianUnbiased,
];

fn values(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    vec(-0.1..0.1_f64, length)
}

/// Series of equal length.
fn panel() -> impl Strategy<Value = Vec<Vec<f64>>> {
    (1..9_usize, 4..40_usize).prop_flat_map(|(names, days)| vec(values(days..days + 1), names))
}

fn slices(panel: &[Vec<f64>]) -> Vec<&[f64]> {
    panel.iter().map(Vec::as_slice).collect()
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

fn shuffled<T: Clone>(items: &[T], seed: u64) -> Vec<T> {
    let mut items = items.to_vec();
    Rng::new(seed, 0).shuffle(&mut items);
    items
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn moments_shift_and_scale(x in values(5..50), shift in -5.0..5.0_f64, scale in 0.1..10.0_f64) {
        let moved: Vec<f64> = x.iter().map(|x| shift + scale * x).collect();
        let mean = |x: &[f64]| moments::mean(x).unwrap();
        let variance = |x: &[f64]| moments::variance(x, Ddof::Sample).unwrap();
        prop_assert!(near(mean(&moved), shift + scale * mean(&x), 1e-13));
        prop_assert!(near(variance(&moved), scale * scale * variance(&x), 1e-11));
    }

    #[test]
    fn correlation_is_bounded_and_independent_of_scale(x in values(20..21), y in values(20..21),
                                                 scale in 0.1..10.0_f64) {
        let r = moments::correlation(&x, &y).unwrap();
        prop_assert!((-1.0..=1.0).contains(&r));
        let scaled: Vec<f64> = x.iter().map(|x| 3.0 - scale * x).collect();
        prop_assert!(near(moments::correlation(&scaled, &y).unwrap(), -r, 1e-10));
        prop_assert!(near(moments::correlation(&x, &x).unwrap(), 1.0, 1e-12));
    }

    #[test]
    fn weights_sum_to_one_and_halve_at_the_half_life(n in 1..300_usize, half_life in 1..100_u32) {
        let lambda = ewma::lambda_of_half_life(f64::from(half_life)).unwrap();
        let w = ewma::weights(n, lambda).unwrap();
        prop_assert!(near(w.iter().sum(), 1.0, 1e-13));
        prop_assert!(w.is_sorted());
        if let Some(older) = n.checked_sub(1 + half_life as usize) {
            prop_assert!(near(w[older] / w[n - 1], 0.5, 1e-12));
        }
        let flat = vec![0.07; n];
        prop_assert!(near(ewma::mean(&flat, lambda).unwrap(), 0.07, 1e-13));
        prop_assert!(ewma::variance(&flat, lambda, Centre::Mean).unwrap() < 1e-30);
    }

    #[test]
    fn ranks_follow_their_values(x in vec(-5..5_i8, 1..40), seed: u64) {
        let x: Vec<f64> = x.into_iter().map(f64::from).collect();
        let ranks = rank::ranks(&x).unwrap();
        let n = x.len() as f64;
        prop_assert!(near(ranks.iter().sum(), n * (n + 1.0) / 2.0, 1e-13));
        for (i, p) in rank::percentile_ranks(&x).unwrap().iter().enumerate() {
            prop_assert!(near(*p, rank::percentile_rank(&x, x[i]).unwrap(), 1e-13));
        }
        let order = shuffled(&(0..x.len()).collect::<Vec<_>>(), seed);
        let permuted: Vec<f64> = order.iter().map(|&i| x[i]).collect();
        let expected: Vec<f64> = order.iter().map(|&i| ranks[i]).collect();
        prop_assert_eq!(rank::ranks(&permuted).unwrap(), expected);
    }

    #[test]
    fn winsorised_values_stay_within_their_bounds(x in values(3..40), k in 0.5..4.0_f64) {
        let mut y = x.clone();
        let done = rank::winsorise(&mut y, k).unwrap();
        let bound = k * done.scale * (1.0 + 1e-12);
        if done.scale > 0.0 {
            prop_assert!(y.iter().all(|y| (y - done.centre).abs() <= bound));
        }
        let moved = x.iter().zip(&y).filter(|(x, y)| (*x - *y).abs() > 0.0).count();
        prop_assert_eq!(moved, done.clipped);
    }

    #[test]
    fn z_scores_have_mean_zero_and_variance_one(x in values(3..40)) {
        let z = rank::z_scores(&x, Ddof::Sample).unwrap();
        prop_assert!(moments::mean(&z).unwrap().abs() < 1e-12);
        prop_assert!(near(moments::variance(&z, Ddof::Sample).unwrap(), 1.0, 1e-12));
    }

    #[test]
    fn quantiles_rise_with_p_and_stay_inside(x in values(1..60), p in 0.0..1.0_f64,
                                             q in 0.0..1.0_f64) {
        let (low, high) = (p.min(q), p.max(q));
        let least = x.iter().copied().fold(f64::INFINITY, f64::min);
        let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for rule in RULES {
            let a = quantile(&x, low, rule).unwrap();
            let b = quantile(&x, high, rule).unwrap();
            prop_assert!(least <= a && a <= b && b <= most);
            // The same quantile, computed on losses.
            if matches!(rule, QuantileRule::Linear | QuantileRule::Weibull
                | QuantileRule::MedianUnbiased) {
                let losses: Vec<f64> = x.iter().map(|x| -x).collect();
                prop_assert!(near(-quantile(&losses, 1.0 - low, rule).unwrap(), a, 1e-9));
            }
        }
    }

    #[test]
    fn tails_shift_scale_and_permute(x in values(1..200), shift in -1.0..1.0_f64,
                                     scale in 0.1..10.0_f64, confidence in 0.5..0.999_f64,
                                     seed: u64) {
        for rule in RULES {
            let mut scratch = Vec::new();
            let t = tail::historical(&x, confidence, rule, &mut scratch).unwrap();
            // Identical to the bit, whatever the order.
            let permuted = tail::historical(&shuffled(&x, seed), confidence, rule, &mut scratch);
            prop_assert_eq!(permuted, Some(t));
            // The mean of the tail beyond n(1 − c) is no better than its own edge.
            if rule != QuantileRule::Lower && rule != QuantileRule::Weibull
                && rule != QuantileRule::MedianUnbiased {
                prop_assert!(t.expected_shortfall >= t.value_at_risk - 1e-15);
            }
            let moved: Vec<f64> = x.iter().map(|x| shift + scale * x).collect();
            let m = tail::historical(&moved, confidence, rule, &mut scratch).unwrap();
            prop_assert!(near(m.value_at_risk, scale * t.value_at_risk - shift, 1e-12));
            prop_assert!(near(m.expected_shortfall, scale * t.expected_shortfall - shift, 1e-12));
        }
    }

    /// Rockafellar and Uryasev (2002): ES is the minimum over a of a + E[(−x − a)⁺]/(1 − c), which
    /// is attained at one of the outcomes.
    #[test]
    fn expected_shortfall_solves_its_minimum_problem(x in values(1..40), c in 0.5..0.99_f64) {
        let mut scratch = Vec::new();
        let t = tail::historical(&x, c, QuantileRule::Ceil, &mut scratch).unwrap();
        let objective = |a: f64| {
            let excess: f64 = x.iter().map(|x| (-x - a).max(0.0)).sum();
            a + excess / x.len() as f64 / (1.0 - c)
        };
        let least = x.iter().map(|x| objective(-x)).fold(f64::INFINITY, f64::min);
        prop_assert!(near(t.expected_shortfall, least, 1e-11));
        prop_assert!(near(objective(t.value_at_risk), least, 1e-11));
    }

    #[test]
    fn the_normal_quantile_inverts_the_distribution_function(z in -8.0..5.0_f64) {
        let back = normal::quantile(normal::cdf(z)).unwrap();
        // Near 1 the distribution function has few digits left to invert: ε divided by the density.
        prop_assert!((back - z).abs() < 1e-14 * (1.0 + z.abs()) + 2.3e-16 / normal::pdf(z).min(0.4)
            * normal::cdf(z));
    }

    #[test]
    fn covariances_are_definite_scale_and_permute(panel in panel(), scale in 0.1..10.0_f64,
                                                  seed: u64) {
        let series = slices(&panel);
        let s = covariance::sample(&series, Ddof::Sample).unwrap();
        let weights = ewma::weights(series[0].len(), 0.9).unwrap();
        let e = covariance::weighted(&series, &weights, Centre::Mean).unwrap();
        for matrix in [&s, &e] {
            let values = eigen::symmetric(matrix).unwrap().values;
            prop_assert!(*values.last().unwrap() >= -1e-15 * matrix.trace());
            prop_assert!(near(values.iter().sum(), matrix.trace(), 1e-13));
        }
        let order = shuffled(&(0..series.len()).collect::<Vec<_>>(), seed);
        let permuted: Vec<&[f64]> = order.iter().map(|&i| series[i]).collect();
        let p = covariance::sample(&permuted, Ddof::Sample).unwrap();
        for (i, &a) in order.iter().enumerate() {
            for (j, &b) in order.iter().enumerate() {
                prop_assert_eq!(p.get(i, j).to_bits(), s.get(a, b).to_bits());
            }
        }
        let moved: Vec<Vec<f64>> =
            panel.iter().map(|x| x.iter().map(|x| 1.0 + scale * x).collect()).collect();
        let m = covariance::sample(&slices(&moved), Ddof::Sample).unwrap();
        for (a, b) in m.values().iter().zip(s.values()) {
            prop_assert!(near(*a, scale * scale * b, 1e-11));
        }
    }

    #[test]
    fn shrinkage_stays_between_sample_and_target(panel in panel(), scale in 0.1..10.0_f64) {
        let series = slices(&panel);
        let s = covariance::sample(&series, Ddof::Population).unwrap();
        let mean: Vec<f64> = (0..series[0].len())
            .map(|t| series.iter().map(|x| x[t]).sum::<f64>() / series.len() as f64)
            .collect();
        for shrunk in [
            ledoit_wolf::identity(&series),
            ledoit_wolf::oracle_approximating(&series),
            ledoit_wolf::single_factor(&series, &mean),
        ] {
            let shrunk = shrunk.unwrap();
            prop_assert!((0.0..=1.0).contains(&shrunk.intensity));
            prop_assert!(near(shrunk.covariance.trace(), s.trace(), 1e-12));
            let values = eigen::symmetric(&shrunk.covariance).unwrap().values;
            prop_assert!(*values.last().unwrap() >= -1e-15 * s.trace());
        }
        let moved: Vec<Vec<f64>> =
            panel.iter().map(|x| x.iter().map(|x| 1.0 + scale * x).collect()).collect();
        let (a, b) = (ledoit_wolf::identity(&series), ledoit_wolf::identity(&slices(&moved)));
        prop_assert!(near(a.unwrap().intensity, b.unwrap().intensity, 1e-8));
    }

    #[test]
    fn factors_solve_and_rebuild(panel in panel(), b in values(8..9)) {
        let n = panel.len();
        let s = covariance::sample(&slices(&panel), Ddof::Sample).unwrap();
        // A ridge, for panels with more series than observations.
        let ridge = SymmetricMatrix::from_lower(n, |i, j| s.get(i, j) + if i == j { 0.01 } else { 0.0 });
        let ridge = ridge.unwrap();
        let factor = Cholesky::factor(&ridge).unwrap();
        let x = factor.solve(&b[..n]).unwrap();
        for (actual, expected) in ridge.times(&x).unwrap().iter().zip(&b) {
            prop_assert!(near(*actual, *expected, 1e-12));
        }
        let eigen = eigen::symmetric(&ridge).unwrap();
        let rebuilt = eigen.with_values(&eigen.values).unwrap();
        for (actual, expected) in rebuilt.values().iter().zip(ridge.values()) {
            prop_assert!(near(*actual, *expected, 1e-13));
        }
    }

    #[test]
    fn repaired_matrices_are_definite_and_keep_their_variances(
        off in vec(-1.0..1.0_f64, 15), scale in vec(0.1..10.0_f64, 6),
    ) {
        let broken = SymmetricMatrix::from_lower(6, |i, j| {
            let rho = if i == j { 1.0 } else { off[i * (i - 1) / 2 + j] };
            rho * scale[i] * scale[j]
        }).unwrap();
        let repaired = cholesky::repair(&broken, 1e-6).unwrap();
        prop_assert!(Cholesky::factor(&repaired.matrix).is_some());
        for (a, b) in repaired.matrix.diagonal().zip(broken.diagonal()) {
            prop_assert_eq!(a.to_bits(), b.to_bits());
        }
        prop_assert_eq!(repaired.raised == 0, repaired.matrix == broken);
    }
}

fn slopes(fit: &Fit) -> Vec<f64> {
    fit.slopes.iter().map(|slope| slope.value).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn regression_shifts_scales_and_permutes(
        y in values(30..31), a in values(30..31), b in values(30..31), shift in -2.0..2.0_f64,
        scale in 0.1..10.0_f64, seed: u64,
    ) {
        let settings = Huber { k: 1.345, iterations_max: 500, tolerance: 1e-12, lags: 2 };
        let w: Vec<f64> = a.iter().map(|a| 1.0 + 5.0 * a.abs()).collect();
        for robust in [false, true] {
            let run = |y: &[f64], x: &[&[f64]], w: &[f64], lags: usize| -> Option<Fit> {
                if robust {
                    let settings = Huber { lags, ..settings };
                    huber(y, x, Some(w), &settings).ok().filter(|f| f.converged).map(|f| f.fit)
                } else {
                    least_squares(y, x, Some(w), ErrorModel::Hac { lags }).ok()
                }
            };
            // The steps of a robust fit can cycle between two medians, which it reports.
            let Some(fit) = run(&y, &[&a, &b], &w, 2) else {
                prop_assert!(robust);
                continue;
            };
            // y shifted along the plane and scaled: the plane follows, and its errors scale.
            let moved: Vec<f64> =
                y.iter().zip(&a).map(|(y, a)| shift + scale * y + 0.7 * a).collect();
            if let Some(other) = run(&moved, &[&a, &b], &w, 2) {
                prop_assert!(near(other.intercept.value, shift + scale * fit.intercept.value, 1e-7));
                let expected = [
                    0.7 + scale * fit.slopes[0].value,
                    scale * fit.slopes[1].value,
                ];
                for (k, expected) in expected.into_iter().enumerate() {
                    prop_assert!(near(other.slopes[k].value, expected, 1e-7));
                    let error = scale * fit.slopes[k].standard_error;
                    prop_assert!(near(other.slopes[k].standard_error, error, 1e-6));
                }
            }
            // Only the proportions of weights matter.
            let heavier: Vec<f64> = w.iter().map(|w| scale * w).collect();
            if let Some(other) = run(&y, &[&a, &b], &heavier, 2) {
                prop_assert!(near(other.slopes[0].value, fit.slopes[0].value, 1e-9));
                let (one, two) = (other.slopes[1].standard_error, fit.slopes[1].standard_error);
                prop_assert!(near(one, two, 1e-7));
                prop_assert!(near(
                    other.effective_observations, fit.effective_observations, 1e-12));
            }
            // Regressors in another order, and, without lags, rows in another order.
            if let Some(other) = run(&y, &[&b, &a], &w, 2) {
                prop_assert!(near(other.slopes[1].value, fit.slopes[0].value, 1e-9));
            }
            let order = shuffled(&(0..30_usize).collect::<Vec<_>>(), seed);
            let pick = |x: &[f64]| order.iter().map(|&i| x[i]).collect::<Vec<f64>>();
            let rows = run(&pick(&y), &[&pick(&a), &pick(&b)], &pick(&w), 0);
            if let (Some(one), Some(two)) = (rows, run(&y, &[&a, &b], &w, 0)) {
                prop_assert!(near(slopes(&one)[0], slopes(&two)[0], 1e-9));
                let (one, two) = (one.slopes[0].standard_error, two.slopes[0].standard_error);
                prop_assert!(near(one, two, 1e-7));
            }
        }
    }

    /// One extreme observation moves least squares without bound, but the robust line hardly.
    #[test]
    fn an_outlier_does_not_turn_the_robust_line(
        x in values(60..61), e in values(60..61), row in 0..60_usize, size in 1.0..1e6_f64,
    ) {
        let settings = Huber { k: 1.345, iterations_max: 500, tolerance: 1e-10, lags: 0 };
        let mut y: Vec<f64> = x.iter().zip(&e).map(|(x, e)| 1.5 * x + 0.1 * e).collect();
        let before = huber(&y, &[&x], None, &settings).unwrap();
        y[row] += size;
        let after = huber(&y, &[&x], None, &settings).unwrap();
        prop_assert!((after.fit.slopes[0].value - before.fit.slopes[0].value).abs() < 0.2);
        prop_assert!(after.downweighted > 0);
    }
}

#[test]
fn inner_products_of_whole_numbers_are_exact() {
    for n in [0, 1, 15, 16, 17, 100] {
        let a: Vec<f64> = (0..n).map(f64::from).collect();
        // Σ k² = (n − 1)n(2n − 1)/6.
        let sum = (n - 1) * n * (2 * n - 1) / 6;
        assert_eq!(dot(&a, &a).to_bits(), f64::from(sum).to_bits());
    }
}
