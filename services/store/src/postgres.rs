//! The store that many servers share: tables in one schema of a PostgreSQL database.
//!
//! It needs no extension and no superuser, so a managed database will do. A writer locks the one
//! row of the head, which gives out revisions, so that they are gapless and become visible in their
//! order. Commits are announced in the same transaction.

mod announcements;
mod meaning;
mod migrations;
mod read;
mod sql;
mod transaction;
mod write;

pub(crate) use meaning::{is_read_only, outlook};

use crate::{
    Access, DatabaseError, Place, StoreError,
    backend::{Backend, Reading, Writing, end},
    url::without_password,
    usage::{Connections, Usage},
};
use announcements::Announcements;
use async_trait::async_trait;
use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::Instant;
use transaction::{Pool, Transaction, answered};

/// Connections that read; they are opened when needed and closed when idle.
const READERS: u32 = 4;
/// How long a call waits for a free connection; for a write, its turn in this process.
const TURN: Duration = Duration::from_secs(10);
/// How long the reason is awaited for which no connection was made.
const REASON: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(300);
/// How long a connection is used: connections find a database that moved.
const LIFETIME: Duration = Duration::from_secs(1_800);

/// A store in PostgreSQL.
#[derive(Debug)]
pub(crate) struct PostgreSql {
    /// To the database that serves reads: a standby, or the one that is written.
    read: Pool,
    /// When reads are no longer awaited.
    reads_end: Option<Instant>,
    /// `None` if the store is read-only.
    write: Option<Arc<Writer>>,
}

/// What a store that may write has besides.
#[derive(Debug)]
struct Writer {
    pool: Pool,
    /// Whether a standby serves the reads.
    is_beside_standby: bool,
    /// `None` beside a standby, where a notice would come before what it announces, and behind a
    /// pooler.
    announcements: Option<Announcements>,
}

impl PostgreSql {
    /// Opens the store at a place. The database must exist; the store is created in its current
    /// schema if the access allows it. A standby must have it already.
    pub(crate) async fn open_at(
        place: Place<'_>,
        access: Access,
    ) -> Result<PostgreSql, StoreError> {
        let mut read = Pool::to(place.url, READERS)?;
        migrations::prepare(&read, access, &without_password(place.url)).await?;
        if let Some(standby) = place.standby {
            close(&read).await;
            read = Pool::to(standby, READERS)?;
            migrations::prepare(&read, Access::Read, &without_password(standby)).await?;
        }
        if access == Access::Read {
            return Ok(PostgreSql { read, reads_end: None, write: None });
        }
        let (pool, is_beside_standby) = (Pool::to(place.url, 1)?, place.standby.is_some());
        let is_heard = pool.has_sessions && !is_beside_standby;
        let options = options(place.url)?;
        let announcements = is_heard.then(|| Announcements::heard(options));
        let writer = Writer { pool, is_beside_standby, announcements };
        Ok(PostgreSql { read, reads_end: None, write: Some(Arc::new(writer)) })
    }

    async fn reading(&self, pool: &Pool) -> Result<Transaction, StoreError> {
        Transaction::begin_read(pool, self.reads_end).await
    }

    /// The database that is written: through the connections that read, unless a standby serves
    /// these.
    fn primary(&self) -> &Pool {
        match &self.write {
            Some(writer) if writer.is_beside_standby => &writer.pool,
            _ => &self.read,
        }
    }

    fn announcements(&self) -> Option<&Announcements> {
        self.write.as_ref()?.announcements.as_ref()
    }
}

impl Pool {
    /// A pool that connects when it is used.
    fn to(url: &str, connections: u32) -> Result<Pool, StoreError> {
        let connections = pool(connections).connect_lazy_with(options(url)?);
        Ok(Pool { connections, has_sessions: has_sessions(url) })
    }

