//! What is this portfolio a bet on?
//!
//! [`plan::prepare`] does what all analyses of a view share, [`analyze::analyze`] what one book
//! needs: long, short, gross and net by size and sector, betas to the market and to small-cap
//! leadership, the crowded trade (long megacaps, short small caps) and what its unwind would cost,
//! tails, concentration, and what is missing. Modules are declared in reading order.

pub mod analyze;
pub mod beta;
pub mod drivers;
pub mod plan;
pub mod prepared;
pub mod report;
pub mod settings;
pub mod validate;

mod concentration;
mod gaps;
mod history;
mod kernel;
mod name;
mod panel;
mod peers;
mod positions;
mod stand_in;
mod sums;
mod tail_risk;
mod top_down;
mod trade;
