//! Converts rotation reports to protobuf.

use crate::rpc::{gaps, shared};
use contract::v1;
use factors::roles::{ResolvedRole, Role, Roles};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    snapshot::Snapshot,
};
use rotation::{
    aftermath::{Aftermath, NextReturn},
    component::Score,
    composite::{Composite, Flip, ScoreNow},
    hysteresis::Side,
    indicator,
    measure::{Detail, Source, Spec, Unit},
    prepared::{PreparedRotation, Reading},
    query::{Answer, Found},
    record::{Direction, Record, RecordKind},
    report::{Move, RotationReport},
    session_move::{MoveRow, SessionMove, SessionStatus},
    state::State,
    state_history::{Said, StateHistory},
    subject::Resolved,
    threshold::Threshold,
};

/// A report, and its gaps.
pub(super) fn report(report: RotationReport<'_>) -> (v1::RotationReport, Vec<Gap>) {
    let mut wire = v1::RotationReport {
        report_id: String::new(),
        headline: report.headline,
        session_move: report.prepared.session_move.as_ref().map(|m| moved(m, report.prepared)),
        composite: report.prepared.composite.as_ref().map(|c| composite(c, report.prepared)),
        readings: report.readings.into_iter().map(reading).collect(),
        index_moves: report.moves.into_iter().map(index_move).collect(),
    };
    wire.report_id = shared::result_id("RotationReport", &wire, &v1::SnapshotRef::default());
    (wire, report.gaps)
}

fn reading(reading: &Reading) -> v1::IndicatorReading {
    let last = reading.history.last();
    let spec = &reading.spec;
    v1::IndicatorReading {
        measure_id: spec.id.clone(),
        indicator_id: reading.indicator.id.to_owned(),
        title: reading.indicator.title.to_owned(),
        unit: unit(spec.unit).into(),
        kind: kind(spec.kind).into(),
        horizon_sessions: spec.horizon as i32,
        value: last.map(|(_, value)| value),
        observed_on: on(last.map(|(day, _)| day)),
        age_days: reading.age_days,
        z: reading.z.map(|z| z.z),
        z_observations: reading.z.map(|z| z.observations as i32),
        percentile: reading.percentile,
        observations: reading.history.values.len() as i32,
        record: reading.record.map(|r| record(&r, spec.kind)),
        sources: reading.sources.iter().map(source).collect(),
        details: reading.details.iter().map(detail).collect(),
        gaps: gaps::folded(reading.gaps.clone()),
        method: reading.indicator.method.to_owned(),
    }
}

fn moved(moved: &SessionMove, prepared: &PreparedRotation) -> v1::SessionMove {
    v1::SessionMove {
        on: moved.on.to_string(),
        session_status: moved.status.map(|status| session_status(status).into()),
        rotation_session: moved.is_rotation,
        rows: moved.rows.iter().filter_map(|row| move_row(row, prepared)).collect(),
        rotations_per_year: moved.rate.map(|rate| rate.per_year),
        rate_sessions: moved.rate.map_or(0, |rate| rate.sessions as i32),
        last_year_rotation_count: moved.rate.map(|rate| rate.last_year as i32),
    }
}

const fn session_status(status: SessionStatus) -> v1::SessionStatus {
    match status {
        SessionStatus::Open => v1::SessionStatus::Open,
        SessionStatus::Closed => v1::SessionStatus::Closed,
    }
}

/// `None` for a measure that is not prepared; every one is.
fn move_row(row: &MoveRow, prepared: &PreparedRotation) -> Option<v1::SessionMoveRow> {
    let spec = &prepared.reading(row.measure)?.spec;
    Some(v1::SessionMoveRow {
        measure_id: row.measure.to_owned(),
        value: row.value,
        unit: unit(spec.unit).into(),
        z: row.z,
        z_observations: row.z_observations.map(|count| count as i32),
        record: row.record.map(|r| record(&r, spec.kind)),
    })
}

fn composite(composite: &Composite, prepared: &PreparedRotation) -> v1::RotationComposite {
    v1::RotationComposite {
        state: state(composite.state).into(),
        on: composite.on.to_string(),
        since_on: composite.since.to_string(),
        sessions: composite.sessions as i32,
        threshold: Some(threshold(&composite.threshold)),
        scores: composite.scores.iter().map(score).collect(),
        flips: composite.flips.iter().map(flip).collect(),
        aftermath_of_all: Some(aftermath(&prepared.aftermath.of_all)),
        aftermath_by_state: prepared.aftermath.by_state.iter().map(state_aftermath).collect(),
    }
}

fn state_aftermath((of, after): &(State, Aftermath)) -> v1::StateAftermath {
    v1::StateAftermath { state: state(*of).into(), aftermath: Some(aftermath(after)) }
}

