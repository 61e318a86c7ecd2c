//! Short squeezes: who is short, how crowded the short is, and how hard it is to cover.
//!
//! A squeeze needs a crowded short (short interest against float), few shares to buy back (days to
//! cover), and losses (prices and volumes against the shorts). All inputs were published by the
//! as-of date. All share counts of a name are converted to one basis of units before any is divided
//! by another. What cannot be computed is returned as a reason, never as a placeholder such as
//! 999.99 days.
//!
//! [`prepared::prepare`] measures the cross-section once per view, so a request costs only its own
//! lines. The score is where a name's short interest over float stands among all names; it is not a
//! probability and is not calibrated on events. Every other measure is evidence beside it.
//!
//! Modules are declared in reading order.

pub mod assess;
pub mod calibration;
mod common_days;
pub mod cost_basis;
#[cfg(test)]
#[path = "../tests/squeeze/count.rs"]
mod count;
pub mod covering;
pub mod deleveraging;
pub mod disclosed;
pub mod earnings;
pub mod exit;
pub mod fails;
pub mod heavy;
pub mod joint;
pub mod lending;
pub mod market;
pub mod measure;
pub mod name;
mod old_rates;
pub mod prepared;
pub mod rank;
pub mod scenario;
pub mod score;
pub mod sentence;
mod settlements;
pub mod short_sales;
pub mod shorts;
pub mod simulation;
pub mod traded;
pub mod universe;
pub mod watch;
pub mod worked;

/// Model version of the answers of this crate, part of every `SnapshotRef`.
///
/// It changes with every change of code that may alter such an answer, also if the code is in a
/// crate that several services share: then the versions of all services concerned change.
pub const MODEL_VERSION: &str = "squeeze-0.18.0";
