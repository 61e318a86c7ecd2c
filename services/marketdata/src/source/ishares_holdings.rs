//! A fund's holdings as iShares publishes them.

use super::header::Column;

pub(crate) const REQUIRED: &[Column] =
    &[&["ticker"], &["name"], &["asset class"], &["weight (%)"], &["shares", "quantity"]];
