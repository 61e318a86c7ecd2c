//! Server streams that repeat an answer whenever it may have changed: the latest state, never a
//! backlog.
//!
//! A watch is a [`Query`] whose answer holds a report with an id. Each report is sent once; a
//! heartbeat means that the client's report is still current.

use crate::{
    refusal::Refusal,
    revisions::{Wake, Wakes},
    rpc::query::{Query, respond},
    services::Services,
};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

/// The stream of a watch call.
pub type Watching<T> = ReceiverStream<Result<T, Status>>;

/// A query that can be watched.
pub trait Watch: Query + Clone {
    /// The id of the report that the client has; empty if it has none.
    fn last_seen(&self) -> &str;

    /// The id of the report in an answer.
    fn report_id(response: &Self::Response) -> &str;

    /// The answer without its report.
    fn heartbeat(response: Self::Response) -> Self::Response;
}

/// Answers at once, then whenever the answer may have changed. A slow client gets no further
/// message until it has taken the last one, and then the latest. The stream ends with UNAVAILABLE
/// when the server shuts down.
///
/// # Errors
/// The status of a refusal by [`Query`]: an invalid request fails the call, not the stream.
/// [`Refusal::Overloaded`] if there are too many watchers.
pub async fn watch<Q: Watch>(
    services: &Arc<Services>,
    request: Request<Q::Request>,
) -> Result<Response<Watching<Q::Response>>, Status> {
    let query = Q::from_proto(request.into_inner())?;
    // Only checks the request; it is not the first message, because the head may move before the
    // subscription begins.
    respond(services, query.clone()).await?;
    let (wakes, permit) = services.watch()?;
    let (sender, receiver) = mpsc::channel(1);
    let failed = sender.clone();
    let services = Arc::clone(services);
    let watching = async move {
        let _counted = permit;
        follow(&services, &query, wakes, sender).await;
    };
    let watching = tokio::spawn(watching.in_current_span());
    tokio::spawn(async move {
        // Without this a panic would look like the end of the stream.
        if let Err(error) = watching.await {
            let failure = Refusal::Failed(format!("a watch ended: {error}"));
            let _client_gone = failed.send(Err(failure.into())).await;
        }
    });
    Ok(Response::new(ReceiverStream::new(receiver)))
}

/// Sends until the client leaves, an answer is refused, or the server shuts down.
async fn follow<Q: Watch>(
    services: &Services,
    query: &Q,
    mut wakes: Wakes,
    sender: mpsc::Sender<Result<Q::Response, Status>>,
) {
    let mut seen = Seen { report_id: query.last_seen().to_owned(), was_silent: true };
    let mut wake = Wake::Changed;
    loop {
        let answer = match wake {
            Wake::Stopping => Err(Refusal::ShuttingDown),
            Wake::Changed | Wake::Heartbeat => respond(services, query.clone()).await,
        };
        let is_last = answer.is_err();
        let message = match answer {
            Ok(response) => seen.message::<Q>(response, wake).map(Ok),
            Err(refusal) => Some(Err(refusal.into())),
        };
        if let Some(message) = message
            && sender.send(message).await.is_err()
        {
            return;
        }
        if is_last {
            return;
        }
        wake = tokio::select! {
            wake = wakes.next() => wake,
            () = sender.closed() => return,
        };
    }
}

/// State of the client of a stream.
#[derive(Debug)]
struct Seen {
    report_id: String,
    /// Whether nothing was sent yet: even a client that is up to date gets a first message.
    was_silent: bool,
}

/// The message that an answer becomes on the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Report,
    Heartbeat,
    Nothing,
}

impl Seen {
    fn message<Q: Watch>(&mut self, response: Q::Response, wake: Wake) -> Option<Q::Response> {
        match self.next(Q::report_id(&response), wake) {
            Message::Report => Some(response),
            Message::Heartbeat => Some(Q::heartbeat(response)),
            Message::Nothing => None,
        }
    }

    fn next(&mut self, report_id: &str, wake: Wake) -> Message {
        let was_silent = std::mem::take(&mut self.was_silent);
        if self.report_id != report_id {
            report_id.clone_into(&mut self.report_id);
            return Message::Report;
        }
        match wake {
            Wake::Changed if !was_silent => Message::Nothing,
            Wake::Changed | Wake::Heartbeat | Wake::Stopping => Message::Heartbeat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_sent_once() {
        let mut seen = Seen { report_id: String::new(), was_silent: true };
        assert_eq!(seen.next("a", Wake::Changed), Message::Report);
        assert_eq!(seen.next("a", Wake::Changed), Message::Nothing);
        assert_eq!(seen.next("a", Wake::Heartbeat), Message::Heartbeat);
        assert_eq!(seen.next("b", Wake::Changed), Message::Report);
        assert_eq!(seen.next("b", Wake::Changed), Message::Nothing);
    }

    #[test]
    fn a_client_that_is_up_to_date_gets_a_heartbeat_at_first() {
        let mut seen = Seen { report_id: "a".to_owned(), was_silent: true };
        assert_eq!(seen.next("a", Wake::Changed), Message::Heartbeat);
        assert_eq!(seen.next("a", Wake::Changed), Message::Nothing);
    }
}
