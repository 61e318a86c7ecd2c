//! A queue bounded in time: work is refused at once if it would wait too long for a thread.
//!
//! What work will cost is taken from what such work cost lately, so a few large computations fill
//! the queue as well as many small ones. Calls themselves wait in a queue of their own
//! ([`turn`](crate::turn)), whose wait is measured and not expected.

use crate::{clock::Stopwatch, limits, patience, refusal::Refusal};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// The bound of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Expected milliseconds until a thread is free.
    pub ms: u64,
    /// The setting that holds it.
    pub setting: &'static str,
}

/// Work that waits for threads or runs on them.
#[derive(Debug)]
pub struct Queue {
    threads: u64,
    bound: Bound,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    jobs: u64,
    /// Expected cost of them together, microseconds of one thread.
    micros: u64,
}

/// A job in the queue; it leaves the queue when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    queue: Arc<Queue>,
    cost: Arc<Cost>,
    expected: u64,
    began: OnceLock<Stopwatch>,
    skipped: AtomicBool,
}

/// What work of one kind cost lately, nanoseconds of one thread.
#[derive(Debug)]
pub struct Cost(AtomicU64);

const NANOS_PER_MICRO: u64 = 1_000;

impl Default for Cost {
    fn default() -> Cost {
        Cost(AtomicU64::new(limits::FIRST_COST_MICROS * NANOS_PER_MICRO))
    }
}

impl Cost {
    /// What the next is expected to cost, microseconds; something, so that no number of jobs is
    /// expected to cost nothing.
    pub fn expected(&self) -> u64 {
        (self.0.load(Ordering::Relaxed) / NANOS_PER_MICRO).max(1)
    }

    /// Learns what one cost. The mean of the last eight or so; two threads that learn at once may
    /// lose one of them.
    fn learn(&self, micros: u64) {
        let before = self.0.load(Ordering::Relaxed);
        let nanos = micros.saturating_mul(NANOS_PER_MICRO);
        self.0.store(before - before / 8 + nanos / 8, Ordering::Relaxed);
    }
}

impl Queue {
    /// An empty queue for a number of threads.
    pub fn new(threads: usize, bound: Bound) -> Arc<Queue> {
        let state = State { jobs: 0, micros: 0 };
        Arc::new(Queue { threads: threads.max(1) as u64, bound, state: Mutex::new(state) })
    }

    /// Number of jobs that wait or run.
    pub fn jobs(&self) -> u64 {
        self.lock().jobs
    }

    /// Adds a job of a kind.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if it would wait too long, or beyond the deadline of its call.
    pub fn join(self: &Arc<Queue>, cost: &Arc<Cost>) -> Result<Ticket, Refusal> {
        let mut state = self.lock();
        self.admits(&state)?;
        let expected = cost.expected();
        state.jobs += 1;
        state.micros += expected;
        drop(state);
        let (queue, cost) = (Arc::clone(self), Arc::clone(cost));
        Ok(Ticket {
            queue,
            cost,
            expected,
            began: OnceLock::new(),
            skipped: AtomicBool::new(false),
        })
    }

    fn admits(&self, state: &State) -> Result<(), Refusal> {
        // One that runs and one that waits keep a thread busy, whatever they cost.
        if state.jobs < limits::JOBS_PER_THREAD * self.threads {
            return Ok(());
        }
        let wait = Duration::from_micros(state.micros / self.threads);
        let Bound { ms, setting } = self.bound;
        if Duration::from_millis(ms) < wait {
            let what = "milliseconds of work in the queue";
            return Err(Refusal::Overloaded { what, setting, limit: ms });
        }
        match patience::left() {
            Some(left) if left < wait => Err(Refusal::Overloaded {
                what: "milliseconds of work in the queue before the deadline of this call",
                setting: "grpc-timeout",
                limit: left.as_millis() as u64,
            }),
            _ => Ok(()),
        }
    }

