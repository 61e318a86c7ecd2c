//! Bulk load into PostgreSQL and out of it, as segments and as plain rows, in one run.
//!
//! `cargo bench -p store --bench postgres`, in turn, each on an empty database: 3,000 names by
//! 2,520 days of daily bars appended to a store and loaded by a new handle; then the same rows by
//! binary `COPY` from a file of the server into a table with a primary key, and out of it. It
//! prints the medians of the rounds and of their ratios. An argument after `--` is the number of
//! rounds. The server is a throwaway one without fsync.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "../../../tests/support/postgres.rs"]
mod postgres;
mod support;

use marketdata::{facts::FactTable, market::Market};
use postgres::Postgres;
use std::{
    io::{BufWriter, Write as _},
    path::Path,
    time::Duration,
};
use store::{Appended, connect};
use support::{append_of, batch, calendar, now, shown};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Rounds unless an argument says otherwise.
const ROUNDS: usize = 5;

/// Seconds to bring the bars in and to have them again, and the room that they take.
struct Round {
    in_seconds: f64,
    out_seconds: f64,
    on_disk: String,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // Without `--bench` this is a test run, and an unoptimised build is not worth measuring.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let rounds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    let Some(server) = Postgres::start("the bench") else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let file = server.folder().join("bars");
    put_file(&file)?;
    let (mut segments, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        segments.push(runtime.block_on(as_segments(&server))?);
        rows.push(as_rows(&server, &file)?);
    }
    print("in, to committed", &segments, &rows, |round| round.in_seconds);
    print("out, verified and folded", &segments, &rows, |round| round.out_seconds);
    let on_disk = |rounds: &[Round]| rounds.last().map(|round| round.on_disk.clone());
    println!("on disk: {:?}; {:?}", on_disk(&segments), on_disk(&rows));
    Ok(())
}

/// Packed and committed; then read, verified and folded by a new handle.
async fn as_segments(server: &Postgres) -> Result<Round> {
    let url = server.database();
    let store = connect(&url).await?;
    let append = append_of(batch(0, 3_000, &calendar(2_520), 1e2));
    let started = now();
    let appended = store.append(append).await?;
    let in_seconds = started.elapsed().as_secs_f64();
    assert!(matches!(appended, Appended::Committed(_)), "the batch was not committed");
    drop(appended);
    store.close().await;
    let started = now();
    let store = connect(&url).await?;
    let market = Market::empty().apply(store.load(0).await?);
    let out_seconds = started.elapsed().as_secs_f64();
    drop(market);
    store.close().await;
    let on_disk = size(server, &url, "segment");
    server.drop_database(&url);
    Ok(Round { in_seconds, out_seconds, on_disk })
}

/// The server reads and writes files itself, so that no client's speed is measured.
fn as_rows(server: &Postgres, file: &Path) -> Result<Round> {
    let url = server.database();
    let made = "CREATE TABLE bar (instrument int, day int, published_at bigint, open float8,
        high float8, low float8, close float8, volume float8, distribution float8, basis float8,
        basis_on float8, PRIMARY KEY (instrument, day))";
    server.sql(&url, made);
    let started = now();
    server.sql(&url, &format!("COPY bar FROM '{}' (FORMAT binary)", file.display()));
    let in_seconds = started.elapsed().as_secs_f64();
    let out = server.folder().join("out");
    let started = now();
    server.sql(&url, &format!("COPY bar TO '{}' (FORMAT binary)", out.display()));
    let out_seconds = started.elapsed().as_secs_f64();
    let on_disk = size(server, &url, "bar");
    server.drop_database(&url);
    Ok(Round { in_seconds, out_seconds, on_disk })
}

/// One line: the medians of both ways, and that of the ratios of each round.
fn print(what: &str, segments: &[Round], rows: &[Round], seconds: fn(&Round) -> f64) {
    let ours = median(segments.iter().map(seconds).collect());
    let plain = median(rows.iter().map(seconds).collect());
    let pairs = segments.iter().zip(rows);
    let ratio = median(pairs.map(|(ours, plain)| seconds(plain) / seconds(ours)).collect());
    let [ours, plain] = [ours, plain].map(|seconds| shown(Duration::from_secs_f64(seconds)));
    println!("{what}: segments {ours}, rows by COPY {plain}; {ratio:.1} times as fast");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Writes the bars in the binary format of `COPY`.
fn put_file(path: &Path) -> Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    file.write_all(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0")?;
    let mut bytes = Vec::new();
    for table in &batch(0, 3_000, &calendar(2_520), 1e2).tables {
        for row in 0..table.len() {
            bytes.clear();
            put_row(&mut bytes, table, row);
            file.write_all(&bytes)?;
        }
    }
    file.write_all(&(-1_i16).to_be_bytes())?;
    Ok(file.flush()?)
}

fn put_row(bytes: &mut Vec<u8>, table: &FactTable, row: usize) {
    let columns = 3 + table.columns.len();
    bytes.extend((columns as i16).to_be_bytes());
    put(bytes, table.instrument[row].0.to_be_bytes());
    put(bytes, table.effective_on[row].epoch().to_be_bytes());
    put(bytes, table.published_at[row].micros().to_be_bytes());
    for column in &table.columns {
        put(bytes, column[row].to_be_bytes());
    }
}

fn put<const N: usize>(bytes: &mut Vec<u8>, value: [u8; N]) {
    bytes.extend((N as i32).to_be_bytes());
    bytes.extend(value);
}

fn size(server: &Postgres, url: &str, table: &str) -> String {
    server.sql(url, &format!("SELECT pg_size_pretty(pg_total_relation_size('{table}'))"))
}
