//! Subjects that a query can rank, and the series computed from them.

use crate::{
    inputs::{change_of, change_over},
    measure::Unit,
    prepared::PreparedRotation,
    record::RecordKind,
};
use factors::{
    caps::CapHistory,
    line::{Line, over},
    roles::{ResolvedRole, Role, Roles},
};
use marketdata::{
    bars::Bars,
    basis::PriceBasis,
    dataset::{Dataset, Field},
    day::Day,
    gap::{Gap, GapReason, Subject as About},
    instrument::{InstrumentId, Namespace},
    snapshot::{Series, Snapshot},
    symbol::Symbol,
};
use stats::change;

/// Subject of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A listed symbol, or else the id of a series.
    Symbol(String),
    /// A listed instrument, known by other identifiers than its symbol.
    Listed(InstrumentId),
    /// The symbol configured for a role.
    Role(Role),
    /// A measure of an indicator.
    Measure(String),
}

/// What is computed from a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// Total return of bars, growth of a series; a decimal.
    ChangeRelative,
    /// Difference, in the unit of the values: dollars per share, index points, per cent of a yield.
    ChangePoints,
    /// Change of market value in USD, excluding issuance and buy-backs.
    ChangeValueUsd,
    /// The close, in share units of the view's day; or the value of a series or a measure.
    Level,
    /// The day's highest price, in share units of the view's day.
    IntradayHigh,
    /// The day's lowest price, in share units of the view's day.
    IntradayLow,
}

/// A series of numbers: a subject, a transform and a horizon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The subject.
    pub subject: Subject,
    /// The transform.
    pub transform: Transform,
    /// Number of the subject's own sessions that a change looks back, at least 1. Levels ignore it.
    pub horizon: usize,
}

/// Why a variable cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unresolvable {
    /// No instrument or series has the symbol, or no symbol is resolved for the role.
    Instrument(String),
    /// No measure has the id.
    Measure(String),
    /// The transform does not apply to the subject, with the reason.
    Transform(&'static str),
}

/// A variable's values and their source.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Symbol or measure id.
    pub symbol: String,
    /// The symbol, series or measure, as the subject of a gap.
    pub about: About,
    /// The symbol that it replaces, if the role is resolved to a stand-in.
    pub proxy_for: Option<String>,
    /// Values, oldest first.
    pub history: Series,
    /// Their unit.
    pub unit: Unit,
    /// Whether they are changes or levels.
    pub kind: RecordKind,
    /// Gaps and caveats.
    pub gaps: Vec<Gap>,
}

/// Computes the values of a variable.
///
/// # Errors
/// [`Unresolvable`] if the symbol, role or measure is unknown or the transform does not apply.
pub(crate) fn resolve(
    snapshot: &Snapshot,
    roles: &Roles,
    prepared: &PreparedRotation,
    variable: &Variable,
) -> Result<Resolved, Unresolvable> {
    match &variable.subject {
        Subject::Measure(id) => of_measure(prepared, id, variable),
        Subject::Symbol(symbol) => {
            let resolved =
                find(snapshot, symbol).ok_or_else(|| Unresolvable::Instrument(symbol.clone()))?;
            of_resolved(snapshot, resolved, variable).map_err(Unresolvable::Transform)
        }
        Subject::Listed(instrument) => {
            let resolved = sourced(snapshot.symbol(*instrument), *instrument, Dataset::Bars);
            of_resolved(snapshot, resolved, variable).map_err(Unresolvable::Transform)
        }
        Subject::Role(role) => {
            let resolved = roles
                .resolve_role(snapshot, *role)
                .ok_or_else(|| Unresolvable::Instrument(role.id().to_owned()))?;
            of_resolved(snapshot, resolved, variable).map_err(Unresolvable::Transform)
        }
    }
}

