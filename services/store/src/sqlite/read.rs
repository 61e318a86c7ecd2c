//! What the SQLite backend reads.

use super::{migrations, sql, transaction::Connections};
use crate::{
    Provenance, RequestKey, RevisionRecord, StoreError,
    check::{self, Contents, Held},
    log::{Log, Sealed, Text},
    parallel::{cores, joined},
    seal::{self, Seal},
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
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::sync::Arc;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// The newest reader version this binary is.
const READER: u32 = 1;
/// Kept answers that are verified together.
const ANSWERS_TOGETHER: u32 = 1_000;
/// Damaged answers that are told one by one.
const FAULTS_TOLD: usize = 100;

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
    match u32::try_from(needed) {
        Ok(1..=READER) => Ok(()),
        Ok(needed) if 0 < needed => Err(StoreError::TooNew { needed, ours: READER }),
        _ => Err(StoreError::Damaged(format!("it says it needs a reader of version {needed}"))),
    }
}

pub(super) async fn head(connection: &mut SqliteConnection) -> Result<RevisionMark, StoreError> {
    let row = sqlx::query(sql::HEAD).fetch_optional(connection).await?;
    row.map_or(Ok(RevisionMark { revision: 0, data_version: [0; 32] }), |row| mark(&row))
}

/// The seal of a revision; that of the empty log for 0.
pub(super) async fn seal(
    connection: &mut SqliteConnection,
    revision: u64,
) -> Result<Seal, StoreError> {
    if revision == 0 {
        return Ok(seal::NONE);
    }
    hash(&sqlx::query(sql::SEAL).bind(stored(revision)).fetch_one(connection).await?, "seal")
}

/// The sum of the seals of the live segments.
pub(super) async fn manifest(connection: &mut SqliteConnection) -> Result<Seal, StoreError> {
    hash(&sqlx::query(sql::MANIFEST).fetch_one(connection).await?, "segments")
}

pub(super) async fn answer(
    connection: &mut SqliteConnection,
    key: &RequestKey,
    fingerprint: [u8; 32],
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query(sql::ANSWER)
        .bind(&key.caller)
        .bind(&key.method)
        .bind(&key.request_id)
        .fetch_optional(connection)
        .await?;
    match row.as_ref().map(kept_answer).transpose()? {
        None => Ok(None),
        Some((first, answer)) if first == fingerprint => Ok(Some(answer)),
        Some(_) => Err(StoreError::RequestIdReused { request_id: key.request_id.clone() }),
    }
}

/// The fingerprint and the answer of a row, verified.
fn kept_answer(row: &SqliteRow) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let key = RequestKey {
        caller: row.try_get("caller")?,
        method: row.try_get("method")?,
        request_id: row.try_get("request_id")?,
    };
    let revision: Option<i64> = row.try_get("revision")?;
    let revision = revision.map(|revision| number(revision, "a kept answer")).transpose()?;
    let (fingerprint, answer): (Vec<u8>, Vec<u8>) =
        (row.try_get("fingerprint")?, row.try_get("answer")?);
    let answered_at = Instant::from_micros(row.try_get("answered_at")?);
    if seal::of_answer(&key, &fingerprint, revision, answered_at, &answer) == hash(row, "seal")? {
        return Ok((fingerprint, answer));
    }
    let id = key.request_id;
    Err(StoreError::Damaged(format!("the answer to request {id:?} is not the one that was given")))
}

pub(super) async fn revisions(
    connection: &mut SqliteConnection,
    after: u64,
    limit: u32,
) -> Result<Vec<Sealed>, StoreError> {
    let rows =
        sqlx::query(sql::REVISIONS).bind(stored(after)).bind(limit).fetch_all(connection).await?;
    rows.iter().map(sealed).collect()
}

