//! Where the real files are: the one place that reads `REAL_DATA`, included by path where needed.
#![allow(dead_code, reason = "some that include it only read, others only ask")]
#![allow(clippy::disallowed_methods, reason = "the environment says where the real files are")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::path::PathBuf;

/// The folder of real files, where `REAL_DATA` names it.
pub(crate) fn named() -> Option<PathBuf> {
    std::env::var_os("REAL_DATA").map(PathBuf::from)
}

/// The folder of real files; where it is not named, says aloud that this test is skipped.
pub(crate) fn folder(test: &str) -> Option<PathBuf> {
    let folder = named();
    if folder.is_none() {
        println!("skipped: {test} needs the folder named by REAL_DATA");
    }
    folder
}
