//! One line of a portfolio as a part of a holding.

use marketdata::old_rates::OldRate;

/// One line of a holding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lot {
    /// Index of the line.
    pub line: usize,
    /// Market value in the portfolio's currency, negative for a short.
    pub market_value: f64,
    /// Shares in the units of the view's day, negative for a short. `None` without a price.
    pub shares: Option<f64>,
    /// Whether the line gave a market value, not shares or contracts.
    pub gave_value: bool,
    /// Average cost per share.
    pub average_cost: Option<f64>,
    /// shares · (price − average cost); `None` without a cost or a price.
    pub profit_and_loss: Option<f64>,
    /// The old rate on which its shares rest if they follow from a value, or its value without a price.
    pub old_rate: Option<OldRate>,
    /// Whether its netting set is short. Without another netting: whether the holding is.
    pub is_short: bool,
}
