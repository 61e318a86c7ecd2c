//! SqueezeService: assesses the short side of a portfolio, and ranks the market by squeeze risk.

mod calibrate;
mod calibration;
mod covering;
mod from_proto;
mod simulate;
mod simulate_request;
mod to_proto;
mod watch;

use crate::{
    as_of::AsOf,
    auth::Caller,
    prepared::Prepared,
    refusal::{Kind, Refusal},
    rpc::{
        Handler,
        envelope::Answer,
        look_through,
        merged::hidden_values,
        origin::origin,
        portfolio,
        query::{FromProto as _, Normal, Place, Query, answer},
        watch::{Watching, watch},
    },
    views::Pinned,
};
use ::portfolio::book::Book;
use contract::v1::{self, squeeze_service_server::SqueezeService};
use factors::look_through::FundView;
use from_proto::{BookQuery, CalibrateQuery, CalibrationQuery, RankQuery};
use marketdata::{changes::DatasetSet, dataset::Dataset, gap::Gap, instrument::InstrumentId};
use squeeze::{
    assess::assess,
    calibration::stored::stored,
    prepared::PreparedSqueeze,
    rank::{rank, unknown_exchange},
    shorts::{Look, Shorts},
    worked::work,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};
use watch::Alerts;

/// The datasets behind every answer.
const READS: DatasetSet = <PreparedSqueeze as Prepared>::READS;

#[tonic::async_trait]
impl SqueezeService for Handler {
    async fn assess_short_book(
        &self,
        request: Request<v1::AssessShortBookRequest>,
    ) -> Result<Response<v1::AssessShortBookResponse>, Status> {
        answer::<BookQuery>(&self.services, request).await
    }

    async fn simulate_squeeze(
        &self,
        request: Request<v1::SimulateSqueezeRequest>,
    ) -> Result<Response<v1::SimulateSqueezeResponse>, Status> {
        simulate::simulate(&self.services, request).await
    }

    async fn rank_squeeze(
        &self,
        request: Request<v1::RankSqueezeRequest>,
    ) -> Result<Response<v1::RankSqueezeResponse>, Status> {
        answer::<RankQuery>(&self.services, request).await
    }

    type WatchSqueezeStream = Watching<v1::WatchSqueezeResponse>;

    async fn watch_squeeze(
        &self,
        request: Request<v1::WatchSqueezeRequest>,
    ) -> Result<Response<Self::WatchSqueezeStream>, Status> {
        let caller = origin(request.extensions());
        watch(&self.services, caller, Alerts::from_proto(request.into_inner())?).await
    }

    type CalibrateSqueezeStream = calibrate::Calibrating;

    async fn calibrate_squeeze(
        &self,
        request: Request<v1::CalibrateSqueezeRequest>,
    ) -> Result<Response<Self::CalibrateSqueezeStream>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = Arc::clone(caller.unwrap_or_else(Caller::anonymous).name());
        let origin = origin(request.extensions());
        let query = CalibrateQuery::from_proto(request.into_inner())?;
        Ok(Response::new(calibrate::calibrate(&self.services, (caller, origin), query).await?))
    }

    async fn get_calibration(
        &self,
        request: Request<v1::GetCalibrationRequest>,
    ) -> Result<Response<v1::GetCalibrationResponse>, Status> {
        answer::<CalibrationQuery>(&self.services, request).await
    }
}

impl Query for CalibrationQuery {
    const MODEL: &'static str = ::squeeze::MODEL_VERSION;
    type Prepared = ();
    type Response = v1::GetCalibrationResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(&self, pinned: &Pinned, (): &()) -> Result<Answer<Self::Response>, Refusal> {
        let calibration = stored(pinned.snapshot()).as_ref().map(calibration::calibration);
        let response = v1::GetCalibrationResponse { calibration, ..Default::default() };
        // It is given as it was stored, whatever was merged since.
        Ok(Answer::whole(response).with_merged(Vec::new()))
    }
}

