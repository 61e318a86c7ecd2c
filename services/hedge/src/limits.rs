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

/// Most steps of one lot by which rounding mends what it broke. Only problems of more than half as
/// many lines can reach it.
pub const ROUNDING_STEPS: usize = 5_000;

/// Asks whether the caller has gone. Asked before every convex problem and every step of rounding.
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
