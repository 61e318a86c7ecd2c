//! Runs the built binary on stores in trouble: missing, damaged, or out of disk space.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its environment, writes files, and may panic"
)]

mod support;

use std::{fmt::Write as _, path::Path};
use support::{Server, ballast};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Serves a store under the shell's limit on file size.
fn serve_with_little_room(url: &str, blocks: u32) -> Server {
    // No write probe runs during the test, so only the next write changes the health.
    Server::start(&format!("ulimit -f {blocks};"), url, &[("BALLAST_FOLLOW_MS", "3600000")])
}

/// Bars with random numbers, which do not compress.
fn bars(path: &Path, rows: u32, mut random: u64) -> String {
    let mut file = "Ticker,Date,Open,High,Low,Close,Volume\n".to_owned();
    for row in 0..rows {
        let mut draw = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            1.0 + (random % 1_000_000_000) as f64 / 1e9
        };
        let (low, close) = (draw(), 3.0 + draw());
        let (name, day) = (row / 1_000, row % 1_000);
        let date = format!("{}-{:02}-{:02}", 2000 + day / 336, 1 + day % 336 / 28, 1 + day % 28);
        writeln!(file, "T{name},{date},{close},9,{low},{close},{}", (draw() * 1e9) as u64).unwrap();
    }
    std::fs::write(path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

fn market_data_health(server: &Server) -> String {
    let health = ballast(&["health", "--json", "--server", &server.http()]);
    let statuses: serde_json::Value = serde_json::from_slice(&health.stdout).unwrap();
    assert_eq!(statuses["ballast.v1.RotationService"], "SERVING", "reads go on");
    statuses["ballast.v1.MarketDataService"].as_str().unwrap().to_owned()
}

#[test]
fn a_write_without_room_changes_health_until_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("full.db").display());
    assert_eq!(ballast(&["migrate", "--store", &url]).status.code(), Some(0));
    let server = serve_with_little_room(&url, 2_048);
    let long = bars(&folder.path().join("long.csv"), 150_000, 1);
    let refused = ballast(&["ingest", "--server", &server.http(), &long]);
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
    let output = text(&refused.stderr) + &text(&refused.stdout);
    assert!(output.contains("STORE_UNAVAILABLE"), "{output}");
    assert_eq!(market_data_health(&server), "NOT_SERVING");
    let short = bars(&folder.path().join("short.csv"), 10, 2);
    let taken = ballast(&["ingest", "--server", &server.http(), &short]);
    assert_eq!(taken.status.code(), Some(0), "{}", text(&taken.stderr));
    assert_eq!(market_data_health(&server), "SERVING");
    drop(server);
    let checked = ballast(&["check", "--store", &url]);
    assert!(text(&checked.stdout).contains("1 revisions"), "{}", text(&checked.stdout));
    assert_eq!(checked.status.code(), Some(0));
}

#[test]
fn a_missing_store_is_served_only_with_create() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("typo.db");
    let url = format!("sqlite:{}", path.display());
    let refused = ballast(&["serve", "--listen", "127.0.0.1:0", "--store", &url]);
    assert_eq!(refused.status.code(), Some(1));
    let output = text(&refused.stderr);
    assert!(output.contains("there is no store at") && output.contains("--create"), "{output}");
    assert!(!path.exists());
}

#[test]
fn a_damaged_store_is_not_served_and_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let url = format!("sqlite:{}", path.display());
    assert_eq!(ballast(&["migrate", "--store", &url]).status.code(), Some(0));
    let server = serve_with_little_room(&url, 100_000);
    let file = bars(&folder.path().join("bars.csv"), 10, 2);
    assert_eq!(ballast(&["ingest", "--server", &server.http(), &file]).status.code(), Some(0));
    drop(server);
    // Closes the store, so that everything is in the one file.
    assert_eq!(ballast(&["migrate", "--store", &url]).status.code(), Some(0));
    let mut bytes = std::fs::read(&path).unwrap();
    let name = b"bars.csv";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let refused = ballast(&["serve", "--listen", "127.0.0.1:0", "--store", &url]);
    assert_eq!(refused.status.code(), Some(1));
    let output = text(&refused.stderr);
    for wanted in ["damaged", "revision 1", "ballast check", "ballast restore"] {
        assert!(output.contains(wanted), "{wanted:?} is not in: {output}");
    }
    let checked = ballast(&["check", "--store", &url]);
    assert_eq!(checked.status.code(), Some(1), "{}", text(&checked.stdout));
}

#[test]
fn check_reports_faults_in_a_store_that_serve_rejects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let url = format!("sqlite:{}", path.display());
    assert_eq!(ballast(&["migrate", "--store", &url]).status.code(), Some(0));
    let mut bytes = std::fs::read(&path).unwrap();
    // The row of a migration is its name, the time it ran (19 characters) and its checksum.
    let name = b"segment2";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at + "segment".len() + 19 + 5] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let refused = ballast(&["serve", "--listen", "127.0.0.1:0", "--store", &url]);
    assert_eq!(refused.status.code(), Some(1));
    let output = text(&refused.stderr);
    for wanted in ["damaged", "migration 1", "ballast check", "ballast restore"] {
        assert!(output.contains(wanted), "{wanted:?} is not in: {output}");
    }
    let checked = ballast(&["check", "--store", &url]);
    assert_eq!(checked.status.code(), Some(1), "{}", text(&checked.stdout));
    assert!(text(&checked.stdout).contains("migration 1"), "{}", text(&checked.stdout));
}
