//! Deliberate faults in a SQLite file, for the conformance suite.

use super::sql::tamper;
use crate::conformance::Subject;
use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// SQLite files in a temporary folder, which is deleted on drop.
#[derive(Debug)]
pub struct SqliteFiles {
    folder: TempDir,
    count: AtomicUsize,
}

impl SqliteFiles {
    /// Creates the folder; it has no file yet.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub fn new() -> std::io::Result<SqliteFiles> {
        Ok(SqliteFiles { folder: TempDir::new()?, count: AtomicUsize::new(0) })
    }

    async fn tamper(&self, url: &str, statement: &'static str, number: i64) {
        let path = url.trim_start_matches("sqlite:");
        let options = SqliteConnectOptions::new().filename(path);
        let mut connection = SqliteConnection::connect_with(&options).await.expect("the store");
        sqlx::query(statement).bind(number).execute(&mut connection).await.expect("a statement");
        connection.close().await.expect("a close");
    }
}

#[async_trait]
impl Subject for SqliteFiles {
    fn fresh(&self) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        format!("sqlite:{}", self.folder.path().join(format!("{number}.db")).display())
    }

    async fn damage(&self, url: &str, segment: i64) {
        self.tamper(url, tamper::DAMAGE, segment).await;
    }

    async fn lose(&self, url: &str, segment: i64) {
        self.tamper(url, tamper::LOSE, segment).await;
    }

    async fn need_reader(&self, url: &str, version: u32) {
        self.tamper(url, tamper::NEED_READER, version.into()).await;
    }

    async fn add_later_migration(&self, url: &str) {
        self.tamper(url, tamper::LATER_MIGRATION, 9_001).await;
    }

    async fn damage_settings(&self, url: &str) {
        self.tamper(url, tamper::DAMAGE_SETTINGS, 0).await;
    }

    async fn forge_data_version(&self, url: &str, revision: u64) {
        self.tamper(url, tamper::FORGE_VERSION, revision as i64).await;
    }
}
