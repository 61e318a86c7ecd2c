//! Telemetry of a process: log lines on standard error, text for people or JSON for
//! machines, spans of calls and metrics; for a collector each of them over OTLP.

mod collector;
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
pub(crate) use collector::refused;
pub use resource::resource;
use std::io::IsTerminal as _;
use tracing::Subscriber;
use tracing_subscriber::{
    Layer,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
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
    let lines = lines(log.format, std::io::stderr, std::io::stderr().is_terminal());
    let subscriber = tracing_subscriber::registry().with(log.levels()?).with(lines).with(records);
    // Keeps a subscriber that is already installed.
    drop(subscriber.try_init());
    Ok(())
}

/// Writes a line per event, with its target: that of the audit log is how operators find it.
fn lines<S, W>(format: LogFormat, writer: W, has_colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(has_colours);
    match format {
        LogFormat::Text => lines.compact().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_its_target_in_both_formats() {
        for (format, target) in
            [(LogFormat::Text, " audit: "), (LogFormat::Json, r#""target":"audit""#)]
        {
            let kept = Kept::default();
            let writer = kept.clone();
            let layer = lines(format, move || writer.clone(), false);
            let subscriber = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(subscriber, || {
                crate::audit::AuditLog::default().writes(None);
            });
            let line = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            assert!(line.contains(target) && line.contains("write admitted"), "{line}");
        }
    }
}
