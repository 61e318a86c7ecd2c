//! A book looked through its funds: the names behind them, and what could not be seen.

use crate::{
    blocks::Block,
    groups::Groups,
    prepared::PreparedExposure,
    report::{ExposureReport, LookedThroughBook, SeenName},
    request::Request,
    settings::Listing,
};
use factors::{
    fund_line::FundLine,
    look_through::{FundView, Part, look_through},
};
use marketdata::{day::Day, gap::Gap, instrument::InstrumentId};
use portfolio::book::{Book, Holding};

/// The parts of a book in the view that is asked for, in the order of names.
pub(crate) fn parts(prepared: &PreparedExposure, book: &Book, view: FundView) -> Vec<Part> {
    let rank = |id| prepared.lookup().rank(id);
    look_through(lines(book), prepared.funds(), view, rank)
}

/// The lines of a book.
pub(crate) fn lines(book: &Book) -> impl Iterator<Item = Part> {
    let line = |held: &Holding| Part::line(held.instrument, held.market_value, held.boxed);
    book.holdings.iter().map(line)
}

/// What a report says of a look through funds. `groups` are those of the parts.
pub(crate) fn report(
    prepared: &PreparedExposure,
    request: &Request<'_>,
    (parts, groups): (&[Part], &Groups),
) -> LookedThroughBook {
    let funds = fund_lines(prepared, request.book);
    let listing =
        if request.blocks.has(Block::Positions) { request.listing } else { Listing::Largest(0) };
    LookedThroughBook {
        exposure: groups.total,
        rest_gross: funds.iter().map(FundLine::rest_gross).sum(),
        funds,
        names: largest(parts, listing).iter().map(|part| seen(prepared, part)).collect(),
    }
}

/// The holdings of a book that are funds.
fn fund_lines(prepared: &PreparedExposure, book: &Book) -> Vec<FundLine> {
    let (snapshot, kinds) = (prepared.snapshot(), prepared.sizes().kinds());
    let line = |holding: &Holding| {
        let fund = prepared.funds().get(holding.instrument);
        let is_fund = fund.is_some() || kinds.is_fund(snapshot, holding.instrument);
        is_fund.then(|| FundLine {
            symbol: snapshot.symbol(holding.instrument).to_owned(),
            market_value: holding.market_value,
            gross: holding.gross(),
            facts: fund.map(|fund| fund.facts),
        })
    };
    book.holdings.iter().filter_map(line).collect()
}

/// The parts to list, the largest gross first, then in the order of names.
fn largest(parts: &[Part], listing: Listing) -> Vec<Part> {
    let mut largest = parts.to_vec();
    // The bits of non-negative doubles order like the doubles.
    largest.sort_by_key(|part| !part.gross().to_bits());
    if let Listing::Largest(count) = listing {
        largest.truncate(count);
    }
    largest
}

fn seen(prepared: &PreparedExposure, part: &Part) -> SeenName {
    let price = prepared.quotes().get(part.instrument).map(|quote| quote.price);
    SeenName {
        symbol: prepared.snapshot().symbol(part.instrument).to_owned(),
        part: *part,
        shares: price.map(|price| part.market_value / price),
    }
}

/// What could not be seen through, as shares of the gross of the lines.
pub(crate) fn gaps(today: Day, report: &ExposureReport, gross: f64) -> Vec<Gap> {
    let funds = report.look_through.iter().flat_map(|seen| &seen.funds);
    funds.flat_map(|fund| fund.gaps(today, gross)).collect()
}

/// The names that the funds of a book hold.
pub(crate) fn members<'a>(
    prepared: &'a PreparedExposure,
    book: &'a Book,
) -> impl Iterator<Item = InstrumentId> + 'a {
    let funds = book.holdings.iter().filter_map(|held| prepared.funds().get(held.instrument));
    funds.flat_map(|fund| fund.members.iter().map(|(member, _)| *member))
}
