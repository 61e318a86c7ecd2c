//! What a store cannot do, why, and whether the same call may succeed later.

use std::{error::Error, fmt};

/// What a store cannot do, and why.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer committed first; prepare the batch again on the new head.
    #[error("the head moved to revision {head} while the batch was prepared")]
    HeadMoved {
        /// The head now.
        head: u64,
    },
    /// A request id was used again for something else.
    #[error("request id {request_id} was used before for other content")]
    RequestIdReused {
        /// The id.
        request_id: String,
    },
    /// The store does not hold what was written to it.
    #[error("the store is damaged: {0}")]
    Damaged(
        /// What is wrong, and where.
        String,
    ),
    /// There is no store at this place, or an empty file.
    #[error("there is no store at {0}")]
    Missing(String),
    /// The database at this place holds no store: another program's, or one damaged at its root.
    #[error("{0} is a database that holds no store")]
    Foreign(String),
    /// The store's files, or the log in them, were replaced while they were in use: what is written
    /// now would be lost.
    #[error("the store was replaced while it was in use: {0}")]
    Replaced(String),
    /// The store was opened to be read.
    #[error("the store was opened to be read only")]
    ReadOnly,
    /// The store was written by a newer binary in a way this one cannot read.
    #[error("the store needs a reader of version {needed}, this binary is {ours}")]
    TooNew {
        /// The reader version it needs.
        needed: u32,
        /// Ours.
        ours: u32,
    },
    /// The URL names no store we know.
    #[error("{0} is not the URL of a store: use sqlite:PATH")]
    Url(String),
    /// A file cannot be used as asked: its name is taken, or what lies beside it stands in the way.
    #[error("{0}")]
    FileRefused(String),
    /// Facts that the codec refuses. It refuses no finite column, so this is a fault of the program.
    #[error("facts cannot be packed: {0}")]
    Unpackable(String),
    /// The process is shutting down: the work was dropped before its end.
    #[error("the process is shutting down")]
    ShuttingDown,
    /// The database refused or is away.
    #[error("the database failed")]
    Database(#[source] DatabaseError),
    /// A file of the store could not be read or written.
    #[error("a file of the store could not be read or written")]
    File(#[from] std::io::Error),
}

/// An error of a database's driver that is no damage, with what the backend knows of its code.
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

/// What becomes of a failure with time.
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
    /// Whether the same call may succeed later. A caller relies on it to decide whether to send the
    /// same request again, perhaps with gigabytes.
    pub fn outlook(&self) -> Outlook {
        match self {
            // Files that are gone or replaced may be put back, and those in the way moved away.
            StoreError::HeadMoved { .. }
            | StoreError::File(_)
            | StoreError::FileRefused(_)
            | StoreError::Missing(_)
            | StoreError::Replaced(_)
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
