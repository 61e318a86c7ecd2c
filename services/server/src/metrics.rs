//! The metrics of one server: kept by OpenTelemetry once, shown in the text format of Prometheus, and
//! sent to a collector if one is configured.
//!
//! `names.rs` lists them, `calls.rs` records calls, `operations.rs` those of the
//! store, `observed.rs` reads everything else when a page
//! is asked for, `sampler.rs` measures what must be measured regularly, `process.rs` reads the
//! process. The parts of the server count for themselves and know nothing of metrics, except the
//! layer around calls.

pub mod calls;
pub mod names;
pub mod observed;
pub mod operations;
mod process;
mod reader;
pub mod sampler;

use crate::{
    metrics::{calls::CallMetrics, names::SCOPE, observed::Observed, reader::SharedReader},
    telemetry::resource,
};
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_sdk::metrics::{
    SdkMeterProvider, data::ResourceMetrics, reader::MetricReader as _,
};
use prometheus::{Registry, TextEncoder};
use std::sync::Arc;

/// The metrics of one server. Each server has its own, so that several in one process do not mix.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    reader: SharedReader,
    provider: SdkMeterProvider,
    calls: CallMetrics,
}

/// Why metrics cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be kept: {0}")]
pub struct MetricsError(String);

impl Metrics {
    /// Metrics without a value yet.
    ///
    /// # Errors
    /// If the exporter cannot be built.
    pub fn new() -> Result<Metrics, MetricsError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|error| MetricsError(error.to_string()))?;
        let reader = SharedReader::new(exporter);
        // For a collector; a scraper names what it scrapes, so the page does not show it.
        let provider = SdkMeterProvider::builder()
            .with_reader(reader.clone())
            .with_resource(resource())
            .build();
        let calls = CallMetrics::new(&provider.meter(SCOPE));
        Ok(Metrics { registry, reader, provider, calls })
    }

    /// What calls record.
    pub fn calls(&self) -> &CallMetrics {
        &self.calls
    }

    /// Reads these parts of the server whenever a page is asked for.
    pub fn observe(&self, observed: &Arc<Observed>) {
        observed::register(&self.meter(), observed);
    }

    /// For instruments of a part of the server.
    pub fn meter(&self) -> Meter {
        self.provider.meter(SCOPE)
    }

    /// All metrics, for a collector: the values that [`Metrics::text`] shows at this moment.
    pub fn collected(&self) -> ResourceMetrics {
        let mut collected = ResourceMetrics::default();
        if let Err(error) = self.reader.collect(&mut collected) {
            tracing::warn!(cause = %error, "metrics cannot be collected");
        }
        collected
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::warn!(cause = %error, "metrics cannot be encoded");
        }
        text
    }
}
