//! Value at risk and expected shortfall from moments: normal, and Cornish–Fisher.
//!
//! With mean μ, standard deviation σ, skewness S and excess kurtosis K of profits, and z the normal
//! quantile at α = 1 − confidence,
//!
//! ```text
//! VaR = −μ − σ·q(z),  q(z) = z + (z²−1)S/6 + (z³−3z)K/24 − (2z³−5z)S²/36
//! ES  = −μ + σ·e(z),  e(z) = φ(z)/α · (1 + zS/6 + (z²−1)K/24 − (2z²−1)S²/36)
//! ```
//!
//! e is −1/α times the integral of q·φ up to z: the expected shortfall of the variable that q makes of
//! a normal one (Maillard 2012). Without S and K both are those of the normal distribution. They are
//! homogeneous in the profits, so that each is Σ −share·profit with share = −∂/∂profit (Euler). Over h
//! periods they are the same with hμ, σ√h, S/√h and K/h.

use crate::{normal, tail::Tail};

/// Profits of periods, in one series per draw; draws weigh the same.
pub type Draws<'a> = &'a [Vec<f64>];

/// How far q must keep its order, in normal deviations: a normal variable is beyond them once in 1.7
/// million.
const ORDER_REACH: f64 = 5.0;

/// The moments of profits, and what is needed for their derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Weight of each period; the sum is 1.
    weights: Vec<f64>,
    draws: f64,
    /// μ; zero if the method assumes that.
    pub mean: f64,
    /// σ.
    pub deviation: f64,
    /// S, of the population.
    pub skewness: f64,
    /// K, of the population.
    pub excess_kurtosis: f64,
    /// σ² over the variance of the population: n/(n−1), or 1.
    freedom: f64,
    has_mean: bool,
    has_shape: bool,
    /// Number of periods whose sum the losses are about.
    horizon: f64,
}

/// A loss of a [`Fit`]: −hμ + √h·σ·m, with the derivatives of m by the shape of the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// The number.
    pub value: f64,
    multiple: f64,
    by_skewness: f64,
    by_kurtosis: f64,
    has_mean: bool,
}

impl Fit {
    /// Equal weights, the mean of the sample, and σ with n − 1 (n periods); S = K = 0.
    ///
    /// `None` for less than two periods, series of different lengths, or numbers that are not finite.
    #[must_use]
    pub fn normal(profits: Draws<'_>) -> Option<Fit> {
        Fit::of_sample(profits, false)
    }

    /// As [`Fit::normal`] with S and K of the population (divisor n).
    ///
    /// `None` also if nothing moves.
    #[must_use]
    pub fn cornish_fisher(profits: Draws<'_>) -> Option<Fit> {
        Fit::of_sample(profits, true)
    }

    /// Mean zero, and the variance of the recursion σ² ← λσ² + (1−λ)x² from the mean square of the
    /// first `seeds` periods (all, if there are fewer): methodology C3.
    ///
    /// `None` for no periods, no seeds, λ outside (0, 1), series of different lengths, or numbers that
    /// are not finite.
    #[must_use]
    pub fn ewma(profits: Draws<'_>, lambda: f64, seeds: usize) -> Option<Fit> {
        let n = profits.first()?.len();
        let seeds = seeds.min(n);
        if seeds == 0 || !(lambda > 0.0 && lambda < 1.0) {
            return None;
        }
        let mut weights = vec![0.0; n];
        let mut left = 1.0;
        for weight in weights[seeds..].iter_mut().rev() {
            *weight = (1.0 - lambda) * left;
            left *= lambda;
        }
        weights[..seeds].fill(left / seeds as f64);
        let mut fit = Fit::empty(profits, weights, 1.0)?;
        fit.deviation = fit.mean_of(profits, |x| x * x).sqrt();
        fit.deviation.is_finite().then_some(fit)
    }

