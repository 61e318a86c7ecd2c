//! FINRA's consolidated short interest: pipe-delimited, twice a month, under new and old column names.

use super::header::Column;

pub(crate) const SYMBOL: Column = &["symbolCode", "issueSymbolIdentifier"];
pub(crate) const SETTLEMENT: Column = &["settlementDate"];
pub(crate) const CURRENT: Column = &["currentShortPositionQuantity", "currentShortShareNumber"];
pub(crate) const REQUIRED: &[Column] = &[SYMBOL, CURRENT, SETTLEMENT];
