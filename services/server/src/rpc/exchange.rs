//! Bidirectional streams: many items in, one outcome for each, in the order of arrival.
//!
//! Unlike a [watch](super::watch), the client sends work, and the stream ends when the work is
//! done. A handler reads the first message, which holds the settings of all items (one view, the
//! options), makes an [`Exchange`] of it and passes the rest of the stream to [`exchange`]:
//!
//! - A bounded number of items, with bounded bytes, is in flight. The next one is read when there is
//!   room, and an outcome is sent only when the client takes it, so a slow client slows only its own
//!   stream. What is in flight counts among the requests of its connection and of the server; an item
//!   that waits a moment in vain for room there is refused, and no other is read meanwhile.
//! - Outcomes keep the order of arrival and carry the tag of their item. Completion order would
//!   send some of them earlier, but two calls with the same items would not get the same bytes.
//! - If an item is refused, or its computation panics, its outcome reports that. Later items are
//!   still answered.
//! - If the client leaves, items in flight are cancelled. The computation of an item that has begun
//!   on the compute pool runs to its end, as for any call.
//! - When the server shuts down, no further item is read. Those in flight are answered, and the
//!   stream ends with UNAVAILABLE.

use crate::{
    phase::Phase,
    pool::{Room as Held, Share},
    refusal::Refusal,
};
use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::Arc,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::Status;
use tracing::Instrument as _;

/// The stream of outcomes.
pub type Outcomes<T> = ReceiverStream<Result<T, Status>>;

/// Answers each item of a bidirectional stream; its fields hold for all items.
pub trait Exchange: Send + Sync + 'static {
    /// A message that the client sends.
    type Item: Send + 'static;
    /// The client's tag of an item, which identifies its outcome.
    type Tag: Send + 'static;
    /// The result of an item that is not refused.
    type Report: Send + 'static;
    /// A message sent to the client.
    type Outcome: Send + 'static;

    /// The tag of an item.
    fn tag(&self, item: &Self::Item) -> Self::Tag;

    /// Answers one item.
    fn answer(
        &self,
        item: Self::Item,
    ) -> impl Future<Output = Result<Self::Report, Refusal>> + Send;

    /// Memory that an item takes while it is in flight, about, in bytes.
    fn bytes(&self, item: &Self::Item) -> usize;

    /// The message with the outcome of an item.
    fn outcome(&self, tag: Self::Tag, answered: Result<Self::Report, Refusal>) -> Self::Outcome;
}

/// What may be in flight at once.
#[derive(Clone, Debug)]
pub struct Room {
    /// Number of items.
    pub items: NonZeroUsize,
    /// Their bytes: no further item is read while those in flight have as many.
    pub bytes: usize,
    /// Where they count beside requests; `None` outside of a connection.
    pub memory: Option<Share>,
}

/// Answers the items of a stream, as many at once as there is room for, until the stream ends,
/// breaks, or the server shuts down. An item counts as in flight until the transport has taken its
/// outcome.
pub fn exchange<X: Exchange>(
    exchange: X,
    items: impl Stream<Item = Result<X::Item, Status>> + Send + 'static,
    room: Room,
    phase: watch::Receiver<Phase>,
) -> Outcomes<X::Outcome> {
    let (sender, receiver) = mpsc::channel(1);
    let failed = sender.clone();
    let answering = async move {
        let (exchange, in_flight) = (Arc::new(exchange), VecDeque::new());
        let mut answering = Answering { exchange, in_flight, waiting: None, room };
        let items = pin!(items);
        tokio::select! {
            () = answering.all(items, phase, &sender) => {}
            // Dropping the tasks cancels the items in flight.
            () = sender.closed() => {}
        }
    };
    let answering = tokio::spawn(answering.in_current_span());
    tokio::spawn(async move {
        // Without this a panic would look like the end of the stream.
        if let Err(error) = answering.await {
            let failure = Refusal::Failed(format!("an exchange ended: {error}"));
            let _client_gone = failed.send(Err(failure.into())).await;
        }
    });
    ReceiverStream::new(receiver)
}

/// The items in flight, the oldest first.
struct Answering<X: Exchange> {
    exchange: Arc<X>,
    in_flight: VecDeque<InFlight<X>>,
    /// The item that was read last, until it has room.
    waiting: Option<Waiting<X::Item>>,
    room: Room,
}

