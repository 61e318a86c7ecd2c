//! The variance of a sum whose parts depend on each other: those of one unit in all periods, and those
//! of all units in one period or in the one before or after it.
//!
//! ```text
//! V = Σ_w (S_w² + 2·S_w·S_{w+1}) + Σ_i S_i² − Σ_i Σ_w (S_iw² + 2·S_iw·S_i,w+1)
//! ```
//!
//! S are sums over the parts of a period, of a unit, and of both; the last term takes off pairs that
//! are counted twice (Cameron, Gelbach and Miller 2011). Neighbours may take V below what one of the
//! clusters alone has, which is then taken. V is multiplied by G/(G − 1), with G the smaller number of
//! clusters.

use std::collections::BTreeMap;

/// A part of a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its unit.
    pub unit: u32,
    /// Its period; neighbouring periods have consecutive numbers.
    pub period: i32,
    /// Its deviation from what is expected, in the unit of the sum.
    pub value: f64,
}

/// The variance of the sum of parts. 0 without any.
#[must_use]
pub fn variance(parts: impl Iterator<Item = Part>) -> f64 {
    let mut periods: BTreeMap<i32, f64> = BTreeMap::new();
    let mut units: BTreeMap<u32, BTreeMap<i32, f64>> = BTreeMap::new();
    for Part { unit, period, value } in parts {
        *periods.entry(period).or_default() += value;
        *units.entry(unit).or_default().entry(period).or_default() += value;
    }
    let of_periods = with_neighbours(&periods);
    let of_units: f64 = units.values().map(|sums| sums.values().sum::<f64>().powi(2)).sum();
    let of_both: f64 = units.values().map(with_neighbours).sum();
    let of_each_period: f64 = periods.values().map(|sum| sum * sum).sum();
    let clusters = periods.len().min(units.len()).max(2) as f64;
    let variance = (of_periods + of_units - of_both).max(of_units).max(of_each_period);
    variance * clusters / (clusters - 1.0)
}

/// Σ S_w² + 2·Σ S_w·S_(w+1) over periods.
fn with_neighbours(sums: &BTreeMap<i32, f64>) -> f64 {
    let pairs = sums.iter().map(|(period, sum)| {
        let next = sums.get(&(period + 1)).copied().unwrap_or(0.0);
        sum * (sum + 2.0 * next)
    });
    pairs.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[(u32, i32, f64)]) -> f64 {
        variance(parts.iter().map(|(unit, period, value)| Part {
            unit: *unit,
            period: *period,
            value: *value,
        }))
    }

    /// Units 1 and 2 in periods 1, 2 and 4 with 1, 2, 3 and 4, 5, 6. Periods: sums 5, 7, 9, squares 155,
    /// neighbours 2 x 35 = 70 of 1 and 2 alone. Units: sums 6 and 15, squares 261. Both: 14 + 2 x 2
    /// and 77 + 2 x 20, 135. 155 + 70 + 261 - 135 = 351, times 2/1 for two units.
    #[test]
    fn a_variance_by_hand() {
        let parts = [(1, 1, 1.0), (1, 2, 2.0), (1, 4, 3.0), (2, 1, 4.0), (2, 2, 5.0), (2, 4, 6.0)];
        assert!((of(&parts) - 702.0).abs() < 1e-9, "{}", of(&parts));
        // Parts may come in pieces, and in any order.
        let mut pieces: Vec<_> = parts.iter().map(|(u, p, v)| (*u, *p, 0.5 * v)).collect();
        pieces.extend(pieces.clone().into_iter().rev());
        assert!((of(&pieces) - 702.0).abs() < 1e-9);
        assert!(of(&[]).abs() < f64::MIN_POSITIVE);
    }

    /// Two periods that cancel out: what the units have is left.
    #[test]
    fn neighbours_do_not_take_it_below_a_cluster() {
        // Periods -3 and 3: 18 - 18 = 0; each unit alone: 9 + 9 = 18; both: 18. So 0, and at least 18.
        assert!((of(&[(1, 1, -3.0), (2, 2, 3.0)]) - 36.0).abs() < 1e-9);
    }
}
