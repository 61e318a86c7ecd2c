//! The suite every backend must pass: one function a behaviour, each on stores of its own.

mod batches;
mod behaviours;

pub use crate::sqlite::tamper::SqliteFiles;
pub use batches::{Batches, append_of};

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
    behaviours::run(backend).await;
}
