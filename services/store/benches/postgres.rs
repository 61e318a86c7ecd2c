//! Bulk load into PostgreSQL and out of it, as segments and as plain rows, in one run.
//!
//! `cargo bench -p store --bench postgres`: 3,000 names by 2,520 days of daily bars appended to a
//! store and loaded by a new handle; then the same rows by binary `COPY` from a file of the server
//! into a table with a primary key, and out of it. The server is a throwaway one without fsync.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "../../../tests/support/postgres.rs"]
mod postgres;
mod support;

use marketdata::{facts::FactTable, market::Market};
use postgres::Postgres;
use std::{
    io::{BufWriter, Write as _},
    path::Path,
};
use store::{Appended, connect};
use support::{append_of, batch, calendar, now, shown};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    // Without `--bench` this is a test run, and an unoptimised build is not worth measuring.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let Some(server) = Postgres::start("the bench") else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(segments(&server))?;
    rows(&server)
}

async fn segments(server: &Postgres) -> Result<()> {
    let url = server.database();
    let store = connect(&url).await?;
    let batch = batch(0, 3_000, &calendar(2_520), 1e2);
    let facts = batch.facts();
    let started = now();
    let appended = store.append(append_of(batch)).await?;
    println!("segments in: {facts} rows, packed and committed, {}", shown(started.elapsed()));
    assert!(matches!(appended, Appended::Committed(_)), "the batch was not committed");
    drop(appended);
    store.close().await;
    for _ in 0..3 {
        let started = now();
        let store = connect(&url).await?;
        let delta = store.load(0).await?;
        let loaded = started.elapsed();
        let market = Market::empty().apply(delta);
        let folded = started.elapsed();
        println!("segments out: verified {}, folded after {}", shown(loaded), shown(folded));
        drop(market);
        store.close().await;
    }
    println!("segments on disk: {}", size(server, &url, "segment"));
    Ok(())
}

/// The server reads and writes files itself, so that no client's speed is measured.
fn rows(server: &Postgres) -> Result<()> {
    let url = server.database();
    let made = "CREATE TABLE bar (instrument int, day int, published_at bigint, open float8,
        high float8, low float8, close float8, volume float8, distribution float8, basis float8,
        basis_on float8, PRIMARY KEY (instrument, day))";
    server.sql(&url, made);
    let file = server.folder().join("bars");
    put_file(&file)?;
    let started = now();
    server.sql(&url, &format!("COPY bar FROM '{}' (FORMAT binary)", file.display()));
    println!("rows in: committed by COPY, {}", shown(started.elapsed()));
    let out = server.folder().join("out");
    let started = now();
    server.sql(&url, &format!("COPY bar TO '{}' (FORMAT binary)", out.display()));
    println!("rows out: by COPY, {}", shown(started.elapsed()));
    println!("rows on disk: {}", size(server, &url, "bar"));
    Ok(())
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
