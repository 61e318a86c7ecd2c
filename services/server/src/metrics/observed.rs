//! The metrics that are read from the parts of the server when a page is asked for.

use crate::{
    audit::AuditLog,
    auth::issuer_keys::IssuerKeys,
    clock::Stopwatch,
    compute::Compute,
    line::Calls,
    metrics::{
        names::{self, Kind, Metric, of},
        process::{self, Process},
        sampler::Sampled,
    },
    services::Services,
    traffic::Traffic,
    turn::Turns,
};
use marketdata::dataset::Dataset;
use opentelemetry::{KeyValue, metrics::Meter};
use std::sync::Arc;
use store::Connections;
use tokio::runtime::RuntimeMetrics;

/// The parts of the server that are read.
#[derive(Debug)]
pub struct Observed {
    /// The state of the handlers.
    pub services: Arc<Services>,
    /// The bytes in flight.
    pub traffic: Traffic,
    /// The turns of calls.
    pub turns: Turns,
    /// The connections.
    pub calls: Calls,
    /// The keys of the issuer of bearer tokens.
    pub issuer_keys: IssuerKeys,
    /// The log of refused calls.
    pub audit: Arc<AuditLog>,
    /// The last measurements of the sampler.
    pub sampled: Arc<Sampled>,
    /// The runtime.
    pub runtime: RuntimeMetrics,
    /// Runs since the server was started.
    pub up: Stopwatch,
}

/// One value of a metric, with its labels.
struct Point(f64, Vec<KeyValue>);

/// Reads a metric.
type Read = fn(&Observed) -> Vec<Point>;

/// The metrics that are read, and how.
const READ: [(Metric, Read); 36] = [
    (names::PLACES_USED, places_used),
    (names::PLACES_LIMIT, places_limit),
    (names::MEMORY_HELD, memory_held),
    (names::MEMORY_LIMIT, memory_limit),
    (names::TURNS_WAITING, |of| one(of.turns.usage().waiting as f64)),
    (names::TURNS_REFUSED, |of| one(of.turns.usage().refused as f64)),
    (names::TURNS_WAIT, |of| one(of.turns.usage().waited_s)),
    (names::COMPUTE_THREADS, |of| one(of.services.compute.threads() as f64)),
    (names::COMPUTE_RUNNING, |of| one(of.services.compute.work().running as f64)),
    (names::COMPUTE_WAITING, |of| one(of.services.compute.work().waiting as f64)),
    (names::COMPUTE_JOBS, |of| one(of.services.compute.work().begun as f64)),
    (names::COMPUTE_WAIT, |of| one(of.services.compute.work().waited_s)),
    (names::COMPUTE_BUSY, |of| one(of.services.compute.work().busy_s)),
    (names::PREPARED_VALUES, |of| one(of.services.prepared_use().values as f64)),
    (names::PREPARED_LOOKUPS, lookups),
    (names::PREPARED_DROPPED, |of| one(of.services.prepared_use().dropped as f64)),
    (names::DATA_REVISION, |of| one(of.services.market.head().head().revision as f64)),
    (names::DATA_LAG, |of| one(of.sampled.lag() as f64)),
    (names::DATA_PUBLISHED, published),
    (names::STORE_STATE, store_state),
    (names::STORE_CHECKED, |of| known(of.sampled.checked_s())),
    (names::STORE_CONNECTIONS, store_connections),
    (names::STORE_WAL, |of| one(of.services.store.usage().wal_bytes.unwrap_or(0) as f64)),
    (names::AUDIT_DROPPED, |of| one(of.audit.dropped() as f64)),
    (names::TELEMETRY_REFUSED, telemetry_refused),
    (names::KEYS_FETCHES, keys_fetches),
    (names::RUNTIME_WORKERS, |of| one(of.runtime.num_workers() as f64)),
    (names::RUNTIME_BUSY, runtime_busy),
    (names::RUNTIME_TASKS, |of| one(of.runtime.num_alive_tasks() as f64)),
    (names::RUNTIME_QUEUE, |of| one(of.runtime.global_queue_depth() as f64)),
    (names::PROCESS_MEMORY, |_| known(Process::read().resident)),
    (names::PROCESS_VIRTUAL, |_| known(Process::read().address_space)),
    (names::PROCESS_CPU, processor_time),
    (names::PROCESS_THREADS, |_| known(Process::read().threads)),
    (names::PROCESS_UPTIME, |of| one(of.up.elapsed_ms() / 1e3)),
    (names::BUILD_INFO, build_info),
];

/// Reads every metric of the list whenever they are collected.
pub(super) fn register(meter: &Meter, observed: &Arc<Observed>) {
    for (metric, read) in READ {
        let source = Arc::clone(observed);
        let points = move |to: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
            for Point(value, labels) in read(&source) {
                to.observe(value, &labels);
            }
        };
        match metric.kind {
            Kind::Counter => {
                let counter = meter.f64_observable_counter(metric.name).with_unit(metric.unit);
                counter.with_description(metric.about).with_callback(points).build();
            }
            Kind::Gauge | Kind::Histogram => {
                let gauge = meter.f64_observable_gauge(metric.name).with_unit(metric.unit);
                gauge.with_description(metric.about).with_callback(points).build();
            }
        }
    }
}

fn one(value: f64) -> Vec<Point> {
    vec![Point(value, Vec::new())]
}

fn known(value: Option<f64>) -> Vec<Point> {
    value.map(|value| Point(value, Vec::new())).into_iter().collect()
}

