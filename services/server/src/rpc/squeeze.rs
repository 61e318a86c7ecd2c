//! SqueezeService: the short side of a book, and the whole market in order of squeeze risk.

mod to_proto;

use crate::{
    rpc::{
        field::Fields,
        page::{Page, page},
        shared::{self, AsOf},
        status::Refusal,
    },
    services::Services,
    views::Pinned,
};
use contract::v1::{self, squeeze_service_server::SqueezeService};
use portfolio::{
    book::Book,
    lines::{Portfolio, RawLine},
};
use squeeze::{
    assess::assess,
    exit::Participation,
    prepared::PreparedSqueeze,
    rank::{RankBy, RankRequest, rank},
    universe::Universe,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Least market value of a ranked line, USD, where a request does not say.
const MIN_MARKET_CAP_USD: f64 = 100e6;
/// Least value traded a day of a ranked line, USD, where a request does not say.
const MIN_DAILY_VALUE_USD: f64 = 1e6;
/// A bound on either above which no line passes.
const MOST_USD: f64 = 1e15;
/// Exchanges of one request.
const EXCHANGES: usize = 64;

/// Serves `SqueezeService`.
#[derive(Debug)]
pub struct Handler {
    services: Arc<Services>,
}

impl Handler {
    /// A handler.
    pub fn new(services: Arc<Services>) -> Handler {
        Handler { services }
    }

    async fn prepared(&self, as_of: &AsOf) -> Result<(Pinned, Arc<PreparedSqueeze>), Refusal> {
        let pinned = self.services.view(as_of)?;
        let prepared = self.services.prepared(&pinned).await?;
        Ok((pinned, prepared))
    }
}

#[tonic::async_trait]
impl SqueezeService for Handler {
    async fn assess_short_book(
        &self,
        request: Request<v1::AssessShortBookRequest>,
    ) -> Result<Response<v1::AssessShortBookResponse>, Status> {
        let query = BookQuery::from_proto(request.into_inner())?;
        let (pinned, prepared) = self.prepared(&query.as_of).await?;
        let work = move || query.answer(&pinned, &prepared);
        Ok(Response::new(self.services.compute.run(work).await??))
    }

    async fn rank_squeeze(
        &self,
        request: Request<v1::RankSqueezeRequest>,
    ) -> Result<Response<v1::RankSqueezeResponse>, Status> {
        let query = RankQuery::from_proto(request.into_inner())?;
        let (pinned, prepared) = self.prepared(&query.as_of).await?;
        let work = move || query.answer(&pinned, &prepared.universe);
        Ok(Response::new(self.services.compute.run(work).await?))
    }
}

struct BookQuery {
    as_of: AsOf,
    portfolio: Portfolio,
    participation: Participation,
    normal: v1::AssessShortBookRequest,
}

impl BookQuery {
    fn from_proto(mut request: v1::AssessShortBookRequest) -> Result<BookQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, request.as_of.take());
        let portfolio = shared::portfolio(&mut fields, "portfolio", request.portfolio.as_ref());
        let share = *request.participation.get_or_insert(Participation::USUAL.share());
        let participation = Participation::new(share);
        if participation.is_none() {
            let wrong = format!("must be above 0 and at most 1, is {share}");
            fields.add("participation", wrong);
        }
        let query = portfolio.zip(participation).map(|(portfolio, participation)| BookQuery {
            as_of,
            portfolio,
            participation,
            normal: request,
        });
        fields.finish(query)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedSqueeze,
    ) -> Result<v1::AssessShortBookResponse, Refusal> {
        let lines: Vec<RawLine<'_>> = self
            .portfolio
            .lines()
            .iter()
            .map(|line| RawLine {
                symbol: line.symbol.as_str(),
                size: Some(line.size),
                average_cost: line.average_cost,
            })
            .collect();
        let nav = self.portfolio.net_asset_value();
        let book = Book::join(lines.iter().copied(), nav, &prepared.lookup, &prepared.quotes)
            .map_err(Refusal::Invalid)?;
        let report = assess(&prepared.universe, &book, &lines, self.participation);
        let reference = shared::snapshot_ref(pinned);
        Ok(v1::AssessShortBookResponse {
            result_id: shared::result_id("AssessShortBook", &self.normal, &reference),
            snapshot: Some(reference),
            coverage: Some(v1::Coverage {
                resolved: report.coverage.resolved,
                proxied: 0.0,
                excluded: report.coverage.excluded,
                not_joined: report.coverage.not_joined,
            }),
            totals: Some(to_proto::totals(&report, self.participation)),
            lines: report
                .lines
                .into_iter()
                .map(|l| to_proto::line(&prepared.universe, l))
                .collect(),
            gaps: shared::gaps(report.gaps),
            universe: Some(to_proto::universe(&prepared.universe)),
            method: Some(to_proto::method()),
        })
    }
}

