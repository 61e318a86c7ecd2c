//! The read primitives of the PostgreSQL backend.

use super::{
    migrations, sql,
    transaction::{Transaction, answered},
};
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
use sqlx::{Row as _, postgres::PgRow};

#[async_trait]
impl Reading for Transaction {
    async fn needed_reader(&mut self) -> Result<i64, StoreError> {
        answered(self.scalar(sql::MIN_READER).fetch_one(self.connection())).await
    }

    async fn lags(&mut self) -> Result<bool, StoreError> {
        answered(self.scalar(sql::IS_STANDBY).fetch_one(self.connection())).await
    }

    async fn head(&mut self) -> Result<Option<RevisionMark>, StoreError> {
        let row = answered(self.query(sql::HEAD).fetch_one(self.connection())).await?;
        let newest = row.integer_or_null("number")?.unwrap_or(0);
        let given_out = row.integer("given_out")?;
        if given_out != newest {
            let fault = format!("its head is at revision {given_out}, but its newest is {newest}");
            return Err(StoreError::Damaged(fault));
        }
        (newest != 0).then(|| rows::mark(&row)).transpose()
    }

    async fn seal(&mut self, revision: u64) -> Result<Seal, StoreError> {
        let seal = self.query(sql::SEAL).bind(stored(revision));
        rows::hash(&answered(seal.fetch_one(self.connection())).await?, "seal")
    }

    async fn revisions(&mut self, after: u64, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        let found = page(self, sql::REVISIONS, stored(after), limit).await?;
        found.iter().map(rows::revision).collect()
    }

    async fn instruments(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Instrument>>, StoreError> {
        let found = page_of_names(self, sql::INSTRUMENTS, after, limit).await?;
        found.iter().map(rows::instrument).collect()
    }

    async fn namings(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Naming>>, StoreError> {
        let found = page_of_names(self, sql::NAMINGS, after, limit).await?;
        found.iter().map(rows::naming).collect()
    }

    async fn texts(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Text>>, StoreError> {
        let found = page_of_names(self, sql::TEXTS, after, limit).await?;
        found.iter().map(rows::text).collect()
    }

    async fn answer(&mut self, key: &RequestKey) -> Result<Option<KeptAnswer>, StoreError> {
        let row = self
            .query(sql::ANSWER)
            .bind(key.caller.as_bytes())
            .bind(key.method.as_bytes())
            .bind(key.request_id.as_bytes())
            .fetch_optional(self.connection());
        answered(row).await?.as_ref().map(rows::answer).transpose()
    }

    async fn answers(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptAnswer>>, StoreError> {
        let found = page(self, sql::ANSWERS, after, limit).await?;
        found.iter().map(rows::numbered_answer).collect()
    }

    async fn settings(&mut self, hash: Seal) -> Result<Option<String>, StoreError> {
        let row = self.query(sql::SETTINGS).bind(&hash[..]).fetch_optional(self.connection());
        answered(row).await?.map(|row| row.text("document")).transpose()
    }

    async fn all_settings(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptSettings>>, StoreError> {
        let found = page(self, sql::ALL_SETTINGS, after, limit).await?;
        found.iter().map(rows::settings).collect()
    }

    async fn settings_count(&mut self) -> Result<u64, StoreError> {
        let count = self.scalar(sql::COUNT_SETTINGS).fetch_one(self.connection());
        rows::number(answered(count).await?, "the number of settings")
    }

    async fn segments(&mut self) -> Result<Vec<Listed>, StoreError> {
        let found = answered(self.query(sql::SEGMENTS).fetch_all(self.connection())).await?;
        found.iter().map(rows::segment).collect()
    }

    async fn segment_bytes(&mut self, id: i64) -> Result<Vec<u8>, StoreError> {
        let bytes = self.scalar(sql::SEGMENT_BYTES).bind(id).fetch_one(self.connection());
        answered(bytes).await
    }

    async fn manifest(&mut self) -> Result<Seal, StoreError> {
        let row = answered(self.query(sql::MANIFEST).fetch_one(self.connection())).await?;
        rows::hash(&row, "segments")
    }

    async fn structure_faults(&mut self) -> Result<Vec<String>, StoreError> {
        migrations::faults(self).await
    }

    async fn end(self: Box<Self>) -> Result<(), StoreError> {
        self.roll_back().await
    }
}

async fn page(
    transaction: &mut Transaction,
    statement: &'static str,
    after: i64,
    limit: u32,
) -> Result<Vec<PgRow>, StoreError> {
    let page = transaction.query(statement).bind(after).bind(i64::from(limit));
    answered(page.fetch_all(transaction.connection())).await
}

async fn page_of_names(
    transaction: &mut Transaction,
    statement: &'static str,
    after: Position,
    limit: u32,
) -> Result<Vec<PgRow>, StoreError> {
    let page = transaction.query(statement).bind(stored(after.revision)).bind(after.row);
    answered(page.bind(i64::from(limit)).fetch_all(transaction.connection())).await
}

impl StoredRow for PgRow {
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
        let no_text = |_| StoreError::Damaged(format!("a {column} is not UTF-8"));
        String::from_utf8(self.bytes(column)?).map_err(no_text)
    }
}
