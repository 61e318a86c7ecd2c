//! The read primitives of the SQLite backend.

use super::{migrations, sql, transaction::Transaction};
use crate::{
    Provenance, RequestKey, RevisionRecord, StoreError,
    answer::KeptAnswer,
    backend::{Listed, Numbered, Position, Reading},
    log::{Sealed, Text},
    seal::Seal,
    segment::Summary,
    settings::KeptSettings,
};
use async_trait::async_trait;
use marketdata::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::RevisionMark,
    symbol::Symbol,
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

#[async_trait]
impl Reading for Transaction {
    async fn needed_reader(&mut self) -> Result<i64, StoreError> {
        needed_reader(self.connection()).await
    }

    async fn head(&mut self) -> Result<Option<RevisionMark>, StoreError> {
        let row = sqlx::query(sql::HEAD).fetch_optional(self.connection()).await?;
        row.as_ref().map(mark).transpose()
    }

    async fn seal(&mut self, revision: u64) -> Result<Seal, StoreError> {
        let seal = sqlx::query(sql::SEAL).bind(stored(revision));
        hash(&seal.fetch_one(self.connection()).await?, "seal")
    }

    async fn revisions(&mut self, after: u64, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        let rows = sqlx::query(sql::REVISIONS).bind(stored(after)).bind(limit);
        rows.fetch_all(self.connection()).await?.iter().map(sealed).collect()
    }

