//! The migrations that made a database, compared with those of this binary.

use crate::{Outlook, StoreError};
use sqlx::{
    SqlSafeStr as _,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// A row of the driver's table of migrations.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) is_complete: bool,
    pub(crate) checksum: Vec<u8>,
}

/// The migrations that this binary knows, from their texts. A later binary may have applied others.
/// `in_callers` if they run in the caller's transaction and begin none of their own.
pub(crate) fn migrator(segment: &'static str, in_callers: bool) -> Migrator {
    let mut migrator = Migrator::with_migrations(vec![Migration::new(
        1,
        "segment".into(),
        MigrationType::Simple,
        segment.into_sql_str(),
        in_callers,
    )]);
    migrator.set_ignore_missing(true);
    // Each backend takes a lock of its own.
    migrator.set_locking(false);
    migrator
}

/// The versions applied; those known to this binary must be complete and unchanged.
pub(crate) fn versions(ours: &Migrator, applied: Vec<Applied>) -> Result<Vec<i64>, StoreError> {
    if let Some(row) = applied.iter().find(|row| !row.is_complete) {
        return Err(StoreError::Damaged(format!("its migration {} is incomplete", row.version)));
    }
    for known in ours.iter() {
        let is_it = |row: &Applied| row.version == known.version && row.checksum == *known.checksum;
        if !applied.iter().any(is_it) {
            let version = known.version;
            let fault = format!(
                "its migration {version} differs from that of this binary, so it was changed, or made \
                 by a build before the first release: ingest its files into a new store"
            );
            return Err(StoreError::Damaged(fault));
        }
    }
    Ok(applied.into_iter().map(|row| row.version).collect())
}

/// Faults of the table `meta`, which has one row per key.
pub(crate) fn missing_keys(found: &[String]) -> Vec<String> {
    let is_missing = |key: &&str| found.iter().all(|found| found != key);
    let missing = ["min_reader_version", "write_probes"].into_iter().filter(is_missing);
    missing.map(|key| format!("missing: row {key} of table meta")).collect()
}

/// A migration fails because the database fails, or because of what it finds there.
pub(crate) fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        found => StoreError::Damaged(found.to_string()),
    }
}

/// A list of migrations that exists but that the database permanently cannot read is damaged.
pub(crate) fn unreadable(error: StoreError) -> StoreError {
    match (error.outlook(), error) {
        (Outlook::Stays, StoreError::Database(cause)) => {
            StoreError::Damaged(format!("its list of migrations cannot be read: {cause}"))
        }
        (_, error) => error,
    }
}
