//! Turns on the threads that answer calls: at most one call per thread is decoded and analysed. The
//! others wait here, where their wait can be seen and bounded.
//!
//! A queue that empties now and then is a burst, which passes; its calls are answered in order. A
//! queue that has not been empty for
//! [`STANDING_AFTER_MS`](crate::limits::STANDING_AFTER_MS) stands: calls that have waited longer than
//! a few turns are then refused. While that happens the newest call is next, because the oldest is
//! about to be too late anyway. This is the controlled delay of Nichols and Jacobson (2012) with the
//! two bounds and the adaptive order of Maurer, "Fail at Scale" (ACM Queue, 2015).
//!
//! The wait is measured and not expected: what a turn costs on a busy machine is not known before.

mod order;

use self::order::{Bound, CallOutcome, Leaves, Order};
use crate::{limits::Limits, refusal::Refusal};
use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

tokio::task_local! {
    /// Whether the call that runs in this task keeps its turn while it waits.
    static KEEPS: Cell<bool>;
}

/// The turns of all calls.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    order: Mutex<Order<Waiting>>,
    refused: AtomicU64,
    waited_micros: AtomicU64,
}

/// Tells a call that waits what becomes of it.
#[derive(Debug)]
struct Waiting(oneshot::Sender<Result<Held, Refusal>>);

impl Leaves for Waiting {
    fn has_left(&self) -> bool {
        self.0.is_closed()
    }
}

/// What the turns of a server do, and have done since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnUse {
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// Calls refused because they waited too long, or because too many did.
    pub refused: u64,
    /// Time that calls waited until their turn came, summed, seconds.
    pub waited_s: f64,
}

impl Turns {
    /// All turns free, one per thread.
    pub fn new(threads: usize, limits: &Limits) -> Turns {
        Turns(Arc::new(Shared {
            order: Mutex::new(Order::new(threads, limits)),
            refused: AtomicU64::new(0),
            waited_micros: AtomicU64::new(0),
        }))
    }

    /// The turn of a call.
    pub fn turn(&self) -> Turn {
        Turn { turns: self.clone(), held: Mutex::new(None) }
    }

    /// What they do.
    pub fn usage(&self) -> TurnUse {
        let waited = Duration::from_micros(self.0.waited_micros.load(Ordering::Relaxed));
        TurnUse {
            waiting: self.order().waiting(),
            refused: self.0.refused.load(Ordering::Relaxed),
            waited_s: waited.as_secs_f64(),
        }
    }

    fn join(&self) -> oneshot::Receiver<Result<Held, Refusal>> {
        let (sender, receiver) = oneshot::channel();
        let now = Instant::now();
        let left = self.order().join(Waiting(sender), now);
        self.notify(left, now);
        receiver
    }

    fn give_back(&self, took: Duration) {
        let now = Instant::now();
        let left = self.order().end(took, now);
        self.notify(left, now);
    }

    /// Tells calls what becomes of them. The order is not locked: a call that has ended meanwhile
    /// gives its turn back here.
    fn notify(&self, left: Vec<(Waiting, CallOutcome)>, now: Instant) {
        for (Waiting(sender), fate) in left {
            let outcome = match fate {
                CallOutcome::Late(bound) => Err(self.refuse(bound)),
                CallOutcome::Turn(waited) => {
                    let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
                    self.0.waited_micros.fetch_add(micros, Ordering::Relaxed);
                    Ok(Held { turns: self.clone(), since: now })
                }
            };
            let _call_ended = sender.send(outcome);
        }
    }

    /// Counts and makes a refusal.
    fn refuse(&self, Bound { most, setting }: Bound) -> Refusal {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        let limit = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Refusal::Overloaded { what: "milliseconds of waiting for a thread", setting, limit }
    }

    fn order(&self) -> MutexGuard<'_, Order<Waiting>> {
        self.0.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of one call.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    held: Mutex<Option<Held>>,
}

/// A turn that has come; given back when this is dropped.
#[derive(Debug)]
struct Held {
    turns: Turns,
    since: Instant,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.turns.give_back(self.since.elapsed());
    }
}

