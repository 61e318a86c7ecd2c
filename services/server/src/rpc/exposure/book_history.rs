//! AnalyzePortfolioHistory: one analysis per session with fixed shares, each as of its close.

use super::{
    from_proto::AnalysisQuery,
    held_shares::HeldShares,
    views::{AnalysisViews, Extras},
};
use crate::{
    as_of::AsOf,
    limits,
    needed::Needed,
    refusal::Refusal,
    rpc::{
        envelope::Answer,
        field::Fields,
        page::Page,
        portfolio,
        query::{FromProto, Normal, Query, respond_with},
        shared,
    },
    services::Services,
    views::Pinned,
};
use ::portfolio::netting::Netting;
use contract::v1;
use exposure::prepared::PreparedExposure;
use marketdata::{day::Day, gap::Gap, instant::Instant};
use std::{ops::Range, sync::Arc};

/// The field of the request that holds the analysis of every session.
const ANALYSIS: &str = "analysis";

/// A request for a book through time.
pub(super) struct BookHistoryQuery {
    as_of: AsOf,
    netting: Netting,
    start_on: Option<Day>,
    end_on: Option<Day>,
    page: Page,
    normal: v1::AnalyzePortfolioHistoryRequest,
}

impl FromProto for BookHistoryQuery {
    const METHOD: &'static str = "AnalyzePortfolioHistory";
    type Request = v1::AnalyzePortfolioHistoryRequest;

    fn from_proto(
        mut request: v1::AnalyzePortfolioHistoryRequest,
    ) -> Result<BookHistoryQuery, Refusal> {
        let mut fields = Fields::new();
        let mut analysis = request.analysis.take().unwrap_or_default();
        let mut of_as_of = Fields::new();
        let mut as_of = shared::as_of(&mut of_as_of, analysis.as_of.take());
        fields.add_all(ANALYSIS, of_as_of.into_violations());
        if !analysis.incremental_position_ids.is_empty() {
            let text = "must be empty: a line may be missing on a session";
            fields.add(format!("{ANALYSIS}.incremental_position_ids"), text);
        }
        let netting = match AnalysisQuery::from_proto(analysis) {
            Ok(query) => {
                (as_of.base, as_of.base_path) = (query.as_of.base, "analysis.portfolio.currency");
                request.analysis = Some(query.normal);
                query.settings.netting
            }
            Err(Refusal::Invalid(violations)) => {
                fields.add_all(ANALYSIS, violations);
                Netting::Instrument
            }
            Err(refusal) => return Err(refusal),
        };
        let (start_on, end_on) =
            fields.days(("start_on", &request.start_on), ("end_on", &request.end_on));
        vintage(&mut fields, request.vintage);
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut request, &mut as_of)?;
        let page = page.at_most(limits::AS_PUBLISHED_PREPARATIONS, &mut request);
        let normal = request;
        fields.finish(Some(BookHistoryQuery { as_of, netting, start_on, end_on, page, normal }))
    }
}

fn vintage(fields: &mut Fields, vintage: i32) {
    use v1::HistoryVintage as Wire;
    if Wire::try_from(vintage) != Ok(Wire::AsPublished) {
        let text = "must be HISTORY_VINTAGE_AS_PUBLISHED: every point is the analysis as of its own \
                    close, and there is none as known at the as-of date so far";
        fields.add("vintage", text);
    }
}

/// A page of a book through time.
#[derive(Debug)]
pub(super) struct BookHistory {
    points: Vec<v1::PortfolioHistoryPoint>,
    /// Number of sessions on all pages.
    sessions: usize,
    unresolved: Vec<v1::UnresolvedLine>,
    gaps: Vec<Gap>,
}