struct RankQuery {
    as_of: AsOf,
    page: Page,
    wanted: RankRequest,
    normal: v1::RankSqueezeRequest,
}

impl RankQuery {
    fn from_proto(mut request: v1::RankSqueezeRequest) -> Result<RankQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let mut usd = |field: &str, asked: &mut Option<f64>, default| {
            let usd = fields.within_or(field, *asked, default, (0.0, MOST_USD));
            *asked = Some(usd);
            usd
        };
        let min_market_cap_usd =
            usd("min_market_cap_usd", &mut request.min_market_cap_usd, MIN_MARKET_CAP_USD);
        let min_daily_value_usd =
            usd("min_daily_value_usd", &mut request.min_daily_value_usd, MIN_DAILY_VALUE_USD);
        let rank_by = rank_by(&mut fields, &mut request);
        check_exchanges(&mut fields, &request.exchanges);
        let page = page(&mut fields, ("RankSqueeze", &request), (size, &token), &mut as_of)?;
        request.page_size = page.size as i32;
        let exchanges = request.exchanges.clone();
        let wanted = RankRequest { min_market_cap_usd, min_daily_value_usd, exchanges, rank_by };
        fields.finish(Some(RankQuery { as_of, page, wanted, normal: request }))
    }

    fn answer(&self, pinned: &Pinned, universe: &Universe) -> v1::RankSqueezeResponse {
        let ranking = rank(universe, &self.wanted);
        let total = ranking.places.len();
        let first = usize::try_from(self.page.start).unwrap_or(total).min(total);
        let end = (first + self.page.size).min(total);
        let names = ranking.places[first..end].iter().enumerate().map(|(at, place)| {
            let name = to_proto::name(universe, *place);
            v1::RankedName { rank: (first + at + 1) as i32, name: Some(name) }
        });
        let reference = shared::snapshot_ref(pinned);
        v1::RankSqueezeResponse {
            result_id: shared::result_id("RankSqueeze", &self.normal, &reference),
            snapshot: Some(reference),
            gaps: shared::gaps(universe.gaps()),
            names: names.collect(),
            next_page_token: match end < total {
                true => self.page.token(end as u64, pinned),
                false => String::new(),
            },
            total_size: total as i32,
            universe: Some(to_proto::universe(universe)),
            left_out: Some(v1::LeftOut {
                not_scored: ranking.not_scored as i32,
                below_market_cap: ranking.below_market_cap as i32,
                below_daily_value: ranking.below_daily_value as i32,
                other_exchange: ranking.other_exchange as i32,
            }),
            method: Some(to_proto::method()),
        }
    }
}

fn rank_by(fields: &mut Fields, request: &mut v1::RankSqueezeRequest) -> RankBy {
    use v1::SqueezeRankBy as Wire;
    let by = match Wire::try_from(request.rank_by) {
        Ok(Wire::Unspecified | Wire::Score) => RankBy::Score,
        Ok(Wire::ShortOfFloat) => RankBy::ShortOfFloat,
        Ok(Wire::DaysToCover) => RankBy::DaysToCover,
        Err(_) => {
            fields.add("rank_by", format!("{} is none of the orders", request.rank_by));
            RankBy::Score
        }
    };
    if request.rank_by == 0 {
        request.rank_by = Wire::Score.into();
    }
    by
}

fn check_exchanges(fields: &mut Fields, exchanges: &[String]) {
    if EXCHANGES < exchanges.len() {
        fields.add("exchanges", format!("{EXCHANGES} at most, has {}", exchanges.len()));
    }
    for (at, exchange) in exchanges.iter().enumerate().take(EXCHANGES) {
        if exchange.trim().is_empty() {
            fields.add(format!("exchanges[{at}]"), "must not be empty");
        }
    }
}
