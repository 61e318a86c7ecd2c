//! Signed numbers as portfolio files write them.

use tables::{
    cell::{amount, is_missing},
    refusal::Fault,
};

/// A number with a minus sign before or after it, or in parentheses.
pub(super) fn signed(field: &str, found: &[u8]) -> Result<Option<f64>, Fault> {
    let value = match found.strip_suffix(b"-") {
        Some(positive) if !positive.is_empty() && !is_missing(found) => {
            amount(field, positive)?.map(|read| -read.value)
        }
        _ => amount(field, found)?.map(|read| read.value),
    };
    Ok(value)
}
