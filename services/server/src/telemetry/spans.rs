//! The spans of a call: one for the call itself, and one below it for each step that took time. All
//! their names and attributes are here; `METRICS.md` explains them.
//!
//! They are made by the interface of OpenTelemetry itself and not from `tracing` spans: a call that
//! is not sampled then costs one look at the sampler, its steps cost nothing, and logs do not repeat
//! attributes that are meant for traces. Nothing that a caller sends is an attribute, except the id
//! of the request and the name that the credentials prove.

use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    context::FutureExt as _,
    global::{self, BoxedTracer},
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Span as _, SpanId, SpanKind, Status, TraceContextExt as _, TraceId, Tracer as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::sync::Arc;

/// The name of the instrumentation scope.
const SCOPE: &str = "ballast";

/// A step of a call: a span below the call's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The request is validated.
    Validate,
    /// The snapshot of the as-of date is cut, and the settings are found.
    View,
    /// The call waits for the value that is prepared for its view.
    Prepare,
    /// The answer is computed.
    Analyse,
    /// A job runs on the compute pool; the time before it within its parent was spent waiting.
    Compute,
    /// The answer is encoded.
    Encode,
}

impl Step {
    /// Its name, of one level: a span's parent says the rest.
    pub const fn name(self) -> &'static str {
        match self {
            Step::Validate => "validate",
            Step::View => "view",
            Step::Prepare => "prepare",
            Step::Analyse => "analyse",
            Step::Compute => "compute",
            Step::Encode => "encode",
        }
    }
}

/// Begins the spans of calls.
#[derive(Clone, Debug)]
pub struct CallTracer(Arc<BoxedTracer>);

impl CallTracer {
    /// The tracer of this process. It does nothing unless `telemetry::start` installed an exporter
    /// before.
    pub fn of_process() -> CallTracer {
        CallTracer(Arc::new(global::tracer(SCOPE)))
    }

    /// Begins the span of a call below the caller's span, if its headers name one.
    pub fn begin(&self, headers: &HeaderMap, method: &Arc<str>, request_id: &str) -> CallSpan {
        let parent =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
        let builder = self.0.span_builder(method.to_string()).with_kind(SpanKind::Server);
        let mut span = self.0.build_with_context(builder, &parent);
        let id = span.span_context().trace_id();
        let trace_id = (id != TraceId::INVALID).then_some(id);
        let context = span.is_recording().then(|| {
            span.set_attributes([
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", Arc::clone(method)),
                KeyValue::new("ballast.request_id", request_id.to_owned()),
            ]);
            parent.with_value(self.clone()).with_span(span)
        });
        CallSpan { context, trace_id }
    }
}

/// The span of a call; it ends when this is dropped.
#[derive(Clone, Debug)]
pub struct CallSpan {
    /// `None` if the call is not sampled.
    context: Option<Context>,
    trace_id: Option<TraceId>,
}

impl CallSpan {
    /// The id of the trace, for logs; `None` if the caller sent none and nothing is traced.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.trace_id
    }

    /// The id of this span within the trace, for logs; `None` if the call is not sampled.
    pub fn span_id(&self) -> Option<SpanId> {
        self.context.as_ref().map(|context| context.span().span_context().span_id())
    }

    /// Runs a part of the call, whose steps become spans below this one.
    pub async fn around<T>(&self, part: impl Future<Output = T>) -> T {
        match &self.context {
            Some(context) => part.with_context(context.clone()).await,
            None => part.await,
        }
    }

    /// [`CallSpan::around`] for work without waiting.
    pub fn within<T>(&self, part: impl FnOnce() -> T) -> T {
        let _attached = self.context.clone().map(Context::attach);
        part()
    }

    /// Ends the span with the code of the call, as the protocol spells it. `is_fault` says whether
    /// the code is an error of a server by the semantic conventions.
    pub fn end(&self, code: &'static str, is_fault: bool) {
        let Some(context) = &self.context else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("rpc.response.status_code", code));
        if is_fault {
            span.set_attribute(KeyValue::new("error.type", code));
            span.set_status(Status::error(code));
        }
        span.end();
    }
}

/// Notes on the span of the current call which revision it reads.
pub fn reads_revision(revision: u64) {
    Context::map_current(|context| {
        let revision = i64::try_from(revision).unwrap_or(i64::MAX);
        context.span().set_attribute(KeyValue::new("ballast.revision", revision));
    });
}

