//! Rows of a database as values of the log, for all backends that speak SQL. Every number and hash
//! is checked here.

use crate::{
    Provenance, RequestKey, RevisionRecord, StoreError,
    answer::KeptAnswer,
    backend::{Listed, Numbered},
    log::{Sealed, Text},
    segment::Summary,
    settings::KeptSettings,
};
use marketdata::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::RevisionMark,
    symbol::Symbol,
};

/// A row of a result. Columns have the same names on all backends.
pub(crate) trait StoredRow {
    /// An integer.
    fn integer(&self, column: &str) -> Result<i64, StoreError>;

    /// An integer that may be null.
    fn integer_or_null(&self, column: &str) -> Result<Option<i64>, StoreError>;

    /// Bytes.
    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError>;

    /// A text.
    fn text(&self, column: &str) -> Result<String, StoreError>;
}

pub(crate) fn instrument(row: &impl StoredRow) -> Result<Numbered<Instrument>, StoreError> {
    let what = "an instrument";
    let id = row.integer("id")?;
    let code: u8 = number(row.integer("namespace")?, what)?;
    let value = Instrument {
        id: InstrumentId(number(id, what)?),
        namespace: Namespace::from_code(code).ok_or_else(|| unreadable(what))?,
        revision: number(row.integer("revision")?, what)?,
    };
    Ok(Numbered { row: id, value })
}

pub(crate) fn naming(row: &impl StoredRow) -> Result<Numbered<Naming>, StoreError> {
    let what = "a name";
    let text = row.text("symbol")?;
    let symbol = Symbol::series(&text).ok().filter(|symbol| symbol.as_str() == text);
    let value = Naming {
        instrument: InstrumentId(number(row.integer("instrument")?, what)?),
        revision: number(row.integer("revision")?, what)?,
        symbol: symbol.ok_or_else(|| unreadable(what))?,
        from: Day::from_epoch(number(row.integer("from_on")?, what)?),
        until: Day::from_epoch(number(row.integer("until_on")?, what)?),
    };
    Ok(Numbered { row: row.integer("id")?, value })
}

pub(crate) fn text(row: &impl StoredRow) -> Result<Numbered<Text>, StoreError> {
    let what = "a text";
    let id = row.integer("id")?;
    let revision = number(row.integer("revision")?, what)?;
    let value = Text { id: number(id, what)?, revision, text: row.text("text")? };
    Ok(Numbered { row: id, value })
}

/// A kept answer, unverified.
pub(crate) fn answer(row: &impl StoredRow) -> Result<KeptAnswer, StoreError> {
    let revision = row.integer_or_null("revision")?;
    Ok(KeptAnswer {
        key: RequestKey {
            caller: row.text("caller")?,
            method: row.text("method")?,
            request_id: row.text("request_id")?,
        },
        fingerprint: row.bytes("fingerprint")?,
        revision: revision.map(|revision| number(revision, "a kept answer")).transpose()?,
        answered_at: Instant::from_micros(row.integer("answered_at")?),
        answer: row.bytes("answer")?,
        seal: hash(row, "seal")?,
    })
}

pub(crate) fn numbered_answer(row: &impl StoredRow) -> Result<Numbered<KeptAnswer>, StoreError> {
    Ok(Numbered { row: row.integer("id")?, value: answer(row)? })
}

pub(crate) fn settings(row: &impl StoredRow) -> Result<Numbered<KeptSettings>, StoreError> {
    let value = KeptSettings { hash: hash(row, "hash")?, document: row.text("document")? };
    Ok(Numbered { row: row.integer("id")?, value })
}

pub(crate) fn mark(row: &impl StoredRow) -> Result<RevisionMark, StoreError> {
    let revision = number(row.integer("number")?, "a revision")?;
    Ok(RevisionMark { revision, data_version: hash(row, "data_version")? })
}

pub(crate) fn revision(row: &impl StoredRow) -> Result<Sealed, StoreError> {
    let record = RevisionRecord {
        mark: mark(row)?,
        committed_at: Instant::from_micros(row.integer("committed_at")?),
        provenance: Provenance {
            source: row.text("source")?,
            file_name: row.text("file_name")?,
            content_hash: hash(row, "content_hash")?,
            received_at: Instant::from_micros(row.integer("received_at")?),
        },
        facts: number(row.integer("facts")?, "a revision")?,
    };
    Ok(Sealed { record, seal: hash(row, "seal")? })
}

pub(crate) fn segment(row: &impl StoredRow) -> Result<Listed, StoreError> {
    let id = row.integer("id")?;
    let what = format!("segment {id}");
    let code: u8 = number(row.integer("dataset")?, &what)?;
    let instrument =
        |column| Ok::<_, StoreError>(InstrumentId(number(row.integer(column)?, &what)?));
    let day = |column| Ok::<_, StoreError>(Day::from_epoch(number(row.integer(column)?, &what)?));
    let instant = |column| Ok::<_, StoreError>(Instant::from_micros(row.integer(column)?));
    let revision = |column| number::<u64>(row.integer(column)?, &what);
    let summary = Summary {
        dataset: Dataset::from_code(code).ok_or_else(|| unreadable(&what))?,
        rows: number(row.integer("rows")?, &what)?,
        runs: number(row.integer("runs")?, &what)?,
        instruments: (instrument("first_instrument")?, instrument("last_instrument")?),
        days: (day("first_on")?, day("last_on")?),
        published: (instant("first_published")?, instant("last_published")?),
        revisions: (revision("first_revision")?, revision("last_revision")?),
    };
    Ok(Listed { id, summary, checksum: row.bytes("checksum")? })
}

pub(crate) fn hash(row: &impl StoredRow, column: &str) -> Result<[u8; 32], StoreError> {
    let bytes = row.bytes(column)?;
    bytes.try_into().map_err(|_| StoreError::Damaged(format!("a {column} is not a hash")))
}

/// Converts a stored number, and checks its range. Silent truncation would hide damage.
pub(crate) fn number<T: TryFrom<i64>>(stored: i64, what: &str) -> Result<T, StoreError> {
    T::try_from(stored).map_err(|_| unreadable(what))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} cannot be read"))
}

/// Integers of a database are signed; no log has more than 2⁶³ revisions.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