impl Query for BookQuery {
    const MODEL: &'static str = ::squeeze::MODEL_VERSION;
    type Prepared = PreparedSqueeze;
    type Response = v1::AssessShortBookResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &PreparedSqueeze) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedSqueeze,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let nothing = v1::Portfolio::default();
        let portfolio = self.normal.portfolio.as_ref().unwrap_or(&nothing);
        let book =
            portfolio::book(Some(portfolio), &self.netting, &prepared.lookup, &prepared.quotes)?;
        let shorts = shorts(&book, self.look_through, prepared);
        let mut report = assess(&prepared.universe, shorts, self.participation);
        let worked = self.covering.map(|terms| work(&mut report, terms));
        let mut names: Vec<InstrumentId> =
            report.lines.iter().map(|line| line.name.instrument).collect();
        let is_through = self.look_through.is_some();
        if is_through {
            names.extend(book.holdings.iter().map(|holding| holding.instrument));
        }
        let merged = merged(pinned, is_through, &names.iter().copied());
        let totals = to_proto::totals(&report, self.participation);
        let scenarios = covering::scenarios(&report);
        let line = |line| to_proto::line(&prepared.universe, (portfolio, &book), line);
        let lines = report.lines.into_iter().map(line);
        let mut response = v1::AssessShortBookResponse {
            unresolved: portfolio::all_unresolved(portfolio, &book),
            totals: Some(totals),
            lines: lines.collect(),
            universe: Some(to_proto::universe(&prepared.universe)),
            method: Some(to_proto::method(&prepared.universe)),
            settings: self.normal.settings.clone(),
            currency: portfolio.currency.clone(),
            scenarios,
            covering_models: covering::models(),
            funds: report.funds.iter().map(look_through::fund).collect(),
            covering: self.normal.covering,
            ..Default::default()
        };
        if let Some(worked) = worked {
            covering::add(&mut response, worked);
        }
        let mut gaps = report.gaps;
        gaps.extend(prepared.universe.gap_of_state());
        Ok(Answer::with_coverage(response, gaps, report.coverage).with_merged(merged))
    }
}

impl Query for RankQuery {
    const MODEL: &'static str = ::squeeze::MODEL_VERSION;
    type Prepared = PreparedSqueeze;
    type Response = v1::RankSqueezeResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &PreparedSqueeze) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedSqueeze,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let universe = &prepared.universe;
        if let Some((name, known)) = unknown_exchange(universe, &self.wanted.exchanges) {
            let known = known.into_iter().map(str::to_owned).collect();
            return Err(Refusal::Unknown { kind: Kind::Exchange, name: name.to_owned(), known });
        }
        let ranking = rank(universe, &self.wanted);
        let cut = self.page.cut(ranking.places.len(), pinned);
        let of_page = &ranking.places[cut.places.clone()];
        let names = of_page.iter().map(|at| universe.names()[*at].instrument);
        let merged = merged(pinned, false, &names);
        let names = cut.places.map(|at| {
            let place = ranking.places[at];
            let name = &universe.names()[place];
            let name = to_proto::name(universe, name, universe.score(place));
            v1::RankedSqueezeName { rank: (at + 1) as i32, name: Some(name) }
        });
        let response = v1::RankSqueezeResponse {
            names: names.collect(),
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            universe: Some(to_proto::universe(universe)),
            left_out: Some(to_proto::left_out(&ranking)),
            method: Some(to_proto::method(universe)),
            ..Default::default()
        };
        let of_state = universe.gap_of_state();
        let gaps = universe.gaps().into_iter().chain(ranking.gap()).chain(of_state).collect();
        Ok(Answer::with_gaps(response, gaps).with_merged(merged))
    }
}

/// What a book is short of.
fn shorts<'a>(
    book: &'a Book,
    look_through: Option<FundView>,
    prepared: &'a PreparedSqueeze,
) -> Shorts<'a> {
    let PreparedSqueeze { funds, lookup, quotes, .. } = prepared;
    match look_through {
        None => Shorts::of(book),
        Some(view) => Shorts::behind(book, Look { view, funds, lookup, quotes }),
    }
}

/// What merges hide of the names of an answer, and of holdings if funds are looked through. The ranks
/// of these names among thousands of others do not count.
fn merged(
    pinned: &Pinned,
    is_through: bool,
    names: &(impl Iterator<Item = InstrumentId> + Clone),
) -> Vec<Gap> {
    hidden_values(pinned.snapshot(), |hidden| {
        let is_read = is_through || hidden.dataset != Dataset::Holdings;
        is_read && READS.contains(hidden.dataset) && names.clone().any(|name| hidden.involves(name))
    })
}
