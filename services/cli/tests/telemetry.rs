//! `ballast serve` with a collector of traces, metrics and log records: what it receives, and that a
//! collector that hangs harms neither calls nor the end of the process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test starts processes, measures time, and may panic"
)]

mod support;

use contract::v1::{
    self, exposure_service_client::ExposureServiceClient,
    market_data_service_client::MarketDataServiceClient,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    metrics::v1::{Metric, metric::Data},
    resource::v1::Resource,
    trace::v1::Span,
};
use server::metrics::names;
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{PATIENCE, Server, store_in};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// The metrics of one request, and the process that sent them.
type Sent = (Resource, Vec<Metric>);

/// A collector that keeps what it receives.
#[derive(Clone, Default)]
struct Sink {
    /// Takes what it keeps only in part, or metrics not at all.
    refuses: bool,
    spans: Arc<Mutex<Vec<Span>>>,
    records: Arc<Mutex<Vec<LogRecord>>>,
    metrics: Arc<Mutex<Vec<Sent>>>,
}

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        self.spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        let refused =
            ExportTracePartialSuccess { rejected_spans: 2, error_message: "no room".to_owned() };
        let partial_success = self.refuses.then_some(refused);
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl LogsService for Sink {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let resources = request.into_inner().resource_logs;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_logs);
        self.records.lock().unwrap().extend(scopes.flat_map(|scope| scope.log_records));
        let refused = ExportLogsPartialSuccess {
            rejected_log_records: 3,
            error_message: "too old".to_owned(),
        };
        let partial_success = self.refuses.then_some(refused);
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Sink {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        if self.refuses {
            return Err(Status::invalid_argument("no tenant"));
        }
        for resource in request.into_inner().resource_metrics {
            let scopes = resource.scope_metrics.into_iter();
            let metrics = scopes.flat_map(|scope| scope.metrics).collect();
            self.metrics.lock().unwrap().push((resource.resource.unwrap_or_default(), metrics));
        }
        Ok(Response::new(Default::default()))
    }
}

impl Sink {
    /// Starts it on a free port.
    async fn start() -> (Sink, SocketAddr) {
        Sink::default().listen().await
    }

    /// Starts one that refuses.
    async fn refusing() -> (Sink, SocketAddr) {
        Sink { refuses: true, ..Sink::default() }.listen().await
    }

