//! A write without room fails, and the next one that fits succeeds.
//!
//! The limit is the shell's limit on file size, which needs no privileges: the child process is
//! this binary again, started by `sh` under it. SQLite then rolls the transaction back by itself,
//! as it does on a full disk.

#![cfg(unix)]

use marketdata::{day::Day, market::Market};
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use store::{
    Appended,
    conformance::{Batches, append_of, committed},
    connect,
};
use tempfile::TempDir;

/// Time limit of the child process, which the parent waits for.
const PATIENCE: Duration = Duration::from_secs(60);
const STORE: &str = "BALLAST_FULL_DISK_TEST_STORE";
/// In blocks of 512 or 1,024 bytes, depending on the shell: 2 or 4 MiB.
const LIMIT_BLOCKS: u32 = 4_096;
const TOO_LONG_BYTES: usize = 8 << 20;

/// The child process; returns at once when it runs as one of the tests.
#[test]
#[expect(clippy::disallowed_methods, reason = "the only way to tell the child from the test run")]
fn child_writes_under_a_limit() {
    if let Ok(url) = std::env::var(STORE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let ended = runtime
            .expect("a runtime")
            .block_on(async { tokio::time::timeout(PATIENCE, write_under_a_limit(&url)).await });
        assert!(ended.is_ok(), "a write hangs");
    }
}

async fn write_under_a_limit(url: &str) {
    let store = connect(url).await.expect("a store");
    let day = |offset| Day::from_epoch(18_262 + offset);
    let mut batches = Batches::new();
    committed(&*store, batches.next(3, day(0), 5), "before").await;
    for attempt in 0..3 {
        let mut too_long = batches.clone().next(1, day(9), 1);
        too_long.texts.push("x".repeat(TOO_LONG_BYTES));
        let refused = store.append(append_of(too_long, &format!("too long {attempt}"))).await;
        assert!(refused.is_err(), "the limit holds: {refused:?}");
    }
    let again = store.append(append_of(batches.next(1, day(9), 1), "after")).await;
    assert!(matches!(again, Ok(Appended::Committed(_))), "there is room for this: {again:?}");
    let market = Market::empty().apply(store.load(0).await.expect("a load"));
    assert_eq!(market.head().revision, 2, "the failed writes left nothing behind");
    assert_eq!(store.check().await.expect("a check").faults, Vec::<String>::new());
    store.close().await;
}

#[test]
fn a_write_without_room_does_not_stop_the_next() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("full.db").display());
    // An ignored signal stays ignored in the child, so the write fails instead.
    let script = format!("trap '' XFSZ; ulimit -f {LIMIT_BLOCKS}; exec \"$0\" \"$@\"");
    let child = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_writes_under_a_limit", "--nocapture", "--test-threads=1"])
        .env(STORE, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let output =
        [child.stdout, child.stderr].map(|output| String::from_utf8_lossy(&output).into_owned());
    assert!(child.status.success(), "{}", output.concat());
    assert!(output[0].contains("1 passed"), "the child ran: {}", output.concat());
}
