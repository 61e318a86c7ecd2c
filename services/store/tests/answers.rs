//! Damage to the table of kept answers and to its indexes.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use marketdata::day::Day;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use store::{
    StoreError,
    conformance::{Batches, append_of, committed},
    connect, open_read_only, restore,
};
use tempfile::TempDir;

const PAGE: usize = 16_384;
const PATIENCE: Duration = Duration::from_secs(20);

fn url(path: &Path) -> String {
    format!("sqlite:{}?mode=rw", path.display())
}

/// A closed store with one revision and five more kept answers.
async fn made(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("store.db");
    let store = connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut batches = Batches::new();
    committed(&*store, batches.next(1, Day::from_epoch(18_262), 1), "first").await;
    for request in 0..5 {
        let request = format!("request {request}");
        store.append(append_of(batches.nothing(), &request)).await.unwrap();
    }
    store.close().await;
    path
}

/// Changes the bytes of the one page of a table or an index, in a store that is not in use.
async fn damage(path: &Path, name: &str, change: impl FnOnce(&mut [u8])) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let root = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = ?1");
    let root: i64 = root.bind(name).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mut bytes = tokio::fs::read(path).await.unwrap();
    change(bytes.chunks_mut(PAGE).nth(root as usize - 1).unwrap());
    tokio::fs::write(path, bytes).await.unwrap();
}

/// Leaves out the last cell of a leaf.
fn drop_last(leaf: &mut [u8]) {
    let cells = u16::from_be_bytes([leaf[3], leaf[4]]) - 1;
    leaf[3..5].copy_from_slice(&cells.to_be_bytes());
}

/// Reverses the order of the cells of a leaf.
fn reverse(leaf: &mut [u8]) {
    let cells = usize::from(u16::from_be_bytes([leaf[3], leaf[4]]));
    assert!(3 < cells, "{cells} cells");
    let mut pointers: Vec<[u8; 2]> =
        leaf[8..8 + 2 * cells].chunks(2).map(|pair| [pair[0], pair[1]]).collect();
    pointers.reverse();
    leaf[8..8 + 2 * cells].copy_from_slice(&pointers.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_rows_out_of_order_ends() {
    let folder = TempDir::new().unwrap();
    let path = made(&folder).await;
    damage(&path, "request", reverse).await;
    let store = open_read_only(&url(&path)).await.unwrap();
    let report = tokio::time::timeout(PATIENCE, store.check()).await.unwrap().unwrap();
    let named = "the kept answers are out of order";
    assert!(report.faults.iter().any(|fault| fault.starts_with(named)), "{report:?}");
    store.close().await;
    let to = folder.path().join("restored.db");
    let restored = tokio::time::timeout(PATIENCE, restore(&path, &to)).await.unwrap();
    assert!(!restored.is_ok_and(|report| report.faults.is_empty()), "it is damaged");
    assert!(!to.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_would_miss_an_answer_it_keeps_is_not_opened_for_writes() {
    for index in ["sqlite_autoindex_request_1", "request_by_age"] {
        let folder = TempDir::new().unwrap();
        let path = made(&folder).await;
        damage(&path, index, drop_last).await;
        let refused = connect(&url(&path)).await.map(drop);
        let Err(StoreError::Damaged(fault)) = &refused else { panic!("{index}: {refused:?}") };
        assert!(fault.starts_with("the kept answers: "), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_found_by_a_write_stays_until_the_store_is_reopened() {
    let folder = TempDir::new().unwrap();
    let path = made(&folder).await;
    damage(&path, "instrument_by_revision", |leaf| leaf[0] = 0).await;
    let store = connect(&url(&path)).await.unwrap();
    let head = store.head().await.unwrap();
    store.probe_write(head).await.unwrap();
    let mut batches = Batches::new();
    batches.next(1, Day::from_epoch(18_262), 1);
    let met = store.append(append_of(batches.next(1, Day::from_epoch(18_263), 1), "second")).await;
    assert!(matches!(met, Err(StoreError::Damaged(_))), "{met:?}");
    let probed = store.probe_write(head).await;
    assert!(matches!(probed, Err(StoreError::Damaged(_))), "{probed:?}");
    batches = Batches::new();
    batches.next(1, Day::from_epoch(18_262), 1);
    let small = store.append(append_of(batches.nothing(), "third")).await;
    assert!(matches!(small, Err(StoreError::Damaged(_))), "{small:?}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_copy_of_a_damaged_store_is_reported_sound() {
    for damaged in ["request", "sqlite_autoindex_request_1"] {
        let folder = TempDir::new().unwrap();
        let path = made(&folder).await;
        damage(&path, damaged, drop_last).await;
        let (store, copy) =
            (open_read_only(&url(&path)).await.unwrap(), folder.path().join("copy"));
        let refused = store.backup(&copy).await;
        assert!(matches!(refused, Err(StoreError::Damaged(_))), "{damaged}: {refused:?}");
        assert!(!copy.exists());
        store.close().await;
    }
}
