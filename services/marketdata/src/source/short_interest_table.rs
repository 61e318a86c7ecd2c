//! Short interest of the whole market with float and shares outstanding.

use super::header::Column;

pub(crate) const REQUIRED: &[Column] =
    &[&["symbol", "ticker"], &["short_interest_date"], &["shares_sold_short"]];
