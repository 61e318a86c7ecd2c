//! AnalyzePortfolio: the analysis of one book.

use super::{
    INLINE_LISTED_MAX, INLINE_POSITIONS_MAX, READS, check_scheme, crowding, definitions,
    factor_betas,
    from_proto::AnalysisQuery,
    risk_answer::Risk,
    risk_model::RiskModelAsked,
    to_proto,
    views::{AnalysisViews, Seen},
};
use crate::{
    as_of::AsOf,
    prepared::{Prepared, PreparedCrowds},
    refusal::Refusal,
    rpc::{
        envelope::Answer,
        merged::hidden_values,
        portfolio::{self, currency::Money},
        query::{Normal, Place, Query},
    },
    views::Pinned,
};
use ::portfolio::book::Book;
use contract::v1;
use exposure::{
    analyze::analyze,
    behind::rests_on,
    prepared::PreparedExposure,
    request::Request as AnalysisRequest,
    settings::{BetaSettings, Listing, TradeChoice},
};
use factors::size_scheme::SizeScheme;

impl AnalysisQuery {
    /// Whether the analysis is fast enough to run inline: everything it needs is prepared (except
    /// proxy returns for missing history) and the portfolio is small.
    fn is_quick(&self) -> bool {
        let positions = self.normal.portfolio.as_ref().map_or(0, |book| book.positions.len());
        let listed = match self.listing {
            Listing::All => positions,
            Listing::Largest(count) => count.min(positions),
        };
        // More than one set of scenarios, a number over all of them, or a horizon of several sessions
        // is more than half a millisecond.
        let levels: usize = match self.risk.sets.as_slice() {
            [] => 0,
            [set] if !set.volatility && set.by_group.is_empty() && set.horizon_sessions == 1 => {
                set.levels.iter().map(|group| group.confidences.len()).sum()
            }
            _ => return false,
        };
        let is_small = positions <= INLINE_POSITIONS_MAX && levels * listed <= INLINE_LISTED_MAX;
        self.settings.beta == BetaSettings::PREPARED
            && self.settings.size_scheme == *SizeScheme::standard()
            && self.settings.classification.is_none()
            && self.settings.look_through.is_none()
            && self.trades.iter().all(|trade| *trade == TradeChoice::Standard)
            && self.repeat_on.is_empty()
            && self.crowding.is_none()
            && self.risk_model.is_none()
            && self.factor_betas.is_none()
            && is_small
    }

    /// Whether the analysis may take a second or more: up to 32 draws of ten thousand paths do, and nine
    /// analyses, and the effective bets of a covariance of a hundred names.
    fn is_long(&self) -> bool {
        let is_repeated = !self.normal.incremental_position_ids.is_empty();
        let has_covariances = self.risk_model.as_ref().is_some_and(RiskModelAsked::has_covariances);
        is_repeated || has_covariances || 0 < self.risk.simulated_sessions()
    }

    /// The portfolio, checked, joined and valued.
    pub(super) fn join(&self, prepared: &PreparedExposure) -> Result<Book, Refusal> {
        let portfolio = self.normal.portfolio.as_ref();
        portfolio::book(portfolio, &self.settings.netting, prepared.lookup(), prepared.quotes())
    }

    /// The analysis of a book.
    pub(super) fn request<'a>(&'a self, book: &'a Book) -> AnalysisRequest<'a> {
        AnalysisRequest {
            book,
            blocks: self.blocks,
            beta: self.settings.beta,
            tails: &self.risk.sets,
            size_scheme: &self.settings.size_scheme,
            classification: self.settings.classification.as_deref(),
            look_through: self.settings.look_through,
            group_by: &self.group_by,
            repeat_on: &self.repeat_on,
            trades: &self.trades,
            listing: self.listing,
        }
    }

