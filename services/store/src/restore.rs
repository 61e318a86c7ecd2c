//! A backup becomes a store again, and is verified before anyone relies on it.

use crate::{
    CheckReport, Store, StoreError,
    sqlite::{self, Place, Sqlite},
};
use marketdata::market::RevisionMark;
use std::path::Path;

/// Copies the store at `from` (a backup, or a store that is in use) to the new file `to`.
///
/// The copy is read in full and every hash in it made again first. Where the report has faults,
/// nothing was written to `to`.
///
/// # Errors
/// [`StoreError::File`] where `from` is not there, or `to` or a log of writes beside it is;
/// [`StoreError::Damaged`] where the structure of `from` is damaged; else as [`crate::connect`].
pub async fn restore(from: &Path, to: &Path) -> Result<CheckReport, StoreError> {
    sqlite::refuse_existing(to).await?;
    let partial = sqlite::beside(to, "restoring");
    sqlite::clear(&partial).await?;
    match copy_and_check(from, &partial).await {
        Ok((report, head)) if report.faults.is_empty() => {
            sqlite::settle(&partial, to).await?;
            verify_head(to, head).await?;
            Ok(report)
        }
        other => {
            sqlite::clear(&partial).await?;
            other.map(|(report, _)| report)
        }
    }
}

/// Opens the store by the name it will be opened by: what lies beside that name is a part of it.
async fn verify_head(path: &Path, head: RevisionMark) -> Result<(), StoreError> {
    let store = Sqlite::open_read_only(&place(path)).await?;
    let found = store.head().await;
    store.close().await;
    if found? == head {
        return Ok(());
    }
    let text = format!("{} does not hold what was restored to it", path.display());
    Err(StoreError::Damaged(text))
}

async fn copy_and_check(
    from: &Path,
    partial: &Path,
) -> Result<(CheckReport, RevisionMark), StoreError> {
    let source = Sqlite::open_read_only(&place(from)).await?;
    let copied = source.copy(partial).await;
    source.close().await;
    copied?;
    let copy = Sqlite::open_read_only(&place(partial)).await?;
    let (report, head) = (copy.check().await, copy.head().await);
    copy.close().await;
    // A head that cannot be read is among the faults.
    let none = RevisionMark { revision: 0, data_version: [0; 32] };
    Ok((report?, head.unwrap_or(none)))
}

fn place(path: &Path) -> Place {
    Place::File { path: path.into(), create: false }
}
