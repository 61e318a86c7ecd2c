//! Logs: lines for people or objects for machines, on standard error.

use crate::config::{ConfigError, Log, LogFormat};
use std::io::IsTerminal as _;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging for the whole process. A second start, and a start beside a test's own logging,
/// changes nothing.
///
/// # Errors
/// Where the filter cannot be read.
pub fn start(log: &Log) -> Result<(), ConfigError> {
    let filter: EnvFilter =
        log.filter.parse().map_err(|error| ConfigError::Invalid(format!("log.filter: {error}")))?;
    let lines = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let started = match log.format {
        LogFormat::Text => lines.compact().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    };
    // Somebody logs already: theirs stays.
    drop(started);
    Ok(())
}

/// What went wrong and why, for the log.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
