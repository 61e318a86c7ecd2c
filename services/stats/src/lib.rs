//! Statistics without market terms: moments, ranks, regression, quantiles, tails.
//!
//! Conventions, for the whole crate:
//! - Slices in, small structs out. What cannot be computed is `None` or an error, never NaN.
//! - Sample or population is always named: [`moments::Ddof`]. Skewness and kurtosis are population.
//! - Series run from the oldest value to the newest.
//! - Transcendental functions come from `libm` and sums run in a fixed order: equal inputs give
//!   equal bits on every machine.
//! - Random draws come only from a seed, and state is kept only in a workspace that the caller
//!   holds.
//!
//! Modules are declared in reading order.

pub mod backtest;
pub mod change;
pub mod cholesky;
pub mod classification;
pub mod clustered;
pub mod collinearity;
pub mod covariance;
pub mod effective_bets;
pub mod eigen;
pub mod eigen_adjustment;
pub mod ewma;
pub mod filter;
pub mod forecast_check;
pub mod grouped;
pub mod kernel;
pub mod ledoit_wolf;
pub mod lift;
pub mod logit;
pub mod long_run;
pub mod matrix;
pub mod moments;
pub mod newey_west;
pub mod normal;
pub mod parametric;
pub mod paths;
pub mod quantile;
pub mod rank;
pub mod regression;
pub mod returns;
pub mod rng;
pub mod robust;
pub mod scenarios;
pub mod shortfall_test;
pub mod shrink;
pub mod stationary_bootstrap;
pub mod tail;

mod design;