/// An item that waits for room.
struct Waiting<Item> {
    item: Item,
    bytes: usize,
    room: Pin<Box<dyn Future<Output = Result<Option<Held>, Refusal>> + Send>>,
}

/// An item in flight.
struct InFlight<X: Exchange> {
    tag: X::Tag,
    bytes: usize,
    task: Task<X::Report>,
    /// Released when the transport has taken the outcome.
    _held: Option<Held>,
}

/// The computation of an item; it ends when this is dropped.
struct Task<T>(JoinHandle<Result<T, Refusal>>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The next event on a stream.
enum Event<Item, Report> {
    /// The client sent an item, or `None` at its end.
    Arrived(Option<Result<Item, Status>>),
    /// The item that waited has room, or waited in vain.
    Admitted(Result<Option<Held>, Refusal>),
    /// The oldest item is answered.
    Answered(Result<Report, Refusal>),
    /// The server is shutting down.
    Stopping,
}

impl<X: Exchange> Answering<X> {
    /// Reads and answers items; returns when the last message was sent.
    async fn all(
        &mut self,
        mut items: Pin<&mut impl Stream<Item = Result<X::Item, Status>>>,
        mut phase: watch::Receiver<Phase>,
        sender: &mpsc::Sender<Result<X::Outcome, Status>>,
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
                item = items.next(), if reads => Event::Arrived(item),
            };
            match event {
                Event::Stopping => end = Some(Err(Refusal::ShuttingDown.into())),
                Event::Arrived(Some(Ok(item))) => self.wait(item),
                Event::Admitted(admitted) => self.begin(admitted),
                Event::Arrived(Some(Err(status))) => end = Some(Err(status)),
                Event::Arrived(None) => end = Some(Ok(())),
                Event::Answered(answered) => {
                    let Some(InFlight { tag, _held, .. }) = self.in_flight.pop_front() else {
                        continue;
                    };
                    let _client_gone = sender.send(Ok(self.exchange.outcome(tag, answered))).await;
                }
            }
        }
        if let Some(Err(status)) = end {
            let _client_gone = sender.send(Err(status)).await;
        }
    }

    fn has_room(&self) -> bool {
        let bytes: usize = self.in_flight.iter().map(|item| item.bytes).sum();
        self.in_flight.len() < self.room.items.get() && bytes < self.room.bytes
    }

    fn wait(&mut self, item: X::Item) {
        let (bytes, memory) = (self.exchange.bytes(&item), self.room.memory.clone());
        let room = Box::pin(async move {
            match memory {
                Some(memory) => memory.wait_for(bytes).await.map(Some),
                None => Ok(None),
            }
        });
        self.waiting = Some(Waiting { item, bytes, room });
    }

    fn begin(&mut self, admitted: Result<Option<Held>, Refusal>) {
        let Some(Waiting { item, bytes, .. }) = self.waiting.take() else { return };
        let (tag, exchange) = (self.exchange.tag(&item), Arc::clone(&self.exchange));
        let (held, work) = match admitted {
            Ok(held) => (held, Ok(item)),
            Err(refusal) => (None, Err(refusal)),
        };
        let bytes = if work.is_ok() { bytes } else { 0 };
        let answer = async move { exchange.answer(work?).await };
        let task = Task(tokio::spawn(answer.in_current_span()));
        self.in_flight.push_back(InFlight { tag, bytes, task, _held: held });
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
mod tests {
    use super::*;
    use crate::{limits, pool::Pool};
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };
    use tokio::sync::Semaphore;

    /// How long a test waits for an expected event.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// The events that a test observes.
    #[derive(Debug, Default)]
    struct Seen {
        now: AtomicUsize,
        most: AtomicUsize,
        begun: AtomicUsize,
        done: Mutex<Vec<u32>>,
    }

    /// Decrements the number of items in flight, also if an item is cancelled.
    struct Running(Arc<Seen>);

    impl Drop for Running {
        fn drop(&mut self) {
            self.0.now.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Doubles numbers: 13 is refused, 14 panics, and each waits for the gate of its number.
    struct Doubling {
        seen: Arc<Seen>,
        gates: Arc<[Semaphore]>,
    }

    impl Exchange for Doubling {
        type Item = u32;
        type Tag = String;
        type Report = u32;
        type Outcome = (String, Option<u32>);

        fn tag(&self, item: &u32) -> String {
            format!("item {item}")
        }

        async fn answer(&self, item: u32) -> Result<u32, Refusal> {
            let now = self.seen.now.fetch_add(1, Ordering::SeqCst) + 1;
            let running = Running(Arc::clone(&self.seen));
            self.seen.most.fetch_max(now, Ordering::SeqCst);
            self.seen.begun.fetch_add(1, Ordering::SeqCst);
            let _open = self.gates[item as usize].acquire().await.unwrap();
            self.seen.done.lock().unwrap().push(item);
            drop(running);
            match item {
                13 => Err(Refusal::PageToken),
                14 => panic!("a fault of an item"),
                item => Ok(2 * item),
            }
        }

        fn bytes(&self, _: &u32) -> usize {
            10
        }

        fn outcome(&self, tag: String, answered: Result<u32, Refusal>) -> (String, Option<u32>) {
            (tag, answered.ok())
        }
    }

    /// A stream of doublings, and the senders that open its gates.
    struct Doublings {
        outcomes: Outcomes<(String, Option<u32>)>,
        items: mpsc::UnboundedSender<Result<u32, Status>>,
        seen: Arc<Seen>,
        gates: Arc<[Semaphore]>,
        phase: watch::Sender<Phase>,
    }

    /// A stream whose gates are open from the start if `open` says so, of twenty.
    fn doublings(in_flight: usize, open: impl Fn(u32) -> bool) -> Doublings {
        let items = NonZeroUsize::new(in_flight).unwrap();
        within(Room { items, bytes: usize::MAX, memory: None }, open)
    }

    fn within(room: Room, open: impl Fn(u32) -> bool) -> Doublings {
        let gates = (0..20).map(|at| Semaphore::new(usize::from(open(at))));
        let gates: Arc<[Semaphore]> = gates.collect();
        let seen = Arc::new(Seen::default());
        let (phase, phases) = watch::channel(Phase::Serving);
        let (items, received) = mpsc::unbounded_channel();
        let received = tokio_stream::wrappers::UnboundedReceiverStream::new(received);
        let doubling = Doubling { seen: Arc::clone(&seen), gates: Arc::clone(&gates) };
        let outcomes = exchange(doubling, received, room, phases);
        Doublings { outcomes, items, seen, gates, phase }
    }

    impl Doublings {
        fn send(&self, items: impl IntoIterator<Item = u32>) {
            items.into_iter().for_each(|item| self.items.send(Ok(item)).unwrap());
        }

        /// The next message; `None` at the end of the stream.
        async fn next(&mut self) -> Option<Result<(String, Option<u32>), Status>> {
            tokio::time::timeout(PATIENCE, self.outcomes.next()).await.expect("a message")
        }

        /// The outcomes up to the end of the stream, each with the number of its tag.
        async fn rest(mut self) -> Vec<(u32, Option<u32>)> {
            let (closed, _) = mpsc::unbounded_channel();
            self.items = closed;
            let mut all = Vec::new();
            while let Some(message) = self.next().await {
                let (tag, doubled) = message.unwrap();
                all.push((tag.strip_prefix("item ").unwrap().parse().unwrap(), doubled));
            }
            all
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        let met = async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, met).await.expect("the condition is met");
    }

    /// Lets every task run until it blocks.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn outcomes_keep_the_order_of_arrival_whichever_finishes_first() {
        let stream = doublings(4, |at| at != 3);
        stream.send([3, 1, 2]);
        until(|| stream.seen.done.lock().unwrap().len() == 2).await;
        stream.gates[3].add_permits(1);
        let seen = Arc::clone(&stream.seen);
        assert_eq!(stream.rest().await, [(3, Some(6)), (1, Some(2)), (2, Some(4))]);
        assert_eq!(*seen.done.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_bad_item_is_an_outcome_and_not_the_end() {
        let stream = doublings(2, |_| true);
        stream.send([1, 13, 14, 2]);
        let expected = [(1, Some(2)), (13, None), (14, None), (2, Some(4))];
        assert_eq!(stream.rest().await, expected);
    }

    #[tokio::test]
    async fn no_more_items_are_in_flight_than_allowed() {
        let stream = doublings(3, |_| false);
        stream.send(0..10);
        until(|| stream.seen.begun.load(Ordering::SeqCst) == 3).await;
        settle().await;
        assert_eq!(stream.seen.begun.load(Ordering::SeqCst), 3, "the fourth waits");
        stream.gates.iter().for_each(|gate| gate.add_permits(1));
        let seen = Arc::clone(&stream.seen);
        assert_eq!(stream.rest().await.len(), 10);
        assert_eq!(seen.most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn no_more_bytes_are_in_flight_than_allowed_and_one_item() {
        // Ten bytes each: two leave no room under 15.
        let stream = within(Room { items: NonZeroUsize::MAX, bytes: 15, memory: None }, |_| false);
        stream.send(0..10);
        until(|| stream.seen.begun.load(Ordering::SeqCst) == 2).await;
        settle().await;
        assert_eq!(stream.seen.begun.load(Ordering::SeqCst), 2, "the third waits");
        stream.gates.iter().for_each(|gate| gate.add_permits(1));
        assert_eq!(stream.rest().await.len(), 10);
    }

    #[tokio::test]
    async fn an_item_waits_for_room_among_requests_and_is_refused_without() {
        // Ten bytes each: the pool has room for two.
        let pool = Pool::new("test", ["all", "share"], [28, 28]);
        let room = Room { items: NonZeroUsize::MAX, bytes: 100, memory: Some(pool.share()) };
        let mut stream = within(room, |at| at != 1);
        stream.send([1, 2, 3, 4]);
        settle().await;
        assert_eq!((pool.held(), stream.seen.begun.load(Ordering::SeqCst)), (20, 2));
        // The third waits in vain, the fourth begins once the first is answered.
        tokio::time::sleep(Duration::from_millis(limits::ADMISSION_WAIT_MS + 100)).await;
        stream.gates[1].add_permits(1);
        let outcomes = [stream.next().await, stream.next().await, stream.next().await];
        let doubled = outcomes.map(|outcome| outcome.unwrap().unwrap().1);
        assert_eq!(doubled, [Some(2), Some(4), None]);
        assert_eq!(stream.rest().await, [(4, Some(8))]);
        assert_eq!(pool.held(), 0);
    }

    #[tokio::test]
    async fn a_client_that_takes_no_outcomes_is_not_read_from() {
        let mut stream = doublings(2, |_| true);
        stream.send(0..10);
        // Two in flight, one outcome on its way and one that waits for its place.
        settle().await;
        assert!(stream.seen.begun.load(Ordering::SeqCst) <= 4);
        assert!(stream.next().await.is_some());
        assert_eq!(stream.rest().await.len(), 9);
    }

    #[tokio::test]
    async fn a_client_that_leaves_cancels_what_is_in_flight() {
        let Doublings { outcomes, items, seen, phase: _serving, .. } = doublings(3, |_| false);
        (0..3).for_each(|item| items.send(Ok(item)).unwrap());
        until(|| seen.now.load(Ordering::SeqCst) == 3).await;
        drop(outcomes);
        until(|| seen.now.load(Ordering::SeqCst) == 0).await;
        assert!(seen.done.lock().unwrap().is_empty());
        until(|| items.is_closed()).await;
    }

    #[tokio::test]
    async fn a_stream_that_breaks_ends_with_its_status_after_what_arrived() {
        let mut stream = doublings(2, |_| true);
        stream.send([1]);
        stream.items.send(Err(Status::aborted("the client disconnected"))).unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap().1, Some(2));
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::Aborted);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_drain_answers_what_is_in_flight_and_takes_nothing_more() {
        let mut stream = doublings(2, |_| false);
        stream.send(0..5);
        until(|| stream.seen.begun.load(Ordering::SeqCst) == 2).await;
        stream.phase.send_replace(Phase::Draining);
        settle().await;
        stream.gates.iter().for_each(|gate| gate.add_permits(1));
        assert_eq!(stream.next().await.unwrap().unwrap().1, Some(0));
        assert_eq!(stream.next().await.unwrap().unwrap().1, Some(2));
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::Unavailable);
        assert!(stream.next().await.is_none());
        assert_eq!(stream.seen.begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_stream_without_items_ends_at_once() {
        assert_eq!(doublings(2, |_| true).rest().await, []);
    }
}