fn aftermath(after: &Aftermath) -> v1::Aftermath {
    v1::Aftermath {
        sessions: after.sessions as i32,
        run_count: after.runs as i32,
        next_returns: after.next.iter().map(next_return).collect(),
    }
}

fn next_return(next: &NextReturn) -> v1::NextReturn {
    v1::NextReturn {
        measure_id: next.measure.to_owned(),
        sessions: next.sessions as i32,
        mean: next.mean,
        standard_error: next.standard_error,
        share_positive: next.share_positive,
    }
}

fn threshold(threshold: &Threshold) -> v1::RotationThreshold {
    v1::RotationThreshold {
        on_value: threshold.on,
        off_value: threshold.off(),
        fixed_on: threshold.fixed_on.to_string(),
        sessions: threshold.sessions as i32,
        changes_per_year: threshold.changes_per_year,
    }
}

fn score(score: &ScoreNow) -> v1::RotationScore {
    let contributions = score.contributions.iter().map(|part| v1::ScoreContribution {
        measure_id: part.component.measure.to_owned(),
        sign: part.component.sign(),
        z: part.z,
        contribution: part.contribution,
    });
    let switch_state = match score.switch.on {
        None => v1::RotationSwitchState::Off,
        Some(Side::Up) => v1::RotationSwitchState::Up,
        Some(Side::Down) => v1::RotationSwitchState::Down,
    };
    v1::RotationScore {
        kind: score_kind(score.score).into(),
        value: score.value,
        components_used: score.used as i32,
        components_total: ScoreNow::TOTAL as i32,
        switch_state: switch_state.into(),
        switch_sessions: score.switch.sessions as i32,
        contributions: contributions.collect(),
    }
}

fn flip(flip: &Flip) -> v1::RotationFlip {
    v1::RotationFlip {
        kind: score_kind(flip.score).into(),
        current_value: flip.current_value,
        required_value: flip.required_value,
        rising: flip.rising,
        new_state: state(flip.new_state).into(),
        locked_sessions: flip.locked_sessions as i32,
    }
}

const fn state(state: State) -> v1::RotationState {
    match state {
        State::RiskOff => v1::RotationState::RiskOff,
        State::SmallLed => v1::RotationState::SmallLed,
        State::MegacapLed => v1::RotationState::MegacapLed,
        State::Broadening => v1::RotationState::Broadening,
        State::Neutral => v1::RotationState::Neutral,
        State::Unknown => v1::RotationState::Unknown,
    }
}

const fn score_kind(score: Score) -> v1::RotationScoreKind {
    match score {
        Score::Size => v1::RotationScoreKind::Size,
        Score::Breadth => v1::RotationScoreKind::Breadth,
        Score::Risk => v1::RotationScoreKind::Risk,
        Score::Squeeze => v1::RotationScoreKind::Squeeze,
    }
}

const fn unit(unit: Unit) -> v1::IndicatorUnit {
    match unit {
        Unit::Decimal => v1::IndicatorUnit::Decimal,
        Unit::Share => v1::IndicatorUnit::Share,
        Unit::BasisPoints => v1::IndicatorUnit::BasisPoints,
        Unit::Usd => v1::IndicatorUnit::Usd,
        Unit::Count => v1::IndicatorUnit::Count,
        Unit::Points => v1::IndicatorUnit::Points,
        Unit::StandardDeviations => v1::IndicatorUnit::StandardDeviations,
        Unit::State => v1::IndicatorUnit::State,
    }
}

const fn kind(kind: RecordKind) -> v1::RecordKind {
    match kind {
        RecordKind::Change => v1::RecordKind::Change,
        RecordKind::Level => v1::RecordKind::Level,
    }
}

