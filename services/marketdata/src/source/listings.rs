//! Lists of listed lines: screeners, and an index's members with their sectors.

use super::header::Column;

pub(crate) const SCREENER: &[Column] =
    &[&["symbol", "ticker"], &["name"], &["last_sale_usd", "last sale"], MARKET_CAP];
const MARKET_CAP: Column = &["market_cap_usd", "market cap"];
pub(crate) const CONSTITUENTS: &[Column] =
    &[&["symbol", "ticker"], &["security", "name"], &["gics sector"]];
