//! Conflicts of limits on the number of lines and on the smallest ticket with all other constraints.

use super::{
    Infeasible, Relaxation,
    nodes::{Counted, Nodes},
};
use crate::{
    branch::{self, Searched},
    constraint::{Side, Unit},
    convex::ConvexSolver,
    limits::{Caller, SolveLimits, Stopped},
    problem::Problem,
};

/// Solves by which the largest ticket that suffices is bisected: to a thousandth of the ticket.
const TICKET_STEPS: usize = 10;

/// A search may take one of so many parts of the nodes that are left: what others take leaves some.
const PARTS: usize = 8;

/// Any plan proves that trades meet everything: a search ends with the first.
const ANY_PLAN: f64 = f64::MAX;

/// The conflict of a problem whose limits on lines or tickets leave no trades: which of them, the
/// smallest number of lines that suffices, and the largest ticket.
pub(crate) fn explain_picks(
    problem: &Problem,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Infeasible, Stopped> {
    let nodes = Nodes::of(limits);
    let picks = Picks { problem, nodes: &nodes, caller };
    let statement = problem.statement();
    let (lines, ticket) = (statement.max_lines.as_ref(), statement.min_ticket.as_ref());
    let (all, none) = (problem.traded().len(), 0.0);
    let (count, money) = (lines.map_or(all, |l| l.count), ticket.map_or(none, |t| t.money));
    let fewest = picks.smallest_count(count, money)?;
    let largest = picks.largest_ticket(count, money)?;
    let changed_lines = |to: Suffices<usize>| Relaxation {
        constraint: lines.map(|limit| limit.id.clone()).unwrap_or_default(),
        side: Side::Upper,
        from: count as f64,
        to: to.value as f64,
        unit: Unit::Lines,
        may_be_smaller: to.may_be_smaller,
    };
    let changed_ticket = |to: Suffices<f64>| Relaxation {
        constraint: ticket.map(|limit| limit.id.clone()).unwrap_or_default(),
        side: Side::Lower,
        from: money,
        to: to.value,
        unit: Unit::Money,
        may_be_smaller: to.may_be_smaller,
    };
    let alone: Vec<Relaxation> =
        fewest.map(changed_lines).into_iter().chain(largest.map(changed_ticket)).collect();
    let together = match (alone.first(), picks.smallest_count(count, none)?) {
        (Some(first), _) => vec![first.clone()],
        (None, Some(fewest)) => {
            let ticket = picks.largest_ticket(fewest.value, money)?;
            [changed_lines(fewest)].into_iter().chain(ticket.map(changed_ticket)).collect()
        }
        (None, None) => Vec::new(),
    };
    // One that may stay, whatever the other is, has no part in the conflict.
    let lines = lines.filter(|_| fewest.is_some() || largest.is_none());
    let ticket = ticket.filter(|_| largest.is_some() || fewest.is_none());
    let ids = lines.map(|limit| &limit.id).into_iter().chain(ticket.map(|limit| &limit.id));
    let conflict = ids.cloned().collect();
    Ok(Infeasible { conflict, alone, together, solves: nodes.taken() })
}

/// Searches with other limits on lines and tickets.
struct Picks<'a> {
    problem: &'a Problem,
    nodes: &'a Nodes,
    caller: &'a Caller,
}

/// A limit that suffices.
#[derive(Clone, Copy, Debug)]
struct Suffices<T> {
    value: T,
    /// Whether one nearer to the limit as it is may suffice, too.
    may_be_smaller: bool,
}

/// What a search for any trades says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    NotMet,
    /// It ended at its limit on nodes, or without convergence.
    Unknown,
}

impl Picks<'_> {
    /// Whether a search finds trades.
    fn suffice(&self, count: usize, ticket: f64) -> Result<Verdict, Stopped> {
        let changed = self.problem.with_max_lines(count).with_min_ticket(ticket);
        let solver = ConvexSolver::new(&changed, self.caller);
        let mut solver = Counted { solver, nodes: self.nodes };
        let search = |max_nodes| {
            let limits = SolveLimits { max_nodes, relative_gap: ANY_PLAN };
            branch::search(&changed, &mut solver, limits, None)
        };
        match self.nodes.part(PARTS).and_then(search) {
            Ok(Searched::Best(_)) => Ok(Verdict::Met),
            Ok(Searched::Infeasible | Searched::NoPick) => Ok(Verdict::NotMet),
            Err(Stopped::Cancelled) => Err(Stopped::Cancelled),
            Ok(Searched::Unbounded(_)) | Err(Stopped::NodeLimit | Stopped::NotConverged) => {
                Ok(Verdict::Unknown)
            }
        }
    }

    /// The smallest number of lines above one that is too small with which some trades meet
    /// everything, by bisection: more lines never suffice less. `None` if no number is known to.
    fn smallest_count(
        &self,
        too_few: usize,
        ticket: f64,
    ) -> Result<Option<Suffices<usize>>, Stopped> {
        let (mut low, mut high) = (too_few, self.problem.traded().len());
        if high <= low || self.suffice(high, ticket)? != Verdict::Met {
            return Ok(None);
        }
        let mut may_be_smaller = false;
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            match self.suffice(middle, ticket)? {
                Verdict::Met => high = middle,
                verdict => {
                    may_be_smaller |= verdict == Verdict::Unknown;
                    low = middle;
                }
            }
        }
        Ok(Some(Suffices { value: high, may_be_smaller }))
    }

    /// The largest ticket below one that is too large with which some trades meet everything, by
    /// bisection: smaller ones never suffice less. `None` if none is known to.
    fn largest_ticket(
        &self,
        count: usize,
        too_large: f64,
    ) -> Result<Option<Suffices<f64>>, Stopped> {
        if too_large <= 0.0 || self.suffice(count, 0.0)? != Verdict::Met {
            return Ok(None);
        }
        let (mut low, mut high) = (0.0, too_large);
        let mut may_be_smaller = false;
        for _ in 0..TICKET_STEPS {
            let middle = 0.5 * (low + high);
            match self.suffice(count, middle)? {
                Verdict::Met => low = middle,
                verdict => {
                    may_be_smaller |= verdict == Verdict::Unknown;
                    high = middle;
                }
            }
        }
        Ok(Some(Suffices { value: low, may_be_smaller }))
    }
}
