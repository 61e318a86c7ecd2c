//! `ballast serve` with a collector that fails: what is not taken is counted and said, and sent again
//! where the protocol says so.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test starts processes, measures time, and may panic"
)]

mod support;

use contract::v1::{self, market_data_service_client::MarketDataServiceClient};
use http_body::Frame;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::any_value::Value,
    logs::v1::LogRecord,
};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    marker::PhantomData,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use support::{PATIENCE, Server, store_in};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Bytes, Service},
    server::NamedService,
    service::Routes,
};

/// The warning about what a collector did not take.
const SAID: &str = "not taken by the collector";

/// A body that never has anything.
struct Silence;

impl http_body::Body for Silence {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Pending
    }
}

/// A collector that sends the head of each answer, and then nothing; counts the requests.
#[derive(Clone)]
struct Silent<Of>(Arc<AtomicUsize>, PhantomData<Of>);

#[derive(Clone)]
struct OfSpans;
#[derive(Clone)]
struct OfRecords;
#[derive(Clone)]
struct OfPoints;

impl<Of> Silent<Of> {
    fn new() -> Silent<Of> {
        Silent(Arc::default(), PhantomData)
    }
}

impl NamedService for Silent<OfSpans> {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl NamedService for Silent<OfRecords> {
    const NAME: &'static str = "opentelemetry.proto.collector.logs.v1.LogsService";
}

impl NamedService for Silent<OfPoints> {
    const NAME: &'static str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
}

impl<Of> Service<http::Request<Body>> for Silent<Of> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        let mut answer = http::Response::new(Body::new(Silence));
        let kind = http::HeaderValue::from_static("application/grpc");
        answer.headers_mut().insert("content-type", kind);
        ready(Ok(answer))
    }
}

async fn listen(services: Routes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_routes(services);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

fn serve(folder: &TempDir, collector: SocketAddr) -> Server {
    let endpoint = format!("http://{collector}");
    let settings = [
        ("BALLAST_TRACING__ENDPOINT", endpoint.as_str()),
        ("BALLAST_TRACING__SAMPLE_RATIO", "1"),
        ("BALLAST_METRICS__ENDPOINT", endpoint.as_str()),
        ("BALLAST_METRICS__INTERVAL_MS", "1000"),
        ("BALLAST_LOG__ENDPOINT", endpoint.as_str()),
        ("BALLAST_LOG__FILTER", "debug"),
    ];
    Server::start("", &store_in(folder.path()), &settings)
}

async fn call(server: &Server) {
    let mut client = MarketDataServiceClient::connect(server.http()).await.unwrap();
    client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
}

/// The kinds of which something was not taken, with the reasons, so far.
fn said(server: &Server) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    server.lines(SAID).iter().map(|line| (text(&line["kind"]), text(&line["why"]))).collect()
}

/// The head of an answer is no answer: an export that waits for the rest must end, and the next one
/// be sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_after_the_head_of_its_answer_ends_no_export_for_ever() {
    let (spans, records, points) =
        (Silent::<OfSpans>::new(), Silent::<OfRecords>::new(), Silent::<OfPoints>::new());
    let services = Routes::new(spans.clone()).add_service(records.clone());
    let collector = listen(services.add_service(points.clone())).await;
    let folder = TempDir::new().unwrap();
    let server = serve(&folder, collector);
    let began = Instant::now();
    let requests = || [&spans.0, &records.0, &points.0].map(|of| of.load(Ordering::SeqCst));
    while requests().iter().any(|count| *count < 2) {
        assert!(began.elapsed() < PATIENCE, "{:?} {:?}", requests(), said(&server));
        call(&server).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut said = said(&server);
    said.sort();
    let kinds: Vec<&str> = said.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["points", "records", "spans"], "{said:?}");
    for (_, why) in said {
        assert!(why.contains("DeadlineExceeded"), "{why}");
    }
}

/// A collector that is away for the first request of each batch of spans, and takes all records.
#[derive(Clone, Default)]
struct Flaky {
    requests: Arc<AtomicUsize>,
    spans: Arc<Mutex<Vec<String>>>,
    records: Arc<Mutex<Vec<LogRecord>>>,
}

#[tonic::async_trait]
impl TraceService for Flaky {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        if self.requests.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return Err(Status::unavailable("in a moment"));
        }
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        let names = scopes.flat_map(|scope| scope.spans).map(|span| span.name);
        self.spans.lock().unwrap().extend(names);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_a_collector_could_not_take_for_a_moment_are_sent_again() {
    let flaky = Flaky::default();
    let collector = listen(Routes::new(TraceServiceServer::new(flaky.clone()))).await;
    let folder = TempDir::new().unwrap();
    let endpoint = format!("http://{collector}");
    let settings =
        [("BALLAST_TRACING__ENDPOINT", endpoint.as_str()), ("BALLAST_TRACING__SAMPLE_RATIO", "1")];
    let server = Server::start("", &store_in(folder.path()), &settings);
    call(&server).await;
    let began = Instant::now();
    while !flaky.spans.lock().unwrap().iter().any(|name| name.ends_with("/ListDatasets")) {
        assert!(began.elapsed() < PATIENCE, "{:?}", said(&server));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(said(&server), []);
}

#[tonic::async_trait]
impl LogsService for Flaky {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let resources = request.into_inner().resource_logs;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_logs);
        self.records.lock().unwrap().extend(scopes.flat_map(|scope| scope.log_records));
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// Who reads the log at the collector sees that its traces are not complete.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_of_records_is_told_of_the_spans_that_were_not_taken() {
    let sink = Flaky::default();
    // It knows no spans: UNIMPLEMENTED, which is not sent again.
    let collector = listen(Routes::new(LogsServiceServer::new(sink.clone()))).await;
    let folder = TempDir::new().unwrap();
    let server = serve(&folder, collector);
    call(&server).await;
    let is_of = |record: &LogRecord, kind: &str| {
        let has =
            |value: &Option<Value>, text: &str| *value == Some(Value::StringValue(text.to_owned()));
        let body = record.body.as_ref().is_some_and(|body| has(&body.value, SAID));
        body && record.attributes.iter().any(|attribute| {
            let value = attribute.value.as_ref();
            attribute.key == "kind" && value.is_some_and(|value| has(&value.value, kind))
        })
    };
    let count = |kind: &str| {
        sink.records.lock().unwrap().iter().filter(|record| is_of(record, kind)).count()
    };
    let began = Instant::now();
    while count("spans") == 0 || count("points") == 0 {
        assert!(began.elapsed() < PATIENCE, "{:?}", said(&server));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((count("spans"), count("points")), (1, 1));
}
