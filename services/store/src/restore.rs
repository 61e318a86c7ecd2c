//! A backup becomes a store again, and is verified before anyone relies on it.

use crate::{
    CheckReport, Store, StoreError,
    sqlite::{self, Place, Sqlite},
};
use std::path::Path;

/// Copies the store at `from` (a backup, or a store that is in use) to the new file `to`.
///
/// The copy is read in full and every hash in it made again first. Where the report has faults,
/// nothing was written to `to`.
///
/// # Errors
/// [`StoreError::File`] where `from` is not there or `to` is, else as [`crate::connect`].
pub async fn restore(from: &Path, to: &Path) -> Result<CheckReport, StoreError> {
    sqlite::refuse_existing(to).await?;
    let partial = sqlite::beside(to, "restoring");
    sqlite::remove_if_there(&partial).await?;
    match copy_and_check(from, &partial).await {
        Ok(report) if report.faults.is_empty() => {
            sqlite::settle(&partial, to).await?;
            Ok(report)
        }
        other => {
            sqlite::remove_if_there(&partial).await?;
            other
        }
    }
}

async fn copy_and_check(from: &Path, partial: &Path) -> Result<CheckReport, StoreError> {
    let source = Sqlite::open_read_only(&place(from)).await?;
    let copied = source.backup(partial).await;
    source.close().await;
    copied?;
    let copy = Sqlite::open_read_only(&place(partial)).await?;
    let report = copy.check().await;
    copy.close().await;
    report
}

fn place(path: &Path) -> Place {
    Place::File { path: path.into(), create: false }
}
