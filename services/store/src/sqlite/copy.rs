//! Backups, and stores made of them: copies of one moment, verified before anyone relies on them.

use super::{Sqlite, identity::make_private, read, sql, transaction::Connections};
use crate::{CheckReport, Store as _, StoreError, backend::Backend as _, fact_log::FactLog};
use marketdata::market::RevisionMark;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What SQLite puts after a database's name to name the files beside it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Writes a copy of one moment to a new file, made durable and verified under another name first.
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

/// Copies one moment to a file that is not in use. The copy is made from the tables, so a row that
/// only an index still has would be left out of it in silence: the source must be sound.
async fn copy(readers: &Connections, to: &Path) -> Result<(), StoreError> {
    let mut reader = readers.acquire().await?;
    if let Some(fault) = read::structure(&mut reader, sql::INTEGRITY_CHECK).await?.first() {
        return Err(StoreError::Damaged(fault.clone()));
    }
    let text = to.to_str().ok_or_else(|| {
        StoreError::FileRefused(format!("the path {} is not UTF-8", to.display()))
    })?;
    // SQLite takes an empty file for a new one, and leaves its mode alone.
    make_private(to)?;
    sqlx::query(sql::BACKUP).bind(text.to_owned()).execute(&mut *reader).await?;
    Ok(())
}

/// Reads a finished copy in full.
async fn refuse_faults(copy: &Path) -> Result<(), StoreError> {
    match verified(copy).await?.0.faults.into_iter().next() {
        Some(fault) => Err(StoreError::Damaged(fault)),
        None => Ok(()),
    }
}

/// What a check of a finished copy finds, and its head.
async fn verified(copy: &Path) -> Result<(CheckReport, RevisionMark), StoreError> {
    let copy = read_only(copy).await?;
    let (report, head) = (copy.check().await, copy.head().await);
    copy.close().await;
    // A head that cannot be read is among the faults.
    let none = RevisionMark { revision: 0, data_version: [0; 32] };
    Ok((report?, head.unwrap_or(none)))
}

async fn read_only(path: &Path) -> Result<FactLog, StoreError> {
    Ok(FactLog::new(Arc::new(Sqlite::open_read_only(path).await?)))
}

/// Copies the store at `from` (a backup, or a store that is in use) to the new file `to`.
///
/// The copy is read in full and every hash in it made again first. Where the report has faults,
/// nothing was written to `to`.
///
/// # Errors
/// [`StoreError::Missing`] where `from` is not there, [`StoreError::FileRefused`] where `to` or a log
/// of writes beside it is; [`StoreError::Damaged`] where the structure of `from` is damaged; else as
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

/// Opens the store by the name it will be opened by: what lies beside that name is a part of it.
async fn verify_head(path: &Path, head: RevisionMark) -> Result<(), StoreError> {
    let store = read_only(path).await?;
    let found = store.head().await;
    store.close().await;
    if found? == head {
        return Ok(());
    }
    let text = format!("{} does not hold what was restored to it", path.display());
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

/// Gives a finished file its name, durably; never over another file.
async fn settle(partial: &Path, to: &Path) -> Result<(), StoreError> {
    tokio::fs::OpenOptions::new().write(true).open(partial).await?.sync_all().await?;
    // A link, unlike a rename, fails where there is a file of that name by now. Some file systems
    // have no links.
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

/// Refuses a name that is taken, or that has what SQLite would take for the log of writes of the
/// file that gets it.
async fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    if tokio::fs::try_exists(path).await? {
        return Err(taken(path));
    }
    match leftover(path).await? {
        Some(leftover) => Err(refused_leftover(path, &leftover)),
        None => Ok(()),
    }
}

/// Refuses to make a database where only the log of another one is: SQLite would delete that log,
/// and with it writes that may still be wanted.
pub(super) async fn refuse_leftover(path: &Path) -> Result<(), StoreError> {
    // In this order: another process that is making the store makes the database first.
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
    StoreError::FileRefused(format!("{} is there already", path.display()))
}

/// A file that SQLite keeps beside a database, where there is one.
async fn leftover(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    for ending in COMPANIONS {
        let companion = companion(path, ending);
        if tokio::fs::try_exists(&companion).await? {
            return Ok(Some(companion));
        }
    }
    Ok(None)
}

/// Removes a file of ours, and what SQLite keeps beside it.
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
