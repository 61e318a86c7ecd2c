//! Validates rotation requests.

use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        field::Fields, page::Page, portfolio, query::FromProto, shared, vintage::is_as_published,
    },
};
use contract::v1;
use factors::roles::Role;
use marketdata::day::Day;
use rotation::{
    as_published::History,
    family::Work,
    query::{Comparison, Condition, Query},
    record::Direction,
    report::Request,
    subject::{Subject, Transform, Variable},
};

/// Maximum number of ids of one request.
const IDS: usize = 100;
/// Maximum length of a report id, bytes.
const REPORT_ID_BYTES: usize = 128;
/// Maximum number of conditions of one query.
const CONDITIONS: usize = 8;
/// Longest horizon, sessions: ten years.
const HORIZON: i32 = 2_520;
/// Maximum number of listed days of one query.
const TOP: i32 = 100;
/// Default number of listed days.
const TOP_DEFAULT: i32 = 10;

/// A request for a report.
#[derive(Clone)]
pub(super) struct RotationQuery {
    pub(super) as_of: AsOf,
    pub(super) request: Request,
    pub(super) normal: v1::GetRotationRequest,
}

impl RotationQuery {
    fn read(
        mut fields: Fields,
        as_of: AsOf,
        normal: v1::GetRotationRequest,
    ) -> Result<RotationQuery, Refusal> {
        let since = fields.day("since_on", &normal.since_on);
        fields.at_most("ids", normal.ids.len(), IDS);
        let indicators = normal.ids.clone();
        let request = Request { indicators, since };
        fields.finish(Some(RotationQuery { as_of, request, normal }))
    }
}

impl FromProto for RotationQuery {
    const METHOD: &'static str = "GetRotation";
    type Request = v1::GetRotationRequest;

    fn from_proto(mut normal: v1::GetRotationRequest) -> Result<RotationQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, normal.as_of.take());
        RotationQuery::read(fields, as_of, normal)
    }
}

/// A report to follow, and the id of the last one that the client has.
#[derive(Clone)]
pub(super) struct WatchQuery {
    pub(super) rotation: RotationQuery,
    pub(super) last_report_id: String,
}

impl FromProto for WatchQuery {
    const METHOD: &'static str = "WatchRotation";
    type Request = v1::WatchRotationRequest;

    fn from_proto(request: v1::WatchRotationRequest) -> Result<WatchQuery, Refusal> {
        let v1::WatchRotationRequest { expected, ids, since_on, last_report_id } = request;
        let mut fields = Fields::new();
        if REPORT_ID_BYTES < last_report_id.len() {
            fields.add("last_report_id", "must be the report_id of a report");
        }
        let as_of = shared::expected(expected);
        let normal = v1::GetRotationRequest { as_of: None, ids, since_on };
        let rotation = RotationQuery::read(fields, as_of, normal)?;
        Ok(WatchQuery { rotation, last_report_id })
    }
}

/// A request for the list of indicators.
pub(super) struct IndicatorsQuery {
    pub(super) as_of: AsOf,
    pub(super) normal: v1::ListIndicatorsRequest,
}

impl FromProto for IndicatorsQuery {
    const METHOD: &'static str = "ListIndicators";
    type Request = v1::ListIndicatorsRequest;

    fn from_proto(mut normal: v1::ListIndicatorsRequest) -> Result<IndicatorsQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, normal.as_of.take());
        fields.finish(Some(IndicatorsQuery { as_of, normal }))
    }
}

/// A request for a page of a history.
pub(super) struct HistoryQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) from: Option<Day>,
    pub(super) until: Option<Day>,
    pub(super) history: History,
    pub(super) is_as_published: bool,
    pub(super) normal: v1::GetIndicatorHistoryRequest,
}

impl FromProto for HistoryQuery {
    const METHOD: &'static str = "GetIndicatorHistory";
    type Request = v1::GetIndicatorHistoryRequest;

    fn from_proto(mut normal: v1::GetIndicatorHistoryRequest) -> Result<HistoryQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, normal.as_of.take());
        let is_as_published = is_as_published(&mut fields, &mut normal.vintage);
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut normal, &mut as_of)?;
        if normal.measure_id.is_empty() {
            fields.add("measure_id", "must be given");
        }
        let history = History::find(&normal.measure_id);
        let most = match &history {
            Some(history) if is_as_published => most_sessions(history),
            _ => limits::PAGE_MAX,
        };
        let page = page.at_most(most, &mut normal);
        let (from, until) = fields.days(("start_on", &normal.start_on), ("end_on", &normal.end_on));
        fields.finish(Some(()))?;
        // Refused before anything is prepared for it.
        let unknown = || super::unknown_history(normal.measure_id.clone());
        let history = history.ok_or_else(unknown)?;
        Ok(HistoryQuery { as_of, page, from, until, history, is_as_published, normal })
    }
}

