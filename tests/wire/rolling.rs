//! A rolling restart of two servers under load fails no call: neither for clients that follow
//! health and never retry, nor for clients that know nothing of health and try another server.
//! The calls are of all kinds that a desk makes: reading, analysing a portfolio, uploading a file.

use crate::harness::{Harness, header, held, soon, upload};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient,
    market_data_service_client::MarketDataServiceClient, position::Size,
};
use server::clock::Clock;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

const RESTARTS: usize = 4;
const CALLERS: usize = 6;
/// Servers that a client with retries tries for one call.
const ATTEMPTS: usize = 10;

/// What a balancer knows: the servers to call.
type Known = [watch::Receiver<Option<Channel>>; 2];

/// The calls of a run.
#[derive(Debug, Default)]
struct Calls {
    stop: AtomicBool,
    answered: AtomicUsize,
    retried: AtomicUsize,
}

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n";

async fn server(notice_ms: u64) -> Harness {
    let harness = Harness::with(Clock::system(), |config| {
        config.drain.notice_ms = notice_ms;
        // All callers may upload at once: an overload is not the subject.
        config.limits.uploads = CALLERS;
        // Messages of uploads and of these share a bound.
        config.limits.exchanges = 1;
        config.limits.uploads_per_caller = CALLERS;
    })
    .await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    harness
}

/// A call, which may be repeated as it is.
#[derive(Clone, Debug)]
enum Call {
    List,
    Analyze,
    /// An upload with its request id, so that a repeat adds nothing.
    Upload(Box<v1::IngestHeader>),
}

impl Call {
    /// The calls of one caller in turn.
    fn number(number: usize) -> Call {
        match number % 3 {
            0 => Call::List,
            1 => Call::Analyze,
            _ => Call::Upload(Box::new(header("prices.csv"))),
        }
    }

    async fn make(self, channel: Channel) -> Result<(), Status> {
        let mut data = MarketDataServiceClient::new(channel.clone());
        match self {
            Call::List => data.list_datasets(v1::ListDatasetsRequest::default()).await.map(drop),
            Call::Analyze => {
                let portfolio = v1::Portfolio {
                    positions: vec![held("AAPL", Size::Quantity(100.0))],
                    ..v1::Portfolio::default()
                };
                let request = v1::AnalyzePortfolioRequest {
                    portfolio: Some(portfolio),
                    ..v1::AnalyzePortfolioRequest::default()
                };
                let mut exposure = ExposureServiceClient::new(channel);
                exposure.analyze_portfolio(request).await.map(drop)
            }
            Call::Upload(header) => {
                let messages = upload(*header, BARS.as_bytes(), 16);
                data.ingest(tokio_stream::iter(messages)).await.map(drop)
            }
        }
    }
}

/// Calls the known servers in turn until the run stops; fails at the first call without an answer.
async fn caller(calls: Arc<Calls>, known: Known, attempts: usize) {
    let mut turn = 0;
    for number in 0.. {
        if calls.stop.load(Ordering::Relaxed) {
            return;
        }
        let (call, mut failures) = (Call::number(number), Vec::new());
        while failures.len() < attempts {
            turn += 1;
            let channel = known[turn % 2].borrow().clone();
            let Some(channel) = channel.or_else(|| known[(turn + 1) % 2].borrow().clone()) else {
                panic!("no server is ready")
            };
            match call.clone().make(channel).await {
                Ok(()) => break,
                Err(status) => {
                    // A status without details is the client's own: its connection ended before
                    // the call reached the server. tonic then reports INTERNAL, among others.
                    let is_ours = !status.details().is_empty();
                    assert!(!is_ours || status.code() == Code::Unavailable, "{status:?}");
                    failures.push(status);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        assert!(failures.len() < attempts, "{call:?} failed: {failures:?}");
        calls.retried.fetch_add(failures.len(), Ordering::Relaxed);
        calls.answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Lets a balancer know a server as long as it reports that it serves.
async fn follow_health(harness: &Harness, known: Arc<watch::Sender<Option<Channel>>>) {
    let channel = harness.channel().await;
    let request = HealthCheckRequest { service: String::new() };
    let watching = HealthClient::new(channel.clone()).watch(request).await;
    let mut states = watching.unwrap().into_inner();
    let first = soon("a state", states.message()).await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    known.send_replace(Some(channel));
    tokio::spawn(async move {
        while let Ok(Some(state)) = states.message().await {
            if state.status() != ServingStatus::Serving {
                break;
            }
        }
        known.send_replace(None);
    });
}

/// Restarts two servers in turn while they are called.
async fn roll(notice_ms: u64, attempts: usize, follows_health: bool) -> Calls {
    let senders = [(); 2].map(|()| Arc::new(watch::Sender::new(None)));
    let known: Known = [senders[0].subscribe(), senders[1].subscribe()];
    let know = async |harness: &Harness, at: usize| match follows_health {
        true => follow_health(harness, Arc::clone(&senders[at])).await,
        false => drop(senders[at].send_replace(Some(harness.channel().await))),
    };
    let mut servers = [Some(server(notice_ms).await), Some(server(notice_ms).await)];
    for (at, harness) in servers.iter().enumerate() {
        know(harness.as_ref().unwrap(), at).await;
    }
    let calls = Arc::new(Calls::default());
    let callers = (0..CALLERS)
        .map(|_| tokio::spawn(caller(Arc::clone(&calls), known.clone(), attempts)))
        .collect::<Vec<_>>();
    for at in (0..RESTARTS).map(|round| round % 2) {
        let before = calls.answered.load(Ordering::Relaxed);
        let called = async {
            while calls.answered.load(Ordering::Relaxed) < before + 20 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("both are called", called).await;
        let restarted = servers[at].take().unwrap().restart().await;
        know(&restarted, at).await;
        servers[at] = Some(restarted);
    }
    calls.stop.store(true, Ordering::Relaxed);
    for caller in callers {
        soon("the callers stop", caller).await.unwrap();
    }
    drop(known);
    Arc::into_inner(calls).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_follow_health_need_no_retries() {
    let calls = Box::pin(roll(1_500, 1, true)).await;
    assert!(RESTARTS * 20 <= calls.answered.into_inner());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_with_retries_need_no_health() {
    let calls = Box::pin(roll(0, ATTEMPTS, false)).await;
    assert!(RESTARTS * 20 <= calls.answered.into_inner());
    assert!(0 < calls.retried.into_inner(), "a server without notice is noticed");
}
