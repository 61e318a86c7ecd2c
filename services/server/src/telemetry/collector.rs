//! The collector: spans, log records and metrics are sent to it.
//!
//! These exporters are our own for two reasons. Those of `opentelemetry-otlp` log what a collector
//! refuses of a request that it takes (with their feature `internal-logs`), but count it nowhere; here it
//! is a metric. And their deadline ends with the head of an answer. How they send again what a collector
//! could not take for a moment is kept. The messages and their clients are those of
//! `opentelemetry-proto`.

mod connection;
mod queue;
mod refused;

pub(super) use connection::Connection;
use opentelemetry_proto::{
    tonic::collector::{
        logs::v1::{
            ExportLogsPartialSuccess, ExportLogsServiceRequest,
            logs_service_client::LogsServiceClient,
        },
        metrics::v1::{
            ExportMetricsPartialSuccess, ExportMetricsServiceRequest,
            metrics_service_client::MetricsServiceClient,
        },
        trace::v1::{
            ExportTracePartialSuccess, ExportTraceServiceRequest,
            trace_service_client::TraceServiceClient,
        },
    },
    transform::{
        common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    metrics::data::ResourceMetrics,
    trace::{SpanData, SpanExporter},
};
pub(super) use queue::Counted;
pub(super) use refused::OF_RECORDS;
pub(crate) use refused::refused;
use refused::{POINTS, Partial, RECORDS, SPANS};

/// Sends spans.
#[derive(Debug)]
pub(super) struct Spans {
    connection: Connection,
    resource: ResourceAttributesWithSchema,
}

impl Spans {
    pub(super) fn new(connection: Connection) -> Spans {
        Spans { connection, resource: Default::default() }
    }
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        SPANS.leave(count);
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let request = ExportTraceServiceRequest { resource_spans };
        let client = TraceServiceClient::new(self.connection.channel());
        let ask = move || {
            let (mut client, request) = (client.clone(), request.clone());
            async move {
                let answer = client.export(request).await?.into_inner();
                Ok(answer.partial_success.map(Partial::from))
            }
        };
        self.connection.send((&SPANS, count), ask).await
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Sends log records.
#[derive(Debug)]
pub(super) struct Records {
    connection: Connection,
    resource: ResourceAttributesWithSchema,
}

impl Records {
    pub(super) fn new(connection: Connection) -> Records {
        Records { connection, resource: Default::default() }
    }
}

impl LogExporter for Records {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        RECORDS.leave(count);
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.resource);
        let request = ExportLogsServiceRequest { resource_logs };
        let client = LogsServiceClient::new(self.connection.channel());
        let ask = move || {
            let (mut client, request) = (client.clone(), request.clone());
            async move {
                let answer = client.export(request).await?.into_inner();
                Ok(answer.partial_success.map(Partial::from))
            }
        };
        self.connection.send((&RECORDS, count), ask).await
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Sends metrics.
#[derive(Clone, Debug)]
pub(super) struct Points(Connection);

impl Points {
    pub(super) fn new(connection: Connection) -> Points {
        Points(connection)
    }

    pub(super) async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let request = ExportMetricsServiceRequest::from(metrics);
        let count = points_of(&request);
        let client = MetricsServiceClient::new(self.0.channel());
        let ask = move || {
            let (mut client, request) = (client.clone(), request.clone());
            async move {
                let answer = client.export(request).await?.into_inner();
                Ok(answer.partial_success.map(Partial::from))
            }
        };
        self.0.send((&POINTS, count), ask).await
    }
}

impl From<ExportTracePartialSuccess> for Partial {
    fn from(partial: ExportTracePartialSuccess) -> Partial {
        Partial { refused: partial.rejected_spans, why: partial.error_message }
    }
}

impl From<ExportLogsPartialSuccess> for Partial {
    fn from(partial: ExportLogsPartialSuccess) -> Partial {
        Partial { refused: partial.rejected_log_records, why: partial.error_message }
    }
}

impl From<ExportMetricsPartialSuccess> for Partial {
    fn from(partial: ExportMetricsPartialSuccess) -> Partial {
        Partial { refused: partial.rejected_data_points, why: partial.error_message }
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
