//! How a request is made of a collector: on the runtime, within one deadline, and again if the collector
//! was away for a moment.

use super::refused::{Kind, Partial};
use crate::limits;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, task::JoinSet, time::Instant};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Error},
};
use tonic_types::StatusExt as _;

/// A connection to a collector.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    channel: Channel,
    runtime: Handle,
    /// Whether the process ends, so that nothing is sent again.
    is_stopping: watch::Receiver<bool>,
}

impl Connection {
    /// The connection to a collector, made when it is first needed. Must be called on the runtime.
    ///
    /// # Errors
    /// If the endpoint is not valid.
    pub(crate) fn new(
        endpoint: &str,
        is_stopping: watch::Receiver<bool>,
    ) -> Result<Connection, Error> {
        let endpoint = Endpoint::from_shared(endpoint.to_owned())?;
        let channel = endpoint
            .connect_timeout(Duration::from_millis(limits::EXPORT_MS))
            .http2_keep_alive_interval(Duration::from_millis(limits::EXPORT_KEEPALIVE_MS))
            .keep_alive_timeout(Duration::from_millis(limits::EXPORT_KEEPALIVE_TIMEOUT_MS))
            // Not while it is idle: collectors in Go close a connection after four such pings.
            .keep_alive_while_idle(false)
            .connect_lazy();
        Ok(Connection { channel, runtime: Handle::current(), is_stopping })
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
        let is_stopping = self.is_stopping.clone();
        let sent = async move {
            kind.say_dropped();
            kind.ended(count, answer_of(ask, is_stopping).await)
        };
        task.spawn_on(sent, &self.runtime);
        match task.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => kind.ended(count, Err(Status::internal(error.to_string()))),
            None => Err(OTelSdkError::InternalFailure("no request was made".to_owned())),
        }
    }
}

/// The answer to a request, which is sent again as the exporters of `opentelemetry-otlp` do.
async fn answer_of<T, F>(
    ask: impl Fn() -> F,
    mut is_stopping: watch::Receiver<bool>,
) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let ends_at = Instant::now() + Duration::from_millis(limits::EXPORT_MS);
    let mut answer = attempt(ends_at, ask()).await;
    for retry in 0..limits::EXPORT_RETRIES {
        let Some(least) = answer.as_ref().err().and_then(pause_of) else { break };
        let pause = least.max(backoff(retry));
        // A collector may ask for any pause, also one that no clock can add.
        let left = ends_at.saturating_duration_since(Instant::now());
        if left <= pause || ends_within(pause, &mut is_stopping).await {
            break;
        }
        answer = attempt(ends_at, ask()).await;
    }
    answer
}

/// How long a collector asks to wait before a request is sent again; `None` if it must not be. The codes
/// are those of OTLP's specification, which says of RESOURCE_EXHAUSTED that it is for good without a
/// delay.
fn pause_of(status: &Status) -> Option<Duration> {
    let asked = || status.get_details_retry_info().and_then(|info| info.retry_delay);
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Some(asked().unwrap_or_default()),
        Code::ResourceExhausted => asked(),
        _ => None,
    }
}

/// The pause before a retry: twice the one before, and a random part, so that many servers do not come
/// back at once.
fn backoff(retry: u32) -> Duration {
    let jitter = RandomState::new().hash_one(retry) % (limits::EXPORT_RETRY_MS + 1);
    Duration::from_millis((limits::EXPORT_RETRY_MS << retry) + jitter)
}

/// Waits; whether the process began to end meanwhile.
async fn ends_within(pause: Duration, is_stopping: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = is_stopping.wait_for(|is_stopping| *is_stopping) => true,
        () = tokio::time::sleep(pause) => false,
    }
}

