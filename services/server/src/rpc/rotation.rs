//! RotationService: the market's leadership, its history and records, and what would change the
//! state.

mod as_published;
mod from_proto;
mod to_proto;

use crate::{
    as_of::AsOf,
    needed::Needed,
    prepared::Prepared,
    refusal::{Kind, Refusal},
    rpc::{
        Handler,
        envelope::Answer,
        marketdata::instrument,
        merged::hidden_values,
        origin::origin,
        portfolio,
        query::{Normal, Place, Query, answer},
        watch::{
            Watching,
            repeated::{Repeated, Reported},
            watch,
        },
    },
    services::Services,
    views::Pinned,
};
use contract::v1::{self, rotation_service_server::RotationService};
use from_proto::{HistoryQuery, IndicatorsQuery, RecordsQuery, RotationQuery, WatchQuery};
use marketdata::{
    changes::DatasetSet,
    dataset::Dataset,
    day::Day,
    gap::Gap,
    snapshot::{Series, Snapshot},
};
use rotation::{
    as_published::{History, Measured},
    family::Work,
    measure::Source,
    prepared::PreparedRotation,
    query::{self as records, QueryRefusal, query},
    report::{UnknownIndicator, report},
    state_history::Said,
    subject::Subject,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RotationService for Handler {
    async fn get_rotation(
        &self,
        request: Request<v1::GetRotationRequest>,
    ) -> Result<Response<v1::GetRotationResponse>, Status> {
        answer::<RotationQuery>(&self.services, request).await
    }

    type WatchRotationStream = Watching<v1::WatchRotationResponse>;

    async fn watch_rotation(
        &self,
        request: Request<v1::WatchRotationRequest>,
    ) -> Result<Response<Self::WatchRotationStream>, Status> {
        let caller = origin(request.extensions());
        let reports = Repeated::<WatchQuery>::from_proto(request.into_inner())?;
        watch(&self.services, caller, reports).await
    }

    async fn list_indicators(
        &self,
        request: Request<v1::ListIndicatorsRequest>,
    ) -> Result<Response<v1::ListIndicatorsResponse>, Status> {
        answer::<IndicatorsQuery>(&self.services, request).await
    }

    async fn get_indicator_history(
        &self,
        request: Request<v1::GetIndicatorHistoryRequest>,
    ) -> Result<Response<v1::GetIndicatorHistoryResponse>, Status> {
        answer::<HistoryQuery>(&self.services, request).await
    }

    async fn query_records(
        &self,
        request: Request<v1::QueryRecordsRequest>,
    ) -> Result<Response<v1::QueryRecordsResponse>, Status> {
        answer::<RecordsQuery>(&self.services, request).await
    }
}

impl RotationQuery {
    fn report(
        &self,
        prepared: &PreparedRotation,
    ) -> Result<(v1::RotationReport, Vec<Gap>), Refusal> {
        let made = report(prepared, &self.request).map_err(|UnknownIndicator(id)| {
            let at = self.request.indicators.iter().position(|asked| *asked == id);
            unknown_measure(id).at(format!("ids[{}]", at.unwrap_or_default()))
        })?;
        Ok(to_proto::report(made))
    }
}

impl Query for RotationQuery {
    const MODEL: &'static str = ::rotation::MODEL_VERSION;
    type Prepared = PreparedRotation;
    type Response = v1::GetRotationResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedRotation,
    ) -> Result<Answer<v1::GetRotationResponse>, Refusal> {
        let (report, gaps) = self.report(prepared)?;
        let response = v1::GetRotationResponse { report: Some(report), ..Default::default() };
        Ok(Answer::with_gaps(response, gaps).with_merged(of_market(pinned)))
    }
}

impl Query for WatchQuery {
    const MODEL: &'static str = ::rotation::MODEL_VERSION;
    type Prepared = PreparedRotation;
    type Response = v1::WatchRotationResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.rotation.as_of, &self.rotation.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedRotation,
    ) -> Result<Answer<v1::WatchRotationResponse>, Refusal> {
        let (report, gaps) = self.rotation.report(prepared)?;
        let response = v1::WatchRotationResponse { report: Some(report), ..Default::default() };
        Ok(Answer::with_gaps(response, gaps).with_merged(of_market(pinned)))
    }
}

impl Reported for WatchQuery {
    fn last_seen(&self) -> &str {
        &self.last_report_id
    }

    fn report_id(response: &v1::WatchRotationResponse) -> &str {
        response.report.as_ref().map_or("", |report| &report.report_id)
    }

    fn heartbeat(response: v1::WatchRotationResponse) -> v1::WatchRotationResponse {
        let info = response.info.map(|info| v1::AnswerInfo { gaps: Vec::new(), ..info });
        v1::WatchRotationResponse { info, report: None }
    }
}

