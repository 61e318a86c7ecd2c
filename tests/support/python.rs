//! A script that does the same in Python, run right after ours, so that both are of one machine and
//! hour. Included by path.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a bench starts a script that prints what it measured"
)]

use std::process::Command;

/// Runs a script with the Python that `variable` names. Without it, says that the script did not run.
pub(crate) fn run_beside(variable: &str, script: &str, arguments: &[&str]) -> Result<(), String> {
    let Some(python) = std::env::var_os(variable) else {
        println!("without {variable} the script {script} did not run");
        return Ok(());
    };
    let status = Command::new(python).arg(script).args(arguments).status();
    match status.map_err(|error| format!("{variable} does not start: {error}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("{script} failed: {status}")),
    }
}
