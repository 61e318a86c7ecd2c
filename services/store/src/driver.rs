//! What the driver's errors mean to a caller.

use crate::{DatabaseError, Outlook, StoreError, postgres, sqlite};
use sqlx::{postgres::PgDatabaseError, sqlite::SqliteError};

impl From<sqlx::Error> for StoreError {
    /// Distinguishes damage from a database that fails, is unreachable or takes no writes.
    fn from(error: sqlx::Error) -> StoreError {
        if postgres::is_read_only(&error) {
            return StoreError::Unwritable;
        }
        match outlook(&error) {
            Outlook::Damaged => StoreError::Damaged(error.to_string()),
            outlook => StoreError::Database(DatabaseError { outlook, cause: error.into() }),
        }
    }
}

fn outlook(error: &sqlx::Error) -> Outlook {
    match error {
        // Every query for exactly one row asks for one that always exists, and every column has the
        // type it is read as, so these errors mean damage.
        sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Outlook::Damaged
        }
        // A message out of order comes from a connection that broke; it is never used again.
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::InvalidSavePointStatement => Outlook::MayPass,
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<SqliteError>() {
                sqlite::outlook(error)
            } else if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                postgres::outlook(error)
            } else {
                Outlook::Stays
            }
        }
        _ => Outlook::Stays,
    }
}
