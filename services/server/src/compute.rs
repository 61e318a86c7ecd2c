//! Heavy work off the I/O threads: pools with a bounded number of threads, and bounded queues.
//!
//! Work of less than about a millisecond runs inline in its handler: handing it over would cost
//! more. [`Compute::run`] is for everything else. Work on the pool may split itself with rayon's
//! parallel iterators, which stay on the pool and collect their results in a fixed order, so an
//! answer never depends on the number of threads.

use crate::{
    clock::Stopwatch,
    limits::{self, Limits},
    queue::{Bound, Cost, Queue, Ticket},
    refusal::Refusal,
    telemetry::spans::{Step, step_now},
};
use opentelemetry::Context;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The pool for heavy work.
#[derive(Clone, Debug)]
pub struct Compute {
    pool: Arc<ThreadPool>,
    /// One permit per thread and per place in the queue.
    admitted: Arc<Semaphore>,
    places: usize,
    /// The computations whose callers wait, bounded in time.
    waited_for: Arc<Queue>,
    cost: Arc<Cost>,
    counts: Arc<Counts>,
}

/// Counts of jobs since the start.
#[derive(Debug, Default)]
struct Counts {
    spawned: AtomicU64,
    begun: AtomicU64,
    ended: AtomicU64,
    waited_micros: AtomicU64,
    busy_micros: AtomicU64,
}

/// The work of the pool: what it does now, and what it has done since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Jobs that run.
    pub running: u64,
    /// Jobs that wait for a thread.
    pub waiting: u64,
    /// Jobs that have begun.
    pub begun: u64,
    /// Time that these waited, summed, seconds.
    pub waited_s: f64,
    /// Time that finished jobs ran, summed, seconds.
    pub busy_s: f64,
}

/// A place among the computations that run or wait; released when its last clone is dropped.
#[derive(Clone, Debug)]
pub struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    _permit: OwnedSemaphorePermit,
    /// Its place among the computations whose callers wait, if it is one of them.
    ticket: Option<Ticket>,
}

impl Place {
    /// The job that holds it does not run, see [`Ticket::skip`].
    fn skip(&self) {
        self.0.ticket.iter().for_each(Ticket::skip);
    }
}

/// A computation in several jobs, which together hold one place. Between two jobs other
/// computations get their turn. The caller starts each job, so the work ends when the caller leaves.
#[derive(Debug)]
pub struct Jobs {
    compute: Compute,
    place: Place,
}

impl Compute {
    /// A pool of `threads` threads with `queue` places to wait, and a bound on the wait of callers.
    ///
    /// # Errors
    /// If the system cannot start the threads.
    pub fn new(threads: usize, queue: usize, bound: Bound) -> std::io::Result<Compute> {
        let threads = threads.max(1);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .stack_size(limits::THREAD_STACK_BYTES)
            .thread_name(|at| format!("compute-{at}"))
            .build()
            .map_err(std::io::Error::other)?;
        let places = threads + queue;
        Ok(Compute {
            pool: Arc::new(pool),
            admitted: Arc::new(Semaphore::new(places)),
            places,
            waited_for: Queue::new(threads, bound),
            cost: Arc::default(),
            counts: Arc::default(),
        })
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Number of computations that can still be admitted.
    pub fn free_places(&self) -> usize {
        self.admitted.available_permits()
    }

    /// Number of computations that can be admitted together: one per thread and place to wait.
    pub fn places(&self) -> usize {
        self.places
    }

    /// What the pool does and has done.
    pub fn work(&self) -> Work {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let seconds = |micros: &AtomicU64| of(micros) as f64 / 1e6;
        // Read in this order: no difference is negative.
        let (ended, begun) = (of(&self.counts.ended), of(&self.counts.begun));
        Work {
            running: begun.saturating_sub(ended),
            waiting: of(&self.counts.spawned).saturating_sub(begun),
            begun,
            waited_s: seconds(&self.counts.waited_micros),
            busy_s: seconds(&self.counts.busy_micros),
        }
    }

    /// Takes a place for one computation.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the queue is full.
    pub fn admit(&self) -> Result<Place, Refusal> {
        self.place(None)
    }

    /// Takes a place for one computation whose caller waits for it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the queue is full, or the caller would wait too long.
    pub fn admit_soon(&self) -> Result<Place, Refusal> {
        self.place(Some(self.waited_for.join(&self.cost)?))
    }

    fn place(&self, ticket: Option<Ticket>) -> Result<Place, Refusal> {
        let permit = Arc::clone(&self.admitted).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::Overloaded {
            what: "computations in the queue",
            setting: "limits.compute_queue",
            limit: self.places as u64,
        })?;
        Ok(Place(Arc::new(Held { _permit: permit, ticket })))
    }