/// Notes on the span of the current call who makes it.
pub fn names_caller(name: &Arc<str>) {
    let name = Arc::clone(name);
    Context::map_current(|context| context.span().set_attribute(KeyValue::new("enduser.id", name)));
}

/// Runs a step of the current call.
pub async fn step<T>(step: Step, part: impl Future<Output = T>) -> T {
    match Running::begin(step) {
        Some(running) => part.with_context(running.0.clone()).await,
        None => part.await,
    }
}

/// [`step`] for work without waiting.
pub fn step_now<T>(step: Step, part: impl FnOnce() -> T) -> T {
    let running = Running::begin(step);
    let _attached = running.as_ref().map(|running| running.0.clone().attach());
    part()
}

/// A database, as the semantic conventions name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    system: &'static str,
    /// The name of the database; a file has none.
    namespace: Option<Arc<str>>,
}

impl Database {
    /// The kind of database: a name of the conventions.
    pub fn system(&self) -> &'static str {
        self.system
    }

    /// The database of a URL of a store, without its host, user or password.
    pub fn of(url: &str) -> Database {
        let Some((_, place)) =
            url.split_once("://").filter(|(scheme, _)| scheme.starts_with("pos"))
        else {
            return Database { system: "sqlite", namespace: None };
        };
        let place = place.split(['?', '#']).next().unwrap_or_default();
        let name = place.rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty());
        Database { system: "postgresql", namespace: name.map(Arc::from) }
    }
}

/// Runs an operation of the store for the current call: a span of kind client below its step.
/// `kind_of` names the kind of a fault, of few.
pub async fn stored<T, E>(
    database: &Database,
    operation: &'static str,
    work: impl Future<Output = Result<T, E>>,
    kind_of: impl FnOnce(&E) -> &'static str,
) -> Result<T, E> {
    let parent = Context::current();
    let Some(tracer) = parent.get::<CallTracer>() else { return work.await };
    let builder = tracer.0.span_builder(operation).with_kind(SpanKind::Client);
    let mut span = tracer.0.build_with_context(builder, &parent);
    span.set_attribute(KeyValue::new("db.system.name", database.system));
    span.set_attribute(KeyValue::new("db.operation.name", operation));
    if let Some(namespace) = &database.namespace {
        span.set_attribute(KeyValue::new("db.namespace", Arc::clone(namespace)));
    }
    let running = Running(parent.with_span(span));
    let outcome = work.with_context(running.0.clone()).await;
    if let Err(error) = &outcome {
        let kind = kind_of(error);
        let span = running.0.span();
        span.set_attribute(KeyValue::new("error.type", kind));
        span.set_status(Status::error(kind));
    }
    outcome
}

/// Runs a part of the current call in a task of its own, whose spans are then below the same step.
pub fn in_task<T>(part: impl Future<Output = T>) -> impl Future<Output = T> {
    part.with_context(Context::current())
}

/// The span of a step; it ends when this is dropped, also if the call is.
struct Running(Context);

