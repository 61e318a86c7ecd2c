//! The rotation report: the requested indicators, the moves since a date, the state.

use crate::{
    headline::headline,
    indicator,
    prepared::{PreparedRotation, Reading},
};
use factors::roles::Role;
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
};

/// What a report should contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Ids of indicators or of single measures; empty for all.
    pub indicators: Vec<String>,
    /// If given, the report includes the moves of the indices since this day.
    pub since: Option<Day>,
}

/// An id that no indicator or measure has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no indicator or measure has the id {0}")]
pub struct UnknownIndicator(pub String);

/// An index's return since a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The role.
    pub role: Role,
    /// The resolved symbol.
    pub symbol: String,
    /// The symbol that it replaces. `None` if it is the preferred one itself.
    pub proxy_for: Option<String>,
    /// The last session at or before the requested day.
    pub from: Day,
    /// The latest session.
    pub to: Day,
    /// Total return, a decimal.
    pub value: f64,
}

/// The report: a selection of what was prepared.
#[derive(Debug)]
pub struct RotationReport<'a> {
    /// What the session was, in words, then the slow state. Empty without sessions.
    pub headline: String,
    /// Everything that was prepared.
    pub prepared: &'a PreparedRotation,
    /// The requested measures, in the order of the list of indicators.
    pub readings: Vec<&'a Reading>,
    /// The moves since the requested day; empty if none was given.
    pub moves: Vec<Move>,
    /// Gaps of the answer, in addition to those of each reading.
    pub gaps: Vec<Gap>,
}

/// Whether an id names an indicator or a measure.
pub fn is_known(id: &str) -> bool {
    indicator::ALL.iter().any(|known| {
        known.id == id
            || (id.starts_with(known.id) && (known.specs)().iter().any(|spec| spec.id == id))
    })
}

/// Selects a report from what was prepared.
///
/// # Errors
/// [`UnknownIndicator`] for the first id that is neither an indicator nor a measure.
pub fn report<'a>(
    prepared: &'a PreparedRotation,
    request: &Request,
) -> Result<RotationReport<'a>, UnknownIndicator> {
    let unknown = request.indicators.iter().find(|id| !is_known(id));
    if let Some(id) = unknown {
        return Err(UnknownIndicator(id.clone()));
    }
    let wanted = |reading: &&Reading| {
        request.indicators.is_empty()
            || request
                .indicators
                .iter()
                .any(|id| *id == reading.indicator.id || *id == reading.spec.id)
    };
    let mut gaps = prepared.gaps.clone();
    let mut moves = Vec::new();
    for line in request.since.iter().flat_map(|_| &prepared.indices) {
        let since = request.since.unwrap_or(Day::MIN);
        let to = line.days.last().copied();
        match line.growth_since(since).zip(to) {
            Some(((from, value), to)) => {
                let role = line.resolved.role;
                let (symbol, proxy_for) =
                    (line.resolved.symbol.clone(), line.resolved.proxy_for.clone());
                moves.push(Move { role, symbol, proxy_for, from, to, value });
            }
            None => {
                let detail =
                    format!("{} has no session at or before {since}", line.resolved.symbol);
                gaps.push(Gap::new(
                    GapReason::ShortHistory,
                    Subject::Role(line.resolved.role.id()),
                    detail,
                ));
            }
        }
    }
    let readings = prepared.readings.iter().filter(wanted).collect();
    let (moved, composite) = (prepared.session_move.as_ref(), prepared.composite.as_ref());
    let headline = headline(moved, composite, |id| prepared.reading(id));
    Ok(RotationReport { headline, prepared, readings, moves, gaps })
}
