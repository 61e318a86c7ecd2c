//! "Largest since" queries: any series or measure, ranked, optionally under conditions on others
//! (methodology A2).

use crate::{
    measure::Unit,
    prepared::PreparedRotation,
    record::{Direction, Record, RecordKind},
    subject::{self, Resolved, Unresolvable, Variable},
};
use factors::roles::Roles;
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
    snapshot::Snapshot,
};

/// Comparison operator of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Above the threshold.
    Above,
    /// At or above it.
    AtLeast,
    /// Below it.
    Below,
    /// At or below it.
    AtMost,
}

/// A condition that must hold on a day for the day to count.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The variable that is compared.
    pub variable: Variable,
    /// The operator.
    pub comparison: Comparison,
    /// The threshold, in the variable's unit.
    pub threshold: f64,
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The variable that is ranked.
    pub variable: Variable,
    /// Direction of the ranking. `None` takes the direction of the observation.
    pub direction: Option<Direction>,
    /// Conditions that must all hold on a day for it to count.
    pub conditions: Vec<Condition>,
    /// Days before this do not count.
    pub from: Option<Day>,
    /// The day whose rank is requested. `None` takes the last day that counts.
    pub on: Option<Day>,
    /// Number of the most extreme days to list.
    pub top: usize,
}

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryRefusal {
    /// No instrument or series has the symbol, or no symbol is resolved for the role.
    #[error("no instrument or series is called {name}")]
    UnknownInstrument {
        /// Index of the condition. `None` for the ranked variable.
        condition: Option<usize>,
        /// The symbol or role.
        name: String,
    },
    /// No measure has the id.
    #[error("no measure has the id {id}")]
    UnknownMeasure {
        /// Index of the condition. `None` for the ranked variable.
        condition: Option<usize>,
        /// The id.
        id: String,
    },
    /// The transform does not apply to the subject.
    #[error("{why}")]
    NotApplicable {
        /// Index of the condition. `None` for the ranked variable.
        condition: Option<usize>,
        /// The reason.
        why: &'static str,
    },
}

impl QueryRefusal {
    fn of(why: Unresolvable, condition: Option<usize>) -> QueryRefusal {
        match why {
            Unresolvable::Instrument(name) => QueryRefusal::UnknownInstrument { condition, name },
            Unresolvable::Measure(id) => QueryRefusal::UnknownMeasure { condition, id },
            Unresolvable::Transform(why) => QueryRefusal::NotApplicable { condition, why },
        }
    }
}

/// A day that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The day.
    pub on: Day,
    /// The ranked variable's value.
    pub value: f64,
    /// The values of the conditions' variables, in the order of the conditions.
    pub conditions: Vec<f64>,
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Unit of the ranked values.
    pub unit: Unit,
    /// Whether the ranked values are changes or levels.
    pub kind: RecordKind,
    /// Unit of each condition's values.
    pub condition_units: Vec<Unit>,
    /// First and last day on which the variable and all conditions have a value.
    pub span: Option<(Day, Day)>,
    /// Number of days on which all of them have a value.
    pub observations: usize,
    /// Number of days, between the first and the last complete one, on which only some have a
    /// value. They do not count.
    pub incomplete_days: usize,
    /// Number of days on which all conditions hold.
    pub matching: usize,
    /// The requested day, else the last day that counts.
    pub observation: Option<Found>,
    /// How it ranks among the days that count up to it. `None` if the conditions do not hold on it
    /// or it did not move in the direction asked for.
    pub record: Option<Record>,
    /// The last day that counts before the observation, whatever its size.
    pub previous: Option<Found>,
    /// The most extreme days that count, most extreme first, ties by date.
    pub top: Vec<Found>,
    /// The resolved variables: the ranked one, then those of the conditions.
    pub resolved: Vec<Resolved>,
    /// Missing data.
    pub gaps: Vec<Gap>,
}

