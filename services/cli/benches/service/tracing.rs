//! What tracing costs: the rate of a server that sends a tenth of its calls to a collector, beside
//! one that sends none, in turn.

use super::{
    Result, load, print_pace, process,
    process::{Child, PATIENT},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::span::SpanKind,
};
use simulation::market::{Market, Parameters};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// Pairs of rounds of a second each.
const ROUNDS: usize = 15;
/// Time in which the last spans arrive.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// A collector that counts the calls and the spans that it receives.
#[derive(Clone, Debug, Default)]
struct Collector {
    calls: Arc<AtomicUsize>,
    spans: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> std::result::Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        for span in scopes.flat_map(|scope| &scope.spans) {
            self.spans.fetch_add(1, Ordering::Relaxed);
            let is_call = span.kind == i32::from(SpanKind::Server);
            self.calls.fetch_add(usize::from(is_call), Ordering::Relaxed);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Measures both servers in turn.
pub(crate) async fn measure(folder: &Path) -> Result<()> {
    let store = load::url(&folder.join("tracing.db"));
    let market = Market::new(Parameters { names: 1_000, days: 750, seed: 7 });
    load::fill(&store, &market).await?;
    let request = load::portfolio(&market, 500);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let collector = Collector::default();
    let service = TraceServiceServer::new(collector.clone());
    let serving = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
    let tracing =
        [("BALLAST_TRACING__ENDPOINT", &*endpoint), ("BALLAST_TRACING__SAMPLE_RATIO", "0.1")];
    let settings: Vec<_> = PATIENT.into_iter().chain(tracing).collect();
    let (plain, traced) = (Child::patient(&store)?, Child::ballast_with(&store, &settings)?);
    let (plain_channel, traced_channel) = (plain.connect().await?, traced.connect().await?);
    // The first round prepares the view.
    process::pace(&plain, plain_channel.clone(), &request).await?;
    process::pace(&traced, traced_channel.clone(), &request).await?;
    let (mut without, mut with, mut rates, mut costs) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for _ in 0..ROUNDS {
        let one = process::pace(&plain, plain_channel.clone(), &request).await?;
        let other = process::pace(&traced, traced_channel.clone(), &request).await?;
        rates.push(other.calls_per_second / one.calls_per_second);
        costs.push(other.server_micros / one.server_micros);
        without.push(one);
        with.push(other);
    }
    tokio::time::sleep(LAST_SPANS).await;
    let calls: f64 = with.iter().map(|pace| pace.calls_per_second).sum();
    let (sampled, spans) =
        (collector.calls.load(Ordering::Relaxed), collector.spans.load(Ordering::Relaxed));
    print_pace("without tracing", &without);
    print_pace("a tenth of the calls traced", &with);
    println!("about {calls:.0} calls, of which the collector got {sampled}, with {spans} spans");
    for (what, mut ratios) in [("rate", rates), ("processor time per call", costs)] {
        let [low, median, high] = process::spread(&mut ratios);
        println!(
            "{what} with tracing over that without: {median:.3} (min {low:.3}, max {high:.3})"
        );
    }
    println!("the goal for the rate is 0.95");
    match sampled {
        0 => Err("the collector got nothing".into()),
        _ => Ok(()),
    }
}
