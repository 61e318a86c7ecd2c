//! How far a squeezed name jumps, consistent with what counts as a squeeze.
//!
//! ```text
//! J = min(cap, max(threshold, Y·σ·√(c·D)) + excess)
//! ```
//!
//! with D the market's short interest in days of normal volume, c ~ Beta(2, 5) the share of it that
//! covers, and the excess from a generalised Pareto distribution fitted to past squeezes. The
//! square-root law alone stays below the thresholds of the names that matter most.

use factors::impact::Y;

/// Excess of a jump over the least that counts: generalised Pareto.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excess {
    /// β, a decimal return, 0 or more. 0: no excess.
    pub scale: f64,
    /// ξ, at least 0: the weight of the tail.
    pub shape: f64,
}

impl Excess {
    /// The excess that is not exceeded with probability u, inside (0, 1).
    fn quantile(self, u: f64) -> f64 {
        let log = -libm::log1p(-u);
        match (self.scale, self.shape) {
            // Whatever the shape: it may make the other factor infinite.
            (0.0, _) => 0.0,
            (scale, 0.0) => scale * log,
            (scale, shape) => scale * libm::expm1(shape * log) / shape,
        }
    }
}

/// What a name's jump depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// The least return that counts as a squeeze, a decimal.
    pub threshold: f64,
    /// Standard deviation of daily returns, a decimal.
    pub daily_volatility: f64,
    /// Short interest / normal daily volume, in days.
    pub days_to_cover: f64,
}

impl Jump {
    /// Whether all numbers are finite and 0 or more.
    pub fn is_valid(&self) -> bool {
        [self.threshold, self.daily_volatility, self.days_to_cover]
            .iter()
            .all(|value| value.is_finite() && 0.0 <= *value)
    }

    /// The jump of a draw: eight random words.
    pub fn draw(&self, words: [u32; 8], excess: Excess, cap: f64) -> f64 {
        let [covered @ .., low, high] = words;
        let pressure = Y * self.daily_volatility * (beta_2_5(covered) * self.days_to_cover).sqrt();
        let bits = u64::from(high) << 32 | u64::from(low);
        // The midpoint of one of 2⁵² cells: never 0 or 1.
        let u = ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        (self.threshold.max(pressure) + excess.quantile(u)).min(cap)
    }
}

/// A draw from Beta(2, 5): the second smallest of six uniforms.
fn beta_2_5(mut words: [u32; 6]) -> f64 {
    words.sort_unstable();
    (f64::from(words[1]) + 0.5) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::rng::Rng;

    const NONE: Excess = Excess { scale: 0.0, shape: 0.0 };

    /// A threshold of 71 %, as GME had on 2021-01-20, is 3·σ·√5 with σ = 10.6 % a day. With 2.4 days
    /// to cover the square-root law gives at most 0.106·√2.4 = 16 %.
    #[test]
    fn a_jump_is_never_below_its_threshold() {
        let gme = Jump { threshold: 0.71, daily_volatility: 0.106, days_to_cover: 2.4 };
        let mut rng = Rng::new(1, 0);
        for _ in 0..1_000 {
            let words = std::array::from_fn(|_| rng.next_u32());
            for none in [NONE, Excess { scale: 0.0, shape: 1e6 }] {
                assert!((gme.draw(words, none, 10.0) - 0.71).abs() < 1e-15);
            }
            let large = gme.draw(words, Excess { scale: 0.5, shape: 0.3 }, 2.0);
            assert!((0.71..=2.0).contains(&large));
        }
    }

    /// Beta(2, 5) has mean 2/7 and variance 10/392; a generalised Pareto excess has mean β/(1 − ξ)
    /// and exceeds its 90 % quantile β(10^ξ − 1)/ξ in one draw of ten.
    #[test]
    fn draws_have_their_distributions() {
        let mut rng = Rng::new(2, 0);
        let draws = 200_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        let (mut excess_sum, mut above) = (0.0, 0);
        let excess = Excess { scale: 0.2, shape: 0.25 };
        let none = Jump { threshold: 0.0, daily_volatility: 0.0, days_to_cover: 0.0 };
        let high = 0.2 * (10f64.powf(0.25) - 1.0) / 0.25;
        for _ in 0..draws {
            let c = beta_2_5(std::array::from_fn(|_| rng.next_u32()));
            sum += c;
            squares += c * c;
            let drawn = none.draw(std::array::from_fn(|_| rng.next_u32()), excess, f64::MAX);
            excess_sum += drawn;
            above += usize::from(high < drawn);
        }
        let count = f64::from(draws);
        let mean = sum / count;
        // Standard errors: 0.16/√200,000 = 0.00036; 0.0007; about 0.0009; 0.0007.
        assert!((mean - 2.0 / 7.0).abs() < 0.0015, "{mean}");
        assert!((squares / count - mean * mean - 10.0 / 392.0).abs() < 0.0005);
        assert!((excess_sum / count - 0.2 / 0.75).abs() < 0.004);
        assert!((above as f64 / count - 0.1).abs() < 0.003);
    }
}
