//! Changes from one number to the next, with changes below rounding error set to zero.
//!
//! A price that returns to its earlier level must have a change of exactly zero. Otherwise its sign
//! is that of a rounding error, and every count of gains and falls counts it as a move.

/// A change smaller than this fraction of the level is a rounding error.
///
/// The limit is far from both sides. Numbers are products of up to about ten thousand factors (one
/// daily return each, for forty years) with a relative error of 1.1e-16 each: 1e-12 at worst.
/// Inputs have at most about ten digits, and the smallest real change, a cent on a share of 600,000
/// dollars, is 2e-8.
pub const ROUNDING: f64 = 1e-11;

/// The change, or zero if it is within the tolerance.
#[must_use]
pub fn settled(change: f64, tolerance: f64) -> f64 {
    if change.abs() <= tolerance { 0.0 } else { change }
}

/// Growth from one level to the next, minus one.
#[must_use]
pub fn growth(from: f64, to: f64) -> f64 {
    settled(to / from - 1.0, ROUNDING)
}

/// The second number minus the first.
#[must_use]
pub fn difference(from: f64, to: f64) -> f64 {
    settled(to - from, ROUNDING * from.abs().max(to.abs()))
}

/// One growth minus another. Both are changes relative to one, and so is their rounding error.
#[must_use]
pub fn spread(growth: f64, other: f64) -> f64 {
    settled(growth - other, ROUNDING * (1.0 + growth.abs().max(other.abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rounding_error_is_no_change() {
        // The six returns multiply to exactly one; their floating-point product does not.
        let returns = [0.1, -0.2, 0.25, 0.1, -0.5, 1.0 / 0.605 - 1.0];
        let product: f64 = returns.iter().map(|r| 1.0 + r).product();
        assert!(0.0 < (product - 1.0).abs() && (product - 1.0).abs() < 1e-15, "{product:e}");
        assert_eq!(growth(1.0, product).to_bits(), 0.0_f64.to_bits());
        assert_eq!(difference(0.3, 0.1 + 0.2).to_bits(), 0.0_f64.to_bits());
        assert_eq!(spread(0.1 + 0.2, 0.3).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn the_finest_moves_of_prices_are_changes() {
        assert!((growth(628_000.00, 628_000.01) - 0.01 / 628_000.0).abs() < 1e-16);
        assert!(growth(628_000.01, 628_000.00) < 0.0);
        assert!((difference(1e12, 1e12 + 100.0) - 100.0).abs() < 1e-3);
        assert!(spread(0.0, 1e-9) < 0.0);
    }
}
