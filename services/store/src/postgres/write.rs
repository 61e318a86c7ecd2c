//! The write primitives of the PostgreSQL backend.

use super::{
    sql,
    transaction::{Transaction, answered},
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
use sqlx::{Postgres, postgres::PgArguments, query::Query};

/// A statement with its parameters.
type Statement<'a> = Query<'a, Postgres, PgArguments>;

impl Transaction {
    /// Runs a statement; returns the number of rows that it changed.
    async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        Ok(answered(statement.execute(self.connection())).await?.rows_affected())
    }
}

#[async_trait]
impl Writing for Transaction {
    async fn now(&mut self) -> Result<Instant, StoreError> {
        let micros = self.scalar(sql::NOW).fetch_one(self.connection());
        Ok(Instant::from_micros(answered(micros).await?))
    }

    async fn put_revision(&mut self, sealed: &Sealed) -> Result<(), StoreError> {
        let (record, provenance) = (&sealed.record, &sealed.record.provenance);
        let revision = record.mark.revision;
        let put = self
            .query(sql::PUT_REVISION)
            .bind(stored(revision))
            .bind(&record.mark.data_version[..])
            .bind(record.committed_at.micros())
            .bind(provenance.source.as_bytes())
            .bind(provenance.file_name.as_bytes())
            .bind(&provenance.content_hash[..])
            .bind(provenance.received_at.micros())
            .bind(stored(record.facts))
            .bind(&sealed.seal[..]);
        match self.execute(put).await? {
            0 => Err(StoreError::Damaged(format!("its head is not the one before {revision}"))),
            _ => Ok(()),
        }
    }

    async fn put_instruments(
        &mut self,
        instruments: &[Instrument],
        revision: u64,
    ) -> Result<(), StoreError> {
        if instruments.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = instruments.iter().map(|row| i64::from(row.id.0)).collect();
        let namespaces: Vec<_> =
            instruments.iter().map(|row| i64::from(row.namespace.code())).collect();
        let put = self.query(sql::PUT_INSTRUMENTS).bind(ids).bind(namespaces);
        self.execute(put.bind(stored(revision))).await.map(drop)
    }

    async fn put_namings(&mut self, namings: &[Naming], revision: u64) -> Result<(), StoreError> {
        if namings.is_empty() {
            return Ok(());
        }
        let instruments: Vec<_> = namings.iter().map(|row| i64::from(row.instrument.0)).collect();
        let symbols: Vec<_> = namings.iter().map(|row| row.symbol.as_str().as_bytes()).collect();
        let from: Vec<_> = namings.iter().map(|row| i64::from(row.from.epoch())).collect();
        let until: Vec<_> = namings.iter().map(|row| i64::from(row.until.epoch())).collect();
        let put = self.query(sql::PUT_NAMINGS).bind(instruments).bind(symbols);
        self.execute(put.bind(from).bind(until).bind(stored(revision))).await.map(drop)
    }

    async fn put_texts(&mut self, texts: &[String], revision: u64) -> Result<(), StoreError> {
        if texts.is_empty() {
            return Ok(());
        }
        let texts: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
        let put = self.query(sql::PUT_TEXTS).bind(texts);
        self.execute(put.bind(stored(revision))).await.map(drop)
    }

    async fn put_segment(&mut self, segment: NewSegment) -> Result<i64, StoreError> {
        let NewSegment { summary, layout, checksum, bytes } = segment;
        let put = self
            .scalar(sql::PUT_SEGMENT)
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
            .bind(&checksum[..])
            .bind(bytes);
        answered(put.fetch_one(self.connection())).await
    }

    async fn retire_segment(
        &mut self,
        id: i64,
        checksum: &[u8],
        at: Instant,
    ) -> Result<bool, StoreError> {
        let retire = self.query(sql::RETIRE_SEGMENT).bind(id).bind(at.micros()).bind(checksum);
        Ok(self.execute(retire).await? == 1)
    }

    async fn delete_retired(&mut self, before: Instant) -> Result<u64, StoreError> {
        self.execute(self.query(sql::DELETE_RETIRED).bind(before.micros())).await
    }

    async fn put_manifest(&mut self, manifest: &Seal) -> Result<(), StoreError> {
        self.execute(self.query(sql::PUT_MANIFEST).bind(&manifest[..])).await.map(drop)
    }

    async fn put_answer(&mut self, kept: &KeptAnswer) -> Result<(), StoreError> {
        let put = self
            .query(sql::PUT_ANSWER)
            .bind(kept.key.caller.as_bytes())
            .bind(kept.key.method.as_bytes())
            .bind(kept.key.request_id.as_bytes())
            .bind(&kept.fingerprint)
            .bind(kept.revision.map(stored))
            .bind(kept.answered_at.micros())
            .bind(&kept.answer)
            .bind(&kept.seal[..]);
        self.execute(put).await.map(drop)
    }

    async fn delete_answers(&mut self, before: Instant, limit: u32) -> Result<(), StoreError> {
        let delete = self.query(sql::DELETE_ANSWERS).bind(before.micros());
        self.execute(delete.bind(i64::from(limit))).await.map(drop)
    }

    async fn put_settings(&mut self, settings: &KeptSettings) -> Result<(), StoreError> {
        let put = self.query(sql::PUT_SETTINGS).bind(&settings.hash[..]);
        self.execute(put.bind(settings.document.as_bytes())).await.map(drop)
    }

    async fn touch(&mut self) -> Result<(), StoreError> {
        match self.execute(self.query(sql::TOUCH)).await? {
            0 => Err(StoreError::Damaged("its count of small writes is missing".to_owned())),
            _ => Ok(()),
        }
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Transaction::commit(*self).await
    }
}
