//! Transactions whose connection is reused only if they ended cleanly, and that never wait for ever.
//!
//! A connection whose transaction did not end with a COMMIT or ROLLBACK that was answered (it
//! failed, or the future was dropped) is closed, and the pool opens another. The limits that a
//! transaction sets at its beginning are kept by the database; a database that is gone without a
//! word keeps none, so every answer is also awaited for a limited time.

use super::sql;
use crate::{DatabaseError, Outlook, StoreError};
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use std::time::Duration;

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
        let mut transaction = Transaction { connection, has_ended: false };
        transaction.run(statements).await?;
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
        let finished = self.run(statement).await;
        self.has_ended = finished.is_ok();
        finished
    }

    /// Runs statements without parameters.
    async fn run(&mut self, statements: &'static str) -> Result<(), StoreError> {
        answered(sqlx::raw_sql(statements).execute(self.connection())).await.map(drop)
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
        Err(late) => Err(StoreError::Database(DatabaseError {
            outlook: Outlook::MayPass,
            cause: late.into(),
        })),
    }
}
