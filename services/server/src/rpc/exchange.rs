//! Bidirectional streams: many items in, one outcome for each, in the order of arrival.
//!
//! Unlike a [watch](super::watch), the client sends work, and the stream ends when the work is
//! done. A handler reads the first message, which holds the settings of all items (one view, the
//! options), makes an [`Exchange`] of it and passes the rest of the stream to [`exchange`]:
//!
//! - A bounded number of items, with bounded bytes, is in flight. The next one is read when there is
//!   room, and an outcome is sent only when the client takes it, so a slow client slows only its own
//!   stream. What is in flight counts among the requests of its connection and of the server. An item
//!   waits for room there as long as older ones of its stream are in flight, or as items of its
//!   connection [move](crate::pool::Nested), because these will leave room; after that it is refused.
//!   No other is read meanwhile. The item that waits is not decoded, which can take ten times its
//!   bytes; until then these count. An outcome that nobody has taken holds the room of its item.
//! - Outcomes keep the order of arrival and carry the tag of their item. Completion order would
//!   send some of them earlier, but two calls with the same items would not get the same bytes.
//! - If an item is refused, or its computation panics, its outcome reports that. Later items are
//!   still answered.
//! - If the client leaves, items in flight are cancelled. The computation of an item that has begun
//!   on the compute pool runs to its end, as for any call.
//! - At the deadline of its call a stream ends, also if the client takes no outcome: nothing more is
//!   read, and items in flight are cancelled.
//! - When the server shuts down, no further item is read. Those in flight are answered, and the
//!   stream ends with UNAVAILABLE.

use crate::{
    line::{Handling, Line},
    patience,
    phase::Phase,
    pool::{Admitted, Nested},
    refusal::Refusal,
};
use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tracing::Instrument as _;

/// The stream of outcomes.
#[derive(Debug)]
pub struct Outcomes<T>(mpsc::Receiver<Sent<T>>);

/// An outcome on its way to the transport, or the end of its stream.
#[derive(Debug)]
struct Sent<T> {
    outcome: Result<T, Status>,
    /// What its item holds until the transport encodes it: a decoded answer of a large book takes
    /// megabytes.
    _held: Option<Admitted>,
}

impl<T> Sent<T> {
    fn end(status: impl Into<Status>) -> Sent<T> {
        Sent { outcome: Err(status.into()), _held: None }
    }
}

impl<T> Stream for Outcomes<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|sent| sent.map(|sent| sent.outcome))
    }
}

/// Answers each item of a bidirectional stream; its fields hold for all items.
pub trait Exchange: Send + Sync + 'static {
    /// A message that the client sends, undecoded.
    type Message: Send + 'static;
    /// The same, decoded.
    type Item: Send + 'static;
    /// The client's tag of an item, which identifies its outcome.
    type Tag: Send + 'static;
    /// The result of an item that is not refused.
    type Report: Send + 'static;
    /// A message sent to the client.
    type Outcome: Send + 'static;

    /// What a message takes, found without decoding it.
    fn size(&self, message: &Self::Message) -> Size;

    /// Decodes a message.
    ///
    /// # Errors
    /// The status that ends the stream, if it is not an item.
    fn decode(&self, message: Self::Message) -> Result<Self::Item, Status>;

    /// The tag of an item.
    fn tag(&self, item: &Self::Item) -> Self::Tag;

    /// The tag of an item that is refused and not decoded.
    fn tag_of_message(&self, message: &Self::Message) -> Self::Tag;

    /// Answers one item.
    fn answer(
        &self,
        item: Self::Item,
    ) -> impl Future<Output = Result<Self::Report, Refusal>> + Send;

    /// The message with the outcome of an item.
    fn outcome(&self, tag: Self::Tag, answered: Result<Self::Report, Refusal>) -> Self::Outcome;
}

/// Memory of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// As it was received, bytes.
    pub received: usize,
    /// Decoded and with its answer, about, bytes.
    pub in_flight: usize,
}

/// What may be in flight at once.
#[derive(Clone, Debug)]
pub struct Room {
    /// Number of items.
    pub items: NonZeroUsize,
    /// Their bytes: no further item is read while those in flight have as many.
    pub bytes: usize,
    /// Where they count beside requests; `None` outside of a connection.
    pub memory: Option<Nested>,
    /// The connection, which a drain does not cut while an item waits or is being answered.
    pub line: Option<Arc<Line>>,
}

