//! The read primitives of the SQLite backend.

use super::{migrations, sql, transaction::Transaction};
use crate::{
    RequestKey, StoreError,
    answer::KeptAnswer,
    backend::{Listed, Numbered, Position, Reading},
    log::{Sealed, Text},
    rows::{self, StoredRow, stored},
    seal::Seal,
    settings::KeptSettings,
};
use async_trait::async_trait;
use marketdata::{
    instrument::{Instrument, Naming},
    market::RevisionMark,
};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

#[async_trait]
impl Reading for Transaction {
    async fn needed_reader(&mut self) -> Result<i64, StoreError> {
        needed_reader(self.connection()).await
    }

    async fn head(&mut self) -> Result<Option<RevisionMark>, StoreError> {
        let row = sqlx::query(sql::HEAD).fetch_optional(self.connection()).await?;
        row.as_ref().map(rows::mark).transpose()
    }

    async fn seal(&mut self, revision: u64) -> Result<Seal, StoreError> {
        let seal = sqlx::query(sql::SEAL).bind(stored(revision));
        rows::hash(&seal.fetch_one(self.connection()).await?, "seal")
    }

    async fn revisions(&mut self, after: u64, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        let found = sqlx::query(sql::REVISIONS).bind(stored(after)).bind(limit);
        found.fetch_all(self.connection()).await?.iter().map(rows::revision).collect()
    }

    async fn instruments(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Instrument>>, StoreError> {
        page(self, sql::INSTRUMENTS, after, limit).await?.iter().map(rows::instrument).collect()
    }

    async fn namings(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Naming>>, StoreError> {
        page(self, sql::NAMINGS, after, limit).await?.iter().map(rows::naming).collect()
    }

    async fn texts(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Text>>, StoreError> {
        page(self, sql::TEXTS, after, limit).await?.iter().map(rows::text).collect()
    }

    async fn answer(&mut self, key: &RequestKey) -> Result<Option<KeptAnswer>, StoreError> {
        let row = sqlx::query(sql::ANSWER)
            .bind(&key.caller)
            .bind(&key.method)
            .bind(&key.request_id)
            .fetch_optional(self.connection())
            .await?;
        row.as_ref().map(rows::answer).transpose()
    }

    async fn answers(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptAnswer>>, StoreError> {
        let found = sqlx::query(sql::ANSWERS).bind(after).bind(limit);
        found.fetch_all(self.connection()).await?.iter().map(rows::numbered_answer).collect()
    }

    async fn settings(&mut self, hash: Seal) -> Result<Option<String>, StoreError> {
        let document = sqlx::query_scalar(sql::SETTINGS).bind(hash.to_vec());
        Ok(document.fetch_optional(self.connection()).await?)
    }

    async fn all_settings(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptSettings>>, StoreError> {
        let found = sqlx::query(sql::ALL_SETTINGS).bind(after).bind(limit);
        found.fetch_all(self.connection()).await?.iter().map(rows::settings).collect()
    }

    async fn settings_count(&mut self) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar(sql::COUNT_SETTINGS).fetch_one(self.connection()).await?;
        rows::number(count, "the number of settings")
    }

    async fn segments(&mut self) -> Result<Vec<Listed>, StoreError> {
        let found = sqlx::query(sql::SEGMENTS).fetch_all(self.connection()).await?;
        found.iter().map(rows::segment).collect()
    }

    async fn segment_bytes(&mut self, id: i64) -> Result<Vec<u8>, StoreError> {
        Ok(sqlx::query_scalar(sql::SEGMENT_BYTES).bind(id).fetch_one(self.connection()).await?)
    }

    async fn manifest(&mut self) -> Result<Seal, StoreError> {
        rows::hash(&sqlx::query(sql::MANIFEST).fetch_one(self.connection()).await?, "segments")
    }

    async fn structure_faults(&mut self) -> Result<Vec<String>, StoreError> {
        let mut faults = structure(self.connection(), sql::INTEGRITY_CHECK).await?;
        faults.extend(migrations::fault(self.connection()).await?);
        Ok(faults)
    }

    async fn end(self: Box<Self>) -> Result<(), StoreError> {
        self.roll_back().await
    }
}

/// The reader version that the store requires.
pub(super) async fn needed_reader(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(sql::MIN_READER).fetch_one(connection).await?)
}

/// Faults that SQLite finds in its own structure; it stops at a hundred.
pub(super) async fn structure(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<Vec<String>, StoreError> {
    let found: Vec<String> = sqlx::query_scalar(statement).fetch_all(connection).await?;
    Ok(found.into_iter().filter(|fault| fault != "ok").collect())
}

/// Rejects a store in which an index of the kept answers differs from their table: if an existing
/// answer is not found, a repeated request would add its facts again.
pub(super) async fn refuse_damaged_answers(
    connection: &mut SqliteConnection,
) -> Result<(), StoreError> {
    match structure(connection, sql::ANSWERS_CHECK).await?.into_iter().next() {
        Some(fault) => Err(StoreError::Damaged(format!("the kept answers: {fault}"))),
        None => Ok(()),
    }
}

async fn page(
    transaction: &mut Transaction,
    statement: &'static str,
    after: Position,
    limit: u32,
) -> Result<Vec<SqliteRow>, StoreError> {
    let page = sqlx::query(statement).bind(stored(after.revision)).bind(after.row).bind(limit);
    Ok(page.fetch_all(transaction.connection()).await?)
}

impl StoredRow for SqliteRow {
    fn integer(&self, column: &str) -> Result<i64, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn integer_or_null(&self, column: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(self.try_get(column)?)
    }
}
