//! HedgeService: what to trade to be out of the risk of a portfolio.

mod faults;
mod from_proto;
mod limited;
mod option;
mod problem;
mod scenario;
mod setting;
mod simulation;
mod solve;
mod terms;
mod to_proto;
mod working;

use crate::{
    as_of::AsOf,
    needed::Needed,
    refusal::Refusal,
    rpc::{
        Handler,
        envelope::{Answer, Enveloped},
        query::{FromProto, Normal, Place, Query, respond},
        scenario::like_this_days,
        stress::setup::Views,
    },
    services::Services,
    telemetry::spans::{Step, step_now},
    views::Pinned,
};
use ::hedge::{
    MODEL_VERSION, constraint::Side, frontier::Axis, scheme::Scheme,
    walk_forward::months_of_all_days, wish::LINES_ID,
};
use ::portfolio::book::Book;
use contract::v1::{self, hedge_plan::Result as Outcome, hedge_service_server::HedgeService};
use from_proto::{Asked, FrontierOf, HedgeQuery, HedgeRequest};
use marketdata::gap::Gap;
use setting::{Setting, Source, orders};
use std::sync::Arc;
use tonic::{Request, Response, Status};

// Boxed, because a query holds a whole analysis.
#[tonic::async_trait]
impl HedgeService for Handler {
    async fn plan_hedge(
        &self,
        request: Request<v1::PlanHedgeRequest>,
    ) -> Result<Response<v1::PlanHedgeResponse>, Status> {
        Box::pin(answer(&self.services, request)).await
    }

    async fn evaluate_hedge(
        &self,
        request: Request<v1::EvaluateHedgeRequest>,
    ) -> Result<Response<v1::EvaluateHedgeResponse>, Status> {
        Box::pin(answer(&self.services, request)).await
    }

    async fn trace_frontier(
        &self,
        request: Request<v1::TraceFrontierRequest>,
    ) -> Result<Response<v1::TraceFrontierResponse>, Status> {
        Box::pin(answer(&self.services, request)).await
    }
}

/// A method of the service.
trait Method: HedgeRequest {
    type Response: Enveloped + Send + 'static;

    /// Computes the answer; a pure function of the view.
    fn answer(
        query: &HedgeQuery<Self>,
        pinned: &Pinned,
        views: &Views,
    ) -> Result<Answer<Self::Response>, Refusal>
    where
        Self: Sized;
}

impl<Message: Method> Query for HedgeQuery<Message> {
    const MODEL: &'static str = MODEL_VERSION;
    type Prepared = Views;
    type Response = Message::Response;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.asked.as_of, &self.normal)
    }

    fn place(&mut self, _views: &Views) -> Result<Place, Refusal> {
        Ok(Place::Long)
    }

    fn answer(&self, pinned: &Pinned, views: &Views) -> Result<Answer<Self::Response>, Refusal> {
        Message::answer(self, pinned, views)
    }
}

impl<Message: HedgeRequest> Needed<HedgeQuery<Message>> for Views {
    async fn of(
        _: &HedgeQuery<Message>,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Views>, Refusal> {
        Ok(Arc::new(Views::of(services, pinned, false).await?))
    }
}

/// Answers a call. The work ends when the caller leaves.
async fn answer<Message: Method>(
    services: &Services,
    request: Request<Message>,
) -> Result<Response<Message::Response>, Status> {
    let query = step_now(Step::Validate, || HedgeQuery::from_proto(request.into_inner()))?;
    let _waiting = query.asked.caller.waiting();
    Ok(Response::new(respond(services, query).await?))
}

/// The exposure report of a book before any trade.
fn before(
    asked: &Asked,
    (pinned, views): (&Pinned, &Views),
    book: &Book,
) -> Result<Answer<v1::AnalyzePortfolioResponse>, Refusal> {
    asked.report.report(pinned, &views.exposure, book)
}

/// A plan of a view without a factor model.
fn without_model(scheme: Scheme) -> v1::HedgePlan {
    let reason = v1::HedgeUnsolvedReason::NoFactorModel.into();
    let unsolved = Outcome::Unsolved(v1::HedgeUnsolved { reason });
    v1::HedgePlan { kind: to_proto::kind(scheme), result: Some(unsolved) }
}

impl Method for v1::PlanHedgeRequest {
    type Response = v1::PlanHedgeResponse;

    fn answer(
        query: &HedgeQuery<Self>,
        pinned: &Pinned,
        views: &Views,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let asked = &query.normal;
        let solve = |setting: &Setting<'_>, _: Source<'_>| {
            let plan = |scheme| match asked.without_effectiveness {
                true => Ok((solve::plan(setting, scheme)?, Vec::new())),
                false => solve::judged_plan(setting, scheme),
            };
            let plans = Scheme::ALL.into_iter().map(plan).collect::<Result<Vec<_>, Refusal>>()?;
            let (plans, unjudged): (Vec<_>, Vec<_>) = plans.into_iter().unzip();
            let (cover_order, mut lacking) = to_proto::cover_order(setting);
            lacking.extend(unjudged.into_iter().flatten());
            lacking.extend(months_of_all_days(&setting.desk));
            Ok((plans, (cover_order, lacking)))
        };
        let nothing = || (Scheme::ALL.map(without_model).to_vec(), Default::default());
        let Found { answer, mut gaps, value, problem, large_days } =
            in_setting(query, (pinned, views), solve, nothing)?;
        let (plans, (cover_order, lacking)) = value;
        gaps.extend(lacking);
        Ok(answer.within(gaps, |before| v1::PlanHedgeResponse {
            before: before.report,
            plans,
            unresolved: before.unresolved,
            problem,
            currency: solve::currency(&asked.portfolio),
            large_days,
            cover_order,
            ..Default::default()
        }))
    }
}

impl Method for v1::EvaluateHedgeRequest {
    type Response = v1::EvaluateHedgeResponse;