/// Everything after a revision, in one snapshot; segments are decoded while the next are read.
pub(super) async fn load(readers: &Connections, after: u64) -> Result<Delta, StoreError> {
    let mut snapshot = readers.begin(sql::BEGIN_READ).await?;
    let delta = load_in(snapshot.connection(), after).await;
    snapshot.end(delta).await
}

async fn load_in(snapshot: &mut SqliteConnection, after: u64) -> Result<Delta, StoreError> {
    refuse_too_new(snapshot).await?;
    let previous = seal(snapshot, after).await?;
    let log = log(snapshot, after).await?;
    if let Some(fault) = log.faults(after, previous).into_iter().next() {
        return Err(StoreError::Damaged(fault));
    }
    let listed = list(snapshot).await?;
    let fault = check::manifest_fault(
        &manifest(snapshot).await?,
        listed.iter().map(|listed| (listed.id, &listed.summary, &listed.checksum[..])),
    );
    if let Some(fault) = fault {
        return Err(StoreError::Damaged(fault));
    }
    let new = listed.into_iter().filter(|listed| after < listed.summary.revisions.1).collect();
    let segments = segments(snapshot, new, after).await?;
    let found: u64 = segments.iter().map(|segment| segment.len() as u64).sum();
    let promised = log.facts();
    if promised != found {
        let fault = format!("facts after revision {after}: {promised} logged, {found} found");
        return Err(StoreError::Damaged(fault));
    }
    Ok(Delta {
        marks: log.revisions.into_iter().map(|sealed| sealed.record.mark).collect(),
        instruments: log.instruments,
        namings: log.namings,
        texts: log.texts.into_iter().map(|text| text.text).collect(),
        segments: segments.into_iter().map(Arc::new).collect(),
    })
}

async fn log(snapshot: &mut SqliteConnection, after: u64) -> Result<Log, StoreError> {
    Ok(Log {
        revisions: revisions(snapshot, after, u32::MAX).await?,
        instruments: instruments(snapshot, after).await?,
        namings: namings(snapshot, after).await?,
        texts: texts(snapshot, after).await?,
    })
}

/// The live segments.
pub(super) async fn list(connection: &mut SqliteConnection) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query(sql::SEGMENTS).fetch_all(connection).await?;
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
            let segment = segment::unpack(&bytes, &checksum, &summary, after);
            drop(permit);
            segment.map_err(|fault| StoreError::Damaged(format!("segment {id}: {}", fault.0)))
        }));
    }
    let mut segments = Vec::with_capacity(tasks.len());
    for task in tasks {
        segments.extend(joined(task.await)??);
    }
    Ok(segments)
}

async fn bytes(connection: &mut SqliteConnection, id: i64) -> Result<Vec<u8>, StoreError> {
    Ok(sqlx::query_scalar(sql::SEGMENT_BYTES).bind(id).fetch_one(connection).await?)
}

/// All that [`crate::check`] looks at, in one snapshot.
pub(super) async fn contents(readers: &Connections) -> Result<Contents, StoreError> {
    let mut snapshot = readers.begin(sql::BEGIN_READ).await?;
    let contents = contents_in(snapshot.connection()).await;
    snapshot.end(contents).await
}

async fn contents_in(snapshot: &mut SqliteConnection) -> Result<Contents, StoreError> {
    refuse_too_new(snapshot).await?;
    let mut faults = structure(snapshot, sql::INTEGRITY_CHECK).await?;
    faults.extend(migrations::fault(snapshot).await?);
    faults.extend(answer_faults(snapshot).await?);
    let mut contents = Contents {
        log: log(snapshot, 0).await?,
        segments: Vec::new(),
        manifest: manifest(snapshot).await?,
        faults,
    };
    for Listed { id, summary, checksum } in list(snapshot).await? {
        let bytes = bytes(snapshot, id).await?;
        contents.segments.push(Held { id, summary, checksum, bytes });
    }
    Ok(contents)
}