/// Answers a query.
///
/// # Errors
/// [`QueryRefusal`] if a symbol, role or measure is unknown or a transform does not apply.
pub fn query(
    snapshot: &Snapshot,
    roles: &Roles,
    prepared: &PreparedRotation,
    query: &Query,
) -> Result<Answer, QueryRefusal> {
    let resolve = |variable: &Variable, condition| {
        subject::resolve(snapshot, roles, prepared, variable)
            .map_err(|why| QueryRefusal::of(why, condition))
    };
    let mut resolved = vec![resolve(&query.variable, None)?];
    for (at, condition) in query.conditions.iter().enumerate() {
        resolved.push(resolve(&condition.variable, Some(at))?);
    }
    let (days, incomplete_days) = complete_days(&resolved, query.from);
    let holds = |found: &&Found| {
        query.conditions.iter().zip(&found.conditions).all(|(c, value)| c.holds(*value))
    };
    let counting: Vec<Found> = days.iter().filter(holds).cloned().collect();
    let kind = resolved[0].kind;
    let observation = match query.on {
        Some(day) => days.iter().find(|found| found.on == day).cloned(),
        None => counting.iter().rev().find(|f| counts(query.direction, kind, f)).cloned(),
    };
    let up_to = observation
        .as_ref()
        .map_or(0, |found| counting.partition_point(|other| other.on <= found.on));
    let counted = observation
        .as_ref()
        .filter(|found| up_to.checked_sub(1).is_some_and(|last| counting[last].on == found.on));
    let record = counted.and_then(|_| standing(&counting[..up_to], kind, query.direction));
    // The history of the record starts with the first complete day, whether or not the conditions
    // held on it.
    let record =
        record.zip(days.first()).map(|(record, first)| Record { start: first.on, ..record });
    let direction = query.direction.or(record.map(|record| record.direction));
    let before = up_to - usize::from(counted.is_some());
    let previous = counting[..before].iter().rev().find(|f| counts(direction, kind, f)).cloned();
    let mut gaps: Vec<Gap> = resolved.iter().flat_map(|r| r.gaps.iter().cloned()).collect();
    gaps.extend(gap_of_observation(query, &resolved[0], observation.as_ref()));
    Ok(Answer {
        unit: resolved[0].unit,
        kind,
        condition_units: resolved[1..].iter().map(|r| r.unit).collect(),
        span: days.first().zip(days.last()).map(|(first, last)| (first.on, last.on)),
        observations: days.len(),
        incomplete_days,
        matching: counting.len(),
        record,
        previous,
        top: most_extreme(counting, kind, direction.unwrap_or(Direction::Up), query.top),
        observation,
        resolved,
        gaps,
    })
}

impl Condition {
    fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Above => self.threshold < value,
            Comparison::AtLeast => self.threshold <= value,
            Comparison::Below => value < self.threshold,
            Comparison::AtMost => value <= self.threshold,
        }
    }
}

impl Answer {
    /// Summarises the answer in one sentence.
    pub fn in_words(&self) -> String {
        let Some(found) = &self.observation else { return "no day counts".to_owned() };
        match &self.record {
            Some(record) => format!(
                "{}: {}, rank {} of {}",
                found.on,
                record.in_words(self.kind),
                record.rank,
                record.in_direction
            ),
            None => format!("{}: does not count", found.on),
        }
    }
}

fn counts(direction: Option<Direction>, kind: RecordKind, found: &Found) -> bool {
    match direction {
        Some(direction) => direction.extremity(kind, found.value).is_some(),
        None => true,
    }
}

fn standing(found: &[Found], kind: RecordKind, direction: Option<Direction>) -> Option<Record> {
    let (days, values): (Vec<Day>, Vec<f64>) = found.iter().map(|f| (f.on, f.value)).unzip();
    match direction {
        Some(direction) => Record::of_last(&days, &values, kind, direction),
        None => Record::of_last_either_way(&days, &values, kind),
    }
}

fn most_extreme(
    counting: Vec<Found>,
    kind: RecordKind,
    direction: Direction,
    top: usize,
) -> Vec<Found> {
    let extremity = |found: Found| Some((direction.extremity(kind, found.value)?, found));
    let mut ranked: Vec<(f64, Found)> = counting.into_iter().filter_map(extremity).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.on.cmp(&b.1.on)));
    ranked.truncate(top);
    ranked.into_iter().map(|(_, found)| found).collect()
}

/// The days on which every variable has a value, and the number of days between the first and the
/// last of them on which only some have.
fn complete_days(resolved: &[Resolved], from: Option<Day>) -> (Vec<Found>, usize) {
    let Some((ranked, conditions)) = resolved.split_first() else { return (Vec::new(), 0) };
    let mut at = vec![0; conditions.len()];
    let mut complete = Vec::new();
    let (mut incomplete, mut pending) = (0, 0);
    let from = from.unwrap_or(Day::MIN);
    let start = ranked.history.days.partition_point(|day| *day < from);
    for (day, value) in ranked.history.days[start..].iter().zip(&ranked.history.values[start..]) {
        let values: Option<Vec<f64>> = conditions
            .iter()
            .zip(&mut at)
            .map(|(condition, at)| {
                let days = &condition.history.days;
                *at += days[*at..].partition_point(|other| other < day);
                (days.get(*at) == Some(day)).then(|| condition.history.values[*at])
            })
            .collect();
        match values {
            Some(conditions) => {
                complete.push(Found { on: *day, value: *value, conditions });
                incomplete += pending;
                pending = 0;
            }
            None if !complete.is_empty() => pending += 1,
            None => {}
        }
    }
    (complete, incomplete)
}

fn gap_of_observation(query: &Query, ranked: &Resolved, found: Option<&Found>) -> Option<Gap> {
    if found.is_some() {
        return None;
    }
    let (reason, detail) = match query.on {
        _ if ranked.history.days.is_empty() => {
            (GapReason::InputMissing, "the variable has no value by the as-of date".to_owned())
        }
        Some(day) => (GapReason::MissingObservations, format!("no complete observation on {day}")),
        None if query.conditions.is_empty() => {
            (GapReason::MissingObservations, "the variable has no value since the start".to_owned())
        }
        None => (GapReason::MissingObservations, "the conditions hold on no day".to_owned()),
    };
    Some(Gap::new(reason, ranked.about.clone(), detail))
}
