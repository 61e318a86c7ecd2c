//! Models of three names and two factors, with values by hand.

#![expect(clippy::float_cmp, reason = "the numbers are exact in doubles")]

use super::*;
use crate::model_comparison::compare;

fn id(number: u32) -> InstrumentId {
    InstrumentId(number)
}

fn name(number: u32, exposures: &[(usize, f64)], specific_variance: f64) -> ModelName {
    ModelName { instrument: id(number), exposures: exposures.to_vec(), specific_variance }
}

fn covariance(values: [f64; 4]) -> SymmetricMatrix {
    SymmetricMatrix::from_rows(2, values.to_vec()).unwrap()
}

fn factors() -> Vec<String> {
    ["MARKET", "SIZE"].map(str::to_owned).to_vec()
}

/// Numbers that doubles represent exactly, so that sums are exact in any order.
fn model() -> FactorModel {
    let names = [
        name(5, &[(0, 1.0), (1, -2.0)], 0.25),
        name(2, &[(0, 1.0), (1, 1.0)], 1.0),
        name(9, &[(0, 1.0)], 4.0),
    ];
    FactorModel::new(factors(), covariance([4.0, 1.0, 1.0, 2.0]), &names).unwrap()
}

#[test]
fn covariances_of_pairs_and_volatilities_of_names() {
    let model = model();
    // Rows by factor: (1, −2), (1, 1), (1, 0). F·(1, −2)′ = (2, −3).
    assert_eq!(model.pair_covariance(0, 0), 2.0 + 6.0 + 0.25);
    assert_eq!(model.pair_covariance(0, 1), 2.0 - 3.0);
    assert_eq!(model.pair_covariance(1, 0), 2.0 - 3.0);
    assert_eq!(model.pair_covariance(0, 2), 2.0);
    assert_eq!(model.volatility(2), (8.0_f64.sqrt(), 2.0));
    assert_eq!((model.row(id(2)), model.row(id(3)), model.row(id(99))), (Some(1), None, None));
}

#[test]
fn the_risk_of_a_book_is_that_of_the_dense_matrix() {
    let model = model();
    let positions = [(id(9), 3.0), (id(5), 1.0), (id(7), 100.0), (id(2), -2.0)];
    let risk = model.book(&positions);
    // b = 1·(1, −2) − 2·(1, 1) + 3·(1, 0) = (2, −4); F·b = (4, −6); b′F·b = 32.
    assert_eq!(risk.exposures, [2.0, -4.0]);
    assert_eq!(risk.factor_variance, 32.0);
    // 0.25 + 4·1 + 9·4.
    assert_eq!(risk.specific_variance, 40.25);
    assert_eq!(risk.uncovered, BTreeSet::from([id(7)]));
    let values = [1.0, -2.0, 3.0];
    let mut dense = 0.0;
    for (row, x) in values.iter().enumerate() {
        let product: f64 =
            values.iter().enumerate().map(|(at, y)| y * model.pair_covariance(row, at)).sum();
        dense += x * product;
        assert!((risk.names[row].marginal - product / risk.volatility).abs() < 1e-15);
    }
    assert_eq!(dense, 72.25);
    assert_eq!(risk.volatility, 8.5);
    let contributions: f64 = risk.names.iter().map(BookName::contribution).sum();
    assert!((contributions - 8.5).abs() < 1e-14);
    let common: f64 = risk.factor_contributions.iter().sum();
    assert!((common - 32.0 / 8.5).abs() < 1e-14);
}

