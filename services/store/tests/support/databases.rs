//! Stores in PostgreSQL, and deliberate faults in them, for the conformance suite.
#![allow(dead_code, reason = "not every includer uses all of it")]

use super::postgres::Postgres;
use async_trait::async_trait;
use store::conformance::Subject;

/// Databases of a throwaway server.
pub(crate) struct Databases(pub(crate) Postgres);

#[async_trait]
impl Subject for Databases {
    fn fresh(&self) -> String {
        self.0.database()
    }

    async fn damage(&self, url: &str, segment: i64) {
        let damage = "UPDATE segment SET bytes = set_byte(bytes, length(bytes) - 1,
            get_byte(bytes, length(bytes) - 1) # 1) WHERE id";
        self.0.sql(url, &format!("{damage} = {segment}"));
    }

    async fn lose(&self, url: &str, segment: i64) {
        self.0.sql(url, &format!("DELETE FROM segment WHERE id = {segment}"));
    }

    async fn need_reader(&self, url: &str, version: u32) {
        let needs = format!("UPDATE meta SET value = {version} WHERE key = 'min_reader_version'");
        self.0.sql(url, &needs);
    }

    async fn add_later_migration(&self, url: &str) {
        self.0.sql(
            url,
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9001, 'of a later binary', TRUE, '\\x00', 0)",
        );
    }

    async fn damage_settings(&self, url: &str) {
        self.0.sql(url, "UPDATE settings SET document = document || '\\x20'");
    }

    async fn forge_data_version(&self, url: &str, revision: u64) {
        let forge = "UPDATE revision SET data_version = decode(repeat('00', 32), 'hex')";
        self.0.sql(url, &format!("{forge} WHERE number = {revision}"));
    }
}
