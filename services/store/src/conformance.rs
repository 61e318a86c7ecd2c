//! The suite every backend must pass: one function a behaviour, each on stores of its own.

#![expect(clippy::cognitive_complexity, reason = "clippy counts every assertion as a branch")]

mod answers;
mod batches;
mod faults;
mod reading;
mod writing;

pub use crate::sqlite::tamper::SqliteFiles;
pub use answers::{answer_at, shown};
pub use batches::{Batches, append_of, committed};

use async_trait::async_trait;

/// A kind of store, and the faults that can be made in one from outside.
#[async_trait]
pub trait Backend: Send + Sync {
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
/// Where the backend fails one; the message says what was expected.
pub async fn run(backend: &dyn Backend) {
    writing::an_empty_log_has_head_zero(backend).await;
    writing::what_was_appended_is_loaded(backend).await;
    writing::a_repeated_request_gets_its_first_answer(backend).await;
    writing::a_request_id_stands_for_one_content(backend).await;
    writing::a_batch_of_nothing_keeps_the_answer_only(backend).await;
    writing::a_batch_for_another_head_is_refused(backend).await;
    writing::concurrent_writers_take_turns(backend).await;
    writing::a_dropped_write_is_not_half_done(backend).await;
    writing::equal_logs_have_equal_data_versions(backend).await;
    reading::a_log_loads_from_any_revision(backend).await;
    reading::compaction_changes_no_answer(backend).await;
    reading::revisions_come_in_pages(backend).await;
    faults::a_damaged_segment_is_named(backend).await;
    faults::a_lost_segment_is_no_silent_gap(backend).await;
    faults::a_forged_data_version_is_found(backend).await;
    faults::a_store_for_newer_readers_is_refused(backend).await;
    faults::a_later_migration_is_accepted(backend).await;
    faults::six_starters_at_once_all_start(backend).await;
}
