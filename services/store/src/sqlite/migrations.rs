//! The tables of a store: created by migrations, and verified against their definitions.

use super::{Sqlite, read, sql};
use crate::{
    StoreError,
    backend::refuse_too_new,
    migrations::{self, Applied},
};
use sqlx::{Row as _, SqliteConnection, SqlitePool, migrate::Migrator};
use std::path::Path;

const SEGMENT_MIGRATION: &str = include_str!("../../migrations/sqlite/0001_segment.sql");

fn migrator() -> Migrator {
    // Nested in the driver's transaction.
    migrations::migrator(SEGMENT_MIGRATION, false)
}

/// Runs in one transaction that holds the write lock, so that if several processes start at once,
/// one migrates and the others find it done. A database that a later binary has migrated further is
/// accepted; a database that is not a store is not changed.
pub(super) async fn migrate(
    pool: &SqlitePool,
    path: Option<&Path>,
    create: bool,
) -> Result<(), StoreError> {
    // A transaction of the driver, because the migrator nests its own in it. If it fails, opening
    // fails too.
    let mut transaction = pool.begin_with(sql::BEGIN_WRITE).await?;
    if has_meta(&mut transaction).await? {
        refuse_too_new(read::needed_reader(&mut transaction).await?)?;
        // Checked before the migrator runs: a damaged list makes it panic or repeat migrations.
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
    // `run` is not used because tokio could not move its future between threads.
    migrator().run_direct(None, &mut *transaction, false).await.map_err(migrations::failed)?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn has_meta(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let made: i64 = sqlx::query_scalar(sql::HAS_META).fetch_one(connection).await?;
    Ok(made != 0)
}

/// The fault of a store's tables, if any.
pub(super) async fn fault(connection: &mut SqliteConnection) -> Result<Option<String>, StoreError> {
    let versions = match applied(connection).await {
        Ok(versions) => versions,
        Err(StoreError::Damaged(fault)) => return Ok(Some(fault)),
        Err(error) => return Err(error),
    };
    if versions.iter().any(|version| !migrator().version_exists(*version)) {
        // A later binary may have changed any table, and knows the definitions.
        return Ok(None);
    }
    let new = Sqlite::in_memory().await?;
    let made = definitions(&mut *new.read.acquire().await?).await?;
    let found = definitions(&mut *connection).await?;
    // The table of migrations belongs to the driver, and a later version may define it differently.
    let mut ours = made.into_iter().filter(|(name, _)| name != "_sqlx_migrations");
    if let Some((name, _)) = ours.find(|made| !found.contains(made)) {
        return Ok(Some(format!("the definition of table or index {name} was changed")));
    }
    let keys: Vec<String> = sqlx::query_scalar(sql::META_KEYS).fetch_all(connection).await?;
    Ok(migrations::missing_keys(&keys).into_iter().next())
}

/// The versions of the applied migrations; those known to this binary must be unchanged.
async fn applied(connection: &mut SqliteConnection) -> Result<Vec<i64>, StoreError> {
    // The driver panics on a column whose declared type is not valid text.
    definitions(connection).await?;
    let rows = match sqlx::query(sql::MIGRATIONS).fetch_all(connection).await {
        Ok(rows) => rows,
        Err(error) => return Err(migrations::unreadable(error.into())),
    };
    let applied = rows.iter().map(|row| {
        let (version, success): (i64, i64) = (row.try_get("version")?, row.try_get("success")?);
        Ok(Applied { version, is_complete: success != 0, checksum: row.try_get("checksum")? })
    });
    migrations::versions(&migrator(), applied.collect::<Result<_, StoreError>>()?)
}

/// Name and definition of every table and index that has one.
async fn definitions(
    connection: &mut SqliteConnection,
) -> Result<Vec<(String, String)>, StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as(sql::DEFINITIONS).fetch_all(connection).await?;
    let text = |bytes: Vec<u8>| {
        let no_text = |_| StoreError::Damaged("the definition of a table is not text".to_owned());
        String::from_utf8(bytes).map_err(no_text)
    };
    rows.into_iter().map(|(name, definition)| Ok((text(name)?, text(definition)?))).collect()
}