    fn of_sample(profits: Draws<'_>, has_shape: bool) -> Option<Fit> {
        let n = profits.first()?.len();
        let free = n.checked_sub(1).filter(|free| 0 < *free)?;
        let freedom = n as f64 / free as f64;
        let mut fit = Fit::empty(profits, vec![1.0 / n as f64; n], freedom)?;
        (fit.has_mean, fit.has_shape) = (true, has_shape);
        let mean = fit.mean_of(profits, |x| x);
        let variance = fit.mean_of(profits, |x| (x - mean) * (x - mean));
        (fit.mean, fit.deviation) = (mean, (freedom * variance).sqrt());
        if has_shape {
            let square = |x: f64| (x - mean) * (x - mean);
            let third = fit.mean_of(profits, |x| square(x) * (x - mean));
            let fourth = fit.mean_of(profits, |x| square(x) * square(x));
            fit.skewness = third / (variance * variance.sqrt());
            fit.excess_kurtosis = fourth / (variance * variance) - 3.0;
        }
        let numbers = [fit.mean, fit.deviation, fit.skewness, fit.excess_kurtosis];
        numbers.iter().all(|x| x.is_finite()).then_some(fit)
    }

    /// A fit without moments. `None` if the series differ in length.
    fn empty(profits: Draws<'_>, weights: Vec<f64>, freedom: f64) -> Option<Fit> {
        profits.iter().all(|draw| draw.len() == weights.len()).then_some(Fit {
            weights,
            draws: profits.len() as f64,
            mean: 0.0,
            deviation: 0.0,
            skewness: 0.0,
            excess_kurtosis: 0.0,
            freedom,
            has_mean: false,
            has_shape: false,
            horizon: 1.0,
        })
    }

    /// The distribution of the sum of h independent periods of this one: hμ, σ√h, S/√h and K/h, because
    /// cumulants add up. The variance of the recursion is expected to stay what it is, so it is hσ² as
    /// well. The moments are still those of one period; the losses and their shares are those of the sum.
    #[must_use]
    pub fn over(self, periods: usize) -> Fit {
        Fit { horizon: periods as f64, ..self }
    }

    /// S and K of the sum.
    #[must_use]
    pub fn shape(&self) -> (f64, f64) {
        (self.skewness / self.horizon.sqrt(), self.excess_kurtosis / self.horizon)
    }

    fn mean_of(&self, profits: Draws<'_>, of: impl Fn(f64) -> f64) -> f64 {
        let of_draw = |draw: &Vec<f64>| -> f64 {
            draw.iter().zip(&self.weights).map(|(x, weight)| weight * of(*x)).sum()
        };
        profits.iter().map(of_draw).sum::<f64>() / self.draws
    }

    /// The loss that is not exceeded with a confidence.
    ///
    /// `None` for a confidence outside (0, 1), or outside the domain of the expansion: if another
    /// normal quantile x, |x| ≤ 5, gives the loss of z or exceeds it on the wrong side. Inside, the
    /// variable q(Z) stays below q(z) with probability α, so q(z) is its quantile. This holds at every
    /// level where q is monotone, and at some where it is not.
    #[must_use]
    pub fn value_at_risk(&self, confidence: f64) -> Option<Loss> {
        let z = self.quantile(confidence)?;
        let ((s, k), cube) = (self.shape(), z * z * z);
        let multiple = -normal::cornish_fisher(z, s, k);
        let by_skewness = -(z * z - 1.0) / 6.0 + (2.0 * cube - 5.0 * z) * s / 18.0;
        let by_kurtosis = -(cube - 3.0 * z) / 24.0;
        Some(self.loss(multiple, by_skewness, by_kurtosis))
    }

    /// The mean loss beyond that; `None` as there.
    #[must_use]
    pub fn expected_shortfall(&self, confidence: f64) -> Option<Loss> {
        let z = self.quantile(confidence)?;
        let (s, k) = self.shape();
        let mean = normal::pdf(z) / (1.0 - confidence);
        let square = 2.0 * z * z - 1.0;
        let shape = 1.0 + z * s / 6.0 + (z * z - 1.0) * k / 24.0 - square * s * s / 36.0;
        let by_skewness = mean * (z / 6.0 - square * s / 18.0);
        Some(self.loss(mean * shape, by_skewness, mean * (z * z - 1.0) / 24.0))
    }

    /// Both numbers.
    #[must_use]
    pub fn tail(&self, confidence: f64) -> Option<Tail> {
        let value_at_risk = self.value_at_risk(confidence)?.value;
        let expected_shortfall = self.expected_shortfall(confidence)?.value;
        Some(Tail { value_at_risk, expected_shortfall })
    }

