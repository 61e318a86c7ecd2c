//! Exposure: what a portfolio is a bet on.
//!
//! [`prepared::prepare`] does what all analyses of a view share, most of it in the crate `risk`.
//! [`analyze::analyze`] does what one book needs: long, short, gross and net by size and sector;
//! betas to the market and to small-cap leadership; the crowded trade (long megacaps, short small
//! caps) and the cost of its unwind; tails, concentration, and gaps. Modules are declared in
//! reading order.

pub mod analyze;
pub mod prepared;
pub mod report;
pub mod settings;
pub mod validate;

mod concentration;
mod day_pnl;
mod gaps;
mod history;
mod positions;
mod profit;
mod sizing;
mod stand_in;
mod sums;
mod tail_risk;
mod top_down;
mod trade;
mod unwind;

pub use risk::{beta, factor};

// The modules of the risk model that an analysis reads.
use risk::{drivers, kernel, name, panel, peers};
