//! Splits the store's computations over a bounded number of threads, off the threads that serve the
//! wire.

use crate::StoreError;
use std::{num::NonZero, sync::Arc, thread::available_parallelism};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinHandle, spawn_blocking},
};

/// The threads on which a store packs, hashes, decodes and merges. All calls share them, piece by
/// piece, so that an append waits for one piece of a compaction and not for the whole.
///
/// They are not the server's compute pool: a durable write must not wait behind analyses.
#[derive(Clone, Debug)]
pub(crate) struct Workers(Arc<Semaphore>);

impl Workers {
    /// At most `threads` at a time.
    pub(crate) fn new(threads: usize) -> Workers {
        Workers(Arc::new(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// As many as the machine has processors.
    pub(crate) fn per_processor() -> Workers {
        Workers::new(available_parallelism().map_or(1, NonZero::get))
    }

    /// Starts a piece of work as soon as a thread is free.
    pub(crate) async fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        spawn_blocking(move || {
            let _until_done = permit;
            work()
        })
    }

    /// Runs one piece of work.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        joined(self.start(work).await.await)
    }

    /// The results of `job(0)` to `job(count - 1)`, in order.
    pub(crate) async fn map<T: Send + 'static>(
        &self,
        count: usize,
        job: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, StoreError> {
        let job = Arc::new(job);
        let mut tasks = Vec::with_capacity(count);
        for index in 0..count {
            let job = Arc::clone(&job);
            tasks.push(self.start(move || job(index)).await);
        }
        let mut results = Vec::with_capacity(count);
        for task in tasks {
            results.push(joined(task.await)?);
        }
        Ok(results)
    }
}

/// The result of a task. A panic continues in the caller; a runtime that shuts down drops its
/// tasks.
pub(crate) fn joined<T>(result: Result<T, JoinError>) -> Result<T, StoreError> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => StoreError::ShuttingDown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outlook;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_task_dropped_by_a_shutdown_is_not_a_database_failure() {
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        let error = joined(task.await).unwrap_err();
        assert!(matches!(error, StoreError::ShuttingDown), "{error:?}");
        assert_eq!(error.outlook(), Outlook::MayPass);
    }

    /// Counts how many pieces run at the same time.
    #[derive(Clone, Debug, Default)]
    struct Crowd {
        at_work: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    impl Crowd {
        async fn squares(&self, workers: &Workers) -> Vec<usize> {
            let Crowd { at_work, most } = self.clone();
            let job = move |index: usize| {
                most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let spent = (0..20_000_usize).fold(0, |sum, x| std::hint::black_box(sum ^ x));
                at_work.fetch_sub(1, Ordering::SeqCst);
                std::hint::black_box(spent);
                index * index
            };
            workers.map(40, job).await.unwrap()
        }
    }

    #[tokio::test]
    async fn all_calls_together_use_no_more_than_the_given_threads() {
        for threads in [1, 3] {
            let (workers, crowd) = (Workers::new(threads), Crowd::default());
            let (first, second) = tokio::join!(crowd.squares(&workers), crowd.squares(&workers));
            assert_eq!(first, (0..40).map(|index| index * index).collect::<Vec<_>>());
            assert_eq!(first, second);
            let most = crowd.most.load(Ordering::SeqCst);
            assert!((1..=threads).contains(&most), "{threads} threads, {most} at work");
        }
    }

    #[tokio::test]
    async fn a_short_call_is_not_queued_behind_the_whole_of_a_long_one() {
        let (workers, done) = (Workers::new(1), Arc::new(AtomicUsize::new(0)));
        let (counted, seen) = (Arc::clone(&done), Arc::clone(&done));
        let long = workers.map(10_000, move |_| counted.fetch_add(1, Ordering::SeqCst));
        let short = workers.run(move || seen.load(Ordering::SeqCst));
        let (_, before) = tokio::join!(long, short);
        assert!(before.unwrap() < 10_000);
        assert_eq!(done.load(Ordering::SeqCst), 10_000);
    }
}
