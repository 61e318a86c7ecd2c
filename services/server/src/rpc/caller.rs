//! Whether the client still waits for an answer: a search asks in every iteration of the solver, and a
//! simulation before every block of paths.

use ::hedge::limits;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The caller, as the computation sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller(Arc<AtomicBool>);

/// Held by the call. A call that ends, for its answer, its deadline or its caller's departure, drops
/// it.
pub(super) struct Waiting(Caller);

impl Caller {
    /// The mark that the call holds.
    pub(super) fn waiting(&self) -> Waiting {
        Waiting(self.clone())
    }

    /// The caller, as solves see it.
    pub(super) fn of_solves(&self) -> limits::Caller {
        let caller = self.clone();
        limits::Caller::new(move || caller.has_gone())
    }

    /// Whether the client no longer waits.
    pub(super) fn has_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_ends_is_gone() {
        let caller = Caller::default();
        let waiting = caller.waiting();
        assert!(!caller.has_gone());
        drop(waiting);
        assert!(caller.has_gone());
    }
}
