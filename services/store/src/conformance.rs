//! The suite every backend must pass: one function per behaviour, each on stores of its own.

#![expect(clippy::cognitive_complexity, reason = "clippy counts every assertion as a branch")]

mod answers;
mod batches;
mod faults;
mod reading;
mod writing;

pub use crate::{memory::tamper::PlainCollections, sqlite::tamper::SqliteFiles};
pub use answers::{answer_at, shown};
pub use batches::{Batches, append_of, committed};

use crate::{Access, CheckReport, StoreError, backend_of, check};
use async_trait::async_trait;
use std::time::Duration;

/// How long the suite may take, on a busy machine too: it takes a second or two on an idle one.
const PATIENCE: Duration = Duration::from_secs(120);

/// Checks a store in other memory than [`crate::Store::check`] takes.
///
/// # Errors
/// Where the store cannot be opened or read.
pub async fn check_within(url: &str, bytes: usize) -> Result<CheckReport, StoreError> {
    let backend = backend_of(url, Access::Read).await?;
    let report = check::check(&*backend, bytes).await;
    backend.close().await;
    report
}

/// A kind of store, and the faults that can be made in one from outside.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The URL of a store that is not there yet.
    fn fresh(&self) -> String;

    /// Changes a byte of a segment.
    async fn damage(&self, url: &str, segment: i64);

    /// Takes a segment away.
    async fn lose(&self, url: &str, segment: i64);

    /// Says that readers below a version cannot read the store.
    async fn need_reader(&self, url: &str, version: u32);

    /// Notes a migration that this binary does not know.
    async fn add_later_migration(&self, url: &str);

    /// Writes another data version in place of a revision's own.
    async fn forge_data_version(&self, url: &str, revision: u64);
}

/// Runs every behaviour.
///
/// # Panics
/// Where the backend fails one, or does not come to an end; the message says what was expected.
pub async fn run(subject: &dyn Subject) {
    let run = tokio::time::timeout(PATIENCE, behaviours(subject)).await;
    assert!(run.is_ok(), "the suite ends within {PATIENCE:?}");
}

async fn behaviours(subject: &dyn Subject) {
    writing::an_empty_log_has_head_zero(subject).await;
    writing::what_was_appended_is_loaded(subject).await;
    writing::a_repeated_request_gets_its_first_answer(subject).await;
    writing::a_request_id_stands_for_one_content(subject).await;
    writing::a_batch_of_nothing_keeps_the_answer_only(subject).await;
    writing::a_batch_for_another_head_is_refused(subject).await;
    writing::concurrent_writers_take_turns(subject).await;
    writing::a_dropped_write_is_not_half_done(subject).await;
    writing::equal_logs_have_equal_data_versions(subject).await;
    reading::a_log_loads_from_any_revision(subject).await;
    reading::compaction_changes_no_answer(subject).await;
    reading::revisions_come_in_pages(subject).await;
    faults::a_damaged_segment_is_named(subject).await;
    faults::a_lost_segment_is_no_silent_gap(subject).await;
    faults::a_check_finds_the_same_in_any_memory(subject).await;
    faults::a_forged_data_version_is_found(subject).await;
    faults::a_store_for_newer_readers_is_refused(subject).await;
    faults::a_later_migration_is_accepted(subject).await;
    faults::six_starters_at_once_all_start(subject).await;
}
