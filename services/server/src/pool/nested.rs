//! Where the items of streams take room: within a part of the requests' pool, so that streams do not
//! lock out other calls, and in that pool itself.
//!
//! Items of the streams of one connection wait for each other, in order of arrival, as long as any of
//! them moves: it is being answered, or one has lately found room or given it back. None is passed by
//! a smaller one for ever.
//!
//! Nobody waits for somebody who waits for him:
//! - A message that arrives waits for nothing: its bytes count, even beyond the limit. There are few
//!   of them, one for each stream. To leave them unread would not do: they would fill the window of
//!   the connection, and no other stream could send.
//! - An item that waits holds the bytes of its message, which are outside of the part for items, and
//!   these bytes do not count against it on its connection. It waits only for items that have room.
//! - An item with room waits for nothing but a thread, older items of its stream, which have had room
//!   before, and its client, who has to read.
//! - The wait is a task of its own, so the first of a queue goes on although nobody asks its stream.
//!
//! Only a client who reads nothing makes others on its connection wait in vain. What waits is then
//! refused.

use super::{Room, Share, lock};
use crate::{limits, refusal::Refusal};
use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};

/// Room for the items of the streams of one connection.
#[derive(Clone, Debug)]
pub struct Nested {
    part: Share,
    whole: Share,
    queue: Arc<Queue>,
}

/// The items of one connection.
#[derive(Debug, Default)]
struct Queue {
    /// Held by the item that has waited longest. A lock of tokio is fair.
    first: Arc<tokio::sync::Mutex<()>>,
    moves: Mutex<Moves>,
}

#[derive(Debug, Default)]
struct Moves {
    /// Items that are being answered.
    working: usize,
    /// When one of them was answered, found room or gave it back.
    last: Option<Instant>,
}

/// What an item of a stream holds before it is decoded.
#[derive(Debug)]
pub struct Received {
    rooms: [Room; 2],
}

/// The room that an item holds; given back on drop.
#[derive(Debug)]
pub struct Admitted {
    _rooms: [Room; 2],
    queue: Arc<Queue>,
}

/// Guard of an item that is being answered.
#[derive(Debug)]
pub struct Working(Arc<Queue>);

/// An item that waits; it leaves the queue when this is dropped.
struct Waiting(JoinHandle<Result<Admitted, Refusal>>);

impl Nested {
    /// Room in a part of a pool, for one connection.
    pub fn new(part: Share, whole: Share) -> Nested {
        Nested { part, whole, queue: Arc::default() }
    }

    /// Counts an item that has been received, beyond the limit if need be: it is in memory. It has no
    /// room in the part yet.
    pub fn received(&self, bytes: usize) -> Received {
        let [part, mut whole] = [&self.part, &self.whole].map(Share::empty);
        whole.force(bytes);
        Received { rooms: [part, whole] }
    }

    /// Whether so many bytes fit if nobody holds any.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if they do not.
    pub fn fits(&self, bytes: usize) -> Result<(), Refusal> {
        self.part.fits(bytes)?;
        self.whole.pool.has_room_in_all(bytes, bytes)
    }

    /// Takes room in both for an item once it is decoded, in place of what it has as received; waits
    /// for its turn and for room, and holds none of the part meanwhile.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] at once if there never can be room, or once no item of the connection
    /// has moved for [`limits::ITEMS_STILL_MS`].
    pub async fn wait_for(&self, mut item: Received, bytes: usize) -> Result<Admitted, Refusal> {
        self.fits(bytes)?;
        // It is in the queue before anybody who comes later, although the task begins later.
        let mut turn = Box::pin(Arc::clone(&self.queue.first).lock_owned());
        let is_first = poll_fn(|context| Poll::Ready(turn.as_mut().poll(context))).await;
        if is_first.is_ready() && self.admit(&mut item, bytes).is_ok() {
            return Ok(self.admitted(item));
        }
        let (items, began) = (self.clone(), Instant::now());
        let wait = async move {
            let _first = match is_first {
                Poll::Ready(first) => first,
                Poll::Pending => turn.await,
            };
            items.wait_as_first(item, bytes, began).await
        };
        let mut waiting = Waiting(tokio::spawn(wait));
        let waited = (&mut waiting.0).await;
        waited.unwrap_or_else(|error| Err(Refusal::Failed(format!("a wait ended: {error}"))))
    }

    /// Waits for room, for the first of the queue.
    async fn wait_as_first(
        &self,
        mut item: Received,
        bytes: usize,
        began: Instant,
    ) -> Result<Admitted, Refusal> {
        loop {
            match self.admit(&mut item, bytes) {
                Ok(()) => return Ok(self.admitted(item)),
                Err(refusal) if self.queue.is_still_since(began) => return Err(refusal),
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(limits::ADMISSION_RETRY_MS)).await;
                }
            }
        }
    }

    /// Takes room for an item. What its connection holds of the whole does not count: messages that
    /// wait, or arrive, would keep each other out.
    fn admit(&self, item: &mut Received, bytes: usize) -> Result<(), Refusal> {
        let [part, whole] = &mut item.rooms;
        part.resize(bytes)?;
        let taken = whole.change(bytes, |pool, own, all| pool.has_room_in_all(own, all));
        taken.inspect_err(|_| part.force(0))
    }

    fn admitted(&self, item: Received) -> Admitted {
        self.queue.moved();
        Admitted { _rooms: item.rooms, queue: Arc::clone(&self.queue) }
    }

    /// An item is being answered from now on.
    pub fn working(&self) -> Working {
        lock(&self.queue.moves).working += 1;
        Working(Arc::clone(&self.queue))
    }
}

