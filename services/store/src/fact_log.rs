//! The store on any backend: each call is one or a few transactions, which run to their end even if
//! the caller leaves.

use crate::{
    Append, Appended, CheckReport, Compacted, Followed, Look, RequestKey, RevisionPage, Store,
    StoreError, append,
    backend::{self, Backend, Writing},
    check, compact, load,
    parallel::{Workers, joined},
    settings::{self, settings_hash},
    usage::Usage,
};
use async_trait::async_trait;
use marketdata::{
    instant::Instant,
    market::{Delta, RevisionMark},
};
use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tracing::Instrument as _;

/// A log in a database.
#[derive(Debug)]
pub(crate) struct FactLog {
    backend: Arc<dyn Backend>,
    workers: Workers,
    /// Damage found by a write or in what answers are computed from. It remains, whatever is
    /// written afterwards: nothing is added to a damaged log.
    damage: Arc<OnceLock<String>>,
    /// Writes under way.
    writes: Arc<AtomicUsize>,
}

impl FactLog {
    pub(crate) fn new(backend: Arc<dyn Backend>, workers: Workers) -> FactLog {
        FactLog { backend, workers, damage: Arc::default(), writes: Arc::default() }
    }

    /// Runs a read. A database goes on with a statement whose connection was closed: if callers who
    /// leave interrupted their reads, each of them would take another connection of the database.
    async fn read<T: Send + 'static, Read>(
        &self,
        read: impl FnOnce(Arc<dyn Backend>) -> Read,
    ) -> Result<T, StoreError>
    where
        Read: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        run(read(Arc::clone(&self.backend))).await
    }

    /// Runs a read of the log itself. A damaged standby concerns only those who read it.
    async fn read_log<T: Send + 'static, Read>(
        &self,
        read: impl Fn(Arc<dyn Backend>) -> Read,
    ) -> Result<T, StoreError>
    where
        Read: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.read_twice(read, self.backend.reads_what_it_writes()).await
    }

    /// Runs a read; after one of the log that is written has found damage, no write runs. A damaged
    /// answer or document of settings concerns only those who ask for it.
    ///
    /// Damage is what a second transaction finds as well: a table that is rewritten while a transaction
    /// runs is empty to it (PostgreSQL's manual, section 13.6).
    async fn read_twice<T: Send + 'static, Read>(
        &self,
        read: impl Fn(Arc<dyn Backend>) -> Read,
        is_written: bool,
    ) -> Result<T, StoreError>
    where
        Read: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        match run(read(Arc::clone(&self.backend))).await {
            Err(StoreError::Damaged(_)) => {}
            other => return other,
        }
        let (damage, again) = (Arc::clone(&self.damage), read(Arc::clone(&self.backend)));
        run(async move {
            let outcome = again.await;
            if is_written { noted(&damage, outcome) } else { outcome }
        })
        .await
    }

    /// Whether the database takes writes on top of what was read.
    async fn ask_for_writes(&self, ours: RevisionMark) -> Result<bool, StoreError> {
        let takes_writes = |backend: Arc<dyn Backend>| async move { backend.takes_writes().await };
        if !self.read(takes_writes).await? {
            return Ok(false);
        }
        self.confirm(ours).await?;
        self.read_log(|backend| async move { load::confirm_reads(&*backend).await }).await?;
        Ok(true)
    }

    /// Runs a write; after damage was found, none runs.
    async fn write<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let damage = Arc::clone(&self.damage);
        let under_way = UnderWay::begin(&self.writes);
        let task = async move {
            let _under_way = under_way;
            if let Some(fault) = damage.get() {
                return Err(StoreError::Damaged(fault.clone()));
            }
            noted(&damage, write.await)
        };
        run(task).await
    }
}

/// How long a log that lacks a revision of its standby is asked again, and how often.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSES: u32 = 10;

/// A small write on top of what was read: another write may have ended since anybody asked.
async fn touch(writing: &mut dyn Writing, ours: RevisionMark) -> Result<(), StoreError> {
    load::held(writing, ours).await?;
    writing.touch().await
}

/// A write under way, until it is dropped.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(writes: &Arc<AtomicUsize>) -> UnderWay {
        writes.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(writes))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Keeps the first damage that was found.
fn noted<T>(damage: &OnceLock<String>, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    if let Err(StoreError::Damaged(fault)) = &outcome {
        damage.set(fault.clone()).ok();
    }
    outcome
}

/// Runs work in its own task, so that a caller who leaves cannot interrupt it.
async fn run<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    joined(tokio::spawn(work.in_current_span()).await)?
}

#[async_trait]
impl Store for FactLog {
    fn until(&self, end: tokio::time::Instant) -> Arc<dyn Store> {
        let backend = Arc::clone(&self.backend).until(end);
        let (workers, damage) = (self.workers.clone(), Arc::clone(&self.damage));
        Arc::new(FactLog { backend, workers, damage, writes: Arc::clone(&self.writes) })
    }

