//! Filtered history, pooled scenarios, and the intervals of their quantiles.

use stats::filter::{filter, filter_from};
use stats::quantile::QuantileRule;
use stats::scenarios::{Scenario, Scenarios};
use stats::stationary_bootstrap::{long_run_variance, mean_block};

use crate::close;
use crate::oracle::Oracle;

const RULES: [QuantileRule; 6] = [
    QuantileRule::Linear,
    QuantileRule::Lower,
    QuantileRule::Higher,
    QuantileRule::Ceil,
    QuantileRule::Weibull,
    QuantileRule::MedianUnbiased,
];

/// Methodology C4 starts from the mean square of the whole series, which is given here directly: σ
/// of the next day .01708042, scenarios .009997, −.020401, … −.0259645 (given to six places). All
/// digits: oracle `tails`, by weighted sums instead of the recursion.
#[test]
fn filtered_history_from_a_given_variance() {
    let o = Oracle::tails();
    let returns = o.get("filter_c4");
    let mean_square = returns.iter().map(|r| r * r).sum::<f64>() / 10.0;
    let filtered = filter_from(returns, mean_square, 0.94).expect("ten returns");
    close("σ, methodology", &[filtered.volatility], &[0.017_080_42], 5e-9);
    close("σ, oracle", &[filtered.volatility], o.get("filter_c4_sigma"), 1e-16);
    let scenarios: Vec<f64> =
        filtered.multipliers.iter().zip(returns).map(|(m, r)| m * r).collect();
    let printed = [
        0.009_997,
        -0.020_401,
        0.015_109,
        -0.030_416,
        0.004_768,
        0.019_624,
        -0.009_719,
        0.0,
        0.012_281,
        -0.025_964_5,
    ];
    close("scenarios, methodology", &scenarios, &printed, 5.1e-7);
    close("scenarios, oracle", &scenarios, o.get("filter_c4_scenarios"), 1e-15);
    assert_eq!(filtered.unscaled, 0);
}

/// Oracle `tails`: 60 seeds, then 100 outcomes whose volatility doubles half way.
#[test]
fn seeds_give_the_first_volatility_and_are_no_scenarios() {
    let o = Oracle::tails();
    let filtered = filter(o.get("filter_series"), 60, 0.94).expect("outcomes after the seeds");
    close("σ", &[filtered.volatility], o.get("filter_sigma"), 1e-15);
    close("multipliers", &filtered.multipliers, o.get("filter_multipliers"), 1e-12);
}

/// Oracle `tails`: the variance of a resampled mean from the Markov chain of the resampled indices.
#[test]
fn the_closed_form_is_the_variance_of_the_stationary_bootstrap() {
    let o = Oracle::tails();
    for series in ["boot", "boot_short"] {
        let x = o.get(&format!("{series}_x"));
        let (count, x) = (x.len(), x.iter().copied().enumerate().collect::<Vec<_>>());
        let blocks = o.get("boot_blocks").iter().map(|block| *block as usize);
        let actual: Vec<f64> =
            blocks.map(|block| long_run_variance(&x, count, block).expect("a variance")).collect();
        close(series, &actual, o.get(&format!("{series}_v")), 1e-13);
    }
    // The smallest b with b³ ≥ T.
    let blocks = [0, 1, 2, 8, 9, 27, 999, 1_000, 1_001].map(mean_block);
    assert_eq!(blocks, [1, 1, 2, 2, 3, 3, 10, 10, 11]);
}

/// The oracle lists profits period by period.
fn pooled(o: &Oracle) -> Scenarios {
    let profits = o.get("pooled").chunks_exact(4);
    let draw = |d: usize| profits.clone().map(|period| period[d]).collect::<Vec<f64>>();
    Scenarios::pooled(&[draw(0), draw(1), draw(2), draw(3)]).expect("finite profits")
}

fn ragged(o: &Oracle) -> Scenarios {
    let weighed = o.get("ragged").iter().zip(o.get("ragged_weights"));
    let scenarios = weighed.zip(0..).map(|((profit, weight), at)| {
        // The unit of the weights makes no difference.
        Scenario { profit: *profit, weight: 7.0 * weight, period: at % 24, draw: at / 24 }
    });
    Scenarios::of(scenarios.collect(), 24).expect("valid scenarios")
}

/// Oracle `tails`: numpy 2.4.6's weighted quantile, averaged over one period; expected shortfall by
/// the minimisation of Rockafellar and Uryasev.
#[test]
fn weighted_tails() {
    let o = Oracle::tails();
    for (name, scenarios) in [("pooled", pooled(&o)), ("ragged", ragged(&o))] {
        for p in ["0.05", "0.1", "0.13", "0.5"] {
            let confidence = 1.0 - p.parse::<f64>().expect("a number");
            let tails = RULES.map(|rule| scenarios.tail(confidence, rule).expect("a tail"));
            // A border between two scenarios lies inside a cell of the oracle's grid.
            let expected = o.get(&format!("{name}_var_{p}"));
            close(name, &tails.map(|tail| tail.value_at_risk), expected, 1e-4);
            let expected = o.get(&format!("{name}_es_{p}"))[0];
            close(name, &tails.map(|tail| tail.expected_shortfall), &[expected; 6], 1e-12);
        }
    }
}

/// Oracle `tails`: v by the bootstrap's Markov chain, ends by numpy's weighted quantile.
#[test]
fn the_interval_of_a_value_at_risk_inverts_the_error_of_its_exceedances() {
    let o = Oracle::tails();
    let scenarios = pooled(&o);
    let interval = |confidence| {
        let interval = scenarios.value_at_risk_interval(confidence, QuantileRule::Linear, 0.90);
        interval.expect("an interval")
    };
    let at_90 = interval(0.90);
    let low = at_90.low.expect("closed");
    close("90 %", &[low, at_90.exceedance_error], o.get("interval"), 1e-4);
    assert_eq!(at_90.high, None, "less than one of 40 periods remains");
    let at_70 = interval(0.70);
    let ends = [at_70.low.expect("closed"), at_70.high.expect("closed")];
    close("70 %", &ends, &o.get("interval_70")[..2], 1e-4);
    close("error", &[at_70.exceedance_error], &o.get("interval_70")[2..], 1e-13);
    let error = scenarios.expected_shortfall_error(0.70).expect("periods in the tail");
    close("error of ES", &[error], o.get("shortfall_error_70"), 1e-13);
}
