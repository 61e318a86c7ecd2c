//! The one reader of the metrics, shared by the page of Prometheus and the export to a collector: a
//! second reader would keep every sum and histogram twice.

use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{InstrumentKind, Pipeline, Temporality, data::ResourceMetrics, reader::MetricReader},
};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// A reader with several owners.
#[derive(Clone, Debug)]
pub(super) struct SharedReader(Arc<PrometheusExporter>);

impl SharedReader {
    pub(super) fn new(reader: PrometheusExporter) -> SharedReader {
        SharedReader(Arc::new(reader))
    }
}

impl MetricReader for SharedReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}