fn of_measure(
    prepared: &PreparedRotation,
    id: &str,
    variable: &Variable,
) -> Result<Resolved, Unresolvable> {
    let reading = prepared.reading(id).ok_or_else(|| Unresolvable::Measure(id.to_owned()))?;
    let (history, kind) = match variable.transform {
        Transform::Level => (reading.history.clone(), reading.spec.kind),
        Transform::ChangePoints => {
            let sessions = reading.sessions.as_ref().unwrap_or(&reading.history.days);
            (change_over(sessions, &reading.history, variable.horizon), RecordKind::Change)
        }
        _ => {
            let why = "a measure has only a level and a change in points";
            return Err(Unresolvable::Transform(why));
        }
    };
    Ok(Resolved {
        symbol: id.to_owned(),
        about: reading.spec.subject(),
        proxy_for: None,
        history,
        unit: reading.spec.unit,
        kind,
        gaps: reading.gaps.clone(),
    })
}

/// Finds a listed symbol with bars, else a series, else a listed symbol without history.
fn find(snapshot: &Snapshot, symbol: &str) -> Option<ResolvedRole> {
    let resolved = |instrument, dataset| sourced(symbol, instrument, dataset);
    let listed = snapshot.listed(symbol);
    let has_bars = |id: &InstrumentId| !snapshot.rows(Dataset::Bars, *id).is_empty();
    let series = Symbol::series(symbol).ok();
    let series = series.and_then(|name| snapshot.resolve(Namespace::Series, &name));
    match (listed.filter(has_bars), series) {
        (Some(id), _) => Some(resolved(id, Dataset::Bars)),
        (None, Some(id)) => Some(resolved(id, Dataset::Series)),
        (None, None) => listed.map(|id| resolved(id, Dataset::Bars)),
    }
}

/// An instrument as the source of values, in the shape of one that fills a role.
fn sourced(symbol: &str, instrument: InstrumentId, dataset: Dataset) -> ResolvedRole {
    let (role, symbol) = (Role::LargeCapIndex, symbol.to_owned());
    ResolvedRole { role, symbol, instrument, dataset, proxy_for: None }
}

fn of_resolved(
    snapshot: &Snapshot,
    resolved: ResolvedRole,
    variable: &Variable,
) -> Result<Resolved, &'static str> {
    let (symbol, proxy_for) = (resolved.symbol.clone(), resolved.proxy_for.clone());
    let about = match resolved.dataset {
        Dataset::Series => About::Series(symbol.clone()),
        _ => About::Symbol(symbol.clone()),
    };
    let mut gaps = Vec::new();
    if let Some(wanted) = &proxy_for {
        let detail = format!("{symbol} stands in for {wanted}");
        gaps.push(Gap::new(GapReason::Proxy, About::Symbol(wanted.clone()), detail));
    }
    let made = if resolved.dataset == Dataset::Series {
        of_series(snapshot, resolved.instrument, variable)?
    } else {
        of_bars(snapshot, resolved, variable, &mut gaps)
    };
    let (history, unit, kind) = made;
    Ok(Resolved { symbol, about, proxy_for, history, unit, kind, gaps })
}

fn of_series(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    variable: &Variable,
) -> Result<(Series, Unit, RecordKind), &'static str> {
    let series = snapshot.series(Dataset::Series, Field::Value, instrument);
    let horizon = variable.horizon;
    match variable.transform {
        Transform::ChangeRelative => {
            let growth = |old: f64, new: f64| (0.0 < old).then(|| change::growth(old, new));
            let growth = over(&series.days, &series.values, horizon, growth);
            Ok((growth, Unit::Decimal, RecordKind::Change))
        }
        Transform::ChangePoints => {
            let change = change_of(&series, horizon, change::ROUNDING);
            Ok((change, Unit::Points, RecordKind::Change))
        }
        Transform::Level => Ok((series, Unit::Points, RecordKind::Level)),
        Transform::IntradayHigh | Transform::IntradayLow => {
            Err("a series has one value per day, without high or low")
        }
        Transform::ChangeValueUsd => Err("a series has no market value"),
    }
}

