//! Portfolios: submitted lines, their valuation in a market, and the CSV files that desks keep.

pub mod book;
pub mod convexity;
pub mod coverage;
pub mod csv;
pub mod currencies;
pub mod derivative;
pub mod identifier;
pub mod lines;
pub mod lookup;
pub mod netting;
pub mod old_rates;
pub mod option;
pub mod registry;
pub mod resolve;
pub mod unresolved;

mod join;
mod left_out;
mod lot;
