//! A past day on today's positions.

use super::DayPnl;
use marketdata::day::Day;

/// Effect of the returns of one past day on today's positions, at today's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// The day.
    pub on: Day,
    /// P&L of the book.
    pub pnl: f64,
    /// The market's return that day.
    pub market_return: f64,
    /// Return of the small-cap index less that of the market on that day.
    pub size_spread: Option<f64>,
    /// What today's shares made on the day itself.
    pub day: DayPnl,
    /// Number of names without a return on that day, for which β_market·m + β_size·s is used.
    pub proxied_names: u32,
    /// Their share of gross.
    pub proxied_gross_share: f64,
    /// The trades of the report on that day, in their order.
    pub trades: Vec<TradeRepeat>,
}

/// A trade on a repeated day.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeRepeat {
    /// Its return on that day. `None` if it has none, or before the panel.
    pub trade_return: Option<f64>,
    /// P&L by leg, everything else last; they sum to the book's.
    pub leg_pnl: Vec<f64>,
}
