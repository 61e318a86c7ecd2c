//! A slow reader never blocks a writer, not even while space is returned to the file system.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use marketdata::{day::Day, instant::Instant};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};
use store::{
    conformance::{Batches, append_of, committed},
    connect,
};
use tempfile::TempDir;
use tokio::time::timeout;

/// Less than the ten seconds that a connection waits for a lock, and far more than the work takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stands for another process in the middle of a read.
async fn reader(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN").execute(&mut reader).await.unwrap();
    sqlx::query("SELECT count(*) FROM segment").fetch_one(&mut reader).await.unwrap();
    reader
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_delays_no_write_while_space_is_reclaimed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let store = connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut batches = Batches::new();
    for number in 0..12 {
        let batch = batches.next(20, Day::from_epoch(18_262 + number), 5);
        committed(&*store, batch, &number.to_string()).await;
    }
    assert!(0 < store.compact(1_000_000, Instant::from_micros(0)).await.unwrap().merged);
    let reader = reader(&path).await;
    // An hour later, so that replaced segments are deleted and their space is reclaimed.
    let later = Instant::from_micros(3_600_000_000);
    let next = append_of(batches.next(1, Day::from_epoch(18_300), 1), "while it reads");
    let (compacted, appended) = tokio::join!(
        timeout(PATIENCE, store.compact(1_000_000, later)),
        timeout(PATIENCE, store.append(next)),
    );
    assert!(0 < compacted.expect("the compaction waits for the reader").unwrap().deleted);
    appended.expect("the writer waits for the reader").unwrap();
    reader.close().await.unwrap();
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
    store.close().await;
}