    /// Takes a place for a computation in several jobs.
    ///
    /// # Errors
    /// As [`Compute::admit`].
    pub fn jobs(&self) -> Result<Jobs, Refusal> {
        Ok(Jobs { compute: self.clone(), place: self.admit()? })
    }

    /// Starts work that reports its own result; it holds the place until it ends.
    pub fn spawn(&self, place: Place, work: impl FnOnce(Place) + Send + 'static) {
        let (span, counts) = (tracing::Span::current(), Arc::clone(&self.counts));
        counts.spawned.fetch_add(1, Ordering::Relaxed);
        let (waiting, context) = (Stopwatch::start(), Context::current());
        self.pool.spawn(move || {
            let running = counts.begin(waiting);
            if let Some(ticket) = &place.0.ticket {
                ticket.begin();
            }
            let _of_call = context.attach();
            span.in_scope(|| step_now(Step::Compute, || work(place)));
            counts.end(running);
        });
    }

    /// Runs a pure function on the pool, as the only job of a computation.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the queue is full; as [`Jobs::run`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        self.jobs()?.run(work).await
    }

    /// Runs a pure function for a caller who waits for it.
    ///
    /// # Errors
    /// As [`Compute::admit_soon`] and [`Jobs::run`].
    pub async fn run_soon<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        Jobs { compute: self.clone(), place: self.admit_soon()? }.run(work).await
    }
}

/// The pools of a server. The operating system shares the processors among their threads, so that
/// what takes seconds holds up nothing that takes milliseconds.
#[derive(Clone, Debug)]
pub struct Pools {
    /// For analyses of a prepared view, which take milliseconds.
    pub analyses: Compute,
    /// For preparing views of now: whoever asks right after an ingest waits for no hedge.
    pub views: Compute,
    /// For everything else: hedges, stress tests, files.
    pub long: Compute,
    /// For preparing views of the past: half as many threads, so that a back-test over random days
    /// takes no thread from those who ask about now.
    pub past: Compute,
}

impl Pools {
    /// The pools of a server with `threads` threads for heavy work.
    ///
    /// # Errors
    /// If the system cannot start the threads.
    pub fn new(threads: usize, limits: &Limits) -> std::io::Result<Pools> {
        let bound = |ms, setting| Bound { ms, setting };
        let analyses = bound(limits.queue_ms, "limits.queue_ms");
        let long = bound(limits.compute_queue_ms, "limits.compute_queue_ms");
        let past = bound(limits.past_queue_ms, "limits.past_queue_ms");
        let half = (threads / 2).max(1);
        Ok(Pools {
            analyses: Compute::new(threads, limits::ANALYSES, analyses)?,
            views: Compute::new(threads, limits.compute_queue, long)?,
            long: Compute::new(threads, limits.compute_queue, long)?,
            past: Compute::new(half, limits.compute_queue, past)?,
        })
    }
}

impl Counts {
    fn begin(&self, waiting: Stopwatch) -> Stopwatch {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.waited_micros.fetch_add(waiting.elapsed_micros(), Ordering::Relaxed);
        Stopwatch::start()
    }

    fn end(&self, running: Stopwatch) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.busy_micros.fetch_add(running.elapsed_micros(), Ordering::Relaxed);
    }
}

impl Jobs {
    /// Runs a pure function on the pool. Work that has begun runs to its end even if the caller
    /// leaves, and holds its place until then; work that has not begun is dropped.
    ///
    /// # Errors
    /// [`Refusal::Failed`] if the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (sender, receiver) = oneshot::channel();
        self.compute.spawn(self.place.clone(), move |place| {
            if sender.is_closed() {
                place.skip();
                return;
            }
            let done = catch(work);
            drop(place);
            // If the caller has left, the value is dropped here.
            let _ = sender.send(done);
        });
        receiver.await.map_err(|_| Refusal::ShuttingDown)?.map_err(Refusal::Failed)
    }

    /// Runs a step per item, in order, each as a job of its own; returns the state after the last.
    ///
    /// # Errors
    /// As [`Jobs::run`].
    pub async fn run_each<State: Send + 'static, Item: Send + 'static>(
        &self,
        mut state: State,
        items: Vec<Item>,
        step: fn(&mut State, Item),
    ) -> Result<State, Refusal> {
        for item in items {
            let work = move || {
                step(&mut state, item);
                state
            };
            state = self.run(work).await?;
        }
        Ok(state)
    }
}

/// Runs work; returns the panic's message if it panics.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // The work changes nothing that it shares, so a panic leaves nothing half done.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        format!("a computation panicked: {}", message(panic.as_ref()).unwrap_or("no message"))
    })
}

fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| Some(panic.downcast_ref::<String>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The pool of a server with so many threads and places to wait.
    fn pool(threads: usize, queue: usize) -> Compute {
        let limits = Limits { compute_queue: queue, ..Limits::standard() };
        Pools::new(threads, &limits).unwrap().long
    }

    /// Waits for something that must happen soon.
    async fn until(happened: impl Fn() -> bool) {
        let waiting = async {
            while !happened() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
            .await
            .expect("waited a minute");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_panic_is_a_failure() {
        let compute = pool(1, 0);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let compute = compute.clone();
            async move { compute.run(move || held.recv().is_ok()).await }
        });
        until(|| compute.free_places() == 0).await;
        let second = compute.run(|| ()).await;
        assert!(matches!(second, Err(Refusal::Overloaded { limit: 1, .. })));
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert!(matches!(compute.run(|| panic!("a fault")).await, Err(Refusal::Failed(_))));
        assert!(compute.run(|| ()).await.is_ok(), "a panic gives its place back");
    }

    /// A computation that splits itself into many parts, which count how many run at the same time.
    fn crowd(at_work: &AtomicUsize, most: &AtomicUsize) {
        let parts = (0..64).into_par_iter().map(|_| {
            most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let spent = (0..100_000_u64).fold(0, |sum, x| std::hint::black_box(sum ^ (x * x)));
            at_work.fetch_sub(1, Ordering::SeqCst);
            spent
        });
        assert_eq!(parts.collect::<Vec<u64>>().len(), 64);
    }

    #[tokio::test]
    async fn no_more_than_the_configured_threads_are_at_work() {
        for threads in [1, 3] {
            let compute = pool(threads, 8);
            let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut runs = tokio::task::JoinSet::new();
            for _run in 0..4 {
                let (compute, at_work, most) =
                    (compute.clone(), Arc::clone(&at_work), Arc::clone(&most));
                runs.spawn(async move { compute.run(move || crowd(&at_work, &most)).await });
            }
            while let Some(done) = runs.join_next().await {
                done.unwrap().unwrap();
            }
            assert!((1..=threads).contains(&most.load(Ordering::SeqCst)), "{threads}: {most:?}");
        }
    }

    #[tokio::test]
    async fn work_of_a_caller_that_left_before_it_began_is_dropped() {
        let compute = pool(1, 1);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let compute = compute.clone();
            async move { compute.run(move || held.recv().is_ok()).await }
        });
        let begun = Arc::new(AtomicUsize::new(0));
        let second = tokio::spawn({
            let (compute, begun) = (compute.clone(), Arc::clone(&begun));
            async move { compute.run(move || begun.fetch_add(1, Ordering::SeqCst)).await }
        });
        until(|| compute.free_places() == 0).await;
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(compute.run(|| 7).await.unwrap(), 7, "the thread and the places are free");
        assert_eq!(begun.load(Ordering::SeqCst), 0);
    }

    /// A step that counts itself.
    fn count(begun: &mut Arc<AtomicUsize>, _item: usize) {
        begun.fetch_add(1, Ordering::SeqCst);
        std::thread::yield_now();
    }

    /// Starts a computation of many steps, and waits until some of them have run.
    async fn many_steps(
        compute: &Compute,
        steps: usize,
    ) -> (tokio::task::JoinHandle<Result<(), Refusal>>, Arc<AtomicUsize>) {
        let begun = Arc::new(AtomicUsize::new(0));
        let (jobs, counted) = (compute.jobs().unwrap(), Arc::clone(&begun));
        let running = tokio::spawn(async move {
            jobs.run_each(counted, (0..steps).collect(), count).await.map(drop)
        });
        until(|| 3 <= begun.load(Ordering::SeqCst)).await;
        (running, begun)
    }

    #[tokio::test]
    async fn another_call_is_answered_between_the_steps_of_a_long_computation() {
        let (compute, steps) = (pool(1, 1), 10_000);
        let (running, begun) = many_steps(&compute, steps).await;
        let seen = Arc::clone(&begun);
        let between = compute.run(move || seen.load(Ordering::SeqCst)).await.unwrap();
        assert!(between < steps, "answered after {between} steps");
        running.await.unwrap().unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), steps);
    }

    #[tokio::test]
    async fn a_long_computation_stops_when_its_caller_leaves() {
        let (compute, steps) = (pool(1, 0), 10_000_000);
        let (running, begun) = many_steps(&compute, steps).await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        // Its last job may still run, and holds the only place until then.
        until(|| 0 < compute.free_places()).await;
        let stopped_at = begun.load(Ordering::SeqCst);
        assert_eq!(compute.run(|| 7).await.unwrap(), 7, "the place is free");
        assert_eq!(begun.load(Ordering::SeqCst), stopped_at);
        assert!(stopped_at < steps);
    }
}
