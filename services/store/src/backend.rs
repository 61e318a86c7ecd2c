//! What a database does for the log: transactions of small primitives. Everything about their order
//! (what is verified, sealed, chosen, forgotten) is shared by all backends and stands elsewhere.
//!
//! A primitive reads or writes rows as they lie. It neither verifies a seal nor makes one. A row that
//! cannot be what was written (a number out of range, a hash of another length) is
//! [`StoreError::Damaged`]; so is a row that is always there and is missing.

use crate::{
    RequestKey, StoreError,
    answer::KeptAnswer,
    log::{Sealed, Text},
    seal::Seal,
    segment::Summary,
};
use async_trait::async_trait;
use marketdata::{
    instant::Instant,
    instrument::{Instrument, Naming},
    market::RevisionMark,
};
use std::{fmt::Debug, path::Path};

/// The newest reader version this binary is.
const READER: u32 = 1;

/// A database that holds one log.
#[async_trait]
pub(crate) trait Backend: Debug + Send + Sync {
    /// Begins a transaction that sees the log as it was at one moment, all of its reads alike.
    ///
    /// It waits for no writer, and may be served by a replica that lags behind: what decides a write
    /// is read again in the transaction that writes.
    async fn begin_read(&self) -> Result<Box<dyn Reading>, StoreError>;

    /// Begins a transaction that writes, and waits for its turn, no longer than a bound that the
    /// backend names.
    ///
    /// Until it ends no other write transaction of any process begins, and its reads see every commit
    /// before it. (A lock taken by the first statement, or a lock on a row of the head read at an
    /// isolation that sees what was committed while waiting for it.)
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] where the log was opened to be read.
    async fn begin_write(&self) -> Result<Box<dyn Writing>, StoreError>;

    /// Gives the space of deleted rows back, as far as that is possible without making a writer wait
    /// for a reader. What is not given back now is given back later.
    async fn reclaim(&self) -> Result<(), StoreError>;

    /// Writes a whole, consistent and verified copy to a new file.
    async fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// Flushes and closes; later calls fail.
    async fn close(&self);
}

/// A transaction that reads. Dropping it ends it.
#[async_trait]
pub(crate) trait Reading: Send {
    /// The reader version that the log says it needs, as it lies.
    async fn needed_reader(&mut self) -> Result<i64, StoreError>;

    /// The newest revision; none in an empty log.
    async fn head(&mut self) -> Result<Option<RevisionMark>, StoreError>;

    /// The seal of a revision that is there.
    async fn seal(&mut self, revision: u64) -> Result<Seal, StoreError>;

    /// Revisions above `after`, lowest first, at most `limit`.
    async fn revisions(&mut self, after: u64, limit: u32) -> Result<Vec<Sealed>, StoreError>;

