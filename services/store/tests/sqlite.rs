//! The conformance suite on SQLite files.

use store::conformance::{self, SqliteFiles};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    conformance::run(&SqliteFiles::new().unwrap()).await;
}
