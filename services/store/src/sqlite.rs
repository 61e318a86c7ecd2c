//! The embedded store: one SQLite file, or one in memory.
//!
//! WAL with `synchronous=FULL`: answered means durable. One connection writes, several read, each
//! read in one snapshot.

mod copy;
mod identity;
mod meaning;
mod migrations;
mod read;
mod sql;
#[cfg(feature = "conformance")]
pub(crate) mod tamper;
mod transaction;
mod write;

pub use copy::restore;

use crate::{
    Access, StoreError,
    backend::{Backend, Reading, Writing},
};
use async_trait::async_trait;
use identity::Identity;
use meaning::{cannot_open, is_busy};
use sqlx::{
    SqlitePool,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use transaction::Connections;

/// Connections that read.
const READERS: u32 = 4;
/// How long a connection waits for another process's lock.
const BUSY: Duration = Duration::from_secs(10);
/// How long a call waits for a connection that others use: a write, for its turn.
const TURN: Duration = Duration::from_secs(30);
/// Pages of 16 KiB: blobs of half a megabyte lie in 32 of them.
const PAGE: u32 = 16_384;
/// The log of writes is cut back to this many bytes when it starts anew.
const JOURNAL: &str = "67108864";

/// A SQLite store.
#[derive(Debug)]
pub(crate) struct Sqlite {
    /// None where the store is only read.
    write: Option<Connections>,
    /// The same as `write` for a store in memory, which only its one connection can see.
    read: Connections,
    /// One connection that is never used again. It holds the files open for as long as the store is,
    /// so that SQLite does not make new ones beside the database when another connection closes, and
    /// so that the system gives their numbers to no other files.
    anchor: Option<SqlitePool>,
}

/// Where a SQLite URL points.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Memory,
    File {
        path: PathBuf,
        /// Whether the URL says that a store may be made, or may not; none where it says nothing.
        create: Option<bool>,
    },
}

impl Place {
    /// Reads what follows `sqlite:`; `?mode=rw` opens only what is there.
    fn parse(rest: &str) -> Option<Place> {
        if rest == ":memory:" {
            return Some(Place::Memory);
        }
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, create) = match rest.split_once('?') {
            None => (rest, None),
            Some((path, "mode=rwc")) => (path, Some(true)),
            Some((path, "mode=rw")) => (path, Some(false)),
            Some(_) => return None,
        };
        (!path.is_empty()).then(|| Place::File { path: path.into(), create })
    }
}

impl Sqlite {
    /// Opens the store that a URL names.
    pub(crate) async fn open_url(url: &str, access: Access) -> Result<Sqlite, StoreError> {
        let place = url.strip_prefix("sqlite:").and_then(Place::parse);
        let (path, create) = match place.ok_or_else(|| StoreError::Url(url.to_owned()))? {
            Place::Memory => return Sqlite::in_memory().await,
            Place::File { path, create } => (path, create),
        };
        match access {
            Access::Create => Sqlite::open(&path, create.unwrap_or(true)).await,
            Access::Write => Sqlite::open(&path, create.unwrap_or(false)).await,
            Access::Read => Sqlite::open_read_only(&path).await,
        }
    }

    /// Opens a store, makes it where there is none and one may be made, and brings its tables up to
    /// date.
    async fn open(path: &Path, create: bool) -> Result<Sqlite, StoreError> {
        if create {
            prepare_file(path).await?;
        }
        refuse_missing(path, create).await?;
        let options = SqliteConnectOptions::new().filename(path);
        let writer = tuned(options.clone()).journal_mode(SqliteJournalMode::Wal);
        let write = first_connection(&writer).await?;
        migrations::migrate(&write, Some(path), create).await?;
        read::refuse_damaged_answers(&mut *write.acquire().await?).await?;
        let reader = options.read_only(true).busy_timeout(BUSY);
        let anchor = pool(1).connect_with(reader.clone()).await?;
        // A connection opens the log of writes when it reads for the first time.
        sqlx::query(sql::TABLES).fetch_one(&anchor).await?;
        let identity = Some(Arc::new(Identity::of(path)?));
        let read = pool(READERS).connect_lazy_with(reader);
        Ok(Sqlite {
            write: Some(Connections { pool: write, identity: identity.clone(), in_memory: false }),
            read: Connections { pool: read, identity, in_memory: false },
            anchor: Some(anchor),
        })
    }

