//! A check of a log much larger than its memory limit stays within that limit.
//!
//! The child process is this binary again: it runs only the check, so its peak memory is that of
//! the check. The test takes more than five seconds: it packs facts worth several times a limit
//! that leaves room for a few segments.

#![cfg(target_os = "linux")]

use marketdata::{
    dataset::Dataset,
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::InstrumentId,
};
use std::process::{Command, Stdio};
use store::{
    Store,
    conformance::{Batches, check_within, committed},
    connect,
};
use tempfile::TempDir;

const STORE: &str = "BALLAST_CHECK_MEMORY_TEST_STORE";
/// The memory limit of the test, bytes.
const BOUND: usize = 64 << 20;
const NAMES: u32 = 400;
/// Days of one name in the long revision.
const DAYS: i32 = 6_000;
const PEAK: &str = "peak bytes ";

/// The child process; returns at once when it runs as one of the tests.
#[test]
#[expect(clippy::disallowed_methods, reason = "the only way to tell the child from the test run")]
fn child_checks_a_store() {
    if let Ok(url) = std::env::var(STORE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let before = resident("VmRSS");
        let report = runtime.expect("a runtime").block_on(check_within(&url, BOUND));
        let report = report.expect("a check");
        assert_eq!(report.faults, Vec::<String>::new());
        println!("{PEAK}{}", resident("VmHWM") - before);
    }
}

/// A memory figure of this process in bytes, from Linux.
fn resident(name: &str) -> usize {
    #[expect(clippy::disallowed_methods, reason = "what the kernel says of this process")]
    let status = std::fs::read("/proc/self/status").expect("a status");
    let status = String::from_utf8_lossy(&status).into_owned();
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok());
    kilobytes.expect("a number") * 1024
}

/// Bars whose values all differ, so that they compress badly.
fn bars(mut batch: Batch, first: Day, days: i32) -> Batch {
    let mut table = FactTable::empty(Dataset::Bars);
    let mut random = 88_172_645_463_325_252_u64;
    let days = (0..days).map(|offset| first.plus(offset));
    let days: Vec<(Day, Instant)> = days.map(|day| (day, Instant::close_of(day))).collect();
    for id in (1..=NAMES).map(InstrumentId) {
        for (day, close) in &days {
            let values: [f64; 8] = std::array::from_fn(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random >> 11) as f64
            });
            table.push(id, InstrumentId::NONE, *day, *close, &values);
        }
    }
    batch.tables = vec![table];
    batch
}

/// One long revision, and daily ones most of which are compacted.
async fn make(store: &dyn Store) -> u64 {
    let mut batches = Batches::new();
    let first = Day::from_epoch(12_000);
    committed(store, bars(batches.next(NAMES, first, 0), first, DAYS), "long").await;
    for number in 0..60 {
        let day = Day::from_epoch(18_262 + number);
        let batch = bars(batches.next(0, day, 1), day, 1);
        committed(store, batch, &format!("day {number}")).await;
        if number == 50 {
            store.compact(1_000_000, Instant::from_micros(0)).await.expect("a compaction");
        }
    }
    u64::from(NAMES) * (DAYS as u64 + 60)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_stays_within_its_memory() {
    let folder = TempDir::new().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let store = connect(&url).await.expect("a store");
    let facts = make(&*store).await;
    store.close().await;
    // Eight values of eight bytes each, beside the key.
    assert!(BOUND as u64 * 2 < facts * 64, "the log is much larger than the bound");
    let child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "child_checks_a_store", "--nocapture", "--test-threads=1"])
        .env(STORE, &url)
        .stdout(Stdio::piped())
        .output()
        .expect("a child");
    let output = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{output}");
    let peak = output.rsplit_once(PEAK).and_then(|(_, rest)| rest.split_whitespace().next());
    let peak: usize = peak.and_then(|number| number.parse().ok()).expect("a peak");
    println!("{peak} bytes at most, of a log of {facts} facts");
    assert!(peak <= BOUND, "{peak} bytes, the bound is {BOUND}");
}
