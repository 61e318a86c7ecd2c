//! Covariance matrices, their shrinkage, factors and eigenvalues.

use stats::cholesky::{self, Cholesky};
use stats::covariance;
use stats::eigen;
use stats::ewma::{self, Centre};
use stats::ledoit_wolf::{self, Shrunk};
use stats::matrix::SymmetricMatrix;
use stats::moments::Ddof;
use stats::returns;

use crate::oracle::Oracle;
use crate::{close, close_relative};

/// The LCG fixture of methodology C5: four series of sixty values.
fn panel(o: &Oracle) -> Vec<&[f64]> {
    o.get("panel").chunks_exact(60).collect()
}

/// numpy `cov` with ddof 1 and 0, and weighted by hand in numpy (λ = .94).
#[test]
fn covariances_agree_with_numpy() {
    let o = Oracle::read();
    let series = panel(&o);
    let weights = ewma::weights(60, 0.94).expect("weights");
    for (name, actual) in [
        ("cov_sample", covariance::sample(&series, Ddof::Sample)),
        ("cov_population", covariance::sample(&series, Ddof::Population)),
        ("cov_ewma_zero", covariance::weighted(&series, &weights, Centre::Zero)),
        ("cov_ewma_mean", covariance::weighted(&series, &weights, Centre::Mean)),
    ] {
        close_relative(name, actual.expect("a matrix").values(), o.get(name), 1e-14);
    }
}

/// Seventeen series do not fill the tiles; each entry equals the covariance of its two series.
#[test]
fn partial_tiles_give_the_same_covariances() {
    let o = Oracle::read();
    let all = panel(&o).concat();
    let series: Vec<&[f64]> = (0..17).map(|i| &all[7 * i..7 * i + 60]).collect();
    let whole = covariance::sample(&series, Ddof::Sample).expect("a matrix");
    for i in 0..17 {
        for j in 0..17 {
            let pair = covariance::sample(&[series[i], series[j]], Ddof::Sample).expect("a matrix");
            assert_eq!(whole.get(i, j).to_bits(), pair.get(0, 1).to_bits(), "{i}, {j}");
        }
    }
}

#[track_caller]
fn check_shrunk(o: &Oracle, name: &str, shrunk: Option<Shrunk>) {
    let shrunk = shrunk.expect("a matrix");
    close(name, &[shrunk.intensity], o.get(name), 1e-12);
    let covariance = o.get(&format!("{name}_cov"));
    close_relative(name, shrunk.covariance.values(), covariance, 1e-12);
}

/// scikit-learn 1.9.1 `LedoitWolf` and `OAS`; the other targets from their definition, entry by
/// entry.
#[test]
fn shrinkage_agrees_with_scikit_learn_and_the_definitions() {
    let o = Oracle::read();
    let series = panel(&o);
    check_shrunk(&o, "lw_identity", ledoit_wolf::identity(&series));
    check_shrunk(&o, "oas", ledoit_wolf::oracle_approximating(&series));
    check_shrunk(&o, "lw_constant", ledoit_wolf::constant_correlation(&series));
    let second = o.get("second_factor");
    check_shrunk(&o, "lw_factor", ledoit_wolf::single_factor(&series, second));
}

/// Methodology C5: intensities .1035673, .1508950, .1138225; mean correlation .2523472; diagonal of
/// the last, times 1e4.
#[test]
fn shrinkage_of_the_lcg_fixture() {
    let o = Oracle::read();
    let series = panel(&o);
    let intensity = |shrunk: Option<Shrunk>| shrunk.expect("a matrix").intensity;
    let actual = [
        intensity(ledoit_wolf::identity(&series)),
        intensity(ledoit_wolf::oracle_approximating(&series)),
        intensity(ledoit_wolf::constant_correlation(&series)),
    ];
    close("δ", &actual, &[0.103_567_3, 0.150_895_0, 0.113_822_5], 5e-8);
    let shrunk = ledoit_wolf::constant_correlation(&series).expect("a matrix").covariance;
    let diagonal: Vec<f64> = shrunk.diagonal().map(|v| v * 1e4).collect();
    close("diagonal", &diagonal, &[0.757_526, 0.419_514, 0.449_721, 0.573_522], 5e-7);
    let correlation = covariance::sample(&series, Ddof::Sample).and_then(|s| s.correlation());
    let correlation = correlation.expect("a matrix");
    let mean = (correlation.values().iter().sum::<f64>() - 4.0) / 12.0;
    close("r̄", &[mean], &[0.252_347_2], 5e-8);
}

/// PyPortfolioOpt, `tests/test_risk_models.py`, `test_sample_cov_dummy`: prices, and the covariance
/// of their simple returns (n − 1); methodology C5 for the intensities.
#[test]
fn py_portfolio_opt_dummy_prices() {
    let prices =
        [[4.0, 4.2, 3.9, 4.3, 4.1], [2.0, 2.1, 2.0, 2.1, 2.2], [0.6, 0.59, 0.58, 0.62, 0.63]];
    let simple = |pair: &[f64]| returns::simple(pair[0], pair[1]).expect("prices");
    let returns = prices.map(|p| p.windows(2).map(simple).collect::<Vec<f64>>());
    let series: Vec<&[f64]> = returns.iter().map(Vec::as_slice).collect();
    let sample = covariance::sample(&series, Ddof::Sample).expect("a matrix");
    let expected = [
        [0.006_661_687_937_656_102, 0.002_649_709_555_855_74, 0.002_084_973_537_520_619_5],
        [0.002_649_709_555_855_74, 0.002_345_049_130_763_421_5, 0.000_967_708_642_879_74],
        [0.002_084_973_537_520_619_5, 0.000_967_708_642_879_74, 0.001_639_641_627_185_683_7],
    ];
    close_relative("sample", sample.values(), expected.as_flattened(), 1e-14);
    let intensity = |shrunk: Option<Shrunk>| shrunk.expect("a matrix").intensity;
    let actual = [
        intensity(ledoit_wolf::identity(&series)),
        intensity(ledoit_wolf::oracle_approximating(&series)),
        intensity(ledoit_wolf::constant_correlation(&series)),
    ];
    close("δ", &actual, &[0.468_316, 0.967_278, 1.0], 5e-7);
}

