//! The embedded store: one SQLite file, or one in memory.
//!
//! WAL with `synchronous=FULL`: a write is durable when it is answered. One connection writes,
//! several read, each read in one snapshot.

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
pub(crate) use meaning::outlook;

use crate::{
    Access, StoreError,
    backend::{Backend, Reading, Writing},
    usage::{self, Usage},
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

/// Number of connections that read.
const READERS: u32 = 4;
/// How long a connection waits for another process's lock.
const BUSY: Duration = Duration::from_secs(10);
/// How long a call waits for a free connection; for a write, its turn.
const TURN: Duration = Duration::from_secs(30);
/// Page size, 16 KiB: a blob of half a megabyte takes 32 pages.
const PAGE: u32 = 16_384;
/// Size to which the WAL is truncated when it restarts, bytes.
const JOURNAL: &str = "67108864";

/// A SQLite store.
#[derive(Debug)]
pub(crate) struct Sqlite {
    /// `None` if the store is read-only.
    write: Option<Connections>,
    /// The same as `write` for a store in memory, which only its one connection can see.
    read: Connections,
    /// One idle connection. It keeps the files open as long as the store is open, so that SQLite
    /// does not create new ones beside the database when another connection closes, and so that the
    /// system does not reuse their inode numbers.
    anchor: Option<SqlitePool>,
    /// The write-ahead log; `None` for a store in memory.
    wal: Option<PathBuf>,
}

/// The write-ahead log beside a database: beside the file itself, if the path is a link to it.
fn wal_of(path: &Path) -> PathBuf {
    let mut wal = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    wal.push("-wal");
    wal.into()
}

/// The location in a SQLite URL.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Memory,
    File {
        path: PathBuf,
        /// Whether the URL allows or forbids creating a store; `None` if it says nothing.
        create: Option<bool>,
    },
}

impl Place {
    /// Parses the part after `sqlite:`; `?mode=rw` opens only an existing store.
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
    /// Opens the store at a URL.
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

    /// Opens a store, creates it if that is allowed and it does not exist, and brings its tables up
    /// to date.
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
        // A connection opens the WAL at its first read.
        sqlx::query(sql::TABLES).fetch_one(&anchor).await?;
        let identity = Some(Arc::new(Identity::of(path)?));
        let read = pool(READERS).connect_lazy_with(reader);
        Ok(Sqlite {
            write: Some(Connections { pool: write, identity: identity.clone(), in_memory: false }),
            read: Connections { pool: read, identity, in_memory: false },
            anchor: Some(anchor),
            wal: Some(wal_of(path)),
        })
    }

    async fn in_memory() -> Result<Sqlite, StoreError> {
        let pool = pool(1).connect_with(tuned(SqliteConnectOptions::new())).await?;
        migrations::migrate(&pool, None, true).await?;
        let connections = Connections { pool, identity: None, in_memory: true };
        Ok(Sqlite { write: Some(connections.clone()), read: connections, anchor: None, wal: None })
    }

    /// Opens an existing store without changing it. SQLite can read a file that is not writable,
    /// but still wants to create its WAL beside it. If it cannot and there is no WAL, no process is
    /// writing, and the file is read by itself.
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
        Ok(Sqlite { write: None, read, anchor: None, wal: Some(wal_of(path)) })
    }
}

/// Creates the file of a new store, readable only by its owner; leaves an existing file as it is.
async fn prepare_file(path: &Path) -> Result<(), StoreError> {
    copy::refuse_leftover(path).await?;
    if identity::make_private(path)? {
        tracing::warn!(path = %path.display(), "no store found: created a new, empty one");
    }
    Ok(())
}

/// Rejects a missing file, and an empty one unless a store may be created in it.
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

/// Rejects a WAL beside a database that cannot be opened with it. An empty WAL counts too: the
/// store was just opened and may be written to.
async fn refuse_log(path: &Path) -> Result<(), StoreError> {
    if tokio::fs::try_exists(wal_of(path)).await? {
        let text = format!(
            "the WAL beside {} can only be read in a writable folder: copy both files to one",
            path.display()
        );
        return Err(StoreError::FileRefused(text));
    }
    Ok(())
}

/// A pool of connections that have read once, so that the files are known to be readable.
async fn readable(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let pool = pool(READERS).connect_with(options).await?;
    sqlx::query(sql::TABLES).fetch_one(&pool).await?;
    Ok(pool)
}

#[async_trait]
impl Backend for Sqlite {
    fn usage(&self) -> Usage {
        let of = |connections: &Connections| usage::Connections::of(&connections.pool);
        let wal_bytes = self.wal.as_ref().and_then(|wal| Some(wal.metadata().ok()?.len()));
        Usage { read: Some(of(&self.read)), write: self.write.as_ref().map(of), wal_bytes }
    }

    /// A read is local, and takes no lock that a writer waits for.
    fn until(self: Arc<Self>, _: tokio::time::Instant) -> Arc<dyn Backend> {
        self
    }

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
        // The last connection to close writes the WAL back into the file.
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

/// A pool whose connections are never closed while idle: a store in memory lives as long as its
/// only one.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Switching a new file to WAL takes a lock that `busy_timeout` does not wait for, so if several
/// processes start at once, all but one retry.
async fn first_connection(writer: &SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    const PAUSE: Duration = Duration::from_millis(20);
    // Bounded by time and not by attempts: each attempt may wait for a lock.
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
