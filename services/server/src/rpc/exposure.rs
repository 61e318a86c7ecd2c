//! ExposureService: the factor bets of a portfolio and its tail risk.

mod analysis;
mod backtest_request;
mod backtest_risk;
mod batch;
mod betas;
mod book_history;
mod carried;
mod change_request;
mod covariances;
mod crowding;
mod explain;
mod explain_change;
mod factor_betas;
mod from_proto;
mod group_by;
mod held_shares;
mod include;
mod incremental;
mod numbers;
mod pnl_answer;
pub(super) mod report_query;
mod risk_answer;
mod risk_model;
mod risk_request;
mod to_proto;
mod trades;
mod vendor_model;
mod views;

use crate::{
    as_of::AsOf,
    prepared::Prepared,
    refusal::{Kind, Refusal},
    rpc::{
        Handler,
        envelope::Answer,
        exchange::Outcomes,
        field::Fields,
        merged::hidden_values,
        portfolio,
        query::{FromProto as _, Normal, Place, Query, answer, respond},
    },
    telemetry::spans::{Step, step_now},
    views::Pinned,
};
use ::portfolio::lines::Violation;
use backtest_request::BacktestQuery;
use book_history::BookHistoryQuery;
use change_request::ChangeQuery;
use contract::v1::{self, exposure_service_server::ExposureService};
use explain::ExplainQuery;
use exposure::{
    factor_list::factors,
    prepared::PreparedExposure,
    trade_members::{TradeMember, trade_members},
    validate::validate,
};
use from_proto::{AnalysisQuery, FactorsQuery, MembersQuery, ValidationQuery};
use marketdata::{changes::DatasetSet, dataset::Dataset};
pub(super) use to_proto::exposure;
use tonic::{Request, Response, Status, Streaming};

/// The datasets behind every analysis.
const READS: DatasetSet = <PreparedExposure as Prepared>::READS;

/// Maximum number of positions of a portfolio that is analysed or checked inline.
const INLINE_POSITIONS_MAX: usize = 500;
/// Maximum of confidence levels times listed positions, for an inline answer.
const INLINE_LISTED_MAX: usize = 100;

#[tonic::async_trait]
impl ExposureService for Handler {
    async fn analyze_portfolio(
        &self,
        request: Request<v1::AnalyzePortfolioRequest>,
    ) -> Result<Response<v1::AnalyzePortfolioResponse>, Status> {
        answer::<AnalysisQuery>(&self.services, request).await
    }

    async fn validate_portfolio(
        &self,
        request: Request<v1::ValidatePortfolioRequest>,
    ) -> Result<Response<v1::ValidatePortfolioResponse>, Status> {
        let asked = request.into_inner();
        let mut query = step_now(Step::Validate, || ValidationQuery::from_proto(asked))?;
        query.check_currency(&self.services, <ValidationQuery as Query>::MODEL).await?;
        Ok(Response::new(respond(&self.services, query).await?))
    }

    async fn list_factors(
        &self,
        request: Request<v1::ListFactorsRequest>,
    ) -> Result<Response<v1::ListFactorsResponse>, Status> {
        answer::<FactorsQuery>(&self.services, request).await
    }

    async fn list_trade_members(
        &self,
        request: Request<v1::ListTradeMembersRequest>,
    ) -> Result<Response<v1::ListTradeMembersResponse>, Status> {
        answer::<MembersQuery>(&self.services, request).await
    }

    async fn explain_pnl(
        &self,
        request: Request<v1::ExplainPnlRequest>,
    ) -> Result<Response<v1::ExplainPnlResponse>, Status> {
        answer::<ExplainQuery>(&self.services, request).await
    }

    async fn analyze_portfolio_history(
        &self,
        request: Request<v1::AnalyzePortfolioHistoryRequest>,
    ) -> Result<Response<v1::AnalyzePortfolioHistoryResponse>, Status> {
        // Boxed, because it holds a whole analysis.
        Box::pin(answer::<BookHistoryQuery>(&self.services, request)).await
    }

    async fn backtest_risk(
        &self,
        request: Request<v1::BacktestRiskRequest>,
    ) -> Result<Response<v1::BacktestRiskResponse>, Status> {
        answer::<BacktestQuery>(&self.services, request).await
    }

    async fn explain_change(
        &self,
        request: Request<v1::ExplainChangeRequest>,
    ) -> Result<Response<v1::ExplainChangeResponse>, Status> {
        // Boxed, because it holds two whole analyses.
        Box::pin(answer::<ChangeQuery>(&self.services, request)).await
    }

    type AnalyzePortfoliosStream = Outcomes<v1::AnalyzePortfoliosResponse>;

    async fn analyze_portfolios(
        &self,
        request: Request<Streaming<v1::AnalyzePortfoliosRequest>>,
    ) -> Result<Response<Self::AnalyzePortfoliosStream>, Status> {
        batch::analyze(&self.services, request).await
    }
}

/// Trades as defined: by the settings, or by the request with defaults filled in.
fn definitions(
    asked: &[v1::TradeSelection],
    prepared: &PreparedExposure,
) -> Vec<v1::TradeDefinition> {
    let standard = prepared.standard_trade();
    asked.iter().map(|asked| trades::asked_definition(asked, standard)).collect()
}

