//! Peak memory of a server that receives small files built to take much of it.
//!
//! The bound covers the whole process: an unoptimised build and the market it keeps. Before texts
//! and archives had limits, the same files took gigabytes.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test starts a process and reads its statistics"
)]

mod support;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};
use support::{Server, ballast, store_in};

fn ingest(server: &Server, file: &Path) -> String {
    let address = server.http();
    let file = file.to_str().unwrap();
    let sent = ballast(&["ingest", "--server", &address, "--observed-on", "2021-01-29", file]);
    String::from_utf8_lossy(&[sent.stdout, sent.stderr].concat()).into_owned()
}

/// Peak resident memory of the server, MiB.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn write_gzip(path: &Path, rows: impl Iterator<Item = String>) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    rows.for_each(|row| encoder.write_all(row.as_bytes()).unwrap());
    encoder.finish().unwrap();
}

/// Digits that do not compress, so that the file stays below the limit on its compression ratio.
fn noise(seed: u64, digits: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let draw = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    (0..digits / 16).map(draw).collect()
}

/// A screener file with one row per name, all names different.
fn screener(path: PathBuf, rows: u64, name: impl Fn(u64) -> String) -> PathBuf {
    let header = std::iter::once("Symbol,Name,Last Sale,Market Cap\n".to_owned());
    write_gzip(&path, header.chain((0..rows).map(|at| format!("S{at},{},1,1\n", name(at)))));
    path
}

/// An archive whose directory lists very many empty members.
fn archive(path: PathBuf, entries: u64) -> PathBuf {
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.resize(30, 0);
    let mut entry = [0; 46];
    entry[..4].copy_from_slice(b"PK\x01\x02");
    (0..entries).for_each(|_| bytes.extend(entry));
    let (start, length, at) = (30, entries * 46, bytes.len() as u64);
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [entries, entries, length, start] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(at.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([0xff; 12]);
    bytes.extend([0, 0]);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn small_files_do_not_take_gigabytes() {
    /// Peak of the process in MiB: an idle one has 40.
    const MOST: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let server = Server::start("", &store_in(folder.path()), &[]);
    // 60,000 bytes per name, 72 MB in all.
    let padding = "x".repeat(59_200);
    let long = screener(at("long.csv.gz"), 1_200, |at| noise(at + 1, 800) + &padding);
    // Valid names, but more than a file may have.
    let many = screener(at("many.csv.gz"), 72_000, |at| noise(at + 1, 240));
    let blank = at("blank.csv.gz");
    let rows = std::iter::repeat_n("\n".repeat(1 << 20), 15);
    let first = "Date,Close\n2021-01-04,1\n".to_owned();
    write_gzip(&blank, std::iter::once(first).chain(rows));
    let zipped = archive(at("many.zip"), 200_000);
    for (file, word) in [
        (&long, "the text is too long"),
        (&many, "TOO_MANY_TEXTS"),
        (&zipped, "TOO_MANY_MEMBERS"),
        (&blank, "accepted"),
    ] {
        let answer = ingest(&server, file);
        assert!(answer.contains(word), "{word} is not in:\n{answer}");
        let peak = peak(&server);
        println!("{}: peak {peak} MiB", file.display());
        assert!(peak < MOST, "{peak} MiB after {}", file.display());
    }
}
