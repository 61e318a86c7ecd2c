//! Conflicts of limits on the number of lines and on the smallest ticket with all other constraints.

use super::{Infeasible, Relaxation};
use crate::{
    branch::{self, Searched},
    constraint::{Side, Unit},
    convex::ConvexSolver,
    limits::{Caller, SolveLimits, Stopped},
    problem::Problem,
};

/// Solves by which the largest ticket that suffices is bisected: to a thousandth of the ticket.
const TICKET_STEPS: usize = 10;

/// The conflict of a problem whose limits on lines or tickets leave no trades: which of them, the
/// smallest number of lines that suffices, and the largest ticket.
pub(crate) fn explain_picks(
    problem: &Problem,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Infeasible, Stopped> {
    let picks = Picks { problem, limits, caller };
    let statement = problem.statement();
    let (lines, ticket) = (statement.max_lines.as_ref(), statement.min_ticket.as_ref());
    let (all, none) = (problem.traded().len(), 0.0);
    let (count, money) = (lines.map_or(all, |l| l.count), ticket.map_or(none, |t| t.money));
    let fewest = picks.smallest_count(count, money)?;
    let largest = picks.largest_ticket(count, money)?;
    let changed_lines = |to: usize| Relaxation {
        constraint: lines.map(|limit| limit.id.clone()).unwrap_or_default(),
        side: Side::Upper,
        from: count as f64,
        to: to as f64,
        unit: Unit::Lines,
    };
    let changed_ticket = |to: f64| Relaxation {
        constraint: ticket.map(|limit| limit.id.clone()).unwrap_or_default(),
        side: Side::Lower,
        from: money,
        to,
        unit: Unit::Money,
    };
    let alone: Vec<Relaxation> =
        fewest.map(changed_lines).into_iter().chain(largest.map(changed_ticket)).collect();
    let together = match (alone.first(), picks.smallest_count(count, none)?) {
        (Some(first), _) => vec![first.clone()],
        (None, Some(fewest)) => {
            let ticket = picks.largest_ticket(fewest, money)?;
            [changed_lines(fewest)].into_iter().chain(ticket.map(changed_ticket)).collect()
        }
        (None, None) => Vec::new(),
    };
    // One that may stay, whatever the other is, has no part in the conflict.
    let lines = lines.filter(|_| fewest.is_some() || largest.is_none());
    let ticket = ticket.filter(|_| largest.is_some() || fewest.is_none());
    let ids = lines.map(|limit| &limit.id).into_iter().chain(ticket.map(|limit| &limit.id));
    Ok(Infeasible { conflict: ids.cloned().collect(), alone, together })
}

/// Searches with other limits on lines and tickets.
struct Picks<'a> {
    problem: &'a Problem,
    limits: SolveLimits,
    caller: &'a Caller,
}

impl Picks<'_> {
    /// Whether a search finds trades. One that reaches its limit on nodes finds none.
    fn suffice(&self, count: usize, ticket: f64) -> Result<bool, Stopped> {
        let changed = self.problem.with_max_lines(count).with_min_ticket(ticket);
        let mut solver = ConvexSolver::new(&changed, self.caller);
        match branch::search(&changed, &mut solver, self.limits, None) {
            Ok(found) => Ok(matches!(found, Searched::Best(_))),
            Err(Stopped::Cancelled) => Err(Stopped::Cancelled),
            Err(Stopped::NodeLimit | Stopped::NotConverged) => Ok(false),
        }
    }

    /// The smallest number of lines above one that is too small with which some trades meet
    /// everything, by bisection: more lines never suffice less. `None` if no number suffices.
    fn smallest_count(&self, too_few: usize, ticket: f64) -> Result<Option<usize>, Stopped> {
        let (mut low, mut high) = (too_few, self.problem.traded().len());
        if high <= low || !self.suffice(high, ticket)? {
            return Ok(None);
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.suffice(middle, ticket)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(Some(high))
    }

    /// The largest ticket below one that is too large with which some trades meet everything, by
    /// bisection: smaller ones never suffice less. `None` if none suffices.
    fn largest_ticket(&self, count: usize, too_large: f64) -> Result<Option<f64>, Stopped> {
        if too_large <= 0.0 || !self.suffice(count, 0.0)? {
            return Ok(None);
        }
        let (mut low, mut high) = (0.0, too_large);
        for _ in 0..TICKET_STEPS {
            let middle = 0.5 * (low + high);
            if self.suffice(count, middle)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(Some(low))
    }
}
