//! Many books: one line each.

use crate::show::{
    evidence, number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{
    AnalyzePortfolioResponse, AnalyzePortfoliosResponse, CoverageAspect,
    analyze_portfolios_response::Outcome,
};

/// The books that were analysed, in the order given.
pub(crate) fn report(outcomes: &[AnalyzePortfoliosResponse]) -> Page {
    let mut table = Table::new(&[
        "book",
        ">gross",
        ">net",
        ">beta-adjusted net",
        ">beta to the trade",
        ">explained by it",
        ">value at risk",
        ">shortfall",
        ">priced",
    ]);
    for outcome in outcomes {
        if let Some(Outcome::Answer(answer)) = &outcome.outcome {
            table.row(row(&outcome.request_tag, answer));
        }
    }
    let mut page = Page::new();
    page.table("books", table);
    page
}

fn row(tag: &str, answer: &AnalyzePortfolioResponse) -> Vec<Cell> {
    let report = answer.report.as_ref();
    let total = report.and_then(|report| report.total);
    let trade = report.and_then(|report| report.trades.first());
    let beta = trade.and_then(|trade| trade.beta.as_ref()?.top_down);
    let loss = |at: usize| {
        let level = report.and_then(|report| report.risk_measures.get(at)?.levels.first());
        number::loss(level.map(|level| level.value), number::usd)
    };
    let coverage = evidence::coverage_of(answer.info.as_ref());
    let priced = evidence::aspect(coverage, CoverageAspect::Priced);
    vec![
        tag.into(),
        number::cell(total.map(|total| total.gross), number::usd),
        number::cell(total.map(|total| total.net), number::usd_signed),
        number::cell(total.map(|total| total.beta_adjusted_net), number::usd_signed),
        number::cell(beta.map(|beta| beta.value), number::usd_signed),
        number::cell(trade.and_then(|trade| trade.share_of_variance), number::share),
        loss(0),
        loss(1),
        number::cell(Some(priced.own + priced.proxied), number::share),
    ]
}
