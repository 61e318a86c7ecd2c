//! What a process tells about itself besides metrics: log lines on standard error, text for people
//! or JSON for machines, and spans of calls for a collector.

pub mod export;
pub mod spans;

use crate::{
    config::{Config, ConfigError, Log, LogFormat},
    telemetry::export::Exporter,
};
use std::io::IsTerminal as _;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging and, if it is configured, the export of spans, for the whole process. Servers that
/// are started afterwards trace their calls. Must run on the runtime.
///
/// # Errors
/// If the filter of logs or the endpoint of spans is not valid.
pub fn start(config: &Config) -> Result<Option<Exporter>, ConfigError> {
    log(&config.log)?;
    Exporter::start(&config.tracing)
}

/// Starts logging. Does nothing if a subscriber is already installed, by an earlier call or by a
/// test.
fn log(log: &Log) -> Result<(), ConfigError> {
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
