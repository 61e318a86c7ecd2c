//! The likeliest scenario against references, by its optimality, and among others of equal loss.

use super::*;
use proptest::prelude::*;
use stats::rng::Rng;

fn two_factors() -> (Joint, Form) {
    let common = SymmetricMatrix::from_rows(2, vec![4e-4, 2e-4, 2e-4, 9e-4]).unwrap();
    let joint = Joint { common, specific: Vec::new() };
    (joint, Form { common: vec![5e6, -8e6], specific: Vec::new() })
}

/// Methodology F (`reference/ref.py`, "reverse stress").
#[test]
fn the_reference_is_found() {
    let (joint, pnl) = two_factors();
    let found = likeliest(&joint, &pnl, (1e6, 1), &Boxes::none(2)).unwrap();
    assert!((found.common[0] + 0.007_751_94).abs() < 5e-9, "{found:?}");
    assert!((found.common[1] - 0.120_155_04).abs() < 5e-9, "{found:?}");
    assert!((found.distance - 4.402_255).abs() < 5e-7, "{found:?}");
    // scipy: norm.sf(4.402255) = 5.3566e-6.
    assert!((found.probability.normal / 5.356_6e-6 - 1.0).abs() < 1e-4);
    // Over four sessions the same loss is half as far.
    let four = likeliest(&joint, &pnl, (1e6, 4), &Boxes::none(2)).unwrap();
    assert!((four.distance - found.distance / 2.0).abs() < 1e-12);
    assert!((four.common[1] - found.common[1]).abs() < 1e-15);
}

/// The second factor stops at .1: −8e6·.1 = −800,000, and 5e6·g = −200,000 gives g = −.04.
#[test]
fn a_box_is_kept_and_the_rest_makes_up_for_it() {
    let (joint, pnl) = two_factors();
    let boxes = Boxes { common: vec![(-1.0, 1.0), (-0.1, 0.1)], ..Boxes::none(2) };
    let found = likeliest(&joint, &pnl, (1e6, 1), &boxes).unwrap();
    assert_eq!(found.at_bound, [1]);
    assert!((found.common[0] + 0.04).abs() < 1e-12 && (found.common[1] - 0.1).abs() < 1e-15);
    // q′Σ⁻¹q by hand: (9·.0016 + 2·2·.004 + 4·.01)e-4/(36 − 4)e-8 = .0704e-4/32e-8 = 22.
    assert!((found.distance * found.distance - 22.0).abs() < 1e-9, "{found:?}");
}

/// 5e6·.01 + 8e6·.02 = 210,000 is all that these boxes allow.
#[test]
fn a_loss_out_of_reach_says_how_far_it_gets() {
    let (joint, pnl) = two_factors();
    let boxes = Boxes { common: vec![(-0.01, 0.01), (-0.02, 0.02)], ..Boxes::none(2) };
    match likeliest(&joint, &pnl, (1e6, 1), &boxes) {
        Err(NoScenario::OutOfReach { largest_loss }) => {
            assert!((largest_loss - 210_000.0).abs() < 1e-6, "{largest_loss}");
        }
        other => panic!("{other:?}"),
    }
    for (loss, sessions) in [(0.0, 1), (-1.0, 1), (f64::NAN, 1), (1.0, 0)] {
        let found = likeliest(&joint, &pnl, (loss, sessions), &Boxes::none(2));
        assert_eq!(found, Err(NoScenario::NoLoss));
    }
    let wrong = Boxes { common: vec![(0.01, 0.02), (-1.0, 1.0)], ..Boxes::none(2) };
    assert_eq!(likeliest(&joint, &pnl, (1.0, 1), &wrong), Err(NoScenario::Boxes));
    let nothing = Form { common: vec![0.0; 2], specific: Vec::new() };
    let found = likeliest(&joint, &nothing, (1.0, 1), &Boxes::none(2));
    assert_eq!(found, Err(NoScenario::OutOfReach { largest_loss: 0.0 }));
}

/// Two coordinates that always move together, of which C has no inverse, are one with the sum of their
/// weights; where the weights cancel no move loses anything, and a coordinate that never moves adds
/// nothing.
#[test]
fn coordinates_that_move_together_are_one() {
    let together = SymmetricMatrix::from_rows(2, vec![4e-4; 4]).unwrap();
    let joint = Joint { common: together, specific: Vec::new() };
    let of = |e: [f64; 2]| Form { common: e.to_vec(), specific: Vec::new() };
    let found = likeliest(&joint, &of([5e6, -8e6]), (1e6, 1), &Boxes::none(2)).unwrap();
    // 1e6 of −3e6·g: a third, at a standard deviation of .02.
    for moved in &found.common {
        assert!((moved - 1.0 / 3.0).abs() < 1e-12, "{found:?}");
    }
    assert!((found.distance - 1.0 / 3.0 / 0.02).abs() < 1e-9, "{found:?}");
    let cancelled = likeliest(&joint, &of([5e6, -5e6]), (1e6, 1), &Boxes::none(2));
    assert!(cancelled.is_err(), "{cancelled:?}");

    let still = SymmetricMatrix::from_rows(2, vec![4e-4, 0.0, 0.0, 0.0]).unwrap();
    let joint = Joint { common: still, specific: Vec::new() };
    let found = likeliest(&joint, &of([5e6, -8e6]), (1e6, 1), &Boxes::none(2)).unwrap();
    assert!((found.common[0] + 0.2).abs() < 1e-12 && found.common[1].abs() < 1e-15, "{found:?}");
    assert!((found.distance - 10.0).abs() < 1e-9, "{found:?}");
}

