//! Log records for a collector: every event of `tracing` that the filter of logs lets through, with
//! the trace and the span that it belongs to.
//!
//! A record has what the line on standard error has: a level, a text, the fields of the event, and
//! those of its call (method, request id, caller). So what is never logged is never sent.

use crate::{excerpt::excerpt, limits, telemetry::collector};
use opentelemetry::{
    Context as TraceContext, SpanId, TraceFlags, TraceId,
    logs::{AnyValue, LogRecord as _, Logger as _, Severity},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger};
use std::fmt::Debug;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// The crates that carry records to the collector, and the warning that it refused some: what they say
/// of a record would be a record again, and so on for ever.
const CARRIERS: [&str; 6] =
    ["h2", "hyper", "opentelemetry", "tonic", "tower", collector::OF_RECORDS];

/// Names of the fields of a call's span that say which trace it belongs to.
pub(crate) const TRACE_ID: &str = "trace_id";
/// The span of the call within its trace.
pub(crate) const SPAN_ID: &str = "span_id";

/// Turns events into records.
#[derive(Debug)]
pub(crate) struct Records(SdkLogger);

impl Records {
    /// Records for a logger.
    pub(crate) fn new(logger: SdkLogger) -> Records {
        Records(logger)
    }
}

impl<S> Layer<S> for Records
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if is_carriers(metadata.target()) {
            return;
        }
        let mut record = self.0.create_log_record();
        let severity = severity(*metadata.level());
        record.set_timestamp(opentelemetry::time::now());
        record.set_target(metadata.target());
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.0.iter().cloned());
            }
        }
        fields.fill(&mut record);
        self.0.emit(record);
    }
}

fn is_carriers(target: &str) -> bool {
    let krate = target.split(':').next().unwrap_or_default();
    CARRIERS.iter().any(|carrier| {
        krate
            .strip_prefix(carrier)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '-']))
    })
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

/// The fields of an event or a span, each of bounded length.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, AnyValue)>);

impl Fields {
    /// Puts the text, the trace and the other fields where a record has them.
    fn fill(self, record: &mut SdkLogRecord) {
        let text_of =
            |name| self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| value);
        // Within a step of a sampled call the logger knows the span by itself.
        if !TraceContext::map_current(|context| context.has_active_span())
            && let Some(trace) = text_of(TRACE_ID).and_then(|id| TraceId::from_hex(text(id)?).ok())
        {
            let span = text_of(SPAN_ID).and_then(|id| SpanId::from_hex(text(id)?).ok());
            let flags = if span.is_some() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
            record.set_trace_context(trace, span.unwrap_or(SpanId::INVALID), Some(flags));
        }
        for (field, value) in self.0 {
            match field {
                "message" => record.set_body(value),
                TRACE_ID | SPAN_ID => {}
                field => record.add_attribute(field, value),
            }
        }
    }

    fn push(&mut self, field: &Field, value: impl Into<AnyValue>) {
        self.0.push((field.name(), value.into()));
    }
}

fn text(value: &AnyValue) -> Option<&str> {
    match value {
        AnyValue::String(text) => Some(text.as_str()),
        _ => None,
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.push(field, value),
            Err(_) => self.push(field, value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, excerpt(value, limits::RECORD_TEXT_BYTES));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
