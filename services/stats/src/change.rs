//! Changes from one number to the next: what is no more than rounding is no change.
//!
//! A price that comes back to where it was must have a change of zero, or its sign is that of an
//! error of the arithmetic and every count of gains and falls takes it for a move.

/// A change below this part of what it is a change of is an error of the arithmetic.
///
/// Both sides are far away. Numbers are products of up to some ten thousand factors (a daily return
/// each, for forty years) with a relative error of 1.1e-16 each: 1e-12 at worst. Inputs are printed
/// with at most ten digits or so, and the finest of them, a cent on a share of 600,000 dollars, is a
/// change of 2e-8.
pub const ROUNDING: f64 = 1e-11;

/// The change, or zero where it is within the tolerance.
#[must_use]
pub fn settled(change: f64, tolerance: f64) -> f64 {
    if change.abs() <= tolerance { 0.0 } else { change }
}

/// Growth from one level to the next, less one.
#[must_use]
pub fn growth(from: f64, to: f64) -> f64 {
    settled(to / from - 1.0, ROUNDING)
}

/// The second number less the first.
#[must_use]
pub fn difference(from: f64, to: f64) -> f64 {
    settled(to - from, ROUNDING * from.abs().max(to.abs()))
}

/// One growth less another. Both are changes of something of the size of one, and so is their error.
#[must_use]
pub fn spread(growth: f64, other: f64) -> f64 {
    settled(growth - other, ROUNDING * (1.0 + growth.abs().max(other.abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_no_change() {
        // The six returns multiply to one, their floating-point product does not.
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
