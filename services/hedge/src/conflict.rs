//! Why no trades meet the constraints, and the smallest change that lets some.

mod limited;
mod nodes;
mod picks;

pub(crate) use picks::explain_picks;

use crate::{
    assemble::{Assembly, Change, Goal, Member, Pick, Recipe, Scale},
    conflict::nodes::Nodes,
    constraint::{Measure, Side, Unit},
    limits::{Caller, SolveLimits, Stopped},
    narrow::narrowed,
    problem::Problem,
    program::Program,
    solve::{self, Outcome},
};
use std::cell::Cell;

/// A relaxation is nothing but rounding below this share of the limit, and of the book's size, or
/// of one.
const NOISE: f64 = 1e-7;

/// A relaxation is enlarged by this share of the book's size, or of one, so that solving with
/// the new limit is not a matter of rounding.
const MARGIN: f64 = 1e-6;

/// Largest number of convex problems by which a conflict is explained, besides those of searches
/// over lines ([`SEARCH_EXCESS`]). Half of them may go to leaving members out, and the rest to relaxing
/// single members: limits on single lines last.
pub const EXPLANATION_SOLVES: usize = 128;

/// All searches over lines of an explanation together solve at most [`SolveLimits::max_nodes`] convex
/// problems and so many more: the last one ends with the branches that it has opened.
pub const SEARCH_EXCESS: usize = 3;

/// Convex problems of one relaxation without limits on lines: to find it and to verify it.
const RELAXATION_SOLVES: usize = 2;

/// Members whose multiplier in a certificate is a smaller share of the largest are left out first.
const CERTIFICATE_SHARE: f64 = 1e-5;

/// No trades meet the constraints.
#[derive(Clone, Debug, PartialEq)]
pub struct Infeasible {
    /// Ids of constraints and exclusions that contradict each other, in their order. Without any
    /// one of them, the others can be met, unless there are more than half of
    /// [`EXPLANATION_SOLVES`]: then some may be more than it takes.
    pub conflict: Vec<String>,
    /// For each member of the conflict, the smallest change of its limits that alone lets some
    /// trades meet all constraints. Members for which no change suffices, or none was found or
    /// looked for within [`EXPLANATION_SOLVES`], are not listed. Where lines or tickets are limited,
    /// it is the smallest to a thousandth, or the smallest that a search of a part of
    /// [`SolveLimits::max_nodes`] found ([`Relaxation::may_be_smaller`]).
    pub alone: Vec<Relaxation>,
    /// Changes of several limits that together let some trades meet all constraints, with the
    /// smallest sum of changes, each as a share of its limit; one below a ten-thousandth of the
    /// book's size counts as that, and zero as the size. Empty if only lifting exclusions helps.
    pub together: Vec<Relaxation>,
    /// Convex problems solved to find all this: at most [`EXPLANATION_SOLVES`], and where lines or
    /// tickets are limited those of the searches ([`SEARCH_EXCESS`]).
    pub solves: usize,
}

/// The change of a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Relaxation {
    /// Id of the constraint.
    pub constraint: String,
    /// Which limit.
    pub side: Side,
    /// The limit now.
    pub from: f64,
    /// The limit that suffices.
    pub to: f64,
    /// Unit of both.
    pub unit: Unit,
    /// Whether a smaller change may do: a search ended at its limit on nodes, or the solver without
    /// a proof. Of several changes together, whether a smaller sum may do.
    pub may_be_smaller: bool,
}

