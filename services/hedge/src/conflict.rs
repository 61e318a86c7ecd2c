//! Why no trades meet the constraints, and the smallest change that lets some.

use crate::{
    assemble::{Assembly, Goal, Member, Pick, Recipe, Scale, Slack},
    branch::{self, Searched},
    constraint::{Measure, Side, Unit},
    convex::ConvexSolver,
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

/// Solves by which the largest ticket that suffices is bisected: to a thousandth of the ticket.
const TICKET_STEPS: usize = 10;

/// A relaxation is enlarged by this share of the book's size, or of one, so that solving with
/// the new limit is not a matter of rounding.
const MARGIN: f64 = 1e-6;

/// Largest number of convex problems by which a conflict is explained. Half of them may go to
/// leaving members out, and the rest to relaxing single members: limits on single lines last.
pub const EXPLANATION_SOLVES: usize = 128;

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
    /// looked for within [`EXPLANATION_SOLVES`], are not listed.
    pub alone: Vec<Relaxation>,
    /// Changes of several limits that together let some trades meet all constraints, with the
    /// smallest sum of changes, each as a share of its limit; one below a ten-thousandth of the
    /// book's size counts as that, and zero as the size. Empty if only lifting exclusions helps.
    pub together: Vec<Relaxation>,
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
}

/// The conflict of a problem whose convex constraints no trades meet.
pub(crate) fn explain(problem: &Problem, caller: &Caller) -> Result<Infeasible, Stopped> {
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
    let mut alone: Vec<(Member, Relaxation)> = Vec::new();
    for member in relaxable {
        if finder.has_solves(EXPLANATION_SOLVES) {
            alone.extend(finder.relaxed(&[member])?.into_iter().map(|change| (member, change)));
        }
    }
    alone.sort_by_key(|(member, _)| *member);
    let alone = alone.into_iter().map(|(_, change)| change).collect();
    let all: Vec<Member> = (0..constraints.len()).map(Member).collect();
    let together = finder.relaxed(&all)?;
    let conflict = members.iter().map(|member| problem.member_id(*member)).collect();
    Ok(Infeasible { conflict, alone, together })
}

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

/// By how much a limit is relaxed, in its unit.
struct Change {
    member: Member,
    side: Side,
    amount: f64,
}

struct Finder<'a> {
    problem: &'a Problem,
    scale: Scale,
    caller: &'a Caller,
    /// Convex problems solved.
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
                enforced[member] = self.relaxation(&enforced, &[])?.is_some();
            }
        }
        Ok((0..enforced.len()).filter(|member| enforced[*member]).map(Member).collect())
    }

    /// Members with a multiplier in a certificate, if they contradict each other; else all.
    fn certified(&self) -> Result<Vec<bool>, Stopped> {
        let all = self.everything();
        let assembly = self.assembly(&all, &[]);
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
        Ok(if self.relaxation(&named, &[])?.is_none() { named } else { all })
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

    /// Solves a program, unless the caller has gone.
    fn solved(&self, program: &Program) -> Result<Outcome, Stopped> {
        if self.caller.has_gone() {
            return Err(Stopped::Cancelled);
        }
        self.solves.set(self.solves.get() + 1);
        solve::solve(program, self.caller)
    }

    /// Every constraint and exclusion is enforced.
    fn everything(&self) -> Vec<bool> {
        let statement = self.problem.statement();
        vec![true; statement.constraints.len() + statement.exclusions.len()]
    }

    fn assembly(&self, enforced: &[bool], members: &[Member]) -> Assembly {
        let picks = vec![Pick::In; self.problem.traded().len()];
        let recipe = Recipe { picks: &picks, enforced, goal: Goal::Relaxed { members } };
        Assembly::of(self.problem, self.scale, recipe)
    }

    /// The smallest relaxation of some members under which all constraints are met, verified by
    /// solving with it. Empty if there is none, or the solver finds none: the conflict stands
    /// without.
    fn relaxed(&self, members: &[Member]) -> Result<Vec<Relaxation>, Stopped> {
        let enforced = self.everything();
        let changes = match self.relaxation(&enforced, members) {
            Ok(Some(changes)) => changes,
            Ok(None) | Err(Stopped::NotConverged) => return Ok(Vec::new()),
            Err(stopped) => return Err(stopped),
        };
        let changes = self.changed_limits(&changes);
        let relaxed = self.problem.with_limits(&changes);
        match (Finder { problem: &relaxed, ..*self }).relaxation(&enforced, &[]) {
            Ok(Some(_)) => Ok(changes),
            Ok(None) | Err(Stopped::NotConverged) => Ok(Vec::new()),
            Err(stopped) => Err(stopped),
        }
    }

    /// The limits that suffice, without changes that are rounding. A single one is none.
    fn changed_limits(&self, changes: &[Change]) -> Vec<Relaxation> {
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
    ) -> Result<Option<Vec<Change>>, Stopped> {
        let assembly = self.assembly(enforced, members);
        match self.solved(&assembly.program)? {
            Outcome::Optimal(solution, _) => {
                let change = |slack: &Slack| Change {
                    member: slack.member,
                    side: slack.side,
                    amount: solution.values[slack.variable] * slack.unit,
                };
                Ok(Some(assembly.slacks.iter().map(change).collect()))
            }
            Outcome::Infeasible(_) => Ok(None),
            Outcome::Unbounded(_) | Outcome::Failed => Err(Stopped::NotConverged),
        }
    }
}
