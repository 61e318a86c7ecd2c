//! The listed positions of a report.

use crate::{
    analyze::Request,
    beta::Beta,
    blocks::Block,
    classification::Classification,
    name::{NONE, NameRow},
    prepared::PreparedExposure,
    report::PositionRow,
    settings::{DRAWS, Listing},
    sizing::Sizing,
    stand_in::{StandIn, StandIns},
    tail_risk::{Tail, TailWeights},
    trades::Trade,
};
use factors::size_scheme::SchemeSize;
use marketdata::gap::Gap;
use portfolio::book::{Book, Holding, cost_mark};

/// What the rows of all positions share.
#[derive(Clone, Copy)]
struct Shown<'a> {
    prepared: &'a PreparedExposure,
    request: &'a Request<'a>,
    sizing: &'a Sizing<'a>,
    classification: &'a Classification<'a>,
    trades: &'a [&'a Trade<'a>],
    /// The first set of scenarios that could be made.
    tail: Option<&'a Tail>,
}

/// The rows of the positions listed, with their contributions to each set of scenarios.
pub(crate) fn list(
    prepared: &PreparedExposure,
    request: &Request<'_>,
    (sizing, classification, trades): (&Sizing<'_>, &Classification<'_>, &[&Trade<'_>]),
    (listed, tails): (&[&Holding], &[Result<Tail, Gap>]),
) -> Vec<PositionRow> {
    prepared.detail_all(listed.iter().map(|holding| holding.instrument));
    let tail = tails.iter().find_map(|tail| tail.as_ref().ok());
    let shown = Shown { prepared, request, sizing, classification, trades, tail };
    let row = |(at, holding): (usize, &&Holding)| {
        let of_set = |tail: &Result<Tail, Gap>| {
            let parts = tail.as_ref().map_or(&[][..], |tail| &tail.contributions);
            parts.iter().map(|part| part[at]).collect()
        };
        row(shown, holding, tails.iter().map(of_set).collect())
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
        let leg = trade.membership.leg(prepared, instrument, name, value);
        Some(leg).filter(|leg| *leg < trade.definition.legs.len())
    };
    trades.iter().map(leg).collect()
}

/// The positions to list, in order.
pub(crate) fn largest(book: &Book, listing: Listing) -> Vec<&Holding> {
    // The bits of non-negative doubles order like the doubles; holdings are in the order of names.
    let key = |(at, holding): (usize, &Holding)| (!holding.market_value.abs().to_bits(), at);
    let mut keys: Vec<(u64, usize)> = book.holdings.iter().enumerate().map(key).collect();
    if let Listing::Largest(count) = listing
        && count < keys.len()
    {
        keys.select_nth_unstable(count);
        keys.truncate(count);
    }
    keys.sort_unstable();
    keys.iter().map(|(_, at)| &book.holdings[*at]).collect()
}

fn row(shown: Shown<'_>, holding: &Holding, contributions: Vec<Vec<f64>>) -> PositionRow {
    let Shown { prepared, request, sizing, classification, trades, tail } = shown;
    let (book, instrument) = (request.book, holding.instrument);
    let (name, details) = (prepared.name(instrument), prepared.details(instrument));
    let company = prepared.size(instrument);
    let (fit, place) = (details.fit.as_ref(), classification.place(instrument, name));
    let bucket = |sized: SchemeSize| {
        Some((request.size_scheme.bands.get(sized.band)?.bucket_id.clone(), sized))
    };
    let mut lots = book.lots(holding).to_vec();
    lots.sort_unstable_by_key(|lot| lot.line);
    PositionRow {
        profit_and_loss: cost_mark(book.lots(holding))
            .filter(|_| request.blocks.has(Block::ProfitAndLoss))
            .map(|mark| mark.profit_and_loss),
        lots,
        instrument,
        symbol: prepared.snapshot.symbol(instrument).to_owned(),
        market_value: holding.market_value,
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
        later_sector_days: place.later_days,
        bucket: sizing.size(instrument).and_then(bucket),
        sector: classification.sectors.get(place.sector as usize).cloned(),
        market: details.market,
        size: details.size,
        crowd: details.crowd,
        up_market: fit.and_then(|fit| fit.up_market).map(Beta::unshrunk),
        up_market_observations: fit.map_or(0, |fit| fit.up_observations),
        observations: fit.map_or(0, |fit| fit.observations),
        dimson: fit.is_some_and(|fit| fit.dimson),
        proxied_sessions: tail.map(|tail| proxied_sessions(prepared, name, tail)),
        legs: legs(prepared, trades, holding),
        contributions,
    }
}

/// Number of sessions behind the scenarios on which a name has no return of its own.
fn proxied_sessions(prepared: &PreparedExposure, name: &NameRow, tail: &Tail) -> usize {
    match (name.row, name.absent) {
        (NONE, _) => tail.sessions.len(),
        (_, 0) => 0,
        (row, _) => {
            let is_absent = |at: &&usize| prepared.panel.own(row, **at).is_none();
            tail.sessions.iter().filter(is_absent).count()
        }
    }
}

/// The contributions of positions to a number over a set of scenarios.
pub(crate) fn contributions(
    prepared: &PreparedExposure,
    listed: &[&Holding],
    weights: &TailWeights,
    stand_ins: Option<&StandIns>,
) -> Vec<f64> {
    let weighted = weighted_returns(prepared, listed, weights, stand_ins);
    let part = |(holding, weighted): (&&Holding, f64)| 0.0 - weighted * holding.market_value;
    listed.iter().zip(weighted).map(part).collect()
}

/// The weighted returns of names: minus what one unit of value of each adds to a number over a set
/// of scenarios.
pub(crate) fn weighted_returns(
    prepared: &PreparedExposure,
    held: &[&Holding],
    weights: &TailWeights,
    stand_ins: Option<&StandIns>,
) -> Vec<f64> {
    let own = own_tail_returns(prepared, held, weights);
    let of = |(holding, own): (&&Holding, f64)| {
        tail_return(prepared, holding, (weights, stand_ins), own)
    };
    held.iter().zip(own).map(of).collect()
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
