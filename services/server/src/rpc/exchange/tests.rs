//! Exchanges of numbers whose doubling waits for a gate.

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
    decoded: AtomicUsize,
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
    type Message = u32;
    type Item = u32;
    type Tag = String;
    type Report = u32;
    type Outcome = (String, Option<u32>);

    fn size(&self, _: &u32) -> Size {
        Size { received: 1, in_flight: 10 }
    }

    fn decode(&self, item: u32) -> Result<u32, Status> {
        self.seen.decoded.fetch_add(1, Ordering::SeqCst);
        if item == 15 { Err(Status::invalid_argument("no item")) } else { Ok(item) }
    }

    fn tag(&self, item: &u32) -> String {
        format!("item {item}")
    }

    fn tag_of_message(&self, item: &u32) -> String {
        self.tag(item)
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
    within(Room { items, bytes: usize::MAX, memory: None, line: None }, open)
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
    let stream =
        within(Room { items: NonZeroUsize::MAX, bytes: 15, memory: None, line: None }, |_| false);
    stream.send(0..10);
    until(|| stream.seen.begun.load(Ordering::SeqCst) == 2).await;
    settle().await;
    assert_eq!(stream.seen.begun.load(Ordering::SeqCst), 2, "the third waits");
    stream.gates.iter().for_each(|gate| gate.add_permits(1));
    assert_eq!(stream.rest().await.len(), 10);
}

/// Room for 28 bytes, and the pool in which it is taken.
fn pooled() -> (Room, Arc<Pool>) {
    let pool = || Pool::new("test", ["all", "share"], [28, 28]);
    let (part, whole) = (pool(), pool());
    let memory = Some(Nested::new(part.share(), whole.share()));
    (Room { items: NonZeroUsize::MAX, bytes: 100, memory, line: None }, whole)
}

#[tokio::test]
async fn an_item_waits_for_room_while_older_ones_are_in_flight() {
    // Ten bytes each: the pool has room for two.
    let (room, pool) = pooled();
    let stream = within(room, |at| at != 1);
    stream.send([1, 2, 3, 4]);
    settle().await;
    // The third counts as received until it has room.
    assert_eq!((pool.held(), stream.seen.begun.load(Ordering::SeqCst)), (21, 2));
    // Much longer than an item waits for others.
    tokio::time::sleep(Duration::from_millis(2 * limits::ADMISSION_WAIT_MS + 100)).await;
    assert_eq!(stream.seen.begun.load(Ordering::SeqCst), 2, "the third still waits");
    stream.gates[1].add_permits(1);
    let doubled: Vec<_> = stream.rest().await.into_iter().map(|(_, doubled)| doubled).collect();
    assert_eq!(doubled, [Some(2), Some(4), Some(6), Some(8)]);
    assert_eq!(pool.held(), 0);
}

#[tokio::test]
async fn items_of_many_streams_are_decoded_only_with_room() {
    let (room, pool) = pooled();
    let streams: Vec<Doublings> = (0..8).map(|_| within(room.clone(), |_| false)).collect();
    streams.iter().for_each(|stream| stream.send([1]));
    settle().await;
    let decoded = |stream: &Doublings| stream.seen.decoded.load(Ordering::SeqCst);
    // Two of ten bytes; the other six have a byte each as they were received.
    assert_eq!((streams.iter().map(decoded).sum::<usize>(), pool.held()), (2, 26));
    drop(streams);
    until(|| pool.held() == 0).await;
}

#[tokio::test]
async fn an_item_is_refused_if_others_leave_no_room_for_long() {
    let (room, pool) = pooled();
    let mut others = pool.share().empty();
    others.resize(20).unwrap();
    let mut stream = within(room, |_| true);
    stream.send([1]);
    assert_eq!(stream.next().await.unwrap().unwrap().1, None);
    drop(others);
    stream.send([2]);
    assert_eq!(stream.rest().await, [(2, Some(4))]);
    assert_eq!(pool.held(), 0);
}

