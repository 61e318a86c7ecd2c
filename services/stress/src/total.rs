//! Sums that are P&L.

/// The sum of some values: 0 of none. The standard sum of none is −0, which answers would print.
pub(crate) fn total<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_nothing_has_no_sign() {
        assert_eq!(total(&[]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(total(&[-0.0]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(total(&[1.0, -3.0]).to_bits(), (-2.0_f64).to_bits());
    }
}
