//! The collector: what is sent to it, and what it did not take.
//!
//! The exporters of `opentelemetry-otlp` say nothing of a part that the collector refuses, so these are
//! our own. The messages and their clients are those of `opentelemetry-proto`.

use crate::{clock::Stopwatch, excerpt::excerpt, limits};
use opentelemetry_proto::{
    tonic::collector::{
        logs::v1::{ExportLogsServiceRequest, logs_service_client::LogsServiceClient},
        metrics::v1::{ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient},
        trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    },
    transform::{
        common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::{LogBatch, LogExporter},
    metrics::data::ResourceMetrics,
    trace::{SpanData, SpanExporter},
};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tonic::{
    Status,
    transport::{Channel, Endpoint, Error},
};

/// The target of the warning that log records were refused. It is not sent itself: it would be
/// refused as well, and so on for ever.
pub(super) const OF_RECORDS: &str = "refused_records";

/// What this process has sent in vain since its start. Its exporters are those of the process.
static SPANS: Kind = Kind::new("spans");
static RECORDS: Kind = Kind::new("records");
static POINTS: Kind = Kind::new("points");

/// How much the collector did not take, by kind.
pub(crate) fn refused() -> [(&'static str, u64); 3] {
    [&SPANS, &RECORDS, &POINTS].map(|kind| (kind.name, kind.refused.load(Ordering::Relaxed)))
}

/// What is sent of one kind.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    refused: AtomicU64,
    said: Mutex<Said>,
}

/// What the log says of it.
#[derive(Debug)]
struct Said {
    /// Refused since the last warning.
    unsaid: u64,
    last: Option<Stopwatch>,
}

/// A part that a collector did not take, of a request that it took.
struct Partial {
    refused: i64,
    why: String,
}

impl Kind {
    const fn new(name: &'static str) -> Kind {
        let said = Mutex::new(Said { unsaid: 0, last: None });
        Kind { name, refused: AtomicU64::new(0), said }
    }

    /// Counts what a collector did not take of `count`, and says so now and then.
    fn ended(&self, count: usize, answer: Result<Option<Partial>, Status>) -> OTelSdkResult {
        match answer {
            Ok(None) => Ok(()),
            // The protocol's way to say nothing, which collectors in Go send with every answer.
            Ok(Some(Partial { refused: 0, why })) if why.is_empty() => Ok(()),
            Ok(Some(Partial { refused, why })) => {
                self.refused(u64::try_from(refused).unwrap_or_default(), &why);
                Ok(())
            }
            Err(status) => {
                let why = format!("{:?}: {}", status.code(), status.message());
                self.refused(count as u64, &why);
                Err(OTelSdkError::InternalFailure(excerpt(&why, limits::RECORD_TEXT_BYTES)))
            }
        }
    }

    fn refused(&self, count: u64, why: &str) {
        self.refused.fetch_add(count, Ordering::Relaxed);
        if let Some(count) = self.to_say(count) {
            let why = excerpt(why, limits::RECORD_TEXT_BYTES);
            // A collector may also take all, refuse 0, and have something to say.
            match std::ptr::eq(self, &RECORDS) {
                true => warn_of_records(count, &why),
                false => warn(self.name, count, &why),
            }
        }
    }

    /// How many a warning is about that is due now.
    fn to_say(&self, count: u64) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.unsaid += count;
        let last = said.last.as_ref();
        let is_due = last.is_none_or(|last| limits::EPISODE_MS <= last.elapsed_ms());
        is_due.then(|| {
            said.last = Some(Stopwatch::start());
            std::mem::take(&mut said.unsaid)
        })
    }
}

fn warn(kind: &str, count: u64, why: &str) {
    tracing::warn!(kind, count, why, "not taken by the collector");
}

fn warn_of_records(count: u64, why: &str) {
    tracing::warn!(target: OF_RECORDS, kind = "records", count, why, "not taken by the collector");
}

/// A connection to a collector.
pub(super) type Connection = Channel;

