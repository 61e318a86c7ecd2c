//! What a measure is: a history with its unit, its sources, and what is missing.

use crate::record::RecordKind;
use factors::{line::Line, roles::Role};
use marketdata::{day::Day, gap::Gap, snapshot::Series};

/// The horizons of plain moves and spreads, in sessions: a day, a week, a month, a quarter.
pub const HORIZONS: [usize; 4] = [1, 5, 21, 63];

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A decimal: 0.01 is one per cent (a return, a difference of returns, a weight).
    Decimal,
    /// Per cent of names, 0 to 100, or −100 to 100 for a difference.
    Percent,
    /// Hundredths of a per cent.
    BasisPoints,
    /// US dollars.
    Usd,
    /// A number of names, or of names net.
    Count,
    /// Points of the series itself.
    Points,
}

impl Unit {
    /// The word users see.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Decimal => "decimal",
            Unit::Percent => "percent",
            Unit::BasisPoints => "basis points",
            Unit::Usd => "USD",
            Unit::Count => "count",
            Unit::Points => "points",
        }
    }
}

/// One measure of an indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Stable id: the indicator's, a variation, a horizon; for instance `size_spread.5d`.
    pub id: String,
    /// Sessions it looks back; 0 for a level of the day.
    pub horizon: usize,
    /// The unit of its values.
    pub unit: Unit,
    /// Whether records are of changes or of levels.
    pub kind: RecordKind,
}

impl Spec {
    /// A change over some sessions: `<stem>.<horizon>d`.
    pub fn change(stem: &str, horizon: usize, unit: Unit) -> Spec {
        let id = format!("{stem}.{horizon}d");
        Spec { id, horizon, unit, kind: RecordKind::Change }
    }

    /// A level of the day.
    pub fn level(id: &str, unit: Unit) -> Spec {
        Spec { id: id.to_owned(), horizon: 0, unit, kind: RecordKind::Level }
    }
}

/// Something that a measure stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The role it plays; none for baskets and universes.
    pub role: Option<Role>,
    /// The symbol, membership or basket.
    pub symbol: String,
    /// What it stands in for; none where it is the thing itself.
    pub proxy_for: Option<String>,
    /// First day of its history.
    pub first_on: Option<Day>,
    /// Last day of its history.
    pub last_on: Option<Day>,
}

impl Source {
    /// The source that a line is.
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

/// A number beside the value: a count, a member's part.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// Whom it is about; empty for the whole.
    pub subject: String,
    /// What it is.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The number.
    pub value: f64,
}

impl Detail {
    /// A number about the whole.
    pub fn of(name: &'static str, unit: Unit, value: f64) -> Detail {
        Detail { subject: String::new(), name, unit, value }
    }

    /// A number about one member.
    pub fn about(subject: &str, name: &'static str, unit: Unit, value: f64) -> Detail {
        Detail { subject: subject.to_owned(), name, unit, value }
    }
}

/// What measuring gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The values, oldest first; empty where an input is missing.
    pub history: Series,
    /// The sessions on which there might be a value, where a missing one is a hole that no change
    /// spans; none where the days of the history are all there are.
    pub sessions: Option<Vec<Day>>,
    /// What it stands on.
    pub sources: Vec<Source>,
    /// Numbers beside the latest value.
    pub details: Vec<Detail>,
    /// What is missing or stood in for.
    pub gaps: Vec<Gap>,
}

impl Outcome {
    /// Nothing but a reason.
    pub fn missing(gap: Gap) -> Outcome {
        Outcome {
            history: Series::empty(),
            sessions: None,
            sources: Vec::new(),
            details: Vec::new(),
            gaps: vec![gap],
        }
    }

    /// A history and what it stands on.
    pub fn of(history: Series, sources: Vec<Source>) -> Outcome {
        Outcome { history, sessions: None, sources, details: Vec::new(), gaps: Vec::new() }
    }
}