    /// σ as a loss, without the mean.
    #[must_use]
    pub fn volatility(&self) -> Loss {
        Loss {
            value: self.deviation * self.horizon.sqrt(),
            multiple: 1.0,
            by_skewness: 0.0,
            by_kurtosis: 0.0,
            has_mean: false,
        }
    }

    fn loss(&self, multiple: f64, by_skewness: f64, by_kurtosis: f64) -> Loss {
        let value = self.deviation * self.horizon.sqrt() * multiple - self.mean * self.horizon;
        Loss { value, multiple, by_skewness, by_kurtosis, has_mean: self.has_mean }
    }

    /// z at a confidence inside the domain.
    fn quantile(&self, confidence: f64) -> Option<f64> {
        let z = normal::quantile(1.0 - confidence)?;
        let (s, k) = self.shape();
        keeps_order(z, s, k).then_some(z)
    }

    /// −∂loss/∂profit for a profit of a period: Σ −share·profit over all periods and draws is the
    /// loss. Zero if nothing moves.
    #[must_use]
    pub fn share(&self, loss: &Loss, period: usize, profit: f64) -> f64 {
        let weight = self.weights.get(period).copied().unwrap_or(0.0) / self.draws;
        let of_mean = if loss.has_mean { weight * self.horizon } else { 0.0 };
        if self.deviation <= 0.0 {
            return of_mean;
        }
        // The deviation of the population, in which S and K are measured.
        let unit = self.deviation / self.freedom.sqrt();
        let u = (profit - self.mean) / unit;
        let mut slope =
            self.freedom * weight * (profit - self.mean) / self.deviation * loss.multiple;
        if self.has_shape {
            let (s, k) = (self.skewness, self.excess_kurtosis);
            let skewness = 3.0 * (u * u - 1.0 - s * u);
            let kurtosis = 4.0 * (u * u * u - s - (k + 3.0) * u);
            let by_skewness = loss.by_skewness / self.horizon.sqrt();
            let shape = by_skewness * skewness + loss.by_kurtosis / self.horizon * kurtosis;
            slope += self.deviation * weight / unit * shape;
        }
        of_mean - slope * self.horizon.sqrt()
    }
}

