//! The layer around every call: request id, span, deadline, memory accounting, and panic isolation.
//!
//! tonic answers an expired deadline with CANCELLED and does not end streams; here a call past its
//! deadline gets DEADLINE_EXCEEDED, at whatever frame of its answer it is. Replaces codec error
//! messages.

pub mod authentication;
pub mod code_name;
#[cfg(test)]
mod frames;
pub mod freshness;
mod method;
mod request;
mod response;

use crate::{
    call::{
        method::{Deadline, Method, Methods, Shape},
        request::{Gone, RequestBody},
        response::{Answer, Load, Note},
    },
    clock::Stopwatch,
    limits::Limits,
    line::{Handling, InFlight, Line},
    metrics::calls::{CallMeter, CallMetrics},
    patience::until,
    phase::Phase,
    refusal::Refusal,
    rpc::status::sanitize_status,
    telemetry::spans::CallTracer,
    traffic::{Charge, Traffic, Weight},
    turn::Turns,
};
use contract::weight::{MEMORY, Memory};
use http::{HeaderValue, Request, Response};
use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::watch;
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument as _;

/// The header that carries a call's id, in requests and responses.
pub const REQUEST_ID: &str = "x-request-id";

/// The layer around the calls of a server.
#[derive(Clone, Debug)]
pub struct CallLayer {
    methods: Arc<Methods>,
    limits: Arc<Limits>,
    traffic: Traffic,
    turns: Turns,
    metrics: CallMetrics,
    tracer: CallTracer,
    phase: watch::Receiver<Phase>,
    ids: Arc<Ids>,
}

/// A service wrapped by a [`CallLayer`].
#[derive(Clone, Debug)]
pub struct Calls<S> {
    inner: S,
    layer: CallLayer,
}

/// Generates ids for calls that bring none.
#[derive(Debug)]
struct Ids {
    seed: u64,
    next: AtomicU64,
}

impl CallLayer {
    /// A layer that follows `phase`. `seed` makes the ids of this process differ from those of
    /// others.
    pub fn new(
        limits: &Limits,
        metrics: CallMetrics,
        phase: watch::Receiver<Phase>,
        seed: u64,
    ) -> CallLayer {
        CallLayer {
            methods: Arc::new(Methods::of_contract()),
            limits: Arc::new(limits.clone()),
            traffic: Traffic::new(limits),
            turns: Turns::new(workers(), limits),
            metrics,
            tracer: CallTracer::of_process(),
            phase,
            ids: Arc::new(Ids { seed, next: AtomicU64::new(0) }),
        }
    }

    /// The bytes in flight, and the turns of calls.
    pub fn in_flight(&self) -> (Traffic, Turns) {
        (self.traffic.clone(), self.turns.clone())
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, layer: self.clone() }
    }
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let stopwatch = Stopwatch::start();
        let method = self.layer.methods.at(request.uri().path()).clone();
        let Method { shape, name, is_probe } = method;
        let deadline = Deadline::new(shape, request.headers(), &self.layer.limits);
        let id = self.layer.ids.of(request.headers());
        let request_id = id.to_str().unwrap_or_default();
        let traced = self.layer.tracer.begin(request.headers(), &name, request_id);
        let span = tracing::info_span!(
            "call",
            method = request.uri().path(),
            request_id,
            caller = tracing::field::Empty,
            trace_id = traced.trace_id().map(tracing::field::display),
            span_id = traced.span_id().map(tracing::field::display),
        );
        let meter = Arc::new(self.layer.metrics.begin(name));
        let mut note = Note::new(
            (shape, is_probe, stopwatch),
            span.clone(),
            Arc::clone(&meter),
            traced.clone(),
        );
        let mut inner = self.inner.clone();
        std::mem::swap(&mut inner, &mut self.inner);
        let ends_at = deadline.at();
        let ends = ends(shape, deadline, self.layer.phase.clone());
        let line = request.extensions().get::<Arc<Line>>().cloned();
        let charge = self.layer.charge(request.uri().path(), shape, line.as_deref());
        let charge = Arc::new(charge);
        let (line, running) = begun(line);
        let (layer, gone) = (self.layer.clone(), Gone::default());
        let answer = async move {
            let mut ends = Box::pin(ends);
            let items = (charge.items(), meter.items());
            let mut request = layer.watch_body(request, shape, &charge, (&gone, meter));
            request.extensions_mut().insert(items.0);
            request.extensions_mut().insert(items.1);
            let memory: Arc<dyn Memory> = Arc::clone(&charge) as _;
            let handler = async {
                charge.check()?;
                if is_probe && shape == Shape::Watch {
                    charge.open_probe()?;
                }
                let called = MEMORY.scope(memory, inner.call(request));
                charge.in_turn(unwinding(AssertUnwindSafe(called))).await
            };
            let answered = tokio::select! {
                biased;
                answered = until(ends_at, traced.around(handler)) => answered,
                ended = &mut ends => Err(ended.into()),
            };
            let mut response = translated(answered.unwrap_or_else(Status::into_http), &gone);
            response.headers_mut().insert(REQUEST_ID, id);
            if let Some(status) = Status::from_header_map(response.headers()) {
                note.ends_with(&status);
            }
            let load = Load { charge, line };
            load.charge.answered();
            drop(running);
            Ok(response.map(|body| Body::new(Answer::new(body, ends, load, note))))
        };
        Box::pin(answer.instrument(span))
    }
}

