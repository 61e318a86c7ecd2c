//! Logs on standard error: text for people or JSON for machines.

use crate::config::{ConfigError, Log, LogFormat};
use std::io::IsTerminal as _;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging for the whole process. Does nothing if a subscriber is already installed, by an
/// earlier call or by a test.
///
/// # Errors
/// If the filter is not valid.
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
    // Keeps a subscriber that is already installed.
    drop(started);
    Ok(())
}

/// An error with its chain of causes, for the log.
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