    async fn instruments(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Instrument>>, StoreError> {
        page(self, sql::INSTRUMENTS, after, limit).await?.iter().map(instrument).collect()
    }

    async fn namings(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Naming>>, StoreError> {
        page(self, sql::NAMINGS, after, limit).await?.iter().map(naming).collect()
    }

    async fn texts(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Text>>, StoreError> {
        page(self, sql::TEXTS, after, limit).await?.iter().map(text).collect()
    }

    async fn answer(&mut self, key: &RequestKey) -> Result<Option<KeptAnswer>, StoreError> {
        let row = sqlx::query(sql::ANSWER)
            .bind(&key.caller)
            .bind(&key.method)
            .bind(&key.request_id)
            .fetch_optional(self.connection())
            .await?;
        row.as_ref().map(kept_answer).transpose()
    }

    async fn answers(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptAnswer>>, StoreError> {
        let rows = sqlx::query(sql::ANSWERS).bind(after).bind(limit);
        let rows = rows.fetch_all(self.connection()).await?;
        let numbered =
            |row: &SqliteRow| Ok(Numbered { row: row.try_get("rowid")?, value: kept_answer(row)? });
        rows.iter().map(numbered).collect()
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
        let rows = sqlx::query(sql::ALL_SETTINGS).bind(after).bind(limit);
        rows.fetch_all(self.connection()).await?.iter().map(kept_settings).collect()
    }

    async fn settings_count(&mut self) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar(sql::COUNT_SETTINGS).fetch_one(self.connection()).await?;
        number(count, "the number of settings")
    }

    async fn segments(&mut self) -> Result<Vec<Listed>, StoreError> {
        let rows = sqlx::query(sql::SEGMENTS).fetch_all(self.connection()).await?;
        rows.iter().map(listed).collect()
    }

    async fn segment_bytes(&mut self, id: i64) -> Result<Vec<u8>, StoreError> {
        Ok(sqlx::query_scalar(sql::SEGMENT_BYTES).bind(id).fetch_one(self.connection()).await?)
    }

    async fn manifest(&mut self) -> Result<Seal, StoreError> {
        hash(&sqlx::query(sql::MANIFEST).fetch_one(self.connection()).await?, "segments")
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

fn instrument(row: &SqliteRow) -> Result<Numbered<Instrument>, StoreError> {
    let what = "an instrument";
    let id: i64 = row.try_get("id")?;
    let code: u8 = number(row.try_get("namespace")?, what)?;
    let value = Instrument {
        id: InstrumentId(number(id, what)?),
        namespace: Namespace::from_code(code).ok_or_else(|| unreadable(what))?,
        revision: number(row.try_get("revision")?, what)?,
    };
    Ok(Numbered { row: id, value })
}

fn naming(row: &SqliteRow) -> Result<Numbered<Naming>, StoreError> {
    let what = "a name";
    let text: String = row.try_get("symbol")?;
    let symbol = Symbol::series(&text).ok().filter(|symbol| symbol.as_str() == text);
    let value = Naming {
        instrument: InstrumentId(number(row.try_get("instrument")?, what)?),
        revision: number(row.try_get("revision")?, what)?,
        symbol: symbol.ok_or_else(|| unreadable(what))?,
        from: Day::from_epoch(number(row.try_get("from_on")?, what)?),
        until: Day::from_epoch(number(row.try_get("until_on")?, what)?),
    };
    Ok(Numbered { row: row.try_get("id")?, value })
}

fn text(row: &SqliteRow) -> Result<Numbered<Text>, StoreError> {
    let what = "a text";
    let id: i64 = row.try_get("id")?;
    let revision = number(row.try_get("revision")?, what)?;
    let value = Text { id: number(id, what)?, revision, text: row.try_get("text")? };
    Ok(Numbered { row: id, value })
}

/// The row of a kept answer, unverified.
fn kept_answer(row: &SqliteRow) -> Result<KeptAnswer, StoreError> {
    let revision: Option<i64> = row.try_get("revision")?;
    Ok(KeptAnswer {
        key: RequestKey {
            caller: row.try_get("caller")?,
            method: row.try_get("method")?,
            request_id: row.try_get("request_id")?,
        },
        fingerprint: row.try_get("fingerprint")?,
        revision: revision.map(|revision| number(revision, "a kept answer")).transpose()?,
        answered_at: Instant::from_micros(row.try_get("answered_at")?),
        answer: row.try_get("answer")?,
        seal: hash(row, "seal")?,
    })
}

fn kept_settings(row: &SqliteRow) -> Result<Numbered<KeptSettings>, StoreError> {
    let value = KeptSettings { hash: hash(row, "hash")?, document: row.try_get("document")? };
    Ok(Numbered { row: row.try_get("id")?, value })
}

fn mark(row: &SqliteRow) -> Result<RevisionMark, StoreError> {
    let revision = number(row.try_get("number")?, "a revision")?;
    Ok(RevisionMark { revision, data_version: hash(row, "data_version")? })
}

fn sealed(row: &SqliteRow) -> Result<Sealed, StoreError> {
    let record = RevisionRecord {
        mark: mark(row)?,
        committed_at: Instant::from_micros(row.try_get("committed_at")?),
        provenance: Provenance {
            source: row.try_get("source")?,
            file_name: row.try_get("file_name")?,
            content_hash: hash(row, "content_hash")?,
            received_at: Instant::from_micros(row.try_get("received_at")?),
        },
        facts: number(row.try_get("facts")?, "a revision")?,
    };
    Ok(Sealed { record, seal: hash(row, "seal")? })
}

fn listed(row: &SqliteRow) -> Result<Listed, StoreError> {
    let id = row.try_get("id")?;
    let what = format!("segment {id}");
    let plain = |column| row.try_get::<i64, _>(column);
    let code: u8 = number(plain("dataset")?, &what)?;
    let instrument = |column| Ok::<_, StoreError>(InstrumentId(number(plain(column)?, &what)?));
    let day = |column| Ok::<_, StoreError>(Day::from_epoch(number(plain(column)?, &what)?));
    let instant = |column| Ok::<_, StoreError>(Instant::from_micros(plain(column)?));
    let revision = |column| number::<u64>(plain(column)?, &what);
    let summary = Summary {
        dataset: Dataset::from_code(code).ok_or_else(|| unreadable(&what))?,
        rows: number(plain("rows")?, &what)?,
        runs: number(plain("runs")?, &what)?,
        instruments: (instrument("first_instrument")?, instrument("last_instrument")?),
        days: (day("first_on")?, day("last_on")?),
        published: (instant("first_published")?, instant("last_published")?),
        revisions: (revision("first_revision")?, revision("last_revision")?),
    };
    Ok(Listed { id, summary, checksum: row.try_get("checksum")? })
}

fn hash(row: &SqliteRow, column: &str) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Damaged(format!("a {column} is not a hash")))
}

/// Converts a stored number, and checks its range. Silent truncation would hide damage.
fn number<T: TryFrom<i64>>(stored: i64, what: &str) -> Result<T, StoreError> {
    T::try_from(stored).map_err(|_| unreadable(what))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} cannot be read"))
}

/// SQLite's integers are signed; no log has more than 2⁶³ revisions.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
