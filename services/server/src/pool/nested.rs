//! Where the items of streams take room: within a part of the requests' pool, so that streams do not
//! lock out other calls, and in that pool itself.
//!
//! Items of the streams of one connection wait for each other as long as any of them moves: it is being
//! answered, or one has lately found room or given it back. An item that fits may pass older ones that do
//! not, so a large one does not hold up the small ones of other streams.
//!
//! No item of a connection is kept out for ever by others of it. Each is passed
//! [`limits::ITEMS_PASSED`] times at most; after that only older ones are admitted before it. Take the
//! oldest that waits: once it may not be passed, nothing else is admitted, those that have room end, and
//! it finds room. Then the next one is the oldest.
//!
//! No two wait for each other:
//! - A message that arrives waits for nothing: its bytes count, even beyond the limit. There are few
//!   of them, one for each stream. To leave them unread would not do: they would fill the window of
//!   the connection, and no other stream could send.
//! - An item that waits holds the bytes of its message, which are outside of the part for items, and
//!   these bytes do not count against it on its connection. It waits only for items that have room.
//! - An item with room waits for nothing but a thread, older items of its stream, which have had room
//!   before, and its client, who has to read.
//! - The wait is a task of its own, so an item finds room although nobody asks its stream.
//!
//! A client has to read all streams of a connection at once. An outcome that nobody takes keeps the room
//! of its item; if outcomes of streams that are not read hold all of the share, nothing moves, and what
//! waits is refused.

use super::{Room, Share, lock};
use crate::{limits, refusal::Refusal};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
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
    line: Mutex<Line>,
    moves: Mutex<Moves>,
}

/// The items that wait.
#[derive(Debug, Default)]
struct Line {
    /// The place of the item that came last.
    last: u64,
    /// How often each of them was passed, by place.
    passed: BTreeMap<u64, u32>,
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

/// The wait of an item; it ends when this is dropped.
struct Waiting(JoinHandle<Result<Admitted, Refusal>>);

/// The place of an item in the line; given back on drop.
struct Place {
    at: u64,
    queue: Arc<Queue>,
}

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
    /// for room, and holds none of the part meanwhile.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] at once if there never can be room, or once no item of the connection
    /// has moved for [`limits::ITEMS_STILL_MS`].
    pub async fn wait_for(&self, mut item: Received, bytes: usize) -> Result<Admitted, Refusal> {
        self.fits(bytes)?;
        let place = Place::last_of(&self.queue);
        if self.admit_from(&place, &mut item, bytes).is_ok() {
            return Ok(self.admitted(item));
        }
        let items = self.clone();
        let wait = async move { items.wait_from(&place, item, bytes).await };
        let mut waiting = Waiting(tokio::spawn(wait));
        let waited = (&mut waiting.0).await;
        waited.unwrap_or_else(|error| Err(Refusal::Failed(format!("a wait ended: {error}"))))
    }

    /// Waits for room at a place of the line.
    async fn wait_from(
        &self,
        place: &Place,
        mut item: Received,
        bytes: usize,
    ) -> Result<Admitted, Refusal> {
        let began = Instant::now();
        loop {
            match self.admit_from(place, &mut item, bytes) {
                Ok(()) => return Ok(self.admitted(item)),
                Err(refusal) if self.queue.is_still_since(began) => return Err(refusal),
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(limits::ADMISSION_RETRY_MS)).await;
                }
            }
        }
    }

    /// Takes room for the item at a place, unless an older one must not be passed again.
    fn admit_from(&self, place: &Place, item: &mut Received, bytes: usize) -> Result<(), Refusal> {
        let mut line = lock(&self.queue.line);
        let mut older = line.passed.range(..place.at);
        if older.any(|(_, passed)| limits::ITEMS_PASSED <= *passed) {
            return Err(self.part.pool.full(self.part.pool.share, self.part.pool.settings[1]));
        }
        self.admit(item, bytes)?;
        line.passed.range_mut(..place.at).for_each(|(_, passed)| *passed += 1);
        Ok(())
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

    /// Whether items of the connection wait or are being answered. What their streams have sent may
    /// meanwhile fill the window of the connection, so that no other stream can send.
    pub fn is_busy(&self) -> bool {
        !lock(&self.queue.line).passed.is_empty() || 0 < lock(&self.queue.moves).working
    }

    /// An item is being answered from now on.
    pub fn working(&self) -> Working {
        lock(&self.queue.moves).working += 1;
        Working(Arc::clone(&self.queue))
    }
}

