//! What is recorded about calls: how long, how many, how large, and why they were refused.

use crate::metrics::names::{self, Metric};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};
use std::sync::Arc;

/// Upper bounds of the durations' buckets, seconds: from a health check to the longest deadline.
const SECONDS: [f64; 16] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    300.0,
];

/// The instruments of calls.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
    received: Counter<u64>,
    sent: Counter<u64>,
    refused: Counter<u64>,
    items_refused: Counter<u64>,
}

impl CallMetrics {
    /// Instruments without a value.
    pub fn new(meter: &Meter) -> CallMetrics {
        let counter = |metric: Metric| {
            let counter = meter.u64_counter(metric.name).with_unit(metric.unit);
            counter.with_description(metric.about).build()
        };
        let (duration, active) = (names::CALL_DURATION, names::CALLS_ACTIVE);
        CallMetrics {
            duration: meter
                .f64_histogram(duration.name)
                .with_unit(duration.unit)
                .with_description(duration.about)
                .with_boundaries(SECONDS.to_vec())
                .build(),
            active: meter
                .i64_up_down_counter(active.name)
                .with_unit(active.unit)
                .with_description(active.about)
                .build(),
            received: counter(names::CALLS_RECEIVED),
            sent: counter(names::CALLS_SENT),
            refused: counter(names::CALLS_REFUSED),
            items_refused: counter(names::ITEMS_REFUSED),
        }
    }

    /// The meter of a call that has just arrived. `method` is a method of the contract, or
    /// `_OTHER`: callers can invent any number of paths.
    pub fn begin(&self, method: Arc<str>) -> CallMeter {
        let method = KeyValue::new("rpc.method", method);
        self.active.add(1, std::slice::from_ref(&method));
        CallMeter { metrics: self.clone(), method }
    }
}

/// Records one call; it is over when this is dropped.
#[derive(Debug)]
pub struct CallMeter {
    metrics: CallMetrics,
    method: KeyValue,
}

impl CallMeter {
    /// Records bytes of the request.
    pub fn received(&self, bytes: usize) {
        self.metrics.received.add(bytes as u64, std::slice::from_ref(&self.method));
    }

    /// Records bytes of the answer.
    pub fn sent(&self, bytes: usize) {
        self.metrics.sent.add(bytes as u64, std::slice::from_ref(&self.method));
    }

    /// Records the items of the call, if it is a stream of them.
    pub fn items(&self) -> ItemMeter {
        ItemMeter { refused: self.metrics.items_refused.clone(), method: self.method.clone() }
    }

    /// Records why the call gets no answer.
    pub fn refused(&self, reason: String) {
        self.metrics.refused.add(1, &[self.method.clone(), KeyValue::new("reason", reason)]);
    }

    /// Records the end of the call: its code, as the protocol spells it, and how long it took.
    pub fn ended(&self, code: &'static str, seconds: f64) {
        let labels = [
            KeyValue::new("rpc.system.name", "grpc"),
            self.method.clone(),
            KeyValue::new("rpc.response.status_code", code),
        ];
        self.metrics.duration.record(seconds, &labels);
    }
}

/// Records the items of one stream.
#[derive(Clone, Debug)]
pub struct ItemMeter {
    refused: Counter<u64>,
    method: KeyValue,
}

impl ItemMeter {
    /// Records why the outcome of an item is an error.
    pub fn refused(&self, reason: String) {
        self.refused.add(1, &[self.method.clone(), KeyValue::new("reason", reason)]);
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        self.metrics.active.add(-1, std::slice::from_ref(&self.method));
    }
}
