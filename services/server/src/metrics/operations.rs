//! How long operations of the store take, by the semantic conventions of databases.

use crate::metrics::names;
use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
};

/// Upper bounds of the buckets, seconds: those of the conventions, and half a minute, for which a call
/// waits for a connection.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

/// Records operations of the store.
#[derive(Clone, Debug)]
pub struct OperationMetrics {
    duration: Histogram<f64>,
}

impl OperationMetrics {
    /// The instrument of a server.
    pub fn new(meter: &Meter) -> OperationMetrics {
        let metric = names::STORE_DURATION;
        let duration = meter.f64_histogram(metric.name).with_unit(metric.unit);
        let duration = duration.with_description(metric.about).with_boundaries(SECONDS.to_vec());
        OperationMetrics { duration: duration.build() }
    }

    /// Records an operation that has ended: on which system, with which kind of fault if any, and how
    /// long it took.
    pub fn ended(
        &self,
        (system, operation): (&'static str, &'static str),
        fault: Option<&'static str>,
        seconds: f64,
    ) {
        let mut labels = vec![
            KeyValue::new("db.system.name", system),
            KeyValue::new("db.operation.name", operation),
        ];
        labels.extend(fault.map(|fault| KeyValue::new("error.type", fault)));
        self.duration.record(seconds, &labels);
    }
}
