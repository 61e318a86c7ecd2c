//! Splits work over the processor's cores, off the threads that serve the wire.

use crate::StoreError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};
use tokio::task::{JoinError, spawn_blocking};

/// Number of jobs that run side by side.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get).min(16)
}

/// The results of `job(0)` to `job(count - 1)`, in order, computed by at most one thread per core.
pub(crate) async fn map<T: Send + 'static>(
    count: usize,
    job: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Result<Vec<T>, StoreError> {
    let (job, next) = (Arc::new(job), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..cores().min(count))
        .map(|_| {
            let (job, next) = (Arc::clone(&job), Arc::clone(&next));
            spawn_blocking(move || {
                let mut done = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if count <= index {
                        return done;
                    }
                    done.push((index, job(index)));
                }
            })
        })
        .collect();
    let mut results = Vec::with_capacity(count);
    for worker in workers {
        results.extend(joined(worker.await)?);
    }
    results.sort_unstable_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// The result of a task. A panic continues in the caller; a runtime that shuts down drops its
/// tasks.
pub(crate) fn joined<T>(result: Result<T, JoinError>) -> Result<T, StoreError> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => StoreError::ShuttingDown,
    })
}

/// Runs one piece of work off the threads that serve the wire.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    joined(spawn_blocking(work).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outlook;

    #[tokio::test]
    async fn a_task_dropped_by_a_shutdown_is_not_a_database_failure() {
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        let error = joined(task.await).unwrap_err();
        assert!(matches!(error, StoreError::ShuttingDown), "{error:?}");
        assert_eq!(error.outlook(), Outlook::MayPass);
    }
}
