//! The rules of ARCHITECTURE.md that can be checked automatically: edges, crates, files.

#![expect(clippy::unwrap_used, reason = "a rule that cannot be checked fails")]

mod contract_text;
mod module_circles;
mod threat_model;

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

/// Every allowed dependency between our own packages, including dev-dependencies. A new one needs a
/// line here, with its reason in a comment or the commit.
const EDGES: [(&str, &[&str]); 18] = [
    ("contract", &[]),
    ("stats", &[]),
    ("marketdata", &["stats"]),
    ("tables", &["marketdata"]),
    // stats to tell whether what a file calls a covariance matrix is one.
    ("ingest", &["marketdata", "stats", "tables"]),
    // stats for the normal distribution, by which options are valued.
    ("portfolio", &["marketdata", "stats", "tables"]),
    ("factors", &["marketdata", "stats"]),
    // simulation only as a dev-dependency: tests and the bench of prepared values need a market.
    ("rotation", &["factors", "marketdata", "simulation", "stats"]),
    // Its tests use simulation, whose history of squeezes has a known chance.
    ("squeeze", &["factors", "marketdata", "portfolio", "simulation", "stats"]),
    // How names move, independent of any book: for exposure, and later for hedge and stress. Its
    // tests use simulation, whose market has a known factor structure.
    ("risk", &["factors", "marketdata", "simulation", "stats"]),
    ("exposure", &["factors", "marketdata", "portfolio", "risk", "stats"]),
    ("hedge", &["factors", "marketdata", "portfolio", "risk", "stats"]),
    // Its tests use simulation, whose factors and loadings are known.
    ("stress", &["factors", "marketdata", "portfolio", "risk", "simulation", "stats"]),
    ("simulation", &["marketdata", "stats"]),
    ("store", &["marketdata"]),
    (
        "server",
        &[
            "contract",
            "stats",
            "marketdata",
            "tables",
            "ingest",
            "portfolio",
            "factors",
            "rotation",
            "squeeze",
            "exposure",
            "hedge",
            // The cross-section model that stress and hedge share is prepared by the server.
            "risk",
            "stress",
            "store",
        ],
    ),
    // The cli reads portfolio files with the reader of portfolio, and lists the kinds of ingest. Its
    // bench fills a store (a dev-dependency) without going through text files.
    (
        "ballast",
        &[
            "contract",
            "ingest",
            "marketdata",
            "portfolio",
            "server",
            "simulation",
            "store",
            "tables",
        ],
    ),
    ("wire-tests", &["contract", "marketdata", "server", "simulation"]),
];

/// The pure crates, and the outside crates that they may use. `rayon` is for parallel iterators on
/// the threads of the caller's pool, with results collected in a fixed order. `clarabel` is the convex
/// solver of hedges, on one thread and without a time limit.
const PURE: [(&str, &[&str]); 13] = [
    ("stats", &["libm", "thiserror"]),
    ("marketdata", &["jiff", "thiserror"]),
    ("tables", &["memchr", "thiserror"]),
    ("ingest", &["memchr"]),
    ("portfolio", &["libm"]),
    ("factors", &["libm", "rayon"]),
    ("rotation", &["libm", "rayon", "thiserror"]),
    ("squeeze", &["libm", "rayon"]),
    ("risk", &["libm", "rayon"]),
    ("exposure", &["rayon"]),
    ("hedge", &["clarabel", "libm", "thiserror"]),
    ("stress", &["libm"]),
    ("simulation", &["libm"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

struct Package {
    ours: BTreeSet<String>,
    /// Outside crates that are not only for tests or benches.
    outside: BTreeSet<String>,
}

fn packages() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let (ours, outside): (Vec<_>, Vec<_>) =
                dependencies.iter().partition(|dependency| dependency["path"].is_string());
            let ours = ours.iter().map(|d| text(&d["name"])).collect();
            let outside =
                outside.iter().filter(|d| d["kind"] != "dev").map(|d| text(&d["name"])).collect();
            (text(&package["name"]), Package { ours, outside })
        })
        .collect()
}

#[test]
fn only_the_listed_edges_exist() {
    let allowed: BTreeMap<_, _> = EDGES.into_iter().collect();
    let packages = packages();
    assert_eq!(
        packages.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        allowed.keys().copied().collect::<BTreeSet<_>>(),
        "EDGES must list exactly the packages of the workspace"
    );
    for (name, package) in &packages {
        for edge in package.ours.iter().filter(|edge| *edge != name) {
            assert!(allowed[name.as_str()].contains(&edge.as_str()), "{name} -> {edge}");
        }
    }
}