/// The connection to a collector, made when it is first needed. Must be called on the runtime.
///
/// # Errors
/// If the endpoint is not valid.
pub(super) fn connect(endpoint: &str) -> Result<Connection, Error> {
    let endpoint = Endpoint::from_shared(endpoint.to_owned())?;
    let patience = Duration::from_millis(limits::EXPORT_MS);
    Ok(endpoint.connect_timeout(patience).timeout(patience).connect_lazy())
}

/// Sends spans.
#[derive(Debug)]
pub(super) struct Spans {
    client: TraceServiceClient<Channel>,
    resource: ResourceAttributesWithSchema,
}

impl Spans {
    pub(super) fn new(channel: Connection) -> Spans {
        Spans { client: TraceServiceClient::new(channel), resource: Default::default() }
    }
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let mut client = self.client.clone();
        let answer = client.export(ExportTraceServiceRequest { resource_spans }).await;
        let partial = answer.map(|answer| answer.into_inner().partial_success);
        let partial = partial.map(|partial| {
            partial.map(|p| Partial { refused: p.rejected_spans, why: p.error_message })
        });
        SPANS.ended(count, partial)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Sends log records.
#[derive(Debug)]
pub(super) struct Records {
    client: LogsServiceClient<Channel>,
    resource: ResourceAttributesWithSchema,
}

impl Records {
    pub(super) fn new(channel: Connection) -> Records {
        Records { client: LogsServiceClient::new(channel), resource: Default::default() }
    }
}

impl LogExporter for Records {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.resource);
        let mut client = self.client.clone();
        let answer = client.export(ExportLogsServiceRequest { resource_logs }).await;
        let partial = answer.map(|answer| answer.into_inner().partial_success);
        let partial = partial.map(|partial| {
            partial.map(|p| Partial { refused: p.rejected_log_records, why: p.error_message })
        });
        RECORDS.ended(count, partial)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Sends metrics.
#[derive(Clone, Debug)]
pub(super) struct Points(MetricsServiceClient<Channel>);

impl Points {
    pub(super) fn new(channel: Connection) -> Points {
        Points(MetricsServiceClient::new(channel))
    }

    pub(super) async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let request = ExportMetricsServiceRequest::from(metrics);
        let count = points_of(&request);
        let answer = self.0.clone().export(request).await;
        let partial = answer.map(|answer| answer.into_inner().partial_success);
        let partial = partial.map(|partial| {
            partial.map(|p| Partial { refused: p.rejected_data_points, why: p.error_message })
        });
        POINTS.ended(count, partial)
    }
}

fn points_of(request: &ExportMetricsServiceRequest) -> usize {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let points = scopes.flat_map(|scope| &scope.metrics).map(|metric| match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    });
    points.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_counted_and_said_once_a_while() {
        let kind = Kind::new("spans");
        assert_eq!(kind.to_say(3), Some(3));
        assert_eq!((kind.to_say(4), kind.to_say(5)), (None, None));
        // After the silence the next one speaks for those before it.
        kind.said.lock().unwrap().last = None;
        assert_eq!(kind.to_say(6), Some(15));
    }

    #[test]
    fn a_part_a_whole_and_nothing_may_be_refused() {
        let kind = Kind::new("records");
        let refused = || kind.refused.load(Ordering::Relaxed);
        kind.ended(10, Ok(None)).unwrap();
        kind.ended(10, Ok(Some(Partial { refused: 0, why: String::new() }))).unwrap();
        assert_eq!(refused(), 0);
        assert!(kind.said.lock().unwrap().last.is_none(), "there is nothing to say");
        let partial = Partial { refused: 4, why: "too old".to_owned() };
        kind.ended(10, Ok(Some(partial))).unwrap();
        assert_eq!(refused(), 4);
        let error = kind.ended(10, Err(Status::invalid_argument("no tenant"))).unwrap_err();
        assert_eq!(refused(), 14);
        assert!(error.to_string().contains("InvalidArgument: no tenant"), "{error}");
    }
}
