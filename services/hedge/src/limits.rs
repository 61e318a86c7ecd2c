//! What bounds a solve, and why it can end without an answer.

/// Bounds of a solve. There is none on time: a clock would make the answer depend on the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SolveLimits {
    /// Largest number of branches whose convex problem is solved.
    pub max_nodes: usize,
    /// The search ends once no plan can be better by more than this share of the best one's
    /// objective.
    pub relative_gap: f64,
}

/// Asks whether the caller has gone. Asked before every convex problem.
pub type IsCancelled<'a> = &'a dyn Fn() -> bool;

/// Why a solve ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The caller has gone.
    #[error("cancelled")]
    Cancelled,
    /// The convex solver reached no solution of the wanted accuracy.
    #[error("the convex solver did not converge")]
    NotConverged,
    /// The limit on nodes was reached before any plan was found.
    #[error("no plan was found within the limit on nodes")]
    NodeLimit,
}
