//! What the SQLite backend reads.

use super::sql;
use crate::{
    Provenance, RequestKey, RevisionRecord, StoreError,
    check::{Contents, Held},
    parallel::{cores, joined},
    segment::{self, Summary},
};
use marketdata::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::{Delta, RevisionMark},
    segment::Segment,
    symbol::Symbol,
};
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use std::sync::Arc;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// The newest reader version this binary is.
const READER: u32 = 1;

/// A segment of the list, without its bytes.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) id: i64,
    pub(super) summary: Summary,
    pub(super) checksum: Vec<u8>,
}

/// Refuses a store that says it needs a newer reader.
pub(super) async fn refuse_too_new(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let needed: i64 = sqlx::query_scalar(sql::MIN_READER).fetch_one(connection).await?;
    if i64::from(READER) < needed {
        return Err(StoreError::TooNew { needed: needed as u32, ours: READER });
    }
    Ok(())
}

pub(super) async fn head(connection: &mut SqliteConnection) -> Result<RevisionMark, StoreError> {
    let row = sqlx::query(sql::HEAD).fetch_optional(connection).await?;
    row.map_or(Ok(RevisionMark { revision: 0, data_version: [0; 32] }), |row| mark(&row))
}

pub(super) async fn answer(
    connection: &mut SqliteConnection,
    key: &RequestKey,
    fingerprint: [u8; 32],
) -> Result<Option<Vec<u8>>, StoreError> {
    let found: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as(sql::ANSWER)
        .bind(&key.caller)
        .bind(&key.method)
        .bind(&key.request_id)
        .fetch_optional(connection)
        .await?;
    match found {
        None => Ok(None),
        Some((first, answer)) if first == fingerprint => Ok(Some(answer)),
        Some(_) => Err(StoreError::RequestIdReused { request_id: key.request_id.clone() }),
    }
}

pub(super) async fn revisions(
    connection: &mut SqliteConnection,
    after: u64,
    limit: u32,
) -> Result<Vec<RevisionRecord>, StoreError> {
    let rows =
        sqlx::query(sql::REVISIONS).bind(stored(after)).bind(limit).fetch_all(connection).await?;
    rows.iter().map(record).collect()
}

/// Everything after a revision, in one snapshot; segments are decoded while the next are read.
pub(super) async fn load(pool: &SqlitePool, after: u64) -> Result<Delta, StoreError> {
    let mut snapshot = pool.begin_with(sql::BEGIN_READ).await?;
    refuse_too_new(&mut snapshot).await?;
    let records = revisions(&mut snapshot, after, u32::MAX).await?;
    let instruments = instruments(&mut snapshot, after).await?;
    let namings = namings(&mut snapshot, after).await?;
    let texts = texts(&mut snapshot, after).await?;
    let listed = list(&mut snapshot, after).await?;
    let segments = segments(&mut snapshot, listed, after).await?;
    snapshot.commit().await?;
    let promised: u64 = records.iter().map(|record| record.facts).sum();
    let found: u64 = segments.iter().map(|segment| segment.len() as u64).sum();
    if promised != found {
        let fault = format!("facts after revision {after}: {promised} logged, {found} found");
        return Err(StoreError::Damaged { segment: 0, fault });
    }
    Ok(Delta {
        marks: records.into_iter().map(|record| record.mark).collect(),
        instruments,
        namings,
        texts: texts.into_iter().map(|(_, _, text)| text).collect(),
        segments: segments.into_iter().map(Arc::new).collect(),
    })
}

/// The live segments with rows after a revision.
pub(super) async fn list(
    connection: &mut SqliteConnection,
    after: u64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query(sql::SEGMENTS).bind(stored(after)).fetch_all(connection).await?;
    rows.iter().map(listed).collect()
}

/// Reads, verifies and decodes segments, at most one a core at a time.
pub(super) async fn segments(
    connection: &mut SqliteConnection,
    listed: Vec<Listed>,
    after: u64,
) -> Result<Vec<Segment>, StoreError> {
    let permits = Arc::new(Semaphore::new(cores()));
    let mut tasks = Vec::with_capacity(listed.len());
    for Listed { id, summary, checksum } in listed {
        let permit = Arc::clone(&permits).acquire_owned().await;
        let bytes = bytes(connection, id).await?;
        tasks.push(spawn_blocking(move || {
            let segment = unpack(id, &summary, &bytes, &checksum, after);
            drop(permit);
            segment
        }));
    }
    let mut segments = Vec::with_capacity(tasks.len());
    for task in tasks {
        segments.extend(joined(task.await)??);
    }
    Ok(segments)
}

fn unpack(
    id: i64,
    summary: &Summary,
    bytes: &[u8],
    checksum: &[u8],
    after: u64,
) -> Result<Option<Segment>, StoreError> {
    let damaged = |fault| StoreError::Damaged { segment: id, fault };
    let segment = segment::unpack(bytes, checksum, after).map_err(|fault| damaged(fault.0))?;
    match segment {
        Some(segment) if segment.dataset != summary.dataset => Err(damaged(format!(
            "it holds {} where the list says {}",
            segment.dataset.name(),
            summary.dataset.name()
        ))),
        other => Ok(other),
    }
}

