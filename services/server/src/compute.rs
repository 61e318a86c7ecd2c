//! Heavy work off the async threads: as many at once as there are processors, a bounded queue, fixed ranges.
//!
//! What takes less than about a millisecond is done inline by its handler: handing it over costs
//! more than doing it. [`Compute::run`] is for the rest. [`ranges`] splits one piece of work over
//! threads in fixed ranges and puts the parts together in order, so that the number of threads never
//! shows in an answer.

use crate::refusal::Refusal;
use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use tokio::sync::Semaphore;

/// Where heavy work runs.
#[derive(Clone, Debug)]
pub struct Compute {
    /// One permit a thread.
    threads: Arc<Semaphore>,
    /// One permit a thread and a place in the queue.
    admitted: Arc<Semaphore>,
    places: usize,
}

impl Compute {
    /// Threads for work, and places to wait for one.
    pub fn new(threads: usize, queue: usize) -> Compute {
        let threads = threads.max(1);
        Compute {
            threads: Arc::new(Semaphore::new(threads)),
            admitted: Arc::new(Semaphore::new(threads + queue)),
            places: threads + queue,
        }
    }

    /// Runs a pure function on a thread of its own. It runs to its end even where the caller leaves,
    /// and holds its place until then.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] where the queue is full, [`Refusal::Failed`] where the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| {
            Refusal::Overloaded { what: "computations in the queue", limit: self.places as u64 }
        })?;
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let thread = thread.map_err(|_| Refusal::ShuttingDown)?;
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, thread);
            span.in_scope(work)
        });
        done.await.map_err(|error| Refusal::Failed(format!("a computation ended: {error}")))
    }
}

/// Runs `part` for fixed ranges that cover `0..count`, on as many threads as there are processors,
/// and gives the parts in the order of the ranges. The ranges depend on `count` and `step` alone.
///
/// For use inside [`Compute::run`].
pub fn ranges<T: Send>(
    count: usize,
    step: usize,
    part: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let step = step.max(1);
    let parts = count.div_ceil(step);
    let range = |at: usize| at * step..((at + 1) * step).min(count);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(parts);
    if threads <= 1 {
        return (0..parts).map(|at| part(range(at))).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(parts));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if parts <= at {
                        break;
                    }
                    let made = part(range(at));
                    lock(&done).push((at, made));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_come_back_in_order_and_cover_all() {
        for count in [0, 1, 7, 100, 1_000] {
            let parts = ranges(count, 7, |range| range.collect::<Vec<_>>());
            assert_eq!(parts.concat(), (0..count).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_panic_is_a_failure() {
        let compute = Compute::new(1, 0);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let compute = compute.clone();
            async move { compute.run(move || held.recv().is_ok()).await }
        });
        while 0 < compute.admitted.available_permits() {
            tokio::task::yield_now().await;
        }
        let second = compute.run(|| ()).await;
        assert!(matches!(second, Err(Refusal::Overloaded { limit: 1, .. })));
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert!(matches!(compute.run(|| panic!("a fault")).await, Err(Refusal::Failed(_))));
        assert!(compute.run(|| ()).await.is_ok(), "a panic gives its place back");
    }
}
