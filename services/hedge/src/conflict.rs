//! Why no trades meet the constraints, and the smallest change that lets some.

use crate::{
    assemble::{Assembly, Goal, Member, Pick, Recipe, Scale, Slack},
    branch::{self, Searched},
    constraint::{Measure, Side, Unit},
    convex::ConvexSolver,
    limits::{IsCancelled, SolveLimits, Stopped},
    narrow::narrowed,
    problem::Problem,
    program::Program,
    solve::{self, Outcome},
};
use std::cell::Cell;

/// A relaxation is enlarged by this share of the book's size, or of one, so that solving with
/// the new limit is not a matter of rounding.
const MARGIN: f64 = 1e-6;

/// Largest number of convex problems by which a conflict is explained. Half of them may go to leaving
/// members out, and the rest to relaxing single members: limits on single lines last.
pub const EXPLANATION_SOLVES: usize = 128;

/// Members whose multiplier in a certificate is a smaller share of the largest are left out first.
const CERTIFICATE_SHARE: f64 = 1e-5;

/// No trades meet the constraints.
#[derive(Clone, Debug, PartialEq)]
pub struct Infeasible {
    /// Ids of constraints and exclusions that contradict each other, in their order. Without any one
    /// of them, the others can be met, unless there are more than half of [`EXPLANATION_SOLVES`]: then
    /// some may be more than it takes.
    pub conflict: Vec<String>,
    /// For each member of the conflict, the smallest change of its limits that alone lets some trades
    /// meet all constraints. Members for which no change suffices, or none was found or looked for
    /// within [`EXPLANATION_SOLVES`], are not listed.
    pub alone: Vec<Relaxation>,
    /// Changes of several limits that together let some trades meet all constraints, with the
    /// smallest sum of changes, each as a share of its limit. Empty if only lifting exclusions helps.
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
pub(crate) fn explain(
    problem: &Problem,
    is_cancelled: IsCancelled<'_>,
) -> Result<Infeasible, Stopped> {
    let solves = Cell::new(0);
    let finder = Finder { problem, scale: Scale::of(problem), is_cancelled, solves: &solves };
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

/// The conflict of a problem whose limits on lines or tickets leave no trades: the smallest number of
/// lines that suffices, if the number of lines is limited.
pub(crate) fn explain_picks(
    problem: &Problem,
    limits: SolveLimits,
    is_cancelled: IsCancelled<'_>,
) -> Result<Infeasible, Stopped> {
    let statement = problem.statement();
    let lines = statement.max_lines.iter();
    let tickets = statement.min_ticket.iter().map(|ticket| ticket.id.clone());
    let conflict = lines.clone().map(|limit| limit.id.clone()).chain(tickets).collect();
    let mut alone = Vec::new();
    for limit in lines {
        let count = smallest_count(problem, limit.count, limits, is_cancelled)?;
        alone.extend(count.map(|count| Relaxation {
            constraint: limit.id.clone(),
            side: Side::Upper,
            from: limit.count as f64,
            to: count as f64,
            unit: Unit::Lines,
        }));
    }
    Ok(Infeasible { conflict, together: alone.clone(), alone })
}

/// The smallest number of lines above one that is too small with which some trades meet everything, by
/// bisection: more lines never suffice less. `None` if no number suffices.
fn smallest_count(
    problem: &Problem,
    too_few: usize,
    limits: SolveLimits,
    is_cancelled: IsCancelled<'_>,
) -> Result<Option<usize>, Stopped> {
    let suffices = |count: usize| {
        let more = problem.with_max_lines(count);
        let mut solver = ConvexSolver::new(&more, is_cancelled);
        Ok(matches!(branch::search(&more, &mut solver, limits)?, Searched::Best(_)))
    };
    let (mut low, mut high) = (too_few, problem.traded().len());
    if high <= low || !suffices(high)? {
        return Ok(None);
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if suffices(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
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
    is_cancelled: IsCancelled<'a>,
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
        let Outcome::Infeasible(multipliers) = self.solved(&assembly.program)? else {
            return Err(Stopped::NotConverged);
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

    /// What a multiplier costs, by row: those of members from two to one, the first the most, as it is
    /// dropped first; those of other rows nothing.
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
        if (self.is_cancelled)() {
            return Err(Stopped::Cancelled);
        }
        self.solves.set(self.solves.get() + 1);
        Ok(solve::solve(program))
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
    /// solving with it. Empty if there is none, or the solver finds none: the conflict stands without.
    fn relaxed(&self, members: &[Member]) -> Result<Vec<Relaxation>, Stopped> {
        let enforced = self.everything();
        let changes = match self.relaxation(&enforced, members) {
            Ok(Some(changes)) => changes,
            Ok(None) | Err(Stopped::NotConverged) => return Ok(Vec::new()),
            Err(stopped) => return Err(stopped),
        };
        let changes: Vec<Relaxation> =
            changes.iter().filter_map(|change| self.changed_limit(change)).collect();
        let relaxed = self.problem.with_limits(&changes);
        match (Finder { problem: &relaxed, ..*self }).relaxation(&enforced, &[]) {
            Ok(Some(_)) => Ok(changes),
            Ok(None) | Err(Stopped::NotConverged) => Ok(Vec::new()),
            Err(stopped) => Err(stopped),
        }
    }

    /// The limit that suffices. `None` for a change that is rounding.
    fn changed_limit(&self, change: &Change) -> Option<Relaxation> {
        let Change { member, side, amount } = *change;
        let constraint = &self.problem.statement().constraints[member.0];
        let from = if side == Side::Lower { constraint.lower? } else { constraint.upper? };
        let unit = constraint.measure.unit();
        let margin = MARGIN * self.problem.unit_size(unit);
        let sign = if side == Side::Lower { -1.0 } else { 1.0 };
        let to = from + sign * (amount + margin);
        (margin < amount).then(|| Relaxation {
            constraint: constraint.id.clone(),
            side,
            from,
            to,
            unit,
        })
    }

    /// The smallest relaxations of some members, by side and in their units, that let trades meet all
    /// that is enforced. `None` if none does.
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