impl Query for IndicatorsQuery {
    const MODEL: &'static str = ::rotation::MODEL_VERSION;
    type Prepared = ();
    type Response = v1::ListIndicatorsResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        _prepared: &(),
    ) -> Result<Answer<v1::ListIndicatorsResponse>, Refusal> {
        let (roles, gaps) = to_proto::roles(pinned.snapshot(), &pinned.settings().roles);
        let response = v1::ListIndicatorsResponse {
            indicators: to_proto::indicators(),
            roles,
            composite_measures: to_proto::composite_measures(),
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, gaps).with_merged(of_lines(pinned, &[])))
    }
}

/// The data a history is read from.
#[derive(Debug)]
enum PreparedHistory {
    /// The latest vintage: prepared for the view.
    Latest(Arc<PreparedRotation>),
    /// As published: the page itself.
    AsPublished(as_published::Page),
}

impl Needed<HistoryQuery> for PreparedHistory {
    async fn of(
        query: &HistoryQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<PreparedHistory>, Refusal> {
        Ok(Arc::new(match query.is_as_published {
            false => PreparedHistory::Latest(services.prepared(pinned).await?),
            true => {
                PreparedHistory::AsPublished(as_published::page(services, query, pinned).await?)
            }
        }))
    }
}

impl Query for HistoryQuery {
    const MODEL: &'static str = ::rotation::MODEL_VERSION;
    type Prepared = PreparedHistory;
    type Response = v1::GetIndicatorHistoryResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedHistory,
    ) -> Result<Answer<v1::GetIndicatorHistoryResponse>, Refusal> {
        let answer = match prepared {
            PreparedHistory::Latest(prepared) => self.latest(pinned, prepared)?,
            PreparedHistory::AsPublished(page) => self.as_published(pinned, page),
        };
        Ok(answer.with_merged(match self.history.work() {
            Work::WholeMarket => of_market(pinned),
            Work::Lines | Work::Roles(_) => of_lines(pinned, &[]),
        }))
    }
}

/// A history as known at the as-of date.
struct LatestHistory<'a> {
    /// What it says of each day, oldest first.
    said: Vec<(Day, Said)>,
    sources: &'a [Source],
    gaps: &'a [Gap],
}

impl HistoryQuery {
    fn latest(
        &self,
        pinned: &Pinned,
        prepared: &PreparedRotation,
    ) -> Result<Answer<v1::GetIndicatorHistoryResponse>, Refusal> {
        let LatestHistory { said, sources, gaps } = self.history_of(prepared)?;
        let from = self.from.unwrap_or(Day::MIN);
        let until = self.until.unwrap_or(Day::MAX);
        let first = said.partition_point(|(day, _)| *day < from);
        let end = said.partition_point(|(day, _)| *day <= until);
        let cut = self.page.cut(end - first, pinned);
        let points = cut.places.map(|place| said[first + place]);
        let response = v1::GetIndicatorHistoryResponse {
            measure: Some(to_proto::measure(&self.history.spec())),
            points: points.map(|(day, said)| to_proto::point(day, said)).collect(),
            sources: sources.iter().map(to_proto::source).collect(),
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, gaps.to_vec()))
    }

    fn history_of<'a>(&self, prepared: &'a PreparedRotation) -> Result<LatestHistory<'a>, Refusal> {
        match &self.history {
            History::State(history) => {
                let said = history.of_sessions(prepared);
                Ok(LatestHistory { said, sources: &[], gaps: &prepared.gaps })
            }
            History::Measure(_) => {
                let name = &self.normal.measure_id;
                let reading =
                    prepared.reading(name).ok_or_else(|| unknown_measure(name.clone()))?;
                let Series { days, values } = &reading.history;
                let values = values.iter().copied().map(Said::Value);
                let said = days.iter().copied().zip(values).collect();
                Ok(LatestHistory { said, sources: &reading.sources, gaps: &reading.gaps })
            }
        }
    }

    fn as_published(
        &self,
        pinned: &Pinned,
        page: &as_published::Page,
    ) -> Answer<v1::GetIndicatorHistoryResponse> {
        let cut = self.page.cut(page.sessions, pinned);
        let response = v1::GetIndicatorHistoryResponse {
            measure: Some(to_proto::measure(&self.history.spec())),
            points: page.made.points.iter().map(as_published::point).collect(),
            sources: page.made.sources.iter().map(to_proto::source).collect(),
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            ..Default::default()
        };
        Answer::with_gaps(response, page.made.gaps.clone())
    }
}

impl Query for RecordsQuery {
    const MODEL: &'static str = ::rotation::MODEL_VERSION;
    type Prepared = PreparedRotation;
    type Response = v1::QueryRecordsResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &PreparedRotation) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedRotation,
    ) -> Result<Answer<v1::QueryRecordsResponse>, Refusal> {
        let (asked, mut gaps) = self.looked_up(pinned.snapshot())?;
        let found = query(pinned.snapshot(), &pinned.settings().roles, prepared, &asked)
            .map_err(|refusal| refused(refusal, &asked))?;
        let (response, missing) = to_proto::records(found);
        gaps.extend(missing);
        Ok(Answer::with_gaps(response, gaps).with_merged(merged(pinned, &asked)))
    }
}

