//! Runs the built binary on PostgreSQL: operator commands, passwords, and a server killed while it
//! writes.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its environment, writes files, and may panic"
)]

#[path = "../../../tests/support/postgres.rs"]
mod postgres;
mod support;

use postgres::Postgres;
use std::{
    fmt::Write as _,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use support::{BALLAST, Server, ballast, clean};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn succeed(arguments: &[&str]) -> String {
    let output = ballast(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
    text(&output)
}

/// Days of a name's bars.
const DAYS: u32 = 5_000;

/// Bars of some names with a common prefix.
fn bars(prefix: &str, names: u32) -> String {
    let mut file = "Ticker,Date,Open,High,Low,Close,Volume\n".to_owned();
    for row in 0..names * DAYS {
        let (name, day) = (row / DAYS, row % DAYS);
        let close = 10.0 + f64::from(row * 7_919 % 10_007) / 100.0;
        let date = format!("{}-{:02}-{:02}", 2000 + day / 336, 1 + day % 336 / 28, 1 + day % 28);
        writeln!(file, "{prefix}{name},{date},{close},999,1,{close},{row}").unwrap();
    }
    file
}

/// The facts that `ballast check` counted.
fn facts(url: &str) -> u64 {
    let checked = succeed(&["check", "--json", "--store", url]);
    let checked: serde_json::Value = serde_json::from_str(&checked).unwrap();
    checked["facts"].as_u64().unwrap()
}

#[test]
fn no_output_shows_a_password() {
    let url = "postgres://desk:hunter2@localhost:1/risk";
    let outputs = [
        ballast(&["serve", "--check", "--store", url]),
        ballast(&["check", "--store", url]),
        ballast(&["migrate", "--check", "--store", url]),
        ballast(&["copy", url, url]),
        clean(Command::new(BALLAST))
            .args(["check", "--help"])
            .env("BALLAST_STORE", url)
            .output()
            .unwrap(),
    ];
    for output in outputs {
        assert!(!text(&output).contains("hunter2"), "{}", text(&output));
    }
    assert!(text(&ballast(&["serve", "--check", "--store", url])).contains("desk:***@localhost"));
}

#[test]
fn a_store_moves_to_postgresql_by_commands() {
    let Some(database) = Postgres::start("a store moved by commands") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("ballast.db").display());
    let prices = folder.path().join("prices.csv");
    std::fs::write(&prices, bars("A", 1)).unwrap();
    let server = Server::start("", &file, &[]);
    succeed(&["ingest", "--server", &server.http(), prices.to_str().unwrap()]);
    let url = database.database();
    let missing = ballast(&["migrate", "--check", "--store", &url]);
    assert_eq!(missing.status.code(), Some(1), "{}", text(&missing));
    // The server goes on meanwhile.
    succeed(&["copy", &file, &url]);
    drop(server);
    succeed(&["migrate", "--check", "--store", &url]);
    assert_eq!(facts(&url), facts(&file));
    assert!(0 < facts(&url));
    let export = |store: &str| {
        succeed(&["export", "--store", store, "bars", "--as-of", "2026-01-01T00:00:00Z"])
    };
    assert_eq!(export(&file), export(&url));
    let server = Server::start("", &url, &[]);
    let again = succeed(&["ingest", "--server", &server.http(), prices.to_str().unwrap()]);
    drop(server);
    assert!(succeed(&["check", "--store", &url]).contains("1 revisions"), "{again}");
    let used = ballast(&["copy", &file, &url]);
    assert_eq!(used.status.code(), Some(1), "{}", text(&used));
}

/// The server dies at twelve moments of a write.
#[test]
fn a_server_killed_while_it_writes_leaves_whole_files_only() {
    let Some(database) = Postgres::start("a server killed while it writes") else { return };
    let url = database.database();
    let folder = tempfile::tempdir().unwrap();
    for round in 0..12 {
        let name = format!("T{round}");
        let file = folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, bars(&name, 8)).unwrap();
        let server = Server::start("", &url, &[]);
        let ingest = ["ingest", "--server", &server.http(), file.to_str().unwrap()];
        let mut quiet = clean(Command::new(BALLAST));
        let mut client =
            quiet.args(ingest).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = Duration::from_millis(25 * round);
        let began = Instant::now();
        while began.elapsed() < moment {
            std::thread::yield_now();
        }
        // Dropping the server kills it with SIGKILL.
        drop(server);
        client.wait().unwrap();
        let server = Server::start("", &url, &[]);
        succeed(&["ingest", "--server", &server.http(), file.to_str().unwrap()]);
    }
    let alone = format!("sqlite:{}", folder.path().join("alone.db").display());
    let server = Server::start("", &alone, &[]);
    let file = folder.path().join("T0.csv");
    succeed(&["ingest", "--server", &server.http(), file.to_str().unwrap()]);
    drop(server);
    assert_eq!(facts(&url), 12 * facts(&alone), "no row is missing, and none is there twice");
    assert!(succeed(&["check", "--store", &url]).contains("12 revisions"));
}
