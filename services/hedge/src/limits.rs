//! What bounds a solve, and why it can end without an answer.

use std::{fmt, sync::Arc};

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

/// Most values of options that a desk computes for one call: some seconds of one processor.
pub const OPTION_VALUES: usize = 50_000_000;

/// The caller of a solve, who may leave before it ends. Asked in every iteration of the convex
/// solver, before every convex problem and every step of rounding, and for every option of the book
/// that is valued over the past.
#[derive(Clone)]
pub struct Caller(Arc<dyn Fn() -> bool + Send + Sync>);

impl Caller {
    /// A caller who has gone once the function says so.
    pub fn new(has_gone: impl Fn() -> bool + Send + Sync + 'static) -> Caller {
        Caller(Arc::new(has_gone))
    }

    /// A caller who waits for the answer, however long it takes.
    #[must_use]
    pub fn waiting() -> Caller {
        Caller::new(|| false)
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn has_gone(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller")
    }
}

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