async fn bytes(connection: &mut SqliteConnection, id: i64) -> Result<Vec<u8>, StoreError> {
    Ok(sqlx::query_scalar(sql::SEGMENT_BYTES).bind(id).fetch_one(connection).await?)
}

/// All that [`crate::check`] looks at, in one snapshot.
pub(super) async fn contents(pool: &SqlitePool) -> Result<Contents, StoreError> {
    let mut snapshot = pool.begin_with(sql::BEGIN_READ).await?;
    refuse_too_new(&mut snapshot).await?;
    let pages: Vec<String> = sqlx::query_scalar(sql::QUICK_CHECK).fetch_all(&mut *snapshot).await?;
    let mut contents = Contents {
        revisions: revisions(&mut snapshot, 0, u32::MAX).await?,
        instruments: instruments(&mut snapshot, 0).await?,
        namings: namings(&mut snapshot, 0).await?,
        texts: texts(&mut snapshot, 0).await?,
        segments: Vec::new(),
        faults: pages.into_iter().filter(|page| page != "ok").collect(),
    };
    for Listed { id, summary, checksum } in list(&mut snapshot, 0).await? {
        let bytes = bytes(&mut snapshot, id).await?;
        contents.segments.push(Held { id, summary, checksum, bytes });
    }
    snapshot.commit().await?;
    Ok(contents)
}

async fn instruments(
    connection: &mut SqliteConnection,
    after: u64,
) -> Result<Vec<Instrument>, StoreError> {
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as(sql::INSTRUMENTS).bind(stored(after)).fetch_all(connection).await?;
    let instrument = |(id, namespace, revision): (i64, i64, i64)| {
        let namespace = u8::try_from(namespace).ok().and_then(Namespace::from_code);
        let namespace = namespace.ok_or_else(|| unreadable("an instrument's namespace"))?;
        Ok(Instrument { id: InstrumentId(id as u32), namespace, revision: revision as u64 })
    };
    rows.into_iter().map(instrument).collect()
}

async fn namings(connection: &mut SqliteConnection, after: u64) -> Result<Vec<Naming>, StoreError> {
    let rows: Vec<(i64, i64, String, i64, i64)> =
        sqlx::query_as(sql::NAMINGS).bind(stored(after)).fetch_all(connection).await?;
    let naming = |(instrument, revision, symbol, from, until): (i64, i64, String, i64, i64)| {
        Ok(Naming {
            instrument: InstrumentId(instrument as u32),
            revision: revision as u64,
            symbol: Symbol::series(&symbol).map_err(|_| unreadable("a symbol"))?,
            from: Day::from_epoch(from as i32),
            until: Day::from_epoch(until as i32),
        })
    };
    rows.into_iter().map(naming).collect()
}

async fn texts(
    connection: &mut SqliteConnection,
    after: u64,
) -> Result<Vec<(i64, u64, String)>, StoreError> {
    let rows: Vec<(i64, i64, String)> =
        sqlx::query_as(sql::TEXTS).bind(stored(after)).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(id, revision, text)| (id, revision as u64, text)).collect())
}

fn mark(row: &SqliteRow) -> Result<RevisionMark, StoreError> {
    let number: i64 = row.try_get("number")?;
    Ok(RevisionMark { revision: number as u64, data_version: hash(row, "data_version")? })
}

fn record(row: &SqliteRow) -> Result<RevisionRecord, StoreError> {
    Ok(RevisionRecord {
        mark: mark(row)?,
        committed_at: Instant::from_micros(row.try_get("committed_at")?),
        provenance: Provenance {
            source: row.try_get("source")?,
            file_name: row.try_get("file_name")?,
            content_hash: hash(row, "content_hash")?,
            received_at: Instant::from_micros(row.try_get("received_at")?),
        },
        facts: row.try_get::<i64, _>("facts")? as u64,
    })
}

fn listed(row: &SqliteRow) -> Result<Listed, StoreError> {
    let id = row.try_get("id")?;
    let number = |column| row.try_get::<i64, _>(column);
    let pair = |first, last| Ok::<_, StoreError>((number(first)?, number(last)?));
    let code = number("dataset")?;
    let dataset = u8::try_from(code).ok().and_then(Dataset::from_code).ok_or_else(|| {
        StoreError::Damaged { segment: id, fault: format!("it is of the unknown dataset {code}") }
    })?;
    let instruments = pair("first_instrument", "last_instrument")?;
    let days = pair("first_on", "last_on")?;
    let published = pair("first_published", "last_published")?;
    let revisions = pair("first_revision", "last_revision")?;
    let summary = Summary {
        dataset,
        rows: number("rows")? as usize,
        runs: number("runs")? as usize,
        instruments: (InstrumentId(instruments.0 as u32), InstrumentId(instruments.1 as u32)),
        days: (Day::from_epoch(days.0 as i32), Day::from_epoch(days.1 as i32)),
        published: (Instant::from_micros(published.0), Instant::from_micros(published.1)),
        revisions: (revisions.0 as u64, revisions.1 as u64),
    };
    Ok(Listed { id, summary, checksum: row.try_get("checksum")? })
}

fn hash(row: &SqliteRow, column: &str) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| unreadable(column))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Database(sqlx::Error::Protocol(format!("{what} of the store cannot be read")))
}

/// SQLite's integers are signed; no log has more than 2⁶³ revisions.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