/// The conflict of a problem whose convex constraints no trades meet.
pub(crate) fn explain(
    problem: &Problem,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Infeasible, Stopped> {
    let solves = Cell::new(0);
    let finder = Finder { problem, scale: Scale::of(problem), caller, solves: &solves };
    let members = finder.smallest_conflict()?;
    let constraints = &problem.statement().constraints;
    let is_of_line = |member: &Member| {
        matches!(constraints[member.0].measure, Measure::Position(_) | Measure::Trade(_))
    };
    let relaxable = members.iter().copied().filter(|member| member.0 < constraints.len());
    let mut relaxable: Vec<Member> = relaxable.collect();
    relaxable.sort_by_key(|member| (is_of_line(member), *member));
    let nodes = Nodes::of(limits);
    // First, because it is what most conflicts have: a search may leave no nodes for the next ones.
    let all: Vec<Member> = (0..constraints.len()).map(Member).collect();
    let together = finder.relaxed(&all, (&nodes, relaxable.len() + 1))?;
    let mut alone: Vec<(Member, Relaxation)> = Vec::new();
    for (at, member) in relaxable.iter().enumerate() {
        if finder.has_solves(EXPLANATION_SOLVES + 1 - RELAXATION_SOLVES) {
            let changes = finder.relaxed(&[*member], (&nodes, relaxable.len() - at))?;
            alone.extend(changes.into_iter().map(|change| (*member, change)));
        }
    }
    alone.sort_by_key(|(member, _)| *member);
    let alone = alone.into_iter().map(|(_, change)| change).collect();
    let conflict = members.iter().map(|member| problem.member_id(*member)).collect();
    Ok(Infeasible { conflict, alone, together, solves: solves.get() + nodes.taken() })
}

struct Finder<'a> {
    problem: &'a Problem,
    scale: Scale,
    caller: &'a Caller,
    /// Convex problems solved, besides those of searches.
    solves: &'a Cell<usize>,
}

