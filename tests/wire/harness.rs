//! A server on a free port with a fresh store, its clients, and helpers of several test files.

use contract::v1::{self, market_data_service_client::MarketDataServiceClient};
use marketdata::instant::Instant;
use server::{Running, clock::Clock, config::Config, services::Services};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tempfile::TempDir;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

/// A server and its store; the store survives a restart.
pub(crate) struct Harness {
    running: Running,
    config: Config,
    clock: Clock,
    folder: TempDir,
}

impl Harness {
    /// A server with the system clock.
    pub(crate) async fn start() -> Harness {
        Harness::with(Clock::system(), |_| {}).await
    }

    /// A server with a manual clock set to `now` (RFC 3339).
    pub(crate) async fn at(now: &str) -> Harness {
        Harness::with(Clock::manual(instant(now)), |_| {}).await
    }

    /// A server with other settings.
    pub(crate) async fn with(clock: Clock, change: impl FnOnce(&mut Config)) -> Harness {
        let folder = TempDir::new().unwrap();
        let mut config = Config::standard();
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.admin.listen = config.listen;
        config.store = format!("sqlite:{}", folder.path().join("ballast.db").display()).into();
        config.create = true;
        (config.follow_ms, config.poll_ms) = (50, 50);
        config.drain.deadline_ms = 5_000;
        // A busy machine is no overload; tests of it set their own bounds.
        (config.limits.queue_ms, config.limits.standing_queue_ms) = (60_000, 60_000);
        (config.limits.compute_queue_ms, config.limits.past_queue_ms) = (60_000, 60_000);
        change(&mut config);
        let running = server::start_at(config.clone(), clock.clone()).await.unwrap();
        Harness { running, config, clock, folder }
    }

    /// Stops the server and starts another one on the same store.
    pub(crate) async fn restart(self) -> Harness {
        self.restart_with(|_| {}).await
    }

    /// Stops the server and starts another one with other settings on the same store.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Harness {
        self.running.stop().await;
        let (mut config, clock, folder) = (self.config, self.clock, self.folder);
        change(&mut config);
        let running = server::start_at(config.clone(), clock.clone()).await.unwrap();
        Harness { running, config, clock, folder }
    }

    /// Stops the server; returns whether every call in flight finished.
    pub(crate) async fn stop(self) -> bool {
        self.running.stop().await
    }

    /// Begins to stop the server, and keeps the folder of the store for later inspection.
    pub(crate) fn stop_and_keep(self) -> (TempDir, tokio::task::JoinHandle<bool>) {
        (self.folder, tokio::spawn(self.running.stop()))
    }

    /// Sets a manual clock.
    pub(crate) fn set_clock(&self, now: &str) {
        self.clock.set(instant(now));
    }

    /// The services passed to the server's handlers.
    pub(crate) fn services(&self) -> &Services {
        self.running.services()
    }

    /// The URL of the store.
    pub(crate) fn store_url(&self) -> &str {
        self.config.store.with_password()
    }

    /// The address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// The address of the admin port.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.running.admin_address()
    }

    /// A new connection.
    pub(crate) async fn channel(&self) -> Channel {
        let address = format!("http://{}", self.running.address());
        Channel::from_shared(address).unwrap().connect().await.unwrap()
    }

    /// A client of MarketDataService.
    pub(crate) async fn market_data(&self) -> MarketDataServiceClient<Channel> {
        MarketDataServiceClient::new(self.channel().await)
    }

    /// Ingests a file with default options.
    pub(crate) async fn ingest(&self, file_name: &str, bytes: &[u8]) -> v1::IngestResponse {
        self.try_ingest(header(file_name), bytes).await.unwrap()
    }

    /// Ingests real files in this order.
    pub(crate) async fn ingest_real(&self, folder: &std::path::Path, files: &[&str]) {
        for file in files {
            self.ingest(file.rsplit('/').next().unwrap(), &read(folder, file)).await;
        }
    }

    /// Ingests a file.
    pub(crate) async fn try_ingest(
        &self,
        header: v1::IngestHeader,
        bytes: &[u8],
    ) -> Result<v1::IngestResponse, Status> {
        let mut client = self.market_data().await;
        let messages = tokio_stream::iter(upload(header, bytes, 1 << 20));
        Ok(client.ingest(messages).await?.into_inner())
    }
}