impl Running {
    /// `None` outside of a sampled call.
    fn begin(step: Step) -> Option<Running> {
        let parent = Context::current();
        let tracer = parent.get::<CallTracer>()?;
        let span = tracer.0.start_with_context(step.name(), &parent);
        Some(Running(parent.with_span(span)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.span().end();
    }
}

/// The headers of a call, as the propagator reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};

    /// The spans of one call, in the order in which they ended.
    async fn traced(sampler: Sampler, parent: Option<&'static str>) -> (Vec<SpanData>, CallSpan) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_simple_exporter(exporter.clone())
            .build();
        let tracer = BoxedTracer::new(Box::new(provider.tracer(SCOPE)));
        let mut headers = HeaderMap::new();
        headers.extend(parent.map(|parent| {
            (http::HeaderName::from_static("traceparent"), http::HeaderValue::from_static(parent))
        }));
        let call = CallTracer(Arc::new(tracer)).begin(&headers, &"p.S/M".into(), "an-id");
        let work = async {
            reads_revision(7);
            step(Step::Analyse, async { step_now(Step::Compute, || ()) }).await;
        };
        call.around(work).await;
        call.end("INTERNAL", true);
        (exporter.get_finished_spans().unwrap(), call)
    }

    #[tokio::test]
    async fn an_operation_of_the_store_is_a_client_span_below_the_step_that_waits_for_it() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let tracer = CallTracer(Arc::new(BoxedTracer::new(Box::new(provider.tracer(SCOPE)))));
        let database = Database::of("postgres://user:secret@host:5432/risk?sslmode=require");
        let failing =
            async || stored(&database, "append", async { Err::<(), ()>(()) }, |()| "damaged").await;
        assert!(failing().await.is_err());
        assert_eq!(exporter.get_finished_spans().unwrap(), [], "outside of a call");
        let call = tracer.begin(&HeaderMap::new(), &"p.S/M".into(), "an-id");
        let work = step(Step::View, async {
            tokio::spawn(in_task(async { step_now(Step::Compute, || ()) })).await
        });
        call.around(async {
            work.await.unwrap();
            step(Step::View, failing()).await
        })
        .await
        .unwrap_err();
        let spans = exporter.get_finished_spans().unwrap();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["compute", "view", "append", "view"]);
        for at in [0, 2] {
            assert_eq!(spans[at].parent_span_id, spans[at + 1].span_context.span_id());
        }
        let append = &spans[2];
        assert_eq!(
            (&append.span_kind, &append.status),
            (&SpanKind::Client, &Status::error("damaged"))
        );
        let expected = [
            ("db.system.name", "postgresql"),
            ("db.operation.name", "append"),
            ("db.namespace", "risk"),
            ("error.type", "damaged"),
        ];
        assert_eq!(append.attributes, expected.map(|(key, value)| KeyValue::new(key, value)));
    }

    #[test]
    fn a_file_has_no_name_and_a_database_never_its_user() {
        let of = |url: &str| {
            let Database { system, namespace } = Database::of(url);
            (system, namespace.map(|name| name.to_string()))
        };
        assert_eq!(of("sqlite:///var/lib/ballast.db"), ("sqlite", None));
        assert_eq!(of("sqlite::memory:"), ("sqlite", None));
        assert_eq!(of("postgresql://me:pass@host/"), ("postgresql", None));
        assert_eq!(of("postgres://host/a%20b"), ("postgresql", Some("a%20b".to_owned())));
    }

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    #[tokio::test]
    async fn a_sampled_call_has_its_steps_below_it_and_the_caller_above() {
        let (spans, _) = traced(Sampler::AlwaysOff, Some(SAMPLED)).await;
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["compute", "analyse", "p.S/M"]);
        let id = |at: usize| spans[at].span_context.span_id();
        assert_eq!(spans[0].parent_span_id, id(1));
        assert_eq!(spans[1].parent_span_id, id(2));
        assert_eq!(spans[2].parent_span_id.to_string(), "00f067aa0ba902b7");
        let trace = spans[0].span_context.trace_id().to_string();
        assert_eq!(trace, "4bf92f3577b34da6a3ce929d0e0e4736");
        let revision = KeyValue::new("ballast.revision", 7);
        assert!(spans[2].attributes.contains(&revision), "{:?}", spans[2].attributes);
        assert_eq!(spans[2].status, Status::error("INTERNAL"));
    }

    #[tokio::test]
    async fn the_caller_decides_and_the_ratio_only_without_one() {
        let (spans, call) = traced(Sampler::AlwaysOn, Some(UNSAMPLED)).await;
        assert!(spans.is_empty(), "the caller does not sample");
        let logged = call.trace_id().unwrap().to_string();
        assert_eq!(logged, "4bf92f3577b34da6a3ce929d0e0e4736", "its log lines still have the id");
        assert_eq!(traced(Sampler::TraceIdRatioBased(1.0), None).await.0.len(), 3);
        assert_eq!(traced(Sampler::TraceIdRatioBased(0.0), None).await.0.len(), 0);
    }

    #[tokio::test]
    async fn a_parent_that_is_not_one_is_ignored() {
        for junk in ["", "00-0-0-01", "zz-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] {
            let (spans, _) = traced(Sampler::AlwaysOn, Some(junk)).await;
            assert_eq!(spans.len(), 3, "{junk}");
            assert_eq!(spans[2].parent_span_id, SpanId::INVALID, "{junk}");
        }
    }
}
