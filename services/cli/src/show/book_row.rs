//! The columns that a table of books or of sessions shows of each report.

use crate::show::{number, table::Cell};
use contract::v1::ExposureReport;

/// The headers of the columns.
pub(crate) const HEADERS: [&str; 7] = [
    ">gross",
    ">net",
    ">beta-adjusted net",
    ">beta to the trade",
    ">explained by it",
    ">value at risk",
    ">shortfall",
];

/// The cells of a report. The trade is the first one, the losses are the first levels of the first two
/// risk measures.
pub(crate) fn cells(report: Option<&ExposureReport>) -> [Cell; HEADERS.len()] {
    let total = report.and_then(|report| report.total);
    let trade = report.and_then(|report| report.trades.first());
    let beta = trade.and_then(|trade| trade.beta.as_ref()?.top_down);
    let loss = |at: usize| {
        let level = report.and_then(|report| report.risk_measures.get(at)?.levels.first());
        number::loss(level.map(|level| level.value), number::money)
    };
    [
        number::cell(total.map(|total| total.gross), number::money),
        number::cell(total.map(|total| total.net), number::money_signed),
        number::cell(total.and_then(|total| total.beta_adjusted_net), number::money_signed),
        number::cell(beta.map(|beta| beta.value), number::money_signed),
        number::cell(trade.and_then(|trade| trade.share_of_variance), number::share),
        loss(0),
        loss(1),
    ]
}
