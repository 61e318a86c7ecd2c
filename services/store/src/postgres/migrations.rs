//! The tables of a store: created by migrations, and compared with their definitions.

use super::{
    sql,
    transaction::{Pool, Transaction, answered},
};
use crate::{
    Access, StoreError,
    backend::{Reading, end, refuse_too_new},
    migrations::{self, Applied},
};
use sqlx::{Row as _, migrate::Migrator};

const SEGMENT_MIGRATION: &str = include_str!("../../migrations/postgres/0001_segment.sql");
/// What [`sql::DEFINITIONS`] finds after the migrations.
const DEFINITIONS: &str = include_str!("../../migrations/postgres/definitions.txt");

fn migrator() -> Migrator {
    // The driver does not see the transaction, so its own would end it.
    migrations::migrator(SEGMENT_MIGRATION, true)
}

/// Rejects a database that this binary cannot read, and creates the tables if the access allows it.
/// A store that is up to date is only read: a role without the right to create tables can use it,
/// and it may be on a standby.
pub(super) async fn prepare(pool: &Pool, access: Access, place: &str) -> Result<(), StoreError> {
    let mut reading = match Transaction::begin_read(pool, None).await {
        Ok(reading) => reading,
        Err(error) => return Err(pool.reason(error).await),
    };
    let found = state(&mut reading, place).await;
    match (end(Box::new(reading), found).await?, access) {
        (State::UpToDate, _) => Ok(()),
        (State::Empty, Access::Create) => create(pool, place).await,
        (State::Empty, Access::Write | Access::Read) => Err(StoreError::Missing(place.to_owned())),
    }
}

/// What is in the schema of a store.
enum State {
    Empty,
    UpToDate,
}

async fn state(transaction: &mut Transaction, place: &str) -> Result<State, StoreError> {
    let tables = transaction.rows(sql::TABLES).fetch_one(transaction.connection());
    match answered(tables).await? {
        (0_i64, _) => Ok(State::Empty),
        (_, 2_i64) => {
            refuse_too_new(transaction.needed_reader().await?)?;
            applied(transaction).await?;
            Ok(State::UpToDate)
        }
        _ => Err(StoreError::Foreign(place.to_owned())),
    }
}

/// Creates the tables, unless another process has done so meanwhile.
async fn create(pool: &Pool, place: &str) -> Result<(), StoreError> {
    let mut transaction = Transaction::begin(pool, sql::BEGIN_MIGRATION).await?;
    if let State::Empty = state(&mut transaction, place).await? {
        let connection = transaction.connection();
        let made = async {
            migrator().run_direct(None, connection, false).await.map_err(migrations::failed)
        };
        answered(made).await?;
    }
    transaction.commit().await
}

/// The versions of the applied migrations; those known to this binary must be unchanged.
async fn applied(transaction: &mut Transaction) -> Result<Vec<i64>, StoreError> {
    let rows =
        answered(transaction.query(sql::MIGRATIONS).fetch_all(transaction.connection())).await;
    let rows = rows.map_err(migrations::unreadable)?;
    let applied = rows.iter().map(|row| {
        let is_complete = row.try_get("success")?;
        let (version, checksum) = (row.try_get("version")?, row.try_get("checksum")?);
        Ok(Applied { version, is_complete, checksum })
    });
    migrations::versions(&migrator(), applied.collect::<Result<_, StoreError>>()?)
}

/// The faults of the tables: a migration that was changed, or a column, constraint or index that is
/// missing or defined differently.
pub(super) async fn faults(transaction: &mut Transaction) -> Result<Vec<String>, StoreError> {
    let versions = match applied(transaction).await {
        Ok(versions) => versions,
        Err(StoreError::Damaged(fault)) => return Ok(vec![fault]),
        Err(error) => return Err(error),
    };
    if versions.iter().any(|version| !migrator().version_exists(*version)) {
        // A later binary may have changed any table, and knows the definitions.
        return Ok(Vec::new());
    }
    let found = transaction.scalar(sql::DEFINITIONS).fetch_all(transaction.connection());
    let found: Vec<String> = answered(found).await?;
    let missing = DEFINITIONS.lines().filter(|made| found.iter().all(|found| found != made));
    let mut faults: Vec<_> = missing.map(|made| format!("missing or changed: {made}")).collect();
    let keys = transaction.scalar(sql::META_KEYS).fetch_all(transaction.connection());
    faults.extend(migrations::missing_keys(&answered::<Vec<String>, _>(keys).await?));
    Ok(faults)
}
