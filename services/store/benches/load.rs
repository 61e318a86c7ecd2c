//! Times to write and to load daily bars, the size of the store, and the memory of a process that
//! has loaded it.
//!
//! `cargo bench -p store --bench load`: 393,689 bars appended (a nine-month file of a whole
//! market), then 3,000 names by 2,520 days appended and loaded by a separate process, with prices
//! in cents, in millionths (split-adjusted files) and unrounded. A third argument selects one of
//! them.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod support;

use marketdata::{dataset::Dataset, instant::Instant, market::Market, snapshot::Snapshot};
use std::{path::Path, process::Command, sync::Arc};
use store::{Appended, connect};
use support::{append_of, batch, calendar, now, shown};
use tempfile::TempDir;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [_, word, path, ..] = &arguments[..]
        && word == "child"
    {
        return runtime.block_on(load(Path::new(path)));
    }
    // Without `--bench` this is a test run, and an unoptimised build is not worth measuring.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let name = |name: &str| folder.path().join(name);
    runtime.block_on(append(&name("day.db"), "393,689 bars in millionths", 2_072, 190, 1e6))?;
    for (kind, unit) in [("cents", 1e2), ("millionths", 1e6), ("unrounded", 0.0)] {
        let path = name(kind);
        let title = format!("3,000 names by 2,520 days, {kind}");
        runtime.block_on(append(&path, &title, 3_000, 2_520, unit))?;
        let child = Command::new(std::env::current_exe()?).arg("child").arg(&path).status()?;
        assert!(child.success(), "the child failed");
    }
    Ok(())
}

async fn append(path: &Path, title: &str, names: u32, days: usize, unit: f64) -> Result<()> {
    let store = connect(&format!("sqlite:{}", path.display())).await?;
    let batch = batch(0, names, &calendar(days), unit);
    let facts = batch.facts();
    let started = now();
    let appended = store.append(append_of(batch)).await?;
    let took = started.elapsed();
    assert!(matches!(appended, Appended::Committed(_)), "the batch was not committed");
    drop(appended);
    store.close().await;
    let megabytes = std::fs::metadata(path)?.len() as f64 / 1e6;
    println!("append {title}: {facts} rows in {}, {megabytes:.0} MB on disk", shown(took));
    Ok(())
}

/// The work of a process at start.
async fn load(path: &Path) -> Result<()> {
    let before = resident()?;
    let started = now();
    let store = connect(&format!("sqlite:{}", path.display())).await?;
    let delta = store.load(0).await?;
    let loaded = started.elapsed();
    let market = Market::empty().apply(delta);
    let folded = started.elapsed();
    let revision = market.head().revision;
    let snapshot = Snapshot::new(Arc::new(market), Instant::MAX, revision);
    let snapshot = snapshot.ok_or("the head is a revision")?;
    let holders = snapshot.holders(Dataset::Bars);
    let rows: usize = holders.map(|id| snapshot.rows(Dataset::Bars, id).len()).sum();
    println!(
        "  load: {rows} rows in {}, folded after {}; resident {} MB before, {} after, {} at most",
        shown(loaded),
        shown(folded),
        before.0,
        resident()?.0,
        resident()?.1
    );
    drop(snapshot);
    let started = now();
    let report = store.check().await?;
    let took = started.elapsed();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    println!(
        "  check: {} segments in {}; resident {} MB at most",
        report.segments,
        shown(took),
        resident()?.1
    );
    store.close().await;
    Ok(())
}

/// Resident megabytes now and at the peak, from Linux; zero on other systems.
fn resident() -> Result<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) / 1024
    };
    Ok((megabytes("VmRSS"), megabytes("VmHWM")))
}
