//! The append-only fact log behind one trait: immutable column segments, committed by a database.
//!
//! One revision is one batch, written atomically. A fact is never changed; only [`Store::compact`]
//! deletes rows of the database, and never a fact. No SQL appears outside this crate.

mod answer;
mod append;
mod backend;
mod check;
mod column;
mod compact;
#[cfg(feature = "conformance")]
pub mod conformance;
mod copy;
mod driver;
mod error;
mod fact_log;
mod load;
mod log;
#[cfg(feature = "conformance")]
mod memory;
mod migrations;
mod parallel;
mod postgres;
mod prepare;
mod rows;
mod seal;
mod segment;
mod settings;
mod sqlite;
mod url;
mod usage;
mod version;

pub use copy::copy;
pub use error::{DatabaseError, Outlook, StoreError};
pub use settings::settings_hash;
pub use sqlite::restore;
pub use url::without_password;
pub use usage::{Connections, Usage};

use async_trait::async_trait;
use backend::Backend;
use fact_log::FactLog;
use marketdata::{
    facts::Batch,
    instant::Instant,
    market::{Delta, RevisionMark},
};
use parallel::Workers;
use std::{fmt::Debug, path::Path, sync::Arc};

/// Opens the store at a URL, and creates it if it does not exist: `sqlite:PATH`, `sqlite::memory:`
/// (lost when closed), or `sqlite:PATH?mode=rw` for a store that must exist;
/// `postgres://USER:PASSWORD@HOST/DATABASE` for tables in the current schema of a database, which
/// must exist.
///
/// Brings the tables up to date; several processes may do so at once. A store that a later binary
/// has extended is accepted unless it declares that older readers cannot read it.
///
/// # Errors
/// [`StoreError::Url`], [`StoreError::Missing`], [`StoreError::Foreign`], [`StoreError::TooNew`],
/// [`StoreError::Damaged`], [`StoreError::Database`].
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_as(Place::of(url), Access::Create, Workers::per_processor()).await
}

/// Where a store is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its URL.
    pub url: &'a str,
    /// URL of a hot standby of the same database, which then serves every read that decides no
    /// write; for stores in PostgreSQL only.
    pub standby: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// A store that serves its reads itself.
    pub fn of(url: &'a str) -> Place<'a> {
        Place { url, standby: None }
    }
}

/// Like [`connect`]; the store computes on at most `threads` threads at a time. By default it takes
/// one per processor.
///
/// # Errors
/// As [`connect`].
pub async fn connect_on(place: Place<'_>, threads: usize) -> Result<Arc<dyn Store>, StoreError> {
    open_as(place, Access::Create, Workers::new(threads)).await
}

/// Like [`connect`], but a missing store is [`StoreError::Missing`], unless the URL itself asks to
/// create one (`sqlite:PATH?mode=rwc`, `sqlite::memory:`).
///
/// # Errors
/// As [`connect`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_as(Place::of(url), Access::Write, Workers::per_processor()).await
}

/// Like [`open`], on at most `threads` threads.
///
/// # Errors
/// As [`connect`].
pub async fn open_on(place: Place<'_>, threads: usize) -> Result<Arc<dyn Store>, StoreError> {
    open_as(place, Access::Write, Workers::new(threads)).await
}

/// Opens a store read-only: its tables are not brought up to date, and neither the file nor its
/// folder need be writable. Another process may be writing to it. [`Store::append`] and
/// [`Store::compact`] are refused.
///
/// # Errors
/// As [`connect`].
pub async fn open_read_only(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_as(Place::of(url), Access::Read, Workers::per_processor()).await
}

/// The kind of access to the store at a URL. Every backend expresses it in its own way, so it is
/// never written into a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Creates the store if it does not exist.
    Create,
    /// The store must exist.
    Write,
    /// The store must exist, and is not changed.
    Read,
}

async fn open_as(
    place: Place<'_>,
    access: Access,
    workers: Workers,
) -> Result<Arc<dyn Store>, StoreError> {
    let backend = backend_of(place, access).await?;
    load::confirm_reads(&*backend).await?;
    Ok(Arc::new(FactLog::new(backend, workers)))
}

