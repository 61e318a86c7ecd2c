//! The tables of a store: made by migrations, and verified to be those that were made.

use super::{Sqlite, read, sql};
use crate::{Outlook, StoreError, backend::refuse_too_new};
use sqlx::{
    Row as _, SqlSafeStr as _, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};
use std::path::Path;

const SEGMENT_MIGRATION: &str = include_str!("../../migrations/sqlite/0001_segment.sql");

/// Those that this binary knows. A later binary may have made others.
fn migrator() -> Migrator {
    let mut migrator = Migrator::with_migrations(vec![Migration::new(
        1,
        "segment".into(),
        MigrationType::Simple,
        SEGMENT_MIGRATION.into_sql_str(),
        false,
    )]);
    migrator.set_ignore_missing(true);
    migrator
}

/// In one transaction that holds the write lock, so that of several starters one does it and the
/// others find it done. A database that a later binary has migrated further is accepted; one that
/// holds something else is left alone.
pub(super) async fn migrate(
    pool: &SqlitePool,
    path: Option<&Path>,
    create: bool,
) -> Result<(), StoreError> {
    // A transaction of the driver: the migrator nests its own in it. Where it fails, so does opening.
    let mut transaction = pool.begin_with(sql::BEGIN_WRITE).await?;
    if has_meta(&mut transaction).await? {
        refuse_too_new(read::needed_reader(&mut transaction).await?)?;
        // Before the migrator, which a damaged list makes panic or repeat what was done.
        applied(&mut transaction).await?;
    } else if let Some(path) = path {
        let tables: i64 = sqlx::query_scalar(sql::TABLES).fetch_one(&mut *transaction).await?;
        let pages: i64 = sqlx::query_scalar(sql::PAGES).fetch_one(&mut *transaction).await?;
        if 0 < tables || 1 < pages {
            return Err(StoreError::Foreign(path.display().to_string()));
        }
        if !create {
            return Err(StoreError::Missing(path.display().to_string()));
        }
    }
    // Not `run`, whose future tokio could not move between threads.
    migrator().run_direct(None, &mut *transaction, false).await.map_err(failed)?;
    transaction.commit().await?;
    Ok(())
}

/// A migrator fails with the database, or because of what it finds there.
fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        found => StoreError::Damaged(found.to_string()),
    }
}

pub(super) async fn has_meta(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let made: i64 = sqlx::query_scalar(sql::HAS_META).fetch_one(connection).await?;
    Ok(made != 0)
}

/// What is wrong with the tables of a store, if anything.
pub(super) async fn fault(connection: &mut SqliteConnection) -> Result<Option<String>, StoreError> {
    let versions = match applied(connection).await {
        Ok(versions) => versions,
        Err(StoreError::Damaged(fault)) => return Ok(Some(fault)),
        Err(error) => return Err(error),
    };
    if versions.iter().any(|version| !migrator().version_exists(*version)) {
        // A later binary may have changed every table, and knows how they must be.
        return Ok(None);
    }
    let new = Sqlite::in_memory().await?;
    let made = definitions(&mut *new.read.acquire().await?).await?;
    let found = definitions(connection).await?;
    // The table of the migrations is the driver's, and a later one may define it otherwise.
    let mut ours = made.into_iter().filter(|(name, _)| name != "_sqlx_migrations");
    let other = ours.find(|made| !found.contains(made));
    Ok(other.map(|(name, _)| format!("the table or index {name} is not defined as it was made")))
}

/// The versions of the migrations that made a store, of which ours are those of this binary.
async fn applied(connection: &mut SqliteConnection) -> Result<Vec<i64>, StoreError> {
    // The driver panics on a column whose declared type is no text.
    definitions(connection).await?;
    let rows = match sqlx::query(sql::MIGRATIONS).fetch_all(connection).await {
        Ok(rows) => rows,
        Err(error) => return Err(unreadable(error.into())),
    };
    let mut checksums = Vec::new();
    for row in rows {
        let (version, success): (i64, i64) = (row.try_get("version")?, row.try_get("success")?);
        if success == 0 {
            return Err(StoreError::Damaged(format!("its migration {version} was left half done")));
        }
        checksums.push((version, row.try_get::<Vec<u8>, _>("checksum")?));
    }
    for ours in migrator().iter() {
        let wanted = (ours.version, ours.checksum.to_vec());
        if !checksums.contains(&wanted) {
            let version = ours.version;
            let fault = format!("its migration {version} is not the one that this binary makes");
            return Err(StoreError::Damaged(fault));
        }
    }
    Ok(checksums.into_iter().map(|(version, _)| version).collect())
}

/// A list that is there and that the database will not read, now or later, is damaged.
fn unreadable(error: StoreError) -> StoreError {
    match (error.outlook(), error) {
        (Outlook::Stays, StoreError::Database(cause)) => {
            StoreError::Damaged(format!("its list of migrations cannot be read: {cause}"))
        }
        (_, error) => error,
    }
}

/// Name and definition of every table and index that has one.
async fn definitions(
    connection: &mut SqliteConnection,
) -> Result<Vec<(String, String)>, StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as(sql::DEFINITIONS).fetch_all(connection).await?;
    let text = |bytes: Vec<u8>| {
        let no_text = |_| StoreError::Damaged("the definition of a table is no text".to_owned());
        String::from_utf8(bytes).map_err(no_text)
    };
    rows.into_iter().map(|(name, definition)| Ok((text(name)?, text(definition)?))).collect()
}
