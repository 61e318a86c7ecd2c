//! Whether the same call may succeed later: what a caller who tries again must know.

use crate::{StoreError, sqlite};

/// What becomes of a failure with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// A lock, a full disk, a broken connection: the same call may succeed later.
    MayPass,
    /// The same call will fail again.
    Stays,
    /// The file of the store is no store any more.
    Damaged,
}

impl StoreError {
    /// Whether the same call may succeed later: a caller who is told so tries again, perhaps with
    /// gigabytes.
    pub fn outlook(&self) -> Outlook {
        match self {
            // Files that are gone or replaced may be put back.
            StoreError::HeadMoved { .. }
            | StoreError::File(_)
            | StoreError::Missing(_)
            | StoreError::Replaced(_) => Outlook::MayPass,
            StoreError::Damaged(_) => Outlook::Damaged,
            StoreError::RequestIdReused { .. }
            | StoreError::TooNew { .. }
            | StoreError::Url(_)
            | StoreError::Foreign(_)
            | StoreError::ReadOnly => Outlook::Stays,
            StoreError::Database(error) => sqlite::meaning::outlook(error),
        }
    }
}
