//! A check takes no more memory than it says, of a log much larger than that.
//!
//! The child is this binary again: it does nothing but the check, so that its peak is the check's.
//! The test takes more than five seconds: it packs facts that fill several times a bound that leaves
//! room for a few segments.

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
/// The bound of the test.
const BOUND: usize = 64 << 20;
const NAMES: u32 = 400;
/// Days of one name in the long revision.
const DAYS: i32 = 6_000;
const PEAK: &str = "peak bytes ";

/// The child's part; nothing to do where this runs as one of the tests.
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

/// Bytes of this process, as Linux counts them.
fn resident(name: &str) -> usize {
    #[expect(clippy::disallowed_methods, reason = "what the kernel says of this process")]
    let status = std::fs::read("/proc/self/status").expect("a status");
    let status = String::from_utf8_lossy(&status).into_owned();
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok());
    kilobytes.expect("a number") * 1024
}

/// Bars whose every value is another one, so that they pack badly.
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

/// A long revision, and daily ones of which most were compacted.
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
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{said}");
    let peak = said.rsplit_once(PEAK).and_then(|(_, rest)| rest.split_whitespace().next());
    let peak: usize = peak.and_then(|number| number.parse().ok()).expect("a peak");
    println!("{peak} bytes at most, of a log of {facts} facts");
    assert!(peak <= BOUND, "{peak} bytes, the bound is {BOUND}");
}
