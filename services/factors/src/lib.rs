//! Series and classifications that several services share, each defined once.
//!
//! In the order of their dependence, each module importing from those before it alone: `comparison`,
//! `roles`, `issuer`, `sector`, `kind`, `short_ratio`, `market_value`, `average_volume`, `size`,
//! `size_scheme`, `caps`, `basket`, `moves`, `line`, `spread`, `returns`, `trading`, `most_shorted`,
//! `fund_holdings`, `funds`, `fund_line`, `look_through`, `trade`, `short_history`, `impact`, `schedule`,
//! `squeeze_threshold`, `manager_holdings`, `exit_curve`, `usual_change`. `known` is a part of `short_history` and of `most_shorted`.

pub mod average_volume;
pub mod basket;
pub mod caps;
pub mod comparison;
pub mod exit_curve;
pub mod fund_holdings;
pub mod fund_line;
pub mod funds;
pub mod impact;
pub mod issuer;
pub mod kind;
mod known;
pub mod line;
pub mod look_through;
pub mod manager_holdings;
pub mod market_value;
pub mod most_shorted;
pub mod moves;
pub mod returns;
pub mod roles;
pub mod schedule;
pub mod sector;
pub mod settlement_calendar;
pub mod settlement_days;
pub mod short_history;
pub mod short_ratio;
pub mod size;
pub mod size_scheme;
pub mod spread;
pub mod squeeze_threshold;
pub mod trade;
pub mod trading;
pub mod usual_change;
