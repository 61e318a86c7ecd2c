//! Sends sampled spans to a collector over OTLP, in the background.
//!
//! A call never waits for the collector: spans are put into a queue of limited length by a call, and
//! sent by a thread of their own; what does not fit is dropped and counted in the log at the end.

use crate::{
    config::{ConfigError, Tracing},
    limits,
};
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use std::time::Duration;

/// The exporter of this process.
#[derive(Debug)]
pub struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Starts to export, if an endpoint is configured. Must run on the runtime.
    ///
    /// # Errors
    /// If the endpoint is not valid.
    pub fn start(tracing: &Tracing) -> Result<Option<Exporter>, ConfigError> {
        if tracing.endpoint.is_empty() {
            return Ok(None);
        }
        let invalid = |error| ConfigError::Invalid(format!("tracing.endpoint: {error}"));
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&tracing.endpoint)
            .with_timeout(Duration::from_millis(limits::TRACE_EXPORT_MS))
            .build()
            .map_err(invalid)?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(limits::TRACE_QUEUE_SPANS)
            .with_scheduled_delay(Duration::from_millis(limits::TRACE_DELAY_MS))
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let sampler = Sampler::TraceIdRatioBased(tracing.sample_ratio);
        // Further attributes come from OTEL_RESOURCE_ATTRIBUTES, which the library reads.
        let resource = Resource::builder()
            .with_service_name("ballast")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_span_processor(processor)
            .with_resource(resource)
            .build();
        global::set_tracer_provider(provider.clone());
        Ok(Some(Exporter(provider)))
    }

    /// Sends what is queued, and gives up after [`limits::TRACE_FLUSH_MS`]: a collector that hangs
    /// does not hold up the end of the process.
    pub async fn stop(self) {
        let patience = Duration::from_millis(limits::TRACE_FLUSH_MS);
        // The shutdown blocks its thread, and the runtime must go on to send.
        let flush = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(patience));
        match tokio::time::timeout(patience + patience / 4, flush).await {
            Ok(Ok(Ok(()))) => {}
            _ => tracing::warn!("the last spans could not be sent: the collector did not answer"),
        }
    }
}
