//! ExposureService: what a book is a bet on.

mod to_proto;

use crate::{
    rpc::{
        field::Fields,
        shared::{self, AsOf},
        status::Refusal,
    },
    services::Services,
    views::{Pinned, View},
};
use contract::v1::{self, exposure_service_server::ExposureService};
use exposure::{
    analyze::{Request as AnalysisRequest, analyze},
    prepared::{self, PreparedExposure},
    settings::{BetaSettings, Listing, Shrinkage, TailMethod, TailSettings, WINDOW_SESSIONS_MAX},
    validate::validate,
};
use marketdata::day::Day;
use portfolio::{book::Book, lines::Portfolio};
use stats::quantile::QuantileRule;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Positions listed where a request does not say.
const TOP_POSITIONS: i32 = 10;
/// Positions that may be asked for.
const TOP_POSITIONS_MAX: i32 = 10_000;
/// Levels of confidence where a request does not say.
const LEVELS: [f64; 2] = [0.95, 0.99];
/// Levels of confidence of one request.
const LEVELS_MAX: usize = 8;
/// Interval level where a request does not say.
const INTERVAL_LEVEL: f64 = 0.95;
/// Bounds of levels.
const LEVEL_BOUNDS: (f64, f64) = (0.5, 0.999);

/// Positions of a book that is analysed where its request arrived.
const INLINE_POSITIONS_MAX: usize = 500;
/// Levels of confidence times positions listed of such a book.
const INLINE_LISTED_MAX: usize = 100;

/// Prepares a view.
fn prepare(view: &View) -> PreparedExposure {
    prepared::prepare(&view.snapshot, &view.roles, None)
}

/// Serves `ExposureService`.
#[derive(Debug)]
pub struct Handler {
    services: Arc<Services>,
}

impl Handler {
    /// A handler.
    pub fn new(services: Arc<Services>) -> Handler {
        Handler { services }
    }

    async fn prepared(&self, as_of: &AsOf) -> Result<(Pinned, Arc<PreparedExposure>), Refusal> {
        let pinned = self.services.view(as_of)?;
        let slot = &pinned.view().exposure;
        let prepared = slot.get(&self.services.compute, &pinned, prepare).await?;
        Ok((pinned, prepared))
    }
}

#[tonic::async_trait]
impl ExposureService for Handler {
    async fn analyze_portfolio(
        &self,
        request: Request<v1::AnalyzePortfolioRequest>,
    ) -> Result<Response<v1::AnalyzePortfolioResponse>, Status> {
        let query = AnalysisQuery::from_proto(request.into_inner())?;
        let (pinned, prepared) = self.prepared(&query.as_of).await?;
        if query.is_quick() {
            let book = query.book(&prepared)?;
            if prepared.is_whole(&book) {
                // About half a millisecond at most: not worth another thread's turn.
                return Ok(Response::new(query.answer(&pinned, &prepared, &book)));
            }
            let work = move || query.answer(&pinned, &prepared, &book);
            return Ok(Response::new(self.services.compute.run(work).await?));
        }
        let work = move || {
            let book = query.book(&prepared)?;
            Ok::<_, Refusal>(query.answer(&pinned, &prepared, &book))
        };
        Ok(Response::new(self.services.compute.run(work).await??))
    }

    async fn validate_portfolio(
        &self,
        request: Request<v1::ValidatePortfolioRequest>,
    ) -> Result<Response<v1::ValidatePortfolioResponse>, Status> {
        let query = ValidationQuery::from_proto(request.into_inner())?;
        let (pinned, prepared) = self.prepared(&query.as_of).await?;
        Ok(Response::new(query.answer(&pinned, &prepared)))
    }
}

struct AnalysisQuery {
    as_of: AsOf,
    beta: BetaSettings,
    tail: TailSettings,
    repeat_on: Option<Day>,
    listing: Listing,
    /// With all defaults applied; the portfolio is read from it.
    normal: v1::AnalyzePortfolioRequest,
}

