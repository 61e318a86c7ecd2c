//! Whether the same call may succeed later: what a caller who tries again must know.

use crate::StoreError;

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
    /// Whether the same call may succeed later. Of the codes of a database only those of a passing
    /// state count as such: a caller who is told so tries again, perhaps with gigabytes.
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
            StoreError::Database(error) => of_database(error),
        }
    }
}

fn of_database(error: &sqlx::Error) -> Outlook {
    match error {
        sqlx::Error::Database(error) => {
            // The low byte of an extended code is the primary one.
            let code = error.code().and_then(|code| code.parse::<u32>().ok());
            code.map_or(Outlook::Stays, |code| of_sqlite(code & 0xff))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::InvalidSavePointStatement => Outlook::MayPass,
        _ => Outlook::Stays,
    }
}

/// SQLite's primary result codes (sqlite.org/rescode.html).
fn of_sqlite(code: u32) -> Outlook {
    match code {
        // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
        5..=10 | 13..=15 => Outlook::MayPass,
        // CORRUPT, NOTADB.
        11 | 26 => Outlook::Damaged,
        // ERROR, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, RANGE and whatever comes.
        _ => Outlook::Stays,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::{Connection as _, SqliteConnection};

    #[tokio::test]
    async fn what_is_too_big_today_is_too_big_tomorrow() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let fault = async |connection: &mut SqliteConnection, sql: &'static str| {
            StoreError::from(sqlx::query(sql).execute(connection).await.unwrap_err()).outlook()
        };
        // SQLITE_TOOBIG: more than a thousand million bytes in one value.
        assert_eq!(fault(&mut connection, "SELECT zeroblob(2000000000)").await, Outlook::Stays);
        assert_eq!(fault(&mut connection, "SELECT * FROM nowhere").await, Outlook::Stays);
        assert_eq!(of_sqlite(5), Outlook::MayPass);
        assert_eq!(of_sqlite(13), Outlook::MayPass);
        assert_eq!(of_sqlite(11), Outlook::Damaged);
        assert_eq!(StoreError::from(sqlx::Error::PoolTimedOut).outlook(), Outlook::MayPass);
    }
}
