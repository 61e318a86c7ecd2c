//! What the SQLite backend writes: each function is one transaction, or a file beside it.

use super::{
    Place, Sqlite,
    identity::make_private,
    read::{self, Listed, stored},
    sql,
    transaction::Connections,
};
use crate::{
    Append, Appended, Compacted, RevisionRecord, Store as _, StoreError, compact, json,
    prepare::Prepared,
    seal::{self, Seal},
    segment::{LAYOUT, Packed},
};
use marketdata::{
    instant::Instant,
    instrument::{Instrument, Naming},
    market::RevisionMark,
};
use sqlx::SqliteConnection;
use std::path::{Path, PathBuf};

/// Expired answers that one write deletes: more than it adds, and few enough not to delay it.
const FORGOTTEN_AT_ONCE: u32 = 256;
/// What SQLite puts after a database's name to name the files beside it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Adds a batch as the next revision. All packing is done before the lock is taken. The files are
/// looked at before the write and after it: what went into a deleted file is not answered.
pub(super) async fn append(writer: &Connections, append: Append) -> Result<Appended, StoreError> {
    let mut append = append;
    let batch = std::mem::replace(&mut append.batch, marketdata::facts::Batch::empty(0));
    let mut prepared = Prepared::of(batch).await?;
    let mut transaction = writer.begin(sql::BEGIN_WRITE).await?;
    let outcome = append_in(transaction.connection(), append, &mut prepared).await;
    let outcome = transaction.end(outcome).await?;
    writer.verify()?;
    Ok(match outcome {
        Outcome::Answered(answer) => Appended::Answered(answer),
        Outcome::NothingNew => Appended::NothingNew,
        Outcome::Written(mark) => Appended::Committed(prepared.into_delta(mark)),
    })
}

enum Outcome {
    Answered(Vec<u8>),
    NothingNew,
    Written(RevisionMark),
}

async fn append_in(
    connection: &mut SqliteConnection,
    append: Append,
    prepared: &mut Prepared,
) -> Result<Outcome, StoreError> {
    if let Some(answer) = read::answer(connection, &append.key, append.fingerprint).await? {
        return Ok(Outcome::Answered(answer));
    }
    let head = read::head(connection).await?;
    if head.revision != prepared.base_revision {
        return Err(StoreError::HeadMoved { head: head.revision });
    }
    forget_answers(connection, append.forget_before).await?;
    if prepared.is_empty() {
        put_answer(connection, &append, None).await?;
        return Ok(Outcome::NothingNew);
    }
    let mark = prepared.mark(head);
    put_revision(connection, mark, &append, prepared).await?;
    put_instruments(connection, &prepared.instruments, mark.revision).await?;
    put_namings(connection, &prepared.namings, mark.revision).await?;
    put_texts(connection, &prepared.texts, mark.revision).await?;
    let mut manifest = read::manifest(connection).await?;
    put_segments(connection, &mut prepared.segments, &mut manifest).await?;
    put_answer(connection, &append, Some(mark.revision)).await?;
    Ok(Outcome::Written(mark))
}

