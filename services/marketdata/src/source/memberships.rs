//! Intervals of membership in an index.

use super::header::Column;

pub(crate) const REQUIRED: &[Column] = &[super::SYMBOL, &["start_date"], &["end_date"]];
