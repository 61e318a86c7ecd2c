//! A measure: a history with its unit, its sources, and its gaps.

use crate::record::RecordKind;
use factors::{line::Line, roles::Role};
use marketdata::{
    day::Day,
    gap::{Gap, Subject},
    snapshot::Series,
};

/// Horizons of returns and spreads, in sessions: a day, a week, a month, a quarter.
pub const HORIZONS: [usize; 4] = [1, 5, 21, 63];

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A decimal: 0.01 is one per cent (a return, a difference of returns, a weight).
    Decimal,
    /// A share of names, a decimal: 0 to 1; −1 to 1 for a difference.
    Share,
    /// Basis points: 1 is 0.0001.
    BasisPoints,
    /// US dollars.
    Usd,
    /// A number of names, or a difference of two such numbers.
    Count,
    /// The unit of the series itself.
    Points,
    /// Standard deviations of the value itself.
    StandardDeviations,
    /// A state, which is no number.
    State,
}

impl Unit {
    /// Name of the unit, as shown to users.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Decimal => "decimal",
            Unit::Share => "share",
            Unit::BasisPoints => "basis points",
            Unit::Usd => "USD",
            Unit::Count => "count",
            Unit::Points => "points",
            Unit::StandardDeviations => "standard deviations",
            Unit::State => "state",
        }
    }
}

/// One measure of an indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Stable id: the indicator's id, an optional variant and a horizon, for instance
    /// `size_spread.5d`.
    pub id: String,
    /// Number of sessions that a change looks back; 0 for a level.
    pub horizon: usize,
    /// The unit of its values.
    pub unit: Unit,
    /// Whether the values are changes or levels, for records.
    pub kind: RecordKind,
}

impl Spec {
    /// A change over some sessions: `<stem>.<horizon>d`.
    pub fn change(stem: &str, horizon: usize, unit: Unit) -> Spec {
        let id = format!("{stem}.{horizon}d");
        Spec { id, horizon, unit, kind: RecordKind::Change }
    }

    /// The measure, as the subject of a gap.
    pub fn subject(&self) -> Subject {
        Subject::Indicator(self.id.clone())
    }

    /// A level of the day.
    pub fn level(id: &str, unit: Unit) -> Spec {
        Spec { id: id.to_owned(), horizon: 0, unit, kind: RecordKind::Level }
    }
}

/// An input of a measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The role. `None` for baskets and universes.
    pub role: Option<Role>,
    /// Symbol, membership or basket.
    pub symbol: String,
    /// The symbol or membership that it replaces. `None` if it is the preferred one itself.
    pub proxy_for: Option<String>,
    /// First day of its history.
    pub first_on: Option<Day>,
    /// Last day of its history.
    pub last_on: Option<Day>,
}

impl Source {
    /// Memory held outside of itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.symbol.capacity() + self.proxy_for.as_ref().map_or(0, String::capacity)
    }

    /// A line as a source.
    pub fn of(line: &Line) -> Source {
        Source {
            role: Some(line.resolved.role),
            symbol: line.resolved.symbol.clone(),
            proxy_for: line.resolved.proxy_for.clone(),
            first_on: line.days.first().copied(),
            last_on: line.days.last().copied(),
        }
    }
}

/// A number that accompanies the value: a count, or a member's contribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// Symbol or role it describes; empty if it describes the whole.
    pub subject: String,
    /// Stable name of the number.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The number.
    pub value: f64,
}

impl Detail {
    /// A number that describes the whole.
    pub fn of(name: &'static str, unit: Unit, value: f64) -> Detail {
        Detail { subject: String::new(), name, unit, value }
    }

    /// A number that describes one member.
    pub fn about(subject: &str, name: &'static str, unit: Unit, value: f64) -> Detail {
        Detail { subject: subject.to_owned(), name, unit, value }
    }
}

/// Result of measuring.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Values, oldest first. Empty if an input is missing.
    pub history: Series,
    /// Sessions on which a value is expected. A missing value on one of them is a hole that no
    /// change spans. `None` if the days of the history are the sessions.
    pub sessions: Option<Vec<Day>>,
    /// Sources of the values.
    pub sources: Vec<Source>,
    /// Numbers that accompany the latest value.
    pub details: Vec<Detail>,
    /// Missing inputs and stand-ins.
    pub gaps: Vec<Gap>,
}

impl Outcome {
    /// An outcome without values, only a gap.
    pub fn missing(gap: Gap) -> Outcome {
        Outcome {
            history: Series::empty(),
            sessions: None,
            sources: Vec::new(),
            details: Vec::new(),
            gaps: vec![gap],
        }
    }

    /// A history and its sources.
    pub fn of(history: Series, sources: Vec<Source>) -> Outcome {
        Outcome { history, sessions: None, sources, details: Vec::new(), gaps: Vec::new() }
    }
}
