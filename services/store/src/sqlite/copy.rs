//! Backups and restores: copies of one moment, verified before they get their name.

use super::{Sqlite, identity::make_private, read, sql, transaction::Connections};
use crate::{
    CheckReport, Store as _, StoreError, backend::Backend as _, fact_log::FactLog,
    parallel::Workers,
};
use marketdata::market::RevisionMark;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Suffixes of the files that SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Writes a copy of one moment to a new file; it is made durable and verified under a temporary
/// name first.
pub(super) async fn backup(readers: &Connections, to: &Path) -> Result<(), StoreError> {
    refuse_existing(to).await?;
    let partial = beside(to, "partial");
    clear(&partial).await?;
    let copied = match copy(readers, &partial).await {
        Ok(()) => refuse_faults(&partial).await,
        failed => failed,
    };
    if copied.is_err() {
        clear(&partial).await?;
        return copied;
    }
    settle(&partial, to).await
}

/// Copies one moment to an unused file. The copy is made from the tables and would silently omit a
/// row that only an index still has, so the source is checked first.
async fn copy(readers: &Connections, to: &Path) -> Result<(), StoreError> {
    let mut reader = readers.acquire().await?;
    if let Some(fault) = read::structure(&mut reader, sql::INTEGRITY_CHECK).await?.first() {
        return Err(StoreError::Damaged(fault.clone()));
    }
    let text = to.to_str().ok_or_else(|| {
        StoreError::FileRefused(format!("the path {} is not UTF-8", to.display()))
    })?;
    // SQLite treats an empty file as a new database, and does not change its mode.
    make_private(to)?;
    sqlx::query(sql::BACKUP).bind(text.to_owned()).execute(&mut *reader).await?;
    Ok(())
}

/// Rejects a finished copy that has faults.
async fn refuse_faults(copy: &Path) -> Result<(), StoreError> {
    match verified(copy).await?.0.faults.into_iter().next() {
        Some(fault) => Err(StoreError::Damaged(fault)),
        None => Ok(()),
    }
}

/// Checks a finished copy; returns the report and its head.
async fn verified(copy: &Path) -> Result<(CheckReport, RevisionMark), StoreError> {
    let copy = read_only(copy).await?;
    let (report, head) = (copy.check().await, copy.head().await);
    copy.close().await;
    // If the head cannot be read, the report has that fault.
    let none = RevisionMark { revision: 0, data_version: [0; 32] };
    Ok((report?, head.unwrap_or(none)))
}

async fn read_only(path: &Path) -> Result<FactLog, StoreError> {
    let backend = Sqlite::open_read_only(path).await?;
    Ok(FactLog::new(Arc::new(backend), Workers::per_processor()))
}

/// Copies the store at `from` (a backup, or a store that is in use) to the new file `to`.
///
/// The whole copy is read and every hash recomputed first. If the report has faults, nothing was
/// written to `to`.
///
/// # Errors
/// [`StoreError::Missing`] if `from` does not exist, [`StoreError::FileRefused`] if `to` or a WAL
/// beside it exists; [`StoreError::Damaged`] if the structure of `from` is damaged; else as
/// [`crate::connect`].
pub async fn restore(from: &Path, to: &Path) -> Result<CheckReport, StoreError> {
    refuse_existing(to).await?;
    let partial = beside(to, "restoring");
    clear(&partial).await?;
    match copy_and_verify(from, &partial).await {
        Ok((report, head)) if report.faults.is_empty() => {
            settle(&partial, to).await?;
            verify_head(to, head).await?;
            Ok(report)
        }
        other => {
            clear(&partial).await?;
            other.map(|(report, _)| report)
        }
    }
}

/// Opens the store by its final name, because the files beside that name are part of it.
async fn verify_head(path: &Path, head: RevisionMark) -> Result<(), StoreError> {
    let store = read_only(path).await?;
    let found = store.head().await;
    store.close().await;
    if found? == head {
        return Ok(());
    }
    let text = format!("the contents of {} differ from what was restored to it", path.display());
    Err(StoreError::Damaged(text))
}

async fn copy_and_verify(
    from: &Path,
    partial: &Path,
) -> Result<(CheckReport, RevisionMark), StoreError> {
    let source = Sqlite::open_read_only(from).await?;
    let copied = copy(&source.read, partial).await;
    source.close().await;
    copied?;
    verified(partial).await
}

/// Renames a finished file, durably; never overwrites another file.
async fn settle(partial: &Path, to: &Path) -> Result<(), StoreError> {
    tokio::fs::OpenOptions::new().write(true).open(partial).await?.sync_all().await?;
    // A link, unlike a rename, fails if a file of that name exists by now. Some file systems have
    // no links.
    match tokio::fs::hard_link(partial, to).await {
        Ok(()) => tokio::fs::remove_file(partial).await?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(taken(to)),
        Err(_) => tokio::fs::rename(partial, to).await?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    tokio::fs::File::open(folder).await?.sync_all().await?;
    Ok(())
}

/// Rejects a name that is taken, or that has a file beside it that SQLite would take for the
/// database's WAL.
async fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    if tokio::fs::try_exists(path).await? {
        return Err(taken(path));
    }
    match leftover(path).await? {
        Some(leftover) => Err(refused_leftover(path, &leftover)),
        None => Ok(()),
    }
}

/// Refuses to create a database beside the WAL of another one: SQLite would delete it, and with it
/// writes that may still be wanted.
pub(super) async fn refuse_leftover(path: &Path) -> Result<(), StoreError> {
    // In this order: another process that is creating the store creates the database first.
    let Some(leftover) = leftover(path).await? else { return Ok(()) };
    match tokio::fs::try_exists(path).await? {
        true => Ok(()),
        false => Err(refused_leftover(path, &leftover)),
    }
}

fn refused_leftover(path: &Path, leftover: &Path) -> StoreError {
    let text = format!(
        "{leftover} was left by an earlier database at {path}, and SQLite would read it as a part \
         of the new one: move {path}-wal, {path}-shm and {path}-journal away first",
        leftover = leftover.display(),
        path = path.display(),
    );
    StoreError::FileRefused(text)
}

fn taken(path: &Path) -> StoreError {
    StoreError::FileRefused(format!("{} already exists", path.display()))
}

/// A file that SQLite keeps beside a database, if there is one.
async fn leftover(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    for ending in COMPANIONS {
        let companion = companion(path, ending);
        if tokio::fs::try_exists(&companion).await? {
            return Ok(Some(companion));
        }
    }
    Ok(None)
}

/// Removes a temporary file, and the files that SQLite keeps beside it.
async fn clear(path: &Path) -> Result<(), StoreError> {
    for ending in COMPANIONS {
        remove_if_there(&companion(path, ending)).await?;
    }
    remove_if_there(path).await
}

fn companion(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

async fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