impl AnalysisQuery {
    fn from_proto(mut request: v1::AnalyzePortfolioRequest) -> Result<AnalysisQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, request.as_of.take());
        let beta = beta_settings(&mut fields, request.beta.get_or_insert_default());
        let tail = tail_settings(&mut fields, request.tail.get_or_insert_default());
        let repeat_on = fields.day("repeat_on", &request.repeat_on);
        let top = fields.within_or(
            "top_positions",
            request.top_positions,
            TOP_POSITIONS,
            (0, TOP_POSITIONS_MAX),
        );
        request.top_positions = Some(top);
        let listing = match request.include_positions {
            true => Listing::All,
            false => Listing::Largest(usize::try_from(top).unwrap_or(0)),
        };
        let held = shared::portfolio_frame(&mut fields, "portfolio", request.portfolio.as_ref());
        if fields.any() {
            // Lines are checked while they are joined; here only so that all is told at once.
            let lines =
                held.map(|held| Portfolio::new(shared::raw_lines(held), held.net_asset_value));
            fields.add_all("portfolio", lines.and_then(Result::err).unwrap_or_default());
        }
        fields.finish(Some(AnalysisQuery {
            as_of,
            beta,
            tail,
            repeat_on,
            listing,
            normal: request,
        }))
    }

    /// Whether everything it needs is prepared, but for what stands in for absent returns, and little
    /// is asked for.
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
    fn book(&self, prepared: &PreparedExposure) -> Result<Book, Refusal> {
        let Some(portfolio) = &self.normal.portfolio else {
            return Err(Refusal::Failed("invariant: a query has a portfolio".to_owned()));
        };
        shared::book("portfolio", portfolio, prepared.lookup(), prepared.quotes())
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedExposure,
        book: &Book,
    ) -> v1::AnalyzePortfolioResponse {
        let request = AnalysisRequest {
            book,
            beta: self.beta,
            tail: &self.tail,
            repeat_on: self.repeat_on,
            listing: self.listing,
        };
        let mut report = analyze(prepared, &request);
        let reference = shared::snapshot_ref(pinned);
        v1::AnalyzePortfolioResponse {
            result_id: shared::result_id("AnalyzePortfolio", &self.normal, &reference),
            snapshot: Some(reference),
            gaps: shared::gaps(std::mem::take(&mut report.gaps)),
            coverage: Some(to_proto::coverage(&report.coverage)),
            report: Some(to_proto::report(report, book.gross, book.net_asset_value)),
        }
    }
}

/// Reads the settings of betas and writes the defaults into the request.
fn beta_settings(fields: &mut Fields, asked: &mut v1::BetaSettings) -> BetaSettings {
    use v1::BetaShrinkage as Wire;
    let usual = BetaSettings::PREPARED;
    let half_life_sessions = fields.within_or(
        "beta.half_life_sessions",
        asked.half_life_sessions,
        usual.half_life_sessions,
        (10.0, 250.0),
    );
    let min_observations = fields.within_or(
        "beta.min_observations",
        asked.min_observations,
        usual.min_observations as i32,
        (20, WINDOW_SESSIONS_MAX as i32),
    );
    let huber_k = fields.within_or("beta.huber_k", asked.huber_k, usual.huber_k, (0.5, 100.0));
    let (shrinkage, wire) = match Wire::try_from(asked.shrinkage) {
        Ok(Wire::Unspecified | Wire::Vasicek) => (Shrinkage::Vasicek, Wire::Vasicek),
        Ok(Wire::None) => (Shrinkage::None, Wire::None),
        Err(_) => {
            fields.add("beta.shrinkage", format!("{} is no shrinkage", asked.shrinkage));
            (Shrinkage::Vasicek, Wire::Vasicek)
        }
    };
    asked.half_life_sessions = Some(half_life_sessions);
    asked.min_observations = Some(min_observations);
    asked.huber_k = Some(huber_k);
    asked.shrinkage = wire.into();
    let min_observations = usize::try_from(min_observations).unwrap_or(usual.min_observations);
    BetaSettings { half_life_sessions, min_observations, huber_k, shrinkage }
}

