//! Turns on the threads that answer calls: at most one call per thread is decoded and answered.
//!
//! The others wait here and not in the runtime, where their wait could be neither seen nor bounded,
//! and where connections would wait among them.

use crate::{
    limits::Limits,
    queue::{Bounds, Cost, Queue, Ticket},
    refusal::Refusal,
};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of all calls.
#[derive(Clone, Debug)]
pub struct Turns {
    free: Arc<Semaphore>,
    queue: Arc<Queue>,
}

/// What calls of one method cost lately, by the size of their requests.
/// Copied with every call, so it is one pointer.
#[derive(Clone, Debug, Default)]
pub struct Costs(Arc<[Arc<Cost>; SIZES]>);

/// Classes of sizes: each is twice the one before, from 128 bytes to a message of the usual limit.
const SIZES: usize = 16;

impl Costs {
    fn of(&self, bytes: usize) -> &Arc<Cost> {
        let doublings = (bytes / 128 + 1).ilog2() as usize;
        &self.0[doublings.min(SIZES - 1)]
    }
}

impl Turns {
    /// All turns free, one per thread.
    pub fn new(threads: usize, limits: &Limits) -> Turns {
        let bounds = Bounds {
            burst_ms: limits.queue_ms,
            standing_ms: limits.standing_queue_ms,
            burst_setting: "limits.queue_ms",
            standing_setting: "limits.standing_queue_ms",
        };
        let free = Arc::new(Semaphore::new(threads.max(1)));
        Turns { free, queue: Queue::new(threads, bounds) }
    }

    /// The turn of a call of a kind.
    pub fn turn(&self, costs: &Costs) -> Turn {
        Turn { turns: self.clone(), costs: costs.clone(), held: Mutex::new(None) }
    }
}

/// The turn of one call.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    costs: Costs,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    _ticket: Ticket,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Whether a call that has just arrived would get a turn, before its request is read.
    ///
    /// # Errors
    /// As [`Queue::join`].
    pub fn check(&self) -> Result<(), Refusal> {
        self.turns.queue.check()
    }

    /// Joins the queue with a request of so many bytes.
    ///
    /// # Errors
    /// As [`Queue::join`].
    pub fn join(&self, bytes: usize) -> Result<Ticket, Refusal> {
        self.turns.queue.join(self.costs.of(bytes))
    }

    /// Waits for the turn of a call in the queue.
    ///
    /// # Errors
    /// [`Refusal::ShuttingDown`] if there are no more turns.
    pub async fn take(&self, ticket: Ticket) -> Result<(), Refusal> {
        // Lets every connection that has something to read bring its calls into the queue first.
        tokio::task::yield_now().await;
        let permit = Arc::clone(&self.turns.free).acquire_owned().await;
        let permit = permit.map_err(|_| Refusal::ShuttingDown)?;
        ticket.begin();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Held { _ticket: ticket, _permit: permit });
        Ok(())
    }

    /// Gives the turn back, if it is held: the call is answered, or waits for something else.
    pub fn give_back(&self) {
        drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_about_one_size_share_what_is_known_of_their_cost() {
        let costs = Costs::default();
        let same = |a: usize, b: usize| Arc::ptr_eq(costs.of(a), costs.of(b));
        assert!(same(0, 127) && !same(127, 128));
        assert!(same(20_000, 30_000) && !same(20_000, 40_000));
        assert!(same(4 << 20, usize::MAX / 2));
    }

    #[tokio::test]
    async fn one_call_per_thread_has_its_turn_and_the_next_gets_it_back() {
        let turns = Turns::new(1, &Limits::standard());
        let costs = Costs::default();
        let (first, second) = (turns.turn(&costs), turns.turn(&costs));
        first.take(first.join(10).unwrap()).await.unwrap();
        let mut waiting = std::pin::pin!(second.take(second.join(10).unwrap()));
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, &mut waiting).await.is_err(), "the first has it");
        first.give_back();
        waiting.await.unwrap();
        assert_eq!(turns.queue.jobs(), 1);
        second.give_back();
        assert_eq!(turns.queue.jobs(), 0);
    }
}
