//! Sends the metrics of a server to a collector at an interval: the same values that a page of
//! `/metrics` shows, read in the same way.

use crate::metrics::Metrics;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::{error::OTelSdkResult, metrics::exporter::PushMetricExporter as _};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Sends metrics.
#[derive(Debug)]
pub(crate) struct Push {
    exporter: Arc<MetricExporter>,
    every: Duration,
    /// The metrics that are sent, and the task that does it; `None` before the server has started.
    following: Option<(Metrics, JoinHandle<()>)>,
}

impl Push {
    /// Sends nothing yet.
    pub(crate) fn new(exporter: MetricExporter, every: Duration) -> Push {
        Push { exporter: Arc::new(exporter), every, following: None }
    }

    /// Sends these from now on.
    pub(crate) fn follow(&mut self, metrics: Metrics) {
        let (exporter, every, source) = (Arc::clone(&self.exporter), self.every, metrics.clone());
        let task = tokio::spawn(async move {
            let mut is_failing = false;
            loop {
                tokio::time::sleep(every).await;
                let sent = send(&exporter, &source).await;
                // Said once until it works again.
                if let Err(error) = &sent
                    && !is_failing
                {
                    let cause = error.to_string();
                    tracing::warn!(cause, "metrics cannot be sent");
                }
                is_failing = sent.is_err();
            }
        });
        self.following = Some((metrics, task));
    }

    /// Sends the last values.
    pub(crate) async fn stop(self) -> OTelSdkResult {
        let Some((metrics, task)) = self.following else { return Ok(()) };
        task.abort();
        send(&self.exporter, &metrics).await
    }
}

/// Sums go on from the start of the process, so what was not sent is in what is sent next.
async fn send(exporter: &MetricExporter, metrics: &Metrics) -> OTelSdkResult {
    exporter.export(&metrics.collected()).await
}
