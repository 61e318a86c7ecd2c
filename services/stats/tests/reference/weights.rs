//! Exponential weights, shrinkage of estimates, long-run variance.

use stats::ewma::{self, Centre};
use stats::{newey_west, shrink};

use crate::oracle::Oracle;
use crate::{close, close_relative};

/// Methodology C4.
const RETURNS: [f64; 10] = [0.01, -0.02, 0.015, -0.03, 0.005, 0.02, -0.01, 0.0, 0.012, -0.025];

/// Methodology 0: half-life to λ, five decimals.
#[test]
fn half_lives() {
    for (half_life, lambda) in [
        (21.0, 0.96753),
        (42.0, 0.98363),
        (63.0, 0.98906),
        (84.0, 0.99178),
        (126.0, 0.99451),
        (252.0, 0.99725),
        (504.0, 0.99863),
    ] {
        let actual = ewma::lambda_of_half_life(half_life).expect("a half-life");
        close("λ", &[actual], &[lambda], 5e-6);
    }
}

/// Methodology 0: λ = .94 is a half-life of 11.2023 days, and has an effective number of 32.33.
#[test]
fn riskmetrics() {
    let lambda = ewma::lambda_of_half_life(11.2023).expect("a half-life");
    // ln 2/h² · 5e-5, the error of the four digits, times λ.
    close("λ", &[lambda], &[0.94], 3e-7);
    // Of an infinite history it is (1+λ)/(1−λ); of T values that times (1−λ^T)/(1+λ^T).
    let number = |values: usize| {
        ewma::effective_number(&ewma::weights(values, 0.94).expect("weights")).expect("a number")
    };
    close("N", &[number(100_000)], &[32.33], 5e-3);
    let faded = 0.94_f64.powi(40);
    close("N of 40", &[number(40)], &[1.94 / 0.06 * (1.0 - faded) / (1.0 + faded)], 1e-10);
}

/// Formula w_t = (1−λ)λ^{T−t}/(1−λ^T) by hand for T = 3, λ = ½: 1/7, 2/7, 4/7.
/// Mean of 1, 2, 3 is then 17/7; variance about it 1/7·(10/7)² + 2/7·(3/7)² + 4/7·(4/7)² = 182/343.
#[test]
fn weights_mean_and_variance_by_hand() {
    let weights = ewma::weights(3, 0.5).expect("weights");
    close("w", &weights, &[1.0 / 7.0, 2.0 / 7.0, 4.0 / 7.0], 1e-15);
    let values = [1.0, 2.0, 3.0];
    close("mean", &[ewma::mean(&values, 0.5).expect("a mean")], &[17.0 / 7.0], 1e-15);
    let variance = ewma::variance(&values, 0.5, Centre::Mean).expect("a variance");
    close("variance", &[variance], &[182.0 / 343.0], 1e-15);
    // About zero: (1 + 2·4 + 4·9)/7.
    let variance = ewma::variance(&values, 0.5, Centre::Zero).expect("a variance");
    close("about zero", &[variance], &[45.0 / 7.0], 1e-15);
    let volatility = ewma::volatility(&values, 0.5, Centre::Zero).expect("a volatility");
    close("volatility", &[volatility], &[(45.0_f64 / 7.0).sqrt()], 1e-15);
}

/// Methodology C4: λ = .94 from the mean square: σ_{T+1} and the filtered scenarios r/σ_t·σ_{T+1}.
#[test]
fn variance_forecasts_filter_history() {
    let initial = RETURNS.iter().map(|r| r * r).sum::<f64>() / 10.0;
    let forecasts = ewma::variance_forecasts(&RETURNS, 0.94, initial).expect("forecasts");
    let next = forecasts[10].sqrt();
    close("σ", &[next], &[0.017_080_42], 5e-9);
    let scenarios: Vec<f64> =
        RETURNS.iter().zip(&forecasts).map(|(r, v)| r / v.sqrt() * next).collect();
    let expected = [
        0.009_997, -0.020_401, 0.015_109, -0.030_416, 0.004_768, 0.019_624, -0.009_719, 0.0,
        0.012_281, -0.025_965,
    ];
    // Half a unit of the last digit, plus a margin: the last value is −.0259645, given rounded up.
    close("scenarios", &scenarios, &expected, 6e-7);
}

/// Methodology C6: γ₀ 2.8661e-4, γ₁ −1.52369e-4, γ₂ 4.442e-6; two lags give 8.6412667e-5.
#[test]
fn newey_west_variance() {
    let variance = newey_west::variance(&RETURNS, 2).expect("a variance");
    close_relative("L = 2", &[variance], &[8.641_266_7e-5], 1e-8);
    let variance = newey_west::variance(&RETURNS, 0).expect("a variance");
    close_relative("L = 0", &[variance], &[2.8661e-4], 1e-5);
    // By hand: the bandwidth reaches L at T = 100·(L/4)^{4.5}: 100, 272.95, 620.02.
    close(
        "lags",
        &[100, 272, 273, 620, 621].map(|n| newey_west::lags(n) as f64),
        &[4.0, 4.0, 5.0, 5.0, 6.0],
        0.0,
    );
}

/// Methodology B2: se .3, prior with SD .4: weight .64.
#[test]
fn vasicek() {
    let weight = shrink::vasicek_weight(0.3, 0.16).expect("a weight");
    close("Vasicek", &[weight], &[0.64], 1e-15);
    // By hand: 1, 2, 3 have variance 1 about 2; less se² .25.
    let prior = shrink::prior_of(&[1.0, 2.0, 3.0], &[0.5, 0.5, 0.5], 0.01).expect("a prior");
    close("prior", &[prior.mean, prior.variance], &[2.0, 0.75], 1e-15);
    assert!(!prior.floored);
    assert_eq!(shrink::prior_of(&[1.0, 2.0], &[0.5, 0.5], 0.0), None, "no floor");
    let prior = shrink::prior_of(&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0], 0.01).expect("a prior");
    close("floored", &[prior.variance], &[0.01], 0.0);
    assert!(prior.floored);
}

/// Oracle `shrink`: the variance by bracketing, for estimates with unequal errors. One estimate
/// with an error of 4 hardly moves the mean of the others and leaves their spread.
#[test]
fn noisy_estimates_have_little_influence_on_the_prior() {
    let o = Oracle::shrink();
    let prior = |estimates: &str, errors: &str| {
        let prior = shrink::prior_of(o.get(estimates), o.get(errors), 1e-4).expect("a prior");
        [prior.mean, prior.variance]
    };
    close("prior", &prior("estimates", "errors"), o.get("prior"), 1e-12);
    close("noisy", &prior("noisy_estimates", "noisy_errors"), o.get("noisy_prior"), 1e-12);
    let three = shrink::prior_of(&[1.0, 2.0, 6.0], &[0.5, 0.5, 2.0], 1e-4).expect("a prior");
    close("three", &[three.mean, three.variance], o.get("three_prior"), 1e-12);
}