fn on(day: Option<Day>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

fn record(record: &Record, kind: RecordKind) -> v1::ValueRecord {
    let direction = match record.direction {
        Direction::Up => v1::RecordDirection::Up,
        Direction::Down => v1::RecordDirection::Down,
    };
    v1::ValueRecord {
        direction: direction.into(),
        since_on: on(record.since),
        since_start: record.since.is_none(),
        first_on: record.start.to_string(),
        rank: record.rank as i32,
        in_direction_count: record.in_direction as i32,
        observations: record.observations as i32,
        rank_share: record.rank_share,
        words: record.in_words(kind),
    }
}

/// The inputs of a measure.
pub(super) fn source(source: &Source) -> v1::IndicatorSource {
    v1::IndicatorSource {
        role: source.role.map_or("", Role::id).to_owned(),
        symbol: source.symbol.clone(),
        proxy_for: source.proxy_for.clone().unwrap_or_default(),
        first_on: on(source.first_on),
        last_on: on(source.last_on),
    }
}

fn detail(detail: &Detail) -> v1::IndicatorDetail {
    v1::IndicatorDetail {
        subject: detail.subject.clone(),
        name: detail.name.to_owned(),
        unit: unit(detail.unit).into(),
        value: detail.value,
    }
}

fn index_move(index: Move) -> v1::IndexMove {
    v1::IndexMove {
        role: index.role.id().to_owned(),
        symbol: index.symbol,
        proxy_for: index.proxy_for.unwrap_or_default(),
        start_on: index.from.to_string(),
        end_on: index.to.to_string(),
        total_return: index.value,
    }
}

/// What a history says of one day.
pub(super) fn point(day: Day, said: Said) -> v1::IndicatorPoint {
    let point = v1::IndicatorPoint { on: day.to_string(), ..v1::IndicatorPoint::default() };
    match said {
        Said::Value(value) => v1::IndicatorPoint { value: Some(value), ..point },
        Said::State(of) => v1::IndicatorPoint { state: Some(state(of).into()), ..point },
        Said::Move { z, is_rotation } => {
            v1::IndicatorPoint { value: Some(z), rotation_session: Some(is_rotation), ..point }
        }
    }
}

/// The scores, the state and the session's move, as measures.
pub(super) fn composite_measures() -> Vec<v1::IndicatorMeasure> {
    StateHistory::ALL.iter().map(|history| measure(&history.spec())).collect()
}

/// A measure in the list of indicators.
pub(super) fn measure(spec: &Spec) -> v1::IndicatorMeasure {
    v1::IndicatorMeasure {
        measure_id: spec.id.clone(),
        unit: unit(spec.unit).into(),
        kind: kind(spec.kind).into(),
        horizon_sessions: spec.horizon as i32,
    }
}

/// The list of indicators.
pub(super) fn indicators() -> Vec<v1::Indicator> {
    let wire = |indicator: &rotation::family::Indicator| v1::Indicator {
        indicator_id: indicator.id.to_owned(),
        title: indicator.title.to_owned(),
        method: indicator.method.to_owned(),
        measures: (indicator.specs)().iter().map(measure).collect(),
    };
    indicator::ALL.iter().map(wire).collect()
}

/// The symbol resolved for each role, and a gap per unresolved role.
pub(super) fn roles(snapshot: &Snapshot, roles: &Roles) -> (Vec<v1::ResolvedRole>, Vec<Gap>) {
    let mut gaps = Vec::new();
    let mut plays = Vec::new();
    for role in Role::ALL {
        let candidates = roles.candidates(role);
        let resolved = roles.resolve_role(snapshot, role);
        if resolved.is_none() {
            let detail = format!("none of {} has a history", candidates.join(", "));
            gaps.push(Gap::new(GapReason::InputMissing, Subject::Role(role.id()), detail));
        }
        let symbol = |found: ResolvedRole| v1::RoleSymbol {
            symbol: found.symbol,
            proxy_for: found.proxy_for.unwrap_or_default(),
        };
        plays.push(v1::ResolvedRole {
            role: role.id().to_owned(),
            candidates: candidates.to_vec(),
            symbols: resolved.map(symbol).into_iter().collect(),
        });
    }
    (plays, gaps)
}

/// The answer to a record query, and its gaps.
pub(super) fn records(answer: Answer) -> (v1::QueryRecordsResponse, Vec<Gap>) {
    let words = answer.in_words();
    let kind_of = answer.kind;
    let response = v1::QueryRecordsResponse {
        words,
        unit: unit(answer.unit).into(),
        kind: kind(kind_of).into(),
        observation: answer.observation.map(day),
        record: answer.record.map(|r| record(&r, kind_of)),
        previous: answer.previous.map(day),
        top: answer.top.into_iter().map(day).collect(),
        matching_days: answer.matching as i32,
        observations: answer.observations as i32,
        incomplete_days: answer.incomplete_days as i32,
        first_on: on(answer.span.map(|(first, _)| first)),
        last_on: on(answer.span.map(|(_, last)| last)),
        sources: answer.resolved.into_iter().map(record_source).collect(),
        ..v1::QueryRecordsResponse::default()
    };
    (response, answer.gaps)
}

fn day(found: Found) -> v1::RecordDay {
    v1::RecordDay {
        on: found.on.to_string(),
        value: found.value,
        condition_values: found.conditions,
    }
}

fn record_source(resolved: Resolved) -> v1::RecordSource {
    v1::RecordSource {
        subject: resolved.symbol,
        proxy_for: resolved.proxy_for.unwrap_or_default(),
        unit: unit(resolved.unit).into(),
        kind: kind(resolved.kind).into(),
        first_on: on(resolved.history.days.first().copied()),
        last_on: on(resolved.history.days.last().copied()),
    }
}
