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
use sqlx::{
    AssertSqlSafe, FromRow, PgConnection, PgPool, Postgres, RawSql,
    pool::PoolConnection,
    postgres::{PgArguments, PgRow},
    query::{Query, QueryAs, QueryScalar},
};
use std::time::Duration;
use tokio::time::{Instant, error::Elapsed, timeout_at};

/// How long an answer is awaited: longer than the database lets a statement run.
const ANSWER: Duration = Duration::from_secs(45);

/// The same for a ROLLBACK, which has nothing to wait for: without its answer the connection is closed,
/// which ends the transaction too.
const FAREWELL: Duration = Duration::from_secs(5);

/// Connections to a database.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) connections: PgPool,
    /// Whether each is a session of its own, so that it finds its prepared statements by name.
    pub(super) has_sessions: bool,
}

/// A transaction in progress.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: PoolConnection<Postgres>,
    keeps_statements: bool,
    has_ended: bool,
}

impl Transaction {
    /// Begins with some statements.
    pub(super) async fn begin(
        pool: &Pool,
        statements: &'static str,
    ) -> Result<Transaction, StoreError> {
        let connection = pool.connections.acquire().await?;
        Transaction::begun((connection, pool), sqlx::raw_sql(statements)).await
    }

    /// Begins one that only reads. With an end, it waits for its connection only until then, and the
    /// database ends statements that run longer.
    pub(super) async fn begin_read(
        pool: &Pool,
        end: Option<Instant>,
    ) -> Result<Transaction, StoreError> {
        let connection = match end {
            Some(end) => timeout_at(end, pool.connections.acquire()).await.map_err(late)?,
            None => pool.connections.acquire().await,
        }?;
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let statements = sql::begin_read(left.unwrap_or(sql::LONGEST_STATEMENT));
        // A text of constants and one number.
        Transaction::begun((connection, pool), sqlx::raw_sql(AssertSqlSafe(statements))).await
    }

    async fn begun(
        (connection, pool): (PoolConnection<Postgres>, &Pool),
        statements: RawSql,
    ) -> Result<Transaction, StoreError> {
        let keeps_statements = pool.has_sessions;
        let mut transaction = Transaction { connection, keeps_statements, has_ended: false };
        answered(statements.execute(transaction.connection())).await?;
        Ok(transaction)
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// A statement.
    pub(super) fn query<'q>(&self, statement: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(statement).persistent(self.keeps_statements)
    }

    /// A statement whose rows are read as tuples.
    pub(super) fn rows<'q, Row>(
        &self,
        statement: &'static str,
    ) -> QueryAs<'q, Postgres, Row, PgArguments>
    where
        Row: for<'r> FromRow<'r, PgRow>,
    {
        sqlx::query_as(statement).persistent(self.keeps_statements)
    }

    /// A statement of whose rows the first column is read.
    pub(super) fn scalar<'q, Value>(
        &self,
        statement: &'static str,
    ) -> QueryScalar<'q, Postgres, Value, PgArguments>
    where
        (Value,): for<'r> FromRow<'r, PgRow>,
    {
        sqlx::query_scalar(statement).persistent(self.keeps_statements)
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.finish(sql::COMMIT, ANSWER).await
    }

    pub(super) async fn roll_back(self) -> Result<(), StoreError> {
        self.finish(sql::ROLLBACK, FAREWELL).await
    }

    async fn finish(mut self, statement: &'static str, within: Duration) -> Result<(), StoreError> {
        let finish = sqlx::raw_sql(statement).execute(self.connection());
        let finished = answered_within(within, finish).await;
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
    answered_within(ANSWER, statement).await
}

async fn answered_within<T, E: Into<StoreError>>(
    within: Duration,
    statement: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(within, statement).await {
        Ok(answer) => answer.map_err(E::into),
        Err(elapsed) => Err(late(elapsed)),
    }
}

fn late(elapsed: Elapsed) -> StoreError {
    StoreError::Database(DatabaseError { outlook: Outlook::MayPass, cause: elapsed.into() })
}