impl Place {
    /// The place behind all that wait.
    fn last_of(queue: &Arc<Queue>) -> Place {
        let mut line = lock(&queue.line);
        line.last += 1;
        let at = line.last;
        line.passed.insert(at, 0);
        Place { at, queue: Arc::clone(queue) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.queue.line).passed.remove(&self.at);
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

    /// An item of one byte that waits for room, in a task.
    fn waits(items: &Nested, bytes: usize) -> JoinHandle<Result<Admitted, Refusal>> {
        let (items, item) = (items.clone(), items.received(1));
        tokio::spawn(async move { items.wait_for(item, bytes).await })
    }

    #[tokio::test]
    async fn items_of_a_connection_wait_as_long_as_one_is_being_answered() {
        let [whole, part] = pools([40, 40], [40, 30]);
        let items = Nested::new(part.share(), whole.share());
        let (first, working) =
            (items.wait_for(items.received(1), 20).await.unwrap(), items.working());
        let [second, third] = [30, 15].map(|bytes| waits(&items, bytes));
        tokio::time::sleep(Duration::from_millis(limits::ITEMS_STILL_MS + 500)).await;
        assert!(!second.is_finished() && !third.is_finished() && part.held() == 20);
        drop((first, working));
        // Either may be first, and has to go before the other has room.
        let [second, third] =
            [second, third].map(|item| async { item.await.unwrap().map(drop).unwrap() });
        tokio::join!(second, third);
        assert_eq!((part.held(), whole.held()), (0, 0));
    }

    #[tokio::test]
    async fn small_items_pass_a_large_one_sixteen_times() {
        let [whole, part] = pools([40, 40], [40, 30]);
        let items = Nested::new(part.share(), whole.share());
        let held = items.wait_for(items.received(1), 20).await.unwrap();
        // It needs all of the share. There is room for one small item beside what is held.
        let large = waits(&items, 30);
        tokio::time::sleep(pauses(1)).await;
        for at in 0..limits::ITEMS_PASSED {
            let small = tokio::time::timeout(pauses(50), items.wait_for(items.received(1), 10));
            drop(small.await.unwrap_or_else(|_| panic!("{at} waits")).unwrap());
        }
        let small = waits(&items, 10);
        tokio::time::sleep(pauses(5)).await;
        assert!(!small.is_finished() && !large.is_finished(), "it is passed no more");
        drop(held);
        let large = large.await.unwrap().unwrap();
        assert!(!small.is_finished(), "the large one has all of the share");
        drop(large);
        small.await.unwrap().unwrap();
        assert_eq!((part.held(), whole.held()), (0, 0));
    }

    #[tokio::test]
    async fn a_large_item_is_answered_among_small_ones_that_do_not_end() {
        let [whole, part] = pools([40, 40], [40, 30]);
        let items = Nested::new(part.share(), whole.share());
        // Three streams that always have another item, each of which is held for a pause.
        let streams: Vec<_> = (0..3)
            .map(|_| {
                let items = items.clone();
                tokio::spawn(async move {
                    loop {
                        let small = items.wait_for(items.received(1), 10).await.unwrap();
                        tokio::time::sleep(pauses(1)).await;
                        drop(small);
                    }
                })
            })
            .collect();
        tokio::time::sleep(pauses(3)).await;
        let large = tokio::time::timeout(Duration::from_secs(10), waits(&items, 30));
        large.await.expect("it has its turn").unwrap().unwrap();
        streams.iter().for_each(JoinHandle::abort);
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
        for _ in 0..limits::ITEMS_PASSED {
            drop(items.wait_for(items.received(1), 10).await.unwrap());
        }
        let mut waits = Box::pin(items.wait_for(items.received(1), 10));
        assert!(tokio::time::timeout(pauses(3), &mut waits).await.is_err(), "it passes nobody");
        drop(leaves);
        waits.await.unwrap();
        drop(held);
    }
}
