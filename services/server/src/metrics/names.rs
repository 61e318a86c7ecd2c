//! Every metric: its name, unit, labels and meaning, in one list. `METRICS.md` repeats it for
//! operators, and a test compares the two and what a server exports.
//!
//! Names of calls, of operations of the store and of the process are those of the semantic
//! conventions of OpenTelemetry (1.39 for RPC); those of our own begin with `ballast.`. So does that of
//! the database's connections, because in Prometheus a gauge must not end in `_count`. Each label has few values: methods of the
//! contract, codes, reasons, datasets, and the words listed here. Nothing that a caller sends is
//! one.

/// The name of the instrumentation scope.
pub const SCOPE: &str = "ballast";

/// How a metric develops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sum since the start of the process.
    Counter,
    /// A value of the moment.
    Gauge,
    /// Counts of values by size.
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in OpenTelemetry.
    pub name: &'static str,
    /// Its unit in UCUM; a word in braces counts things.
    pub unit: &'static str,
    /// How it develops.
    pub kind: Kind,
    /// Its labels, as Prometheus spells them.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub about: &'static str,
}

impl Metric {
    /// Its name in Prometheus, which has the unit in the name.
    pub fn prometheus(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name.replace('.', "_"))
    }
}

/// Defines the metrics as constants, and the list of all of them.
macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $unit:literal $labels:expr, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $constant: Metric = Metric {
                name: $name,
                unit: $unit,
                kind: Kind::$kind,
                labels: &$labels,
                about: $about,
            };
        )*

        /// All metrics, in the order of `METRICS.md`.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    CALL_DURATION: Histogram "rpc.server.call.duration" "s"
        ["rpc_system_name", "rpc_method", "rpc_response_status_code"],
        "Time from the arrival of a call to the end of its answer, by the code it ended with; a \
         stream counts as long as it is open, with the code of its trailers.";
    CALLS_ACTIVE: Gauge "ballast.calls.active" "{call}" ["rpc_method"],
        "Calls that are not over: running, or their answer is not taken yet.";
    CALLS_RECEIVED: Counter "ballast.calls.received" "By" ["rpc_method"],
        "Bytes of requests, as they arrived.";
    CALLS_SENT: Counter "ballast.calls.sent" "By" ["rpc_method"],
        "Bytes of answers handed to the connection.";
    CALLS_REFUSED: Counter "ballast.calls.refused" "{call}" ["rpc_method", "reason"],
        "Calls that got no answer, by the reason of their ErrorInfo; `none` if the status has none.";
    ITEMS_REFUSED: Counter "ballast.items.refused" "{item}" ["rpc_method", "reason"],
        "Items of streams (portfolios of AnalyzePortfolios) whose outcome is an error, by the reason of \
         its ErrorInfo; they do not end their stream.";
    PLACES_USED: Gauge "ballast.places.used" "{place}" ["of"],
        "Places taken: `connections`, `watches`, `portfolio_streams` (of AnalyzePortfolios), \
         `probe_streams` (of health and reflection), `uploads`, `analyses` of prepared views, \
         `preparations` of views of now, `past_preparations` of views of the past, and other \
         `computations` (of the last four those that run and those that wait), `files` (open file \
         descriptors).";
    PLACES_LIMIT: Gauge "ballast.places.limit" "{place}" ["of"],
        "Places that there are; beyond them a call is refused or a connection closed. Streams of health \
         and reflection may be more, by one per connection, whose first one is never refused.";
    MEMORY_HELD: Gauge "ballast.memory.held" "By" ["of"],
        "Memory held within a limit: `requests` and `answers` in flight, `items` of streams in flight \
         (portfolios of AnalyzePortfolios, which are among the requests as well), `uploads`, `watches`, \
         `prepared` values.";
    MEMORY_LIMIT: Gauge "ballast.memory.limit" "By" ["of"],
        "That limit; beyond it a call is refused, or a prepared value dropped.";
    TURNS_WAITING: Gauge "ballast.turns.waiting" "{call}" [],
        "Unary calls whose requests have arrived and that wait for a thread.";
    TURNS_REFUSED: Counter "ballast.turns.refused" "{call}" [],
        "Unary calls refused because they waited too long for a thread, or because too many did.";
    TURNS_WAIT: Counter "ballast.turns.wait" "s" [],
        "Time that admitted unary calls waited for a thread, summed.";
    COMPUTE_THREADS: Gauge "ballast.compute.threads" "{thread}" [],
        "Threads of the pool for long work (hedges, stress tests, files); those for analyses and for \
         preparations are not counted here.";
    COMPUTE_RUNNING: Gauge "ballast.compute.running" "{job}" [],
        "Jobs that run on the pool; each may use several threads.";
    COMPUTE_WAITING: Gauge "ballast.compute.waiting" "{job}" [],
        "Jobs that wait for a thread of the pool for long work; preparations wait for others.";
    COMPUTE_JOBS: Counter "ballast.compute.jobs" "{job}" [],
        "Jobs that the pool has begun.";
    COMPUTE_WAIT: Counter "ballast.compute.wait" "s" [],
        "Time that these jobs waited, summed.";
    COMPUTE_BUSY: Counter "ballast.compute.busy" "s" [],
        "Time that finished jobs ran, summed.";
    PREPARED_VALUES: Gauge "ballast.prepared.values" "{value}" [],
        "Prepared values that are kept or being prepared.";
    PREPARED_LOOKUPS: Counter "ballast.prepared.lookups" "{lookup}" ["outcome"],
        "Lookups of prepared values: `hit` (it was there), `joined` (another call was preparing it), \
         `missed` (it had to be prepared).";
    PREPARED_DROPPED: Counter "ballast.prepared.dropped" "{value}" [],
        "Prepared values dropped to make room for others.";
    DATA_REVISION: Gauge "ballast.data.revision" "{revision}" [],
        "The newest revision that answers are computed from.";
    DATA_LAG: Gauge "ballast.data.revision.lag" "{revision}" [],
        "Revisions in the store that this server has not read yet, when it last looked.";
    DATA_PUBLISHED: Gauge "ballast.data.published.timestamp" "s" ["dataset"],
        "Unix time of the newest publication of a dataset that is public by now; absent if it is empty.";
    STORE_STATE: Gauge "ballast.store.state" "{state}" ["access"],
        "1 if the store can be read or written (`read`, `write`), else 0.";
    STORE_CHECKED: Gauge "ballast.store.checked.timestamp" "s" [],
        "Unix time when the head of the store was last read.";
    STORE_DURATION: Histogram "db.client.operation.duration" "s"
        ["db_system_name", "db_operation_name", "error_type"],
        "Time of operations of the store, by the kind of fault they ended with, if any; a commit \
         waits for its turn first.";
    STORE_CONNECTIONS: Gauge "ballast.store.connections" "{connection}" ["pool", "state"],
        "Connections to the database, by pool (`read`, `write`) and state (`used`, `idle`); one more \
         that listens for commits (PostgreSQL) or keeps the file open (SQLite) is in no pool.";
    STORE_WAL: Gauge "ballast.store.wal" "By" [],
        "The write-ahead log of SQLite beside its file; 0 for other stores.";
    AUDIT_DROPPED: Counter "ballast.audit.dropped" "{call}" [],
        "Calls refused for their credentials or their role that were not logged one by one, because \
         there were too many in a second.";
    TELEMETRY_REFUSED: Counter "ballast.telemetry.refused" "{item}" ["of"],
        "What the collector did not take, because it refused it, did not answer in time or could not \
         be reached, or because the queue was full (8,192 spans, 4,096 records): `spans`, log \
         `records`, and `points` of metrics.";
    KEYS_FETCHES: Counter "ballast.issuer.keys.fetches" "{fetch}" ["outcome"],
        "Fetches of the keys of an identity provider (`auth.jwt.keys_url`): `ok`, `failed` (the \
         earlier keys go on counting).";
    RUNTIME_LAG: Histogram "ballast.runtime.lag" "s" [],
        "How late a timer of the runtime fired, once a second: the delay of every call.";
    RUNTIME_WORKERS: Gauge "ballast.runtime.workers" "{thread}" [],
        "Threads of the runtime that serve connections.";
    RUNTIME_BUSY: Counter "ballast.runtime.busy" "s" [],
        "Time that these threads were busy, summed.";
    RUNTIME_TASKS: Gauge "ballast.runtime.tasks" "{task}" [],
        "Tasks of the runtime that are not over.";
    RUNTIME_QUEUE: Gauge "ballast.runtime.queue" "{task}" [],
        "Tasks in the runtime's common queue.";
    PROCESS_MEMORY: Gauge "process.memory.usage" "By" [],
        "Memory of the process that is resident.";
    PROCESS_VIRTUAL: Gauge "process.memory.virtual" "By" [],
        "Address space of the process.";
    PROCESS_CPU: Counter "process.cpu.time" "s" ["cpu_mode"],
        "Processor time, by mode (`user`, `system`).";
    PROCESS_THREADS: Gauge "process.threads" "{thread}" [],
        "Threads of the process.";
    PROCESS_UPTIME: Gauge "process.uptime" "s" [],
        "Time since the server was started.";
    BUILD_INFO: Gauge "ballast.build.info" "{server}" ["version", "config_hash"],
        "Always 1; its labels say the version of the binary and the settings that answers depend on.";
}

