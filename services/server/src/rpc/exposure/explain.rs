//! ExplainPnl: reads the request, finds the views of both ends of the window, and answers.

use super::{
    check_scheme, definitions, group_by::groupings, pnl_answer, trades::trades as read_trades,
};
use crate::{
    as_of::AsOf,
    needed::Needed,
    refusal::Refusal,
    rpc::{
        envelope::Answer,
        field::Fields,
        portfolio::{self, currency::Money},
        query::{FromProto, Normal, Place, Query},
        settings::{self, Settings},
        shared,
    },
    services::Services,
    views::Pinned,
};
use ::portfolio::lines::Violation;
use contract::v1;
use exposure::{
    explain::{HeldOn, NoWindow, Request, Window, WindowPart, explain},
    grouping::GroupBy,
    prepared::PreparedExposure,
    settings::{Listing, TradeChoice},
};
use marketdata::{day::Day, instant::Instant};
use std::sync::Arc;

/// Default number of names listed.
const TOP_NAMES: i32 = 10;
/// Maximum number of names listed.
const TOP_NAMES_MAX: i32 = 10_000;

/// A request to explain a P&L.
pub(super) struct ExplainQuery {
    as_of: AsOf,
    settings: Settings,
    held_on: HeldOn,
    start_on: Option<Day>,
    end_on: Option<Day>,
    trades: Vec<TradeChoice>,
    group_by: Vec<GroupBy>,
    listing: Listing,
    /// The request with all defaults applied but the days, which depend on the view.
    normal: v1::ExplainPnlRequest,
}

impl FromProto for ExplainQuery {
    const METHOD: &'static str = "ExplainPnl";
    type Request = v1::ExplainPnlRequest;

    fn from_proto(mut request: v1::ExplainPnlRequest) -> Result<ExplainQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let asked = request.settings.get_or_insert_default();
        let settings = settings::all(&mut fields, asked, request.portfolio.as_ref());
        // A P&L is that of the lines; the echo has what is used.
        asked.look_through = None;
        let start_on = fields.day("start_on", &request.start_on);
        let end_on = fields.day("end_on", &request.end_on);
        let held_on = held_on(&mut fields, &mut request.positions_day);
        let trades = read_trades(&mut fields, &mut request.trades);
        let bounds = (0, TOP_NAMES_MAX);
        let top = fields.within_or("top_names", request.top_names, TOP_NAMES, bounds);
        request.top_names = Some(top);
        let listing = Listing::Largest(usize::try_from(top).unwrap_or(0));
        let group_by = groupings(&mut fields, &request.group_by, request.portfolio.as_ref());
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        let normal = request;
        fields.finish(Some(ExplainQuery {
            as_of,
            settings,
            held_on,
            start_on,
            end_on,
            trades,
            group_by,
            listing,
            normal,
        }))
    }
}

fn held_on(fields: &mut Fields, asked: &mut i32) -> HeldOn {
    use v1::PositionsDay as Wire;
    let (held_on, wire) = match fields.choice("positions_day", *asked) {
        Wire::Unspecified | Wire::AsOf => (HeldOn::AsOf, Wire::AsOf),
        Wire::Start => (HeldOn::Start, Wire::Start),
    };
    *asked = wire.into();
    held_on
}

/// The window of a request, and what was known at its start and is known now.
#[derive(Debug)]
pub(super) struct PnlViews {
    window: Window,
    start: Arc<PreparedExposure>,
    end: Arc<PreparedExposure>,
}

impl Needed<ExplainQuery> for PnlViews {
    async fn of(
        query: &ExplainQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<PnlViews>, Refusal> {
        let end = services.prepared::<PreparedExposure>(pinned).await?;
        let window = Window::of(&end, query.start_on, query.end_on).map_err(refused)?;
        let start = pinned.earlier(Instant::close_of(window.start_on));
        let start = services.prepared(&start).await?;
        Ok(Arc::new(PnlViews { window, start, end }))
    }
}

/// A window that the view does not have, reported at the field at fault.
fn refused(NoWindow(part, description): NoWindow) -> Refusal {
    let field = match part {
        WindowPart::View => "as_of",
        WindowPart::Start => "start_on",
        WindowPart::End => "end_on",
    };
    Refusal::Invalid(vec![Violation { field: field.to_owned(), description }])
}

impl Query for ExplainQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = PnlViews;
    type Response = v1::ExplainPnlResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _views: &PnlViews) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(
        &self,
        _pinned: &Pinned,
        views: &PnlViews,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let settings = &self.settings;
        check_scheme(&views.start, settings.classification.as_ref())?;
        let joined_on = match self.held_on {
            HeldOn::AsOf => &views.end,
            HeldOn::Start => &views.start,
        };
        let nothing = v1::Portfolio::default();
        let portfolio = self.normal.portfolio.as_ref().unwrap_or(&nothing);
        let (lookup, quotes) = (joined_on.lookup(), joined_on.quotes());
        let book = portfolio::book(Some(portfolio), &settings.netting, lookup, quotes)?;
        let request = Request {
            book: &book,
            held_on: self.held_on,
            window: &views.window,
            trades: &self.trades,
            beta: settings.beta,
            size_scheme: &settings.size_scheme,
            classification: settings.classification.as_deref(),
            group_by: &self.group_by,
            listing: self.listing,
        };
        let mut report = explain(&views.start, &views.end, &request);
        let mut gaps = std::mem::take(&mut report.gaps);
        gaps.extend(Money::of(portfolio, &book, (lookup.snapshot(), quotes)).gaps);
        let coverage = std::mem::take(&mut report.coverage);
        let trades = definitions(&self.normal.trades, &views.start);
        let response = v1::ExplainPnlResponse {
            report: Some(pnl_answer::report(report, &self.normal, (portfolio, trades))),
            unresolved: portfolio::all_unresolved(portfolio, &book),
            ..Default::default()
        };
        Ok(Answer::with_coverage(response, gaps, coverage))
    }
}
