//! Effective numbers of bets.

use stats::effective_bets::{minimum_torsion, principal};
use stats::matrix::SymmetricMatrix;

use crate::close;
use crate::oracle::Oracle;

/// `bets.py`: a search over rotations. Its optimiser stops at about 1e-8 of a parameter.
#[test]
fn bets_agree_with_a_search_over_rotations() {
    let o = Oracle::bets();
    for name in ["three", "six"] {
        let of = |what: &str| o.get(&format!("{name}_{what}"));
        let amounts = of("amounts");
        let covariance = SymmetricMatrix::from_rows(amounts.len(), of("covariance").to_vec());
        let covariance = covariance.expect("a matrix");
        let found = minimum_torsion(&covariance, amounts).expect("bets");
        close("torsion", &found.shares, of("torsion"), 1e-7);
        close("torsion bets", &[found.effective], of("torsion_bets"), 1e-6);
        let found = principal(&covariance, amounts).expect("bets");
        close("principal", &found.shares, of("principal"), 1e-12);
        close("principal bets", &[found.effective], of("principal_bets"), 1e-12);
    }
}

/// Methodology B7: 10, −6 and −2 of deviations .012, .02 and .03, correlations .6, .3 and .5.
#[test]
fn the_case_of_the_methodology() {
    let (sd, rho) = ([0.012, 0.02, 0.03], [[1.0, 0.6, 0.3], [0.6, 1.0, 0.5], [0.3, 0.5, 1.0]]);
    let covariance = SymmetricMatrix::from_lower(3, |i, j| sd[i] * sd[j] * rho[i][j]);
    let covariance = covariance.expect("a matrix");
    let amounts = [10.0, -6.0, -2.0];
    let found = minimum_torsion(&covariance, &amounts).expect("bets");
    close("p", &found.shares, &[0.265_707, 0.432_817, 0.301_476], 5e-7);
    close("bets", &[found.effective], &[2.933_234], 5e-7);
    let found = principal(&covariance, &amounts).expect("bets");
    close("bets", &[found.effective], &[1.997_044], 5e-7);
}

/// By symmetry: equal amounts of returns with one variance and one correlation are as many equal bets
/// as there are returns, and the first principal component explains all of them. Uncorrelated returns
/// are bets of their own variances.
#[test]
fn equal_bets_count_in_full() {
    let alike = SymmetricMatrix::from_lower(5, |i, j| if i == j { 4.0 } else { 3.0 });
    let alike = alike.expect("a matrix");
    let found = minimum_torsion(&alike, &[2.0; 5]).expect("bets");
    close("p", &found.shares, &[0.2; 5], 1e-12);
    close("bets", &[found.effective], &[5.0], 1e-11);
    close("bets", &[principal(&alike, &[2.0; 5]).expect("bets").effective], &[1.0], 1e-12);
    let alone = SymmetricMatrix::from_lower(3, |i, j| if i == j { (i + 1) as f64 } else { 0.0 });
    let alone = alone.expect("a matrix");
    // Variances 1·4, 2·1 and 3·0.
    let found = minimum_torsion(&alone, &[2.0, -1.0, 0.0]).expect("bets");
    close("p", &found.shares, &[4.0 / 6.0, 2.0 / 6.0, 0.0], 1e-14);
}

#[test]
fn what_has_no_variance_has_no_bets() {
    let definite = SymmetricMatrix::from_lower(2, |i, j| if i == j { 1.0 } else { 0.5 });
    let definite = definite.expect("a matrix");
    assert!(minimum_torsion(&definite, &[0.0, 0.0]).is_err());
    assert!(principal(&definite, &[0.0, 0.0]).is_err());
    assert!(minimum_torsion(&definite, &[1.0]).is_err());
    assert!(principal(&definite, &[1.0]).is_err());
    // One return twice: no uncorrelated pair of unit variances spans it.
    let twice = SymmetricMatrix::from_lower(2, |_, _| 1.0).expect("a matrix");
    assert!(minimum_torsion(&twice, &[1.0, 1.0]).is_err());
    close("bets", &[principal(&twice, &[1.0, 1.0]).expect("bets").effective], &[1.0], 1e-12);
    let flat = SymmetricMatrix::from_lower(2, |i, j| if i + j == 2 { 1.0 } else { 0.0 });
    assert!(minimum_torsion(&flat.expect("a matrix"), &[1.0, 1.0]).is_err());
}
