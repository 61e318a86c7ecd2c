//! The suite that every backend must pass: one function per behaviour, each on its own stores.

#![expect(clippy::cognitive_complexity, reason = "clippy counts every assertion as a branch")]

mod answers;
mod batches;
mod copying;
mod faults;
mod reading;
mod settings;
mod writing;

pub use crate::{memory::tamper::PlainCollections, sqlite::tamper::SqliteFiles};
pub use answers::{answer_at, shown};
pub use batches::{Batches, append_of, committed};
pub use copying::a_copy_answers_as_its_source;

use crate::{Access, CheckReport, Place, StoreError, backend_of, check, parallel::Workers};
use async_trait::async_trait;
use std::time::Duration;

/// Time limit of the suite, also on a busy machine; it takes a second or two on an idle one.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs [`crate::Store::check`] with another memory limit.
///
/// # Errors
/// If the store cannot be opened or read.
pub async fn check_within(url: &str, bytes: usize) -> Result<CheckReport, StoreError> {
    let backend = backend_of(Place::of(url), Access::Read).await?;
    let report = check::check(&*backend, &Workers::per_processor(), bytes).await;
    backend.close().await;
    report
}

/// A kind of store, and ways to damage one from outside.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The URL of a store that does not exist yet.
    fn fresh(&self) -> String;

    /// Changes a byte of a segment.
    async fn damage(&self, url: &str, segment: i64);

    /// Deletes a segment.
    async fn lose(&self, url: &str, segment: i64);

    /// Sets the reader version that the store requires.
    async fn need_reader(&self, url: &str, version: u32);

    /// Records a migration that this binary does not know.
    async fn add_later_migration(&self, url: &str);

    /// Changes the documents of all kept settings.
    async fn damage_settings(&self, url: &str);

    /// Overwrites a revision's data version.
    async fn forge_data_version(&self, url: &str, revision: u64);
}

/// Runs every behaviour.
///
/// # Panics
/// If the backend fails one, or the suite does not end in time; the message says what was expected.
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
    writing::a_batch_for_another_log_is_refused(subject).await;
    writing::concurrent_writers_take_turns(subject).await;
    writing::a_dropped_write_is_not_half_done(subject).await;
    writing::equal_logs_have_equal_data_versions(subject).await;
    reading::a_log_loads_from_any_revision(subject).await;
    reading::a_follower_of_another_log_is_told(subject).await;
    reading::compaction_changes_no_answer(subject).await;
    reading::revisions_come_in_pages(subject).await;
    settings::settings_are_kept_once_and_found(subject).await;
    settings::settings_are_bounded(subject).await;
    settings::damaged_settings_are_reported(subject).await;
    a_copy_answers_as_its_source(subject, subject).await;
    copying::a_used_store_is_not_overwritten(subject).await;
    copying::a_damaged_log_is_not_copied(subject).await;
    faults::a_damaged_segment_is_reported(subject).await;
    faults::a_lost_segment_is_reported(subject).await;
    faults::a_check_finds_the_same_in_any_memory(subject).await;
    faults::a_forged_data_version_is_found(subject).await;
    faults::a_store_for_newer_readers_is_refused(subject).await;
    faults::a_later_migration_is_accepted(subject).await;
    faults::six_starters_at_once_all_start(subject).await;
}
