//! The files of a store: only their owner can read them, and a store can be read in a folder that
//! is not writable.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]
#![expect(clippy::print_stdout, reason = "a test that cannot run here reports that it is skipped")]

use marketdata::{day::Day, market::Market};
use std::{
    fs::{self, Permissions, set_permissions},
    io::{Write as _, stderr},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};
use store::{
    Store, StoreError,
    conformance::{Batches, append_of, committed},
    connect, open, open_read_only, restore,
};
use tempfile::TempDir;

/// Time limit of the child process, which the parent waits for.
const PATIENCE: Duration = Duration::from_secs(60);
const STORE: &str = "BALLAST_READ_ONLY_TEST_STORE";
/// Numeric id of the user `nobody`.
const NOBODY: u32 = 65_534;

async fn three_revisions(path: &Path) -> Arc<dyn Store> {
    let store = connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut batches = Batches::new();
    for number in 0..3 {
        let batch = batches.next(2, Day::from_epoch(18_262 + number), 5);
        committed(&*store, batch, &number.to_string()).await;
    }
    store
}

fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut modes: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().to_string_lossy().into_owned(), mode)
        })
        .collect();
    modes.sort();
    modes
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_read_a_store_and_its_copies() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = three_revisions(&path("store.db")).await;
    store.backup(&path("backup")).await.unwrap();
    restore(&path("backup"), &path("restored.db")).await.unwrap();
    let names = ["backup", "restored.db", "store.db", "store.db-shm", "store.db-wal"];
    assert_eq!(modes(folder.path()), names.map(|name| (name.to_owned(), 0o600)));
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_not_a_store_is_not_opened_as_an_empty_one() {
    let folder = TempDir::new().unwrap();
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    for refused in [open(&url("typo.db")).await, open_read_only(&url("typo.db")).await] {
        assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    }
    fs::File::create(folder.path().join("empty.db")).unwrap();
    for refused in [open(&url("empty.db")).await, open_read_only(&url("empty.db")).await] {
        assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    }
    assert_eq!(fs::metadata(folder.path().join("empty.db")).unwrap().len(), 0);
    connect(&url("new.db")).await.unwrap().close().await;
    open(&url("new.db")).await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_store_rejects_writes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    three_revisions(&path).await.close().await;
    let store = open_read_only(&format!("sqlite:{}", path.display())).await.unwrap();
    let refused = store.append(append_of(Batches::new().nothing(), "new")).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly)), "{refused:?}");
    store.close().await;
    assert_eq!(modes(folder.path()), [("store.db".to_owned(), 0o600)], "no file is left beside it");
}

/// The child process; returns at once when it runs as one of the tests.
#[test]
#[expect(clippy::disallowed_methods, reason = "the only way to tell the child from the test run")]
fn child_reads_a_store() {
    if let Ok(url) = std::env::var(STORE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let ended = runtime
            .expect("a runtime")
            .block_on(async { tokio::time::timeout(PATIENCE, read_three_revisions(&url)).await });
        assert!(ended.is_ok(), "a read hangs");
    }
}

async fn read_three_revisions(url: &str) {
    let store = open_read_only(url).await.expect("a store");
    let report = store.check().await.expect("a check");
    assert_eq!((report.revisions, report.faults), (3, Vec::new()));
    let market = Market::empty().apply(store.load(0).await.expect("a load"));
    assert_eq!(market.head().revision, 3);
    store.close().await;
}

/// Copies the files into a folder that is not writable, and reads the store there. `None` if that
/// cannot be tested here.
fn read_in_a_read_only_folder(files: &[&Path]) -> Option<bool> {
    read_there(files, false)
}

/// The same, directly or through a link from elsewhere.
fn read_there(files: &[&Path], is_through_link: bool) -> Option<bool> {
    let folder = TempDir::new().unwrap();
    for file in files {
        let to = folder.path().join(file.file_name().unwrap());
        fs::copy(file, &to).unwrap();
        set_permissions(&to, Permissions::from_mode(0o444)).unwrap();
    }
    set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let name = folder.path().join(files[0].file_name().unwrap());
    let elsewhere = TempDir::new().unwrap();
    set_permissions(elsewhere.path(), Permissions::from_mode(0o755)).unwrap();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(&name, &link).unwrap();
    let opened = if is_through_link { &link } else { &name };
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "child_reads_a_store", "--test-threads=1"])
        .env(STORE, format!("sqlite:{}", opened.display()));
    // For a privileged user every folder is writable, so the child runs as another user.
    let is_privileged = fs::File::create(folder.path().join("probe")).is_ok();
    if is_privileged {
        fs::remove_file(folder.path().join("probe")).unwrap();
        child.uid(NOBODY).gid(NOBODY);
    }
    let outcome = match child.output() {
        Ok(output) => {
            println!("{}", String::from_utf8_lossy(&output.stdout));
            Some(output.status.success())
        }
        Err(error) => {
            // Not captured by the harness, as `println!` is.
            let said =
                writeln!(stderr(), "skipped: another user cannot start this binary: {error}");
            said.unwrap();
            None
        }
    };
    let names = modes(folder.path()).into_iter().map(|(name, _)| name);
    assert_eq!(names.count(), files.len(), "no file was created beside it");
    set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_read_in_a_read_only_folder() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (db, wal, shm) = (path("store.db"), path("store.db-wal"), path("store.db-shm"));
    let store = three_revisions(&db).await;
    let live = read_in_a_read_only_folder(&[&db, &wal, &shm]);
    assert!(live != Some(false), "a copy of a store in use, with its log");
    let cut = read_in_a_read_only_folder(&[&db, &wal]);
    assert!(cut != Some(true), "an unreadable WAL is not silently ignored");
    let linked = read_there(&[&db, &wal], true);
    assert!(linked != Some(true), "nor one beside the file that a link leads to");
    store.close().await;
    let alone = read_in_a_read_only_folder(&[&db]);
    assert!(alone != Some(false), "a store that is not in use");
    fs::File::create(&wal).unwrap();
    let opened = read_in_a_read_only_folder(&[&db, &wal]);
    assert!(opened != Some(true), "an empty WAL belongs to an open store");
}
