//! Reference values from outside this crate: inputs, expected values, tolerances and sources.
//!
//! "Methodology" is the project's table of formulas, whose values were computed in Python from the
//! stated inputs. "Oracle" means the text files in `tests/oracle`, made by the scripts next to
//! them.

mod backtests;
mod bets;
mod covariance;
mod distribution;
mod factors;
mod libraries;
mod oracle;
mod regression;
mod scenarios;
mod tails;
mod weights;

/// Compares numbers one by one, each within an absolute `tolerance`.
#[track_caller]
fn close(what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}: number of values");
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((a - e).abs() <= tolerance, "{what}[{index}]: {a} is not {e} ± {tolerance}");
    }
}

/// Compares numbers one by one, within `tolerance` times the largest expected number.
#[track_caller]
fn close_relative(what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    let largest = expected.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    close(what, actual, expected, tolerance * largest);
}
