//! A store whose operations are timed, and are spans of the calls that wait for them. Outside of a
//! sampled call, as in the follower and in compaction, there is no span.

use crate::{
    clock::Stopwatch,
    metrics::operations::OperationMetrics,
    telemetry::spans::{Database, stored},
};
use async_trait::async_trait;
use marketdata::{
    instant::Instant,
    market::{Delta, RevisionMark},
};
use std::{path::Path, sync::Arc};
use store::{
    Append, Appended, CheckReport, Compacted, Followed, Look, RequestKey, RevisionPage, Store,
    StoreError, Usage,
};

/// A store, and what its spans say of the database.
#[derive(Clone, Debug)]
pub struct TracedStore {
    store: Arc<dyn Store>,
    database: Database,
    metrics: OperationMetrics,
}

impl TracedStore {
    /// The store at a URL.
    pub fn of(store: Arc<dyn Store>, url: &str, metrics: OperationMetrics) -> Arc<dyn Store> {
        Arc::new(TracedStore { store, database: Database::of(url), metrics })
    }

    async fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let stopwatch = Stopwatch::start();
        let outcome = stored(&self.database, operation, work, error_type).await;
        let fault = outcome.as_ref().err().map(error_type);
        let seconds = stopwatch.elapsed_ms() / 1e3;
        self.metrics.ended((self.database.system(), operation), fault, seconds);
        outcome
    }
}

/// The kind of a fault: words of this list and nothing of a caller.
fn error_type(error: &StoreError) -> &'static str {
    match error {
        StoreError::HeadMoved { .. } => "head_moved",
        StoreError::RequestIdReused { .. } => "request_id_reused",
        StoreError::Damaged(_) => "damaged",
        StoreError::Missing(_) => "missing",
        StoreError::Foreign(_) => "foreign",
        StoreError::Replaced(_) => "replaced",
        StoreError::Unrelated(_) => "unrelated",
        StoreError::ReadOnly => "read_only",
        StoreError::Unwritable => "unwritable",
        StoreError::TooNew { .. } => "too_new",
        StoreError::Url(_) => "url",
        StoreError::FileRefused(_) => "file_refused",
        StoreError::Unpackable(_) => "unpackable",
        StoreError::ShuttingDown => "shutting_down",
        StoreError::Database(_) => "database",
        StoreError::File(_) => "file",
    }
}

#[async_trait]
impl Store for TracedStore {
    fn until(&self, end: tokio::time::Instant) -> Arc<dyn Store> {
        let (database, metrics) = (self.database.clone(), self.metrics.clone());
        Arc::new(TracedStore { store: self.store.until(end), database, metrics })
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.run("ready", self.store.ready()).await
    }

    async fn takes_writes(&self, ours: RevisionMark) -> Result<bool, StoreError> {
        self.run("takes_writes", self.store.takes_writes(ours)).await
    }

    async fn probe_write(&self, ours: RevisionMark) -> Result<(), StoreError> {
        self.run("probe_write", self.store.probe_write(ours)).await
    }

    async fn confirm(&self, ours: RevisionMark) -> Result<(), StoreError> {
        self.run("confirm", self.store.confirm(ours)).await
    }

    async fn head(&self) -> Result<RevisionMark, StoreError> {
        self.run("head", self.store.head()).await
    }

    async fn load(&self, after: u64) -> Result<Delta, StoreError> {
        self.run("load", self.store.load(after)).await
    }

    async fn follow(&self, ours: RevisionMark) -> Result<Followed, StoreError> {
        self.run("follow", self.store.follow(ours)).await
    }

    async fn answer_of(
        &self,
        key: &RequestKey,
        fingerprint: [u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.run("answer_of", self.store.answer_of(key, fingerprint)).await
    }

    fn announces(&self) -> bool {
        self.store.announces()
    }

    async fn announced(&self) {
        self.store.announced().await;
    }

    async fn look(&self) -> Result<Look, StoreError> {
        self.run("look", self.store.look()).await
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.run("append", self.store.append(append)).await
    }

    async fn revisions(&self, after: u64, limit: u32) -> Result<RevisionPage, StoreError> {
        self.run("revisions", self.store.revisions(after, limit)).await
    }

    async fn keep_settings(&self, document: &str, most: u64) -> Result<bool, StoreError> {
        self.run("keep_settings", self.store.keep_settings(document, most)).await
    }

    async fn settings(&self, hash: [u8; 32]) -> Result<Option<String>, StoreError> {
        self.run("settings", self.store.settings(hash)).await
    }

    async fn compact(&self, budget: u64, now: Instant) -> Result<Compacted, StoreError> {
        self.run("compact", self.store.compact(budget, now)).await
    }

    async fn check(&self) -> Result<CheckReport, StoreError> {
        self.run("check", self.store.check()).await
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.run("backup", self.store.backup(to)).await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