impl RecordsQuery {
    /// The query with the lines that other identifiers than symbols name, and a gap for each that
    /// was called otherwise on the day.
    fn looked_up(&self, snapshot: &Snapshot) -> Result<(records::Query, Vec<Gap>), Refusal> {
        let (mut query, mut gaps) = (self.query.clone(), Vec::new());
        let compared = query.conditions.iter_mut().map(|condition| &mut condition.variable);
        let variables = std::iter::once(&mut query.variable).chain(compared);
        let compared = self.normal.conditions.iter().map(|condition| &condition.variable);
        let wires = std::iter::once(&self.normal.variable).chain(compared);
        let conditions = std::iter::once(None).chain((0..).map(Some));
        for ((variable, wire), condition) in variables.zip(wires).zip(conditions) {
            let subject = wire.as_ref().and_then(|wire| wire.subject.as_ref());
            let Some(v1::record_variable::Subject::Instrument(named)) = subject else { continue };
            let reference = portfolio::instrument(Some(named));
            if !reference.is_symbol_only() {
                let (instrument, gap) = instrument::subject(snapshot, Dataset::Bars, &reference)
                    .map_err(|refusal| refusal.at(variable_path(condition, "instrument")))?;
                variable.subject = Subject::Listed(instrument);
                gaps.extend(gap);
            }
        }
        Ok((query, gaps))
    }
}

/// What merges hide of the variables of a query.
fn merged(pinned: &Pinned, query: &records::Query) -> Vec<Gap> {
    let compared = query.conditions.iter().map(|condition| &condition.variable);
    let mut symbols = Vec::new();
    for variable in std::iter::once(&query.variable).chain(compared) {
        match &variable.subject {
            Subject::Measure(id) => {
                let work = Measured::find(id).map(|measured| measured.indicator.work);
                if matches!(work, Some(Work::WholeMarket)) {
                    return of_market(pinned);
                }
            }
            Subject::Symbol(symbol) => symbols.push(symbol.as_str()),
            Subject::Listed(instrument) => symbols.push(pinned.snapshot().symbol(*instrument)),
            Subject::Role(_) => {}
        }
    }
    of_lines(pinned, &symbols)
}

/// The datasets behind every answer.
const READS: DatasetSet = <PreparedRotation as Prepared>::READS;

/// What merges hide, for answers about the whole market.
fn of_market(pinned: &Pinned) -> Vec<Gap> {
    hidden_values(pinned.snapshot(), |hidden| READS.contains(hidden.dataset))
}

/// What merges hide of the configured lines and of some others.
fn of_lines(pinned: &Pinned, others: &[&str]) -> Vec<Gap> {
    let snapshot = pinned.snapshot();
    hidden_values(snapshot, |hidden| {
        let configured = pinned.settings().roles.symbols().map(String::as_str);
        let is_it = |symbol: &str| snapshot.listed(symbol).is_some_and(|id| hidden.involves(id));
        READS.contains(hidden.dataset) && configured.chain(others.iter().copied()).any(is_it)
    })
}

/// No history has the name; lists those that exist.
fn unknown_history(name: String) -> Refusal {
    Refusal::Unknown { kind: Kind::Indicator, name, known: History::ids().collect() }
}

/// No measure has the name; lists those that exist.
fn unknown_measure(name: String) -> Refusal {
    Refusal::Unknown { kind: Kind::Indicator, name, known: Measured::ids().collect() }
}

/// The path of a field of the ranked variable, or of the variable of a condition.
fn variable_path(condition: Option<usize>, field: &str) -> String {
    match condition {
        None => format!("variable.{field}"),
        Some(at) => format!("conditions[{at}].variable.{field}"),
    }
}

/// A rejected record query, reported at the field at fault.
fn refused(refusal: QueryRefusal, query: &records::Query) -> Refusal {
    match refusal {
        QueryRefusal::UnknownInstrument { condition, name } => {
            let variable = condition.map_or(&query.variable, |at| &query.conditions[at].variable);
            let field =
                if matches!(variable.subject, Subject::Role(_)) { "role" } else { "instrument" };
            Refusal::Unknown { kind: Kind::Instrument, name, known: Vec::new() }
                .at(variable_path(condition, field))
        }
        QueryRefusal::UnknownMeasure { condition, id } => {
            unknown_measure(id).at(variable_path(condition, "measure_id"))
        }
        QueryRefusal::NotApplicable { condition, why } => {
            let field = variable_path(condition, "transform");
            let description = why.to_owned();
            Refusal::Invalid(vec![::portfolio::lines::Violation { field, description }])
        }
    }
}