impl CallLayer {
    /// How a call is accounted. Health is answered under any load, because a prober without an
    /// answer may kill the process; the answer to an upload must be sent because the write may
    /// already be durable.
    fn charge(&self, path: &str, shape: Shape, line: Option<&Line>) -> Charge {
        let weight = match shape {
            _ if path.starts_with("/grpc.health.v1.Health/") => Weight::Free,
            Shape::Upload => Weight::Sure,
            Shape::Unary | Shape::Watch | Shape::Exchange => Weight::Bounded,
        };
        let shares = line.map_or_else(|| self.traffic.shares(), |line| line.shares(&self.traffic));
        // A stream's answers come one by one, each by work of its own.
        let has_turn = weight == Weight::Bounded && shape == Shape::Unary;
        Charge::new(weight, shares, has_turn.then(|| self.turns.turn()))
    }

    /// Wraps the body of a request.
    fn watch_body(
        &self,
        request: Request<Body>,
        shape: Shape,
        charge: &Arc<Charge>,
        (gone, meter): (&Gone, Arc<CallMeter>),
    ) -> Request<Body> {
        let (shape, charge, gone) = ((shape, &*self.limits), Arc::clone(charge), gone.clone());
        request.map(|body| Body::new(RequestBody::new(body, shape, charge, (gone, meter))))
    }
}

/// Threads that answer calls: those of the runtime.
fn workers() -> usize {
    tokio::runtime::Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers())
}

/// What an answer keeps alive: its connection, and its call on that connection.
type OnLine = (Arc<Line>, Arc<InFlight>);

/// Registers a call on its connection, if it has one: the guards of its answer and of its handler.
fn begun(line: Option<Arc<Line>>) -> (Option<OnLine>, Option<Handling>) {
    let begun = line.map(|line| (line.call(), line));
    begun.map(|((running, call), line)| ((line, Arc::new(call)), running)).unzip()
}

/// Resolves when a call must end, with the reason.
async fn ends(shape: Shape, deadline: Deadline, mut phase: watch::Receiver<Phase>) -> Refusal {
    let last = match shape {
        Shape::Watch => Phase::Draining,
        // While calls drain, an exchange stops reading items by itself.
        Shape::Unary | Shape::Upload | Shape::Exchange => Phase::Cut,
    };
    tokio::select! {
        refusal = deadline.passed() => refusal,
        _ = phase.wait_for(|phase| last <= *phase) => Refusal::ShuttingDown,
    }
}

/// Replaces a status that the codec made; leaves a status of this service.
fn translated(response: Response<Body>, gone: &Gone) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    let ours = match gone.is_true() {
        true => Some(Refusal::CallerGone.into()),
        false => sanitize_status(&status),
    };
    ours.map_or(response, Status::into_http)
}

/// Turns a panic into the failure of its own call; the server goes on.
async fn unwinding<T>(
    future: AssertUnwindSafe<impl Future<Output = Result<T, Infallible>>>,
) -> Result<T, Status> {
    let mut future = Box::pin(future.0);
    let poll = |context: &mut Context<'_>| match std::panic::catch_unwind(AssertUnwindSafe(|| {
        future.as_mut().poll(context)
    })) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(done))) => Poll::Ready(Ok(done)),
        Ok(Poll::Ready(Err(never))) => match never {},
        Err(_) => Poll::Ready(Err(Refusal::Failed("a handler panicked".into()).into())),
    };
    std::future::poll_fn(poll).await
}