/// The words of the label `of`.
pub mod of {
    /// Connections.
    pub const CONNECTIONS: &str = "connections";
    /// Watch streams.
    pub const WATCHES: &str = "watches";
    /// Streams of health and reflection.
    pub const PROBE_STREAMS: &str = "probe_streams";
    /// Streams of portfolios.
    pub const EXCHANGES: &str = "portfolio_streams";
    /// Uploads.
    pub const UPLOADS: &str = "uploads";
    /// Analyses of prepared views.
    pub const ANALYSES: &str = "analyses";
    /// Preparations of views of now.
    pub const PREPARATIONS: &str = "preparations";
    /// Other computations: hedges, stress tests, files.
    pub const COMPUTATIONS: &str = "computations";
    /// Preparations of views of the past.
    pub const PAST_PREPARATIONS: &str = "past_preparations";
    /// Open file descriptors.
    pub const FILES: &str = "files";
    /// Bytes of requests in flight.
    pub const REQUESTS: &str = "requests";
    /// Bytes of items of streams in flight.
    pub const ITEMS: &str = "items";
    /// Bytes of answers in flight.
    pub const ANSWERS: &str = "answers";
    /// Bytes of prepared values.
    pub const PREPARED: &str = "prepared";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table of `METRICS.md`.
    fn table() -> String {
        let row = |metric: &Metric| {
            let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
            let kind = format!("{:?}", metric.kind).to_lowercase();
            let (name, labels) = (metric.prometheus(), labels.join(", "));
            format!("| `{name}` | {kind} | {labels} | {} |\n", metric.about)
        };
        ALL.iter().map(row).collect()
    }

    #[test]
    fn the_documentation_lists_exactly_these_metrics() {
        let documented = include_str!("../../../../METRICS.md");
        let rows: String =
            documented.lines().filter(|l| l.starts_with("| `")).map(|l| format!("{l}\n")).collect();
        assert_eq!(rows, table(), "METRICS.md must have these rows");
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = ALL.iter().map(Metric::prometheus).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
