//! Telemetry of a process: log lines on standard error, text for people or JSON for
//! machines, spans of calls and metrics; for a collector each of them over OTLP.

pub mod export;
mod push;
mod records;
mod resource;
pub mod settings;
pub mod spans;

use crate::{
    config::{Config, ConfigError},
    telemetry::{
        export::Exporter,
        records::Records,
        settings::{Log, LogFormat},
    },
};
pub use resource::resource;
use std::io::IsTerminal as _;
use tracing_subscriber::{
    Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Starts logging and whatever export is configured, for the whole process. Servers that are started
/// afterwards trace their calls. Must run on the runtime.
///
/// # Errors
/// If the filter of logs or an endpoint is not valid.
pub fn start(config: &Config) -> Result<Exporter, ConfigError> {
    let exporter = Exporter::start(config)?;
    log(&config.log, exporter.records())?;
    Ok(exporter)
}

/// Starts logging. Does nothing if a subscriber is already installed, by an earlier call or by a
/// test.
fn log(log: &Log, records: Option<Records>) -> Result<(), ConfigError> {
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let lines = match log.format {
        LogFormat::Text => lines.compact().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(log.levels()?).with(lines).with(records);
    // Keeps a subscriber that is already installed.
    drop(subscriber.try_init());
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
