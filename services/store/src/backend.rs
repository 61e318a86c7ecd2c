//! The interface of a database backend: transactions of small primitives. Everything about their
//! order (what is verified, sealed, chosen, deleted) is shared by all backends and is defined
//! elsewhere.
//!
//! A primitive reads or writes rows as stored. It neither verifies nor computes a seal. A row with
//! an impossible value (a number out of range, a hash of another length) is
//! [`StoreError::Damaged`]; so is the absence of a row that must exist.

use crate::{
    RequestKey, StoreError,
    answer::KeptAnswer,
    log::{Sealed, Text},
    seal::Seal,
    segment::Summary,
    settings::KeptSettings,
    usage::Usage,
};
use async_trait::async_trait;
use marketdata::{
    instant::Instant,
    instrument::{Instrument, Naming},
    market::RevisionMark,
};
use std::{fmt::Debug, path::Path, sync::Arc};

/// The reader version of this binary.
const READER: u32 = 1;

/// A database that holds one log.
#[async_trait]
pub(crate) trait Backend: Debug + Send + Sync {
    /// Begins a transaction whose reads all see the log at one moment.
    ///
    /// It waits for no writer, and may be served by a replica that lags behind: values that decide
    /// a write are read again in the transaction that writes.
    async fn begin_read(&self) -> Result<Box<dyn Reading>, StoreError>;

    /// Whether `begin_read` reads the database that is written, and not a replica of it. By default
    /// it does.
    fn reads_what_it_writes(&self) -> bool {
        true
    }

    /// Like `begin_read`, but never served by a replica that lags behind.
    async fn begin_read_of_primary(&self) -> Result<Box<dyn Reading>, StoreError> {
        self.begin_read().await
    }

    /// What it uses of its database now. By default there is nothing to say.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// The same database, for reads whose caller stops waiting at a given time. A backend whose
    /// statements run elsewhere ends them by then.
    fn until(self: Arc<Self>, end: tokio::time::Instant) -> Arc<dyn Backend>;

    /// Begins a transaction that writes, and waits for its turn, at most as long as a limit that
    /// the backend defines.
    ///
    /// Until it ends no other write transaction of any process begins, and its reads see every
    /// commit before it. (A backend can use a lock taken by the first statement, or a lock on a row
    /// of the head, read at an isolation level that sees commits made while waiting for it.)
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] if the log was opened read-only.
    async fn begin_write(&self) -> Result<Box<dyn Writing>, StoreError>;

    /// Whether commits are announced now. By default they are not.
    fn announces(&self) -> bool {
        false
    }

    /// Waits until another process may have committed since the last call; for one waiter at a
    /// time. Never returns where commits are not announced.
    async fn announced(&self) {
        std::future::pending().await
    }

    /// Whether the database takes writes now, without trying one. By default it does.
    async fn takes_writes(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Returns the space of deleted rows to the file system, as far as that is possible without
    /// making a writer wait for a reader. The rest is returned by a later call.
    async fn reclaim(&self) -> Result<(), StoreError>;

    /// Writes a complete, consistent and verified copy to a new file.
    async fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// Flushes and closes; later calls fail.
    async fn close(&self);
}

/// A transaction that reads. It ends when it is dropped.
#[async_trait]
pub(crate) trait Reading: Send {
    /// The reader version that the log requires, as stored.
    async fn needed_reader(&mut self) -> Result<i64, StoreError>;

