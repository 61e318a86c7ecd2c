//! ExposureService: the factor bets of a portfolio and its tail risk.

mod from_proto;
mod to_proto;

use crate::{
    as_of::AsOf,
    refusal::Refusal,
    rpc::{
        Handler,
        envelope::Answer,
        field::Fields,
        query::{Normal, Place, Query, answer},
        shared,
    },
    views::Pinned,
};
use contract::v1::{self, exposure_service_server::ExposureService};
use exposure::{
    analyze::{Request as AnalysisRequest, analyze},
    prepared::PreparedExposure,
    settings::{BetaSettings, Listing},
    validate::validate,
};
use from_proto::{AnalysisQuery, ValidationQuery};
use portfolio::book::Book;
use tonic::{Request, Response, Status};

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
        answer::<ValidationQuery>(&self.services, request).await
    }
}

impl AnalysisQuery {
    /// Whether the analysis is fast enough to run inline: everything it needs is prepared (except
    /// proxy returns for missing history) and the portfolio is small.
    fn is_quick(&self) -> bool {
        let positions = self.normal.portfolio.as_ref().map_or(0, |book| book.positions.len());
        let listed = match self.listing {
            Listing::All => positions,
            Listing::Largest(count) => count.min(positions),
        };
        let is_small = positions <= INLINE_POSITIONS_MAX
            && self.tail.confidence_levels.len() * listed <= INLINE_LISTED_MAX;
        self.beta == BetaSettings::PREPARED && self.repeat_on.is_none() && is_small
    }

    /// The portfolio, checked, joined and valued.
    fn join(&self, prepared: &PreparedExposure) -> Result<Book, Refusal> {
        let Some(portfolio) = &self.normal.portfolio else {
            return Err(Refusal::Failed("invariant: a query has a portfolio".to_owned()));
        };
        shared::book("portfolio", portfolio, prepared.lookup(), prepared.quotes())
    }

    fn analyze(
        &self,
        prepared: &PreparedExposure,
        book: &Book,
    ) -> Answer<v1::AnalyzePortfolioResponse> {
        let request = AnalysisRequest {
            book,
            beta: self.beta,
            tail: &self.tail,
            repeat_on: self.repeat_on,
            listing: self.listing,
        };
        let mut report = analyze(prepared, &request);
        let gaps = std::mem::take(&mut report.gaps);
        let coverage = to_proto::coverage(&report.coverage);
        let report = Some(to_proto::report(report, book.gross, book.net_asset_value));
        let response = v1::AnalyzePortfolioResponse { report, ..Default::default() };
        Answer::with_gaps(response, gaps).covering(coverage)
    }
}

impl Query for AnalysisQuery {
    type Prepared = PreparedExposure;
    type Response = v1::AnalyzePortfolioResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, prepared: &PreparedExposure) -> Result<Place, Refusal> {
        if !self.is_quick() {
            return Ok(Place::Pool);
        }
        let book = self.book.insert(self.join(prepared)?);
        Ok(if prepared.is_whole(book, self.listing) { Place::Inline } else { Place::Pool })
    }

    fn answer(
        &self,
        _pinned: &Pinned,
        prepared: &PreparedExposure,
    ) -> Result<Answer<Self::Response>, Refusal> {
        match &self.book {
            Some(book) => Ok(self.analyze(prepared, book)),
            None => Ok(self.analyze(prepared, &self.join(prepared)?)),
        }
    }
}

impl Query for ValidationQuery {
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
        _pinned: &Pinned,
        prepared: &PreparedExposure,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let mut fields = Fields::new();
        let nothing = v1::Portfolio::default();
        let portfolio = self.normal.portfolio.as_ref().unwrap_or(&nothing);
        shared::portfolio_frame(&mut fields, "portfolio", Some(portfolio));
        let (lines, nav) = (shared::raw_lines(portfolio), portfolio.net_asset_value);
        let found = validate(lines, nav, prepared.lookup(), prepared.quotes());
        fields.add_all("portfolio", found.violations);
        let violations = fields.into_violations();
        let valid = violations.is_empty();
        let unresolved = found.unresolved.into_iter().map(|line| v1::UnresolvedLine {
            line: line.line as i32,
            symbol: portfolio.positions[line.line].symbol.clone(),
            reason: shared::gap_reason(line.reason).into(),
            gross_share: line.gross_share,
        });
        Ok(Answer::whole(v1::ValidatePortfolioResponse {
            valid,
            unresolved: unresolved.filter(|_| valid).collect(),
            violations: violations.into_iter().map(to_proto::violation).collect(),
            line_count: found.lines as i32,
            name_count: if valid { found.names as i32 } else { 0 },
            gross: valid.then_some(found.gross),
            ..Default::default()
        }))
    }
}
