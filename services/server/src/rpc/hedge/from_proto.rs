//! Validates requests for hedges.

use super::{
    limited::{LIMIT, line},
    problem::{AskedProblem, problem},
};
use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        caller::Caller,
        exposure::report_query::ReportQuery,
        field::Fields,
        portfolio,
        query::{FromProto, Normal},
        shared,
    },
};
use ::hedge::{constraint::Side, scheme::Scheme, wish::LINES_ID};
use ::portfolio::lines::violations;
use contract::v1;

/// What all requests for hedges have.
pub(super) struct Asked {
    pub(super) as_of: AsOf,
    pub(super) report: ReportQuery,
    pub(super) problem: AskedProblem,
    /// Whether plans are found again with what was known before every month.
    pub(super) walks: bool,
    /// Whether the client still waits for the answer.
    pub(super) caller: Caller,
}

/// The fields that all requests have.
pub(super) struct Parts<'a> {
    as_of: Option<v1::AsOf>,
    portfolio: &'a mut Option<v1::Portfolio>,
    settings: &'a mut Option<v1::AnalysisSettings>,
    problem: &'a mut Option<v1::HedgeProblem>,
}

/// A message that asks about hedges.
pub(super) trait HedgeRequest: Normal + Send + Sync + 'static {
    const METHOD: &'static str;
    /// The other parts of the request.
    type Own: Send + Sync + 'static;

    /// The fields that all requests have; takes the as-of out.
    fn parts(&mut self) -> Parts<'_>;

    /// The book and the problem.
    fn stated(&self) -> (&Option<v1::Portfolio>, &Option<v1::HedgeProblem>);

    /// Reads the other fields and applies their defaults.
    fn own(&mut self, fields: &mut Fields) -> Option<Self::Own>;

    /// Whether plans are found again with what was known before every month.
    fn walks(&self) -> bool {
        false
    }
}

/// A request, validated.
pub(super) struct HedgeQuery<Message: HedgeRequest> {
    pub(super) asked: Asked,
    pub(super) own: Message::Own,
    pub(super) normal: Message,
}

impl<Message: HedgeRequest> FromProto for HedgeQuery<Message> {
    const METHOD: &'static str = Message::METHOD;
    type Request = Message;

    fn from_proto(mut request: Message) -> Result<HedgeQuery<Message>, Refusal> {
        let mut fields = Fields::new();
        let asked = asked(&mut fields, request.parts())?;
        let own = request.own(&mut fields);
        let walks = request.walks();
        let query =
            |(asked, own)| HedgeQuery { asked: Asked { walks, ..asked }, own, normal: request };
        fields.finish(asked.zip(own).map(query))
    }
}

/// The fields of a message that all requests have.
macro_rules! shared_fields {
    () => {
        fn parts(&mut self) -> Parts<'_> {
            Parts {
                as_of: self.as_of.take(),
                portfolio: &mut self.portfolio,
                settings: &mut self.settings,
                problem: &mut self.problem,
            }
        }

        fn stated(&self) -> (&Option<v1::Portfolio>, &Option<v1::HedgeProblem>) {
            (&self.portfolio, &self.problem)
        }
    };
}

/// Reads them and applies their defaults; `None` with a violation of the portfolio or the settings.
fn asked(fields: &mut Fields, parts: Parts<'_>) -> Result<Option<Asked>, Refusal> {
    let mut as_of = shared::as_of(fields, parts.as_of);
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
    as_of.base = portfolio::currency::base(portfolio);
    (*parts.portfolio, *parts.settings) = (portfolio.cloned(), settings.cloned());
    if let Some(held) = portfolio.filter(|_| fields.any()) {
        // Otherwise they are checked when they are joined.
        let found = violations(portfolio::raw_lines(held), &portfolio::terms(held));
        fields.add_all("portfolio", found);
    }
    let (walks, caller) = (false, Caller::default());
    Ok(problem.map(|problem| Asked { as_of, report, problem, walks, caller }))
}

impl HedgeRequest for v1::PlanHedgeRequest {
    const METHOD: &'static str = "PlanHedge";
    type Own = ();

    shared_fields! {}

    fn own(&mut self, _: &mut Fields) -> Option<()> {
        Some(())
    }

    fn walks(&self) -> bool {
        !self.without_effectiveness
    }
}

impl HedgeRequest for v1::EvaluateHedgeRequest {
    const METHOD: &'static str = "EvaluateHedge";
    type Own = ();

    shared_fields! {}

    fn own(&mut self, fields: &mut Fields) -> Option<()> {
        orders(fields, &self.orders);
        Some(())
    }
}

/// What a frontier is of: the plan, and the side of the limit that moves.
pub(super) struct FrontierOf {
    pub(super) scheme: Scheme,
    pub(super) side: Side,
}

impl HedgeRequest for v1::TraceFrontierRequest {
    const METHOD: &'static str = "TraceFrontier";
    type Own = FrontierOf;

    shared_fields! {}

    fn own(&mut self, fields: &mut Fields) -> Option<FrontierOf> {
        let scheme = scheme(fields, &mut self.kind);
        let side = side(fields, self.side);
        points(fields, self);
        Some(FrontierOf { scheme, side: side? })
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
    let of_lines = request.constraint_id == LINES_ID
        && request.problem.as_ref().is_some_and(|problem| problem.max_lines.is_some());
    if !of_lines && !known.contains(&request.constraint_id.as_str()) {
        fields.add("constraint_id", "must be that of a constraint of the problem");
    }
    if of_lines && request.side() != v1::HedgeSide::Upper {
        fields.add("side", "must be HEDGE_SIDE_UPPER: the number of lines has no other limit");
    }
    if request.limits.is_empty() {
        fields.add("limits", "must have at least one value");
    }
    if fields.at_most("limits", request.limits.len(), limits::FRONTIER_POINTS) {
        for (at, limit) in request.limits.iter().enumerate() {
            let path = format!("limits[{at}]");
            if !of_lines {
                fields.within(&path, *limit, -LIMIT, LIMIT);
            } else if !(1.0..=limits::POSITIONS as f64).contains(limit) || 0.0 < limit.fract() {
                fields.add(path, format!("must be a whole number, 1 to {}", limits::POSITIONS));
            }
        }
    }
}