impl Ids {
    /// The caller's id if it may be logged, else a new one.
    fn of(&self, headers: &http::HeaderMap) -> HeaderValue {
        let given = headers.get(REQUEST_ID).filter(|id| {
            let bytes = id.as_bytes();
            (1..=crate::limits::REQUEST_ID_CHARS).contains(&bytes.len())
                && bytes.iter().all(u8::is_ascii_graphic)
        });
        given.cloned().unwrap_or_else(|| {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let text = format!("{:016x}-{number:x}", self.seed);
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{call::frames::Frames, metrics::Metrics};
    use http_body::{Body as _, Frame};
    use tonic::{Code, codegen::Bytes};
    use tonic_types::StatusExt as _;

    fn layer(limits: &Limits) -> (watch::Sender<Phase>, CallLayer) {
        let (phase, phases) = watch::channel(Phase::Serving);
        let metrics = Metrics::new().unwrap();
        (phase, CallLayer::new(limits, metrics.calls().clone(), phases, 7))
    }

    async fn call(layer: &CallLayer, path: &str, answer: fn() -> Response<Body>) -> Response<Body> {
        let inner = tower::service_fn(move |_: Request<Body>| async move { Ok(answer()) });
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        match layer.layer(inner).call(request).await {
            Ok(response) => response,
        }
    }

    /// The status in the trailers, which must be the first frame.
    async fn status_of(response: Response<Body>) -> Status {
        let mut body = response.into_body();
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = frame.await.unwrap().unwrap();
        let status = Status::from_header_map(frame.trailers_ref().unwrap()).unwrap();
        assert!(body.is_end_stream());
        status
    }

    fn reason(status: &Status) -> String {
        status.get_details_error_info().unwrap().reason
    }

    /// A call whose handler counts the pieces of its request, and then waits with its turn.
    fn busy(layer: &CallLayer, pieces: &Arc<AtomicU64>) -> tokio::task::JoinHandle<Status> {
        let pieces = Arc::clone(pieces);
        let inner = tower::service_fn(move |request: Request<Body>| {
            let pieces = Arc::clone(&pieces);
            async move {
                let mut body = request.into_body();
                let mut next =
                    async || std::future::poll_fn(|c| Pin::new(&mut body).poll_frame(c)).await;
                while let Some(frame) = next().await {
                    match frame {
                        Ok(_) => drop(pieces.fetch_add(1, Ordering::SeqCst)),
                        Err(status) => return Ok(status.into_http()),
                    }
                }
                let _kept = crate::turn::Kept::begin();
                std::future::pending::<()>().await;
                Ok(Response::new(Body::empty()))
            }
        });
        // One message, whose data must not be asked for before its call has its turn.
        let mut message = Some(Frame::data(Bytes::from_static(b"request")));
        let body = Body::new(Frames(move || Poll::Ready(message.take())));
        let request = Request::builder().uri("/s/m").body(body).unwrap();
        let answer = layer.layer(inner).call(request);
        tokio::spawn(async move {
            let Ok(response) = answer.await;
            Status::from_header_map(response.headers()).unwrap()
        })
    }

    #[tokio::test]
    async fn a_request_is_passed_on_with_its_turn_and_never_if_it_is_refused() {
        let limits = Limits { queue_ms: 0, ..Limits::standard() };
        let (_phase, layer) = layer(&limits);
        let pieces = Arc::new(AtomicU64::new(0));
        let calls: Vec<_> = (0..3).map(|_| busy(&layer, &pieces)).collect();
        while layer.turns.usage().waiting < 2 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(pieces.load(Ordering::SeqCst), 1, "one thread, one turn");
        let [first, second, third] = calls.try_into().unwrap();
        first.abort();
        // Of the two that wait, the older one is late: the bound is no time at all.
        let status = second.await.unwrap();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::ResourceExhausted, "OVERLOADED")
        );
        while pieces.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(layer.turns.usage().refused, 1);
        third.abort();
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_call_as_internal() {
        let (_phase, layer) = layer(&Limits::standard());
        let handler = call(&layer, "/s/m", || panic!("a fault of a handler")).await;
        let status = Status::from_header_map(handler.headers()).unwrap();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"));
        assert!(handler.headers().contains_key(REQUEST_ID));
        let stream = call(&layer, "/s/m", || {
            Response::new(Body::new(Frames(|| panic!("a fault of a stream"))))
        })
        .await;
        let status = status_of(stream).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"));
        assert!(!status.message().contains("fault of a"), "{}", status.message());
    }

    #[tokio::test]
    async fn a_deadline_ends_a_body_that_has_begun() {
        let limits = Limits { default_deadline_ms: 5, ..Limits::standard() };
        let (_phase, layer) = layer(&limits);
        let silent = || Response::new(Body::new(Frames(|| Poll::Pending)));
        let status = status_of(call(&layer, "/s/m", silent).await).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(reason(&status), "DEADLINE_EXCEEDED");
    }

    #[tokio::test]
    async fn a_drain_ends_watches_and_a_cut_ends_all() {
        let (phase, layer) = layer(&Limits::standard());
        let silent = || Response::new(Body::new(Frames(|| Poll::Pending)));
        let watch = call(&layer, "/grpc.health.v1.Health/Watch", silent).await;
        let unary = call(&layer, "/s/m", silent).await;
        phase.send_replace(Phase::Draining);
        assert_eq!(reason(&status_of(watch).await), "SHUTTING_DOWN");
        phase.send_replace(Phase::Cut);
        assert_eq!(status_of(unary).await.code(), Code::Unavailable);
    }
}
