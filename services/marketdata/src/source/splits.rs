//! Changes of price and share units.

use super::header::Column;

pub(crate) const ACTIONS: &[Column] =
    &[&["symbol", "ticker"], &["date"], &["price_factor"], &["share_factor"]];
pub(crate) const FACTORS: &[Column] =
    &[&["symbol", "ticker"], &["raw_close_*"], &["split_adjusted_close"], &["factor"]];
