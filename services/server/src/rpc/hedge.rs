//! HedgeService: what to trade to be out of the risk of a portfolio.

mod caller;
mod faults;
mod from_proto;
mod limited;
mod problem;
mod scenario;
mod setting;
mod solve;
mod terms;
mod to_proto;

use crate::{
    as_of::AsOf,
    needed::Needed,
    refusal::Refusal,
    rpc::{
        Handler,
        envelope::Answer,
        query::{Normal, Place, Query, respond},
        stress::setup::Views,
    },
    services::Services,
    telemetry::spans::{Step, step_now},
    views::Pinned,
};
use ::hedge::{MODEL_VERSION, frontier::Axis, scheme::Scheme};
use ::portfolio::book::Book;
use caller::Caller;
use contract::v1::{self, hedge_plan::Result as Outcome, hedge_service_server::HedgeService};
use from_proto::{Asked, EvaluateQuery, FrontierQuery, PlanQuery};
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
        Box::pin(answer::<PlanQuery>(&self.services, request)).await
    }

    async fn evaluate_hedge(
        &self,
        request: Request<v1::EvaluateHedgeRequest>,
    ) -> Result<Response<v1::EvaluateHedgeResponse>, Status> {
        Box::pin(answer::<EvaluateQuery>(&self.services, request)).await
    }

    async fn trace_frontier(
        &self,
        request: Request<v1::TraceFrontierRequest>,
    ) -> Result<Response<v1::TraceFrontierResponse>, Status> {
        Box::pin(answer::<FrontierQuery>(&self.services, request)).await
    }
}

/// A query whose work ends when its caller leaves.
trait Searching: Query {
    fn caller(&self) -> &Caller;
}

async fn answer<Q: Searching>(
    services: &Services,
    request: Request<Q::Request>,
) -> Result<Response<Q::Response>, Status> {
    let query = step_now(Step::Validate, || Q::from_proto(request.into_inner()))?;
    let _waiting = query.caller().waiting();
    Ok(Response::new(respond(services, query).await?))
}

macro_rules! searching {
    ($($query:ident)+) => {
        $(
            impl Searching for $query {
                fn caller(&self) -> &Caller {
                    &self.asked.caller
                }
            }

            impl Needed<$query> for Views {
                async fn of(
                    _: &$query,
                    services: &Services,
                    pinned: &Pinned,
                ) -> Result<Arc<Views>, Refusal> {
                    Ok(Arc::new(Views::of(services, pinned, false).await?))
                }
            }
        )+
    };
}

searching! { PlanQuery EvaluateQuery FrontierQuery }

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

impl Query for PlanQuery {
    const MODEL: &'static str = MODEL_VERSION;
    type Prepared = Views;
    type Response = v1::PlanHedgeResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.asked.as_of, &self.normal)
    }

    fn place(&mut self, _views: &Views) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(&self, pinned: &Pinned, views: &Views) -> Result<Answer<Self::Response>, Refusal> {
        let normal = (&self.normal.portfolio, &self.normal.problem);
        let whole = |(plans, cover_order): (Vec<v1::HedgePlan>, Vec<v1::HedgeCoverStep>)| {
            move |before: v1::AnalyzePortfolioResponse| v1::PlanHedgeResponse {
                before: before.report,
                plans,
                unresolved: before.unresolved,
                problem: self.normal.problem.clone(),
                currency: solve::currency(&self.normal.portfolio),
                cover_order,
                ..Default::default()
            }
        };
        let found = in_setting(&self.asked, normal, (pinned, views), |setting, _| {
            let with_effectiveness = !self.normal.without_effectiveness;
            let plan = |scheme| solve::plan(setting, scheme, with_effectiveness);
            let plans = Scheme::ALL.into_iter().map(plan).collect::<Result<_, _>>()?;
            Ok((plans, to_proto::cover_order(setting)))
        })?;
        Ok(match found {
            Found::Solved { answer, mut gaps, value: (plans, (steps, lacking)) } => {
                gaps.extend(lacking);
                answer.within(gaps, whole((plans, steps)))
            }
            Found::NoModel { answer, gap } => {
                let plans = Scheme::ALL.map(without_model).to_vec();
                answer.within(vec![gap], whole((plans, Vec::new())))
            }
        })
    }
}

