//! How many convex problems the searches over lines of one explanation may take together.

use crate::{
    assemble::Pick,
    branch::Solver,
    convex::Convex,
    limits::{SolveLimits, Stopped},
};
use std::cell::Cell;

/// The convex problems that the searches of an explanation may still take: together as many as the search
/// for a plan. What a search leaves is there for the next ones.
pub(super) struct Nodes {
    most: usize,
    taken: Cell<usize>,
}

impl Nodes {
    pub(super) fn of(limits: SolveLimits) -> Nodes {
        Nodes { most: limits.max_nodes, taken: Cell::new(0) }
    }

    /// One of so many equal parts of what is left, at least one.
    ///
    /// # Errors
    /// [`Stopped::NodeLimit`]: nothing is left.
    pub(super) fn part(&self, parts: usize) -> Result<usize, Stopped> {
        match self.most.saturating_sub(self.taken.get()) {
            0 => Err(Stopped::NodeLimit),
            left => Ok(left.div_ceil(parts.max(1))),
        }
    }

    /// Convex problems that searches took.
    pub(super) fn taken(&self) -> usize {
        self.taken.get()
    }
}

/// A solver of a search whose convex problems are counted.
pub(super) struct Counted<'a, S> {
    pub(super) solver: S,
    pub(super) nodes: &'a Nodes,
}

impl<S: Solver> Solver for Counted<'_, S> {
    fn solve(&mut self, picks: &[Pick]) -> Result<Convex, Stopped> {
        self.nodes.taken.set(self.nodes.taken.get() + 1);
        self.solver.solve(picks)
    }

    fn ranges(&self) -> Vec<(f64, f64)> {
        self.solver.ranges()
    }
}