    fn usage(&self) -> Usage {
        self.backend.usage()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.head().await.map(|_| ())
    }

    async fn takes_writes(&self, ours: RevisionMark) -> Result<bool, StoreError> {
        if let Some(fault) = self.damage.get() {
            return Err(StoreError::Damaged(fault.clone()));
        }
        if 0 < self.writes.load(Ordering::SeqCst) {
            // Its outcome will tell; the question might wait for its connection.
            return Ok(true);
        }
        match self.ask_for_writes(ours).await {
            // A write that has begun meanwhile holds the one connection.
            Err(StoreError::Database(_)) if 0 < self.writes.load(Ordering::SeqCst) => Ok(true),
            answer => answer,
        }
    }

    async fn confirm(&self, ours: RevisionMark) -> Result<(), StoreError> {
        let mut pauses = if self.backend.reads_what_it_writes() { 0 } else { PAUSES };
        loop {
            let confirm =
                |backend: Arc<dyn Backend>| async move { load::confirm(&*backend, ours).await };
            match self.read_twice(confirm, true).await {
                // A commit that waits for other standbys is seen on this one before the primary shows it.
                Err(StoreError::Replaced(_)) if 0 < pauses => pauses -= 1,
                outcome => return outcome,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn probe_write(&self, ours: RevisionMark) -> Result<(), StoreError> {
        // Asked first, because a write that fails costs a connection.
        if !self.takes_writes(ours).await? {
            return Err(StoreError::Unwritable);
        }
        let backend = Arc::clone(&self.backend);
        self.write(async move {
            let mut transaction = backend.begin_write().await?;
            let touched = touch(&mut *transaction, ours).await;
            backend::commit(transaction, touched).await
        })
        .await
    }

    async fn head(&self) -> Result<RevisionMark, StoreError> {
        self.read_log(|backend| async move { load::head_of(&*backend).await }).await
    }

    async fn load(&self, after: u64) -> Result<Delta, StoreError> {
        self.read_log(|backend| {
            let workers = self.workers.clone();
            async move { load::load(&*backend, &workers, after).await }
        })
        .await
    }

    async fn follow(&self, ours: RevisionMark) -> Result<Followed, StoreError> {
        self.read_log(|backend| {
            let workers = self.workers.clone();
            async move { load::follow(&*backend, &workers, ours).await }
        })
        .await
    }

    async fn answer_of(
        &self,
        key: &RequestKey,
        fingerprint: [u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.clone();
        self.read(|backend| async move { load::answer_of(&*backend, &key, fingerprint).await })
            .await
    }

    fn announces(&self) -> bool {
        self.backend.announces()
    }

    async fn announced(&self) {
        self.backend.announced().await;
    }

    async fn look(&self) -> Result<Look, StoreError> {
        self.read_log(|backend| async move { load::look(&*backend).await }).await
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let (backend, workers) = (Arc::clone(&self.backend), self.workers.clone());
        self.write(async move { append::append(&*backend, &workers, append).await }).await
    }

    async fn revisions(&self, after: u64, limit: u32) -> Result<RevisionPage, StoreError> {
        self.read_log(|backend| async move { load::revisions(&*backend, after, limit).await }).await
    }

    async fn keep_settings(&self, document: &str, most: u64) -> Result<bool, StoreError> {
        // Read first: an ordinary start finds its settings, and then needs no write.
        if self.settings(settings_hash(document)).await?.is_some() {
            return Ok(true);
        }
        let (backend, document) = (Arc::clone(&self.backend), document.to_owned());
        self.write(async move { settings::keep(&*backend, document, most).await }).await
    }

    async fn settings(&self, hash: [u8; 32]) -> Result<Option<String>, StoreError> {
        self.read(|backend| async move { settings::find(&*backend, hash).await }).await
    }

    async fn compact(&self, budget: u64, now: Instant) -> Result<Compacted, StoreError> {
        let backend = Arc::clone(&self.backend);
        let deleted = self.write(async move { compact::delete_retired(&*backend, now).await });
        let deleted = deleted.await?;
        let chosen = self.read_log(|backend| {
            let workers = self.workers.clone();
            async move { compact::choose(&*backend, &workers, budget).await }
        });
        let chosen = chosen.await?;
        let (backend, workers) = (Arc::clone(&self.backend), self.workers.clone());
        let merge = async move { compact::merge(&*backend, &workers, chosen, now).await };
        let (merged, written) = self.write(merge).await?;
        Ok(Compacted { merged, written, deleted })
    }

    async fn check(&self) -> Result<CheckReport, StoreError> {
        check::check(&*self.backend, &self.workers, check::CHECK_BYTES).await
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.backend.backup(to).await
    }

    async fn close(&self) {
        self.backend.close().await;
    }
}