/// Answers the items of a stream, as many at once as there is room for, until the stream ends,
/// breaks, its call's deadline passes, or the server shuts down. An item counts as in flight until
/// the transport has taken its outcome.
pub fn exchange<X: Exchange>(
    exchange: X,
    messages: impl Stream<Item = Result<X::Message, Status>> + Send + 'static,
    room: Room,
    phase: watch::Receiver<Phase>,
) -> Outcomes<X::Outcome> {
    let (sender, receiver) = mpsc::channel(1);
    let failed = sender.clone();
    // Found here, because the tasks of a call do not know its deadline.
    let ends_at = patience::left().map(|left| Instant::now() + left);
    let answering = async move {
        let (exchange, in_flight) = (Arc::new(exchange), VecDeque::new());
        let mut answering = Answering { exchange, in_flight, waiting: None, room };
        let messages = pin!(messages);
        tokio::select! {
            () = answering.all(messages, phase, &sender) => None,
            // Dropping the tasks cancels the items in flight.
            () = sender.closed() => None,
            // The body of the answer ends by itself, but only when it is asked for more, which a
            // client that does not read can put off.
            () = passed(ends_at) => Some(Refusal::DeadlineExceeded),
        }
    };
    let answering = tokio::spawn(answering.in_current_span());
    tokio::spawn(async move {
        // Without this a panic, or a deadline, would look like the end of the stream.
        let failure = match answering.await {
            Ok(ended) => ended,
            Err(error) => Some(Refusal::Failed(format!("an exchange ended: {error}"))),
        };
        if let Some(failure) = failure {
            let _client_gone = failed.send(Sent::end(failure)).await;
        }
    });
    Outcomes(receiver)
}

/// The items in flight, the oldest first.
struct Answering<X: Exchange> {
    exchange: Arc<X>,
    in_flight: VecDeque<InFlight<X>>,
    /// The item that was read last, until it has room.
    waiting: Option<Waiting<X::Message>>,
    room: Room,
}

/// An item that waits for room.
struct Waiting<Message> {
    message: Message,
    size: Size,
    working: Option<Handling>,
    room: Pin<Box<dyn Future<Output = Result<Option<Admitted>, Refusal>> + Send>>,
}

/// An item in flight.
struct InFlight<X: Exchange> {
    tag: X::Tag,
    bytes: usize,
    task: Task<X::Report>,
    /// Released when the transport has taken the outcome.
    held: Option<Admitted>,
}

