//! How many of several independent events happen: the Poisson-binomial distribution.

/// Probability of exactly 0, 1, …, n events of n independent ones. Probabilities outside 0 to 1 are
/// taken as 0 or 1.
///
/// Adds one event at a time: P'(k) = P(k)·(1 − p) + P(k − 1)·p. All terms are positive, so nothing
/// cancels.
pub(crate) fn poisson_binomial(probabilities: &[f64]) -> Vec<f64> {
    let mut chance = vec![0.0; probabilities.len() + 1];
    chance[0] = 1.0;
    for (events, p) in probabilities.iter().enumerate() {
        let p = p.clamp(0.0, 1.0);
        for k in (1..=events + 1).rev() {
            chance[k] = chance[k] * (1.0 - p) + chance[k - 1] * p;
        }
        chance[0] *= 1.0 - p;
    }
    chance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// p = 0.01, 0.02, 0.05: 0.99·0.98·0.95 = 0.92169, and all three 0.01·0.02·0.05 = 0.00001.
    #[test]
    fn three_events_by_hand() {
        let chance = poisson_binomial(&[0.01, 0.02, 0.05]);
        for (found, expected) in chance.iter().zip([0.92169, 0.07663, 0.00167, 0.00001]) {
            assert!((found - expected).abs() < 5e-15, "{found} is not {expected}");
        }
        assert_eq!(poisson_binomial(&[]), [1.0]);
    }

    /// Equal probabilities: the binomial distribution, 10 of ½, C(10, k)/1024.
    #[test]
    fn equal_probabilities_are_binomial() {
        let chance = poisson_binomial(&[0.5; 10]);
        let ways = [1.0, 10.0, 45.0, 120.0, 210.0, 252.0, 210.0, 120.0, 45.0, 10.0, 1.0];
        for (found, ways) in chance.iter().zip(ways) {
            assert!((found - ways / 1024.0).abs() < 1e-15);
        }
    }
}