/// numpy `linalg.eigvalsh`, `solve`, `slogdet`.
#[test]
fn factors_agree_with_numpy() {
    let o = Oracle::read();
    let sample = covariance::sample(&panel(&o), Ddof::Sample).expect("a matrix");
    let eigen = eigen::symmetric(&sample).expect("eigenvalues");
    close_relative("eigenvalues", &eigen.values, o.get("eigenvalues"), 1e-13);
    for k in 0..4 {
        let image = sample.times(eigen.vector(k)).expect("a vector");
        let expected: Vec<f64> = eigen.vector(k).iter().map(|x| x * eigen.values[k]).collect();
        close("A·v = λ·v", &image, &expected, 1e-17);
    }
    let factor = Cholesky::factor(&sample).expect("positive definite");
    let solution = factor.solve(&[0.01, -0.02, 0.03, 0.005]).expect("a solution");
    close_relative("solve", &solution, o.get("solve"), 1e-12);
}

/// By hand: [[4, 2], [2, 5]] = L·L′ with L = [[2, 0], [1, 2]].
#[test]
fn a_factor_by_hand() {
    let matrix = SymmetricMatrix::from_rows(2, vec![4.0, 2.0, 2.0, 5.0]).expect("a matrix");
    let factor = Cholesky::factor(&matrix).expect("positive definite");
    // (1, 1)·[[5, −2], [−2, 4]]/16·(1, 1) = 5/16.
    close("form", &[factor.inverse_form(&[1.0, 1.0]).expect("a form")], &[5.0 / 16.0], 1e-15);
    close("x′Ax", &[matrix.quadratic_form(&[1.0, -1.0]).expect("a form")], &[5.0], 1e-15);
}

/// Four cases: definite, indefinite, singular, and not a covariance matrix. The indefinite one is
/// the textbook ρ = (.9, −.9, .9): determinant 1 + 2(−.729) − 3·.81 < 0, eigenvalues 1.9, 1.9, −.8.
#[test]
fn repair_raises_small_eigenvalues_and_keeps_variances() {
    let scale = [1.0, 2.0, 3.0];
    let rho = [[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]];
    let indefinite = SymmetricMatrix::from_lower(3, |i, j| rho[i][j] * scale[i] * scale[j]);
    let indefinite = indefinite.expect("a matrix");
    assert!(Cholesky::factor(&indefinite).is_none());
    let repaired = cholesky::repair(&indefinite, 1e-4).expect("variances");
    close("eigenvalue", &[repaired.smallest_eigenvalue], &[-0.8], 1e-12);
    assert_eq!(repaired.raised, 1);
    assert!(Cholesky::factor(&repaired.matrix).is_some());
    let variances: Vec<f64> = repaired.matrix.diagonal().collect();
    close("variances", &variances, &[1.0, 4.0, 9.0], 0.0);
    // By symmetry the nearest matrix with that pattern of signs has ρ = ½: 1 − 2ρ = 0.
    close("ρ", &[repaired.matrix.get(1, 0) / 2.0], &[0.5], 1e-3);

    let singular = SymmetricMatrix::from_lower(2, |_, _| 1.0).expect("a matrix");
    assert!(Cholesky::factor(&singular).is_none());
    let repaired = cholesky::repair(&singular, 1e-8).expect("variances");
    assert!(Cholesky::factor(&repaired.matrix).is_some());

    let definite = SymmetricMatrix::from_lower(2, |i, j| if i == j { 1.0 } else { 0.5 });
    let definite = definite.expect("a matrix");
    let repaired = cholesky::repair(&definite, 1e-8).expect("variances");
    assert_eq!((repaired.raised, &repaired.matrix), (0, &definite));

    let negative = SymmetricMatrix::from_lower(2, |i, j| if i == j { -1.0 } else { 0.0 });
    assert!(cholesky::repair(&negative.expect("a matrix"), 1e-8).is_none());
}

#[test]
fn invalid_shapes_and_values_give_none() {
    assert!(SymmetricMatrix::from_rows(2, vec![1.0, 2.0, 3.0, 4.0]).is_none());
    assert!(SymmetricMatrix::from_rows(2, vec![1.0, f64::NAN, 0.0, 1.0]).is_none());
    assert!(SymmetricMatrix::from_rows(2, vec![1.0; 3]).is_none());
    assert!(covariance::sample(&[], Ddof::Sample).is_none());
    assert!(covariance::sample(&[&[1.0, 2.0], &[1.0]], Ddof::Sample).is_none());
    assert!(covariance::sample(&[&[1.0, f64::INFINITY]], Ddof::Sample).is_none());
    assert!(covariance::sample(&[&[1.0]], Ddof::Sample).is_none());
    let flat: &[f64] = &[1.0, 1.0, 1.0];
    let moving: &[f64] = &[1.0, 2.0, 4.0];
    assert!(ledoit_wolf::constant_correlation(&[flat, moving]).is_none());
    assert!(ledoit_wolf::single_factor(&[moving, moving], flat).is_none());
    assert!(ledoit_wolf::single_factor(&[moving, moving], &flat[1..]).is_none());
}