/// The one list of backends, by URL scheme.
async fn backend_of(
    place @ Place { url, standby }: Place<'_>,
    access: Access,
) -> Result<Arc<dyn Backend>, StoreError> {
    match (url.split_once(':'), standby) {
        (Some(("postgres" | "postgresql", _)), _) => {
            Ok(Arc::new(postgres::PostgreSql::open_at(place, access).await?))
        }
        (_, Some(standby)) => Err(StoreError::Url(without_password(standby))),
        (Some(("sqlite", _)), None) => Ok(Arc::new(sqlite::Sqlite::open_url(url, access).await?)),
        #[cfg(feature = "conformance")]
        (Some(("memory", name)), None) => Ok(Arc::new(memory::Memory::open(name, access)?)),
        _ => Err(StoreError::Url(without_password(url))),
    }
}

/// The name of callers without authentication. No authenticated caller may have it.
pub const ANONYMOUS: &str = "anonymous";

/// Identifies a write: repeating a key returns the first answer and adds nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey {
    /// The authenticated caller, or [`ANONYMOUS`]. Ids of different callers never meet.
    pub caller: String,
    /// The RPC method.
    pub method: String,
    /// The caller's id of the request.
    pub request_id: String,
}

/// The origin of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The kind of file, for instance `finra_short_interest`.
    pub source: String,
    /// The file's name as the caller gave it.
    pub file_name: String,
    /// Hash of the bytes received.
    pub content_hash: [u8; 32],
    /// When the bytes were received.
    pub received_at: Instant,
}

/// A write.
#[derive(Clone, Debug)]
pub struct Append {
    /// The idempotency key.
    pub key: RequestKey,
    /// Hash of the content that the key stands for (the bytes and the options of the request).
    pub fingerprint: [u8; 32],
    /// The origin of the batch.
    pub provenance: Provenance,
    /// The facts and names to add. If it is empty no revision is created, and only the answer is
    /// kept.
    pub batch: Batch,
    /// The data version of the revision that the batch was prepared on: a log that has another one
    /// under its number is not the log that was read. `None` compares the number alone.
    pub base_version: Option<[u8; 32]>,
    /// The answer to keep under the key, encoded by the caller, for the revision that the batch
    /// becomes. Its date is the receipt in the provenance.
    pub answer: Vec<u8>,
    /// Answers dated before this may be deleted; each write deletes some of them.
    pub forget_before: Instant,
}

/// The outcome of a write.
#[derive(Debug)]
pub enum Appended {
    /// The write is durable; a follower would now load this delta.
    Committed(Delta),
    /// The batch added no fact; the answer is kept.
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
    /// Its origin.
    pub provenance: Provenance,
    /// Facts added.
    pub facts: u64,
}

/// A look at the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The newest revision.
    pub head: RevisionMark,
    /// Whether a standby was looked at, which may be behind the writers.
    pub lags: bool,
}

/// What a process that has read the log up to a revision finds after it.
#[derive(Debug)]
pub struct Followed {
    /// Everything after that revision; `None` if there is nothing.
    pub delta: Option<Delta>,
    /// Whether a standby was read, which may be behind the writers, and even behind that revision.
    pub lags: bool,
}

/// A page of the log's revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionPage {
    /// Oldest first, without gaps.
    pub records: Vec<RevisionRecord>,
    /// Whether a standby was read, which may be behind the writers.
    pub lags: bool,
}

/// The work done by [`Store::compact`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Segments replaced by longer ones.
    pub merged: u64,
    /// Segments written in their place.
    pub written: u64,
    /// Replaced segments deleted after their grace period.
    pub deleted: u64,
}

/// The findings of [`Store::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Revisions verified.
    pub revisions: u64,
    /// Segments read and verified.
    pub segments: u64,
    /// Facts in them.
    pub facts: u64,
    /// Every fault, each naming the revision, segment or table concerned.
    pub faults: Vec<String>,
}