/// The computation of an item; it ends when this is dropped.
struct Task<T>(JoinHandle<Result<T, Refusal>>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The next event on a stream.
enum Event<Message, Report> {
    /// The client sent an item, or `None` at its end.
    Arrived(Option<Result<Message, Status>>),
    /// The item that waited has room, or waited in vain.
    Admitted(Result<Option<Admitted>, Refusal>),
    /// The oldest item is answered.
    Answered(Result<Report, Refusal>),
    /// The server is shutting down.
    Stopping,
}

impl<X: Exchange> Answering<X> {
    /// Reads and answers items; returns when the last message was sent.
    async fn all(
        &mut self,
        mut messages: Pin<&mut impl Stream<Item = Result<X::Message, Status>>>,
        mut phase: watch::Receiver<Phase>,
        sender: &mpsc::Sender<Sent<X::Outcome>>,
    ) {
        let mut end = None;
        while end.is_none() || !self.in_flight.is_empty() || self.waiting.is_some() {
            let reads = end.is_none() && self.waiting.is_none() && self.has_room();
            let room = self.waiting.as_mut().map(|waiting| &mut waiting.room);
            let oldest = self.in_flight.front_mut().map(|item| &mut item.task);
            let event = tokio::select! {
                biased;
                _ = phase.wait_for(|phase| Phase::Draining <= *phase), if end.is_none() => {
                    Event::Stopping
                }
                answered = answered(oldest) => Event::Answered(answered),
                admitted = admitted(room) => Event::Admitted(admitted),
                message = messages.next(), if reads => Event::Arrived(message),
            };
            match event {
                Event::Stopping => end = Some(Err(Refusal::ShuttingDown.into())),
                Event::Arrived(Some(Ok(message))) => self.wait(message),
                Event::Admitted(Err(_)) if self.may_leave_room() => self.wait_again(),
                Event::Admitted(admitted) => {
                    end = self.begin(admitted).map_or_else(|status| Some(Err(status)), |()| end);
                }
                Event::Arrived(Some(Err(status))) => end = Some(Err(status)),
                Event::Arrived(None) => end = Some(Ok(())),
                Event::Answered(answered) => {
                    let Some(InFlight { tag, held, .. }) = self.in_flight.pop_front() else {
                        continue;
                    };
                    let outcome = Ok(self.exchange.outcome(tag, answered));
                    let _client_gone = sender.send(Sent { outcome, _held: held }).await;
                }
            }
        }
        if let Some(Err(status)) = end {
            let _client_gone = sender.send(Sent::end(status)).await;
        }
    }

    fn has_room(&self) -> bool {
        let bytes: usize = self.in_flight.iter().map(|item| item.bytes).sum();
        self.in_flight.len() < self.room.items.get() && bytes < self.room.bytes
    }

    fn wait(&mut self, message: X::Message) {
        let (size, memory) = (self.exchange.size(&message), self.room.memory.clone());
        let received = memory.map(|memory| (memory.received(size.received), memory));
        let room = Box::pin(async move {
            match received {
                Some((item, memory)) => memory.wait_for(item, size.in_flight).await.map(Some),
                None => Ok(None),
            }
        });
        let working = self.room.line.as_ref().map(Line::working);
        self.waiting = Some(Waiting { message, size, working, room });
    }

    fn wait_again(&mut self) {
        if let Some(Waiting { message, .. }) = self.waiting.take() {
            self.wait(message);
        }
    }

    /// Whether the item that waits fits once the older ones have left.
    fn may_leave_room(&self) -> bool {
        let memory = self.room.memory.as_ref().zip(self.waiting.as_ref());
        let fits = memory.is_none_or(|(memory, item)| memory.fits(item.size.in_flight).is_ok());
        fits && !self.in_flight.is_empty()
    }

    /// Begins the item that waited, or its refusal.
    ///
    /// # Errors
    /// The status that ends the stream, if the message is not an item.
    fn begin(&mut self, admitted: Result<Option<Admitted>, Refusal>) -> Result<(), Status> {
        let Some(Waiting { message, size, working, .. }) = self.waiting.take() else {
            return Ok(());
        };
        let exchange = Arc::clone(&self.exchange);
        let (tag, held, work) = match admitted {
            Ok(held) => {
                let item = exchange.decode(message)?;
                (exchange.tag(&item), held, Ok(item))
            }
            Err(refusal) => (exchange.tag_of_message(&message), None, Err(refusal)),
        };
        let bytes = if work.is_ok() { size.in_flight } else { 0 };
        // A refusal is no movement: others that wait in vain would wait as long again after each.
        let moving = self.room.memory.as_ref().filter(|_| work.is_ok()).map(Nested::working);
        let working = (working, moving);
        let answer = async move {
            let _working = working;
            exchange.answer(work?).await
        };
        let task = Task(tokio::spawn(answer.in_current_span()));
        self.in_flight.push_back(InFlight { tag, bytes, task, held });
        Ok(())
    }
}

/// Resolves at a time; never without one.
async fn passed(at: Option<Instant>) {
    match at {
        None => std::future::pending().await,
        Some(at) => tokio::time::sleep_until(at).await,
    }
}

/// Resolves when an item that waits has room, or has waited in vain; never if none waits.
async fn admitted<T>(room: Option<&mut Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match room {
        None => std::future::pending().await,
        Some(room) => room.await,
    }
}

/// Resolves when the oldest item is answered; never if there is none.
async fn answered<T>(oldest: Option<&mut Task<T>>) -> Result<T, Refusal> {
    match oldest {
        None => std::future::pending().await,
        Some(Task(work)) => match work.await {
            Ok(answered) => answered,
            Err(error) => Err(Refusal::Failed(format!("an item ended: {error}"))),
        },
    }
}

#[cfg(test)]
mod tests;