/// A random problem: five coordinates, four names, tight boxes.
fn problem(seed: u64) -> (Joint, Form, Boxes) {
    let mut rng = Rng::new(seed, 11);
    let (k, n) = (5, 4);
    let loadings: Vec<f64> = (0..k * k).map(|_| rng.normal()).collect();
    let common = SymmetricMatrix::from_lower(k, |i, j| {
        let product = |m: usize| loadings[i * k + m] * loadings[j * k + m];
        1e-4 * (0..k).map(product).sum::<f64>()
    });
    let specific = (0..n).map(|_| 1e-4 * (0.5 + rng.uniform())).collect();
    let e = (0..k).map(|_| rng.normal()).collect();
    let held = (0..n).map(|at| (at, rng.normal())).collect();
    let bounds = (0..k).map(|_| (-0.02 * rng.uniform(), 0.02 * rng.uniform())).collect();
    let boxes = Boxes { common: bounds, specific_deviations: 0.5 + rng.uniform() };
    (Joint { common: common.unwrap(), specific }, Form { common: e, specific: held }, boxes)
}

/// A book of 2^±990 times the value, with that many times the loss, has the same scenario to the bit,
/// although its squares are no numbers; the largest loss within boxes is as many times as large, and
/// 0, not −0, for a book of nothing. A loss that is too far out is not solved.
#[test]
fn tiny_and_huge_books_have_the_scenario_of_any_other() {
    let (joint, pnl, boxes) = problem(7);
    let largest = largest_loss(&joint, &pnl, &boxes);
    let any = likeliest(&joint, &pnl, (0.5 * largest, 1), &boxes).unwrap();
    for exponent in [-990, 990] {
        let book = scaled(&pnl, exponent);
        let loss = libm::ldexp(0.5 * largest, exponent);
        let found = likeliest(&joint, &book, (loss, 1), &boxes).unwrap();
        assert_eq!((&found.common, &found.specific), (&any.common, &any.specific));
        assert_eq!(found.distance.to_bits(), any.distance.to_bits());
        let far = likeliest(&joint, &book, (4.0 * loss, 1), &boxes);
        let Err(NoScenario::OutOfReach { largest_loss }) = far else { panic!("{far:?}") };
        let expected = libm::ldexp(largest, exponent);
        assert!((largest_loss - expected).abs() < 1e-9 * expected);
    }
    let tiny = scaled(&pnl, -990);
    let free = Boxes::none(pnl.common.len());
    assert_eq!(likeliest(&joint, &tiny, (1e15, 1), &free), Err(NoScenario::Unsolved));
    let far = likeliest(&joint, &tiny, (1e15, 1), &boxes);
    assert!(matches!(far, Err(NoScenario::OutOfReach { largest_loss }) if 0.0 < largest_loss));
    let nothing = Form { common: vec![0.0; pnl.common.len()], specific: Vec::new() };
    let found = likeliest(&joint, &nothing, (1.0, 1), &free);
    let Err(NoScenario::OutOfReach { largest_loss }) = found else { panic!("{found:?}") };
    assert_eq!(largest_loss.to_bits(), 0.0_f64.to_bits());
}

/// The largest loss within the boxes, by the corner of each.
fn largest_loss(joint: &Joint, pnl: &Form, boxes: &Boxes) -> f64 {
    let corner = |(e, (low, high)): (&f64, &(f64, f64))| -(e * low).min(e * high);
    let common: f64 = pnl.common.iter().zip(&boxes.common).map(corner).sum();
    let held = pnl.specific.iter();
    let of = |(at, value): &(usize, f64)| {
        value.abs() * boxes.specific_deviations * joint.specific[*at].sqrt()
    };
    common + held.map(of).sum::<f64>()
}

