//! Values from outside this crate: inputs, what is expected, the tolerance, and the source.
//!
//! "Methodology" means the project's table of formulas, whose values were computed in Python from the
//! inputs stated; "oracle" means the text files of `tests/oracle`, made by the scripts beside them.

mod backtests;
mod covariance;
mod distribution;
mod oracle;
mod regression;
mod scenarios;
mod tails;
mod weights;

/// Compares numbers one by one, within `tolerance` of each absolutely.
#[track_caller]
fn close(what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}: number of values");
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((a - e).abs() <= tolerance, "{what}[{index}]: {a} is not {e} ± {tolerance}");
    }
}

/// Compares numbers one by one, within a share of the largest expected one.
#[track_caller]
fn close_relative(what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    let largest = expected.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    close(what, actual, expected, tolerance * largest);
}