impl Finder<'_> {
    /// Drops one member after the other unless the rest can then be met (Chinneck and Dravnieks
    /// 1991). What is left is irreducible. Begins with the members that the solver's certificate
    /// names, or where these are too many with those of a certificate of few rows.
    fn smallest_conflict(&self) -> Result<Vec<Member>, Stopped> {
        let mut enforced = self.certified()?;
        for member in 0..enforced.len() {
            if enforced[member] && self.has_solves(EXPLANATION_SOLVES / 2) {
                enforced[member] = false;
                enforced[member] = self.relaxation(&enforced, &[], None)?.is_some();
            }
        }
        Ok((0..enforced.len()).filter(|member| enforced[*member]).map(Member).collect())
    }

    /// Members with a multiplier in a certificate, if they contradict each other; else all.
    fn certified(&self) -> Result<Vec<bool>, Stopped> {
        let all = self.everything();
        let assembly = self.assembly(&all, &[], None);
        let multipliers = match self.solved(&assembly.program)? {
            Outcome::Infeasible(multipliers) => multipliers,
            // By less than rounding: nothing says which members it takes.
            Outcome::Optimal(..) => return Ok(all),
            Outcome::Unbounded(_) | Outcome::Failed => return Err(Stopped::NotConverged),
        };
        let mut named = self.named(&assembly, &multipliers);
        let count = named.iter().filter(|named| **named).count();
        if EXPLANATION_SOLVES / 2 <= self.solves.get() + count {
            let few = narrowed(&assembly.program, &self.costs(&assembly));
            if let Outcome::Optimal(solution, _) = self.solved(&few.program)? {
                named = self.named(&assembly, &few.multipliers(&solution));
            }
        }
        Ok(if self.relaxation(&named, &[], None)?.is_none() { named } else { all })
    }

    fn named(&self, assembly: &Assembly, multipliers: &[f64]) -> Vec<bool> {
        let largest = multipliers.iter().fold(0.0_f64, |most, m| most.max(m.abs()));
        let mut named = vec![false; self.everything().len()];
        for owner in &assembly.owners {
            named[owner.member.0] |= CERTIFICATE_SHARE * largest < multipliers[owner.row].abs();
        }
        named
    }

    /// What a multiplier costs, by row: those of members from two to one, the first the most, as it
    /// is dropped first; those of other rows nothing.
    fn costs(&self, assembly: &Assembly) -> Vec<f64> {
        let members = self.everything().len() as f64;
        let mut costs = vec![0.0; assembly.program.rows.len()];
        for owner in &assembly.owners {
            costs[owner.row] = 2.0 - owner.member.0 as f64 / members;
        }
        costs
    }

    fn has_solves(&self, most: usize) -> bool {
        self.solves.get() < most
    }

    /// Solves a program and counts it.
    fn solved(&self, program: &Program) -> Result<Outcome, Stopped> {
        self.solves.set(self.solves.get() + 1);
        self.outcome(program)
    }

    /// Solves a program, unless the caller has gone.
    fn outcome(&self, program: &Program) -> Result<Outcome, Stopped> {
        if self.caller.has_gone() {
            return Err(Stopped::Cancelled);
        }
        solve::solve(program, self.caller)
    }

    /// Every constraint and exclusion is enforced.
    fn everything(&self) -> Vec<bool> {
        let statement = self.problem.statement();
        vec![true; statement.constraints.len() + statement.exclusions.len()]
    }

    /// The program of a relaxation, in which all lines may trade unless there are picks.
    fn assembly(&self, enforced: &[bool], members: &[Member], picks: Option<&[Pick]>) -> Assembly {
        let all = vec![Pick::In; self.problem.traded().len()];
        let picks = picks.unwrap_or(&all);
        let recipe = Recipe { picks, enforced, goal: Goal::Relaxed { members } };
        Assembly::of(self.problem, self.scale, recipe)
    }

    /// The smallest relaxation of some members under which all constraints are met, verified by
    /// solving with it. A search over lines takes one of so many parts of the nodes. Empty if there is
    /// none, or none is found: the conflict stands without.
    fn relaxed(
        &self,
        members: &[Member],
        nodes: (&Nodes, usize),
    ) -> Result<Vec<Relaxation>, Stopped> {
        found(self.verified(members, nodes)).map(Option::unwrap_or_default)
    }

    fn verified(
        &self,
        members: &[Member],
        nodes: (&Nodes, usize),
    ) -> Result<Option<Vec<Relaxation>>, Stopped> {
        let enforced = self.everything();
        let (changes, picks, is_smallest) = if self.problem.limits_picks() {
            let Some(found) = limited::relaxation(self, members, nodes)? else {
                return Ok(None);
            };
            (found.changes, Some(found.picks), found.is_smallest)
        } else {
            let Some(changes) = self.relaxation(&enforced, members, None)? else {
                return Ok(None);
            };
            (changes, None, true)
        };
        let changes = self.changed_limits(&changes, !is_smallest);
        let relaxed = self.problem.with_limits(&changes);
        let with_it = Finder { problem: &relaxed, ..*self };
        let met = with_it.relaxation(&enforced, &[], picks.as_deref())?;
        Ok(met.map(|_| changes))
    }

    /// The limits that suffice, without changes that are rounding. A single one is none.
    fn changed_limits(&self, changes: &[Change], may_be_smaller: bool) -> Vec<Relaxation> {
        let largest = changes.iter().map(|change| change.amount).fold(0.0, f64::max);
        let changed = |change: &Change| {
            let Change { member, side, amount } = *change;
            let constraint = &self.problem.statement().constraints[member.0];
            let from = if side == Side::Lower { constraint.lower? } else { constraint.upper? };
            let unit = constraint.measure.unit();
            let size = self.problem.unit_size(unit);
            let sign = if side == Side::Lower { -1.0 } else { 1.0 };
            let to = from + sign * (amount + MARGIN * size);
            let is_rounding = amount <= NOISE * size.max(from.abs());
            (!is_rounding || largest <= amount).then(|| Relaxation {
                constraint: constraint.id.clone(),
                side,
                from,
                to,
                unit,
                may_be_smaller,
            })
        };
        changes.iter().filter_map(changed).collect()
    }

    /// The smallest relaxations of some members, by side and in their units, that let trades meet
    /// all that is enforced. `None` if none does.
    fn relaxation(
        &self,
        enforced: &[bool],
        members: &[Member],
        picks: Option<&[Pick]>,
    ) -> Result<Option<Vec<Change>>, Stopped> {
        let assembly = self.assembly(enforced, members, picks);
        match self.solved(&assembly.program)? {
            Outcome::Optimal(solution, _) => Ok(Some(assembly.changes(&solution.values))),
            Outcome::Infeasible(_) => Ok(None),
            Outcome::Unbounded(_) | Outcome::Failed => Err(Stopped::NotConverged),
        }
    }
}

/// Nothing, where the solver or the search found nothing.
fn found<T>(result: Result<Option<T>, Stopped>) -> Result<Option<T>, Stopped> {
    match result {
        Err(Stopped::NotConverged | Stopped::NodeLimit) => Ok(None),
        other => other,
    }
}