#[test]
fn pure_crates_use_only_the_listed_outside_crates() {
    let packages = packages();
    for (name, allowed) in PURE {
        for outside in &packages[name].outside {
            assert!(allowed.contains(&outside.as_str()), "{name} uses {outside}");
        }
    }
}

/// The modules of `ingest`; each may use only modules of earlier lines.
const INGEST: [&[&str]; 12] = [
    &["kind", "note", "bar_columns"],
    &["options"],
    &["names", "plausible"],
    &["parsed_file"],
    &["source"],
    &["parser"],
    &["publish", "resolve", "merging", "texts", "report", "distribution"],
    &["rename"],
    &["tally"],
    &["resolved_rows", "compare"],
    &["taken", "whole", "model_bounds"],
    &["prepare"],
];

/// The modules of `ingest::source`, in the same way; all other modules are readers.
const SOURCE: [&[&str]; 4] =
    [&["layout", "reader", "file_name"], &["(readers)"], &["columns"], &["detect"]];

fn step(order: &[&[&str]], module: &str) -> Option<usize> {
    order.iter().position(|step| step.contains(&module))
}

/// The names after a prefix in the `use` items of a file: `a` and `b` for `crate::{a::X, b}`.
fn used_below(text: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, start) in text.match_indices(&format!("use {prefix}")) {
        let rest = text[at + start.len()..].split(';').next().unwrap_or_default();
        let mut depth = 0;
        let inner = rest.strip_prefix('{').unwrap_or(rest);
        for part in inner.split_inclusive([',', '{', '}']) {
            let name = part.trim_matches([',', '{', '}', ' ', '\n']);
            if depth == 0 && !name.is_empty() {
                found.push(name.split("::").next().unwrap_or_default().trim().to_owned());
            }
            depth += part.matches('{').count() as i32 - part.matches('}').count() as i32;
        }
    }
    found
}

#[test]
fn modules_of_ingest_use_only_those_before_them() {
    for (path, text) in files(&["rs"]) {
        let Some(module) = path.strip_prefix("services/ingest/src/") else { continue };
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let (top, inner) = match module.split_once('/') {
            Some((top, inner)) => (top, Some(inner)),
            None => (module, None),
        };
        let at = step(&INGEST, top).unwrap_or_else(|| panic!("{path} is in no step of INGEST"));
        for used in used_below(&text, "crate::") {
            let lower = step(&INGEST, &used);
            assert!(lower.is_some_and(|lower| lower < at), "{path} uses {used}");
        }
        // In a part of a reader `super` is that reader.
        let is_own = |inner: &&str| *inner != "tests" && !inner.contains('/');
        let Some(inner) = inner.filter(is_own) else { continue };
        let readers = 1;
        let at = step(&SOURCE, inner).unwrap_or(readers);
        for used in used_below(&text, "super::").iter().filter(|used| *used != "*") {
            assert!(step(&SOURCE, used).unwrap_or(readers) < at, "{path} uses super::{used}");
        }
    }
}

#[test]
fn only_the_listed_crates_use_sqlx_tonic_and_cryptography() {
    for (name, package) in packages() {
        let has = |outside: &str| package.outside.contains(outside);
        assert!(!has("sqlx") || name == "store", "{name} uses sqlx");
        // One place ends TLS and verifies signatures, with one provider (cargo-deny: one version).
        for outside in ["ring", "tokio-rustls", "rustls-native-certs", "rustls-webpki"] {
            assert!(!has(outside) || name == "server", "{name} uses {outside}");
        }
        let may_use_tonic = ["contract", "server", "ballast", "wire-tests"];
        assert!(!has("tonic") || may_use_tonic.contains(&name.as_str()), "{name} uses tonic");
    }
}