/// Refuses a classification scheme in which nothing is classified.
pub(super) fn check_scheme(
    prepared: &PreparedExposure,
    asked: Option<&String>,
) -> Result<(), Refusal> {
    match asked.filter(|name| !prepared.sector_schemes.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::Unknown {
            kind: Kind::ClassificationScheme,
            name: name.clone(),
            known: prepared.sector_schemes.to_vec(),
        }),
    }
}

impl Query for ValidationQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = PreparedExposure;
    type Response = v1::ValidatePortfolioResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &PreparedExposure) -> Result<Place, Refusal> {
        let positions = self.normal.portfolio.as_ref().map_or(0, |book| book.positions.len());
        Ok(if positions <= INLINE_POSITIONS_MAX { Place::Inline } else { Place::Pool })
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedExposure,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let nothing = v1::Portfolio::default();
        let portfolio = self.normal.portfolio.as_ref().unwrap_or(&nothing);
        let (lines, terms) = (portfolio::raw_lines(portfolio), portfolio::terms(portfolio));
        let found = validate(lines, &terms, prepared.lookup(), prepared.quotes());
        let mut fields = Fields::new();
        fields.add_all("portfolio", found.violations);
        let violations = [self.violations.clone(), fields.into_violations()].concat();
        let accepted = violations.is_empty();
        let unresolved = found.unresolved.into_iter().filter(|_| accepted);
        let unresolved: Vec<v1::UnresolvedLine> =
            unresolved.map(|line| portfolio::unresolved(portfolio, line)).collect();
        let gaps = if accepted { found.gaps } else { Vec::new() };
        let response = v1::ValidatePortfolioResponse {
            accepted,
            fully_resolved: accepted && unresolved.is_empty(),
            unresolved,
            violations: violations.into_iter().map(to_proto::violation).collect(),
            line_count: found.lines as i32,
            name_count: accepted.then_some(found.instruments.len() as i32),
            gross: accepted.then_some(found.gross),
            currency: if accepted { portfolio.currency.clone() } else { String::new() },
            ..Default::default()
        };
        // Lines are found by names and identifiers, and valued at prices in units of the day.
        let read = DatasetSet::of(&[Dataset::Bars, Dataset::Splits, Dataset::Identifiers]);
        let merged = hidden_values(pinned.snapshot(), |hidden| {
            read.contains(hidden.dataset) && found.instruments.iter().any(|id| hidden.involves(*id))
        });
        Ok(Answer::with_gaps(response, gaps).with_merged(merged))
    }
}

impl Query for FactorsQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = PreparedExposure;
    type Response = v1::ListFactorsResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedExposure,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let (mut listed, gaps) = factors(prepared);
        let roles = || listed.iter().flat_map(|factor| &factor.roles);
        let merged = hidden_values(pinned.snapshot(), |hidden| {
            let is_read = |symbol: &String| {
                let id = pinned.snapshot().listed(symbol);
                id.is_some_and(|id| hidden.involves(id))
            };
            let symbols = || roles().flat_map(|role| &role.symbols);
            READS.contains(hidden.dataset) && symbols().any(|filled| is_read(&filled.symbol))
        });
        let cut = self.page.cut(listed.len(), pinned);
        let response = v1::ListFactorsResponse {
            factors: listed.drain(cut.places).map(betas::factor).collect(),
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, gaps).with_merged(merged))
    }
}

impl Query for MembersQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = PreparedExposure;
    type Response = v1::ListTradeMembersResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &PreparedExposure) -> Result<Place, Refusal> {
        // Every company is sized.
        Ok(Place::Pool)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedExposure,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let (mut legs, gaps) = trade_members(prepared, &self.trade);
        let wanted = self.normal.leg_id.as_str();
        legs.retain(|leg| wanted.is_empty() || leg.leg_id == wanted);
        if legs.is_empty() {
            let description = "must be a leg of the trade, or empty".to_owned();
            let field = "leg_id".to_owned();
            return Err(Refusal::Invalid(vec![Violation { field, description }]));
        }
        let members: Vec<(&str, &TradeMember)> = legs
            .iter()
            .flat_map(|leg| leg.members.iter().map(|member| (leg.leg_id.as_str(), member)))
            .collect();
        let cut = self.page.cut(members.len(), pinned);
        let of_page = &members[cut.places];
        let merged = hidden_values(pinned.snapshot(), |hidden| {
            let is_it = |(_, member): &(&str, &TradeMember)| hidden.involves(member.instrument);
            READS.contains(hidden.dataset) && of_page.iter().any(is_it)
        });
        let asked = self.normal.trade.clone().unwrap_or_default();
        let response = v1::ListTradeMembersResponse {
            definition: Some(trades::asked_definition(&asked, prepared.standard_trade())),
            legs: legs.iter().map(to_proto::leg_members).collect(),
            members: of_page
                .iter()
                .map(|(leg_id, member)| to_proto::member(leg_id, member))
                .collect(),
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, gaps).with_merged(merged))
    }
}