    pub(super) fn analyze(
        &self,
        pinned: &Pinned,
        seen: Seen<'_>,
        book: &Book,
    ) -> Result<Answer<v1::AnalyzePortfolioResponse>, Refusal> {
        let prepared = seen.exposure;
        let mut report = analyze(prepared, &self.request(book));
        let mut gaps = std::mem::take(&mut report.gaps);
        let mut coverage = std::mem::take(&mut report.coverage);
        let found = self.crowding.and_then(|asked| {
            let request = asked.request((book, self.settings.look_through));
            let mut found = seen.crowding(pinned, request)?;
            gaps.append(&mut found.gaps);
            coverage.append(&mut found.coverage);
            Some(found)
        });
        let of_factors = factor_betas::measure(self.factor_betas.as_ref(), seen, book);
        gaps.extend(of_factors.iter().flat_map(|(_, found)| &found.gaps).cloned());
        let mut under_models = self.under_models(pinned, seen, book)?;
        gaps.extend(under_models.iter_mut().flat_map(|found| std::mem::take(&mut found.gaps)));
        let reads = |dataset| {
            let of_crowds = <PreparedCrowds as Prepared>::READS;
            READS.contains(dataset)
                || (found.is_some() && of_crowds.contains(dataset))
                || self.risk_model.as_ref().is_some_and(|asked| asked.reads(dataset))
                || self.factor_betas.as_ref().is_some_and(|asked| asked.reads(dataset))
        };
        let behind_factors = factor_betas::behind(prepared, of_factors.as_ref());
        let merged = hidden_values(pinned.snapshot(), |hidden| {
            reads(hidden.dataset)
                && (rests_on(prepared, book, &report, |id| hidden.involves(id))
                    || behind_factors.iter().any(|id| hidden.involves(*id)))
        });
        let nothing = v1::Portfolio::default();
        let portfolio = self.normal.portfolio.as_ref().unwrap_or(&nothing);
        let trades = definitions(&self.normal.trades, prepared);
        let asked = (&self.normal, trades.as_slice());
        let risk = Risk { plan: &self.risk, asked: &self.normal.risk_measures };
        let money = (prepared.lookup().snapshot(), prepared.quotes());
        let Money { cash, currencies, gaps: of_cash } = Money::of(portfolio, book, money);
        gaps.extend(of_cash);
        let report = to_proto::report(report, asked, risk, (book, portfolio))?;
        let crowding = found.map(|found| crowding::to_proto(found, self.normal.crowding));
        let (risk_model, uncovered) =
            under_models.map(|found| (found.report, found.uncovered)).unzip();
        let factor_betas = of_factors.map(|found| {
            let size = (book.gross, book.net_asset_value);
            factor_betas::to_proto(prepared, found, self.normal.factor_betas.clone(), size)
        });
        let report =
            v1::ExposureReport { crowding, cash, currencies, risk_model, factor_betas, ..report };
        let uncovered = uncovered.unwrap_or_default();
        let (incremental_risks, of_lines) =
            self.incremental(pinned, seen, (&report, &uncovered))?;
        gaps.extend(of_lines);
        let report = Some(v1::ExposureReport { incremental_risks, ..report });
        let unresolved = portfolio::all_unresolved(portfolio, book);
        let response = v1::AnalyzePortfolioResponse { report, unresolved, ..Default::default() };
        Ok(Answer::with_coverage(response, gaps, coverage).with_merged(merged))
    }
}

impl Query for AnalysisQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = AnalysisViews;
    type Response = v1::AnalyzePortfolioResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, views: &AnalysisViews) -> Result<Place, Refusal> {
        if self.is_long() {
            return Ok(Place::Long);
        }
        if !self.is_quick() {
            return Ok(Place::Pool);
        }
        let prepared = &*views.exposure;
        let book = self.book.insert(self.join(prepared)?);
        Ok(if prepared.is_whole(book, self.listing) { Place::Inline } else { Place::Pool })
    }

    fn answer(
        &self,
        pinned: &Pinned,
        views: &AnalysisViews,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let prepared = &*views.exposure;
        check_scheme(prepared, self.settings.classification.as_ref())?;
        match &self.book {
            Some(book) => self.analyze(pinned, views.seen(), book),
            None => self.analyze(pinned, views.seen(), &self.join(prepared)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::query::FromProto as _;

    /// A loss over several sessions is never computed in the handler's task, and a simulated one leaves
    /// its turn to other calls.
    #[test]
    fn only_single_sessions_are_quick() {
        use v1::risk_measure_request::Method;
        let query = |method, horizon_sessions| {
            let measure = v1::RiskMeasureRequest {
                measure_id: "es".to_owned(),
                kind: v1::RiskMeasureKind::ExpectedShortfall.into(),
                method: Some(method),
                horizon_sessions,
                ..Default::default()
            };
            AnalysisQuery::from_proto(v1::AnalyzePortfolioRequest {
                portfolio: Some(v1::Portfolio::default()),
                include: vec![v1::ReportBlock::Risk.into()],
                risk_measures: vec![measure],
                ..Default::default()
            })
            .unwrap()
        };
        let filtered = || Method::FilteredHistorical(v1::FilteredHistoricalMethod::default());
        let one = query(filtered(), None);
        assert!(one.is_quick() && one.risk.simulated_sessions() == 0);
        let two = query(filtered(), Some(2));
        assert!(!two.is_quick() && two.risk.simulated_sessions() == 2);
        let runs = query(Method::Historical(v1::HistoricalMethod {}), Some(2));
        assert!(!runs.is_quick() && runs.risk.simulated_sessions() == 0);
    }

    /// Covariances of names leave their turn to other calls, and a factor model does not.
    #[test]
    fn covariances_are_long_work() {
        let query = |covariances: &[v1::CovarianceEstimator]| {
            let covariances = covariances.iter().map(|estimator| (*estimator).into()).collect();
            AnalysisQuery::from_proto(v1::AnalyzePortfolioRequest {
                portfolio: Some(v1::Portfolio::default()),
                include: vec![v1::ReportBlock::RiskModel.into()],
                risk_model: Some(v1::RiskModelSettings { covariances, ..Default::default() }),
                ..Default::default()
            })
            .unwrap()
        };
        assert!(query(&[v1::CovarianceEstimator::Sample]).is_long());
        let model = query(&[]);
        assert!(!model.is_long() && !model.is_quick());
    }
}
