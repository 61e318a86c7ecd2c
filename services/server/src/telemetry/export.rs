//! Sends sampled spans, log records and metrics to a collector over OTLP, in the background.
//!
//! A call never waits for the collector: spans and records are put into queues of limited length,
//! and sent by a thread for each kind; what does not fit is dropped and counted. Metrics need no queue:
//! what is sent later says the same and more.

use crate::{
    config::{Config, ConfigError},
    limits,
    metrics::Metrics,
    telemetry::{
        collector,
        push::Push,
        records::Records,
        resource,
        settings::{Log, PushedMetrics, Tracing},
    },
};
use opentelemetry::{global, logs::LoggerProvider as _};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    logs::{self, BatchLogProcessor, SdkLoggerProvider},
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use std::time::Duration;
use tokio::sync::watch;

/// Whether the process ends.
type Ends = watch::Receiver<bool>;

/// What this process sends; each part only if it has an endpoint.
#[derive(Debug)]
pub struct Exporter {
    spans: Option<SdkTracerProvider>,
    records: Option<SdkLoggerProvider>,
    metrics: Option<Push>,
    /// Says that the process ends, so that nothing is sent again.
    is_stopping: watch::Sender<bool>,
}

impl Exporter {
    /// Starts to export what has an endpoint. Must run on the runtime.
    ///
    /// # Errors
    /// If an endpoint is not valid.
    pub fn start(config: &Config) -> Result<Exporter, ConfigError> {
        let given = |endpoint: &str| !endpoint.is_empty();
        let (is_stopping, ends) = watch::channel(false);
        let (spans, records) = (&config.tracing, &config.log);
        let (spans, records) = (
            given(&spans.endpoint).then(|| export_spans(spans, &ends)).transpose()?,
            given(&records.endpoint).then(|| export_records(records, &ends)).transpose()?,
        );
        let metrics = &config.metrics;
        let metrics =
            given(&metrics.endpoint).then(|| export_metrics(metrics, &ends)).transpose()?;
        if let Some(spans) = &spans {
            global::set_tracer_provider(spans.clone());
        }
        Ok(Exporter { spans, records, metrics, is_stopping })
    }

    /// The layer that turns events into records.
    pub(crate) fn records(&self) -> Option<Records> {
        Some(Records::new(self.records.as_ref()?.logger("ballast")))
    }

    /// Sends the metrics of a server regularly from now on, if they have an endpoint.
    pub fn follow(&mut self, metrics: &Metrics) {
        if let Some(push) = &mut self.metrics {
            push.follow(metrics.clone());
        }
    }

    /// Sends what is left, and gives up after [`limits::EXPORT_FLUSH_MS`]: a collector that hangs
    /// does not hold up the end of the process.
    pub async fn stop(self) {
        self.is_stopping.send_replace(true);
        let patience = Duration::from_millis(limits::EXPORT_FLUSH_MS);
        let (spans, records) = (self.spans, self.records);
        let spans = flushed(move || spans.map_or(Ok(()), |s| s.shutdown_with_timeout(patience)));
        let records =
            flushed(move || records.map_or(Ok(()), |r| r.shutdown_with_timeout(patience)));
        let metrics = async {
            match self.metrics {
                Some(push) => push.stop().await,
                None => Ok(()),
            }
        };
        let all = async { tokio::join!(spans, records, metrics) };
        let most = patience + patience / 4;
        let ended = tokio::time::timeout(most, all).await.map_or_else(
            |_| vec![Err(OTelSdkError::Timeout(most))],
            |(spans, records, metrics)| vec![spans, records, metrics],
        );
        let causes: Vec<String> = ended.iter().filter_map(cause).collect();
        if !causes.is_empty() {
            tracing::warn!(cause = causes.join("; "), "not all telemetry could be sent");
        }
    }
}

/// Why not everything was sent; `None` if it was.
fn cause(ended: &OTelSdkResult) -> Option<String> {
    match ended {
        Ok(()) => None,
        Err(OTelSdkError::Timeout(_)) => Some("the collector did not answer".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Runs a shutdown, which blocks its thread while the runtime must go on to send.
async fn flushed(shutdown: impl FnOnce() -> OTelSdkResult + Send + 'static) -> OTelSdkResult {
    let ended = tokio::task::spawn_blocking(shutdown).await;
    ended.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())))
}

fn export_spans(tracing: &Tracing, ends: &Ends) -> Result<SdkTracerProvider, ConfigError> {
    let exporter = collector::Spans::new(to("tracing", &tracing.endpoint, ends)?);
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(limits::TRACE_QUEUE_SPANS)
        .with_scheduled_delay(Duration::from_millis(limits::EXPORT_DELAY_MS))
        .build();
    let sampler = Sampler::TraceIdRatioBased(tracing.sample_ratio);
    Ok(SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_span_processor(collector::Counted(
            BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(),
        ))
        .with_resource(resource())
        .build())
}

fn export_records(log: &Log, ends: &Ends) -> Result<SdkLoggerProvider, ConfigError> {
    let exporter = collector::Records::new(to("log", &log.endpoint, ends)?);
    let batches = logs::BatchConfigBuilder::default()
        .with_max_queue_size(limits::LOG_QUEUE_RECORDS)
        .with_scheduled_delay(Duration::from_millis(limits::EXPORT_DELAY_MS))
        .build();
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches).build();
    let processor = collector::Counted(processor);
    Ok(SdkLoggerProvider::builder().with_log_processor(processor).with_resource(resource()).build())
}

fn export_metrics(metrics: &PushedMetrics, ends: &Ends) -> Result<Push, ConfigError> {
    let exporter = collector::Points::new(to("metrics", &metrics.endpoint, ends)?);
    Ok(Push::new(exporter, Duration::from_millis(metrics.interval_ms)))
}

/// The connection to the endpoint of a table of settings.
fn to(table: &str, endpoint: &str, ends: &Ends) -> Result<collector::Connection, ConfigError> {
    collector::Connection::new(endpoint, ends.clone())
        .map_err(|error| ConfigError::Invalid(format!("{table}.endpoint: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_refuses_is_told_from_one_that_does_not_answer() {
        assert_eq!(cause(&Ok(())), None);
        let late = cause(&Err(OTelSdkError::Timeout(Duration::from_secs(2)))).unwrap();
        assert_eq!(late, "the collector did not answer");
        let failure = "export failed with gRPC code: InvalidArgument".to_owned();
        let refused = cause(&Err(OTelSdkError::InternalFailure(failure))).unwrap();
        assert!(refused.ends_with("gRPC code: InvalidArgument"), "{refused}");
    }
}