    /// Whether a replica serves this, which may lag behind. By default none does.
    async fn lags(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// The newest revision; `None` in an empty log.
    async fn head(&mut self) -> Result<Option<RevisionMark>, StoreError>;

    /// The seal of an existing revision.
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

    /// Kept answers whose row number is above `after`, by row number, at most `limit`. Row numbers
    /// are assigned by the backend and are above 0.
    async fn answers(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptAnswer>>, StoreError>;

    /// The document of settings kept under a hash.
    async fn settings(&mut self, hash: Seal) -> Result<Option<String>, StoreError>;

    /// Kept settings whose row number is above `after`, by row number, at most `limit`. Row numbers
    /// are assigned by the backend and are above 0.
    async fn all_settings(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptSettings>>, StoreError>;

    /// Number of kept settings.
    async fn settings_count(&mut self) -> Result<u64, StoreError>;

    /// The live segments: those not replaced by others. Sorted by dataset, then first day, then id,
    /// so that the parts of an instrument come in order.
    async fn segments(&mut self) -> Result<Vec<Listed>, StoreError>;

    /// The bytes of an existing segment.
    async fn segment_bytes(&mut self, id: i64) -> Result<Vec<u8>, StoreError>;

    /// The sum of the seals of the live segments, as stored.
    async fn manifest(&mut self) -> Result<Seal, StoreError>;

    /// Faults that the database finds in its own structure and in the definitions of the tables.
    async fn structure_faults(&mut self) -> Result<Vec<String>, StoreError>;

    /// Ends the transaction.
    async fn end(self: Box<Self>) -> Result<(), StoreError>;
}

/// A transaction that writes. Ending or dropping it without a commit undoes everything it did.
#[async_trait]
pub(crate) trait Writing: Reading {
    /// The database's clock, because processes on several machines may write to one log.
    async fn now(&mut self) -> Result<Instant, StoreError>;

    /// Adds a revision.
    async fn put_revision(&mut self, sealed: &Sealed) -> Result<(), StoreError>;

    /// Adds the instruments of a revision.
    async fn put_instruments(
        &mut self,
        instruments: &[Instrument],
        revision: u64,
    ) -> Result<(), StoreError>;

    /// Adds the names of a revision; reads return them in this order.
    async fn put_namings(&mut self, namings: &[Naming], revision: u64) -> Result<(), StoreError>;

    /// Adds the texts of a revision. Their ids continue after the last one, starting from 0.
    async fn put_texts(&mut self, texts: &[String], revision: u64) -> Result<(), StoreError>;

    /// Adds a live segment, and returns its id: above 0, and never used for another segment.
    async fn put_segment(&mut self, segment: NewSegment) -> Result<i64, StoreError>;

    /// Marks a segment with this checksum as replaced at `at`, and removes it from the live ones.
    /// Returns whether it was live.
    async fn retire_segment(
        &mut self,
        id: i64,
        checksum: &[u8],
        at: Instant,
    ) -> Result<bool, StoreError>;

    /// Deletes the segments that were replaced at or before an instant; returns their number.
    async fn delete_retired(&mut self, before: Instant) -> Result<u64, StoreError>;

    /// Replaces the stored sum of the seals of the live segments.
    async fn put_manifest(&mut self, manifest: &Seal) -> Result<(), StoreError>;

    /// Stores an answer under a key that has none.
    async fn put_answer(&mut self, answer: &KeptAnswer) -> Result<(), StoreError>;

    /// Deletes answers dated before an instant, oldest first, at most `limit`.
    async fn delete_answers(&mut self, before: Instant, limit: u32) -> Result<(), StoreError>;

    /// Stores settings under a hash that has none.
    async fn put_settings(&mut self, settings: &KeptSettings) -> Result<(), StoreError>;

    /// Changes something that no answer depends on, so that the commit has something to write.
    async fn touch(&mut self) -> Result<(), StoreError>;

    /// Commits. When it returns, the writes are durable, and will be found when the log is next
    /// opened. A backend that can announce commits to followers does so in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if they would not be found again.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// The row after which a page begins: its revision and its number within the table.
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

/// A row and its number, after which the next page can begin.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    pub(crate) row: i64,
    pub(crate) value: T,
}

/// A segment's entry in the list, without its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: i64,
    pub(crate) summary: Summary,
    pub(crate) checksum: Vec<u8>,
}

/// A segment to be added to the log.
#[derive(Debug)]
pub(crate) struct NewSegment {
    pub(crate) summary: Summary,
    pub(crate) layout: u8,
    pub(crate) checksum: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

/// Ends a read transaction, and returns its outcome.
pub(crate) async fn end<T>(
    transaction: Box<dyn Reading>,
    outcome: Result<T, StoreError>,
) -> Result<T, StoreError> {
    let ended = transaction.end().await;
    let value = outcome?;
    ended.map(|()| value)
}

/// Commits if the outcome is a success, and rolls back otherwise.
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
            // The first error is reported. If the rollback fails, dropping the transaction undoes
            // its changes.
            transaction.end().await.ok();
            Err(error)
        }
    }
}

/// Rejects a log that requires a newer reader.
pub(crate) fn refuse_too_new(needed: i64) -> Result<(), StoreError> {
    match u32::try_from(needed) {
        Ok(1..=READER) => Ok(()),
        Ok(needed) if 0 < needed => Err(StoreError::TooNew { needed, ours: READER }),
        _ => Err(StoreError::Damaged(format!("it requires a reader of version {needed}"))),
    }
}
