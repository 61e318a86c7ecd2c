//! How long a store takes to write and to load daily bars, how big it is, and how big a process is
//! that has loaded it.
//!
//! `cargo bench -p store --bench load`: 393,689 bars appended (a nine-month file of a whole market),
//! then 3,000 names by 2,520 days appended and loaded by a process of their own, with prices in
//! cents, in millionths (split-adjusted files) and unrounded. A third argument narrows it to one.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use marketdata::{
    dataset::Dataset,
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::Market,
    snapshot::Snapshot,
    symbol::Symbol,
};
use std::{path::Path, process::Command, sync::Arc, time::Duration};
use store::{Append, Appended, Provenance, RequestKey, connect};
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
    // Without `--bench` this is a test run: nothing to measure in a build that is not optimised.
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
    let batch = batch(names, days, unit);
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

/// What a process does when it starts.
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

/// Random walks, all columns of a bar, public at each day's close.
fn batch(names: u32, days: usize, unit: f64) -> Batch {
    let mut random = Random(88_172_645_463_325_252);
    let calendar: Vec<Day> =
        (16_000..).map(Day::from_epoch).filter(|day| day.weekday() < 5).take(days).collect();
    let closes: Vec<Instant> = calendar.iter().map(|day| Instant::close_of(*day)).collect();
    let mut table = FactTable::empty(Dataset::Bars);
    let mut batch = Batch::empty(0);
    let rounded = |price: f64| if unit == 0.0 { price } else { (price * unit).round() / unit };
    for id in (1..=names).map(InstrumentId) {
        batch.instruments.push(Instrument { id, namespace: Namespace::Listed, revision: 1 });
        let symbol = Symbol::listed(&format!("S{}", id.0)).expect("a symbol");
        let (from, until) = (Day::MIN, Day::MAX);
        batch.namings.push(Naming { instrument: id, revision: 1, symbol, from, until });
        let mut price = 20.0 + 80.0 * random.uniform();
        for (day, at) in calendar.iter().zip(&closes) {
            let open = price * (1.0 + 0.005 * random.normal());
            price = (price * (1.0 + 0.02 * random.normal())).max(1.0);
            let high = open.max(price) * (1.0 + 0.005 * random.uniform());
            let low = open.min(price) * (1.0 - 0.005 * random.uniform());
            let volume = (1e6 * (1.0 + 0.3 * random.normal()).abs()).round();
            let distribution = if random.uniform() < 4.0 / 252.0 { 1.005 } else { 1.0 };
            let prices = [open, high, low, price].map(rounded);
            let [open, high, low, close] = prices;
            let row = [open, high, low, close, volume, distribution, 1.0, 19_000.0];
            table.push(id, InstrumentId::NONE, *day, *at, &row);
        }
    }
    batch.tables.push(table);
    batch
}

fn append_of(batch: Batch) -> Append {
    let text = String::new;
    Append {
        key: RequestKey { caller: text(), method: text(), request_id: text() },
        fingerprint: [0; 32],
        provenance: Provenance {
            source: text(),
            file_name: text(),
            content_hash: [0; 32],
            received_at: Instant::from_micros(0),
        },
        batch,
        answer: Vec::new(),
        forget_before: Instant::MIN,
    }
}

/// Marsaglia's xorshift, 64 bits; a sum of twelve for the bell.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn shown(took: Duration) -> String {
    format!("{:.0} ms", took.as_secs_f64() * 1e3)
}

/// Resident megabytes now and at most, as Linux counts them; zero elsewhere.
fn resident() -> Result<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) / 1024
    };
    Ok((megabytes("VmRSS"), megabytes("VmHWM")))
}
