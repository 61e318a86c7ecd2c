//! Validates requests for hedges.

use super::{
    caller::Caller,
    limited::{LIMIT, line},
    problem::{AskedProblem, problem},
};
use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        exposure::report_query::ReportQuery, field::Fields, portfolio, query::FromProto, shared,
    },
};
use ::hedge::{constraint::Side, scheme::Scheme};
use ::portfolio::lines::violations;
use contract::v1;

/// What all requests for hedges have.
pub(super) struct Asked {
    pub(super) as_of: AsOf,
    pub(super) report: ReportQuery,
    pub(super) problem: AskedProblem,
    /// Whether somebody still waits for the answer.
    pub(super) caller: Caller,
}

/// The fields that all requests have.
struct Parts<'a> {
    as_of: Option<v1::AsOf>,
    portfolio: &'a mut Option<v1::Portfolio>,
    settings: &'a mut Option<v1::AnalysisSettings>,
    problem: &'a mut Option<v1::HedgeProblem>,
}

/// Reads them and applies their defaults; `None` with a violation of the portfolio or the settings.
fn asked(fields: &mut Fields, parts: Parts<'_>) -> Result<Option<Asked>, Refusal> {
    let as_of = shared::as_of(fields, parts.as_of);
    let problem = problem(fields, parts.problem.get_or_insert_default());
    let report = match ReportQuery::new(parts.portfolio.take(), parts.settings.take()) {
        Ok(report) => report,
        Err(Refusal::Invalid(found)) => {
            found.into_iter().for_each(|one| fields.add(one.field, one.description));
            return Ok(None);
        }
        Err(refusal) => return Err(refusal),
    };
    let (portfolio, settings) = report.normal();
    (*parts.portfolio, *parts.settings) = (portfolio.cloned(), settings.cloned());
    if let Some(held) = portfolio.filter(|_| fields.any()) {
        // Otherwise they are checked when they are joined.
        let found = violations(portfolio::raw_lines(held), &portfolio::terms(held));
        fields.add_all("portfolio", found);
    }
    Ok(problem.map(|problem| Asked { as_of, report, problem, caller: Caller::default() }))
}

/// A request for three plans.
pub(super) struct PlanQuery {
    pub(super) asked: Asked,
    pub(super) normal: v1::PlanHedgeRequest,
}

impl FromProto for PlanQuery {
    const METHOD: &'static str = "PlanHedge";
    type Request = v1::PlanHedgeRequest;

    fn from_proto(mut request: v1::PlanHedgeRequest) -> Result<PlanQuery, Refusal> {
        let mut fields = Fields::new();
        let parts = Parts {
            as_of: request.as_of.take(),
            portfolio: &mut request.portfolio,
            settings: &mut request.settings,
            problem: &mut request.problem,
        };
        let asked = asked(&mut fields, parts)?;
        fields.finish(asked.map(|asked| PlanQuery { asked, normal: request }))
    }
}

/// A request to judge trades of the desk's own.
pub(super) struct EvaluateQuery {
    pub(super) asked: Asked,
    pub(super) normal: v1::EvaluateHedgeRequest,
}

impl FromProto for EvaluateQuery {
    const METHOD: &'static str = "EvaluateHedge";
    type Request = v1::EvaluateHedgeRequest;

    fn from_proto(mut request: v1::EvaluateHedgeRequest) -> Result<EvaluateQuery, Refusal> {
        let mut fields = Fields::new();
        let parts = Parts {
            as_of: request.as_of.take(),
            portfolio: &mut request.portfolio,
            settings: &mut request.settings,
            problem: &mut request.problem,
        };
        let asked = asked(&mut fields, parts)?;
        orders(&mut fields, &request.orders);
        fields.finish(asked.map(|asked| EvaluateQuery { asked, normal: request }))
    }
}

fn orders(fields: &mut Fields, orders: &[v1::HedgeOrder]) {
    use v1::hedge_order::Size;
    if orders.is_empty() {
        fields.add("orders", "must have at least one order");
    }
    if !fields.at_most("orders", orders.len(), limits::POSITIONS) {
        return;
    }
    for (at, order) in orders.iter().enumerate() {
        line(fields, &format!("orders[{at}].line"), order.line.as_ref());
        match order.size {
            None => fields.add(format!("orders[{at}]"), "must have quantity or market_value"),
            Some(Size::Quantity(size)) => {
                fields.within(&format!("orders[{at}].quantity"), size, -LIMIT, LIMIT);
            }
            Some(Size::MarketValue(size)) => {
                fields.within(&format!("orders[{at}].market_value"), size, -LIMIT, LIMIT);
            }
        }
    }
}

/// A request for a frontier.
pub(super) struct FrontierQuery {
    pub(super) asked: Asked,
    pub(super) scheme: Scheme,
    pub(super) side: Side,
    pub(super) normal: v1::TraceFrontierRequest,
}

impl FromProto for FrontierQuery {
    const METHOD: &'static str = "TraceFrontier";
    type Request = v1::TraceFrontierRequest;

    fn from_proto(mut request: v1::TraceFrontierRequest) -> Result<FrontierQuery, Refusal> {
        let mut fields = Fields::new();
        let parts = Parts {
            as_of: request.as_of.take(),
            portfolio: &mut request.portfolio,
            settings: &mut request.settings,
            problem: &mut request.problem,
        };
        let asked = asked(&mut fields, parts)?;
        let scheme = scheme(&mut fields, &mut request.kind);
        let side = side(&mut fields, request.side);
        points(&mut fields, &request);
        let query = |(asked, side)| FrontierQuery { asked, scheme, side, normal: request };
        fields.finish(asked.zip(side).map(query))
    }
}

fn scheme(fields: &mut Fields, asked: &mut i32) -> Scheme {
    use v1::HedgePlanKind as Wire;
    let (scheme, wire) = match fields.choice("kind", *asked) {
        Wire::Cut => (Scheme::Cut, Wire::Cut),
        Wire::Overlay => (Scheme::Overlay, Wire::Overlay),
        Wire::Unspecified | Wire::Both => (Scheme::Both, Wire::Both),
    };
    *asked = wire.into();
    scheme
}

fn side(fields: &mut Fields, asked: i32) -> Option<Side> {
    match fields.choice("side", asked) {
        v1::HedgeSide::Lower => Some(Side::Lower),
        v1::HedgeSide::Upper => Some(Side::Upper),
        v1::HedgeSide::Equal => Some(Side::Equal),
        v1::HedgeSide::Unspecified => {
            fields.add("side", "must be given");
            None
        }
    }
}

fn points(fields: &mut Fields, request: &v1::TraceFrontierRequest) {
    let constraints = request.problem.iter().flat_map(|problem| &problem.constraints);
    let known: Vec<&str> = constraints.map(|one| one.constraint_id.as_str()).collect();
    if !known.contains(&request.constraint_id.as_str()) {
        fields.add("constraint_id", "must be that of a constraint of the problem");
    }
    if request.limits.is_empty() {
        fields.add("limits", "must have at least one value");
    }
    if fields.at_most("limits", request.limits.len(), limits::FRONTIER_POINTS) {
        for (at, limit) in request.limits.iter().enumerate() {
            fields.within(&format!("limits[{at}]"), *limit, -LIMIT, LIMIT);
        }
    }
}