fn squared_distance(joint: &Joint, common: &[f64], specific: &[f64]) -> f64 {
    let of_common = Cholesky::factor(&joint.common).unwrap().inverse_form(common).unwrap();
    of_common + specific.iter().zip(&joint.specific).map(|(u, d)| u * u / d).sum::<f64>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The scenario loses the amount, keeps its boxes, and moving towards any other scenario of equal
    /// loss within the boxes makes it less likely.
    #[test]
    fn no_scenario_of_equal_loss_is_likelier(seed in 0_u64..1_000_000, share in 0.05..0.95_f64) {
        let (joint, pnl, boxes) = problem(seed);
        let loss = share * largest_loss(&joint, &pnl, &boxes);
        let found = likeliest(&joint, &pnl, (loss, 1), &boxes).unwrap();
        let made = found.common_pnl.iter().chain(&found.specific_pnl).sum::<f64>();
        prop_assert!((made + loss).abs() < 1e-10 * loss.max(1.0), "{} {}", made, loss);
        for (moved, (low, high)) in found.common.iter().zip(&boxes.common) {
            prop_assert!(low - 1e-12 <= *moved && *moved <= high + 1e-12);
        }
        let squared = squared_distance(&joint, &found.common, &found.specific);
        prop_assert!((squared.sqrt() - found.distance).abs() < 1e-6 * found.distance);
        let mut rng = Rng::new(seed, 12);
        for _ in 0..20 {
            // A random scenario within the boxes, blended with the corner of the largest loss or
            // with no move so that it loses the same.
            let draw = |rng: &mut Rng, low: f64, high: f64| low + (high - low) * rng.uniform();
            let g: Vec<f64> = boxes.common.iter().map(|(l, h)| draw(&mut rng, *l, *h)).collect();
            let reach: Vec<f64> =
                joint.specific.iter().map(|d| boxes.specific_deviations * d.sqrt()).collect();
            let u: Vec<f64> = reach.iter().map(|m| draw(&mut rng, -m, *m)).collect();
            let corner_g: Vec<f64> = pnl.common.iter().zip(&boxes.common)
                .map(|(e, (l, h))| if 0.0 < *e { *l } else { *h }).collect();
            let corner_u: Vec<f64> = pnl.specific.iter().zip(&reach)
                .map(|((_, v), m)| -m * v.signum()).collect();
            let lost = |g: &[f64], u: &[f64]| -> f64 {
                -dot(&pnl.common, g) - pnl.specific.iter().map(|(at, v)| v * u[*at]).sum::<f64>()
            };
            let drawn = lost(&g, &u);
            let zero = (vec![0.0; g.len()], vec![0.0; u.len()]);
            let (to, most) = if drawn < loss {
                ((corner_g, corner_u), largest_loss(&joint, &pnl, &boxes))
            } else {
                (zero, 0.0)
            };
            let t = (loss - drawn) / (most - drawn);
            let blend = |a: &[f64], b: &[f64]| -> Vec<f64> {
                a.iter().zip(b).map(|(a, b)| a + t * (b - a)).collect()
            };
            let (g, u) = (blend(&g, &to.0), blend(&u, &to.1));
            prop_assert!((lost(&g, &u) - loss).abs() < 1e-9);
            prop_assert!(squared * (1.0 - 1e-9) <= squared_distance(&joint, &g, &u));
        }
    }

    /// In other coordinates h = A·g, with covariance A·C·A′ and weights A′⁻¹·e, the scenario is A·g: A
    /// adds a multiple of the first coordinate to every other one.
    #[test]
    fn other_coordinates_have_the_same_scenario(seed in 0_u64..1_000_000, by in -2.0..2.0_f64) {
        let (joint, pnl, _) = problem(seed);
        let k = pnl.common.len();
        let added = |j: usize| if j == 0 { 0.0 } else { by };
        let c = |i: usize, j: usize| joint.common.get(i, j);
        let common = SymmetricMatrix::from_lower(k, |i, j| {
            c(i, j) + added(i) * c(0, j) + added(j) * c(i, 0) + added(i) * added(j) * c(0, 0)
        });
        let restated = Joint { common: common.unwrap(), specific: joint.specific.clone() };
        let mut weights = pnl.clone();
        weights.common[0] -= by * pnl.common[1..].iter().sum::<f64>();
        let boxes = Boxes::none(k);
        let loss = 0.01;
        let one = likeliest(&joint, &pnl, (loss, 1), &boxes).unwrap();
        let other = likeliest(&restated, &weights, (loss, 1), &boxes).unwrap();
        prop_assert!((other.distance - one.distance).abs() < 1e-9 * one.distance);
        let scale = one.common.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        for (at, moved) in other.common.iter().enumerate() {
            let expected = one.common[at] + added(at) * one.common[0];
            prop_assert!((moved - expected).abs() < 1e-9 * scale, "{} {}", moved, expected);
        }
        for (u, v) in other.specific.iter().zip(&one.specific) {
            prop_assert!((u - v).abs() < 1e-9 * scale.max(v.abs()));
        }
    }

    #[test]
    fn more_than_the_boxes_allow_is_out_of_reach(seed in 0_u64..1_000_000) {
        let (joint, pnl, boxes) = problem(seed);
        let most = largest_loss(&joint, &pnl, &boxes);
        match likeliest(&joint, &pnl, (1.001 * most, 1), &boxes) {
            Err(NoScenario::OutOfReach { largest_loss }) => {
                prop_assert!((largest_loss / most - 1.0).abs() < 1e-9);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