/// What SQLite finds wrong with its own structure; it stops at a hundred faults.
pub(super) async fn structure(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<Vec<String>, StoreError> {
    let found: Vec<String> = sqlx::query_scalar(statement).fetch_all(connection).await?;
    Ok(found.into_iter().filter(|fault| fault != "ok").collect())
}

/// Refuses a store where an index of the kept answers and their table differ: an answer that is
/// there and is not found would let a repeated request add its facts again.
pub(super) async fn refuse_damaged_answers(
    connection: &mut SqliteConnection,
) -> Result<(), StoreError> {
    match structure(connection, sql::ANSWERS_CHECK).await?.into_iter().next() {
        Some(fault) => Err(StoreError::Damaged(format!("the kept answers: {fault}"))),
        None => Ok(()),
    }
}

/// The kept answers that are not what was written, a page of them in memory at a time. Damage may
/// put rows out of order, and whoever goes on after the last of a page must not go round in a circle.
async fn answer_faults(snapshot: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    let mut after = 0_i64;
    loop {
        let rows = sqlx::query(sql::ANSWERS).bind(after).bind(ANSWERS_TOGETHER);
        let rows = rows.fetch_all(&mut *snapshot).await?;
        if rows.is_empty() {
            return Ok(faults);
        }
        for row in &rows {
            let rowid = row.try_get("rowid")?;
            if rowid <= after {
                faults.push(format!("the kept answers are out of order after row {after}"));
                return Ok(faults);
            }
            after = rowid;
            match kept_answer(row) {
                Ok(_) => {}
                Err(StoreError::Damaged(fault)) => faults.push(fault),
                Err(error) => return Err(error),
            }
            if faults.len() == FAULTS_TOLD {
                faults.push("and maybe more: no further kept answer was verified".to_owned());
                return Ok(faults);
            }
        }
    }
}

async fn instruments(
    connection: &mut SqliteConnection,
    after: u64,
) -> Result<Vec<Instrument>, StoreError> {
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as(sql::INSTRUMENTS).bind(stored(after)).fetch_all(connection).await?;
    let instrument = |(id, namespace, revision): (i64, i64, i64)| {
        let code: u8 = number(namespace, "an instrument")?;
        Ok(Instrument {
            id: InstrumentId(number(id, "an instrument")?),
            namespace: Namespace::from_code(code).ok_or_else(|| unreadable("an instrument"))?,
            revision: number(revision, "an instrument")?,
        })
    };
    rows.into_iter().map(instrument).collect()
}

async fn namings(connection: &mut SqliteConnection, after: u64) -> Result<Vec<Naming>, StoreError> {
    let rows: Vec<(i64, i64, String, i64, i64)> =
        sqlx::query_as(sql::NAMINGS).bind(stored(after)).fetch_all(connection).await?;
    let naming = |(instrument, revision, text, from, until): (i64, i64, String, i64, i64)| {
        let symbol = Symbol::series(&text).ok().filter(|symbol| symbol.as_str() == text);
        Ok(Naming {
            instrument: InstrumentId(number(instrument, "a name")?),
            revision: number(revision, "a name")?,
            symbol: symbol.ok_or_else(|| unreadable("a name"))?,
            from: Day::from_epoch(number(from, "a name")?),
            until: Day::from_epoch(number(until, "a name")?),
        })
    };
    rows.into_iter().map(naming).collect()
}

async fn texts(connection: &mut SqliteConnection, after: u64) -> Result<Vec<Text>, StoreError> {
    let rows: Vec<(i64, i64, String)> =
        sqlx::query_as(sql::TEXTS).bind(stored(after)).fetch_all(connection).await?;
    let text = |(id, revision, text): (i64, i64, String)| {
        Ok(Text { id: number(id, "a text")?, revision: number(revision, "a text")?, text })
    };
    rows.into_iter().map(text).collect()
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
    bytes.try_into().map_err(|_| StoreError::Damaged(format!("a {column} is no hash")))
}

/// A number that is in the range of what it stands for: bits that are cut off silently are damage
/// that nobody notices.
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
