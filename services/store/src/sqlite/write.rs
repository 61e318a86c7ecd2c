//! The write primitives of the SQLite backend.

use super::{
    sql,
    transaction::{Connections, Transaction},
};
use crate::{
    StoreError,
    answer::KeptAnswer,
    backend::{NewSegment, Writing},
    log::Sealed,
    rows::stored,
    seal::Seal,
    settings::KeptSettings,
};
use async_trait::async_trait;
use marketdata::{
    instant::Instant,
    instrument::{Instrument, Naming},
};
use sqlx::SqliteConnection;

#[async_trait]
impl Writing for Transaction {
    async fn now(&mut self) -> Result<Instant, StoreError> {
        let micros = sqlx::query_scalar(sql::NOW).fetch_one(self.connection()).await?;
        Ok(Instant::from_micros(micros))
    }

    async fn put_revision(&mut self, sealed: &Sealed) -> Result<(), StoreError> {
        let (record, provenance) = (&sealed.record, &sealed.record.provenance);
        sqlx::query(sql::PUT_REVISION)
            .bind(stored(record.mark.revision))
            .bind(record.mark.data_version.to_vec())
            .bind(record.committed_at.micros())
            .bind(&provenance.source)
            .bind(&provenance.file_name)
            .bind(provenance.content_hash.to_vec())
            .bind(provenance.received_at.micros())
            .bind(stored(record.facts))
            .bind(sealed.seal.to_vec())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn put_instruments(
        &mut self,
        instruments: &[Instrument],
        revision: u64,
    ) -> Result<(), StoreError> {
        let row = |instrument: &Instrument| (instrument.id.0, instrument.namespace.code());
        put_rows(self, sql::PUT_INSTRUMENTS, instruments.iter().map(row), revision).await
    }

    async fn put_namings(&mut self, namings: &[Naming], revision: u64) -> Result<(), StoreError> {
        let rows = namings.iter().map(|naming| {
            let Naming { instrument, symbol, from, until, .. } = naming;
            (instrument.0, symbol.as_str(), from.epoch(), until.epoch())
        });
        put_rows(self, sql::PUT_NAMINGS, rows, revision).await
    }

    async fn put_texts(&mut self, texts: &[String], revision: u64) -> Result<(), StoreError> {
        put_rows(self, sql::PUT_TEXTS, texts.iter(), revision).await
    }

    async fn put_segment(&mut self, segment: NewSegment) -> Result<i64, StoreError> {
        let NewSegment { summary, layout, checksum, bytes } = segment;
        let put = sqlx::query(sql::PUT_SEGMENT)
            .bind(i64::from(summary.dataset.code()))
            .bind(stored(summary.rows as u64))
            .bind(stored(summary.runs as u64))
            .bind(i64::from(summary.instruments.0.0))
            .bind(i64::from(summary.instruments.1.0))
            .bind(i64::from(summary.days.0.epoch()))
            .bind(i64::from(summary.days.1.epoch()))
            .bind(summary.published.0.micros())
            .bind(summary.published.1.micros())
            .bind(stored(summary.revisions.0))
            .bind(stored(summary.revisions.1))
            .bind(i64::from(layout))
            .bind(checksum.to_vec())
            .bind(bytes);
        Ok(put.execute(self.connection()).await?.last_insert_rowid())
    }

    async fn retire_segment(
        &mut self,
        id: i64,
        checksum: &[u8],
        at: Instant,
    ) -> Result<bool, StoreError> {
        let retire = sqlx::query(sql::RETIRE_SEGMENT).bind(id).bind(at.micros());
        let retire = retire.bind(checksum.to_vec());
        Ok(retire.execute(self.connection()).await?.rows_affected() == 1)
    }

    async fn delete_retired(&mut self, before: Instant) -> Result<u64, StoreError> {
        let delete = sqlx::query(sql::DELETE_RETIRED).bind(before.micros());
        Ok(delete.execute(self.connection()).await?.rows_affected())
    }

    async fn put_manifest(&mut self, manifest: &Seal) -> Result<(), StoreError> {
        let put = sqlx::query(sql::PUT_MANIFEST).bind(manifest.to_vec());
        put.execute(self.connection()).await?;
        Ok(())
    }

    async fn put_answer(&mut self, kept: &KeptAnswer) -> Result<(), StoreError> {
        sqlx::query(sql::PUT_ANSWER)
            .bind(&kept.key.caller)
            .bind(&kept.key.method)
            .bind(&kept.key.request_id)
            .bind(&kept.fingerprint)
            .bind(kept.revision.map(stored))
            .bind(kept.answered_at.micros())
            .bind(&kept.answer)
            .bind(kept.seal.to_vec())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn delete_answers(&mut self, before: Instant, limit: u32) -> Result<(), StoreError> {
        let delete = sqlx::query(sql::DELETE_ANSWERS).bind(before.micros()).bind(limit);
        delete.execute(self.connection()).await?;
        Ok(())
    }

    async fn put_settings(&mut self, settings: &KeptSettings) -> Result<(), StoreError> {
        let put = sqlx::query(sql::PUT_SETTINGS).bind(settings.hash.to_vec());
        put.bind(&settings.document).execute(self.connection()).await?;
        Ok(())
    }

    async fn touch(&mut self) -> Result<(), StoreError> {
        match sqlx::query(sql::TOUCH).execute(self.connection()).await?.rows_affected() {
            0 => Err(StoreError::Damaged("its count of small writes is missing".to_owned())),
            _ => Ok(()),
        }
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Transaction::commit(*self).await
    }
}

/// Writes rows as one JSON array per statement: thousands of single inserts would take as long as
/// the facts themselves.
async fn put_rows<T: serde::Serialize>(
    transaction: &mut Transaction,
    statement: &'static str,
    rows: impl ExactSizeIterator<Item = T>,
    revision: u64,
) -> Result<(), StoreError> {
    if rows.len() == 0 {
        return Ok(());
    }
    let rows: Vec<T> = rows.collect();
    let json = serde_json::to_string(&rows).map_err(std::io::Error::from)?;
    let connection: &mut SqliteConnection = transaction.connection();
    sqlx::query(statement).bind(json).bind(stored(revision)).execute(connection).await?;
    Ok(())
}

/// Removes the pages of deleted rows from the file. The checkpoint never waits: it copies the pages
/// that no reader still needs, and a later one copies the rest. The WAL itself is truncated to its
/// limit when it next restarts. Truncating it here would block the writer until the last reader is
/// done.
pub(super) async fn reclaim(writer: &Connections) -> Result<(), StoreError> {
    let mut connection = writer.acquire().await?;
    sqlx::query(sql::GIVE_PAGES_BACK).fetch_all(&mut *connection).await?;
    sqlx::query(sql::CHECKPOINT).fetch_all(&mut *connection).await?;
    Ok(())
}