async fn put_revision(
    connection: &mut SqliteConnection,
    mark: RevisionMark,
    append: &Append,
    prepared: &Prepared,
) -> Result<(), StoreError> {
    let now: i64 = sqlx::query_scalar(sql::NOW).fetch_one(&mut *connection).await?;
    let record = RevisionRecord {
        mark,
        committed_at: Instant::from_micros(now),
        provenance: append.provenance.clone(),
        facts: prepared.facts,
    };
    let previous = read::seal(connection, mark.revision - 1).await?;
    let texts = prepared.texts.iter().map(String::as_str);
    let seal =
        seal::of_revision(previous, &record, &prepared.instruments, &prepared.namings, texts);
    let provenance = record.provenance;
    sqlx::query(sql::PUT_REVISION)
        .bind(stored(mark.revision))
        .bind(mark.data_version.to_vec())
        .bind(now)
        .bind(provenance.source)
        .bind(provenance.file_name)
        .bind(provenance.content_hash.to_vec())
        .bind(provenance.received_at.micros())
        .bind(stored(record.facts))
        .bind(seal.to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

async fn put_answer(
    connection: &mut SqliteConnection,
    append: &Append,
    revision: Option<u64>,
) -> Result<(), StoreError> {
    let Append { key, fingerprint, provenance, answer, .. } = append;
    let answered_at = provenance.received_at;
    let seal = seal::of_answer(key, fingerprint, revision, answered_at, answer);
    sqlx::query(sql::PUT_ANSWER)
        .bind(&key.caller)
        .bind(&key.method)
        .bind(&key.request_id)
        .bind(fingerprint.to_vec())
        .bind(revision.map(stored))
        .bind(answered_at.micros())
        .bind(answer)
        .bind(seal.to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

async fn forget_answers(
    connection: &mut SqliteConnection,
    before: Instant,
) -> Result<(), StoreError> {
    let forget = sqlx::query(sql::FORGET_ANSWERS).bind(before.micros()).bind(FORGOTTEN_AT_ONCE);
    forget.execute(connection).await?;
    Ok(())
}

async fn put_instruments(
    connection: &mut SqliteConnection,
    instruments: &[Instrument],
    revision: u64,
) -> Result<(), StoreError> {
    let rows = json::array(instruments, |json, instrument| {
        json.push_str(&format!("[{},{}]", instrument.id.0, instrument.namespace.code()));
    });
    put_rows(connection, sql::PUT_INSTRUMENTS, instruments.len(), rows, revision).await
}

async fn put_namings(
    connection: &mut SqliteConnection,
    namings: &[Naming],
    revision: u64,
) -> Result<(), StoreError> {
    let rows = json::array(namings, |json, naming| {
        json.push_str(&format!("[{},", naming.instrument.0));
        json::string(json, naming.symbol.as_str());
        json.push_str(&format!(",{},{}]", naming.from.epoch(), naming.until.epoch()));
    });
    put_rows(connection, sql::PUT_NAMINGS, namings.len(), rows, revision).await
}

async fn put_texts(
    connection: &mut SqliteConnection,
    texts: &[String],
    revision: u64,
) -> Result<(), StoreError> {
    let rows = json::array(texts, |json, text| json::string(json, text));
    put_rows(connection, sql::PUT_TEXTS, texts.len(), rows, revision).await
}

async fn put_rows(
    connection: &mut SqliteConnection,
    statement: &'static str,
    count: usize,
    rows: String,
    revision: u64,
) -> Result<(), StoreError> {
    if 0 < count {
        sqlx::query(statement).bind(rows).bind(stored(revision)).execute(connection).await?;
    }
    Ok(())
}

/// Writes the segments, whose bytes are taken, and the list's seal with them in it.
async fn put_segments(
    connection: &mut SqliteConnection,
    segments: &mut [Packed],
    manifest: &mut Seal,
) -> Result<(), StoreError> {
    for packed in segments {
        let id = put_segment(connection, packed).await?;
        seal::toggle(manifest, &seal::of_segment(id, &packed.summary, &packed.checksum));
    }
    sqlx::query(sql::PUT_MANIFEST).bind(manifest.to_vec()).execute(connection).await?;
    Ok(())
}

/// The number of the new segment.
async fn put_segment(
    connection: &mut SqliteConnection,
    packed: &mut Packed,
) -> Result<i64, StoreError> {
    let summary = packed.summary;
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
        .bind(i64::from(LAYOUT))
        .bind(packed.checksum.to_vec())
        .bind(std::mem::take(&mut packed.bytes));
    Ok(put.execute(connection).await?.last_insert_rowid())
}

/// A small write that changes no answer.
pub(super) async fn probe(writer: &Connections) -> Result<(), StoreError> {
    let mut transaction = writer.begin(sql::BEGIN_WRITE).await?;
    let probed = sqlx::query(sql::PROBE_WRITE).execute(transaction.connection()).await;
    transaction.end(probed.map(drop).map_err(StoreError::from)).await?;
    writer.verify()
}

/// Deletes what was replaced long ago, then merges small segments.
pub(super) async fn compact(
    readers: &Connections,
    writer: &Connections,
    budget: u64,
    now: Instant,
) -> Result<Compacted, StoreError> {
    let deleted = delete_replaced(writer, now).await?;
    let mut snapshot = readers.begin(sql::BEGIN_READ).await?;
    let chosen = choose(snapshot.connection(), budget).await;
    let (chosen, segments) = snapshot.end(chosen).await?;
    if chosen.is_empty() {
        return Ok(Compacted { merged: 0, written: 0, deleted });
    }
    let mut merged = compact::merge(segments).await?;
    let mut transaction = writer.begin(sql::BEGIN_WRITE).await?;
    let replaced = replace(transaction.connection(), &chosen, &mut merged, now).await;
    match transaction.end(replaced).await {
        Ok(()) => {
            let (merged, written) = (chosen.len() as u64, merged.len() as u64);
            Ok(Compacted { merged, written, deleted })
        }
        Err(Unreplaced::CompactedMeanwhile) => Ok(Compacted { merged: 0, written: 0, deleted }),
        Err(Unreplaced::Failed(error)) => Err(error),
    }
}

/// The segments to merge, as listed and as read.
async fn choose(
    snapshot: &mut SqliteConnection,
    budget: u64,
) -> Result<(Vec<Listed>, Vec<marketdata::segment::Segment>), StoreError> {
    read::refuse_too_new(snapshot).await?;
    let listed = read::list(snapshot).await?;
    let candidates: Vec<_> = listed.iter().map(|listed| (listed.id, listed.summary)).collect();
    let chosen = compact::choose(&candidates, budget);
    let chosen: Vec<Listed> =
        listed.into_iter().filter(|listed| chosen.binary_search(&listed.id).is_ok()).collect();
    let segments = read::segments(snapshot, chosen.clone(), 0).await?;
    Ok((chosen, segments))
}

/// Why merged segments were not put in place.
enum Unreplaced {
    /// Another process merged some of the same.
    CompactedMeanwhile,
    Failed(StoreError),
}

impl<E: Into<StoreError>> From<E> for Unreplaced {
    fn from(error: E) -> Unreplaced {
        Unreplaced::Failed(error.into())
    }
}

/// Puts merged segments in the place of those they were made of, if these are still there.
async fn replace(
    connection: &mut SqliteConnection,
    chosen: &[Listed],
    merged: &mut [Packed],
    now: Instant,
) -> Result<(), Unreplaced> {
    let mut manifest = read::manifest(connection).await?;
    for Listed { id, summary, checksum } in chosen {
        let mark = sqlx::query(sql::REPLACE_SEGMENT).bind(id).bind(now.micros());
        if mark.execute(&mut *connection).await?.rows_affected() != 1 {
            return Err(Unreplaced::CompactedMeanwhile);
        }
        seal::toggle(&mut manifest, &seal::of_segment(*id, summary, checksum));
    }
    Ok(put_segments(connection, merged, &mut manifest).await?)
}

async fn delete_replaced(writer: &Connections, now: Instant) -> Result<u64, StoreError> {
    let mut connection = writer.acquire().await?;
    let deleted = sqlx::query(sql::DELETE_REPLACED)
        .bind(now.micros().saturating_sub(compact::GRACE_MICROS))
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if 0 < deleted {
        sqlx::query(sql::GIVE_PAGES_BACK).fetch_all(&mut *connection).await?;
        sqlx::query(sql::SHRINK_LOG).fetch_all(&mut *connection).await?;
    }
    Ok(deleted)
}

/// Writes a copy of one moment to a new file, made durable and verified under another name first.
pub(super) async fn backup(readers: &Connections, to: &Path) -> Result<(), StoreError> {
    refuse_existing(to).await?;
    let partial = beside(to, "partial");
    clear(&partial).await?;
    let copied = match copy(readers, &partial).await {
        Ok(()) => refuse_faults(&partial).await,
        failed => failed,
    };
    if copied.is_err() {
        clear(&partial).await?;
        return copied;
    }
    settle(&partial, to).await
}

/// Copies one moment to a file that nobody uses. The copy is made from the tables, so a row that
/// only an index still has would be left out of it in silence: the source must be sound.
pub(super) async fn copy(readers: &Connections, to: &Path) -> Result<(), StoreError> {
    let mut reader = readers.acquire().await?;
    if let Some(fault) = read::structure(&mut reader, sql::INTEGRITY_CHECK).await?.first() {
        return Err(StoreError::Damaged(fault.clone()));
    }
    let text = to.to_str().ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path is not UTF-8")
    })?;
    // SQLite takes an empty file for a new one, and leaves its mode alone.
    make_private(to)?;
    sqlx::query(sql::BACKUP).bind(text.to_owned()).execute(&mut *reader).await?;
    Ok(())
}

/// Reads a finished copy in full.
async fn refuse_faults(copy: &Path) -> Result<(), StoreError> {
    let place = Place::File { path: copy.to_owned(), create: false };
    let store = Sqlite::open_read_only(&place).await?;
    let report = store.check().await;
    store.close().await;
    match report?.faults.into_iter().next() {
        Some(fault) => Err(StoreError::Damaged(fault)),
        None => Ok(()),
    }
}

/// Gives a finished file its name, durably; never over another file.
pub(crate) async fn settle(partial: &Path, to: &Path) -> Result<(), StoreError> {
    tokio::fs::OpenOptions::new().write(true).open(partial).await?.sync_all().await?;
    // A link, unlike a rename, fails where there is a file of that name by now. Some file systems
    // have no links.
    match tokio::fs::hard_link(partial, to).await {
        Ok(()) => tokio::fs::remove_file(partial).await?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(error.into()),
        Err(_) => tokio::fs::rename(partial, to).await?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    tokio::fs::File::open(folder).await?.sync_all().await?;
    Ok(())
}

/// Refuses a name that is taken, or that has what SQLite would take for the log of writes of the
/// file that gets it.
pub(crate) async fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    if tokio::fs::try_exists(path).await? {
        let text = format!("{} is there already", path.display());
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, text).into());
    }
    match leftover(path).await? {
        Some(leftover) => Err(refused_leftover(path, &leftover)),
        None => Ok(()),
    }
}

