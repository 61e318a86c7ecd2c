//! Transactions whose connection is used again only where they ended cleanly.
//!
//! SQLite rolls a transaction back by itself on a full disk, an I/O error or too little memory. The
//! driver's own transactions keep counting it as open, and refuse every later one on that connection.
//! So these begin and end by plain statements, and a connection whose transaction did not end by one
//! of them (it failed, or the future was dropped) is closed; the pool opens another.

use super::{identity::Identity, sql};
use crate::StoreError;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use std::sync::Arc;

/// Connections to one store, all alike.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub(super) pool: SqlitePool,
    /// The files the connections are to; none for a store in memory, which lives in its connection,
    /// and for one that is only read.
    pub(super) identity: Option<Arc<Identity>>,
    /// Whether the store would be gone with its connection.
    pub(super) in_memory: bool,
}

/// A transaction that is under way.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: PoolConnection<Sqlite>,
    /// Whether the connection may be used again whatever becomes of the transaction.
    keep: bool,
}

impl Connections {
    /// Refuses where the files are not those that were opened any more.
    pub(super) fn verify(&self) -> Result<(), StoreError> {
        self.identity.as_ref().map_or(Ok(()), |identity| identity.verify())
    }

    /// A connection for single statements.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.verify()?;
        Ok(self.pool.acquire().await?)
    }

    /// Begins a transaction by the statement, on the files that were opened.
    pub(super) async fn begin(&self, statement: &'static str) -> Result<Transaction, StoreError> {
        let connection = self.pool.acquire().await?;
        let mut transaction = Transaction { connection, keep: self.in_memory };
        let mut begun = transaction.execute(statement).await;
        if begun.is_err() && self.in_memory {
            // What was left open there is rolled back only now.
            transaction.execute(sql::ROLLBACK).await.ok();
            begun = transaction.execute(statement).await;
        }
        begun?;
        match self.verify() {
            Ok(()) => Ok(transaction),
            Err(error) => transaction.end(Err(error)).await,
        }
    }
}

impl Transaction {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits what went well and rolls back what did not.
    pub(super) async fn end<T, E: From<StoreError>>(
        mut self,
        outcome: Result<T, E>,
    ) -> Result<T, E> {
        let statement = if outcome.is_ok() { sql::COMMIT } else { sql::ROLLBACK };
        let ended = self.execute(statement).await;
        self.keep |= ended.is_ok();
        let value = outcome?;
        ended.map_err(StoreError::from)?;
        Ok(value)
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(statement).execute(&mut *self.connection).await.map(drop)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.keep {
            self.connection.close_on_drop();
        }
    }
}
