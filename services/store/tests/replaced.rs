//! Files deleted or replaced under an open store: no write is answered that a restart would not
//! find.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use marketdata::day::Day;
use std::{
    fs::{copy, remove_file, rename},
    path::{Path, PathBuf},
    sync::Arc,
};
use store::{
    Appended, Store, StoreError,
    conformance::{Batches, append_of, committed},
    connect,
};
use tempfile::TempDir;

const DAY: Day = Day::from_epoch(18_262);

async fn opened(path: &Path) -> Arc<dyn Store> {
    connect(&format!("sqlite:{}", path.display())).await.unwrap()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_while_the_opened_files_are_replaced() {
    for replaced in ["", "-wal", "-shm"] {
        for put_another in [false, true] {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("store.db");
            let store = opened(&path).await;
            let mut batches = Batches::new();
            committed(&*store, batches.next(2, DAY, 3), "before").await;
            let (file, aside) = (beside(&path, replaced), folder.path().join("aside"));
            rename(&file, &aside).unwrap();
            if put_another {
                copy(&aside, &file).unwrap();
            }
            let case = format!("{replaced:?}, another: {put_another}");
            let next = batches.next(1, DAY, 1);
            let refused = store.append(append_of(next.clone(), "lost")).await;
            assert!(refused.is_err(), "{case}: {refused:?}");
            let kept = append_of(batches.nothing(), "before");
            let answer = store.answer_of(&kept.key, kept.fingerprint).await;
            assert!(answer.is_err(), "{case}: the kept answer would be lost as well: {answer:?}");
            let head = store.head().await;
            assert!(head.is_err(), "{case}: a follower of the store gets an error: {head:?}");
            rename(&aside, &file).unwrap();
            let again = store.append(append_of(next, "lost")).await;
            assert!(matches!(again, Ok(Appended::Committed(_))), "{case}: put back: {again:?}");
            store.close().await;
            let reopened = opened(&path).await;
            assert_eq!(reopened.head().await.unwrap().revision, 2, "{case}");
            reopened.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_does_not_recreate_a_deleted_store() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let store = opened(&path).await;
    for ending in ["", "-wal", "-shm"] {
        remove_file(beside(&path, ending)).unwrap();
    }
    for request in ["one", "two", "three"] {
        let refused = store.append(append_of(Batches::new().next(1, DAY, 1), request)).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    store.close().await;
    assert!(!path.exists());
}

/// A store with two revisions, and a copy of its file after the first. The second makes the file
/// longer.
async fn two_revisions(path: &Path, old: &Path) -> Batches {
    let mut batches = Batches::new();
    for (names, request) in [(1, "first"), (3_000, "second")] {
        let store = opened(path).await;
        committed(&*store, batches.next(names, DAY, 1), request).await;
        store.close().await;
        if request == "first" {
            copy(path, old).unwrap();
        }
    }
    batches
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_after_the_file_was_overwritten() {
    for case in ["an older copy", "nothing", "half of it"] {
        let folder = TempDir::new().unwrap();
        let (path, old) = (folder.path().join("store.db"), folder.path().join("old.db"));
        let mut batches = two_revisions(&path, &old).await;
        let store = opened(&path).await;
        committed(&*store, batches.next(1, DAY, 1), "third").await;
        let open = || std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        match case {
            "an older copy" => drop(copy(&old, &path).unwrap()),
            "nothing" => open().set_len(0).unwrap(),
            _ => open().set_len(open().metadata().unwrap().len() / 2).unwrap(),
        }
        let refused = store.append(append_of(batches.next(1, DAY, 1), "lost")).await.map(drop);
        assert!(matches!(refused, Err(StoreError::Replaced(_))), "{case}: {refused:?}");
        let head = store.head().await;
        assert!(matches!(head, Err(StoreError::Replaced(_))), "{case}: {head:?}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_sqlite_grows_or_shrinks_is_still_the_opened_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let store = opened(&path).await;
    let mut batches = Batches::new();
    for number in 0..12 {
        committed(&*store, batches.next(300, DAY, 2), &number.to_string()).await;
        if number % 4 == 3 {
            store.compact(10_000_000, marketdata::instant::Instant::MAX).await.unwrap();
            store.compact(0, marketdata::instant::Instant::MAX).await.unwrap();
        }
        assert_eq!(store.head().await.unwrap().revision, number + 1);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_store_is_served_as_that_store() {
    let folder = TempDir::new().unwrap();
    let (path, link) = (folder.path().join("real.db"), folder.path().join("link.db"));
    let mut batches = Batches::new();
    let store = opened(&path).await;
    committed(&*store, batches.next(1, DAY, 1), "first").await;
    store.close().await;
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = opened(&link).await;
    committed(&*store, batches.next(1, DAY, 1), "second").await;
    remove_file(&link).unwrap();
    let refused = store.append(append_of(batches.next(1, DAY, 1), "third")).await;
    assert!(refused.is_err(), "the name it was opened by is gone: {refused:?}");
    store.close().await;
    let store = opened(&path).await;
    assert_eq!(store.head().await.unwrap().revision, 2);
    store.close().await;
}