    /// Why there was no connection: a pool that tried for its time says only that it did.
    async fn reason(&self, error: StoreError) -> StoreError {
        let StoreError::Database(DatabaseError { cause, .. }) = &error else { return error };
        if !matches!(cause.downcast_ref(), Some(sqlx::Error::PoolTimedOut)) {
            return error;
        }
        let options = self.connections.connect_options();
        let connected = async { options.connect().await?.close().await };
        match tokio::time::timeout(REASON, connected).await {
            Ok(Err(reason)) => reason.into(),
            Ok(Ok(())) | Err(_) => error,
        }
    }
}

/// Whether a connection is a session of its own. The URL denies it, by a setting of the driver,
/// behind a pooler that gives each transaction another session. The driver itself would still give
/// statements names, which the sessions then share, and breaks a connection that gets a notice meant
/// for another one.
fn has_sessions(url: &str) -> bool {
    let (_, settings) = url.split_once('?').unwrap_or((url, ""));
    !settings.split('&').any(|setting| setting == "statement-cache-capacity=0")
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let unreadable = |_: sqlx::Error| StoreError::Url(without_password(url));
    // No number is read as a text, and a pooler refuses settings of a session that it does not know.
    let options: PgConnectOptions = url.parse().map_err(unreadable)?;
    let options = options.extra_float_digits(None);
    Ok(match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("ballast"),
    })
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN)
        .idle_timeout(IDLE)
        .max_lifetime(LIFETIME)
}

/// Closes a pool. A connection that does not answer is left to the system.
async fn close(pool: &Pool) {
    if tokio::time::timeout(TURN, pool.connections.close()).await.is_err() {
        tracing::debug!("a connection that does not answer was not closed");
    }
}

#[async_trait]
impl Backend for PostgreSql {
    async fn begin_read(&self) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(self.reading(&self.read).await?))
    }

    fn reads_what_it_writes(&self) -> bool {
        !self.write.as_ref().is_some_and(|writer| writer.is_beside_standby)
    }

    /// Waits for the turn of a write where a standby serves the reads.
    async fn begin_read_of_primary(&self) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(self.reading(self.primary()).await?))
    }

    async fn takes_writes(&self) -> Result<bool, StoreError> {
        let mut reading = self.reading(self.primary()).await?;
        let asked = reading.rows(sql::TAKES_NO_WRITES).fetch_one(reading.connection());
        let (is_standby, is_made_so, may_write): (bool, bool, bool) = answered(asked).await?;
        if is_made_so {
            // Sessions keep this setting from their beginning, so this one is not used again.
            drop(reading);
            return Ok(false);
        }
        let takes_writes = self.write.is_some() && !is_standby && may_write;
        end(Box::new(reading), Ok(takes_writes)).await
    }

    fn usage(&self) -> Usage {
        let read = Some(Connections::of(&self.read.connections));
        let write = self.write.as_ref().map(|writer| Connections::of(&writer.pool.connections));
        Usage { read, write, wal_bytes: None }
    }

    fn until(self: Arc<Self>, end: Instant) -> Arc<dyn Backend> {
        let (read, write) = (self.read.clone(), self.write.clone());
        Arc::new(PostgreSql { read, reads_end: Some(end), write })
    }

    async fn begin_write(&self) -> Result<Box<dyn Writing>, StoreError> {
        let writer = self.write.as_ref().ok_or(StoreError::ReadOnly)?;
        Ok(Box::new(Transaction::begin(&writer.pool, sql::BEGIN_WRITE).await?))
    }

    fn announces(&self) -> bool {
        self.announcements().is_some_and(Announcements::are_heard)
    }

    async fn announced(&self) {
        match self.announcements() {
            Some(announcements) => announcements.next().await,
            None => std::future::pending().await,
        }
    }

    /// The database reuses the space of deleted rows by itself.
    async fn reclaim(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn backup(&self, _: &Path) -> Result<(), StoreError> {
        let text = "PostgreSQL is backed up by its own tools: see OPERATIONS.md".to_owned();
        Err(StoreError::FileRefused(text))
    }

    async fn close(&self) {
        if let Some(announcements) = self.announcements() {
            announcements.end();
        }
        if let Some(writer) = &self.write {
            close(&writer.pool).await;
        }
        close(&self.read).await;
    }
}