impl Needed<BookHistoryQuery> for BookHistory {
    async fn of(
        query: &BookHistoryQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<BookHistory>, Refusal> {
        let nothing = v1::AnalyzePortfolioRequest::default();
        let analysis = query.normal.analysis.as_ref().unwrap_or(&nothing);
        let prepared = services.prepared::<PreparedExposure>(pinned).await?;
        let days = prepared.sessions.with_start();
        let days = &days[asked(days, query.start_on, query.end_on)];
        let on_page = &days[query.page.cut(days.len(), pinned).places];
        let submitted = analysis.portfolio.as_ref();
        let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
        let book = portfolio::book(submitted, &query.netting, lookup, quotes);
        let book = book.map_err(of_analysis)?;
        let held = HeldShares::of(&book, submitted);
        let mut history = BookHistory {
            points: Vec::with_capacity(on_page.len()),
            sessions: days.len(),
            unresolved: submitted
                .map_or_else(Vec::new, |submitted| portfolio::all_unresolved(submitted, &book)),
            gaps: held.gaps.clone(),
        };
        for on in on_page {
            let then = pinned.earlier(Instant::close_of(*on));
            let (positions, gaps) = held.positions(&then, pinned);
            history.gaps.extend(gaps);
            if positions.is_empty() {
                continue;
            }
            let request = with_positions(analysis, positions);
            let query = of_session(request).map_err(of_analysis)?;
            let extras = Extras::of(&query.normal);
            let views = AnalysisViews::of(services, &then, extras).await?;
            let answer = respond_with(services, query, then, Arc::new(views)).await;
            let answer = without_options(answer.map_err(of_analysis)?);
            history.points.push(v1::PortfolioHistoryPoint {
                on: on.to_string(),
                known_at: Some(shared::timestamp(Instant::close_of(*on))),
                answer: Some(answer),
            });
        }
        Ok(Arc::new(history))
    }
}

/// The query of a session. A line without an id of its own keeps the name of its place in the submitted
/// portfolio, also where lines before it are left out; a caller may not give a line such a name.
fn of_session(mut request: v1::AnalyzePortfolioRequest) -> Result<AnalysisQuery, Refusal> {
    let names: Vec<String> = match &mut request.portfolio {
        Some(portfolio) => portfolio.positions.iter_mut().map(take_place_name).collect(),
        None => Vec::new(),
    };
    let mut query = AnalysisQuery::from_proto(request)?;
    let held = query.normal.portfolio.iter_mut().flat_map(|portfolio| &mut portfolio.positions);
    for (position, name) in held.zip(names).filter(|(_, name)| !name.is_empty()) {
        position.position_id = name;
    }
    Ok(query)
}

/// Takes the id of a position if it is the name of a place, and leaves it empty.
fn take_place_name(position: &mut v1::Position) -> String {
    match position.position_id.starts_with("portfolio.") {
        true => std::mem::take(&mut position.position_id),
        false => String::new(),
    }
}

/// The answer without what options were valued with: on that day they are held as the shares of the
/// as-of date, and the delta of one of those is no option's.
fn without_options(mut answer: v1::AnalyzePortfolioResponse) -> v1::AnalyzePortfolioResponse {
    let rows = answer.report.iter_mut().flat_map(|report| &mut report.positions);
    for lot in rows.flat_map(|row| &mut row.lots) {
        lot.option = None;
    }
    answer
}

/// A refusal of the analysis as one of the request that holds it.
fn of_analysis(refusal: Refusal) -> Refusal {
    let Refusal::Invalid(violations) = refusal else { return refusal };
    let mut fields = Fields::new();
    fields.add_all(ANALYSIS, violations);
    Refusal::Invalid(fields.into_violations())
}

/// The sessions of a range.
pub(super) fn asked(days: &[Day], start_on: Option<Day>, end_on: Option<Day>) -> Range<usize> {
    let first = start_on.map_or(0, |start| days.partition_point(|day| *day < start));
    let end = end_on.map_or(days.len(), |end| days.partition_point(|day| *day <= end));
    first..end.max(first)
}

/// The analysis of other positions; net asset value and cash are those of today, and left out.
fn with_positions(
    analysis: &v1::AnalyzePortfolioRequest,
    positions: Vec<v1::Position>,
) -> v1::AnalyzePortfolioRequest {
    let submitted = analysis.portfolio.as_ref();
    let text = |of: fn(&v1::Portfolio) -> &String| submitted.map(of).cloned().unwrap_or_default();
    let portfolio = v1::Portfolio {
        portfolio_id: text(|submitted| &submitted.portfolio_id),
        positions,
        currency: text(|submitted| &submitted.currency),
        ..v1::Portfolio::default()
    };
    v1::AnalyzePortfolioRequest { portfolio: Some(portfolio), ..analysis.clone() }
}

impl Query for BookHistoryQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = BookHistory;
    type Response = v1::AnalyzePortfolioHistoryResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        history: &BookHistory,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let cut = self.page.cut(history.sessions, pinned);
        let response = v1::AnalyzePortfolioHistoryResponse {
            points: history.points.clone(),
            unresolved: history.unresolved.clone(),
            total_size: cut.total_size,
            next_page_token: cut.next_page_token,
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, history.gaps.clone()))
    }
}