/// Reads the settings of tails and writes the defaults into the request.
fn tail_settings(fields: &mut Fields, asked: &mut v1::TailSettings) -> TailSettings {
    let window = fields.within_or(
        "tail.window_sessions",
        asked.window_sessions,
        WINDOW_SESSIONS_MAX as i32,
        (252, WINDOW_SESSIONS_MAX as i32),
    );
    if asked.confidence_levels.is_empty() {
        asked.confidence_levels = LEVELS.to_vec();
    }
    if LEVELS_MAX < asked.confidence_levels.len() {
        let held = asked.confidence_levels.len();
        fields.add("tail.confidence_levels", format!("{LEVELS_MAX} at most, has {held}"));
    }
    let (least, most) = LEVEL_BOUNDS;
    for (at, level) in asked.confidence_levels.iter().enumerate().take(LEVELS_MAX) {
        fields.within(&format!("tail.confidence_levels[{at}]"), *level, least, most);
        if asked.confidence_levels[..at].iter().any(|other| other.to_bits() == level.to_bits()) {
            fields.add(format!("tail.confidence_levels[{at}]"), "is there twice");
        }
    }
    let interval_level =
        fields.within_or("tail.interval_level", asked.interval_level, INTERVAL_LEVEL, LEVEL_BOUNDS);
    let quantile_rule = quantile_rule(fields, asked);
    let method = tail_method(fields, asked);
    asked.window_sessions = Some(window);
    asked.interval_level = Some(interval_level);
    TailSettings {
        method,
        window_sessions: usize::try_from(window).unwrap_or(WINDOW_SESSIONS_MAX),
        confidence_levels: asked.confidence_levels.clone(),
        quantile_rule,
        interval_level,
    }
}

fn quantile_rule(fields: &mut Fields, asked: &mut v1::TailSettings) -> QuantileRule {
    use v1::QuantileRule as Wire;
    let rule = match Wire::try_from(asked.quantile_rule) {
        Ok(Wire::Unspecified | Wire::Linear) => QuantileRule::Linear,
        Ok(Wire::Lower) => QuantileRule::Lower,
        Ok(Wire::Higher) => QuantileRule::Higher,
        Ok(Wire::Ceil) => QuantileRule::Ceil,
        Ok(Wire::Weibull) => QuantileRule::Weibull,
        Ok(Wire::MedianUnbiased) => QuantileRule::MedianUnbiased,
        Err(_) => {
            fields.add("tail.quantile_rule", format!("{} is no rule", asked.quantile_rule));
            QuantileRule::Linear
        }
    };
    asked.quantile_rule = to_proto::quantile_rule(rule).into();
    rule
}

fn tail_method(fields: &mut Fields, asked: &mut v1::TailSettings) -> TailMethod {
    use v1::TailMethod as Wire;
    let method = match Wire::try_from(asked.method) {
        Ok(Wire::Unspecified | Wire::FilteredHistorical) => TailMethod::FilteredHistorical,
        Ok(Wire::Historical) => TailMethod::Historical,
        Err(_) => {
            fields.add("tail.method", format!("{} is no method", asked.method));
            TailMethod::FilteredHistorical
        }
    };
    asked.method = to_proto::tail_method(method).into();
    method
}

struct ValidationQuery {
    as_of: AsOf,
    normal: v1::ValidatePortfolioRequest,
}

impl ValidationQuery {
    fn from_proto(mut request: v1::ValidatePortfolioRequest) -> Result<ValidationQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, request.as_of.take());
        if request.portfolio.is_none() {
            fields.add("portfolio", "must be given");
        }
        fields.finish(Some(ValidationQuery { as_of, normal: request }))
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedExposure,
    ) -> v1::ValidatePortfolioResponse {
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
        let reference = shared::snapshot_ref(pinned);
        v1::ValidatePortfolioResponse {
            result_id: shared::result_id("ValidatePortfolio", &self.normal, &reference),
            snapshot: Some(reference),
            gaps: Vec::new(),
            valid,
            unresolved: unresolved.filter(|_| valid).collect(),
            violations: violations.into_iter().map(to_proto::violation).collect(),
            line_count: found.lines as i32,
            name_count: if valid { found.names as i32 } else { 0 },
            gross: valid.then_some(found.gross),
        }
    }
}