    async fn in_memory() -> Result<Sqlite, StoreError> {
        let pool = pool(1).connect_with(tuned(SqliteConnectOptions::new())).await?;
        migrations::migrate(&pool, None, true).await?;
        let connections = Connections { pool, identity: None, in_memory: true };
        Ok(Sqlite { write: Some(connections.clone()), read: connections, anchor: None })
    }

    /// Opens a store that is there, as it is. SQLite itself opens a file that cannot be written for
    /// reading, but still wants to make its log of writes beside it. Where it cannot and there is no
    /// log, no process is writing, and the file is read by itself.
    async fn open_read_only(path: &Path) -> Result<Sqlite, StoreError> {
        refuse_missing(path, false).await?;
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY);
        let read = match readable(options.clone()).await {
            Err(error) if cannot_open(&error) => {
                refuse_log(path).await?;
                readable(options.immutable(true)).await?
            }
            other => other?,
        };
        if !migrations::has_meta(&mut *read.acquire().await?).await? {
            return Err(StoreError::Foreign(path.display().to_string()));
        }
        let read = Connections { pool: read, identity: None, in_memory: false };
        Ok(Sqlite { write: None, read, anchor: None })
    }
}

/// Makes the file of a new store, for its owner alone; one that is there is left as it is.
async fn prepare_file(path: &Path) -> Result<(), StoreError> {
    copy::refuse_leftover(path).await?;
    if identity::make_private(path)? {
        tracing::warn!(path = %path.display(), "there was no store: made a new, empty one");
    }
    Ok(())
}

/// An empty file is no store, unless one may be made of it.
async fn refuse_missing(path: &Path, create: bool) -> Result<(), StoreError> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) if create || 0 < metadata.len() => Ok(()),
        Ok(_) => Err(StoreError::Missing(path.display().to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StoreError::Missing(path.display().to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a log of writes beside a database that cannot be opened with it. An empty log counts: it
/// is that of a store that was just opened, and may be written to.
async fn refuse_log(path: &Path) -> Result<(), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    if tokio::fs::try_exists(name).await? {
        let text = format!(
            "the log of writes beside {} can only be read where files can be made: copy both to \
             another folder",
            path.display()
        );
        return Err(StoreError::FileRefused(text));
    }
    Ok(())
}

/// Connections that have read something.
async fn readable(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let pool = pool(READERS).connect_with(options).await?;
    sqlx::query(sql::TABLES).fetch_one(&pool).await?;
    Ok(pool)
}

#[async_trait]
impl Backend for Sqlite {
    async fn begin_read(&self) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(self.read.begin(sql::BEGIN_READ).await?))
    }

    async fn begin_write(&self) -> Result<Box<dyn Writing>, StoreError> {
        let writer = self.write.as_ref().ok_or(StoreError::ReadOnly)?;
        Ok(Box::new(writer.begin(sql::BEGIN_WRITE).await?))
    }

    async fn reclaim(&self) -> Result<(), StoreError> {
        match &self.write {
            Some(writer) => write::reclaim(writer).await,
            None => Ok(()),
        }
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        copy::backup(&self.read, to).await
    }

    async fn close(&self) {
        self.read.pool.close().await;
        if let Some(anchor) = &self.anchor {
            anchor.close().await;
        }
        // The last connection to close writes the log back into the file.
        if let Some(write) = &self.write {
            write.pool.close().await;
        }
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
        .acquire_timeout(TURN)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Turning a new file's journal into WAL takes a lock that `busy_timeout` does not wait for, so of
/// several starters all but one try again.
async fn first_connection(writer: &SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    const PAUSE: Duration = Duration::from_millis(20);
    // By time and not by attempts: each may wait as long as a lock is waited for.
    let deadline = tokio::time::Instant::now() + BUSY;
    loop {
        match pool(1).connect_with(writer.clone()).await {
            Err(error) if is_busy(&error) && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            other => return Ok(other?),
        }
    }
}