impl Turn {
    /// Whether a call that has just arrived has a chance, before its request is read.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if it has none.
    pub fn check(&self) -> Result<(), Refusal> {
        let crowded = self.turns.order().is_crowded(Instant::now());
        crowded.map_or(Ok(()), |bound| Err(self.turns.refuse(bound)))
    }

    /// Waits for the turn of a call whose request has arrived.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if it has waited too long.
    pub async fn take(&self) -> Result<(), Refusal> {
        let held = self.turns.join().await.map_err(|_| Refusal::ShuttingDown)??;
        *self.held() = Some(held);
        // Lets every connection that has something to read bring its calls into the queue first.
        let _kept = Kept::begin();
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Runs the handler of the call. Its turn ends when the handler is done, or waits without
    /// keeping it.
    pub async fn around<F: Future>(&self, handler: F) -> F::Output {
        // Also if the call ends before its handler.
        let _returned = Returned(self);
        let mut handler = std::pin::pin!(handler);
        let polled = std::future::poll_fn(|context| {
            let polled = handler.as_mut().poll(context);
            if polled.is_ready() || !KEEPS.with(Cell::get) {
                self.give_back();
            }
            polled
        });
        KEEPS.scope(Cell::new(false), polled).await
    }

    /// Gives the turn back, if it is held.
    fn give_back(&self) {
        let held = self.held().take();
        drop(held);
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a turn back when it is dropped.
struct Returned<'a>(&'a Turn);

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// While this lives, the call that runs in this task keeps its turn, also while it waits: for brief
/// work of its own, so that what has to wait for a thread waits before it is decoded.
#[derive(Debug)]
pub struct Kept(());

impl Kept {
    /// From now on.
    pub fn begin() -> Kept {
        set_keeps(true);
        Kept(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        set_keeps(false);
    }
}

fn set_keeps(keeps: bool) {
    // Outside of a call there is no turn.
    let _no_call = KEEPS.try_with(|kept| kept.set(keeps));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A call that takes so much time of a thread.
    async fn call(turns: Turns, cost: Duration) -> Result<(), Refusal> {
        let turn = turns.turn();
        let handler = async {
            turn.take().await?;
            let _kept = Kept::begin();
            tokio::time::sleep(cost).await;
            Ok(())
        };
        turn.around(handler).await
    }

    #[tokio::test]
    async fn one_call_per_thread_has_its_turn_and_the_next_gets_it_back() {
        let turns = Turns::new(1, &Limits::standard());
        let first = tokio::spawn(call(turns.clone(), ms(60)));
        tokio::task::yield_now().await;
        let second = tokio::spawn(call(turns.clone(), ms(1)));
        tokio::time::sleep(ms(20)).await;
        assert_eq!((turns.usage().waiting, turns.order().free()), (1, 0), "the first has it");
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!((turns.usage().waiting, turns.order().free()), (0, 1));
        assert!(0.0 < turns.usage().waited_s);
    }

    #[tokio::test]
    async fn a_call_that_ends_while_it_waits_or_runs_leaves_its_turn_to_others() {
        let turns = Turns::new(1, &Limits::standard());
        let running = tokio::spawn(call(turns.clone(), ms(600_000)));
        tokio::task::yield_now().await;
        let gone = tokio::spawn(call(turns.clone(), ms(600_000)));
        let last = tokio::spawn(call(turns.clone(), ms(1)));
        tokio::time::sleep(ms(5)).await;
        gone.abort();
        assert!(gone.await.is_err());
        running.abort();
        last.await.unwrap().unwrap();
        assert_eq!((turns.usage().waiting, turns.order().free()), (0, 1));
    }

    #[tokio::test]
    async fn a_call_that_waits_gives_its_turn_back_unless_it_keeps_it() {
        let turns = Turns::new(1, &Limits::standard());
        let turn = turns.turn();
        let handler = async {
            turn.take().await.unwrap();
            let kept = Kept::begin();
            tokio::time::sleep(ms(2)).await;
            assert_eq!(turns.order().free(), 0, "kept");
            drop(kept);
            tokio::time::sleep(ms(2)).await;
            assert_eq!(turns.order().free(), 1, "given back");
        };
        turn.around(handler).await;
    }
}
