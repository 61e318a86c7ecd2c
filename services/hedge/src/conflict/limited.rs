//! The smallest relaxation where lines or tickets are limited: a search over lines, like that of the
//! plan itself.
//!
//! Constraints that all lines together could meet may need more of them than are allowed to trade,
//! so a relaxation of the convex problem alone does not suffice.

use super::{
    Finder,
    nodes::{Counted, Nodes},
};
use crate::{
    assemble::{Assembly, Change, Goal, Member, Pick, Recipe},
    branch::{self, Searched, Solver},
    convex::{Convex, Optimum},
    limits::{SolveLimits, Stopped},
    solve::Outcome,
};

/// A search ends once no relaxation can be smaller by more than this share.
const GAP: f64 = 1e-3;

/// Relaxations are compared in units of the book's size, or of one, to a thousandth of this.
const ROUNDING: f64 = 1e-6;

/// A relaxation, and the lines that trade then.
pub(super) struct Found {
    pub(super) changes: Vec<Change>,
    pub(super) picks: Vec<Pick>,
    /// Whether none is smaller by more than [`GAP`].
    pub(super) is_smallest: bool,
}

/// The smallest relaxation of some members that lets trades meet all constraints, by a search that may
/// take one of so many parts of the nodes. `None` if none does.
pub(super) fn relaxation(
    finder: &Finder<'_>,
    members: &[Member],
    (nodes, parts): (&Nodes, usize),
) -> Result<Option<Found>, Stopped> {
    let limits = SolveLimits { max_nodes: nodes.part(parts)?, relative_gap: GAP };
    let nothing = vec![Pick::Out; finder.problem.traded().len()];
    let solver = Relaxing { finder, members, enforced: finder.everything() };
    let mut solver = Counted { solver, nodes };
    match branch::search(finder.problem, &mut solver, limits, Some(&nothing))? {
        Searched::Best(best) => {
            let least = best.optimum.objective;
            let is_smallest = least - best.bound <= GAP * least;
            Ok(Some(Found { changes: best.optimum.changes(), picks: best.picks, is_smallest }))
        }
        Searched::Infeasible | Searched::NoPick => Ok(None),
        Searched::Unbounded(_) => Err(Stopped::NotConverged),
    }
}

/// Solves for the smallest relaxation under picks.
struct Relaxing<'a, 'b> {
    finder: &'a Finder<'b>,
    members: &'a [Member],
    enforced: Vec<bool>,
}

impl Solver for Relaxing<'_, '_> {
    fn solve(&mut self, picks: &[Pick]) -> Result<Convex, Stopped> {
        let goal = Goal::Relaxed { members: self.members };
        let recipe = Recipe { picks, enforced: &self.enforced, goal };
        let assembly = Assembly::of(self.finder.problem, self.finder.scale, recipe);
        Ok(match self.finder.outcome(&assembly.program)? {
            Outcome::Optimal(solution, residuals) => {
                let mut optimum = Optimum::relaxed(assembly, solution, residuals);
                optimum.objective += ROUNDING;
                Convex::Optimal(optimum)
            }
            Outcome::Infeasible(_) => Convex::Infeasible,
            // Relaxations are not below zero.
            Outcome::Unbounded(_) | Outcome::Failed => return Err(Stopped::NotConverged),
        })
    }

    fn ranges(&self) -> Vec<(f64, f64)> {
        self.finder.problem.trade_ranges_without(self.members)
    }
}