#[tokio::test]
async fn items_that_wait_in_vain_are_refused_one_soon_after_the_other() {
    let (room, pool) = pooled();
    let mut others = pool.share().empty();
    others.resize(20).unwrap();
    let mut streams: Vec<Doublings> = (0..3).map(|_| within(room.clone(), |_| true)).collect();
    for stream in &streams {
        stream.send([1]);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let sent = Instant::now();
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().unwrap().1, None);
    }
    // A refusal is no movement, after which the next one would wait as long again.
    let most = Duration::from_millis(limits::ITEMS_STILL_MS * 3 / 2);
    assert!(sent.elapsed() < most, "{:?}", sent.elapsed());
}

#[tokio::test]
async fn an_item_that_can_never_fit_is_refused_at_once_among_others() {
    // Three quarters of 12 bytes have no room for ten.
    let pool = || Pool::new("test", ["all", "share"], [12, 12]).leaving(1);
    let (part, whole) = (pool(), pool());
    let memory = Some(Nested::new(part.share(), whole.share()));
    let room = Room { items: NonZeroUsize::MAX, bytes: 100, memory, line: None };
    let began = Instant::now();
    let stream = within(room, |_| true);
    stream.send([1, 2]);
    assert_eq!(stream.rest().await, [(1, None), (2, None)]);
    assert!(began.elapsed() < Duration::from_millis(limits::ADMISSION_WAIT_MS / 2));
    assert_eq!(whole.held(), 0);
}

#[tokio::test]
async fn a_message_that_is_no_item_ends_the_stream_after_what_was_sent_before() {
    let mut stream = doublings(4, |at| at != 1);
    stream.send([1, 15, 2]);
    settle().await;
    stream.gates[1].add_permits(1);
    assert_eq!(stream.next().await.unwrap().unwrap().1, Some(2));
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::InvalidArgument);
    assert!(stream.next().await.is_none());
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
async fn an_outcome_keeps_the_room_of_its_item_until_it_is_taken() {
    let (room, pool) = pooled();
    let mut stream = within(room, |_| true);
    stream.send([1]);
    until(|| stream.seen.done.lock().unwrap().len() == 1).await;
    settle().await;
    assert_eq!(pool.held(), 10, "the outcome is decoded and on its way");
    assert!(stream.next().await.is_some());
    assert_eq!(pool.held(), 0);
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
async fn a_connection_is_not_quiet_while_an_item_is_in_flight() {
    let line = Arc::new(Line::default());
    let patience = Duration::from_millis(50);
    let room =
        Room { items: NonZeroUsize::MIN, bytes: 100, memory: None, line: Some(Arc::clone(&line)) };
    let mut stream = within(room, |_| false);
    stream.send([1]);
    until(|| stream.seen.begun.load(Ordering::SeqCst) == 1).await;
    let quiet = tokio::time::timeout(4 * patience, line.quiet_for(patience));
    assert!(quiet.await.is_err(), "a drain waits for the item");
    // An outcome that nobody reads does not keep it.
    stream.gates[1].add_permits(1);
    tokio::time::timeout(PATIENCE, line.quiet_for(patience)).await.expect("quiet");
    assert_eq!(stream.next().await.unwrap().unwrap().1, Some(2));
}

#[tokio::test]
async fn a_stream_without_items_ends_at_once() {
    assert_eq!(doublings(2, |_| true).rest().await, []);
}

#[tokio::test]
async fn a_deadline_ends_a_stream_whose_client_takes_no_outcomes() {
    let ends_at = Instant::now() + Duration::from_millis(100);
    let mut stream = patience::until(ends_at, async { doublings(3, |at| at != 2) }).await;
    stream.send(0..10);
    // One outcome on its way, one that waits for its place, and an item that runs.
    until(|| stream.seen.now.load(Ordering::SeqCst) == 1).await;
    until(|| stream.items.is_closed()).await;
    until(|| stream.seen.now.load(Ordering::SeqCst) == 0).await;
    assert!(ends_at <= Instant::now());
    let begun = stream.seen.begun.load(Ordering::SeqCst);
    stream.gates[2].add_permits(1);
    assert_eq!(stream.next().await.unwrap().unwrap().1, Some(0), "it was on its way");
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::DeadlineExceeded);
    assert!(stream.next().await.is_none());
    assert_eq!(stream.seen.begun.load(Ordering::SeqCst), begun, "nothing more is answered");
}
