//! A return on eight factors together: `factors.py`, statsmodels 0.15.0 and numpy 2.4.6.

use stats::{
    collinearity::{collinearity, independent},
    regression::{ErrorModel, least_squares},
    robust::{Huber, huber},
};

use crate::close_relative;
use crate::oracle::Oracle;

fn columns(o: &Oracle) -> Vec<&[f64]> {
    (0..8).map(|at| o.get(&format!("factor_{at}"))).collect()
}

#[test]
fn betas_to_eight_factors_and_their_errors_agree_with_statsmodels() {
    let o = Oracle::factors();
    let (x, weights) = (columns(&o), Some(o.get("weights")));
    // LAGS of the script.
    let fit = least_squares(o.get("returns"), &x, weights, ErrorModel::Hac { lags: 4 });
    let fit = fit.expect("a fit");
    let values: Vec<f64> = fit.slopes.iter().map(|slope| slope.value).collect();
    let errors: Vec<f64> = fit.slopes.iter().map(|slope| slope.standard_error).collect();
    close_relative("slopes", &values, o.get("slopes"), 1e-10);
    close_relative("errors", &errors, o.get("errors"), 1e-10);
    close_relative("R²", &[fit.r_squared.expect("it varies")], o.get("r_squared"), 1e-12);
    let settings = Huber { k: 1.345, iterations_max: 500, tolerance: 1e-12, lags: 4 };
    let robust = huber(o.get("returns"), &x, None, &settings).expect("a fit").fit;
    let values: Vec<f64> = robust.slopes.iter().map(|slope| slope.value).collect();
    close_relative("robust", &values, o.get("robust"), 1e-8);
}

#[test]
fn inflation_and_condition_number_agree_with_statsmodels_and_numpy() {
    let o = Oracle::factors();
    let (x, weights) = (columns(&o), o.get("weights"));
    let found = collinearity(&x, weights).expect("they can be told apart");
    close_relative("inflation", &found.inflation, o.get("inflation"), 1e-9);
    let number = o.get("condition_number");
    close_relative("condition number", &[found.condition_number], number, 1e-10);
    assert_eq!(independent(&x, weights), [0, 1, 2, 3, 4, 5, 6, 7]);
    // No number depends on the units of a factor, nor on what all weights are multiplied with.
    let scaled: Vec<f64> = x[7].iter().map(|change| change * 1e-4).collect();
    let heavier: Vec<f64> = weights.iter().map(|weight| weight * 3.0).collect();
    let other = collinearity(&[&x[..7], &[&scaled]].concat(), &heavier).expect("the same");
    close_relative("inflation", &other.inflation, &found.inflation, 1e-9);
    close_relative("deviation", &[other.deviations[7]], &[found.deviations[7] * 1e-4], 1e-12);
}