    fn answer(
        query: &HedgeQuery<Self>,
        pinned: &Pinned,
        views: &Views,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let asked = &query.normal;
        let solve = |setting: &Setting<'_>, source: Source<'_>| {
            let trades = orders(setting, source, &asked.orders)?;
            let (own, breaches) = solve::evaluation(setting, &trades)?;
            let optimum = solve::plan(setting, Scheme::Both)?;
            Ok(v1::EvaluateHedgeResponse {
                objective_difference: given_away(&own, &optimum),
                own: Some(own),
                breaches,
                optimum: Some(optimum),
                ..Default::default()
            })
        };
        let nothing = || {
            let optimum = Some(without_model(Scheme::Both));
            v1::EvaluateHedgeResponse { optimum, ..Default::default() }
        };
        let Found { answer, gaps, value, problem, large_days } =
            in_setting(query, (pinned, views), solve, nothing)?;
        Ok(answer.within(gaps, |before| v1::EvaluateHedgeResponse {
            before: before.report,
            unresolved: before.unresolved,
            problem,
            currency: solve::currency(&asked.portfolio),
            large_days,
            ..value
        }))
    }
}

/// What the desk's idea gives away against the optimum, in money.
fn given_away(own: &v1::HedgeOutcome, optimum: &v1::HedgePlan) -> Option<f64> {
    let Some(Outcome::Solution(solution)) = &optimum.result else { return None };
    Some(own.objective?.after - solution.outcome.as_ref()?.objective?.after)
}

/// The limit that takes several values.
fn axis(asked: &v1::TraceFrontierRequest, side: Side) -> Axis {
    let (id, values) = (asked.constraint_id.clone(), asked.limits.clone());
    match id.as_str() {
        // Whole numbers from one on: the request was read.
        LINES_ID => Axis::Lines { counts: values.iter().map(|count| *count as usize).collect() },
        _ => Axis::Constraint { id, side, values },
    }
}

impl Method for v1::TraceFrontierRequest {
    type Response = v1::TraceFrontierResponse;

    fn answer(
        query: &HedgeQuery<Self>,
        pinned: &Pinned,
        views: &Views,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let (asked, FrontierOf { scheme, side }) = (&query.normal, &query.own);
        let solve = |setting: &Setting<'_>, _: Source<'_>| {
            solve::frontier(setting, *scheme, &axis(asked, *side))
        };
        let nothing = || asked.limits.iter().map(|_| without_model(*scheme)).collect();
        let Found { answer, gaps, value: plans, problem, large_days } =
            in_setting(query, (pinned, views), solve, nothing)?;
        let points = asked.limits.iter().zip(plans);
        let point = |(limit, plan): (&f64, v1::HedgePlan)| v1::HedgeFrontierPoint {
            limit: *limit,
            plan: Some(plan),
        };
        let points = points.map(point).collect();
        Ok(answer.within(gaps, |before| v1::TraceFrontierResponse {
            points,
            unresolved: before.unresolved,
            settings: before.report.and_then(|report| report.settings),
            problem,
            currency: solve::currency(&asked.portfolio),
            large_days,
            ..Default::default()
        }))
    }
}

/// What a problem in a view gave, and the report of the book before.
struct Found<T> {
    answer: Answer<v1::AnalyzePortfolioResponse>,
    gaps: Vec<Gap>,
    value: T,
    /// The problem, with defaults filled in.
    problem: Option<v1::HedgeProblem>,
    /// The days that variances are estimated on; `None`: all.
    large_days: Option<v1::LikeThisDays>,
}

/// Finds a problem in a view and solves it; in a view without a factor model there is `nothing`.
fn in_setting<Message: HedgeRequest, T>(
    query: &HedgeQuery<Message>,
    (pinned, views): (&Pinned, &Views),
    solve: impl FnOnce(&Setting<'_>, Source<'_>) -> Result<T, Refusal>,
    nothing: impl FnOnce() -> T,
) -> Result<Found<T>, Refusal> {
    let (asked, prepared) = (&query.asked, &*views.exposure);
    let view = match views.factors(prepared) {
        Ok(view) => view,
        Err(gap) => {
            let book = asked.report.join(prepared)?;
            let answer = before(asked, (pinned, views), &book)?;
            let problem = query.normal.stated().1.clone();
            let (gaps, value) = (vec![gap], nothing());
            return Ok(Found { answer, gaps, value, problem, large_days: None });
        }
    };
    let (Some(portfolio), Some(problem)) = query.normal.stated() else {
        return Err(Refusal::Failed("invariant: a query has a portfolio".to_owned()));
    };
    let source =
        Source { asked, portfolio, problem, pinned, prepared, view: &view, roles: views.roles() };
    let setting = Setting::of(source)?;
    let answer = before(asked, (pinned, views), &setting.book)?;
    let value = solve(&setting, source)?;
    let problem = Some(setting.echoed(problem));
    let large_days = setting.desk.large_days().as_ref().map(like_this_days);
    Ok(Found { answer, gaps: setting.gaps, value, problem, large_days })
}