    fn leave(&self, micros: u64) {
        let mut state = self.lock();
        state.jobs -= 1;
        state.micros -= micros;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// A thread has begun the job.
    pub fn begin(&self) {
        self.began.get_or_init(Stopwatch::start);
    }

    /// The job does not run, because its caller has left: what it took says nothing of its kind.
    pub fn skip(&self) {
        self.skipped.store(true, Ordering::Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let ran = self.began.get().filter(|_| !self.skipped.load(Ordering::Relaxed));
        if let Some(began) = ran {
            self.cost.learn(began.elapsed_micros());
        }
        self.queue.leave(self.expected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const BOUND: Bound = Bound { ms: 1_000, setting: "b" };

    /// A kind of work that takes so many milliseconds.
    fn cost(ms: u64) -> Arc<Cost> {
        Arc::new(Cost(AtomicU64::new(ms * 1_000 * NANOS_PER_MICRO)))
    }

    /// Joins as often as the queue allows.
    fn fill(queue: &Arc<Queue>, cost: &Arc<Cost>) -> (Vec<Ticket>, Refusal) {
        let mut tickets = Vec::new();
        loop {
            match queue.join(cost) {
                Ok(ticket) => tickets.push(ticket),
                Err(refusal) => return (tickets, refusal),
            }
        }
    }

    fn setting(refusal: &Refusal) -> (&'static str, u64) {
        match refusal {
            Refusal::Overloaded { setting, limit, .. } => (setting, *limit),
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn a_queue_is_bounded_by_its_expected_wait_and_not_by_its_number() {
        // 2 threads and 1,000 ms: 2,000 ms of work wait 1,000 ms, and one more job is admitted at
        // that very wait.
        for (ms, jobs) in [(1, 2_001), (10, 201), (100, 21), (10_000, 4)] {
            let queue = Queue::new(2, BOUND);
            let (tickets, refusal) = fill(&queue, &cost(ms));
            assert_eq!((tickets.len(), setting(&refusal)), (jobs, ("b", 1_000)), "{ms} ms");
            drop(tickets);
            assert_eq!((queue.jobs(), queue.lock().micros), (0, 0));
        }
    }

    #[tokio::test]
    async fn a_call_that_would_wait_beyond_its_deadline_is_refused_at_once() {
        let (queue, cost) = (Queue::new(1, BOUND), cost(50));
        let _waiting: Vec<Ticket> = (0..3).map(|_| queue.join(&cost).unwrap()).collect();
        let within = async |ms| {
            let deadline = Instant::now() + Duration::from_millis(ms);
            patience::until(deadline, async { queue.join(&cost).map(drop) }).await
        };
        // They wait 3 times 50 ms.
        let (setting, left) = setting(&within(149).await.unwrap_err());
        assert!(setting == "grpc-timeout" && left < 150, "{setting}: {left}");
        assert!(within(60_000).await.is_ok());
    }

    /// Many callers who leave before their turn comes must not make the rest look cheap.
    #[tokio::test]
    async fn a_job_that_did_not_run_teaches_nothing() {
        let (queue, cost) = (Queue::new(1, BOUND), cost(50));
        for _ in 0..100 {
            let ticket = queue.join(&cost).unwrap();
            ticket.begin();
            ticket.skip();
        }
        assert_eq!(cost.expected(), 50_000);
        queue.join(&cost).unwrap().begin();
        assert!(cost.expected() < 50_000, "one that ran at once");
    }

    #[tokio::test]
    async fn the_expected_cost_follows_what_work_cost_lately() {
        let cost = Cost::default();
        for _ in 0..100 {
            cost.learn(400);
        }
        assert_eq!(cost.expected(), 400);
        cost.learn(1_200);
        assert_eq!(cost.expected(), 500, "an eighth of the difference");
        for _ in 0..100 {
            cost.learn(0);
        }
        assert_eq!(cost.expected(), 1);
    }
}
