//! The listed positions of a report.

use crate::{
    analyze::Request,
    name::NONE,
    prepared::PreparedExposure,
    report::PositionRow,
    settings::{DRAWS, Listing},
    stand_in::StandIn,
    sums,
    tail_risk::Tail,
};
use portfolio::book::{Book, Holding};

/// Lists positions, the largest first, equal ones by name. `tail` is the first level of expected
/// shortfall.
pub(crate) fn list(
    prepared: &PreparedExposure,
    book: &Book,
    request: &Request<'_>,
    tail: Option<&Tail>,
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
    order.iter().map(|(_, at)| row(prepared, book, &book.holdings[*at], tail)).collect()
}

fn row(
    prepared: &PreparedExposure,
    book: &Book,
    holding: &Holding,
    tail: Option<&Tail>,
) -> PositionRow {
    let name = prepared.name(holding.instrument);
    let details = prepared.details(holding.instrument);
    let company = prepared.size(holding.instrument);
    let value = holding.market_value;
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
        proxied_sessions: tail.map_or(0, |tail| match (name.row, name.absent) {
            (NONE, _) => tail.first_level.sessions.len(),
            (_, 0) => 0,
            (row, _) => {
                let is_absent = |at: &&usize| prepared.panel.own(row, **at).is_none();
                tail.first_level.sessions.iter().filter(is_absent).count()
            }
        }),
        leg: sums::leg(&name, value),
        expected_shortfall: tail.map(|tail| 0.0 - tail_return(prepared, holding, tail) * value),
    }
}

/// A name's weighted return over the tail, what stands in for absent returns included.
fn tail_return(prepared: &PreparedExposure, holding: &Holding, tail: &Tail) -> f64 {
    let (name, weights) = (prepared.name(holding.instrument), &tail.first_level);
    let own = |(session, weight): &(usize, f64)| weight * prepared.panel.at(name.row, *session);
    let mut sum = match name.row {
        NONE => 0.0,
        _ => weights.own.iter().map(own).sum::<f64>(),
    };
    let stretches = tail.stand_ins.as_ref().and_then(|all| all.stretches.get(&holding.instrument));
    let Some(stretches) = stretches else { return sum };
    let stand_in = StandIn::of(prepared, holding.instrument);
    for stretch in stretches {
        for session in stretch.sessions() {
            let Some(by_draw) = weights.by_draw(session) else { continue };
            let mapped = stand_in.mapped(session);
            for (draw, weight) in by_draw.iter().enumerate().filter(|(_, weight)| 0.0 < **weight) {
                let residual = |rows: &[u32; DRAWS]| stand_in.residual(rows[draw], session);
                sum += weight * (mapped + stretch.rows.as_ref().map_or(0.0, residual));
            }
        }
    }
    sum
}
