//! The rotation report: every indicator asked for, the moves since a date, the state.

use crate::{
    indicator,
    prepared::{PreparedRotation, Reading},
};
use factors::roles::Role;
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Ids of indicators, or of single measures; empty for all.
    pub indicators: Vec<String>,
    /// Report the moves of the indices since this day as well.
    pub since: Option<Day>,
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no indicator or measure has the id {0}")]
pub struct UnknownIndicator(pub String);

/// An index's move since a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The role.
    pub role: Role,
    /// Who plays it.
    pub symbol: String,
    /// What it stands in for; none where it is the thing itself.
    pub proxy_for: Option<String>,
    /// The last session at or before the day asked for.
    pub from: Day,
    /// The latest session.
    pub to: Day,
    /// Total return, a decimal.
    pub value: f64,
}

/// The answer: a selection of what was prepared.
#[derive(Debug)]
pub struct RotationReport<'a> {
    /// All that was prepared.
    pub prepared: &'a PreparedRotation,
    /// The measures asked for, in the order of the list of indicators.
    pub readings: Vec<&'a Reading>,
    /// The moves since the day asked for.
    pub moves: Vec<Move>,
    /// What the answer lacks, beside what each reading says of itself.
    pub gaps: Vec<Gap>,
}

/// Whether an id names an indicator or a measure.
pub fn is_known(id: &str) -> bool {
    indicator::ALL.iter().any(|known| {
        known.id == id
            || (id.starts_with(known.id) && (known.specs)().iter().any(|spec| spec.id == id))
    })
}

/// Selects a report.
///
/// # Errors
/// [`UnknownIndicator`] for the first id that nothing has.
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
                gaps.push(Gap::new(GapReason::ShortHistory, line.resolved.role.id(), detail));
            }
        }
    }
    let readings = prepared.readings.iter().filter(wanted).collect();
    Ok(RotationReport { prepared, readings, moves, gaps })
}
