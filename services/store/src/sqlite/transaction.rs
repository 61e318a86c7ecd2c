//! Transactions whose connection is reused only if they ended cleanly.
//!
//! SQLite rolls a transaction back by itself on a full disk, an I/O error or too little memory. The
//! driver's own transactions would still count it as open, and refuse every later one on that
//! connection. So these transactions begin and end with plain statements, and a connection whose
//! transaction did not end with one of them (it failed, or the future was dropped) is closed; the
//! pool opens another.

use super::{identity::Identity, sql};
use crate::StoreError;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use std::sync::Arc;

/// A pool of connections to one store, all alike.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub(super) pool: SqlitePool,
    /// The files that the connections belong to; `None` for a store in memory, which lives in its
    /// connection, and for a read-only one.
    pub(super) identity: Option<Arc<Identity>>,
    /// Whether the store is lost when its connection closes.
    pub(super) in_memory: bool,
}

/// A transaction in progress.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: PoolConnection<Sqlite>,
    identity: Option<Arc<Identity>>,
    /// Whether the connection may be reused whatever the outcome of the transaction.
    keep: bool,
}

impl Connections {
    /// A connection for single statements.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        verify(self.identity.as_deref())?;
        Ok(self.pool.acquire().await?)
    }

    /// Begins a transaction with the statement, and verifies that the files are still those that
    /// were opened.
    pub(super) async fn begin(&self, statement: &'static str) -> Result<Transaction, StoreError> {
        let connection = self.pool.acquire().await?;
        let identity = self.identity.clone();
        let mut transaction = Transaction { connection, identity, keep: self.in_memory };
        let mut begun = transaction.execute(statement).await;
        if begun.is_err() && self.in_memory {
            // An earlier transaction left open on this connection is rolled back only now.
            transaction.execute(sql::ROLLBACK).await.ok();
            begun = transaction.execute(statement).await;
        }
        begun?;
        if let Err(error) = verify(transaction.identity.as_deref()) {
            transaction.finish(sql::ROLLBACK).await.ok();
            return Err(error);
        }
        Ok(transaction)
    }
}

/// Fails if the files are no longer those that were opened.
fn verify(identity: Option<&Identity>) -> Result<(), StoreError> {
    identity.map_or(Ok(()), Identity::verify)
}

impl Transaction {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits, and verifies that the writes are in the files that the next process will open.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.finish(sql::COMMIT).await?;
        verify(self.identity.as_deref())
    }

    pub(super) async fn roll_back(mut self) -> Result<(), StoreError> {
        self.finish(sql::ROLLBACK).await
    }

    async fn finish(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let finished = self.execute(statement).await;
        self.keep |= finished.is_ok();
        Ok(finished?)
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
