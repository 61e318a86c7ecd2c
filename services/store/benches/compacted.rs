//! The cost of daily appends and their compaction to a process that starts afterwards.
//!
//! `cargo bench -p store --bench compacted`: 3,000 names by 2,520 days in one load, and the same
//! with 30 daily appends after it, compacted. Separate processes open, load and fold each store and
//! read every bar at the head, alternately; the ratio of the medians is the result.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod support;

use marketdata::{
    bars::Bars, dataset::Dataset, day::Day, instant::Instant, market::Market, snapshot::Snapshot,
};
use std::{path::Path, process::Command, sync::Arc};
use store::{Appended, Store, connect};
use support::{append_of, batch, calendar, now, shown};
use tempfile::TempDir;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const NAMES: u32 = 3_000;
const BULK_DAYS: usize = 2_520;
const DAILY_APPENDS: usize = 30;
const ROUNDS: usize = 15;
/// Units per USD: prices in cents.
const UNIT: f64 = 1e2;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [_, word, path, ..] = &arguments[..]
        && word == "child"
    {
        return runtime.block_on(start(Path::new(path)));
    }
    // Without `--bench` this is a test run, and an unoptimised build is not worth measuring.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let stores = ["bulk", "compacted"].map(|name| folder.path().join(name));
    for (path, appends) in stores.iter().zip([0, DAILY_APPENDS]) {
        runtime.block_on(make(path, appends))?;
    }
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (path, took) in stores.iter().zip(&mut took) {
            took.push(started(path)?);
        }
    }
    let [bulk, compacted] = took.map(median);
    println!(
        "a bulk load alone: {bulk:.0} ms; with {DAILY_APPENDS} daily appends, compacted: {compacted:.0} ms"
    );
    println!("ratio of the medians of {ROUNDS} rounds: {:.2}", compacted / bulk);
    Ok(())
}

async fn make(path: &Path, appends: usize) -> Result<()> {
    let store = connect(&format!("sqlite:{}", path.display())).await?;
    let days = calendar(BULK_DAYS + appends);
    append(&*store, 0, &days[..BULK_DAYS]).await?;
    for (at, day) in days[BULK_DAYS..].iter().enumerate() {
        append(&*store, at as u64 + 1, &[*day]).await?;
    }
    let mut merged = 0;
    loop {
        let done = store.compact(u64::from(NAMES) * BULK_DAYS as u64, Instant::MAX).await?;
        merged += done.merged;
        if done.merged + done.deleted == 0 {
            break;
        }
    }
    println!("{}: {merged} segments merged", path.file_name().unwrap_or_default().display());
    store.close().await;
    Ok(())
}

async fn append(store: &dyn Store, base: u64, days: &[Day]) -> Result<()> {
    let appended = store.append(append_of(batch(base, NAMES, days, UNIT))).await?;
    assert!(matches!(appended, Appended::Committed(_)), "the batch was not committed");
    Ok(())
}

/// Milliseconds that a separate process takes to start on a store.
fn started(path: &Path) -> Result<f64> {
    let child = Command::new(std::env::current_exe()?).arg("child").arg(path).output()?;
    let output = String::from_utf8_lossy(&child.stdout).into_owned();
    print!("{output}");
    assert!(child.status.success(), "the child failed");
    Ok(output.split_whitespace().next().unwrap_or_default().parse()?)
}

/// The work of a process at start, up to the first read of everything at the head.
async fn start(path: &Path) -> Result<()> {
    let started = now();
    let store = connect(&format!("sqlite:{}", path.display())).await?;
    let delta = store.load(0).await?;
    let loaded = started.elapsed();
    let market = Market::empty().apply(delta);
    let folded = started.elapsed();
    let revision = market.head().revision;
    let snapshot = Snapshot::new(Arc::new(market), Instant::MAX, revision);
    let snapshot = snapshot.ok_or("the head is a revision")?;
    let (mut rows, mut sum) = (0, 0.0);
    for id in snapshot.holders(Dataset::Bars) {
        let bars = Bars::of(&snapshot, id);
        rows += bars.len();
        sum += (0..bars.len()).map(|row| bars.close_as_stored(row)).sum::<f64>();
    }
    let read = started.elapsed();
    println!(
        "{:.1} ms: loaded {}, folded {}, read {}: {rows} rows, mean close {:.2}",
        read.as_secs_f64() * 1e3,
        shown(loaded),
        shown(folded),
        shown(read),
        sum / rows as f64
    );
    store.close().await;
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