/// One attempt. The head of an answer may come without the rest, so the deadline is for all of it.
async fn attempt<T>(
    ends_at: Instant,
    asked: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    tokio::time::timeout_at(ends_at, asked).await.unwrap_or_else(|_| {
        Err(Status::deadline_exceeded(format!("no answer within {} ms", limits::EXPORT_MS)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tonic_types::ErrorDetails;

    /// Asks a collector that answers with these statuses, and then that all is well. Returns the number
    /// of requests, the time that they took, and the code of the last answer.
    async fn ask(
        statuses: Vec<Status>,
        is_stopping: watch::Receiver<bool>,
    ) -> (usize, Duration, Option<Code>) {
        let (asked, began) = (Cell::new(0), Instant::now());
        let answer = answer_of(
            || {
                let at = asked.replace(asked.get() + 1);
                std::future::ready(statuses.get(at).cloned().map_or(Ok(()), Err))
            },
            is_stopping,
        );
        let code = answer.await.err().map(|status| status.code());
        (asked.get(), began.elapsed(), code)
    }

    fn after(code: Code, delay: Duration) -> Status {
        Status::with_error_details(code, "later", ErrorDetails::with_retry_info(Some(delay)))
    }

    #[tokio::test]
    async fn the_codes_of_the_specification_are_sent_again_and_no_others() {
        // https://opentelemetry.io/docs/specs/otlp/#failures
        let retryable = [1, 4, 10, 11, 14, 15];
        let (_serving, is_stopping) = watch::channel(false);
        for code in 1..=16 {
            let status = Status::new(Code::from_i32(code), "no");
            let (asked, _, _) = ask(vec![status], is_stopping.clone()).await;
            assert_eq!(asked, if retryable.contains(&code) { 2 } else { 1 }, "{code}");
        }
        let delayed = after(Code::ResourceExhausted, Duration::from_secs(3));
        let (asked, took, code) = ask(vec![delayed], is_stopping).await;
        assert_eq!((asked, code), (2, None));
        assert!(Duration::from_secs(3) <= took, "{took:?}");
    }

    /// A RetryInfo with a delay of i64::MAX seconds, as a collector may spell it: a `google.rpc.Status`
    /// (code 14) with one detail, whose value is a message with a `Duration`.
    #[tokio::test]
    async fn a_pause_that_no_clock_can_add_ends_the_attempts() {
        let of = |tag: u8, value: &[u8]| [&[tag, value.len() as u8][..], value].concat();
        let seconds = [&[0x08][..], &[0xff; 8], &[0x7f]].concat();
        let retry = of(0x0a, &seconds);
        let url = b"type.googleapis.com/google.rpc.RetryInfo";
        let detail = [of(0x0a, url), of(0x12, &retry)].concat();
        let details = [&[0x08, 14][..], &of(0x1a, &detail)].concat();
        let status = Status::with_details(Code::Unavailable, "later", details.into());
        let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert!(Some(Duration::from_secs(u64::MAX >> 2)) < delay, "{delay:?}");
        let (_serving, is_stopping) = watch::channel(false);
        let (asked, _, code) = ask(vec![status], is_stopping).await;
        assert_eq!((asked, code), (1, Some(Code::Unavailable)));
    }

    #[tokio::test]
    async fn a_collector_that_stays_away_is_asked_four_times_within_the_deadline() {
        let away = || vec![Status::unavailable("away"); 10];
        let (stop, is_stopping) = watch::channel(false);
        let (asked, took, code) = ask(away(), is_stopping.clone()).await;
        assert_eq!((asked, code), (4, Some(Code::Unavailable)));
        // 100, 200 and 400 ms, and a random part.
        assert!(Duration::from_millis(700) <= took, "{took:?}");
        // What it asks for is longer than the whole deadline.
        let long = after(Code::Unavailable, Duration::from_secs(60));
        assert_eq!(ask(vec![long], is_stopping.clone()).await.0, 1);
        stop.send_replace(true);
        assert_eq!(ask(away(), is_stopping).await.0, 1);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_ends_at_the_deadline() {
        let (_serving, is_stopping) = watch::channel(false);
        let began = Instant::now();
        let answer = answer_of(std::future::pending::<Result<(), Status>>, is_stopping).await;
        assert_eq!(answer.unwrap_err().code(), Code::DeadlineExceeded);
        let late = began.elapsed() - Duration::from_millis(limits::EXPORT_MS);
        assert!(late < Duration::from_millis(2_000), "{late:?}");
    }
}
