//! Answers as one limit takes several values: what a little more room would be worth.
//!
//! Values are solved from the narrowest to the widest. A search over lines begins with the lines of
//! the value before: its plan is allowed, so that no answer is worse than one of a narrower limit,
//! and branches that cannot beat it are never opened. A convex problem begins with nothing: an
//! interior-point solver has no use for a point at the border, and its answer would depend on the
//! other values.

use crate::{
    conflict::Relaxation,
    constraint::{Side, Unit},
    convex::first_scenarios,
    limits::{Caller, SolveLimits, Stopped},
    optimize::{Answer, Start, optimize_from},
    problem::Problem,
};

/// The limit that takes several values.
#[derive(Clone, Debug, PartialEq)]
pub enum Axis {
    /// A limit of a constraint on a measure, by its id; both limits of an equality.
    Constraint {
        /// Id of the constraint.
        id: String,
        /// Which limit.
        side: Side,
        /// The values, in the unit of the measure.
        values: Vec<f64>,
    },
    /// The number of lines that trade.
    Lines {
        /// The values.
        counts: Vec<usize>,
    },
}

/// Why there is no frontier.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoFrontier {
    /// The problem has no such limit.
    #[error("the problem has no such limit")]
    UnknownLimit,
    /// A value is not finite, or crosses the other limit of its constraint.
    #[error("value {0} is not finite or crosses the other limit")]
    Value(usize),
    /// The caller has gone.
    #[error("cancelled")]
    Cancelled,
}

/// Solves the problem once per value; points are in the order of values. Of two values with a plan, the
/// wider limit never has the higher objective before rounding, but for the accuracy of the solver,
/// whatever [`SolveLimits`] leave open. A value whose search ends without an answer says nothing of the
/// others, which are solved all the same.
///
/// # Errors
/// [`NoFrontier`].
pub fn trace(
    problem: &Problem,
    axis: &Axis,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Vec<Result<Answer, Stopped>>, NoFrontier> {
    let problems = match axis {
        Axis::Constraint { id, side, values } => with_limit(problem, id, *side, values)?,
        Axis::Lines { counts } => {
            if problem.statement().max_lines.is_none() {
                return Err(NoFrontier::UnknownLimit);
            }
            counts.iter().map(|count| problem.with_max_lines(*count)).collect()
        }
    };
    let tail = problem.tail().map(|(_, scenarios)| first_scenarios(scenarios));
    let (mut points, mut known) = (vec![None; problems.len()], None);
    for at in axis.widening() {
        let start = Start { picks: known.as_deref(), tail: tail.as_deref() };
        points[at] = Some(match optimize_from(&problems[at], limits, caller, start) {
            Ok((answer, picks)) => {
                known = picks.or(known);
                Ok(answer)
            }
            Err(Stopped::Cancelled) => return Err(NoFrontier::Cancelled),
            Err(stopped) => Err(stopped),
        });
    }
    Ok(points.into_iter().flatten().collect())
}

impl Axis {
    /// The places of the values, from the narrowest to the widest.
    fn widening(&self) -> Vec<usize> {
        let mut order: Vec<usize> = Vec::new();
        match self {
            Axis::Lines { counts } => {
                order.extend(0..counts.len());
                order.sort_by_key(|at| counts[*at]);
            }
            Axis::Constraint { side, values, .. } => {
                order.extend(0..values.len());
                order.sort_by(|a, b| match side {
                    Side::Lower => values[*b].total_cmp(&values[*a]),
                    Side::Upper | Side::Equal => values[*a].total_cmp(&values[*b]),
                });
            }
        }
        order
    }
}

fn with_limit(
    problem: &Problem,
    id: &str,
    side: Side,
    values: &[f64],
) -> Result<Vec<Problem>, NoFrontier> {
    let constraints = &problem.statement().constraints;
    let constraint = constraints
        .iter()
        .find(|constraint| constraint.id == id)
        .ok_or(NoFrontier::UnknownLimit)?;
    let from = match side {
        Side::Lower => constraint.lower,
        Side::Upper => constraint.upper,
        Side::Equal => constraint.lower.filter(|lower| constraint.upper == Some(*lower)),
    };
    let from = from.ok_or(NoFrontier::UnknownLimit)?;
    let unit: Unit = constraint.measure.unit();
    let moved = |(index, value): (usize, &f64)| {
        let sides = if side == Side::Equal { vec![Side::Lower, Side::Upper] } else { vec![side] };
        let change = |side| Relaxation {
            constraint: id.to_owned(),
            side,
            from,
            to: *value,
            unit,
            may_be_smaller: false,
        };
        let changes: Vec<Relaxation> = sides.into_iter().map(change).collect();
        let statement = problem.with_limits(&changes).into_statement();
        Problem::new(statement).map_err(|_| NoFrontier::Value(index))
    };
    values.iter().enumerate().map(moved).collect()
}
