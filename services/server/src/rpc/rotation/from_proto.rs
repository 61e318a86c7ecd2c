//! Rotation requests, read and answered.

use super::{refused, to_proto};
use crate::{
    limits,
    rpc::{
        field::Fields,
        page::{Page, page},
        shared::{self, AsOf},
        status::{Kind, Refusal},
        vintage::is_as_published,
    },
    views::Pinned,
};
use contract::v1;
use factors::roles::Role;
use marketdata::day::Day;
use rotation::{
    as_published::{Measured, Work},
    prepared::PreparedRotation,
    query::{Comparison, Condition, Query, Variable, query},
    record::Direction,
    report::{Request, report},
    subject::{Subject, Transform},
};

/// Ids of one request.
const IDS: usize = 100;
/// Conditions of one query.
const CONDITIONS: usize = 8;
/// Sessions of a horizon: ten years.
const HORIZON: i32 = 2_520;
/// Listed days of one query.
const TOP: i32 = 100;
/// Listed days where a query does not say.
const TOP_DEFAULT: i32 = 10;

/// An as-of that is all a request has.
pub(super) fn as_of_alone(as_of: Option<v1::AsOf>) -> Result<AsOf, Refusal> {
    let mut fields = Fields::new();
    let as_of = shared::as_of(&mut fields, as_of);
    fields.finish(Some(as_of))
}

/// A request for a report.
pub(super) struct RotationQuery {
    pub(super) as_of: AsOf,
    pub(super) normal: v1::GetRotationRequest,
    request: Request,
}

impl RotationQuery {
    pub(super) fn from_proto(mut normal: v1::GetRotationRequest) -> Result<RotationQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, normal.as_of.take());
        RotationQuery::read(fields, as_of, normal)
    }

    /// The report to follow, and the id of the one last seen.
    pub(super) fn from_watch(
        request: v1::WatchRotationRequest,
    ) -> Result<(RotationQuery, String), Refusal> {
        let v1::WatchRotationRequest { as_of, indicator_ids, since_on, last_report_id } = request;
        let mut fields = Fields::new();
        let given = as_of.clone().unwrap_or_default();
        for (field, there) in [
            ("as_of.when", given.when.is_some()),
            ("as_of.revision", given.revision.is_some()),
            ("as_of.data_version", given.data_version.is_some()),
        ] {
            if there {
                fields.add(field, "must be absent: a watch follows the head and the clock");
            }
        }
        if 128 < last_report_id.len() {
            fields.add("last_report_id", "must be the report_id of a report");
        }
        let as_of = shared::as_of(&mut fields, as_of);
        let normal = v1::GetRotationRequest { as_of: None, indicator_ids, since_on };
        Ok((RotationQuery::read(fields, as_of, normal)?, last_report_id))
    }

    fn read(
        mut fields: Fields,
        as_of: AsOf,
        normal: v1::GetRotationRequest,
    ) -> Result<RotationQuery, Refusal> {
        let since = fields.day("since_on", &normal.since_on);
        if IDS < normal.indicator_ids.len() {
            let given = normal.indicator_ids.len();
            fields.add("indicator_ids", format!("{IDS} at most, has {given}"));
        }
        let indicators = normal.indicator_ids.clone();
        let request = Request { indicators, since };
        fields.finish(Some(RotationQuery { as_of, normal, request }))
    }

    pub(super) fn answer(
        &self,
        prepared: &PreparedRotation,
    ) -> Result<(v1::RotationReport, Vec<v1::Gap>), Refusal> {
        let made = report(prepared, &self.request)
            .map_err(|unknown| Refusal::Unknown { kind: Kind::Indicator, name: unknown.0 })?;
        Ok(to_proto::report(made))
    }
}

/// A request for a page of a history.
pub(super) struct History {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) from: Option<Day>,
    pub(super) until: Option<Day>,
    /// The measure of a history as published; none for the latest vintage.
    pub(super) as_published: Option<Measured>,
    pub(super) normal: v1::GetIndicatorHistoryRequest,
}

impl History {
    pub(super) fn from_proto(
        mut normal: v1::GetIndicatorHistoryRequest,
    ) -> Result<History, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, normal.as_of.take());
        let token = std::mem::take(&mut normal.page_token);
        let size = std::mem::take(&mut normal.page_size);
        let as_published = is_as_published(&mut fields, &mut normal.vintage);
        let page = page(&mut fields, ("GetIndicatorHistory", &normal), (size, &token), &mut as_of)?;
        normal.page_size = page.size as i32;
        if normal.measure_id.is_empty() {
            fields.add("measure_id", "must be given");
        }
        // An unknown measure is refused later, with its own reason.
        let measured = Measured::find(&normal.measure_id).filter(|_| as_published);
        let whole = measured.as_ref().is_some_and(|m| m.work == Work::WholeMarket);
        if whole && limits::AS_PUBLISHED_PREPARATIONS < page.size {
            let most = limits::AS_PUBLISHED_PREPARATIONS;
            let (id, size) = (&normal.measure_id, page.size);
            let description = format!(
                "{most} at most for {id} as published, is {size}: each session is computed from the \
                 whole market"
            );
            fields.add("page_size", description);
        }
        let from = fields.day("from_on", &normal.from_on);
        let until = fields.day("until_on", &normal.until_on);
        if from.zip(until).is_some_and(|(from, until)| until < from) {
            fields.add("until_on", "must not be before from_on");
        }
        fields.finish(Some(History { as_of, page, from, until, as_published: measured, normal }))
    }

    pub(super) fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedRotation,
    ) -> Result<v1::GetIndicatorHistoryResponse, Refusal> {
        let name = &self.normal.measure_id;
        let reading = prepared
            .reading(name)
            .ok_or_else(|| Refusal::Unknown { kind: Kind::Indicator, name: name.clone() })?;
        let history = &reading.history;
        let from = self.from.unwrap_or(Day::MIN);
        let until = self.until.unwrap_or(Day::MAX);
        let first = history.days.partition_point(|day| *day < from);
        let end = history.days.partition_point(|day| *day <= until);
        let total = end - first;
        let start = usize::try_from(self.page.start).unwrap_or(total).min(total);
        let stop = (start + self.page.size).min(total);
        let points = (first + start..first + stop)
            .map(|at| v1::IndicatorPoint {
                on: history.days[at].to_string(),
                value: history.values[at],
                ..v1::IndicatorPoint::default()
            })
            .collect();
        let reference = shared::snapshot_ref(pinned);
        Ok(v1::GetIndicatorHistoryResponse {
            result_id: shared::result_id("GetIndicatorHistory", &self.normal, &reference),
            snapshot: Some(reference),
            gaps: shared::gaps(reading.gaps.clone()),
            measure: Some(to_proto::measure(&reading.spec)),
            points,
            sources: reading.sources.iter().map(to_proto::source).collect(),
            total: total as i32,
            next_page_token: match stop < total {
                true => self.page.token(stop as u64, pinned),
                false => String::new(),
            },
        })
    }
}

