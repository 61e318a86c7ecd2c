//! The listed positions of a report.

use crate::{
    beta::Beta,
    blocks::Block,
    classification::Classification,
    name::{NONE, NameRow},
    prepared::PreparedExposure,
    report::PositionRow,
    request::Request,
    sizing::Sizing,
    tail_risk::Tail,
    trades::Trade,
};
use factors::size_scheme::SchemeSize;
use marketdata::gap::Gap;
use portfolio::book::{Holding, cost_mark};

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
        let leg = trade.membership.leg(prepared.standard_sizes(), instrument, name, value);
        Some(leg).filter(|leg| *leg < trade.definition.legs.len())
    };
    trades.iter().map(leg).collect()
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
