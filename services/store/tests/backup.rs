//! Backups, restores, and the store in memory.

#![expect(clippy::disallowed_methods, reason = "a test puts files beside the store and reads them")]

use marketdata::{day::Day, market::Market};
use std::{path::Path, sync::Arc};
use store::{
    Store, StoreError,
    conformance::{Batches, SqliteFiles, Subject, committed, shown},
    connect, open, open_read_only, restore,
};
use tempfile::TempDir;

async fn three_revisions(url: &str) -> Arc<dyn Store> {
    let store = connect(url).await.expect("a store");
    let mut batches = Batches::new();
    for number in 0..3 {
        let batch = batches.next(2, Day::from_epoch(18_262 + number), 5);
        committed(&*store, batch, &number.to_string()).await;
    }
    store
}

fn is_refused<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::FileRefused(_)))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_restores_to_the_same_log() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = three_revisions(&format!("sqlite:{}", path("live.db").display())).await;
    store.backup(&path("copy")).await.unwrap();
    let again = store.backup(&path("copy")).await;
    assert!(is_refused(&again), "{again:?}");
    let report = restore(&path("copy"), &path("new.db")).await.unwrap();
    assert_eq!((report.revisions, report.faults), (3, Vec::new()));
    let restored = connect(&format!("sqlite:{}?mode=rw", path("new.db").display())).await.unwrap();
    let (before, after) = (store.load(0).await.unwrap(), restored.load(0).await.unwrap());
    assert_eq!(shown(&before), shown(&after));
    restored.close().await;
    // A live store, with its WAL beside it, can be restored from as well; nothing is overwritten.
    let over = restore(&path("live.db"), &path("new.db")).await;
    assert!(is_refused(&over), "{over:?}");
    restore(&path("live.db"), &path("second.db")).await.unwrap();
    store.close().await;
    assert_eq!(names(folder.path()), ["copy", "live.db", "new.db", "second.db"]);
    let missing = restore(&path("nowhere"), &path("third.db")).await;
    assert!(missing.is_err(), "{missing:?}");
    assert!(!path("nowhere").exists() && !path("third.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_cut_off_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = three_revisions(&format!("sqlite:{}", path("live.db").display())).await;
    store.backup(&path("copy")).await.unwrap();
    store.close().await;
    let whole = tokio::fs::read(path("copy")).await.unwrap();
    tokio::fs::write(path("cut"), &whole[..whole.len() / 2]).await.unwrap();
    let refused = restore(&path("cut"), &path("new.db")).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(names(folder.path()), ["copy", "cut", "live.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_reported_and_not_restored() {
    let files = SqliteFiles::new().unwrap();
    let url = files.fresh();
    three_revisions(&url).await.close().await;
    files.damage(&url, 2).await;
    let from = Path::new(url.trim_start_matches("sqlite:"));
    let to = from.with_file_name("restored.db");
    let report = restore(from, &to).await.unwrap();
    assert!(report.faults.iter().any(|fault| fault.starts_with("segment 2:")), "{report:?}");
    assert!(!to.exists(), "a damaged copy gets no name");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_new_file_is_created_beside_the_wal_of_another_database() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = three_revisions(&format!("sqlite:{}", path("live.db").display())).await;
    store.backup(&path("copy")).await.unwrap();
    let mut more = Batches::after(&Market::empty().apply(store.load(0).await.unwrap()));
    committed(&*store, more.next(2, Day::from_epoch(18_300), 5), "more").await;
    // As a killed process leaves it.
    for ending in ["-wal", "-shm"] {
        std::fs::copy(path(&format!("live.db{ending}")), path(&format!("new.db{ending}"))).unwrap();
    }
    for other in ["-shm", "-journal"] {
        std::fs::write(path(&format!("other.db{other}")), "x").unwrap();
        let refused = restore(&path("copy"), &path("other.db")).await;
        assert!(is_refused(&refused), "{other}: {refused:?}");
        std::fs::remove_file(path(&format!("other.db{other}"))).unwrap();
    }
    let before = std::fs::read(path("new.db-wal")).unwrap();
    let refused = restore(&path("copy"), &path("new.db")).await;
    let Err(StoreError::FileRefused(error)) = &refused else { panic!("{refused:?}") };
    assert!(error.contains("new.db-wal was left by"), "{error}");
    assert!(error.contains("away first"), "{error}");
    let refused = store.backup(&path("new.db")).await;
    assert!(is_refused(&refused), "{refused:?}");
    let refused = connect(&format!("sqlite:{}", path("new.db").display())).await.map(drop);
    assert!(is_refused(&refused), "{refused:?}");
    assert_eq!(std::fs::read(path("new.db-wal")).unwrap(), before, "it is not changed");
    assert!(!path("new.db").exists());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_gets_no_backup() {
    let files = SqliteFiles::new().unwrap();
    let url = files.fresh();
    three_revisions(&url).await.close().await;
    files.damage(&url, 2).await;
    let store = connect(&url).await.unwrap();
    let to = Path::new(url.trim_start_matches("sqlite:")).with_file_name("copy");
    let refused = store.backup(&to).await;
    assert!(
        matches!(&refused, Err(StoreError::Damaged(fault)) if fault.starts_with("segment 2:")),
        "{refused:?}"
    );
    store.close().await;
    let folder = to.parent().unwrap();
    assert_eq!(names(folder).len(), 1, "nothing is left of the copy");
}

#[tokio::test]
async fn a_store_in_memory_is_a_store_of_its_own() {
    let (one, two) =
        (three_revisions("sqlite::memory:").await, connect("sqlite::memory:").await.unwrap());
    assert_eq!(two.head().await.unwrap().revision, 0);
    let market = Market::empty().apply(one.load(0).await.unwrap());
    assert_eq!(market.head(), one.head().await.unwrap());
    let folder = TempDir::new().unwrap();
    one.backup(&folder.path().join("copy")).await.unwrap();
    one.close().await;
    assert!(one.head().await.is_err(), "a closed store no longer answers");
    let path = folder.path().join("copy");
    let kept = connect(&format!("sqlite:{}", path.display())).await.unwrap();
    assert_eq!(kept.head().await.unwrap(), market.head());
    kept.close().await;
}

#[tokio::test]
async fn a_file_that_is_not_a_store_is_rejected() {
    let other = "mysql://desk@host/ledger?sslmode=require";
    for url in ["", other, "sqlite:", "sqlite:a?mode=memory", "/some/path"] {
        for refused in [connect(url).await, open(url).await, open_read_only(url).await] {
            let is_named = matches!(&refused, Err(StoreError::Url(named)) if named == url);
            assert!(is_named, "{refused:?}");
        }
    }
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("none.db");
    let refused = connect(&format!("sqlite:{}?mode=rw", missing.display())).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    assert!(!missing.exists());
}