/// A question for records.
pub(super) struct Records {
    pub(super) as_of: AsOf,
    query: Query,
    normal: v1::QueryRecordsRequest,
}

impl Records {
    pub(super) fn from_proto(mut normal: v1::QueryRecordsRequest) -> Result<Records, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, normal.as_of.take());
        let ranked = variable(&mut fields, "variable", normal.variable.as_mut());
        let direction = match v1::RecordDirection::try_from(normal.direction) {
            Ok(v1::RecordDirection::Unspecified) => None,
            Ok(v1::RecordDirection::Up) => Some(Direction::Up),
            Ok(v1::RecordDirection::Down) => Some(Direction::Down),
            Err(_) => {
                fields.add("direction", format!("{} is no direction", normal.direction));
                None
            }
        };
        if CONDITIONS < normal.conditions.len() {
            let given = normal.conditions.len();
            fields.add("conditions", format!("{CONDITIONS} at most, has {given}"));
            normal.conditions.truncate(CONDITIONS);
        }
        let mut conditions = Vec::new();
        for (at, wire) in normal.conditions.iter_mut().enumerate() {
            conditions.extend(condition(&mut fields, &format!("conditions[{at}]"), wire));
        }
        let from = fields.day("from_on", &normal.from_on);
        let on = fields.day("observed_on", &normal.observed_on);
        if normal.top == 0 {
            normal.top = TOP_DEFAULT;
        }
        let top = fields.within("top", normal.top, 1, TOP) as usize;
        let read = ranked.map(|variable| {
            let query = Query { variable, direction, conditions, from, on, top };
            Records { as_of, query, normal }
        });
        fields.finish(read)
    }

    pub(super) fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedRotation,
    ) -> Result<v1::QueryRecordsResponse, Refusal> {
        let found = query(pinned.snapshot(), &pinned.view().roles, prepared, &self.query)
            .map_err(refused)?;
        let reference = shared::snapshot_ref(pinned);
        let result_id = shared::result_id("QueryRecords", &self.normal, &reference);
        Ok(to_proto::records(found, reference, result_id))
    }
}

/// Reads a variable, and writes its defaults into it.
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
        Some(Wire::Symbol(text)) if !text.is_empty() => Some(Subject::Symbol(text.clone())),
        Some(Wire::MeasureId(id)) if !id.is_empty() => Some(Subject::Measure(id.clone())),
        Some(Wire::Role(id)) => Role::from_id(id).map(Subject::Role),
        _ => None,
    };
    if subject.is_none() {
        fields.add(path, "must name a symbol, a role of ListIndicators or a measure_id");
    }
    let horizon = wire.horizon_sessions.get_or_insert(1);
    let horizon = fields.within(&format!("{path}.horizon_sessions"), *horizon, 1, HORIZON);
    if wire.transform == 0 {
        let level = matches!(subject, Some(Subject::Measure(_)));
        wire.transform = if level {
            v1::RecordTransform::Level.into()
        } else {
            v1::RecordTransform::ChangePercent.into()
        };
    }
    let transform = transform(wire.transform);
    if transform.is_none() {
        fields.add(format!("{path}.transform"), format!("{} is no transform", wire.transform));
    }
    Some(Variable { subject: subject?, transform: transform?, horizon: horizon as usize })
}

fn transform(wire: i32) -> Option<Transform> {
    use v1::RecordTransform as Wire;
    match Wire::try_from(wire).ok()? {
        Wire::Unspecified => None,
        Wire::ChangePercent => Some(Transform::ChangePercent),
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
    let comparison = match Wire::try_from(wire.comparison) {
        Ok(Wire::Above) => Some(Comparison::Above),
        Ok(Wire::AtLeast) => Some(Comparison::AtLeast),
        Ok(Wire::Below) => Some(Comparison::Below),
        Ok(Wire::AtMost) => Some(Comparison::AtMost),
        Ok(Wire::Unspecified) | Err(_) => None,
    };
    if comparison.is_none() {
        fields.add(format!("{path}.comparison"), "must be above, at least, below or at most");
    }
    if !wire.threshold.is_finite() {
        fields.add(format!("{path}.threshold"), "must be finite");
    }
    let threshold = wire.threshold;
    Some(Condition { variable: variable?, comparison: comparison?, threshold })
}
