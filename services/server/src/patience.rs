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

/// When a call that still waits must answer, so that the caller gets the reason and not only its own
/// deadline.
pub fn end() -> Instant {
    let longest = Instant::now() + Duration::from_millis(limits::LONGEST_WAIT_MS);
    let ahead = Duration::from_millis(limits::ANSWER_AHEAD_MS);
    let deadline = DEADLINE.try_with(|deadline| *deadline).unwrap_or(longest);
    deadline.checked_sub(ahead).map_or(deadline, |early| early.min(longest))
}