/// Values by one label; those that are not known are left out.
fn each<const N: usize>(
    label: &'static str,
    values: [(&'static str, Option<f64>); N],
) -> Vec<Point> {
    let point =
        |(word, value): (_, Option<f64>)| Some(Point(value?, vec![KeyValue::new(label, word)]));
    values.into_iter().filter_map(point).collect()
}

fn places_used(of: &Observed) -> Vec<Point> {
    let services = &of.services;
    let used = |pool: &Compute| Some((pool.places() - pool.free_places()) as f64);
    each(
        "of",
        [
            (of::CONNECTIONS, Some(of.calls.connections() as f64)),
            (of::WATCHES, Some(services.watches_under_way() as f64)),
            (of::PROBE_STREAMS, Some(of.traffic.probe_streams() as f64)),
            (of::EXCHANGES, Some(services.exchanges_under_way() as f64)),
            (of::UPLOADS, Some(services.uploads_under_way() as f64)),
            (of::ANALYSES, used(&services.analyses)),
            (of::PREPARATIONS, used(&services.views)),
            (of::COMPUTATIONS, used(&services.compute)),
            (of::PAST_PREPARATIONS, used(&services.past)),
            (of::FILES, process::files()),
        ],
    )
}

fn places_limit(of: &Observed) -> Vec<Point> {
    let limits = &of.services.limits;
    each(
        "of",
        [
            (of::CONNECTIONS, Some(limits.connections as f64)),
            (of::WATCHES, Some(limits.watchers as f64)),
            (of::PROBE_STREAMS, Some(limits.probe_streams as f64)),
            (of::EXCHANGES, Some(limits.exchanges as f64)),
            (of::UPLOADS, Some(limits.uploads as f64)),
            (of::ANALYSES, Some(of.services.analyses.places() as f64)),
            (of::PREPARATIONS, Some(of.services.views.places() as f64)),
            (of::COMPUTATIONS, Some(of.services.compute.places() as f64)),
            (of::PAST_PREPARATIONS, Some(of.services.past.places() as f64)),
            (of::FILES, process::files_limit()),
        ],
    )
}

fn memory_held(of: &Observed) -> Vec<Point> {
    let traffic = &of.traffic;
    each(
        "of",
        [
            (of::REQUESTS, Some(traffic.request_bytes() as f64)),
            (of::ITEMS, Some(traffic.item_bytes().0 as f64)),
            (of::ANSWERS, Some(traffic.answer_bytes() as f64)),
            (of::UPLOADS, Some(of.services.upload_bytes() as f64)),
            (of::WATCHES, Some(of.services.watch_bytes() as f64)),
            (of::PREPARED, Some(of.services.prepared_use().bytes as f64)),
        ],
    )
}

fn memory_limit(of: &Observed) -> Vec<Point> {
    let limits = &of.services.limits;
    each(
        "of",
        [
            (of::REQUESTS, Some(limits.request_memory_bytes as f64)),
            (of::ITEMS, Some(of.traffic.item_bytes().1 as f64)),
            (of::ANSWERS, Some(limits.answer_bytes as f64)),
            (of::UPLOADS, Some(limits.upload_memory_bytes as f64)),
            (of::WATCHES, Some(limits.watch_memory_bytes as f64)),
            (of::PREPARED, Some(limits.prepared_bytes as f64)),
        ],
    )
}

fn lookups(of: &Observed) -> Vec<Point> {
    let prepared = of.services.prepared_use();
    each(
        "outcome",
        [
            ("hit", Some(prepared.hits as f64)),
            ("joined", Some(prepared.joined as f64)),
            ("missed", Some(prepared.begun as f64)),
        ],
    )
}

fn published(of: &Observed) -> Vec<Point> {
    let (market, now) = (of.services.market.head(), of.services.clock.now());
    let point = |dataset: Dataset| {
        let newest = market.newest_publication(dataset, now)?;
        let label = KeyValue::new("dataset", dataset.name());
        Some(Point(newest.micros() as f64 / 1e6, vec![label]))
    };
    Dataset::ALL.into_iter().filter_map(point).collect()
}

fn store_state(of: &Observed) -> Vec<Point> {
    let state = of.services.store_health.state();
    let number = |is_good: bool| Some(f64::from(u8::from(is_good)));
    each("access", [("read", number(state.is_followed)), ("write", number(state.takes_writes))])
}

fn store_connections(of: &Observed) -> Vec<Point> {
    let usage = of.services.store.usage();
    let points = |(pool, connections): (&'static str, Option<Connections>)| {
        let Connections { used, idle } = connections?;
        let point = |state, count| {
            let pool = KeyValue::new("pool", pool);
            Point(f64::from(count), vec![pool, KeyValue::new("state", state)])
        };
        Some([point("used", used), point("idle", idle)])
    };
    [("read", usage.read), ("write", usage.write)]
        .into_iter()
        .filter_map(points)
        .flatten()
        .collect()
}

fn telemetry_refused(_: &Observed) -> Vec<Point> {
    each("of", crate::telemetry::refused().map(|(kind, count)| (kind, Some(count as f64))))
}

fn keys_fetches(of: &Observed) -> Vec<Point> {
    let (ok, failed) = of.issuer_keys.fetches();
    each("outcome", [("ok", Some(ok as f64)), ("failed", Some(failed as f64))])
}

fn runtime_busy(of: &Observed) -> Vec<Point> {
    let workers = 0..of.runtime.num_workers();
    one(workers.map(|worker| of.runtime.worker_total_busy_duration(worker).as_secs_f64()).sum())
}

fn build_info(of: &Observed) -> Vec<Point> {
    let config_hash = of.services.settings().hash().to_owned();
    let labels = [
        KeyValue::new("version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("config_hash", config_hash),
    ];
    vec![Point(1.0, labels.into())]
}

fn processor_time(_: &Observed) -> Vec<Point> {
    let process = Process::read();
    each("cpu.mode", [("user", process.user_s), ("system", process.system_s)])
}
