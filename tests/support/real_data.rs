//! Location of the real files: the only place that reads `REAL_DATA`, included by path.
#![allow(dead_code, reason = "not every includer uses both functions")]
#![allow(
    clippy::disallowed_methods,
    reason = "the location of the real files is an environment variable"
)]

use std::{io::Write as _, path::PathBuf};

/// The folder of real files; `None` if `REAL_DATA` is not set.
pub(crate) fn named() -> Option<PathBuf> {
    std::env::var_os("REAL_DATA").map(PathBuf::from)
}

/// The folder of real files; if `REAL_DATA` is not set, prints that this test is skipped.
pub(crate) fn folder(test: &str) -> Option<PathBuf> {
    let folder = named();
    if folder.is_none() {
        // Not `eprintln!`, which the test harness captures and never shows of a test that passes.
        let line = format!("skipped: {test} needs the folder named by REAL_DATA\n");
        let _unseen = std::io::stderr().write_all(line.as_bytes());
    }
    folder
}
