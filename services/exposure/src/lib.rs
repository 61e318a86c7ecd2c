//! Exposure: what a portfolio is a bet on.
//!
//! [`prepared::prepare`] does what all analyses of a view share, most of it in the crate `risk`.
//! [`analyze::analyze`] does what one book needs: long, short, gross and net by size and sector;
//! betas to the market and to small-cap leadership; trades, by default the crowded one (long
//! megacaps, short small caps), and the cost of their unwind; tails, concentration, and gaps.
//! [`explain::explain`] says what a book made between two closes, and through what.
//! [`crowding::measure`] says what it has in common with the crowds of a view, and
//! [`factor_risk::measure`] what risk it has under a factor model, and [`factor_betas::measure`] its
//! betas to factors that a request chooses.
//! Modules are declared in reading order.

pub mod analyze;
pub mod backtest;
pub mod behind;
pub mod blocks;
pub mod crowding;
pub mod crowds;
pub mod explain;
pub mod factor_betas;
pub mod factor_list;
pub mod factor_risk;
pub mod grouping;
pub mod look_through;
pub mod name_covariance;
pub mod parts;
pub mod prepared;
pub mod report;
pub mod request;
pub mod settings;
pub mod trade_members;
pub mod validate;

mod book_betas;
mod breakdown;
mod classification;
mod concentration;
mod courses;
mod day_moves;
mod day_pnl;
mod gaps;
mod groups;
mod history;
mod lacking;
mod listed;
mod membership;
mod parametric;
mod positions;
mod profit;
mod repeat;
mod replay;
mod sizing;
mod stand_in;
mod standard_sizes;
mod sums;
mod tail_returns;
mod tail_risk;
mod top_down;
mod trade;
mod trade_lines;
mod trades;
mod unwind;
mod volatility;

pub use risk::{beta, factor};

// The modules of the risk model that an analysis reads.
use risk::{driver, kernel, name, panel, peers};

/// Model version of the answers of this crate, part of every `SnapshotRef`.
///
/// It changes with every change of code that may alter such an answer, also if the code is in a
/// crate that several services share: then the versions of all services concerned change.
pub const MODEL_VERSION: &str = "exposure-0.15.0";
