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
    Access, Place, StoreError,
    backend::{Backend, Reading, Writing, end},
    url::without_password,
};
use announcements::Announcements;
use async_trait::async_trait;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::Instant;
use transaction::{Transaction, answered};

/// Connections that read; they are opened when needed and closed when idle.
const READERS: u32 = 4;
/// How long a call waits for a free connection; for a write, its turn in this process.
const TURN: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(300);
/// How long a connection is used: connections find a database that moved.
const LIFETIME: Duration = Duration::from_secs(1_800);

/// A store in PostgreSQL.
#[derive(Debug)]
pub(crate) struct PostgreSql {
    /// To the database that serves reads: a standby, or the one that is written.
    read: PgPool,
    /// When reads are no longer awaited.
    reads_end: Option<Instant>,
    /// `None` if the store is read-only.
    write: Option<Arc<Writer>>,
}

/// What a store that may write has besides.
#[derive(Debug)]
struct Writer {
    pool: PgPool,
    /// `None` if a standby serves the reads: a notice would come before what it announces.
    announcements: Option<Announcements>,
}

impl PostgreSql {
    /// Opens the store at a place. The database must exist; the store is created in its current
    /// schema if the access allows it. A standby must have it already.
    pub(crate) async fn open_at(
        place: Place<'_>,
        access: Access,
    ) -> Result<PostgreSql, StoreError> {
        let options = options(place.url)?;
        let mut read = pool(READERS).connect_lazy_with(options.clone());
        migrations::prepare(&read, access, &without_password(place.url)).await?;
        if let Some(standby) = place.standby {
            close(&read).await;
            read = pool(READERS).connect_lazy_with(self::options(standby)?);
            migrations::prepare(&read, Access::Read, &without_password(standby)).await?;
        }
        let write = (access != Access::Read).then(|| {
            Arc::new(Writer {
                pool: pool(1).connect_lazy_with(options.clone()),
                announcements: place.standby.is_none().then(|| Announcements::heard(options)),
            })
        });
        Ok(PostgreSql { read, reads_end: None, write })
    }

    async fn reading(&self, pool: &PgPool) -> Result<Transaction, StoreError> {
        Transaction::begin_read(pool, self.reads_end).await
    }

    /// The database that is written: through the connections that read, unless a standby serves
    /// these.
    fn primary(&self) -> &PgPool {
        match &self.write {
            Some(writer) if writer.announcements.is_none() => &writer.pool,
            _ => &self.read,
        }
    }

    fn announcements(&self) -> Option<&Announcements> {
        self.write.as_ref()?.announcements.as_ref()
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let unreadable = |_: sqlx::Error| StoreError::Url(without_password(url));
    let options: PgConnectOptions = url.parse().map_err(unreadable)?;
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
async fn close(pool: &PgPool) {
    if tokio::time::timeout(TURN, pool.close()).await.is_err() {
        tracing::debug!("a connection that does not answer was not closed");
    }
}

#[async_trait]
impl Backend for PostgreSql {
    async fn begin_read(&self) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(self.reading(&self.read).await?))
    }

    /// Waits for the turn of a write where a standby serves the reads.
    async fn begin_read_of_primary(&self) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(self.reading(self.primary()).await?))
    }

    async fn takes_writes(&self) -> Result<bool, StoreError> {
        let mut reading = self.reading(self.primary()).await?;
        let asked = sqlx::query_as(sql::TAKES_NO_WRITES).fetch_one(reading.connection());
        let (is_standby, is_made_so): (bool, bool) = answered(asked).await?;
        if is_made_so {
            // Sessions keep this setting from their beginning, so this one is not used again.
            drop(reading);
            return Ok(false);
        }
        end(Box::new(reading), Ok(self.write.is_some() && !is_standby)).await
    }

    fn until(self: Arc<Self>, end: Instant) -> Arc<dyn Backend> {
        let (read, write) = (self.read.clone(), self.write.clone());
        Arc::new(PostgreSql { read, reads_end: Some(end), write })
    }

    async fn begin_write(&self) -> Result<Box<dyn Writing>, StoreError> {
        let writer = self.write.as_ref().ok_or(StoreError::ReadOnly)?;
        Ok(Box::new(Transaction::begin(&writer.pool, sql::BEGIN_WRITE).await?))
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
