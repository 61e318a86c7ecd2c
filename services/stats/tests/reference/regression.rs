//! Least squares and Huber's estimator against statsmodels 0.15.0 and explicit normal equations.

use stats::regression::{self, ErrorModel, Fit, RegressionError, Workspace};
use stats::robust::{self, Huber};

use crate::oracle::Oracle;
use crate::{close, close_relative};

const EXACT: Huber = Huber { k: 1.345, iterations_max: 500, tolerance: 1e-13, lags: 0 };

fn coefficients(fit: &Fit) -> (Vec<f64>, Vec<f64>) {
    let all = std::iter::once(fit.intercept).chain(fit.slopes.iter().copied());
    all.map(|estimate| (estimate.value, estimate.standard_error)).unzip()
}

#[track_caller]
fn check(what: &str, fit: &Fit, values: &[f64], errors: &[f64]) {
    let (actual_values, actual_errors) = coefficients(fit);
    close_relative(what, &actual_values, values, 1e-11);
    close_relative(what, &actual_errors, errors, 1e-10);
}

/// statsmodels `OLS(y, X).fit()` and `WLS(y, X, weights=w).fit()`; `get_robustcov_results("HAC",
/// maxlags=L, use_correction=True)`.
#[test]
fn least_squares_agrees_with_statsmodels() {
    let o = Oracle::read();
    let (y, x1, x2, w) = (o.get("y"), o.get("x1"), o.get("x2"), o.get("w"));
    let lags = stats::newey_west::lags(y.len());
    close("lags", &[lags as f64], o.get("lags"), 0.0);
    let mut workspace = Workspace::empty();
    for (name, weights) in [("ols", None), ("wls", Some(w))] {
        for (suffix, errors) in [
            ("", ErrorModel::Classical),
            ("_hac0", ErrorModel::Hac { lags: 0 }),
            ("_hac4", ErrorModel::Hac { lags }),
        ] {
            let fit = workspace.least_squares(y, &[x1, x2], weights, errors).expect("a fit");
            check(name, &fit, o.get(name), o.get(&format!("{name}{suffix}_se")));
            close("r²", &[fit.r_squared.expect("y varies")], o.get(&format!("{name}_r2")), 1e-12);
            if let ErrorModel::Hac { .. } = errors {
                let covariance = o.get(&format!("{name}{suffix}_cov"));
                close_relative("covariance", fit.covariance.values(), covariance, 1e-10);
            }
        }
    }
    let fit = workspace.least_squares(y, &[x1, x2], None, ErrorModel::Classical).expect("a fit");
    close_relative("residual SD", &[fit.residual_sd], o.get("ols_sd"), 1e-12);
    close("effective n", &[fit.effective_observations], &[120.0], 1e-9);
    let one = workspace.least_squares(y, &[x1], None, ErrorModel::Classical).expect("a fit");
    check("one", &one, o.get("one"), o.get("one_se"));
}

/// statsmodels `RLM(y, X, M=HuberT(1.345)).fit(scale_est="mad", conv="coefs", tol=1e-13)`.
#[test]
fn huber_agrees_with_statsmodels() {
    let o = Oracle::read();
    let (y, x1, x2) = (o.get("y"), o.get("x1"), o.get("x2"));
    for (name, columns) in [("huber", &[x1, x2][..]), ("huber_one", &[x1][..])] {
        let fit = robust::huber(y, columns, None, &EXACT).expect("a fit");
        assert!(fit.converged);
        close_relative(name, &coefficients(&fit.fit).0, o.get(name), 1e-10);
        close_relative("scale", &[fit.scale], o.get(&format!("{name}_scale")), 1e-10);
        // Ours allows for unequal variances, theirs (H1) does not: similar, but not equal.
        let ours = fit.fit.slopes[0].standard_error;
        let theirs = o.get(&format!("{name}_h1_se"))[1];
        assert!(ours > 0.5 * theirs && ours < 2.0 * theirs, "{ours} against {theirs}");
    }
}

/// The oracle's `huber_by_hand`: weights, and the sandwich from the normal equations.
#[test]
fn huber_with_weights_and_its_errors_agree_with_numpy() {
    let o = Oracle::read();
    let (y, x1, x2, w) = (o.get("y"), o.get("x1"), o.get("x2"), o.get("w"));
    for (name, weights) in [("huber_plain", None), ("huber_weighted", Some(w))] {
        for lags in [0, 4] {
            let settings = Huber { lags, ..EXACT };
            let fit = robust::huber(y, &[x1, x2], weights, &settings).expect("a fit");
            check(name, &fit.fit, o.get(name), o.get(&format!("{name}_se{lags}")));
            close_relative("scale", &[fit.scale], o.get(&format!("{name}_scale")), 1e-11);
            close("out", &[fit.downweighted as f64], o.get(&format!("{name}_out")), 0.0);
        }
    }
}

