//! Value at risk, expected shortfall, quantile rules and their intervals.

use stats::moments::{self, Ddof};
use stats::parametric::Fit;
use stats::quantile::{QuantileRule, quantile};
use stats::{normal, tail};

use crate::oracle::Oracle;
use crate::{close, close_relative};

/// Methodology C1.
const RETURNS: [f64; 20] = [
    -0.05, -0.04, -0.03, -0.025, -0.02, -0.015, -0.01, -0.008, -0.005, -0.002, 0.0, 0.002, 0.004,
    0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03,
];

const RULES: [QuantileRule; 6] = [
    QuantileRule::Linear,
    QuantileRule::Lower,
    QuantileRule::Higher,
    QuantileRule::Ceil,
    QuantileRule::Weibull,
    QuantileRule::MedianUnbiased,
];

/// Methodology C1: VaR of the 20 returns at 95 %, by rule; ES is .05 under every rule.
#[test]
fn value_at_risk_by_rule() {
    let expected = [0.0405, 0.05, 0.04, 0.05, 0.0495, 0.0465];
    for (rule, expected) in RULES.into_iter().zip(expected) {
        let mut scratch = Vec::new();
        let tail = tail::historical(&RETURNS, 0.95, rule, &mut scratch).expect("a tail");
        close(
            &format!("{rule:?}"),
            &[tail.value_at_risk, tail.expected_shortfall],
            &[expected, 0.05],
            1e-15,
        );
    }
}

/// Methodology C1: .05, .045, .0425 (a plain mean of values below the quantile would give .04).
#[test]
fn expected_shortfall_counts_the_last_outcome_in_part() {
    for (confidence, expected) in [(0.95, 0.05), (0.90, 0.045), (0.88, 0.0425)] {
        let mut returns = RETURNS;
        returns.reverse();
        let tail = tail::historical_in_place(&mut returns, confidence, QuantileRule::Linear);
        close("ES", &[tail.expect("a tail").expected_shortfall], &[expected], 1e-15);
    }
}

/// Methodology C1: skfolio's four outcomes at 95 %: VaR .5, CVaR .5.
#[test]
fn a_tail_smaller_than_one_outcome_is_the_worst_of_them() {
    let mut outcomes = [0.1, -0.5, -0.3, 0.8];
    let tail = tail::historical_in_place(&mut outcomes, 0.95, QuantileRule::Ceil).expect("a tail");
    close("tail", &[tail.value_at_risk, tail.expected_shortfall], &[0.5, 0.5], 1e-15);
}

/// Methodology C1: empyrical's fixture, linear rule, signed as returns.
#[test]
fn empyrical_quantiles() {
    let values = [1.0, 81.0, 82.0, 83.0, 84.0, 85.0];
    for (p, expected) in [(0.1, 41.0), (0.2, 81.0), (0.3, 81.5)] {
        let actual = quantile(&values, p, QuantileRule::Linear).expect("a quantile");
        close("quantile", &[actual], &[expected], 1e-12);
    }
}

/// numpy 2.4.6 `quantile(y, p, method=…)` at p = .01, .05, .5, .9, 1.
#[test]
fn quantiles_agree_with_numpy() {
    let o = Oracle::read();
    let names = ["linear", "lower", "higher", "inverted_cdf", "weibull", "median_unbiased"];
    for (rule, name) in RULES.into_iter().zip(names) {
        let p = [0.01, 0.05, 0.5, 0.9, 1.0];
        let expected = o.get(&format!("quantile_{name}"));
        let actual = p.map(|p| quantile(o.get("y"), p, rule).expect("a quantile"));
        close(name, &actual, expected, 1e-15);
    }
}

/// Methodology C1: first with the SD of n − 1 and population skewness and kurtosis, then with
/// population moments throughout.
#[test]
fn parametric_tails() {
    let fit = Fit::cornish_fisher(&[RETURNS.to_vec()]).expect("a fit");
    let (skewness, kurtosis) = (fit.skewness, fit.excess_kurtosis);
    close("skewness, excess kurtosis", &[skewness, kurtosis], &[-0.457_862, -0.371_470], 5e-7);
    let z = normal::quantile(0.05).expect("inside (0, 1)");
    let bent = normal::cornish_fisher(z, skewness, kurtosis);
    let mean = moments::mean(&RETURNS).expect("values");
    for (ddof, gaussian, cornish_fisher) in
        [(Ddof::Sample, 0.038_942, 0.041_762), (Ddof::Population, 0.038_063, 0.040_812)]
    {
        let sd = moments::standard_deviation(&RETURNS, ddof).expect("spread");
        let actual = [-(mean + z * sd), -(mean + bent * sd)];
        close("VaR", &actual, &[gaussian, cornish_fisher], 5e-7);
    }
}

/// Oracle `parametric`: moments by scipy, expected shortfall by quadrature.
#[test]
fn fitted_distributions() {
    let o = Oracle::parametric();
    let series = [o.get("parametric_series").to_vec()];
    let fits = [
        ("gaussian", Fit::normal(&series)),
        ("cornish_fisher", Fit::cornish_fisher(&series)),
        ("ewma", Fit::ewma(&series, 0.94, 60)),
    ];
    for (name, fit) in fits {
        let fit = fit.expect("moments");
        let tail = |level: &f64| {
            let tail = fit.tail(*level).expect("inside the domain");
            [tail.value_at_risk, tail.expected_shortfall]
        };
        let found: Vec<f64> = o.get("parametric_levels").iter().flat_map(tail).collect();
        close_relative(name, &found, o.get(name), 1e-9);
        match name {
            "cornish_fisher" => {
                let found = [fit.mean, fit.deviation, fit.skewness, fit.excess_kurtosis];
                close_relative("moments", &found, o.get("moments"), 1e-12);
            }
            "ewma" => close_relative("deviation", &[fit.deviation], o.get("ewma_deviation"), 1e-12),
            _ => {}
        }
    }
}
