//! Answers as text for people: tables, signs, units, and a sentence that sums them up.

pub(crate) mod number;
pub(crate) mod page;
pub(crate) mod table;

pub(crate) mod evidence;

pub(crate) mod ingest;

pub(crate) mod narrative;

mod reading;
pub(crate) mod rotation;

pub(crate) mod factor_betas;
pub(crate) mod factors;

pub(crate) mod crowding;
mod day_itself;
pub(crate) mod exposure;
pub(crate) mod look_through;
pub(crate) mod titles;

pub(crate) mod trades;

pub(crate) mod trade_members;

pub(crate) mod pnl;

pub(crate) mod backtest;

pub(crate) mod batch;

pub(crate) mod book_history;
mod book_row;

pub(crate) mod disclosed;
pub(crate) mod lending;
pub(crate) mod short_costs;
pub(crate) mod squeeze;
pub(crate) mod squeeze_simulation;
pub(crate) mod squeeze_watch;

pub(crate) mod calibration;
pub(crate) mod change;

pub(crate) mod stress;

pub(crate) mod hedge;
mod hedge_options;
pub(crate) mod plan;
pub(crate) mod ways_out;

pub(crate) mod records;

pub(crate) mod risk;
pub(crate) mod risk_model;

pub(crate) mod history;

pub(crate) mod datasets;
