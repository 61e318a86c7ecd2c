//! Ten years of daily bars of 3,000 names, from CSV files to PostgreSQL by the real binary, and from
//! PostgreSQL into a replica that starts; beside the same files by `COPY` into a table of rows and
//! out of it, in turn.

use super::{Result, postgres::Postgres, process, process::Child};
use simulation::market::{LAST_ON, Market, Parameters};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Files that the rows are split into.
const FILES: usize = 10;

/// Seconds of one way in and out.
struct Round {
    in_seconds: f64,
    out_seconds: f64,
}

pub(crate) async fn measure(rounds: usize) -> Result<()> {
    let Some(database) = Postgres::start("the bench of bulk loads") else { return Ok(()) };
    let prices = simulation::files::prices(&Market::new(Parameters::BENCH)).bytes;
    let (files, rows) = split(&prices, database.folder())?;
    println!("{rows} rows of CSV in {FILES} files, {:.0} MB", prices.len() as f64 / 1e6);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(by_server(&database, &files, rows).await?);
        plain.push(by_copy(&database, &files)?);
    }
    let seconds = |rounds: &[Round], of: fn(&Round) -> f64| {
        process::spread(&mut rounds.iter().map(of).collect::<Vec<_>>())
    };
    for (what, of) in [
        ("in, from files to committed", (|round| round.in_seconds) as fn(&Round) -> f64),
        ("out, from nothing to ready; to a file", |round| round.out_seconds),
    ] {
        let ([low, median, high], [_, copy, _]) = (seconds(&ours, of), seconds(&plain, of));
        println!(
            "{what}: {median:.2} s (min {low:.2}, max {high:.2}), {:.2} million rows/s; by COPY \
             {copy:.2} s, {:.1} times as long",
            rows as f64 / median / 1e6,
            copy / median
        );
    }
    Ok(())
}

/// Writes the lines of a file into several with the same header; returns them and the number of
/// rows.
fn split(bytes: &[u8], folder: &Path) -> Result<(Vec<PathBuf>, usize)> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (header, rows) = lines.split_first().ok_or("an empty file")?;
    let mut files = Vec::new();
    for (number, part) in rows.chunks(rows.len().div_ceil(FILES)).enumerate() {
        let file = folder.join(format!("bars-{number}.csv"));
        std::fs::write(&file, [&[*header], part].concat().concat())?;
        files.push(file);
    }
    Ok((files, rows.len()))
}

/// `ballast ingest` of all files, then a second server that starts on what they made.
async fn by_server(database: &Postgres, files: &[PathBuf], rows: usize) -> Result<Round> {
    let url = database.database();
    let server = Child::ballast(&url)?;
    server.connect().await?;
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(["--server", &server.address(), "--json", "ingest", "--adjusted-on", LAST_ON])
        .args(files)
        .output()?;
    let in_seconds = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let facts = database.sql(&url, "SELECT sum(facts) FROM revision");
    if facts != rows.to_string() {
        return Err(format!("{facts} facts of {rows} rows are committed").into());
    }
    let started = Instant::now();
    let replica = Child::ballast(&url)?;
    replica.connect().await?;
    let out_seconds = started.elapsed().as_secs_f64();
    drop((server, replica));
    database.drop_database(&url);
    Ok(Round { in_seconds, out_seconds })
}

/// The server of the database reads and writes the files itself.
fn by_copy(database: &Postgres, files: &[PathBuf]) -> Result<Round> {
    let url = database.database();
    let made = "CREATE TABLE bar (ticker text, day date, open float8, high float8, low float8,
        close float8, adjusted_close float8, volume float8, PRIMARY KEY (ticker, day))";
    database.sql(&url, made);
    let started = Instant::now();
    for file in files {
        database.sql(&url, &format!("COPY bar FROM '{}' (FORMAT csv, HEADER)", file.display()));
    }
    let in_seconds = started.elapsed().as_secs_f64();
    let out = database.folder().join("out");
    let started = Instant::now();
    database.sql(&url, &format!("COPY bar TO '{}' (FORMAT binary)", out.display()));
    let out_seconds = started.elapsed().as_secs_f64();
    database.drop_database(&url);
    Ok(Round { in_seconds, out_seconds })
}
