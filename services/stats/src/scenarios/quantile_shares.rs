//! Contributions to a value at risk over scenarios.
//!
//! A quantile is one or two scenarios, and so is its derivative: exact, and of no use. The components
//! here are means of the scenarios around it, with weights after Harrell and Davis (1982) as in
//! Mausser (2003): the density, at a scenario's place u among n periods, of the place at which the
//! quantile of a sample lies. They integrate the density over the scenario's n-th of the periods; here
//! it is the density in the middle, (i − ½)/n, because draws weigh a part of a period each,
//!
//! ```text
//! w(u) ∝ u^(a−1)·(1 − u)^(b−1),  a = (n + 1)·p,  b = (n + 1)·(1 − p),  p = 1 − confidence
//! ```
//!
//! They are rescaled so that Σ −share·profit is the value at risk. If that takes a factor beyond
//! [`FACTOR_MOST`] or its inverse, near a value at risk of zero, the shares are those of the quantile's
//! own scenarios.

use super::{Scenario, Scenarios};
use crate::quantile::QuantileRule;

/// Most by which the weighted mean is rescaled to be the value at risk.
const FACTOR_MOST: f64 = 2.0;

/// The weights end this many standard deviations beyond p: less than 1e-12 of them lies there.
const DEVIATIONS: f64 = 12.0;

impl Scenarios {
    /// The shares of scenarios in the value at risk, which is Σ −share·profit.
    ///
    /// `None` for a confidence outside (0, 1).
    #[must_use]
    pub fn value_at_risk_shares(
        &mut self,
        confidence: f64,
        rule: QuantileRule,
    ) -> Option<Vec<(Scenario, f64)>> {
        let (n, p) = (self.periods as f64, 1.0 - confidence);
        let value_at_risk = self.tail(confidence, rule)?.value_at_risk;
        let (a, b) = ((n + 1.0) * p, (n + 1.0) * confidence);
        let deviation = (p * confidence / (n + 2.0)).sqrt();
        let last = (n * DEVIATIONS.mul_add(deviation, p)).ceil() + 1.0;
        self.order(last);
        let log_density = |u: f64| (a - 1.0) * libm::log(u) + (b - 1.0) * libm::log1p(-u);
        let top = log_density(p);
        let mut before = 0.0;
        let mut shares = Vec::new();
        for scenario in self.scenarios.iter().take(self.ordered) {
            let place = 0.5f64.mul_add(scenario.weight, before) / n;
            if last <= before || 1.0 <= place {
                break;
            }
            let weight = scenario.weight * libm::exp(log_density(place) - top);
            shares.push((*scenario, weight));
            before += scenario.weight;
        }
        let mean = 0.0 - shares.iter().map(|(one, weight)| weight * one.profit).sum::<f64>();
        let whole: f64 = shares.iter().map(|(_, weight)| weight).sum();
        let factor = value_at_risk * whole / mean;
        if !(FACTOR_MOST.recip()..=FACTOR_MOST).contains(&factor) {
            return self.own_shares(confidence, rule);
        }
        shares.iter_mut().for_each(|(_, share)| *share *= value_at_risk / mean);
        Some(shares)
    }

