//! Conflicts of limits on the number of lines and on the smallest ticket with all other constraints.

use super::{
    Infeasible, Relaxation,
    nodes::{Counted, Nodes},
};
use crate::{
    assemble::relaxation_cost,
    branch::{self, Searched},
    constraint::{Side, Unit},
    convex::ConvexSolver,
    limits::{Caller, SolveLimits, Stopped},
    problem::Problem,
};
use std::cell::Cell;

/// Solves by which the largest ticket that suffices is bisected: to a thousandth of the ticket.
const TICKET_STEPS: usize = 10;

/// Solves by which a ticket is halved where none above a thousandth suffices: to a billionth of it.
const TICKET_HALVINGS: usize = 20;

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
    let picks = Picks { problem, nodes: &nodes, caller, is_unsure: Cell::new(false) };
    let (count, money) = picks.limits();
    let fewest = picks.smallest_count(count, money)?;
    let ticket_matters = 0.0 < money && picks.suffice(count, 0.0)? == Verdict::Met;
    let largest = match ticket_matters {
        true => picks.largest_met(count, (0.0, money))?,
        false => None,
    };
    let lines = fewest.map(|to| Changes { lines: Some(to), ticket: None });
    let ticket = largest.map(|to| Changes { lines: None, ticket: Some(to) });
    let alone: Vec<Changes> = lines.into_iter().chain(ticket).collect();
    let together = picks.smallest_sum(&alone, ticket_matters)?;
    let is_unsure = picks.is_unsure.get();
    let together = together.map_or_else(Vec::new, |changes| picks.relaxations(changes));
    let together =
        together.into_iter().map(|change| Relaxation { may_be_smaller: is_unsure, ..change });
    // One that may stay, whatever the other is, has no part in the conflict.
    let statement = problem.statement();
    let lines = statement.max_lines.as_ref().filter(|_| fewest.is_some() || !ticket_matters);
    let ticket = statement.min_ticket.as_ref().filter(|_| ticket_matters || fewest.is_none());
    let ids = lines.map(|limit| &limit.id).into_iter().chain(ticket.map(|limit| &limit.id));
    Ok(Infeasible {
        conflict: ids.cloned().collect(),
        alone: alone.into_iter().flat_map(|changes| picks.relaxations(changes)).collect(),
        together: together.collect(),
        solves: nodes.taken(),
    })
}

/// Changes of the limits that suffice together.
#[derive(Clone, Copy, Debug)]
struct Changes {
    lines: Option<Suffices<usize>>,
    ticket: Option<Suffices<f64>>,
}

/// Searches with other limits on lines and tickets.
struct Picks<'a> {
    problem: &'a Problem,
    nodes: &'a Nodes,
    caller: &'a Caller,
    /// Whether any search ended without a proof.
    is_unsure: Cell<bool>,
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
    /// The number of lines and the ticket as they are; all lines, and zero, without a limit.
    fn limits(&self) -> (usize, f64) {
        let statement = self.problem.statement();
        let lines = statement.max_lines.as_ref().map(|limit| limit.count);
        let ticket = statement.min_ticket.as_ref().map(|limit| limit.money);
        (lines.unwrap_or(self.problem.traded().len()), ticket.unwrap_or(0.0))
    }

    fn relaxations(&self, changes: Changes) -> Vec<Relaxation> {
        let statement = self.problem.statement();
        let (count, money) = self.limits();
        let lines = statement.max_lines.as_ref().zip(changes.lines).map(|(limit, to)| Relaxation {
            constraint: limit.id.clone(),
            side: Side::Upper,
            from: count as f64,
            to: to.value as f64,
            unit: Unit::Lines,
            may_be_smaller: to.may_be_smaller,
        });
        let ticket =
            statement.min_ticket.as_ref().zip(changes.ticket).map(|(limit, to)| Relaxation {
                constraint: limit.id.clone(),
                side: Side::Lower,
                from: money,
                to: to.value,
                unit: Unit::Money,
                may_be_smaller: to.may_be_smaller,
            });
        lines.into_iter().chain(ticket).collect()
    }

    /// What a unit of each limit costs: changes count as shares of their limits, as those of other
    /// limits do.
    fn prices(&self) -> (f64, f64) {
        let (count, money) = self.limits();
        let price = |limit, unit| {
            let size = self.problem.unit_size(unit);
            relaxation_cost(limit, size) / size
        };
        (price(count as f64, Unit::Lines), price(money, Unit::Money))
    }

    /// The smallest sum of changes: the least of those that suffice alone, unless some more lines with a
    /// smaller ticket take less. `None` if nothing is known to suffice.
    fn smallest_sum(
        &self,
        alone: &[Changes],
        suffices_as_it_is: bool,
    ) -> Result<Option<Changes>, Stopped> {
        let (count, money) = self.limits();
        let (per_line, per_money) = self.prices();
        let of_lines = |value: usize| per_line * (value - count) as f64;
        let sum = |changes: &Changes| {
            changes.lines.map_or(0.0, |to| of_lines(to.value))
                + changes.ticket.map_or(0.0, |to| per_money * (money - to.value))
        };
        let mut best = alone.iter().copied().min_by(|a, b| sum(a).total_cmp(&sum(b)));
        let first = match suffices_as_it_is {
            true => count + 1,
            false => match self.smallest_count(count, 0.0)? {
                Some(fewest) => fewest.value,
                None => return Ok(best),
            },
        };
        let all = self.problem.traded().len();
        for lines in first..=all {
            // A ticket that takes the sum below the best one.
            let left = best.as_ref().map_or(f64::INFINITY, sum) - of_lines(lines);
            if left <= 0.0 {
                break;
            }
            let worth = (money - left / per_money).max(0.0);
            if self.suffice(lines, worth)? == Verdict::Met {
                let Some(ticket) = self.largest_met(lines, (worth, money))? else { continue };
                let lines = Suffices { value: lines, may_be_smaller: false };
                let found = Changes { lines: Some(lines), ticket: Some(ticket) };
                let is_less = best.as_ref().is_none_or(|best| sum(&found) < sum(best));
                best = if is_less { Some(found) } else { best };
            }
        }
        Ok(best)
    }

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
                self.is_unsure.set(true);
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

    /// The largest ticket with which some trades meet everything, between one with which they do and one
    /// that is too large, by bisection: smaller ones never suffice less. `None` if only no ticket at all
    /// is known to suffice, which is no limit.
    fn largest_met(
        &self,
        count: usize,
        (mut low, mut high): (f64, f64),
    ) -> Result<Option<Suffices<f64>>, Stopped> {
        let mut may_be_smaller = false;
        for step in 0..TICKET_STEPS + TICKET_HALVINGS {
            if TICKET_STEPS <= step && 0.0 < low {
                break;
            }
            let middle = 0.5 * (low + high);
            match self.suffice(count, middle)? {
                Verdict::Met => low = middle,
                verdict => {
                    may_be_smaller |= verdict == Verdict::Unknown;
                    high = middle;
                }
            }
        }
        Ok((0.0 < low).then_some(Suffices { value: low, may_be_smaller }))
    }
}
