//! The listed positions of a report.

use crate::{
    analyze::Request,
    beta::Beta,
    blocks::Block,
    classification::Classification,
    name::NONE,
    prepared::PreparedExposure,
    report::PositionRow,
    settings::{DRAWS, Listing},
    sizing::Sizing,
    stand_in::{StandIn, StandIns},
    tail_risk::{Tail, TailWeights},
    trades::Trade,
};
use marketdata::gap::Gap;
use portfolio::book::{Book, Holding, cost_mark};

/// The rows of the positions listed, with their contributions to each set of scenarios.
pub(crate) fn list(
    prepared: &PreparedExposure,
    request: &Request<'_>,
    (sizing, classification, trades): (&Sizing<'_>, &Classification<'_>, &[&Trade<'_>]),
    (listed, tails): (&[&Holding], &[Result<Tail, Gap>]),
) -> Vec<PositionRow> {
    let book = request.book;
    prepared.detail_all(listed.iter().map(|holding| holding.instrument));
    let first = tails.iter().find_map(|tail| tail.as_ref().ok());
    let row = |(at, holding): (usize, &&Holding)| {
        let bucket = sizing.size(holding.instrument).and_then(|sized| {
            Some((request.size_scheme.bands.get(sized.band)?.bucket_id.clone(), sized))
        });
        let legs = legs(prepared, trades, holding);
        let name = prepared.name(holding.instrument);
        let sector = classification.sector(holding.instrument, &name).cloned();
        let later_sector_days = classification.place(holding.instrument, &name).later_days;
        let of_set = |tail: &Result<Tail, Gap>| {
            let parts = tail.as_ref().map_or(&[][..], |tail| &tail.contributions);
            parts.iter().map(|part| part[at]).collect()
        };
        let contributions = tails.iter().map(of_set).collect();
        let row = row(prepared, book, holding, first);
        let profit_and_loss = cost_mark(book.lots(holding))
            .filter(|_| request.blocks.has(Block::ProfitAndLoss))
            .map(|mark| mark.profit_and_loss);
        let row = PositionRow { profit_and_loss, ..row };
        PositionRow { bucket, sector, later_sector_days, legs, contributions, ..row }
    };
    listed.iter().enumerate().map(row).collect()
}

/// The leg of a holding in each trade; `None` if it is in none.
fn legs(
    prepared: &PreparedExposure,
    trades: &[&Trade<'_>],
    holding: &Holding,
) -> Vec<Option<usize>> {
    let name = prepared.name(holding.instrument);
    let leg = |trade: &&Trade<'_>| {
        let (instrument, value) = (holding.instrument, holding.market_value);
        let leg = trade.membership.leg(prepared, instrument, &name, value);
        Some(leg).filter(|leg| *leg < trade.definition.legs.len())
    };
    trades.iter().map(leg).collect()
}

/// The positions to list, in order.
pub(crate) fn largest(book: &Book, listing: Listing) -> Vec<&Holding> {
    let count = match listing {
        Listing::All => book.holdings.len(),
        Listing::Largest(count) => count.min(book.holdings.len()),
    };
    // The bits of non-negative doubles order like the doubles.
    let key = |holding: &Holding| !holding.market_value.abs().to_bits();
    let Some(last) = count.checked_sub(1) else { return Vec::new() };
    let mut keys: Vec<u64> = book.holdings.iter().map(key).collect();
    let (_, bound, _) = keys.select_nth_unstable(last);
    let bound = *bound;
    let mut listed: Vec<&Holding> =
        book.holdings.iter().filter(|holding| key(holding) <= bound).collect();
    // Holdings are in the order of names and the sort is stable.
    listed.sort_by_key(|holding| key(holding));
    listed.truncate(count);
    listed
}

/// `tail` is the first set of scenarios.
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
    let mut lots = book.lots(holding).to_vec();
    lots.sort_unstable_by_key(|lot| lot.line);
    PositionRow {
        lots,
        profit_and_loss: None,
        instrument: holding.instrument,
        symbol: prepared.snapshot.symbol(holding.instrument).to_owned(),
        market_value: value,
        gross: holding.gross(),
        gross_share: if 0.0 < book.gross { holding.gross() / book.gross } else { 0.0 },
        shares: holding.shares,
        price: holding.quote.map(|quote| quote.price),
        priced_on: holding.quote.map(|quote| quote.on),
        market_cap_usd: company.map(|company| company.market_cap_usd),
        market_cap_source: company.map(|company| company.line.source),
        market_cap_on: company.map(|company| company.line.described_on),
        market_cap_rank: company.map(|company| company.rank),
        later_size_days: name.later_size_days,
        later_sector_days: None,
        bucket: None,
        sector: None,
        market: details.market,
        size: details.size,
        crowd: details.crowd,
        up_market: details.fit.and_then(|fit| fit.up_market).map(Beta::unshrunk),
        up_market_observations: details.fit.map_or(0, |fit| fit.up_observations),
        observations: details.fit.map_or(0, |fit| fit.observations),
        dimson: details.fit.is_some_and(|fit| fit.dimson),
        proxied_sessions: tail.map_or(0, |tail| match (name.row, name.absent) {
            (NONE, _) => tail.sessions.len(),
            (_, 0) => 0,
            (row, _) => {
                let is_absent = |at: &&usize| prepared.panel.own(row, **at).is_none();
                tail.sessions.iter().filter(is_absent).count()
            }
        }),
        legs: Vec::new(),
        contributions: Vec::new(),
    }
}

/// The contributions of positions to a number over a set of scenarios.
pub(crate) fn contributions(
    prepared: &PreparedExposure,
    listed: &[&Holding],
    weights: &TailWeights,
    stand_ins: Option<&StandIns>,
) -> Vec<f64> {
    let own = own_tail_returns(prepared, listed, weights);
    let of = |(holding, own): (&&Holding, f64)| {
        let weighted = tail_return(prepared, holding, (weights, stand_ins), own);
        0.0 - weighted * holding.market_value
    };
    listed.iter().zip(own).map(of).collect()
}

/// Number of names summed side by side, because each addition waits for the one before and each
/// return for memory.
const SIDE_BY_SIDE: usize = 8;

/// The tail-weighted sum of each name's own returns.
fn own_tail_returns(
    prepared: &PreparedExposure,
    listed: &[&Holding],
    tail: &TailWeights,
) -> Vec<f64> {
    let panel = &prepared.panel;
    let row = |(at, holding): (usize, &&Holding)| {
        let row = prepared.name(holding.instrument).row;
        (row != NONE).then(|| (at, panel.row(row)))
    };
    let rows: Vec<(usize, &[f32])> = listed.iter().enumerate().filter_map(row).collect();
    let (groups, rest) = rows.as_chunks::<SIDE_BY_SIDE>();
    let mut sums = vec![0.0; listed.len()];
    let mut put = |group: &[(usize, &[f32])], values: &[f64]| {
        group.iter().zip(values).for_each(|((at, _), value)| sums[*at] = *value);
    };
    for group in groups {
        put(group, &weighted(group.map(|(_, row)| row), &tail.own));
    }
    for one in rest {
        put(&[*one], &weighted([one.1], &tail.own));
    }
    sums
}

/// Σ weight·return of each row over sessions.
fn weighted<const N: usize>(rows: [&[f32]; N], weights: &[(usize, f64)]) -> [f64; N] {
    let mut sums = [0.0; N];
    for (session, weight) in weights {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum += weight * f64::from(row[*session]);
        }
    }
    sums
}

/// A name's weighted return over the tail: the sum over its own returns, plus that over its
/// stand-ins.
fn tail_return(
    prepared: &PreparedExposure,
    holding: &Holding,
    (weights, stand_ins): (&TailWeights, Option<&StandIns>),
    own: f64,
) -> f64 {
    let mut sum = own;
    let stretches = stand_ins.and_then(|all| all.stretches.get(&holding.instrument));
    let Some(stretches) = stretches else { return sum };
    let stand_in = StandIn::of(prepared, holding.instrument);
    for stretch in stretches {
        for session in stretch.sessions() {
            let Some(by_draw) = weights.by_draw(session) else { continue };
            let mapped = stand_in.mapped(session);
            for (draw, weight) in
                by_draw.iter().enumerate().filter(|(_, weight)| 0.0 < weight.abs())
            {
                let residual = |rows: &[u32; DRAWS]| stand_in.residual(rows[draw], session);
                sum += weight * (mapped + stretch.rows.as_ref().map_or(0.0, residual));
            }
        }
    }
    sum
}