/// A fact log. Every method may be called from many tasks at once; appends are serial.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The same log, for reads whose caller stops waiting at a given time: a database server ends
    /// their statements by then. Writes are not concerned.
    fn until(&self, end: tokio::time::Instant) -> Arc<dyn Store>;

    /// What the store uses of its database now.
    fn usage(&self) -> Usage;

    /// Checks quickly that the store answers.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Whether the database takes writes now on top of what a process has read, as it says itself: a
    /// standby does not, nor does one whose rights this role has lost. Nothing is written. True while a
    /// write of this process is under way, whose outcome will tell.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if damage was found since the store was opened, [`StoreError::Replaced`]
    /// as [`Store::confirm`], [`StoreError::Unrelated`] if the database of the reads falls behind for
    /// good.
    async fn takes_writes(&self, ours: RevisionMark) -> Result<bool, StoreError>;

    /// Checks that the store accepts writes, by a small durable write that changes no answer.
    ///
    /// # Errors
    /// Those of [`Store::takes_writes`], and [`StoreError::Unwritable`] if it says that it takes none:
    /// without a write.
    async fn probe_write(&self, ours: RevisionMark) -> Result<(), StoreError>;

    /// Checks that the database that is written holds a revision that was read, perhaps from a standby.
    /// After a failover that lost revisions it may not.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if its log is shorter, or has other data under that revision.
    async fn confirm(&self, ours: RevisionMark) -> Result<(), StoreError>;

    /// The newest revision.
    async fn head(&self) -> Result<RevisionMark, StoreError>;

    /// Everything added to the log after a revision, read in one transaction; rows of that revision
    /// and earlier ones are left out even if compaction put them into one segment with newer ones.
    /// Everything that can change an answer is verified first: the seals of the revisions with
    /// their names, the list of segments, and every segment's checksum.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    async fn load(&self, after: u64) -> Result<Delta, StoreError>;

    /// [`Store::load`] after what a process has read, if that is still what the log holds.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if the log is shorter, or has other data under that revision;
    /// [`StoreError::Damaged`].
    async fn follow(&self, ours: RevisionMark) -> Result<Followed, StoreError>;

    /// The answer given before to a request, if any.
    ///
    /// # Errors
    /// [`StoreError::RequestIdReused`] if the fingerprint differs.
    async fn answer_of(
        &self,
        key: &RequestKey,
        fingerprint: [u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether commits of other processes are announced now.
    fn announces(&self) -> bool;

    /// Waits until another process may have committed since the last call: for one waiter, which
    /// polls as well. Never returns where commits are not announced.
    async fn announced(&self);

    /// The newest revision, and whether there may be newer ones, in one transaction.
    async fn look(&self) -> Result<Look, StoreError>;

    /// Adds a batch as the next revision, atomically; it is durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::HeadMoved`] if the batch was prepared on another head,
    /// [`StoreError::Replaced`] if it was prepared on another log, or would not be found again.
    async fn append(&self, append: Append) -> Result<Appended, StoreError>;

    /// Revisions above `after`, oldest first, at most `limit`, each verified.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    async fn revisions(&self, after: u64, limit: u32) -> Result<RevisionPage, StoreError>;

    /// Keeps a document of settings under its [`settings_hash`], for good; nothing is written if it
    /// is kept already. Returns false, and keeps nothing, if the store has `most` others.
    async fn keep_settings(&self, document: &str, most: u64) -> Result<bool, StoreError>;

    /// The document of settings kept under a hash.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it does not match its hash.
    async fn settings(&self, hash: [u8; 32]) -> Result<Option<String>, StoreError>;

    /// Merges small segments into long ones, at most `budget` facts; no answer changes.
    async fn compact(&self, budget: u64, now: Instant) -> Result<Compacted, StoreError>;

    /// Reads and verifies everything: the database's own structure, the definitions of the tables,
    /// every checksum and seal, the kept answers and settings, and the chain of data versions. It
    /// takes about 256 MiB of memory at most, however long the log is.
    async fn check(&self) -> Result<CheckReport, StoreError>;

    /// Writes a complete, consistent copy to a new file.
    async fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// Flushes and closes; later calls fail.
    async fn close(&self);
}
