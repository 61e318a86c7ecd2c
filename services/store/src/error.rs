//! Store errors: the cause, and whether the same call may succeed later.

use std::{error::Error, fmt};

/// Why a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer committed first; prepare the batch again on the new head.
    #[error("the head moved to revision {head} while the batch was prepared")]
    HeadMoved {
        /// The current head.
        head: u64,
    },
    /// A request id was reused with other content.
    #[error("request id {request_id} was used before with other content")]
    RequestIdReused {
        /// The request id.
        request_id: String,
    },
    /// The store does not hold what was written to it.
    #[error("the store is damaged: {0}")]
    Damaged(
        /// The fault and its location.
        String,
    ),
    /// There is no store at this place, or only an empty file.
    #[error("there is no store at {0}")]
    Missing(String),
    /// The database at this place is not a store: it belongs to another program, or its root is
    /// damaged.
    #[error("{0} is a database but not a store")]
    Foreign(String),
    /// The store's files, or the log in them, were replaced while they were in use: new writes
    /// would be lost.
    #[error("the store was replaced while it was in use: {0}")]
    Replaced(String),
    /// The database that serves the reads is no standby, and lacks what was written to the store.
    #[error(
        "the database of the reads is not a standby of the store, and lacks its revision {0} or has \
         another one"
    )]
    Unrelated(u64),
    /// The store was opened read-only.
    #[error("the store was opened read-only")]
    ReadOnly,
    /// The database takes no writes for now, and may take them later.
    #[error(
        "the database is read-only for now: it is a standby, was made read-only, or its role may \
         not write"
    )]
    Unwritable,
    /// The store was written by a newer binary in a way this one cannot read.
    #[error("the store requires reader version {needed}, but this binary has version {ours}")]
    TooNew {
        /// The reader version that the store requires.
        needed: u32,
        /// The reader version of this binary.
        ours: u32,
    },
    /// The URL is not that of a store.
    #[error("{0} is not a store URL: use sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Url(String),
    /// A file cannot be used as requested: its name is taken, or a file beside it prevents it.
    #[error("{0}")]
    FileRefused(String),
    /// The codec failed to pack facts. It accepts every finite column, so this is a bug in this
    /// program.
    #[error("facts cannot be packed: {0}")]
    Unpackable(String),
    /// The process is shutting down: the work was cancelled.
    #[error("the process is shutting down")]
    ShuttingDown,
    /// The database failed or is unreachable.
    #[error("the database failed")]
    Database(#[source] DatabaseError),
    /// A file of the store could not be read or written.
    #[error("a file of the store could not be read or written")]
    File(#[from] std::io::Error),
}

/// A driver error that does not mean damage, with the backend's classification of its code.
#[derive(Debug)]
pub struct DatabaseError {
    pub(crate) outlook: Outlook,
    pub(crate) cause: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for DatabaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

/// Whether a failure may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// A lock, a full disk, a broken connection: the same call may succeed later.
    MayPass,
    /// The same call will fail again.
    Stays,
    /// The store does not hold what was written to it.
    Damaged,
}

impl StoreError {
    /// Whether the same call may succeed later. Callers use it to decide whether to send the same
    /// request again, perhaps with gigabytes.
    pub fn outlook(&self) -> Outlook {
        match self {
            // Missing or replaced files may be restored, files in the way moved, and a standby set up
            // again.
            StoreError::HeadMoved { .. }
            | StoreError::File(_)
            | StoreError::FileRefused(_)
            | StoreError::Missing(_)
            | StoreError::Replaced(_)
            | StoreError::Unrelated(_)
            | StoreError::Unwritable
            | StoreError::ShuttingDown => Outlook::MayPass,
            StoreError::Damaged(_) => Outlook::Damaged,
            StoreError::RequestIdReused { .. }
            | StoreError::TooNew { .. }
            | StoreError::Url(_)
            | StoreError::Foreign(_)
            | StoreError::Unpackable(_)
            | StoreError::ReadOnly => Outlook::Stays,
            StoreError::Database(error) => error.outlook,
        }
    }
}
