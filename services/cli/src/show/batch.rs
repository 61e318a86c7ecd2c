//! Many books: one line each.

use crate::show::{
    book_row, evidence, number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{
    AnalyzePortfolioResponse, AnalyzePortfoliosResponse, CoverageAspect,
    analyze_portfolios_response::Outcome,
};

/// The books that were analysed, in the order given.
pub(crate) fn report(outcomes: &[AnalyzePortfoliosResponse]) -> Page {
    let headers = [&["book"][..], &book_row::HEADERS, &[">priced"]].concat();
    let mut table = Table::new(&headers);
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
    let coverage = evidence::coverage_of(answer.info.as_ref());
    let priced = evidence::aspect(coverage, CoverageAspect::Priced);
    let mut cells = vec![tag.into()];
    cells.extend(book_row::cells(answer.report.as_ref()));
    cells.push(number::cell(Some(priced.own + priced.proxied), number::share));
    cells
}
