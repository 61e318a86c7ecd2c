//! How plausible a move of so many standard deviations is.

use stats::normal;

/// Probabilities of a move at least as large, on the same side, over the horizon of the scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TailProbability {
    /// Under a normal distribution.
    pub normal: f64,
    /// Under Student's t with four degrees of freedom, scaled to the same variance: returns have
    /// tails about so heavy.
    pub student_4: f64,
}

impl TailProbability {
    /// The probability of a move beyond `deviations` standard deviations, which is not negative.
    pub fn beyond(deviations: f64) -> TailProbability {
        TailProbability { normal: normal::cdf(-deviations), student_4: student_4(deviations) }
    }
}

/// Probability under a normal distribution of a point at a Mahalanobis distance, or beyond, in some
/// number of dimensions: P(χ² ≥ distance²), by Q(k + 2) = Q(k) + (x/2)^{k/2}·e^{−x/2}/Γ(k/2 + 1).
pub fn beyond_distance(distance: f64, dimensions: usize) -> f64 {
    let half = distance * distance / 2.0;
    let decay = libm::exp(-half);
    let is_odd = dimensions % 2 == 1;
    let (mut probability, mut term, mut k) = if is_odd {
        let root = (half * 4.0 / std::f64::consts::PI).sqrt();
        (2.0 * normal::cdf(-distance), root * decay, 1.0)
    } else {
        (if dimensions == 0 { 0.0 } else { decay }, half * decay, 2.0)
    };
    while k + 1.0 < dimensions as f64 {
        probability += term;
        k += 2.0;
        term *= half / (k / 2.0);
    }
    probability.min(1.0)
}

/// P(T > t) of Student's t with four degrees of freedom, t = √2·deviations: its variance is 2.
///
/// With s = t/√(4 + t²) the probability is (1 − s)²·(2 + s)/4. 1 − s is formed without cancellation,
/// so that far tails keep their digits.
fn student_4(deviations: f64) -> f64 {
    let t = std::f64::consts::SQRT_2 * deviations;
    let root = libm::hypot(t, 2.0);
    if !root.is_finite() {
        return 0.0;
    }
    let s = t / root;
    let below_one = 4.0 / (root * (root + t));
    below_one * below_one * (2.0 + s) / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17: `chi2.sf(d*d, k)`.
    #[test]
    fn probabilities_of_several_shocks_are_those_of_scipy() {
        let rows = [
            (1.0, 1, 0.31731050786291115),
            (1.0, 2, 0.6065306597126334),
            (2.0, 3, 0.26146412994911117),
            (2.5, 7, 0.5108803759374072),
            (6.0, 4, 2.893696151495398e-07),
        ];
        for (distance, dimensions, expected) in rows {
            let found = beyond_distance(distance, dimensions);
            assert!((found / expected - 1.0).abs() < 1e-12, "{distance} {dimensions} {found}");
        }
    }

    /// scipy 1.17: `norm.sf(d)` and `t.sf(d*sqrt(2), 4)`.
    #[test]
    fn probabilities_are_those_of_scipy() {
        let rows = [
            (0.0, 0.5, 0.5),
            (1.0, 0.158_655_253_931_457_05, 0.115_099_820_540_249_42),
            (4.402_255, 5.356_576_794_487_815e-6, 1.694_821_624_446_987_8e-3),
            (30.0, 4.906_713_927_148_908e-198, 9.225_065_463_259_409e-7),
        ];
        for (deviations, normal, student) in rows {
            let found = TailProbability::beyond(deviations);
            assert!((found.normal - normal).abs() <= 1e-12 * normal, "{deviations} {found:?}");
            assert!((found.student_4 - student).abs() <= 1e-12 * student, "{deviations} {found:?}");
        }
    }
}