    /// The shares of the scenarios whose mean is the quantile.
    fn own_shares(&self, confidence: f64, rule: QuantileRule) -> Option<Vec<(Scenario, f64)>> {
        let to = rule.place_among(self.periods, 1.0 - confidence)?;
        let (mut before, mut shares) = (0.0, Vec::new());
        for scenario in self.worst(to).iter() {
            let after = before + scenario.weight;
            let part = to.min(after) - (to - 1.0).max(before);
            if 0.0 < part {
                shares.push((*scenario, part));
            }
            before = after;
        }
        let whole: f64 = shares.iter().map(|(_, part)| part).sum();
        shares.iter_mut().for_each(|(_, share)| *share /= whole);
        Some(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        parametric::Fit,
        rng::Rng,
        scenarios::{Dependence, Level},
    };
    use proptest::prelude::*;

    const RULE: QuantileRule = QuantileRule::Linear;

    /// Σ −share·profit of a position, given its profit by draw and period.
    fn part(shares: &[(Scenario, f64)], of: impl Fn(&Scenario) -> f64) -> f64 {
        0.0 - shares.iter().map(|(scenario, share)| share * of(scenario)).sum::<f64>()
    }

    /// Methodology C2: x = (10, −6, −2) $m, σ = (.012, .02, .03), ρ12 = .6, ρ13 = .3, ρ23 = .5 give a
    /// value at risk of 220,680.27 at 95 % and these components.
    const COMPONENTS: [f64; 3] = [44_136.05, 114_753.74, 61_790.48];
    const VALUE_AT_RISK: f64 = 220_680.27;

    /// Profits of the three positions for independent moves of deviation 1, by the Cholesky factor of
    /// the correlations: 1; .6, .8; .3, .4, √.75 (.6·.3 + .8·.4 = .5, .09 + .16 + .75 = 1).
    fn profits(z: [f64; 3]) -> [f64; 3] {
        let moves =
            [z[0], 0.6 * z[0] + 0.8 * z[1], 0.3 * z[0] + 0.4 * z[1] + 0.75_f64.sqrt() * z[2]];
        [10e6 * 0.012 * moves[0], -6e6 * 0.02 * moves[1], -2e6 * 0.03 * moves[2]]
    }

    /// Four periods whose moves have mean 0, variance 1 (n − 1) and no correlation.
    #[test]
    fn the_components_of_the_methodology_by_a_fitted_distribution() {
        let c = 0.75_f64.sqrt();
        let moves = [[c, c, c], [c, -c, -c], [-c, c, -c], [-c, -c, c]].map(profits);
        let book: Vec<f64> = moves.iter().map(|parts| parts.iter().sum()).collect();
        let fit = Fit::normal(std::slice::from_ref(&book)).unwrap();
        let loss = fit.value_at_risk(0.95).unwrap();
        assert!((loss.value - VALUE_AT_RISK).abs() < 0.01, "{}", loss.value);
        for (position, expected) in COMPONENTS.into_iter().enumerate() {
            let share = |at: usize| fit.share(&loss, at, book[at]);
            let found: f64 = (0..4).map(|at| 0.0 - share(at) * moves[at][position]).sum();
            assert!((found - expected).abs() < 0.01, "{position}: {found}");
        }
    }

    /// A million normal scenarios: some 770 of them weigh, and what a component adds beside the book has
    /// a deviation of at most 120,000, so its error is 4,300.
    #[test]
    fn the_components_of_the_methodology_over_scenarios() {
        let mut rng = Rng::new(7, 1);
        let moves: Vec<[f64; 3]> =
            (0..1_000_000).map(|_| profits([rng.normal(), rng.normal(), rng.normal()])).collect();
        let book: Vec<f64> = moves.iter().map(|parts| parts.iter().sum()).collect();
        let mut scenarios = Scenarios::unordered(&[book]).unwrap();
        let value_at_risk = scenarios.tail(0.95, RULE).unwrap().value_at_risk;
        // The error of the quantile is √(.0475/10⁶)/density: 134,164·.000218/.103 = 284.
        assert!((value_at_risk - VALUE_AT_RISK).abs() < 1_000.0, "{value_at_risk}");
        let shares = scenarios.value_at_risk_shares(0.95, RULE).unwrap();
        for (position, expected) in COMPONENTS.into_iter().enumerate() {
            let found = part(&shares, |one| moves[one.period as usize][position]);
            assert!((found - expected).abs() < 13_000.0, "{position}: {found}");
        }
    }

    /// Of 1,000 normal scenarios the quantile's own scenario says of a position with nothing in common
    /// with the book whatever it happened to make then; the mean around it is close to nothing.
    #[test]
    fn components_are_not_those_of_one_scenario() {
        let mut squares = [0.0, 0.0];
        for seed in 0..50 {
            let mut rng = Rng::new(seed, 2);
            let book: Vec<f64> = (0..1_000).map(|_| rng.normal()).collect();
            let other: Vec<f64> = (0..1_000).map(|_| rng.normal()).collect();
            let mut scenarios = Scenarios::unordered(&[book]).unwrap();
            let around = scenarios.value_at_risk_shares(0.95, RULE).unwrap();
            let own = scenarios.own_shares(0.95, RULE).unwrap();
            for (sum, shares) in squares.iter_mut().zip([around, own]) {
                let found = part(&shares, |one| other[one.period as usize]);
                *sum += found * found;
            }
        }
        // 2√π·√(.0475·1000) = 24 scenarios weigh beside one or two: 1/24 of the variance or less.
        assert!(squares[0] < 0.1 * squares[1], "{squares:?}");
    }

    #[test]
    fn a_value_at_risk_near_zero_has_the_shares_of_its_own_scenarios() {
        // The quantile at 50 % of −3, −1e-9, 1, 1, 1 is 1; at 75 % −1e-9, with 2/3 of the mass at
        // losses that the mean around it does not leave near it.
        let book = vec![-3.0, -1e-9, 1.0, 1.0, 1.0];
        let mut scenarios = Scenarios::unordered(&[book]).unwrap();
        let shares = scenarios.value_at_risk_shares(0.75, RULE).unwrap();
        assert_eq!(shares.len(), 1);
        assert!((part(&shares, |one| one.profit) - 1e-9).abs() < 1e-24);
    }

    fn draws() -> impl Strategy<Value = Vec<Vec<f64>>> {
        (1_usize..4, 5_usize..60).prop_flat_map(|(draws, periods)| {
            prop::collection::vec(prop::collection::vec(-1e3..1e3_f64, periods), draws)
        })
    }

    proptest! {
        /// Euler: components add up to the value at risk under every rule, whatever was sorted before.
        #[test]
        fn components_add_up(draws in draws(), confidence in 0.5..0.99_f64, split in 0.0..1.0_f64) {
            let rules = [RULE, QuantileRule::Lower, QuantileRule::Higher, QuantileRule::Weibull];
            for rule in rules {
                let mut scenarios = Scenarios::unordered(&draws).unwrap();
                let value = scenarios.tail(confidence, rule).unwrap().value_at_risk;
                let shares = scenarios.value_at_risk_shares(confidence, rule).unwrap();
                let whole = part(&shares, |one| one.profit);
                prop_assert!((whole - value).abs() < 1e-9 * (1.0 + value.abs()), "{} {}", whole, value);
                let of = |one: &Scenario| split * one.profit + f64::from(one.period);
                let rest = |one: &Scenario| (1.0 - split) * one.profit - f64::from(one.period);
                let sum = part(&shares, of) + part(&shares, rest);
                prop_assert!((sum - value).abs() < 1e-7 * (1.0 + value.abs()), "{} {}", sum, value);
                let mut sorted = Scenarios::pooled(&draws).unwrap();
                let again = sorted.value_at_risk_shares(confidence, rule).unwrap();
                prop_assert_eq!(again, shares);
            }
        }

        /// Twice the book has the same shares: the value at risk is homogeneous.
        #[test]
        fn shares_do_not_depend_on_the_unit(draws in draws(), confidence in 0.5..0.99_f64) {
            let twice: Vec<Vec<f64>> =
                draws.iter().map(|draw| draw.iter().map(|x| 2.0 * x).collect()).collect();
            let shares = |draws: &[Vec<f64>]| {
                let mut scenarios = Scenarios::unordered(draws).unwrap();
                scenarios.value_at_risk_shares(confidence, RULE).unwrap()
            };
            for ((_, a), (_, b)) in shares(&draws).iter().zip(shares(&twice)) {
                prop_assert_eq!(a.to_bits(), b.to_bits());
            }
        }

        /// The shares are those of the levels, whose measures sort only as far as they need.
        #[test]
        fn a_set_that_was_measured_before_has_the_same_shares(draws in draws()) {
            let mut fresh = Scenarios::unordered(&draws).unwrap();
            let mut used = Scenarios::unordered(&draws).unwrap().depending(Dependence::Periods);
            let levels: Vec<Level> = used.levels(&[0.9], RULE, 0.95).unwrap();
            prop_assert_eq!(levels.len(), 1);
            prop_assert_eq!(
                used.value_at_risk_shares(0.9, RULE),
                fresh.value_at_risk_shares(0.9, RULE)
            );
        }
    }
}