    async fn listen(self) -> (Sink, SocketAddr) {
        let sink = self;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(sink.clone()))
            .add_service(LogsServiceServer::new(sink.clone()))
            .add_service(MetricsServiceServer::new(sink.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        (sink, address)
    }

    /// Waits for a record with this text in a trace.
    async fn record(&self, trace: &str, text: &str) -> LogRecord {
        let began = Instant::now();
        loop {
            let records = self.records.lock().unwrap().clone();
            let is_it =
                |record: &&LogRecord| hex(&record.trace_id) == trace && body(record) == text;
            if let Some(found) = records.iter().find(is_it) {
                return found.clone();
            }
            assert!(began.elapsed() < PATIENCE, "no record {text}: {records:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many calls of a method there were, by the last metrics.
    fn calls(&self, method: &str) -> u64 {
        let sent = self.metrics.lock().unwrap();
        let metrics = sent.last().map_or(&[][..], |(_, metrics)| metrics);
        let durations = metrics.iter().filter(|m| m.name == names::CALL_DURATION.name);
        let points = durations.flat_map(|metric| match &metric.data {
            Some(Data::Histogram(data)) => &data.data_points,
            other => panic!("{other:?}"),
        });
        let of_method =
            points.filter(|point| word(&point.attributes, "rpc.method").as_deref() == Some(method));
        of_method.map(|point| point.count).sum()
    }

    /// Waits for the spans of a trace, of which one has this name.
    async fn trace(&self, id: &str, name: &str) -> Vec<Span> {
        let began = Instant::now();
        loop {
            let spans = self.spans.lock().unwrap().clone();
            let spans: Vec<Span> =
                spans.into_iter().filter(|span| hex(&span.trace_id) == id).collect();
            if spans.iter().any(|span| span.name == name) {
                return spans;
            }
            assert!(began.elapsed() < PATIENCE, "no span {name}: {spans:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An attribute as text.
fn word(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    word(&span.attributes, key)
}

/// The text of a record; empty if it has fields only.
fn body(record: &LogRecord) -> String {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

/// The method that tests call.
const LIST: &str = "ballast.v1.MarketDataService/ListDatasets";

fn serve(folder: &TempDir, collector: SocketAddr) -> Server {
    let endpoint = format!("http://{collector}");
    let settings = [
        ("BALLAST_TRACING__ENDPOINT", endpoint.as_str()),
        ("BALLAST_TRACING__SAMPLE_RATIO", "0"),
        ("BALLAST_METRICS__ENDPOINT", endpoint.as_str()),
        ("BALLAST_METRICS__INTERVAL_MS", "1000"),
        ("BALLAST_LOG__ENDPOINT", endpoint.as_str()),
        // What the export itself logs at this level must not be exported.
        ("BALLAST_LOG__FILTER", "debug"),
    ];
    Server::start("", &store_in(folder.path()), &settings)
}

/// Calls `ListDatasets` with a parent that samples, in the trace with this id.
async fn call(server: &Server, trace: &str) {
    let mut client = MarketDataServiceClient::connect(server.http()).await.unwrap();
    let mut request = Request::new(v1::ListDatasetsRequest::default());
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    client.list_datasets(request).await.unwrap();
}

fn terminate(server: &Server) {
    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

/// How long a process takes to end, and its exit code.
async fn end_of(mut server: Server) -> (Duration, Option<i32>) {
    let began = Instant::now();
    terminate(&server);
    loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            return (began.elapsed(), status.code());
        }
        assert!(began.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_steps_of_a_call_below_the_callers_span() {
    let (sink, collector) = Sink::start().await;
    let folder = TempDir::new().unwrap();
    let server = serve(&folder, collector);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    call(&server, trace).await;
    let spans = sink.trace(trace, LIST).await;
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("{name} in {spans:?}"))
    };
    let root = named(LIST);
    assert_eq!(hex(&root.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(attribute(root, "rpc.system.name").as_deref(), Some("grpc"));
    assert_eq!(attribute(root, "rpc.response.status_code").as_deref(), Some("OK"));
    assert_eq!(attribute(root, "ballast.revision").as_deref(), Some("0"));
    for step in ["validate", "view", "prepare", "analyse", "encode"] {
        let step = named(step);
        assert_eq!(step.parent_span_id, root.span_id, "{}", step.name);
        assert!(root.start_time_unix_nano <= step.start_time_unix_nano, "{}", step.name);
        assert!(step.end_time_unix_nano <= root.end_time_unix_nano, "{}", step.name);
    }
    assert_eq!(named("compute").parent_span_id, named("prepare").span_id);
    let ended = server.lines("call ended");
    assert!(ended.iter().any(|line| line["span"]["trace_id"] == trace), "{ended:?}");
    // A trace that nobody has seen yet is sent before the process ends.
    let last = "0af7651916cd43dd8448eb211c80319c";
    call(&server, last).await;
    let (_, code) = end_of(server).await;
    assert_eq!(code, Some(0));
    sink.trace(last, LIST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_metrics_that_the_page_shows() {
    let (sink, collector) = Sink::start().await;
    let folder = TempDir::new().unwrap();
    let server = serve(&folder, collector);
    call(&server, "4bf92f3577b34da6a3ce929d0e0e4736").await;
    let began = Instant::now();
    while sink.calls(LIST) != 1 {
        assert!(began.elapsed() < PATIENCE, "{:?}", sink.metrics.lock().unwrap().last());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The last values are sent before the process ends.
    call(&server, "4bf92f3577b34da6a3ce929d0e0e4736").await;
    assert_eq!(end_of(server).await.1, Some(0));
    assert_eq!(sink.calls(LIST), 2);
    let sent = sink.metrics.lock().unwrap();
    let (process, metrics) = sent.last().unwrap();
    let found: BTreeSet<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    // No call and no item of a stream was refused, and the market is empty.
    let absent = [names::CALLS_REFUSED, names::ITEMS_REFUSED, names::DATA_PUBLISHED];
    let absent = absent.map(|metric| metric.name);
    let known = names::ALL.iter().map(|metric| metric.name);
    let expected: BTreeSet<&str> = known.filter(|name| !absent.contains(name)).collect();
    assert_eq!(found, expected);
    assert_eq!(word(&process.attributes, "service.name").as_deref(), Some("ballast"));
    let instance = word(&process.attributes, "service.instance.id").unwrap();
    assert!(instance.len() == 32 && instance != "0".repeat(32), "{instance}");
    assert!(sent.iter().all(|(other, _)| other == process), "one process, one instance");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_log_with_its_traces_and_not_its_own() {
    let (sink, collector) = Sink::start().await;
    let folder = TempDir::new().unwrap();
    let server = serve(&folder, collector);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    call(&server, trace).await;
    let record = sink.record(trace, "call ended").await;
    let spans = sink.trace(trace, LIST).await;
    let span = spans.iter().find(|span| span.name == LIST).unwrap();
    assert_eq!(record.span_id, span.span_id);
    assert_eq!((record.severity_number, record.severity_text.as_str()), (5, "DEBUG"));
    assert_eq!(word(&record.attributes, "method"), Some(format!("/{LIST}")));
    let lines = server.lines("call ended");
    let line = lines.iter().find(|line| line["span"]["trace_id"] == trace).unwrap();
    assert_eq!(line["span"]["span_id"], hex(&record.span_id));
    let id = word(&record.attributes, "request_id").unwrap();
    assert_eq!(line["span"]["request_id"], id);
    // The last line before the flush, long after the call.
    assert_eq!(end_of(server).await.1, Some(0));
    sink.record("", "stopped").await;
    let records = sink.records.lock().unwrap();
    // A record about each record that is sent would be some per second, for ever.
    assert!(records.len() < 200, "{}", records.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_does_not_take_is_said_of_each_kind_and_makes_no_records() {
    const SAID: &str = "not taken by the collector";
    let (sink, collector) = Sink::refusing().await;
    let folder = TempDir::new().unwrap();
    let server = serve(&folder, collector);
    call(&server, "4bf92f3577b34da6a3ce929d0e0e4736").await;
    let began = Instant::now();
    while server.lines(SAID).len() < 3 {
        assert!(began.elapsed() < PATIENCE, "{:?}", server.lines(SAID));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Some more batches of records, each of which is refused in part.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let lines = server.lines(SAID);
    let of = |kind: &str| {
        let found: Vec<_> = lines.iter().filter(|line| line["kind"] == kind).collect();
        assert_eq!(found.len(), 1, "{kind}: {lines:?}");
        (found[0]["count"].as_u64().unwrap(), found[0]["why"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("spans"), (2, "no room".to_owned()));
    assert_eq!(of("records"), (3, "too old".to_owned()));
    let (points, why) = of("points");
    assert!(50 < points && why.ends_with("no tenant"), "{points} {why}");
    assert_eq!(end_of(server).await.1, Some(0));
    let records = sink.records.lock().unwrap();
    let of_records = |record: &&LogRecord| {
        body(record) == SAID && word(&record.attributes, "kind").as_deref() == Some("records")
    };
    assert_eq!(records.iter().filter(of_records).count(), 0);
    assert!(records.len() < 200, "{}", records.len());
}

/// One that is slow to accept is worse than one that is down: connections open and nothing happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_delays_neither_calls_nor_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = TempDir::new().unwrap();
    let server = serve(&folder, listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            kept.push(listener.accept().await.unwrap());
        }
    });
    let began = Instant::now();
    for _call in 0..20 {
        call(&server, "4bf92f3577b34da6a3ce929d0e0e4736").await;
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let (took, code) = end_of(server).await;
    // Two seconds for what is left; the rest is a busy machine.
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(code, Some(0));
    accepting.abort();
}

/// Sends a portfolio that no other text looks like.
async fn analyze(server: &Server, trace: &str, label: &str) {
    let position = v1::Position {
        instrument: Some(v1::InstrumentRef {
            symbol: "QZXJW".to_owned(),
            ..v1::InstrumentRef::default()
        }),
        size: Some(v1::position::Size::Quantity(-7_654_321.25)),
        ..v1::Position::default()
    };
    let portfolio = v1::Portfolio {
        portfolio_id: label.to_owned(),
        positions: vec![position],
        ..v1::Portfolio::default()
    };
    let mut request = Request::new(v1::AnalyzePortfolioRequest {
        portfolio: Some(portfolio),
        ..v1::AnalyzePortfolioRequest::default()
    });
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    let mut client = ExposureServiceClient::connect(server.http()).await.unwrap();
    // The market is empty, so it is answered with gaps or refused; both must be silent.
    let _answer = client.analyze_portfolio(request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portfolio_is_in_no_log_line_no_span_and_no_metric() {
    let folder = TempDir::new().unwrap();
    let (sink, collector) = Sink::start().await;
    let server = serve(&folder, collector);
    let (first, second) = ("4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4737");
    analyze(&server, first, "KWYJIBO").await;
    // Too long to be valid.
    analyze(&server, second, &"KWYJIBO".repeat(1_000)).await;
    let method = "ballast.v1.ExposureService/AnalyzePortfolio";
    let mut seen = format!("{:?}", sink.trace(first, method).await);
    seen += &format!("{:?}", sink.trace(second, method).await);
    let lines = server.lines("call ended");
    assert_eq!(lines.len(), 2, "{lines:?}");
    seen += &format!("{:?}", server.lines(""));
    assert_eq!(end_of(server).await.1, Some(0));
    sink.record("", "stopped").await;
    seen += &format!("{:?}", sink.records.lock().unwrap());
    seen += &format!("{:?}", sink.metrics.lock().unwrap());
    assert!(seen.contains("AnalyzePortfolio") && seen.contains("rpc.server.call.duration"));
    for secret in ["QZXJW", "7654321", "KWYJIBO"] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
}