/// Refuses to make a database where only the log of another one is: SQLite would delete that log,
/// and with it writes that somebody may still want.
pub(crate) async fn refuse_leftover(path: &Path) -> Result<(), StoreError> {
    // In this order: another process that is making the store makes the database first.
    let Some(leftover) = leftover(path).await? else { return Ok(()) };
    match tokio::fs::try_exists(path).await? {
        true => Ok(()),
        false => Err(refused_leftover(path, &leftover)),
    }
}

fn refused_leftover(path: &Path, leftover: &Path) -> StoreError {
    let text = format!(
        "{leftover} was left by an earlier database at {path}, and SQLite would read it as a part \
         of the new one: move {path}-wal, {path}-shm and {path}-journal away first",
        leftover = leftover.display(),
        path = path.display(),
    );
    std::io::Error::new(std::io::ErrorKind::AlreadyExists, text).into()
}

/// A file that SQLite keeps beside a database, where there is one.
async fn leftover(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    for ending in COMPANIONS {
        let companion = companion(path, ending);
        if tokio::fs::try_exists(&companion).await? {
            return Ok(Some(companion));
        }
    }
    Ok(None)
}

/// Removes a file of ours, and what SQLite keeps beside it.
pub(crate) async fn clear(path: &Path) -> Result<(), StoreError> {
    for ending in COMPANIONS {
        remove_if_there(&companion(path, ending)).await?;
    }
    remove_if_there(path).await
}

fn companion(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

async fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
