//! Sends the metrics of a server to a collector at an interval: the same values that a page of
//! `/metrics` shows, read in the same way.

use crate::{metrics::Metrics, telemetry::collector::Points};
use opentelemetry_sdk::error::OTelSdkResult;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Sends metrics.
#[derive(Debug)]
pub(crate) struct Push {
    exporter: Points,
    every: Duration,
    /// The metrics that are sent, and the task that does it; `None` before the server has started.
    following: Option<(Metrics, JoinHandle<()>)>,
}

impl Push {
    /// Sends nothing yet.
    pub(crate) fn new(exporter: Points, every: Duration) -> Push {
        Push { exporter, every, following: None }
    }

    /// Sends these from now on.
    pub(crate) fn follow(&mut self, metrics: Metrics) {
        let (exporter, every, source) = (self.exporter.clone(), self.every, metrics.clone());
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                // What is not taken is counted and said by the exporter.
                let _sent = send(&exporter, &source).await;
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
async fn send(exporter: &Points, metrics: &Metrics) -> OTelSdkResult {
    exporter.export(&metrics.collected()).await
}
