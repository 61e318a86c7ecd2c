//! Server streams that follow the head of the log and the clock: the one loop around them.
//!
//! What a stream sends is a [`Watch`]: [`repeated`] has those that repeat a report, and a service may
//! have one of its own that keeps what its client knows and sends what changed.

pub mod repeated;

use crate::{
    limits,
    pool::Room,
    rate::Origin,
    refusal::Refusal,
    revisions::{Wake, Wakes},
    services::Services,
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::{Response, Status};
use tracing::Instrument as _;

/// The stream of a watch call.
#[derive(Debug)]
pub struct Watching<T>(mpsc::Receiver<Result<Waiting<T>, Status>>);

/// A message that the transport has not taken yet, and the room it takes until then.
#[derive(Debug)]
struct Waiting<T> {
    message: T,
    _room: Room,
}

impl<T> Stream for Watching<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.0.poll_recv(context);
        next.map(|next| next.map(|next| next.map(|waiting| waiting.message)))
    }
}

/// What a stream sends, and what its client has.
pub trait Watch: Send + 'static {
    /// The protobuf message of the stream.
    type Message: prost::Message + 'static;

    /// Memory that the stream keeps between two messages, about, in bytes.
    fn bytes(&self) -> usize;

    /// The message to send now; `None` if there is nothing to say. There is one for the first wake.
    ///
    /// # Errors
    /// The refusal that ends the stream.
    fn next(
        &mut self,
        services: &Services,
        wake: Wake,
    ) -> impl Future<Output = Result<Option<Self::Message>, Refusal>> + Send;
}

/// Sends the first message at once, then whenever there is something to say. A slow client gets no
/// further message until it has taken the last one, and then what is true by then. The stream ends
/// with UNAVAILABLE when the server shuts down.
///
/// # Errors
/// The status of a refusal of the first message: an invalid request fails the call, not the stream.
/// [`Refusal::Overloaded`] if there are too many watchers, or no memory for another one.
pub async fn watch<W: Watch>(
    services: &Arc<Services>,
    caller: Option<Origin>,
    mut watch: W,
) -> Result<Response<Watching<W::Message>>, Status> {
    // Before the first message, so that nothing falls between it and the next one.
    let (wakes, place) = services.watch(caller)?;
    let mut room = services.watch_room();
    room.resize(watch.bytes())?;
    let first = watch.next(services, Wake::Changed).await?;
    let first = counted(services, (&watch, &mut room), first)?;
    let (sender, receiver) = mpsc::channel(1);
    let failed = sender.clone();
    let services = Arc::clone(services);
    let watching = async move {
        let _counted = place;
        follow(&services, (&mut watch, room), first, wakes, sender).await;
    };
    let watching = tokio::spawn(watching.in_current_span());
    tokio::spawn(async move {
        // Without this a panic would look like the end of the stream.
        if let Err(error) = watching.await {
            let failure = Refusal::Failed(format!("a watch ended: {error}"));
            let _client_gone = failed.send(Err(failure.into())).await;
        }
    });
    Ok(Response::new(Watching(receiver)))
}

/// A message with the room for it, after counting what the stream keeps now.
fn counted<W: Watch>(
    services: &Services,
    (watch, kept): (&W, &mut Room),
    message: Option<W::Message>,
) -> Result<Option<Waiting<W::Message>>, Refusal> {
    kept.resize(watch.bytes())?;
    let Some(message) = message else { return Ok(None) };
    let mut room = services.watch_room();
    room.resize(limits::DECODED_COPIES * prost::Message::encoded_len(&message))?;
    Ok(Some(Waiting { message, _room: room }))
}

/// Sends until the client leaves, a message is refused, or the server shuts down.
async fn follow<W: Watch>(
    services: &Services,
    (watch, mut room): (&mut W, Room),
    first: Option<Waiting<W::Message>>,
    mut wakes: Wakes,
    sender: mpsc::Sender<Result<Waiting<W::Message>, Status>>,
) {
    let mut next = Ok(first);
    loop {
        let is_last = next.is_err();
        if let Some(message) = next.map_err(Status::from).transpose()
            && sender.send(message).await.is_err()
        {
            return;
        }
        if is_last {
            return;
        }
        let wake = tokio::select! {
            wake = wakes.next() => wake,
            () = sender.closed() => return,
        };
        next = match wake {
            Wake::Stopping => Err(Refusal::ShuttingDown),
            Wake::Changed | Wake::Heartbeat => {
                let message = watch.next(services, wake).await;
                message.and_then(|message| counted(services, (&*watch, &mut room), message))
            }
        };
    }
}
