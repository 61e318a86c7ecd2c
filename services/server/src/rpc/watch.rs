//! Server streams that repeat an answer whenever it may have changed: the latest state, never a backlog.

use crate::{revisions::Wake, rpc::status::Refusal, services::Services};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument as _;

/// The stream of a watch call.
pub type Watching<T> = ReceiverStream<Result<T, Status>>;

/// Answers at once, then whenever `answer` may have changed. `answer` is called with the reason to
/// look again and gives a message to send, or none where nothing a client can notice changed. A
/// client that reads slowly is asked for again only when it took the last message, and then gets the
/// latest. The stream ends with UNAVAILABLE when the server goes away.
///
/// # Errors
/// [`Refusal::Overloaded`] where there are too many watchers.
pub fn watch<T, Answer>(
    services: &Arc<Services>,
    mut answer: impl FnMut(Wake) -> Answer + Send + 'static,
) -> Result<Watching<T>, Refusal>
where
    T: Send + 'static,
    Answer: Future<Output = Result<Option<T>, Refusal>> + Send,
{
    let (mut wakes, permit) = services.watch()?;
    let (sender, receiver) = mpsc::channel(1);
    let failed = sender.clone();
    let watching = async move {
        let _counted = permit;
        let mut wake = Wake::Changed;
        loop {
            let message = match wake {
                Wake::Stopping => Err(Refusal::ShuttingDown),
                Wake::Changed | Wake::Heartbeat => answer(wake).await,
            };
            let (last, sent) = match message {
                Ok(None) => (false, Ok(())),
                Ok(Some(message)) => (false, sender.send(Ok(message)).await),
                Err(refusal) => (true, sender.send(Err(refusal.into())).await),
            };
            if last || sent.is_err() {
                break;
            }
            wake = tokio::select! {
                wake = wakes.next() => wake,
                () = sender.closed() => break,
            };
        }
    };
    let watching = tokio::spawn(watching.in_current_span());
    tokio::spawn(async move {
        // Without this a panic would look like the end of the stream.
        if let Err(error) = watching.await {
            let failure = Refusal::Failed(format!("a watch ended: {error}"));
            let _client_gone = failed.send(Err(failure.into())).await;
        }
    });
    Ok(ReceiverStream::new(receiver))
}
