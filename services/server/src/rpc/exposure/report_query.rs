//! The exposure report of a book, for services that show it beside their own numbers.

use super::{check_scheme, from_proto::AnalysisQuery, views::Seen};
use crate::{
    refusal::Refusal,
    rpc::{envelope::Answer, query::FromProto as _},
    views::Pinned,
};
use ::portfolio::book::Book;
use contract::v1::{self, ReportBlock};
use exposure::prepared::PreparedExposure;

/// The blocks of such a report.
const BLOCKS: [ReportBlock; 4] =
    [ReportBlock::Breakdowns, ReportBlock::Factors, ReportBlock::Trades, ReportBlock::Risk];

/// A validated portfolio and settings, with the request of their report.
pub(in crate::rpc) struct ReportQuery(AnalysisQuery);

impl ReportQuery {
    /// Reads a portfolio and settings.
    ///
    /// # Errors
    /// As those of `AnalyzePortfolio`, whose fields have the same names.
    pub(in crate::rpc) fn new(
        portfolio: Option<v1::Portfolio>,
        settings: Option<v1::AnalysisSettings>,
    ) -> Result<ReportQuery, Refusal> {
        let include = BLOCKS.map(i32::from).to_vec();
        let request =
            v1::AnalyzePortfolioRequest { portfolio, settings, include, ..Default::default() };
        Ok(ReportQuery(AnalysisQuery::from_proto(request)?))
    }

    /// The portfolio and the settings in normal form.
    pub(in crate::rpc) fn normal(&self) -> (Option<&v1::Portfolio>, Option<&v1::AnalysisSettings>) {
        (self.0.normal.portfolio.as_ref(), self.0.normal.settings.as_ref())
    }

    /// The portfolio, checked, joined and valued.
    ///
    /// # Errors
    /// Every violation of its lines.
    pub(in crate::rpc) fn join(&self, prepared: &PreparedExposure) -> Result<Book, Refusal> {
        check_scheme(prepared, self.0.settings.classification.as_ref())?;
        self.0.join(prepared)
    }

    /// The report of a book.
    ///
    /// # Errors
    /// As those of `AnalyzePortfolio`.
    pub(in crate::rpc) fn report(
        &self,
        pinned: &Pinned,
        prepared: &PreparedExposure,
        book: &Book,
    ) -> Result<Answer<v1::AnalyzePortfolioResponse>, Refusal> {
        self.0.analyze(pinned, Seen::only(prepared), book)
    }
}
