//! Answers as one limit takes several values: what a little more room would be worth.

use crate::{
    conflict::Relaxation,
    constraint::{Side, Unit},
    limits::{Caller, SolveLimits, Stopped},
    optimize::{Answer, optimize},
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
    /// A solve ended without an answer.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Solves the problem once per value, in their order. A wider limit never has a higher objective, up to
/// the gap of [`SolveLimits`].
///
/// # Errors
/// [`NoFrontier`].
pub fn trace(
    problem: &Problem,
    axis: &Axis,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Vec<Answer>, NoFrontier> {
    let problems = match axis {
        Axis::Constraint { id, side, values } => with_limit(problem, id, *side, values)?,
        Axis::Lines { counts } => {
            if problem.statement().max_lines.is_none() {
                return Err(NoFrontier::UnknownLimit);
            }
            counts.iter().map(|count| problem.with_max_lines(*count)).collect()
        }
    };
    let answers = problems.iter().map(|problem| optimize(problem, limits, caller));
    Ok(answers.collect::<Result<_, _>>()?)
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
        let change = |side| Relaxation { constraint: id.to_owned(), side, from, to: *value, unit };
        let changes: Vec<Relaxation> = sides.into_iter().map(change).collect();
        let statement = problem.with_limits(&changes).statement().clone();
        Problem::new(statement).map_err(|_| NoFrontier::Value(index))
    };
    values.iter().enumerate().map(moved).collect()
}