/// Lines 5 and 2 are of one company and share half: cov(u) = 0.5·√(0.25·1) = 0.25. Σ d·x² = 40.25 as
/// above, and 2·1·(−2)·0.25 = −1.
#[test]
fn lines_of_one_company_share_specific_returns() {
    let class = ShareClass { company: 7, common: 0.5 };
    let alone = ShareClass { company: 8, common: 0.5 };
    let classes = [(id(2), class), (id(5), class), (id(9), alone)];
    let model = model().with_share_classes(classes.into());
    assert_eq!(model.pair_covariance(0, 1), 2.0 - 3.0 + 0.25);
    assert_eq!(model.pair_covariance(1, 0), 2.0 - 3.0 + 0.25);
    assert_eq!(model.pair_covariance(0, 2), 2.0);
    assert_eq!(model.pair_covariance(1, 1), 9.0);
    let risk = model.book(&[(id(9), 3.0), (id(5), 1.0), (id(2), -2.0)]);
    assert_eq!(risk.specific_variance, 39.25);
    let contributions: f64 = risk.names.iter().map(BookName::contribution).sum();
    assert!((contributions - risk.volatility).abs() < 1e-14);
    let values = [1.0, -2.0, 3.0];
    for (row, name) in risk.names.iter().enumerate() {
        let product: f64 =
            values.iter().enumerate().map(|(at, y)| y * model.pair_covariance(row, at)).sum();
        assert!((name.marginal - product / risk.volatility).abs() < 1e-15);
    }
}

#[test]
fn lots_are_netted_in_any_order() {
    let model = model();
    let lots = [(id(2), -0.7), (id(5), 0.1), (id(2), 0.3), (id(5), 0.2)];
    let risk = model.book(&lots);
    for turn in 1..lots.len() {
        let mut turned = lots;
        turned.rotate_left(turn);
        assert_eq!(model.book(&turned), risk);
    }
    assert_eq!(risk.names.len(), 2);
    let flat = model.book(&[(id(2), 5.0), (id(2), -5.0)]);
    assert_eq!((flat.volatility, flat.names[0].marginal), (0.0, 0.0));
    assert_eq!(model.book(&[]).volatility, 0.0);
}

#[test]
fn every_violation_is_reported() {
    let names = [
        name(1, &[(0, 1.0), (0, 2.0)], 0.1),
        name(1, &[(2, 1.0)], f64::NAN),
        name(3, &[(1, f64::INFINITY)], -1.0),
    ];
    let twice = vec!["A".to_owned(), "A".to_owned()];
    let violations = FactorModel::new(twice, covariance([1.0, 2.0, 2.0, 1.0]), &names).unwrap_err();
    assert_eq!(
        violations,
        [
            InvalidModel::DuplicateFactor("A".to_owned()),
            InvalidModel::NotPositive,
            InvalidModel::Exposure(id(1)),
            InvalidModel::DuplicateName(id(1)),
            InvalidModel::Exposure(id(1)),
            InvalidModel::SpecificVariance(id(1)),
            InvalidModel::Exposure(id(3)),
            InvalidModel::SpecificVariance(id(3)),
        ]
    );
    let one = SymmetricMatrix::from_rows(1, vec![1.0]).unwrap();
    let size = FactorModel::new(factors(), one, &[]).unwrap_err();
    assert_eq!(size, [InvalidModel::Size { factors: 2, rows: 1 }]);
}

#[test]
fn models_are_compared_by_name_with_the_largest_disagreement_first() {
    let ours = model();
    // One factor of variance 1; volatilities 5 (ours √8.25), 3 (√9), and one name of its own.
    let one = SymmetricMatrix::from_rows(1, vec![1.0]).unwrap();
    let names = [name(5, &[(0, 3.0)], 16.0), name(2, &[(0, 1.0)], 8.0), name(4, &[], 1.0)];
    let theirs = FactorModel::new(vec!["VENDOR".to_owned()], one, &names).unwrap();
    let found = compare(&ours, &theirs);
    assert_eq!(found.names.iter().map(|n| n.instrument).collect::<Vec<_>>(), [id(5), id(2)]);
    let [first, second] = [found.names[0], found.names[1]];
    assert_eq!((first.volatility, first.common), ([8.25_f64.sqrt(), 5.0], [8.0_f64.sqrt(), 3.0]));
    assert!((first.log_ratio - (8.25_f64.sqrt() / 5.0).ln()).abs() < 1e-15);
    // F·(1, 1)′ = (5, 3): 8 + 1.
    assert_eq!((second.volatility, second.log_ratio), ([3.0, 3.0], 0.0));
    assert_eq!((found.only_first, found.only_second), (vec![id(9)], vec![id(4)]));
}
