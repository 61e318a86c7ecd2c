//! The embedded store: one SQLite file, or one in memory.
//!
//! WAL with `synchronous=FULL`: answered means durable. One connection writes, several read, each
//! read in one snapshot. Writes run in a task of their own, so that a caller who goes away cannot
//! leave one half done.

mod read;
mod sql;
#[cfg(feature = "conformance")]
pub(crate) mod tamper;
mod write;

pub(crate) use write::{beside, refuse_existing, remove_if_there, settle};

use crate::{
    Append, Appended, CheckReport, Compacted, RequestKey, RevisionRecord, Store, StoreError, check,
    parallel::joined,
};
use async_trait::async_trait;
use marketdata::{
    instant::Instant,
    market::{Delta, RevisionMark},
};
use sqlx::{
    SqlSafeStr, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tracing::Instrument;

/// Connections that read.
const READERS: u32 = 4;
/// How long a connection waits for another process's lock.
const BUSY: Duration = Duration::from_secs(10);
/// Pages of 16 KiB: blobs of half a megabyte lie in 32 of them.
const PAGE: u32 = 16_384;
/// The log of writes is cut back to this many bytes when it starts anew.
const JOURNAL: &str = "67108864";

const SEGMENT_MIGRATION: &str = include_str!("../migrations/sqlite/0001_segment.sql");

/// A SQLite store.
#[derive(Debug)]
pub(crate) struct Sqlite {
    write: SqlitePool,
    /// The same as `write` for a store in memory, which only its one connection can see.
    read: SqlitePool,
}

/// Where a SQLite URL points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    File { path: PathBuf, create: bool },
}

impl Place {
    /// Reads what follows `sqlite:`; `?mode=rw` opens only what is there.
    pub(crate) fn parse(rest: &str) -> Option<Place> {
        if rest == ":memory:" {
            return Some(Place::Memory);
        }
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, create) = match rest.split_once('?') {
            None => (rest, true),
            Some((path, "mode=rwc")) => (path, true),
            Some((path, "mode=rw")) => (path, false),
            Some(_) => return None,
        };
        (!path.is_empty()).then(|| Place::File { path: path.into(), create })
    }
}

impl Sqlite {
    /// Opens a store, makes it where there is none, and brings its tables up to date.
    pub(crate) async fn open(place: &Place) -> Result<Sqlite, StoreError> {
        let store = match place {
            Place::Memory => {
                let pool = pool(1).connect_with(tuned(SqliteConnectOptions::new())).await?;
                Sqlite { write: pool.clone(), read: pool }
            }
            Place::File { path, create } => {
                let options = SqliteConnectOptions::new().filename(path);
                let writer = tuned(options.clone().create_if_missing(*create))
                    .journal_mode(SqliteJournalMode::Wal);
                let write = first_connection(&writer).await?;
                let reader = options.read_only(true).busy_timeout(BUSY);
                Sqlite { write, read: pool(READERS).connect_lazy_with(reader) }
            }
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Copies the store in a file to a new one; the source is only read, and may be in use.
    pub(crate) async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        let source = SqliteConnectOptions::new().filename(from).read_only(true).busy_timeout(BUSY);
        let source = pool(1).connect_with(source).await?;
        let copied = write::backup(&source, to).await;
        source.close().await;
        copied
    }

    /// In one transaction that holds the write lock, so that of several starters one does it and the
    /// others find it done. A database that a later binary has migrated further is accepted.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut migrator = Migrator::with_migrations(vec![Migration::new(
            1,
            "segment".into(),
            MigrationType::Simple,
            SEGMENT_MIGRATION.into_sql_str(),
            false,
        )]);
        migrator.set_ignore_missing(true);
        let mut transaction = self.write.begin_with(sql::BEGIN_WRITE).await?;
        let made: i64 = sqlx::query_scalar(sql::HAS_META).fetch_one(&mut *transaction).await?;
        if made != 0 {
            read::refuse_too_new(&mut transaction).await?;
        }
        // Not `run`, whose future tokio could not move between threads.
        migrator.run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn ready(&self) -> Result<(), StoreError> {
        self.head().await.map(|_| ())
    }

    async fn head(&self) -> Result<RevisionMark, StoreError> {
        read::head(&mut *self.read.acquire().await?).await
    }

    async fn load(&self, after: u64) -> Result<Delta, StoreError> {
        read::load(&self.read, after).await
    }

    async fn answer_of(
        &self,
        key: &RequestKey,
        fingerprint: [u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        read::answer(&mut *self.read.acquire().await?, key, fingerprint).await
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let pool = self.write.clone();
        let task = async move { write::append(&pool, append).await };
        joined(tokio::spawn(task.in_current_span()).await)?
    }

    async fn revisions(&self, after: u64, limit: u32) -> Result<Vec<RevisionRecord>, StoreError> {
        read::revisions(&mut *self.read.acquire().await?, after, limit).await
    }

    async fn compact(&self, budget: u64, now: Instant) -> Result<Compacted, StoreError> {
        let (read, write) = (self.read.clone(), self.write.clone());
        let task = async move { write::compact(&read, &write, budget, now).await };
        joined(tokio::spawn(task.in_current_span()).await)?
    }

    async fn check(&self) -> Result<CheckReport, StoreError> {
        check::check(read::contents(&self.read).await?).await
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        write::backup(&self.read, to).await
    }

    async fn close(&self) {
        self.read.close().await;
        // The last connection to close writes the log back into the file.
        self.write.close().await;
    }
}

fn tuned(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .page_size(PAGE)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("journal_size_limit", JOURNAL)
}

/// A pool whose connections stay: a store in memory lives as long as its only one.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Turning a new file's journal into WAL takes a lock that `busy_timeout` does not wait for, so of
/// several starters all but one try again.
async fn first_connection(writer: &SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut attempts_left = BUSY.as_millis() / PAUSE.as_millis();
    loop {
        match pool(1).connect_with(writer.clone()).await {
            Err(error) if is_busy(&error) && 0 < attempts_left => {
                attempts_left -= 1;
                tokio::time::sleep(PAUSE).await;
            }
            other => return Ok(other?),
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    // The low byte of an extended code is the primary one: 5 is SQLITE_BUSY.
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}
