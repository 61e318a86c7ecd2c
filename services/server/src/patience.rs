//! How long a call may wait for something that another process has to do first.

use crate::limits;
use std::time::Duration;
use tokio::{task::futures::TaskLocalFuture, time::Instant};

tokio::task_local! {
    /// The deadline of the call that runs in this task.
    static DEADLINE: Instant;
}

/// Runs a call that must end by a deadline.
pub fn until<F: Future>(deadline: Instant, call: F) -> TaskLocalFuture<Instant, F> {
    DEADLINE.scope(deadline, call)
}

/// Time until the deadline of the call that runs in this task; `None` outside of calls.
pub fn left() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// When a call that still waits for another process must answer.
pub fn end() -> Instant {
    let longest = Instant::now() + Duration::from_millis(limits::LONGEST_WAIT_MS);
    last_moment().map_or(longest, |last| last.min(longest))
}

/// The outcome of work, or `None` if the call must answer before it ends. The work is not stopped if
/// it runs in a task of its own.
pub async fn in_time<T>(work: impl Future<Output = T>) -> Option<T> {
    match last_moment() {
        Some(last) => tokio::time::timeout_at(last, work).await.ok(),
        None => Some(work.await),
    }
}

/// When a call must answer, so that the caller gets the reason and not only its own deadline; `None`
/// outside of a call.
fn last_moment() -> Option<Instant> {
    let ahead = Duration::from_millis(limits::ANSWER_AHEAD_MS);
    let deadline = DEADLINE.try_with(|deadline| *deadline).ok()?;
    Some(deadline.checked_sub(ahead).unwrap_or(deadline))
}
