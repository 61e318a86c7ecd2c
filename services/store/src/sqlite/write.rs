//! What the SQLite backend writes: each function is one transaction, or a file beside it.

use super::{
    read::{self, Listed, stored},
    sql,
};
use crate::{
    Append, Appended, Compacted, Provenance, RequestKey, StoreError, compact, json,
    prepare::Prepared,
    segment::{LAYOUT, Packed},
};
use marketdata::{
    instant::Instant,
    instrument::{Instrument, Naming},
    market::RevisionMark,
};
use sqlx::{SqliteConnection, SqlitePool};
use std::path::Path;

/// Adds a batch as the next revision. All packing is done before the lock is taken.
pub(super) async fn append(pool: &SqlitePool, append: Append) -> Result<Appended, StoreError> {
    let Append { key, fingerprint, provenance, batch, answer } = append;
    let prepared = Prepared::of(batch).await?;
    let mut transaction = pool.begin_with(sql::BEGIN_WRITE).await?;
    if let Some(answer) = read::answer(&mut transaction, &key, fingerprint).await? {
        return Ok(Appended::Answered(answer));
    }
    let head = read::head(&mut transaction).await?;
    if head.revision != prepared.base_revision {
        return Err(StoreError::HeadMoved { head: head.revision });
    }
    if prepared.is_empty() {
        put_answer(&mut transaction, key, fingerprint, None, answer).await?;
        transaction.commit().await?;
        return Ok(Appended::NothingNew);
    }
    let mark = prepared.mark(head);
    put_revision(&mut transaction, mark, provenance, prepared.facts).await?;
    put_instruments(&mut transaction, &prepared.instruments, mark.revision).await?;
    put_namings(&mut transaction, &prepared.namings, mark.revision).await?;
    put_texts(&mut transaction, &prepared.texts, mark.revision).await?;
    let prepared = put_segments(&mut transaction, prepared).await?;
    put_answer(&mut transaction, key, fingerprint, Some(mark.revision), answer).await?;
    transaction.commit().await?;
    Ok(Appended::Committed(prepared.into_delta(mark)))
}

async fn put_revision(
    connection: &mut SqliteConnection,
    mark: RevisionMark,
    provenance: Provenance,
    facts: u64,
) -> Result<(), StoreError> {
    sqlx::query(sql::PUT_REVISION)
        .bind(stored(mark.revision))
        .bind(mark.data_version.to_vec())
        .bind(provenance.source)
        .bind(provenance.file_name)
        .bind(provenance.content_hash.to_vec())
        .bind(provenance.received_at.micros())
        .bind(stored(facts))
        .execute(connection)
        .await?;
    Ok(())
}

async fn put_answer(
    connection: &mut SqliteConnection,
    key: RequestKey,
    fingerprint: [u8; 32],
    revision: Option<u64>,
    answer: Vec<u8>,
) -> Result<(), StoreError> {
    sqlx::query(sql::PUT_ANSWER)
        .bind(key.caller)
        .bind(key.method)
        .bind(key.request_id)
        .bind(fingerprint.to_vec())
        .bind(revision.map(stored))
        .bind(answer)
        .execute(connection)
        .await?;
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

/// Writes the segments and gives the batch back without their bytes.
async fn put_segments(
    connection: &mut SqliteConnection,
    mut prepared: Prepared,
) -> Result<Prepared, StoreError> {
    for packed in &mut prepared.segments {
        put_segment(connection, packed).await?;
    }
    Ok(prepared)
}

async fn put_segment(
    connection: &mut SqliteConnection,
    packed: &mut Packed,
) -> Result<(), StoreError> {
    let summary = packed.summary;
    sqlx::query(sql::PUT_SEGMENT)
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
        .bind(std::mem::take(&mut packed.bytes))
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes what was replaced long ago, then merges small segments.
pub(super) async fn compact(
    readers: &SqlitePool,
    writer: &SqlitePool,
    budget: u64,
    now: Instant,
) -> Result<Compacted, StoreError> {
    let deleted = delete_replaced(writer, now).await?;
    let mut snapshot = readers.begin_with(sql::BEGIN_READ).await?;
    read::refuse_too_new(&mut snapshot).await?;
    let listed = read::list(&mut snapshot, 0).await?;
    let candidates: Vec<_> = listed.iter().map(|listed| (listed.id, listed.summary)).collect();
    let chosen = compact::choose(&candidates, budget);
    let chosen: Vec<Listed> =
        listed.into_iter().filter(|listed| chosen.binary_search(&listed.id).is_ok()).collect();
    let ids: Vec<i64> = chosen.iter().map(|listed| listed.id).collect();
    let segments = read::segments(&mut snapshot, chosen, 0).await?;
    snapshot.commit().await?;
    if ids.is_empty() {
        return Ok(Compacted { merged: 0, written: 0, deleted });
    }
    let written = compact::merge(segments).await?;
    replace(writer, &ids, written, now, deleted).await
}

/// Puts the merged segments in the place of those they were made of, if these are still there.
async fn replace(
    writer: &SqlitePool,
    ids: &[i64],
    mut written: Vec<Packed>,
    now: Instant,
    deleted: u64,
) -> Result<Compacted, StoreError> {
    let mut transaction = writer.begin_with(sql::BEGIN_WRITE).await?;
    for id in ids {
        let marked = sqlx::query(sql::REPLACE_SEGMENT)
            .bind(id)
            .bind(now.micros())
            .execute(&mut *transaction)
            .await?;
        if marked.rows_affected() != 1 {
            // Another process compacted them meanwhile; the transaction is rolled back.
            return Ok(Compacted { merged: 0, written: 0, deleted });
        }
    }
    for packed in &mut written {
        put_segment(&mut transaction, packed).await?;
    }
    transaction.commit().await?;
    Ok(Compacted { merged: ids.len() as u64, written: written.len() as u64, deleted })
}

async fn delete_replaced(writer: &SqlitePool, now: Instant) -> Result<u64, StoreError> {
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

/// Writes a copy of one moment to a new file, made durable under another name first.
pub(super) async fn backup(readers: &SqlitePool, to: &Path) -> Result<(), StoreError> {
    refuse_existing(to).await?;
    let partial = beside(to, "partial");
    remove_if_there(&partial).await?;
    let text = partial.to_str().ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path is not UTF-8")
    })?;
    if let Err(error) = sqlx::query(sql::BACKUP).bind(text.to_owned()).execute(readers).await {
        remove_if_there(&partial).await?;
        return Err(error.into());
    }
    settle(&partial, to).await
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

pub(crate) async fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    if tokio::fs::try_exists(path).await? {
        let text = format!("{} is there already", path.display());
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, text).into());
    }
    Ok(())
}

pub(crate) fn beside(path: &Path, ending: &str) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

pub(crate) async fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