/// A loose tolerance stops early, close to the result; reaching the step limit is reported.
#[test]
fn huber_reports_a_fit_that_did_not_converge() {
    let o = Oracle::read();
    let (y, x) = (o.get("y"), o.get("x1"));
    let loose = Huber { tolerance: 1e-4, ..EXACT };
    let fit = robust::huber(y, &[x], None, &loose).expect("a fit");
    assert!(fit.converged && fit.iterations < 20, "{}", fit.iterations);
    close("slope", &[fit.fit.slopes[0].value], &o.get("huber_one")[1..], 1e-3);
    let capped = Huber { iterations_max: 2, ..EXACT };
    let fit = robust::huber(y, &[x], None, &capped).expect("a fit");
    assert!(!fit.converged);
    assert_eq!(fit.iterations, 2);
}

/// y = 1 + 2x exactly, by construction, with one outlier in nine points.
#[test]
fn a_line_through_more_than_half_of_the_points_is_found_exactly() {
    let x: Vec<f64> = (0..9).map(f64::from).collect();
    let mut y: Vec<f64> = x.iter().map(|x| 1.0 + 2.0 * x).collect();
    y[8] = 500.0;
    let settings = Huber { iterations_max: 2000, ..EXACT };
    let fit = robust::huber(&y, &[&x], None, &settings).expect("a fit");
    close("line", &coefficients(&fit.fit).0, &[1.0, 2.0], 1e-6);
}

/// Rows with missing values give the fit of the complete rows.
#[test]
fn rows_with_a_missing_value_or_no_weight_are_left_out() {
    let o = Oracle::read();
    let (y, x, w) = (o.get("y"), o.get("x1"), o.get("w"));
    let expected =
        regression::least_squares(&y[2..], &[&x[2..]], Some(&w[2..]), ErrorModel::Hac { lags: 3 });
    let (mut holed, mut weights) = (y.to_vec(), w.to_vec());
    holed[0] = f64::NAN;
    weights[1] = 0.0;
    let actual =
        regression::least_squares(&holed, &[x], Some(&weights), ErrorModel::Hac { lags: 3 });
    assert_eq!(actual, expected);
    assert_eq!(actual.expect("a fit").observations, 118);
}

#[test]
fn invalid_regressions_are_refused_with_the_reason() {
    let x: Vec<f64> = (0..10).map(f64::from).collect();
    let double: Vec<f64> = x.iter().map(|x| 2.0 * x + 1.0).collect();
    let flat = vec![3.0; 10];
    let wild: Vec<f64> = x.iter().map(|&x| if x > 8.0 { f64::INFINITY } else { x }).collect();
    let fit = |y: &[f64], columns: &[&[f64]], weights: Option<&[f64]>| {
        regression::least_squares(y, columns, weights, ErrorModel::Classical).map(|_| ())
    };
    assert_eq!(fit(&x, &[], None), Err(RegressionError::Regressors(0)));
    assert_eq!(fit(&x, &[&x[..]; 11], None), Err(RegressionError::Regressors(11)));
    assert_eq!(fit(&x, &[&x[1..]], None), Err(RegressionError::Length));
    assert_eq!(fit(&x, &[&x], Some(&x[1..])), Err(RegressionError::Length));
    assert_eq!(fit(&wild, &[&x], None), Err(RegressionError::Range));
    assert_eq!(fit(&x, &[&wild], None), Err(RegressionError::Range));
    let negative: Vec<f64> = x.iter().map(|x| x - 1.0).collect();
    assert_eq!(fit(&x, &[&x], Some(&negative)), Err(RegressionError::Range));
    assert_eq!(fit(&x[..2], &[&x[..2]], None), Err(RegressionError::TooFew { have: 2, need: 3 }));
    assert_eq!(fit(&x, &[&flat], None), Err(RegressionError::Collinear(0)));
    assert_eq!(fit(&x, &[&x, &[0.1; 10]], None), Err(RegressionError::Collinear(1)));
    assert_eq!(fit(&x, &[&x, &double], None), Err(RegressionError::Collinear(1)));
    let flat_y = regression::least_squares(&flat, &[&x], None, ErrorModel::Classical);
    assert_eq!(flat_y.expect("a fit").r_squared, None);
}
