//! Kernels compared with tests/oracles/stress.py, which computes them in other ways.

use risk::projection::project;
use stats::matrix::SymmetricMatrix;
use stress::{
    gaussian::{Form, Joint},
    reverse::{Boxes, likeliest},
};

const EXPECTED: &str = include_str!("../../../../tests/oracles/stress_expected.csv");
const COORDINATES: usize = 6;
const NAMES: usize = 5;

/// The generator of `Draws` in the script.
struct Draws(u32);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0) / 4_294_967_296.0 - 0.5
    }

    fn list(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.next()).collect()
    }

    fn form(&mut self) -> Form {
        let common = self.list(COORDINATES);
        let specific = self.list(NAMES).into_iter().enumerate().collect();
        Form { common, specific }
    }
}

/// `problem()` in the script.
fn problem(draws: &mut Draws) -> (Joint, Form) {
    let loadings = draws.list(COORDINATES * COORDINATES);
    let common = SymmetricMatrix::from_lower(COORDINATES, |i, j| {
        let row = |at: usize| &loadings[at * COORDINATES..(at + 1) * COORDINATES];
        let product: f64 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
        1e-3 * product + if i == j { 1e-5 } else { 0.0 }
    });
    let specific = draws.list(NAMES).iter().map(|draw| 1e-4 * (1.0 + draw)).collect();
    (Joint { common: common.unwrap(), specific }, draws.form())
}

/// Seed and numbers of the rows of a kind.
fn rows(kind: &str) -> Vec<(u32, Vec<f64>)> {
    let cells = EXPECTED.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let numbers = |cells: Vec<&str>| {
        let values = cells[2..].iter().filter(|cell| !cell.is_empty());
        (cells[1].parse().unwrap(), values.map(|cell| cell.parse().unwrap()).collect())
    };
    let found: Vec<_> = cells.filter(|cells| cells[0] == kind).map(numbers).collect();
    assert!(12 <= found.len(), "{kind}");
    found
}

#[track_caller]
fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance * expected.abs(), "{value} is not {expected}");
}

#[test]
fn conditional_expectations_are_those_of_the_dense_covariance() {
    for (seed, expected) in rows("given") {
        let mut draws = Draws(seed);
        let (joint, book) = problem(&mut draws);
        let name = Form { common: draws.list(COORDINATES), specific: vec![(2, 1.0)] };
        let forms = [Form::coordinate(1, COORDINATES), name, draws.form()];
        let values: Vec<f64> = draws.list(3).iter().map(|draw| 0.1 * draw).collect();
        let given = joint.given(&forms, &values).unwrap();
        // Condition numbers of up to a thousand.
        near(given.expected(&book), expected[0], 1e-10);
        near(given.variance(&book), expected[1], 1e-10);
        near(given.distance(), expected[2], 1e-10);
    }
}

#[test]
fn likeliest_scenarios_are_those_of_a_general_solver() {
    let mut at_bound = 0;
    for (seed, expected) in rows("reverse") {
        let mut draws = Draws(seed);
        let (joint, book) = problem(&mut draws);
        let deviations: Vec<f64> = joint.common.diagonal().map(f64::sqrt).collect();
        let mut bounds = |sign: f64| -> Vec<f64> {
            let drawn = draws.list(COORDINATES);
            drawn.iter().zip(&deviations).map(|(draw, sd)| sign * (1.5 + draw) * sd).collect()
        };
        let (low, high) = (bounds(-1.0), bounds(1.0));
        let boxes = Boxes {
            common: low.into_iter().zip(high).collect(),
            specific_deviations: 1.5 + draws.next(),
        };
        let found = likeliest(&joint, &book, (expected[0], 1), &boxes).unwrap();
        at_bound += found.at_bound.len();
        // The solver stops at 1e-15 of its objective; its constraint holds to 1e-9.
        near(found.distance, expected[1], 1e-7);
    }
    assert!(12 <= at_bound, "boxes must matter: {at_bound}");
}

#[test]
fn projections_are_least_squares_on_stacked_rows() {
    let slopes = rows("slopes");
    let residuals = rows("residual");
    for (slopes, (seed, residual)) in slopes.chunks(2).zip(residuals) {
        let mut draws = Draws(seed);
        let drawn = draws.list(80 * 3);
        let factor = |k: usize| (0..80).map(|at| 0.02 * drawn[at * 3 + k]).collect::<Vec<f64>>();
        let factors: Vec<Vec<f64>> = (0..3).map(factor).collect();
        let truth = draws.list(3 * 2);
        let noise = draws.list(80 * 2);
        let series = |s: usize| -> Vec<f64> {
            let common = |at: usize| (0..3).map(|k| factors[k][at] * truth[k * 2 + s]).sum::<f64>();
            (0..80).map(|at| common(at) + 0.01 * noise[at * 2 + s]).collect()
        };
        let weights: Vec<f64> = draws.list(80).iter().map(|draw| 1.0 + draw).collect();
        let found = project(&factors, &[series(0), series(1)], &weights).unwrap();
        for (row, (_, expected)) in found.slopes.iter().zip(slopes) {
            row.iter().zip(expected).for_each(|(value, known)| near(*value, *known, 1e-9));
        }
        for ((row, column), known) in [(0, 0), (0, 1), (1, 1)].into_iter().zip(residual) {
            near(found.residual.get(row, column), known, 1e-8);
        }
    }
}