/// Maximum time that a test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(40);

/// Waits for a future that must complete.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: too late"))
}

/// A header with a unique request id.
pub(crate) fn header(file_name: &str) -> v1::IngestHeader {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    v1::IngestHeader {
        request_id: format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        file_name: file_name.to_owned(),
        ..v1::IngestHeader::default()
    }
}

/// The messages of an upload.
pub(crate) fn upload(
    header: v1::IngestHeader,
    bytes: &[u8],
    chunk: usize,
) -> Vec<v1::IngestRequest> {
    use v1::ingest_request::Part;
    let chunks = bytes.chunks(chunk).map(|chunk| Part::Chunk(chunk.to_vec()));
    let parts = std::iter::once(Part::Header(header)).chain(chunks);
    parts.map(|part| v1::IngestRequest { part: Some(part) }).collect()
}

/// An instant of RFC 3339.
pub(crate) fn instant(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap()
}

/// The same as protobuf.
pub(crate) fn timestamp(text: &str) -> prost_types::Timestamp {
    let micros = instant(text).micros();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

/// A line that holds so much of a symbol, and gives nothing else.
pub(crate) fn held(symbol: &str, size: v1::position::Size) -> v1::Position {
    v1::Position { instrument: named(symbol), size: Some(size), ..v1::Position::default() }
}

/// The instrument of a symbol.
pub(crate) fn named(symbol: &str) -> Option<v1::InstrumentRef> {
    Some(v1::InstrumentRef { symbol: symbol.to_owned(), ..v1::InstrumentRef::default() })
}

/// As of the close of an ISO day.
pub(crate) fn on(day: &str) -> Option<v1::AsOf> {
    let when = Some(v1::as_of::When::On(day.to_owned()));
    Some(v1::AsOf { when, ..v1::AsOf::default() })
}

/// The AsOf that replays a SnapshotRef.
pub(crate) fn replay_of(reference: &v1::SnapshotRef) -> Option<v1::AsOf> {
    let when = Some(v1::as_of::When::Snapshot(reference.clone()));
    Some(v1::AsOf { when, ..v1::AsOf::default() })
}

/// A book's row of a factor.
pub(crate) fn factor<'a>(report: &'a v1::ExposureReport, id: &str) -> &'a v1::FactorExposure {
    let row = report.factors.iter().find(|row| row.factor_id == id);
    row.unwrap_or_else(|| panic!("{id} in {:?}", report.factors))
}

/// A name's beta to a factor.
pub(crate) fn beta(position: &v1::PositionExposure, factor: &str) -> v1::NameBeta {
    let row = position.betas.iter().find(|row| row.factor_id == factor);
    row.and_then(|row| row.beta).unwrap_or_else(|| panic!("{factor} in {:?}", position.betas))
}

/// A name's leg of the standard trade.
pub(crate) fn leg(position: &v1::PositionExposure) -> Option<&str> {
    let of = |row: &&v1::TradeMembership| row.trade_id == "megacap_small_cap";
    position.trades.iter().find(of).map(|row| row.leg_id.as_str())
}

/// The gaps of an answer as a whole.
pub(crate) fn gaps(info: &Option<v1::AnswerInfo>) -> &[v1::Gap] {
    info.as_ref().map_or(&[], |info| &info.gaps)
}

/// How well data cover the portfolio of an answer.
pub(crate) fn coverage(info: &Option<v1::AnswerInfo>) -> &[v1::Coverage] {
    info.as_ref().map_or(&[], |info| &info.coverage)
}

/// The symbols that fill a role of a factor.
pub(crate) fn symbols_of(role: &v1::FactorRole) -> String {
    role.symbols.iter().map(|filled| filled.symbol.as_str()).collect::<Vec<&str>>().join(" ")
}