fn of_bars(
    snapshot: &Snapshot,
    resolved: ResolvedRole,
    variable: &Variable,
    gaps: &mut Vec<Gap>,
) -> (Series, Unit, RecordKind) {
    let horizon = variable.horizon;
    let instrument = resolved.instrument;
    if variable.transform == Transform::ChangeRelative {
        let line = Line::of(snapshot, resolved);
        if 0 < line.rows_left_out {
            let detail = format!(
                "{} earlier rows are left out: no known factor converts their price basis",
                line.rows_left_out
            );
            let about = About::Symbol(line.resolved.symbol.clone());
            gaps.push(Gap::new(GapReason::BasisUnknown, about, detail));
        }
        return (line.growth(horizon), Unit::Decimal, RecordKind::Change);
    }
    let bars = Bars::of(snapshot, instrument);
    if variable.transform == Transform::ChangeValueUsd {
        let history = value_changes(snapshot, instrument, &bars, horizon);
        gaps.extend(gap_of_values(&resolved.symbol, &history, &bars));
        return (history, Unit::Usd, RecordKind::Change);
    }
    let adjusted = (0..bars.len()).any(|i| matches!(bars.basis(i), PriceBasis::TotalReturn { .. }));
    if adjusted {
        let detail = "prices are adjusted for distributions: levels are not traded prices";
        gaps.push(Gap::new(GapReason::Proxy, About::Symbol(resolved.symbol), detail));
    }
    let today = snapshot.today();
    let (history, kind) = match variable.transform {
        Transform::IntradayHigh => {
            (extremes(snapshot, instrument, &bars, Field::High), RecordKind::Level)
        }
        Transform::IntradayLow => {
            (extremes(snapshot, instrument, &bars, Field::Low), RecordKind::Level)
        }
        Transform::ChangePoints => {
            (change_of(&closes(&bars, today), horizon, bars.precision()), RecordKind::Change)
        }
        _ => (closes(&bars, today), RecordKind::Level),
    };
    (history, Unit::Points, kind)
}

fn closes(bars: &Bars<'_>, units_of: Day) -> Series {
    let close = |i: usize| Some((bars.days[i], bars.close_in_units_of(i, units_of)?));
    let (days, values) = (0..bars.len()).filter_map(close).unzip();
    Series { days, values }
}

/// Highs or lows, converted to the view's units by the same factor as the close of their day.
fn extremes(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    bars: &Bars<'_>,
    field: Field,
) -> Series {
    let stored = snapshot.series(Dataset::Bars, field, instrument);
    let today = snapshot.today();
    let value = |(day, stored): (&Day, &f64)| {
        let row = bars.days.binary_search(day).ok()?;
        let factor = bars.close_in_units_of(row, today)? / bars.close_as_stored(row);
        Some((*day, stored * factor)).filter(|(_, value)| value.is_finite())
    };
    let (days, values) = stored.days.iter().zip(&stored.values).filter_map(value).unzip();
    Series { days, values }
}

/// The gap if a history of market value is empty or begins later than the prices.
fn gap_of_values(symbol: &str, history: &Series, bars: &Bars<'_>) -> Option<Gap> {
    let detail = match history.days.first() {
        None if bars.is_empty() => return None,
        None => "no share count and no published market value is known".to_owned(),
        Some(first) if bars.days.get(1).is_none_or(|second| first <= second) => return None,
        Some(first) => {
            format!("no share count is known that would give a change before {first}")
        }
    };
    Some(Gap::new(GapReason::NoSharesOutstanding, About::symbol(symbol), detail))
}

/// Changes of market value over a number of sessions: the sums of the daily changes.
fn value_changes(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    bars: &Bars<'_>,
    horizon: usize,
) -> Series {
    let Some(caps) = CapHistory::of(snapshot, instrument, bars) else { return Series::empty() };
    let daily: Vec<Option<f64>> = (0..bars.len()).map(|i| caps.change(i)).collect();
    let sum = |(at, window): (usize, &[Option<f64>])| {
        let sum: Option<f64> = window.iter().copied().sum();
        let last = at + window.len() - 1;
        Some((bars.days[last], change::settled(sum?, change::ROUNDING * caps.at(last)?)))
    };
    let (days, values) = daily.windows(horizon.max(1)).enumerate().filter_map(sum).unzip();
    Series { days, values }
}