/// Whether q(x) < q(z) for all x < z and q(x) > q(z) for all x > z, |x| ≤ [`ORDER_REACH`].
///
/// q(x) − q(z) = (x − z)·Q(x) with Q(x) = A·x² + (A·z + B)·x + A·z² + B·z + C, from q(x) = A·x³ + B·x² +
/// C·x + D; so Q must be positive.
fn keeps_order(z: f64, s: f64, k: f64) -> bool {
    let (a, b) = (k / 24.0 - s * s / 18.0, s / 6.0);
    let c = 1.0 - k / 8.0 + 5.0 * s * s / 36.0;
    let slope = a * z + b;
    let value = |x: f64| a * x * x + slope * x + (slope * z + c);
    let lowest = if 0.0 < a { -slope / (2.0 * a) } else { 0.0 };
    let places = [-ORDER_REACH, lowest.clamp(-ORDER_REACH, ORDER_REACH), ORDER_REACH];
    places.into_iter().all(|x| 0.0 < value(x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Methodology C1.
    const RETURNS: [f64; 20] = [
        -0.05, -0.04, -0.03, -0.025, -0.02, -0.015, -0.01, -0.008, -0.005, -0.002, 0.0, 0.002,
        0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03,
    ];

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
    }

    #[test]
    fn values_of_the_methodology() {
        let draws = [RETURNS.to_vec()];
        let normal = Fit::normal(&draws).unwrap().tail(0.95).unwrap();
        near(normal.value_at_risk, 0.038_942, 5e-7);
        near(normal.expected_shortfall, 0.047_755, 5e-7);
        let fit = Fit::cornish_fisher(&draws).unwrap();
        near(fit.skewness, -0.457_862, 5e-7);
        near(fit.excess_kurtosis, -0.371_470, 5e-7);
        near(fit.value_at_risk(0.95).unwrap().value, 0.041_762, 5e-7);
    }

    /// Methodology C4: σ_{T+1} of ten returns, with the mean square as the start: as many seeds as
    /// returns leave σ at that start, and a decay of the whole sample is the recursion by hand.
    #[test]
    fn ewma_is_the_recursion() {
        let returns: [f64; 10] =
            [0.01, -0.02, 0.015, -0.03, 0.005, 0.02, -0.01, 0.0, 0.012, -0.025];
        let start = (returns[0] * returns[0] + returns[1] * returns[1]) / 2.0;
        let by_hand = returns[2..].iter().fold(start, |v, r| 0.94 * v + 0.06 * r * r).sqrt();
        let fit = Fit::ewma(&[returns.to_vec()], 0.94, 2).unwrap();
        near(fit.deviation, by_hand, 1e-15);
        near(fit.value_at_risk(0.99).unwrap().value, 2.326_348 * by_hand, 1e-7);
        near(fit.expected_shortfall(0.975).unwrap().value, 2.337_803 * by_hand, 1e-7);
    }

    /// E[q(Z) | Z ≤ z] by the midpoint rule over 200,000 slices of probability.
    #[test]
    fn shortfall_is_the_mean_beyond_the_quantile() {
        for (s, k) in [(0.0, 0.0), (-0.4, 1.0), (0.5, 1.5), (-0.6, 2.5)] {
            let draws = [RETURNS.to_vec()];
            let fit = Fit {
                mean: 0.0,
                deviation: 1.0,
                skewness: s,
                excess_kurtosis: k,
                ..Fit::cornish_fisher(&draws).unwrap()
            };
            for confidence in [0.9, 0.95, 0.99] {
                let slices = 200_000;
                let at = |slice: i32| {
                    let p = (1.0 - confidence) * (f64::from(slice) + 0.5) / f64::from(slices);
                    normal::cornish_fisher(normal::quantile(p).unwrap(), s, k)
                };
                let mean = (0..slices).map(at).sum::<f64>() / f64::from(slices);
                near(fit.expected_shortfall(confidence).unwrap().value, -mean, 2e-4);
            }
        }
    }

    /// Shares are derivatives: they sum to the loss, and agree with differences.
    #[test]
    fn shares_are_derivatives_and_sum_to_the_loss() {
        let mut rng = Rng::new(9, 1);
        let mut skewed = || libm::expm1(0.01 * rng.normal()) + 0.02 * libm::pow(rng.uniform(), 6.0);
        let draws = [0; 3].map(|_| (0..80).map(|_| 0.01 - skewed()).collect::<Vec<f64>>());
        let fits: [fn(Draws<'_>) -> Option<Fit>; 3] =
            [Fit::normal, Fit::cornish_fisher, |draws| Fit::ewma(draws, 0.9, 20)];
        let losses: [fn(&Fit) -> Option<Loss>; 3] = [
            |fit| fit.value_at_risk(0.975),
            |fit| fit.expected_shortfall(0.975),
            |fit| Some(fit.volatility()),
        ];
        for (fit_of, horizon) in fits.into_iter().flat_map(|fit| [(fit, 1), (fit, 7)]) {
            let fit_of = |draws: Draws<'_>| fit_of(draws).map(|fit| fit.over(horizon));
            let fit = fit_of(&draws).unwrap();
            for loss_of in losses {
                let loss = loss_of(&fit).unwrap();
                let mut sum = 0.0;
                for draw in &draws {
                    let part = |(at, x): (usize, &f64)| -fit.share(&loss, at, *x) * x;
                    sum += draw.iter().enumerate().map(part).sum::<f64>();
                }
                near(sum, loss.value, 1e-12);
                let step = 1e-7;
                for (draw, at) in [(0, 0), (1, 30), (2, 79)] {
                    let moved = |by: f64| {
                        let mut moved = draws.clone();
                        moved[draw][at] += by;
                        loss_of(&fit_of(&moved).unwrap()).unwrap().value
                    };
                    let slope = (moved(step) - moved(-step)) / (2.0 * step);
                    near(-fit.share(&loss, at, draws[draw][at]), slope, 1e-6);
                }
            }
        }
    }

    /// The moments of the sum of four independent periods, from all 4⁴ of their sequences.
    #[test]
    fn the_moments_of_a_sum_are_those_of_all_sequences() {
        let values: [f64; 4] = [-0.05, 0.01, 0.02, 0.04];
        let sequence = |at: usize| (0..4).map(|digit| values[at >> (2 * digit) & 3]).sum::<f64>();
        let sums: Vec<f64> = (0..256).map(sequence).collect();
        let of = |values: &[f64]| Fit::cornish_fisher(&[values.to_vec()]).unwrap();
        let (one, all) = (of(&values).over(4), of(&sums));
        near(one.shape().0, all.skewness, 1e-12);
        near(one.shape().1, all.excess_kurtosis, 1e-12);
        // The variance of the population, without n/(n−1).
        let population = Fit { deviation: one.deviation * 0.75_f64.sqrt(), freedom: 1.0, ..one };
        let whole = Fit { deviation: all.deviation * (255.0_f64 / 256.0).sqrt(), ..all };
        for loss in [Fit::value_at_risk, Fit::expected_shortfall] {
            let (sum, known) = (loss(&population, 0.9).unwrap(), loss(&whole, 0.9).unwrap());
            near(sum.value, known.value, 1e-12);
        }
    }

    /// Without a mean the normal numbers of h periods are those of one times √h.
    #[test]
    fn normal_losses_grow_with_the_root_of_the_horizon() {
        let fit = Fit::ewma(&[RETURNS.to_vec()], 0.94, 10).unwrap();
        for horizon in [1_u32, 4, 25, 60] {
            let over = fit.clone().over(horizon as usize);
            let root = f64::from(horizon).sqrt();
            for loss in [Fit::value_at_risk, Fit::expected_shortfall] {
                let (one, long) = (loss(&fit, 0.99).unwrap(), loss(&over, 0.99).unwrap());
                near(long.value, root * one.value, 1e-15);
            }
            near(over.volatility().value, root * fit.deviation, 1e-15);
        }
        let with_mean = Fit::normal(&[RETURNS.to_vec()]).unwrap();
        let value = |fit: &Fit| fit.value_at_risk(0.95).unwrap().value;
        let (one, nine) = (value(&with_mean), value(&with_mean.clone().over(9)));
        near(nine + 9.0 * with_mean.mean, 3.0 * (one + with_mean.mean), 1e-15);
    }

    /// The condition in closed form against a grid, and monotone expansions (Maillard 2012) at any
    /// level.
    #[test]
    fn the_domain_is_where_the_quantile_keeps_its_order() {
        let (mut inside, mut outside) = (0, 0);
        for at in 0..2_000 {
            let (s, k) = (f64::from(at % 40) / 10.0 - 2.0, f64::from(at / 40) / 3.0 - 2.0);
            let q = |x: f64| normal::cornish_fisher(x, s, k);
            let grid = || (-500..=500).map(|x| f64::from(x) / 100.0);
            let is_monotone = grid().all(|x| q(x) < q(x + 0.01));
            for confidence in [0.9, 0.95, 0.99] {
                let z = normal::quantile(1.0 - confidence).unwrap();
                let others = || grid().filter(|x| 1e-6 < (x - z).abs());
                let by_grid = others().all(|x| (x < z) == (q(x) < q(z)));
                let closed = keeps_order(z, s, k);
                assert!(!is_monotone || closed, "{s} {k} {confidence}");
                // Between the points of the grid the two may differ.
                let slack = others().any(|x| (q(x) - q(z)).abs() < 0.02 * (x - z).abs());
                assert!(slack || closed == by_grid, "{s} {k} {confidence}");
                inside += usize::from(closed);
                outside += usize::from(!closed);
            }
        }
        assert!(500 < inside && 500 < outside, "{inside} {outside}");
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        assert_eq!(Fit::normal(&[vec![1.0]]), None);
        assert_eq!(Fit::cornish_fisher(&[vec![1.0; 5]]), None);
        assert_eq!(Fit::normal(&[vec![f64::NAN, 1.0]]), None);
        assert_eq!(Fit::normal(&[vec![0.0, 1.0], vec![1.0]]), None);
        assert_eq!(Fit::ewma(&[vec![0.0, 1.0]], 1.0, 1), None);
        assert_eq!(Fit::normal(&[vec![0.0, 1.0]]).unwrap().tail(1.0), None);
        let still = Fit::normal(&[vec![0.0; 5]]).unwrap();
        near(still.value_at_risk(0.99).unwrap().value, 0.0, 0.0);
    }
}