/// Every file of the repository with one of the extensions: its path from the root and its text.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
                let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push((relative, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_rust_file_opens_with_a_sentence_and_is_short_enough() {
    for (path, text) in files(&["rs"]) {
        assert!(text.starts_with("//! "), "{path} does not open with //!");
        let lines = text.lines().count();
        assert!(lines <= 500, "{path} has {lines} lines: is it still one concept?");
    }
}

/// The files of the server that may use messages, statuses and `crate::rpc`. `lib.rs` and
/// `connection.rs` set up transport and routes, but do not use the contract. Nor does what calls the
/// collector of telemetry, a service of others.
const WIRE: [&str; 4] = ["rpc.rs", "rpc/", "call.rs", "call/"];
const TRANSPORT: [&str; 3] = ["lib.rs", "connection.rs", "telemetry/collector"];

#[test]
fn code_below_the_wire_does_not_use_it() {
    let of = |layer: &[&str], file: &str| layer.iter().any(|name| file.starts_with(name));
    for (path, text) in files(&["rs"]) {
        let Some(file) = path.strip_prefix("services/server/src/") else { continue };
        if of(&WIRE, file) {
            continue;
        }
        let mut banned = vec!["contract"];
        if !of(&TRANSPORT, file) {
            banned.extend(["rpc", "call", "tonic"]);
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let used = banned.iter().find(|word| has_path(line, word));
            assert_eq!(used, None, "{path} uses the wire: {line}");
        }
    }
}

/// Whether a line has a path into a crate or module: `word::` that is not the end of a longer name.
fn has_path(line: &str, word: &str) -> bool {
    let is_of_name = |character: char| character.is_alphanumeric() || character == '_';
    let path = format!("{word}::");
    line.match_indices(&path).any(|(at, _)| !line[..at].ends_with(is_of_name))
}

#[test]
fn no_test_is_ignored_and_none_expects_a_panic() {
    // Concatenated so that this file does not match itself.
    let banned =
        [concat!("#[ign", "ore"), concat!("should_", "panic"), concat!("thread::", "sleep(")];
    for (path, text) in files(&["rs"]) {
        for word in banned {
            assert!(!text.contains(word), "{path} holds {word}");
        }
    }
}

#[test]
fn one_helper_finds_the_real_files() {
    for (path, text) in files(&["rs"]) {
        let reads = text.contains(concat!("var_os(\"REAL_", "DATA\")"));
        assert!(!reads || path == "tests/support/real_data.rs", "{path} reads REAL_DATA itself");
    }
}

#[test]
fn no_sql_outside_the_store() {
    for (path, text) in files(&["rs"]) {
        // Tests say what an operator of the database says; a bench compares with `COPY`.
        let may_hold = [
            "tests/architecture.rs",
            "tests/support/postgres.rs",
            "tests/wire/postgres.rs",
            "services/cli/benches/service/bulk.rs",
        ];
        if path.starts_with("services/store/") || may_hold.contains(&path.as_str()) {
            continue;
        }
        for word in ["SELECT ", "INSERT INTO", "CREATE TABLE", "DELETE FROM"] {
            assert!(!text.contains(word), "{path} holds SQL: {word}");
        }
    }
}

#[test]
fn every_manifest_inherits_lints_and_versions() {
    for (path, text) in files(&["toml"]) {
        if !path.ends_with("Cargo.toml") {
            continue;
        }
        assert!(text.contains("[lints]\nworkspace = true"), "{path} does not inherit the lints");
        if path != "Cargo.toml" {
            let own = text.lines().find(|line| line.contains("version = \""));
            assert_eq!(own, None, "{path}: versions belong only in the root manifest");
        }
    }
}

#[test]
fn test_data_have_metadata() {
    let folder = root().join("tests/data");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert!(
                path.join("metadata.json").is_file(),
                "{} has no metadata.json",
                path.display()
            );
        }
    }
}

#[test]
fn no_machine_paths_and_no_foreign_names() {
    let banned = [
        concat!("/wor", "k/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("RR", "G "),
        concat!("Jd", "K"),
    ];
    for (path, text) in files(&["rs", "proto", "toml", "md", "py", "sh", "json"]) {
        for word in banned {
            assert!(!text.contains(word), "{path} holds {word}");
        }
    }
}

#[test]
fn parameters_of_a_computation_have_no_default() {
    let pure = PURE.map(|(name, _)| format!("services/{name}/src/"));
    for (path, text) in files(&["rs"]) {
        if pure.iter().any(|folder| path.starts_with(folder)) {
            let derives = text.contains("impl Default for")
                || text
                    .lines()
                    .any(|l| l.trim_start().starts_with("#[derive(") && l.contains("Default"));
            assert!(!derives, "{path}: a default is applied in from_proto, never in a kernel");
        }
    }
}
