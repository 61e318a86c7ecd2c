//! How a request is made of a collector: on the runtime, within one deadline.

use super::refused::{Kind, Partial};
use crate::limits;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use std::time::Duration;
use tokio::{runtime::Handle, task::JoinSet, time::Instant};
use tonic::{
    Status,
    transport::{Channel, Endpoint, Error},
};

/// A connection to a collector.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    channel: Channel,
    runtime: Handle,
}

impl Connection {
    /// The connection to a collector, made when it is first needed. Must be called on the runtime.
    ///
    /// # Errors
    /// If the endpoint is not valid.
    pub(crate) fn new(endpoint: &str) -> Result<Connection, Error> {
        let endpoint = Endpoint::from_shared(endpoint.to_owned())?;
        let channel =
            endpoint.connect_timeout(Duration::from_millis(limits::EXPORT_MS)).connect_lazy();
        Ok(Connection { channel, runtime: Handle::current() })
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Sends so many items of a kind, and counts and says what is not taken. Ends after
    /// [`limits::EXPORT_MS`].
    ///
    /// The request runs in a task of the runtime: the SDK's threads, which wait for it, have no timers,
    /// and what is logged on them is never exported.
    pub(super) async fn send<F>(
        &self,
        (kind, count): (&'static Kind, usize),
        ask: impl Fn() -> F + Send + 'static,
    ) -> OTelSdkResult
    where
        F: Future<Output = Result<Option<Partial>, Status>> + Send + 'static,
    {
        // A set, because its task ends when the caller leaves.
        let mut task = JoinSet::new();
        let sent = async move { kind.ended(count, answer_of(ask).await) };
        task.spawn_on(sent, &self.runtime);
        match task.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => Err(OTelSdkError::InternalFailure(error.to_string())),
            None => Err(OTelSdkError::InternalFailure("no request was made".to_owned())),
        }
    }
}

/// The answer to a request.
async fn answer_of<T, F>(ask: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let ends_at = Instant::now() + Duration::from_millis(limits::EXPORT_MS);
    attempt(ends_at, &ask).await
}

/// One attempt. The head of an answer may come without the rest, so the deadline is for all of it.
async fn attempt<T, F>(ends_at: Instant, ask: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    tokio::time::timeout_at(ends_at, ask()).await.unwrap_or_else(|_| {
        Err(Status::deadline_exceeded(format!("no answer within {} ms", limits::EXPORT_MS)))
    })
}