impl Query for EvaluateQuery {
    const MODEL: &'static str = MODEL_VERSION;
    type Prepared = Views;
    type Response = v1::EvaluateHedgeResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.asked.as_of, &self.normal)
    }

    fn place(&mut self, _views: &Views) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(&self, pinned: &Pinned, views: &Views) -> Result<Answer<Self::Response>, Refusal> {
        let normal = (&self.normal.portfolio, &self.normal.problem);
        let found = in_setting(&self.asked, normal, (pinned, views), |setting, source| {
            let trades = orders(setting, source, &self.normal.orders)?;
            let (own, breaches) = solve::evaluation(setting, &trades)?;
            let optimum = solve::plan(setting, Scheme::Both, false)?;
            Ok(v1::EvaluateHedgeResponse {
                objective_difference: given_away(&own, &optimum),
                own: Some(own),
                breaches,
                optimum: Some(optimum),
                ..Default::default()
            })
        })?;
        let whole = |value: v1::EvaluateHedgeResponse| {
            move |before: v1::AnalyzePortfolioResponse| v1::EvaluateHedgeResponse {
                before: before.report,
                unresolved: before.unresolved,
                problem: self.normal.problem.clone(),
                currency: solve::currency(&self.normal.portfolio),
                ..value
            }
        };
        Ok(match found {
            Found::Solved { answer, gaps, value } => answer.within(gaps, whole(value)),
            Found::NoModel { answer, gap } => {
                let optimum = Some(without_model(Scheme::Both));
                let nothing = v1::EvaluateHedgeResponse { optimum, ..Default::default() };
                answer.within(vec![gap], whole(nothing))
            }
        })
    }
}

/// What the desk's idea gives away against the optimum, in money.
fn given_away(own: &v1::HedgeOutcome, optimum: &v1::HedgePlan) -> Option<f64> {
    let Some(Outcome::Solution(solution)) = &optimum.result else { return None };
    Some(own.objective?.after - solution.outcome.as_ref()?.objective?.after)
}

impl Query for FrontierQuery {
    const MODEL: &'static str = MODEL_VERSION;
    type Prepared = Views;
    type Response = v1::TraceFrontierResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.asked.as_of, &self.normal)
    }

    fn place(&mut self, _views: &Views) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(&self, pinned: &Pinned, views: &Views) -> Result<Answer<Self::Response>, Refusal> {
        let normal = (&self.normal.portfolio, &self.normal.problem);
        let limits = &self.normal.limits;
        let found = in_setting(&self.asked, normal, (pinned, views), |setting, _| {
            let (id, values) = (self.normal.constraint_id.clone(), limits.clone());
            let axis = Axis::Constraint { id, side: self.side, values };
            solve::frontier(setting, self.scheme, &axis)
        })?;
        let whole = |plans: Vec<v1::HedgePlan>| {
            let points = limits.iter().zip(plans);
            let point = |(limit, plan): (&f64, v1::HedgePlan)| v1::HedgeFrontierPoint {
                limit: *limit,
                plan: Some(plan),
            };
            let points = points.map(point).collect();
            move |before: v1::AnalyzePortfolioResponse| v1::TraceFrontierResponse {
                points,
                unresolved: before.unresolved,
                settings: before.report.and_then(|report| report.settings),
                problem: self.normal.problem.clone(),
                currency: solve::currency(&self.normal.portfolio),
                ..Default::default()
            }
        };
        Ok(match found {
            Found::Solved { answer, gaps, value } => answer.within(gaps, whole(value)),
            Found::NoModel { answer, gap } => {
                let plans = limits.iter().map(|_| without_model(self.scheme)).collect();
                answer.within(vec![gap], whole(plans))
            }
        })
    }
}

/// What a problem in a view gave, and the report of the book before.
enum Found<T> {
    Solved { answer: Answer<v1::AnalyzePortfolioResponse>, gaps: Vec<Gap>, value: T },
    NoModel { answer: Answer<v1::AnalyzePortfolioResponse>, gap: Gap },
}

/// Finds a problem in a view and solves it.
fn in_setting<T>(
    asked: &Asked,
    (portfolio, problem): (&Option<v1::Portfolio>, &Option<v1::HedgeProblem>),
    (pinned, views): (&Pinned, &Views),
    solve: impl FnOnce(&Setting<'_>, Source<'_>) -> Result<T, Refusal>,
) -> Result<Found<T>, Refusal> {
    let prepared = &*views.exposure;
    let view = match views.factors(prepared) {
        Ok(view) => view,
        Err(gap) => {
            let book = asked.report.join(prepared)?;
            return Ok(Found::NoModel { answer: before(asked, (pinned, views), &book)?, gap });
        }
    };
    let (Some(portfolio), Some(problem)) = (portfolio, problem) else {
        return Err(Refusal::Failed("invariant: a query has a portfolio".to_owned()));
    };
    let source =
        Source { asked, portfolio, problem, pinned, prepared, view: &view, roles: views.roles() };
    let setting = Setting::of(source)?;
    let answer = before(asked, (pinned, views), &setting.book)?;
    let value = solve(&setting, source)?;
    Ok(Found::Solved { answer, gaps: setting.gaps, value })
}
