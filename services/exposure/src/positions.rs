//! The listed positions of a report.

use crate::{
    analyze::Request, name::NONE, prepared::Prepared, report::PositionRow, settings::Listing, sums,
};
use marketdata::book::{Book, Holding};

/// Lists positions, the largest first, equal ones by name. `tail` are the sessions of the first
/// level of expected shortfall with their weights.
pub(crate) fn list(
    prepared: &Prepared,
    book: &Book,
    request: &Request<'_>,
    tail: &[(usize, f64)],
) -> Vec<PositionRow> {
    let count = match request.listing {
        Listing::All => book.holdings.len(),
        Listing::Largest(count) => count.min(book.holdings.len()),
    };
    if count == 0 {
        return Vec::new();
    }
    // Sizes of equal sign compare as their bits do; the index settles ties.
    let key = |(at, holding): (usize, &Holding)| (!holding.market_value.abs().to_bits(), at);
    let mut order: Vec<(u64, usize)> = book.holdings.iter().enumerate().map(key).collect();
    if count < order.len() {
        let (_, _, _) = order.select_nth_unstable(count);
        order.truncate(count);
    }
    order.sort_unstable();
    let start = prepared.sessions.len() - request.tail.window_sessions.min(prepared.sessions.len());
    order.iter().map(|(_, at)| row(prepared, book, &book.holdings[*at], tail, start)).collect()
}

fn row(
    prepared: &Prepared,
    book: &Book,
    holding: &Holding,
    tail: &[(usize, f64)],
    start: usize,
) -> PositionRow {
    let name = prepared.name(holding.instrument);
    let details = prepared.details(holding.instrument);
    let company = prepared.size(holding.instrument);
    let value = holding.market_value;
    let width = prepared.sessions.len();
    let has_row = name.row != NONE;
    let on = |session: usize| {
        if has_row {
            f64::from(prepared.panel.values[name.row as usize * width + session])
        } else {
            prepared.mapped(&name, session)
        }
    };
    let shortfall = tail.iter().map(|(session, weight)| weight * on(*session)).sum::<f64>();
    PositionRow {
        line: holding.line,
        instrument: holding.instrument,
        symbol: prepared.snapshot.symbol(holding.instrument).to_owned(),
        market_value: value,
        gross_share: if 0.0 < book.gross { value.abs() / book.gross } else { 0.0 },
        shares: holding.shares,
        price: holding.quote.map(|quote| quote.price),
        priced_on: holding.quote.map(|quote| quote.on),
        market_cap_usd: company.map(|company| company.market_cap_usd),
        market_cap_source: company.map(|company| company.line.source),
        market_cap_on: company.map(|company| company.line.described_on),
        market_cap_rank: company.map(|company| company.rank),
        size_bucket: name.bucket,
        sector: prepared.sectors.get(name.sector as usize).cloned(),
        market: details.market,
        size: details.size,
        crowd: details.crowd,
        up_market: details.fit.and_then(|f| f.up_market).map(|e| (e.value, e.standard_error)),
        up_market_observations: details.fit.map_or(0, |fit| fit.up_observations),
        observations: details.fit.map_or(0, |fit| fit.observations),
        dimson: details.fit.is_some_and(|fit| fit.dimson),
        proxied_sessions: match (has_row, name.absent) {
            (true, 0) => 0,
            (true, _) => prepared.panel.absent_since(name.row, start),
            (false, _) => width - start,
        },
        leg: sums::leg(&name, value),
        expected_shortfall: (!tail.is_empty()).then_some(0.0 - shortfall * value),
    }
}
