//! Transactions whose connection is reused only if they ended cleanly, and that never wait for ever.
//!
//! A connection is closed, and the pool opens another, if a statement of its transaction failed, or
//! if the transaction did not end with a COMMIT or ROLLBACK that was answered (the connection
//! broke, or the future was dropped): the state of its session is unknown.
//!
//! The limits that a transaction sets at its beginning are kept by the database. A database that is
//! gone without a word keeps none, so every answer is also awaited for a limited time.

use super::sql;
use crate::{DatabaseError, Outlook, StoreError};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, RawSql, pool::PoolConnection};
use std::time::Duration;
use tokio::time::{Instant, error::Elapsed, timeout_at};

/// How long an answer is awaited: longer than the database lets a statement run.
const ANSWER: Duration = Duration::from_secs(45);

/// A transaction in progress.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: PoolConnection<Postgres>,
    has_ended: bool,
}

impl Transaction {
    /// Begins with some statements.
    pub(super) async fn begin(
        pool: &PgPool,
        statements: &'static str,
    ) -> Result<Transaction, StoreError> {
        let connection = pool.acquire().await?;
        Transaction::begun(connection, sqlx::raw_sql(statements)).await
    }

    /// Begins one that only reads. With an end, it waits for its connection only until then, and the
    /// database ends statements that run longer.
    pub(super) async fn begin_read(
        pool: &PgPool,
        end: Option<Instant>,
    ) -> Result<Transaction, StoreError> {
        let connection = match end {
            Some(end) => timeout_at(end, pool.acquire()).await.map_err(late)?,
            None => pool.acquire().await,
        }?;
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let statements = sql::begin_read(left.unwrap_or(sql::LONGEST_STATEMENT));
        // A text of constants and one number.
        Transaction::begun(connection, sqlx::raw_sql(AssertSqlSafe(statements))).await
    }

    async fn begun(
        connection: PoolConnection<Postgres>,
        statements: RawSql,
    ) -> Result<Transaction, StoreError> {
        let mut transaction = Transaction { connection, has_ended: false };
        answered(statements.execute(transaction.connection())).await?;
        Ok(transaction)
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.finish(sql::COMMIT).await
    }

    pub(super) async fn roll_back(self) -> Result<(), StoreError> {
        self.finish(sql::ROLLBACK).await
    }

    async fn finish(mut self, statement: &'static str) -> Result<(), StoreError> {
        let finished = answered(sqlx::raw_sql(statement).execute(self.connection())).await;
        self.has_ended = finished.is_ok();
        finished.map(drop)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.has_ended {
            self.connection.close_on_drop();
            return;
        }
        // The pool asks a connection that comes back for a sign of life, and would wait for it for
        // ever; meanwhile the connection keeps its place.
        let returned = self.connection.return_to_pool();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(ANSWER, returned));
        }
    }
}

/// Awaits the database's answer to a statement.
pub(super) async fn answered<T, E: Into<StoreError>>(
    statement: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER, statement).await {
        Ok(answer) => answer.map_err(E::into),
        Err(elapsed) => Err(late(elapsed)),
    }
}

fn late(elapsed: Elapsed) -> StoreError {
    StoreError::Database(DatabaseError { outlook: Outlook::MayPass, cause: elapsed.into() })
}
