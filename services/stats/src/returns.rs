//! Simple and logarithmic returns.

use crate::change;

/// Growth from one positive level to the next, less one; `None` unless both are finite and positive.
#[must_use]
pub fn simple(from: f64, to: f64) -> Option<f64> {
    let (from, to) = positive(from, to)?;
    finite(change::growth(from, to))
}

/// Logarithm of the growth from one positive level to the next: ln(to/from).
#[must_use]
pub fn log(from: f64, to: f64) -> Option<f64> {
    let (from, to) = positive(from, to)?;
    finite(libm::log(to / from))
}

/// Simple returns between neighbours: one fewer than the levels. `None` if any is missing.
#[must_use]
pub fn simple_series(levels: &[f64]) -> Option<Vec<f64>> {
    levels.windows(2).map(|pair| simple(pair[0], pair[1])).collect()
}

/// Logarithmic returns between neighbours: one fewer than the levels. `None` if any is missing.
#[must_use]
pub fn log_series(levels: &[f64]) -> Option<Vec<f64>> {
    levels.windows(2).map(|pair| log(pair[0], pair[1])).collect()
}

/// Simple return over all periods: Π(1 + r) − 1. `None` if it is not finite; 0 for no periods.
#[must_use]
pub fn compound(simple_returns: &[f64]) -> Option<f64> {
    finite(simple_returns.iter().fold(1.0, |growth, r| growth * (1.0 + r)) - 1.0)
}

/// The simple return with the same growth as a logarithmic one: exp(r) − 1.
#[must_use]
pub fn simple_of_log(log_return: f64) -> Option<f64> {
    finite(libm::expm1(log_return))
}

/// The logarithmic return with the same growth as a simple one above −1: ln(1 + r).
#[must_use]
pub fn log_of_simple(simple_return: f64) -> Option<f64> {
    finite(libm::log1p(simple_return))
}

fn positive(from: f64, to: f64) -> Option<(f64, f64)> {
    (from > 0.0 && to > 0.0 && from.is_finite() && to.is_finite()).then_some((from, to))
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
