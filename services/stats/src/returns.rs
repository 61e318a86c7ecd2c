//! Simple returns.

use crate::change;

/// Growth from one positive level to the next, minus one. `None` unless both are finite and
/// positive.
#[must_use]
pub fn simple(from: f64, to: f64) -> Option<f64> {
    let lawful = from > 0.0 && to > 0.0 && from.is_finite() && to.is_finite();
    let growth = lawful.then(|| change::growth(from, to))?;
    growth.is_finite().then_some(growth)
}