/// What a gap is about, as text; a number of an analysis by the parts that it gives.
pub(crate) fn subjects(gap: &v1::Gap) -> Vec<String> {
    use v1::{gap_subject::Subject, measure_ref::Measure};
    let text = |subject: &v1::GapSubject| match subject.subject.as_ref().unwrap() {
        Subject::PositionId(text)
        | Subject::Symbol(text)
        | Subject::IndicatorMeasureId(text)
        | Subject::SeriesId(text)
        | Subject::Role(text) => text.clone(),
        Subject::Dataset(number) => {
            let name = v1::Dataset::try_from(*number).unwrap().as_str_name();
            name.trim_start_matches("DATASET_").to_ascii_lowercase()
        }
        Subject::Measure(measure) => match measure.measure.as_ref().unwrap() {
            Measure::Book(book) => book.number().as_str_name().into(),
            Measure::Group(group) => {
                let which = if group.group_id.is_some() { "no" } else { "every" };
                format!("{which} {:?}", group.group_by.as_ref().unwrap().kind())
            }
            Measure::Factor(factor) => format!("{:?} {}", factor.number(), factor.factor_id),
            Measure::Trade(trade) => format!("{}/{:?}", trade.leg_id(), trade.number()),
            Measure::Risk(risk) => format!("{:?} {}", risk.number(), risk.scenario_set_id),
            Measure::Name(name) => {
                format!("{}.{}", name.instrument.as_ref().unwrap().symbol, name.field)
            }
        },
    };
    gap.subjects.iter().map(text).collect()
}

/// Whether a gap is about something, as text.
pub(crate) fn is_about(gap: &v1::Gap, subject: &str) -> bool {
    subjects(gap).iter().any(|found| found == subject)
}

/// The data that an answer is based on.
pub(crate) fn reference(info: &Option<v1::AnswerInfo>) -> v1::SnapshotRef {
    info.as_ref().and_then(|info| info.snapshot.clone()).expect("every answer has a reference")
}

/// Clears what depends on the order of ingest.
pub(crate) fn forget_reference(info: &mut Option<v1::AnswerInfo>) {
    let info = info.as_mut().expect("every answer has metadata");
    (info.snapshot, info.result_id) = (None, String::new());
}

/// Checks the code, the reason and the field paths of a refusal, and that it contains no library's
/// message.
pub(crate) fn expect_refusal(status: &Status, code: Code, reason: &str, paths: &[&str]) {
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("ballast", reason), "{status:?}");
    let violations = status.get_details_bad_request().map_or(vec![], |bad| bad.field_violations);
    let found: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(found, paths, "{status:?}");
    for violation in &violations {
        // A message is the path and then the description, so that neither repeats the other.
        let name = violation.field.rsplit('.').next().unwrap_or_default();
        let repeats = violation.description.split(' ').any(|word| word == name);
        assert!(!repeats, "the description repeats the path: {violation:?}");
        assert!(!violation.description.starts_with("the "), "not a predicate: {violation:?}");
    }
    for word in ["sqlx", "SQLITE", "Protobuf", "panicked", ".rs:"] {
        assert!(!status.message().contains(word), "text of a library: {status:?}");
    }
}

pub(crate) use crate::real_files::folder as real_data;

/// Figures computed with pandas from the real files by `tests/oracles/real_data.py`.
pub(crate) fn oracle() -> serde_json::Value {
    serde_json::from_str(include_str!("../oracles/real_data.json")).unwrap()
}

/// Real files of January 2021; the schedule first, because it dates the short interest.
pub(crate) const JANUARY_2021: [&str; 6] = [
    "short_interest/publication_times.csv",
    "prices/us_equities_2020-07_2021-03.csv.gz",
    "prices/etf_ohlcv/SPY.csv.gz",
    "prices/etf_ohlcv/IWM.csv.gz",
    "universe/split_factor_2021-01-29_to_2024-03.csv",
    "short_interest/settle_2021-01-15.csv.gz",
];

/// Reads a file of the folder of real files.
#[expect(clippy::disallowed_methods, reason = "tests read the files they send")]
pub(crate) fn read(folder: &std::path::Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
