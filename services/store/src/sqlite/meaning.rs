//! Classifies the errors of SQLite (sqlite.org/rescode.html).

use crate::Outlook;
use sqlx::sqlite::SqliteError;

const BUSY: i32 = 5;
const READ_ONLY: i32 = 8;
const CORRUPT: i32 = 11;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;

/// Whether an error may pass. Only codes of a temporary state do.
pub(crate) fn outlook(error: &SqliteError) -> Outlook {
    match code(error) {
        Some(CORRUPT | NOT_A_DATABASE) => Outlook::Damaged,
        // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
        Some(5..=10 | 13..=15) => Outlook::MayPass,
        // ERROR, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, RANGE and unknown codes.
        Some(_) | None => Outlook::Stays,
    }
}

pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(BUSY)
}

/// Whether files beside a read-only database could not be opened or created.
pub(super) fn cannot_open(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(READ_ONLY | CANNOT_OPEN))
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    code(error.as_database_error()?.try_downcast_ref()?)
}

/// The low byte of an extended code is the primary code.
fn code(error: &SqliteError) -> Option<i32> {
    let code: i32 = sqlx::error::DatabaseError::code(error)?.parse().ok()?;
    Some(code & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreError;
    use sqlx::{Connection as _, SqliteConnection};

    #[tokio::test]
    async fn a_value_that_is_too_big_is_a_permanent_failure() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let fault = async |connection: &mut SqliteConnection, sql: &'static str| {
            StoreError::from(sqlx::query(sql).execute(connection).await.unwrap_err()).outlook()
        };
        // SQLITE_TOOBIG: more than a thousand million bytes in one value.
        assert_eq!(fault(&mut connection, "SELECT zeroblob(2000000000)").await, Outlook::Stays);
        assert_eq!(fault(&mut connection, "SELECT * FROM nowhere").await, Outlook::Stays);
        assert_eq!(StoreError::from(sqlx::Error::PoolTimedOut).outlook(), Outlook::MayPass);
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_database_is_damaged() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &[b'x'; 4_096]).unwrap();
        let path = format!("sqlite:{}", file.path().display());
        let refused = SqliteConnection::connect(&path).await;
        let error = match refused {
            Ok(mut opened) => sqlx::query("SELECT * FROM sqlite_schema").execute(&mut opened).await,
            Err(error) => Err(error),
        };
        assert_eq!(StoreError::from(error.unwrap_err()).outlook(), Outlook::Damaged);
    }
}