/// Maximum number of sessions per page of a history as published.
fn most_sessions(history: &History) -> usize {
    match history.work() {
        Work::WholeMarket => limits::AS_PUBLISHED_PREPARATIONS,
        Work::Roles(_) | Work::Lines => limits::PAGE_MAX,
    }
}

/// A record query.
pub(super) struct RecordsQuery {
    pub(super) as_of: AsOf,
    pub(super) query: Query,
    pub(super) normal: v1::QueryRecordsRequest,
}

impl FromProto for RecordsQuery {
    const METHOD: &'static str = "QueryRecords";
    type Request = v1::QueryRecordsRequest;

    fn from_proto(mut normal: v1::QueryRecordsRequest) -> Result<RecordsQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, normal.as_of.take());
        let ranked = variable(&mut fields, "variable", normal.variable.as_mut());
        let direction = match fields.choice("direction", normal.direction) {
            v1::RecordDirection::Unspecified => None,
            v1::RecordDirection::Up => Some(Direction::Up),
            v1::RecordDirection::Down => Some(Direction::Down),
        };
        if !fields.at_most("conditions", normal.conditions.len(), CONDITIONS) {
            normal.conditions.truncate(CONDITIONS);
        }
        let mut conditions = Vec::new();
        for (at, wire) in normal.conditions.iter_mut().enumerate() {
            conditions.extend(condition(&mut fields, &format!("conditions[{at}]"), wire));
        }
        let from = fields.day("start_on", &normal.start_on);
        let on = fields.day("observed_on", &normal.observed_on);
        let top = *normal.top_count.get_or_insert(TOP_DEFAULT);
        let top = fields.within("top_count", top, 1, TOP) as usize;
        let read = ranked.map(|variable| {
            let query = Query { variable, direction, conditions, from, on, top };
            RecordsQuery { as_of, query, normal }
        });
        fields.finish(read)
    }
}

/// Reads a variable, and writes its defaults into the request.
fn variable(
    fields: &mut Fields,
    path: &str,
    wire: Option<&mut v1::RecordVariable>,
) -> Option<Variable> {
    use v1::record_variable::Subject as Wire;
    let Some(wire) = wire else {
        fields.add(path, "must be given");
        return None;
    };
    let subject = match &wire.subject {
        Some(Wire::Instrument(named)) => {
            portfolio::check_subject(fields, &format!("{path}.instrument"), Some(named));
            // Other identifiers are looked up in the data, for the answer.
            Some(Subject::Symbol(named.symbol.clone()))
        }
        Some(Wire::MeasureId(id)) if !id.is_empty() => Some(Subject::Measure(id.clone())),
        Some(Wire::Role(id)) => Role::from_id(id).map(Subject::Role),
        _ => None,
    };
    if subject.is_none() {
        fields.add(path, "must have an instrument, a role of ListIndicators or a measure_id");
    }
    let horizon = wire.horizon_sessions.get_or_insert(1);
    let horizon = fields.within(&format!("{path}.horizon_sessions"), *horizon, 1, HORIZON);
    if wire.transform == 0 {
        let level = matches!(subject, Some(Subject::Measure(_)));
        wire.transform = if level {
            v1::RecordTransform::Level.into()
        } else {
            v1::RecordTransform::ChangeRelative.into()
        };
    }
    let transform = transform(fields.choice(&format!("{path}.transform"), wire.transform));
    Some(Variable { subject: subject?, transform: transform?, horizon: horizon as usize })
}

fn transform(wire: v1::RecordTransform) -> Option<Transform> {
    use v1::RecordTransform as Wire;
    match wire {
        Wire::Unspecified => None,
        Wire::ChangeRelative => Some(Transform::ChangeRelative),
        Wire::ChangePoints => Some(Transform::ChangePoints),
        Wire::ChangeValueUsd => Some(Transform::ChangeValueUsd),
        Wire::Level => Some(Transform::Level),
        Wire::IntradayHigh => Some(Transform::IntradayHigh),
        Wire::IntradayLow => Some(Transform::IntradayLow),
    }
}

fn condition(fields: &mut Fields, path: &str, wire: &mut v1::RecordCondition) -> Option<Condition> {
    use v1::RecordComparison as Wire;
    let variable = variable(fields, &format!("{path}.variable"), wire.variable.as_mut());
    let comparison_path = format!("{path}.comparison");
    if wire.comparison == 0 {
        fields.add(&comparison_path, "must be above, at least, below or at most");
    }
    let comparison = match fields.choice(&comparison_path, wire.comparison) {
        Wire::Unspecified => None,
        Wire::Above => Some(Comparison::Above),
        Wire::AtLeast => Some(Comparison::AtLeast),
        Wire::Below => Some(Comparison::Below),
        Wire::AtMost => Some(Comparison::AtMost),
    };
    let threshold = wire.threshold.filter(|threshold| threshold.is_finite());
    if threshold.is_none() {
        fields.add(format!("{path}.threshold"), "must be given and finite");
    }
    Some(Condition { variable: variable?, comparison: comparison?, threshold: threshold? })
}