    /// Instruments after a position, by revision, then by id, at most `limit`.
    async fn instruments(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Instrument>>, StoreError>;

    /// Names after a position, by revision, then in the order in which they were written, at most
    /// `limit`.
    async fn namings(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Naming>>, StoreError>;

    /// Texts after a position, by revision, then by id, at most `limit`.
    async fn texts(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Text>>, StoreError>;

    /// The answer kept under a key.
    async fn answer(&mut self, key: &RequestKey) -> Result<Option<KeptAnswer>, StoreError>;

    /// Kept answers whose row number is above `after`, by row number, at most `limit`. Row numbers are
    /// the backend's own, above 0.
    async fn answers(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptAnswer>>, StoreError>;

    /// The live segments: those that no other has replaced. By dataset, then first day, then id, so
    /// that the pieces of an instrument come in their order.
    async fn segments(&mut self) -> Result<Vec<Listed>, StoreError>;

    /// The bytes of a segment that is there.
    async fn segment_bytes(&mut self, id: i64) -> Result<Vec<u8>, StoreError>;

    /// The sum of the seals of the live segments, as kept.
    async fn manifest(&mut self) -> Result<Seal, StoreError>;

    /// What the database finds wrong with its own structure and with the definitions of the tables.
    async fn structure_faults(&mut self) -> Result<Vec<String>, StoreError>;

    /// Ends the transaction.
    async fn end(self: Box<Self>) -> Result<(), StoreError>;
}

/// A transaction that writes. Ending or dropping it without a commit undoes everything it did.
#[async_trait]
pub(crate) trait Writing: Reading {
    /// The database's clock: processes on several machines write to one log.
    async fn now(&mut self) -> Result<Instant, StoreError>;

    /// Adds a revision.
    async fn put_revision(&mut self, sealed: &Sealed) -> Result<(), StoreError>;

    /// Adds the instruments of a revision.
    async fn put_instruments(
        &mut self,
        instruments: &[Instrument],
        revision: u64,
    ) -> Result<(), StoreError>;

    /// Adds the names of a revision, which come back in this order.
    async fn put_namings(&mut self, namings: &[Naming], revision: u64) -> Result<(), StoreError>;

    /// Adds the texts of a revision. Their ids go on from the last one there, and from 0.
    async fn put_texts(&mut self, texts: &[String], revision: u64) -> Result<(), StoreError>;

    /// Adds a live segment, and gives its id: above 0, and of no other segment ever.
    async fn put_segment(&mut self, segment: NewSegment) -> Result<i64, StoreError>;

    /// Notes when a segment was replaced, and takes it off the list of live ones. Whether it was live.
    async fn retire_segment(&mut self, id: i64, at: Instant) -> Result<bool, StoreError>;

    /// Deletes the segments that were replaced at or before an instant; how many.
    async fn delete_retired(&mut self, before: Instant) -> Result<u64, StoreError>;

    /// Keeps another sum of the seals of the live segments.
    async fn put_manifest(&mut self, manifest: &Seal) -> Result<(), StoreError>;

    /// Keeps an answer under a key that has none.
    async fn put_answer(&mut self, answer: &KeptAnswer) -> Result<(), StoreError>;

    /// Deletes answers dated before an instant, oldest first, at most `limit`.
    async fn delete_answers(&mut self, before: Instant, limit: u32) -> Result<(), StoreError>;

    /// Changes something that no answer depends on, so that the commit has something to write.
    async fn touch(&mut self) -> Result<(), StoreError>;

    /// Commits. When it returns, what was written is durable, and found when the log is next
    /// opened. A backend that can announce commits to followers does so in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] where it would not be found again.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// After which row of which revision a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) revision: u64,
    pub(crate) row: i64,
}

impl Position {
    /// After the last row of a revision.
    pub(crate) const fn after(revision: u64) -> Position {
        Position { revision, row: i64::MAX }
    }
}

/// A row with the number by which the next page begins after it.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    pub(crate) row: i64,
    pub(crate) value: T,
}

/// A segment of the list, without its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: i64,
    pub(crate) summary: Summary,
    pub(crate) checksum: Vec<u8>,
}

/// A segment on its way into the log.
#[derive(Debug)]
pub(crate) struct NewSegment {
    pub(crate) summary: Summary,
    pub(crate) layout: u8,
    pub(crate) checksum: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

/// Ends a read transaction, whatever came of it.
pub(crate) async fn end<T>(
    transaction: Box<dyn Reading>,
    outcome: Result<T, StoreError>,
) -> Result<T, StoreError> {
    let ended = transaction.end().await;
    let value = outcome?;
    ended.map(|()| value)
}

/// Commits what went well, and undoes what did not.
pub(crate) async fn commit<T, E: From<StoreError>>(
    transaction: Box<dyn Writing>,
    outcome: Result<T, E>,
) -> Result<T, E> {
    match outcome {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // The first error is reported. What cannot be undone now is undone when it is dropped.
            transaction.end().await.ok();
            Err(error)
        }
    }
}

/// Refuses a log that says it needs a newer reader.
pub(crate) fn refuse_too_new(needed: i64) -> Result<(), StoreError> {
    match u32::try_from(needed) {
        Ok(1..=READER) => Ok(()),
        Ok(needed) if 0 < needed => Err(StoreError::TooNew { needed, ours: READER }),
        _ => Err(StoreError::Damaged(format!("it says it needs a reader of version {needed}"))),
    }
}