impl Queue {
    fn moved(&self) {
        lock(&self.moves).last = Some(Instant::now());
    }

    /// Whether nothing has moved for long, for an item that has waited since then.
    fn is_still_since(&self, began: Instant) -> bool {
        let moves = lock(&self.moves);
        let last = moves.last.map_or(began, |last| last.max(began));
        moves.working == 0 && Duration::from_millis(limits::ITEMS_STILL_MS) <= last.elapsed()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.queue.moved();
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut moves = lock(&self.0.moves);
        (moves.working, moves.last) = (moves.working - 1, Some(Instant::now()));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;

    const SMALL: usize = limits::SMALL_SHARE_BYTES;
    const SETTINGS: [&str; 2] = ["all", "share"];

    fn pools(whole: [usize; 2], part: [usize; 2]) -> [Arc<Pool>; 2] {
        [Pool::new("whole", SETTINGS, whole), Pool::new("part", SETTINGS, part)]
    }

    fn pauses(count: u64) -> Duration {
        Duration::from_millis(count * limits::ADMISSION_RETRY_MS)
    }

    #[tokio::test]
    async fn a_part_of_a_pool_leaves_the_rest_to_others() {
        let [whole, part] = pools([8 * SMALL; 2], [4 * SMALL; 2]);
        let stream = Nested::new(part.share(), whole.share());
        let held = stream.wait_for(stream.received(0), 3 * SMALL).await.unwrap();
        let refused = stream.wait_for(stream.received(0), 1).await;
        assert!(refused.is_err(), "three quarters of the part");
        assert_eq!((part.held(), whole.held()), (3 * SMALL, 3 * SMALL), "nothing is left behind");
        let mut call = whole.share().empty();
        call.resize(3 * SMALL).unwrap();
        drop(held);
        assert_eq!((part.held(), whole.held()), (0, 3 * SMALL));
    }

    #[tokio::test]
    async fn an_item_counts_as_received_and_then_as_decoded() {
        let [whole, part] = pools([8 * SMALL; 2], [4 * SMALL; 2]);
        let stream = Nested::new(part.share(), whole.share());
        let item = stream.received(10);
        assert_eq!((part.held(), whole.held()), (0, 10));
        let held = stream.wait_for(item, 30).await.unwrap();
        assert_eq!((part.held(), whole.held()), (30, 30), "in place of what was received");
        drop(held);
        assert_eq!((part.held(), whole.held()), (0, 0));
    }

    #[tokio::test]
    async fn an_item_that_waits_for_the_whole_holds_nothing_of_the_part() {
        let [whole, part] = pools([4 * SMALL; 2], [4 * SMALL; 2]);
        let mut call = whole.share().empty();
        call.resize(3 * SMALL).unwrap();
        let waits = Nested::new(part.share(), whole.share());
        let mut waiting = Box::pin(waits.wait_for(waits.received(0), 2 * SMALL));
        assert!(tokio::time::timeout(pauses(3), &mut waiting).await.is_err(), "the call has all");
        let mut all_of_the_part = part.share().empty();
        all_of_the_part.resize(3 * SMALL).unwrap();
        drop((call, all_of_the_part));
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn items_of_a_connection_wait_in_order_as_long_as_one_is_being_answered() {
        let [whole, part] = pools([40, 40], [40, 30]);
        let items = Nested::new(part.share(), whole.share());
        let (first, working) =
            (items.wait_for(items.received(1), 20).await.unwrap(), items.working());
        // The last one would fit, but has come after one that does not.
        let waiting = [30, 10].map(|bytes| {
            let items = items.clone();
            tokio::spawn(async move { items.wait_for(items.received(1), bytes).await })
        });
        let [large, small] = waiting;
        tokio::time::sleep(Duration::from_millis(limits::ITEMS_STILL_MS + 500)).await;
        assert!(!large.is_finished() && !small.is_finished() && part.held() == 20);
        drop((first, working));
        let large = large.await.unwrap().unwrap();
        tokio::time::sleep(pauses(3)).await;
        assert!(!small.is_finished(), "the large one has all of the share");
        drop(large);
        small.await.unwrap().unwrap();
        assert_eq!((part.held(), whole.held()), (0, 0));
    }

    #[tokio::test]
    async fn messages_that_wait_do_not_keep_each_other_out() {
        // Five messages of ten bytes are more than the share of the connection by themselves.
        let [whole, part] = pools([400, 40], [400, 30]);
        let items = Nested::new(part.share(), whole.share());
        let received: Vec<Received> = (0..5).map(|_| items.received(10)).collect();
        assert_eq!(whole.held(), 50);
        for item in received {
            drop(items.wait_for(item, 30).await.unwrap());
        }
        assert_eq!(whole.held(), 0);
    }

    #[tokio::test]
    async fn who_leaves_the_queue_lets_the_next_one_go_on() {
        let [whole, part] = pools([40, 40], [40, 30]);
        let items = Nested::new(part.share(), whole.share());
        let held = items.wait_for(items.received(1), 20).await.unwrap();
        let mut leaves = Box::pin(items.wait_for(items.received(1), 30));
        assert!(tokio::time::timeout(pauses(1), &mut leaves).await.is_err());
        let mut waits = Box::pin(items.wait_for(items.received(1), 10));
        assert!(tokio::time::timeout(pauses(3), &mut waits).await.is_err(), "it is the second");
        drop(leaves);
        waits.await.unwrap();
        drop(held);
    }
}
