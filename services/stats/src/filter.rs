//! Filtered historical simulation: past outcomes rescaled to the volatility of the next period.
//!
//! Barone-Adesi, Giannopoulos and Vosper (1999); Hull and White (1998). Outcomes are profits and
//! losses or returns, from the oldest to the newest.
//!
//! Computes a value at risk with its interval, and each position's contribution to the expected
//! shortfall:
//!
//! ```
//! use stats::{filter::filter, quantile::QuantileRule, scenarios::Scenarios};
//!
//! # fn run() -> Option<()> {
//! // Today's positions over past sessions: two positions, whose sum is the book.
//! let first: Vec<f64> = (0..1_060).map(|s| f64::from(s * 37 % 101) - 50.0).collect();
//! let second: Vec<f64> = (0..1_060).map(|s| f64::from(s * 53 % 89) - 44.0).collect();
//! let book: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a + b).collect();
//!
//! let seeds = 60;
//! let filter = filter(&book, seeds, 0.94)?;
//! let pairs = filter.multipliers.iter().zip(&book[seeds..]);
//! let scenarios: Vec<f64> = pairs.map(|(m, profit)| m * profit).collect();
//! // With several draws of the past: one series per draw, each with its own multipliers.
//! let scenarios = Scenarios::pooled(&[scenarios])?;
//!
//! let tail = scenarios.tail(0.95, QuantileRule::Linear)?;
//! let interval = scenarios.value_at_risk_interval(0.95, QuantileRule::Linear, 0.90)?;
//! assert!(interval.low? <= tail.value_at_risk && tail.value_at_risk <= interval.high?);
//!
//! let component = |position: &[f64]| -> f64 {
//!     let shares = scenarios.tail_shares(0.95).into_iter().flatten();
//!     let of = |s: usize| filter.multipliers[s] * position[seeds + s];
//!     -shares.map(|(scenario, share)| share * of(scenario.period as usize)).sum::<f64>()
//! };
//! let sum = component(&first) + component(&second);
//! assert!((sum - tail.expected_shortfall).abs() < 1e-9);
//! # Some(())
//! # }
//! # run().expect("values are finite");
//! ```

use crate::{ewma, kernel::all_finite};

/// Volatilities below this share of the outcomes' root mean square are rounding noise, and dividing
/// by them is meaningless. With λ = 0.94 this happens about 450 periods after the last movement.
const NEGLIGIBLE_VOLATILITY: f64 = 1e-6;

/// The filter of a series of outcomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// m_s = σ_{T+1}/σ_s, one for each outcome that is not a seed, oldest first. The scenario of an
    /// outcome x_s is m_s·x_s. The multiplier is 1 if σ_s is zero or negligible.
    pub multipliers: Vec<f64>,
    /// σ_{T+1}, the volatility forecast for the period after the last outcome.
    pub volatility: f64,
    /// Number of outcomes that are not rescaled because σ_s is zero or negligible: nothing moved
    /// for so long before them that there is no volatility to divide by.
    pub unscaled: usize,
}

/// Filters a series whose first `seeds` outcomes only initialise the volatility.
///
/// σ²_{s+1} = λσ²_s + (1−λ)x²_s. σ_s uses outcomes up to s−1 only. The first σ is the root mean
/// square of the seeds, which are not scenarios themselves. The result depends only on the `values`
/// given, not on older history. Scaling all values by c > 0 scales the volatility by c and leaves
/// the multipliers unchanged.
///
/// `None` for no seeds, no outcome after them, λ outside (0, 1) or a value that is not finite.
#[must_use]
pub fn filter(values: &[f64], seeds: usize, lambda: f64) -> Option<Filter> {
    let (seeds, outcomes) = values.split_at_checked(seeds)?;
    if seeds.is_empty() {
        return None;
    }
    filter_from(outcomes, mean_square(seeds), lambda)
}

/// [`filter`] with a given initial variance σ²₁; every value is an outcome.
///
/// `None` for no outcomes, λ outside (0, 1), or a value that is negative (the variance) or not
/// finite.
#[must_use]
pub fn filter_from(outcomes: &[f64], initial_variance: f64, lambda: f64) -> Option<Filter> {
    if outcomes.is_empty() {
        return None;
    }
    let mut variances = ewma::variance_forecasts(outcomes, lambda, initial_variance)?;
    let volatility = variances.pop()?.sqrt();
    let negligible = NEGLIGIBLE_VOLATILITY * mean_square(outcomes).sqrt();
    let mut unscaled = 0;
    let mut multipliers = variances;
    for slot in &mut multipliers {
        let own = slot.sqrt();
        // `<=`, so that zero is negligible if every outcome is zero.
        let is_negligible = own <= negligible;
        unscaled += usize::from(is_negligible);
        *slot = if is_negligible { 1.0 } else { volatility / own };
    }
    all_finite(&multipliers).then_some(Filter { multipliers, volatility, unscaled })
}

/// √(λ + (1−λ)z²/q) of each outcome, z = m·x/σ_{T+1} and q the mean of z²: what it does to the
/// volatility of the period after it, on a simulated path that takes it ([`crate::paths`]).
///
/// Over all outcomes the squares of the growths have the mean 1, so a path expects no other variance of
/// later periods: residuals have unit variance (Barone-Adesi, Giannopoulos and Vosper 1999). Without q
/// the variance would grow by 1 + (1−λ)(q − 1) per period, and q is above 1 where the recursion lags
/// behind jumps.
///
/// If σ_{T+1} is zero or negligible, or no outcome moves, z says nothing and every growth is 1.
#[must_use]
pub fn growths(filter: &Filter, outcomes: &[f64], lambda: f64) -> Vec<f64> {
    let still = vec![1.0; filter.multipliers.len()];
    if filter.volatility <= NEGLIGIBLE_VOLATILITY * mean_square(outcomes).sqrt() {
        return still;
    }
    let pairs = filter.multipliers.iter().zip(outcomes);
    let squares: Vec<f64> = pairs.map(|(m, x)| (m * x / filter.volatility).powi(2)).collect();
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    if mean <= 0.0 {
        return still;
    }
    squares.iter().map(|z| (1.0 - lambda).mul_add(z / mean, lambda).sqrt()).collect()
}

fn mean_square(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64
}
