//! The append-only fact log behind one trait: immutable column segments, committed by a database.
//!
//! One revision is one batch, whole or not at all. A fact is never changed; only [`Store::compact`]
//! deletes rows of the database, and never a fact. No SQL appears outside this crate.

mod answer;
mod append;
mod backend;
mod check;
mod column;
mod compact;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod fact_log;
mod load;
mod log;
#[cfg(feature = "conformance")]
mod memory;
mod parallel;
mod prepare;
mod seal;
mod segment;
mod sqlite;
mod version;

pub use error::{DatabaseError, Outlook, StoreError};
pub use sqlite::restore;

use async_trait::async_trait;
use backend::Backend;
use fact_log::FactLog;
use marketdata::{
    facts::Batch,
    instant::Instant,
    market::{Delta, RevisionMark},
};
use std::{fmt::Debug, path::Path, sync::Arc};

/// Opens the store a URL names, and makes it where there is none: `sqlite:PATH`, `sqlite::memory:`
/// (gone when it is closed), or `sqlite:PATH?mode=rw` for one that must be there already.
///
/// Tables are brought up to date; several processes may do so at once. A store that a later binary
/// has extended is accepted unless it says that older readers cannot read it.
///
/// # Errors
/// [`StoreError::Url`], [`StoreError::Missing`], [`StoreError::Foreign`], [`StoreError::TooNew`],
/// [`StoreError::Damaged`], [`StoreError::Database`].
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_as(url, Access::Create).await
}

/// [`connect`], but a store that is not there is [`StoreError::Missing`], unless the URL itself asks
/// for one (`sqlite:PATH?mode=rwc`, `sqlite::memory:`).
///
/// # Errors
/// As [`connect`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_as(url, Access::Write).await
}

/// Opens a store to read it, as it is: no table is brought up to date, and neither the file nor its
/// folder need be writable. A process may be writing to it. [`Store::append`] and [`Store::compact`]
/// are refused.
///
/// # Errors
/// As [`connect`].
pub async fn open_read_only(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_as(url, Access::Read).await
}

/// What may be done to what a URL names. Every backend has words of its own for it, so none of it is
/// ever written into a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It is made where there is none.
    Create,
    /// It must be there.
    Write,
    /// It must be there, and stays as it is.
    Read,
}

async fn open_as(url: &str, access: Access) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(FactLog::new(backend_of(url, access).await?)))
}

/// The one list of backends, by the scheme of their URLs.
async fn backend_of(url: &str, access: Access) -> Result<Arc<dyn Backend>, StoreError> {
    match url.split_once(':') {
        Some(("sqlite", _)) => Ok(Arc::new(sqlite::Sqlite::open_url(url, access).await?)),
        #[cfg(feature = "conformance")]
        Some(("memory", name)) => Ok(Arc::new(memory::Memory::open(name, access)?)),
        _ => Err(StoreError::Url(url.to_owned())),
    }
}

/// Who asked for a write: a repeated key gets the first answer and adds nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey {
    /// The authenticated caller; empty where there is no authentication.
    pub caller: String,
    /// The RPC method.
    pub method: String,
    /// The caller's own id of the request.
    pub request_id: String,
}

/// Where a revision came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The kind of file, for instance `finra_short_interest`.
    pub source: String,
    /// The file's name as the caller gave it.
    pub file_name: String,
    /// Hash of the bytes received.
    pub content_hash: [u8; 32],
    /// When they were received.
    pub received_at: Instant,
}

/// A write.
#[derive(Clone, Debug)]
pub struct Append {
    /// The idempotency key.
    pub key: RequestKey,
    /// Hash of what the key must always stand for (the bytes and the options of the request).
    pub fingerprint: [u8; 32],
    /// Where it came from.
    pub provenance: Provenance,
    /// What it adds. Where it adds nothing no revision is made, and only the answer is kept.
    pub batch: Batch,
    /// The answer to keep under the key, encoded by the caller, for the revision the batch becomes.
    /// It is dated by the receipt in the provenance.
    pub answer: Vec<u8>,
    /// Answers dated before this may be forgotten; each write deletes some of them.
    pub forget_before: Instant,
}

/// What became of a write.
#[derive(Debug)]
pub enum Appended {
    /// It is durable; the delta is what a follower would now load.
    Committed(Delta),
    /// It added no fact; the answer is kept.
    NothingNew,
    /// The key was answered before; this is that answer.
    Answered(Vec<u8>),
}

/// One revision of the log, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRecord {
    /// Its number and data version.
    pub mark: RevisionMark,
    /// When it was committed.
    pub committed_at: Instant,
    /// Where it came from.
    pub provenance: Provenance,
    /// Facts added.
    pub facts: u64,
}

/// What [`Store::compact`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Segments merged away.
    pub merged: u64,
    /// Segments written in their place.
    pub written: u64,
    /// Replaced segments whose grace period was over, deleted.
    pub deleted: u64,
}

/// What [`Store::check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Revisions seen.
    pub revisions: u64,
    /// Segments read and verified.
    pub segments: u64,
    /// Facts in them.
    pub facts: u64,
    /// Every fault, each naming what it is about.
    pub faults: Vec<String>,
}

/// A fact log. Every method may be called from many tasks at once; appends are serial.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Whether the store answers, quickly.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Whether the store takes writes: makes a small durable one that changes no answer.
    async fn probe_write(&self) -> Result<(), StoreError>;

    /// The newest revision.
    async fn head(&self) -> Result<RevisionMark, StoreError>;

    /// All that the log gained after a revision, read in one transaction; rows of revisions at or
    /// below it are left out even where compaction put them into one segment with newer ones.
    /// Everything that can change an answer is verified first: the seals of the revisions with their
    /// names, the list of segments, and every segment's checksum.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    async fn load(&self, after: u64) -> Result<Delta, StoreError>;

    /// The answer given before to a request, if any.
    ///
    /// # Errors
    /// [`StoreError::RequestIdReused`] where the fingerprint is another.
    async fn answer_of(
        &self,
        key: &RequestKey,
        fingerprint: [u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// Adds a batch as the next revision, whole or not at all; when this returns it is durable.
    ///
    /// # Errors
    /// [`StoreError::HeadMoved`] where the batch was prepared on another head,
    /// [`StoreError::Replaced`] where what was written would not be found again.
    async fn append(&self, append: Append) -> Result<Appended, StoreError>;

    /// Revisions above `after`, oldest first, at most `limit`.
    async fn revisions(&self, after: u64, limit: u32) -> Result<Vec<RevisionRecord>, StoreError>;

    /// Merges small segments into long ones, at most `budget` facts; no answer changes.
    async fn compact(&self, budget: u64, now: Instant) -> Result<Compacted, StoreError>;

    /// Reads everything and verifies it: the database's own structure, the definitions of the tables,
    /// every checksum and seal, the kept answers, and the chain of data versions. It takes some
    /// 256 MiB of memory at most, however long the log is.
    async fn check(&self) -> Result<CheckReport, StoreError>;

    /// Writes a whole, consistent copy to a new file.
    async fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// Flushes and closes; later calls fail.
    async fn close(&self);
}
