//! Measures once a second what a page of metrics cannot find out by itself: how late the runtime
//! is, and how far this server is behind the store.

use crate::{clock::Clock, limits, market::Resident, metrics::names};
use opentelemetry::metrics::{Histogram, Meter};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use store::Store;
use tokio::time::Instant;

/// Upper bounds of the buckets of the runtime's lag, seconds.
const SECONDS: [f64; 8] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Pause between two measurements.
const SAMPLE: Duration = Duration::from_millis(limits::SAMPLE_MS);

/// The last measurements.
#[derive(Debug, Default)]
pub struct Sampled {
    lag: AtomicU64,
    /// Microseconds since the epoch; 0 before the first time.
    checked: AtomicI64,
}

impl Sampled {
    /// Revisions of the store that this server has not read yet.
    pub fn lag(&self) -> u64 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Unix time when the head of the store was last read, seconds; `None` before the first time.
    pub fn checked_s(&self) -> Option<f64> {
        let micros = self.checked.load(Ordering::Relaxed);
        (micros != 0).then_some(micros as f64 / 1e6)
    }
}

/// What the sampler reads and where it records.
#[derive(Debug)]
pub struct Sampler {
    store: Arc<dyn Store>,
    market: Resident,
    clock: Clock,
    sampled: Arc<Sampled>,
    lateness: Histogram<f64>,
}

impl Sampler {
    /// A sampler that has measured nothing yet.
    pub fn new(
        (store, market, clock): (Arc<dyn Store>, Resident, Clock),
        sampled: Arc<Sampled>,
        meter: &Meter,
    ) -> Sampler {
        let metric = names::RUNTIME_LAG;
        let lateness = meter.f64_histogram(metric.name).with_unit(metric.unit);
        let lateness = lateness.with_description(metric.about).with_boundaries(SECONDS.to_vec());
        Sampler { store, market, clock, sampled, lateness: lateness.build() }
    }

    /// Measures until cancelled. A store that answers slowly does not make the runtime look late.
    pub async fn run(self) {
        tokio::join!(self.measure_lateness(), self.follow_the_head());
    }

    async fn measure_lateness(&self) {
        loop {
            let due = Instant::now() + SAMPLE;
            tokio::time::sleep_until(due).await;
            let late = Instant::now().saturating_duration_since(due);
            self.lateness.record(late.as_secs_f64(), &[]);
        }
    }

    /// Compares the head of the store with that of the market in memory. A store that does not
    /// answer leaves the last result with its date. It is waited for: a read that is given up costs
    /// its connection, and the database goes on with it.
    async fn follow_the_head(&self) {
        loop {
            if let Ok(head) = self.store.head().await {
                let here = self.market.head().head().revision;
                self.sampled.lag.store(head.revision.saturating_sub(here), Ordering::Relaxed);
                self.sampled.checked.store(self.clock.now().micros(), Ordering::Relaxed);
            }
            tokio::time::sleep(SAMPLE).await;
        }
    }
}
