//! A scenario and a squeeze of the book's own shorts: which shorts, and by how much, is what squeeze
//! knows; what both make is what stress knows.

use super::{repriced::Rates, setup::Setup};
use crate::rpc::scenario::{Squeeze, resolve::chosen};
use ::portfolio::lines::Violation;
use contract::v1;
use factors::squeeze_threshold::squeeze_threshold;
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use portfolio::book::Holding;
use squeeze::{
    heavy::is_heavily_short, measure::Measured, name::SqueezeName, prepared::PreparedSqueeze,
};
use stress::squeeze::{SqueezedName, combined, from_today, shorts};

/// P&L by holding, and that without what options make beyond their deltas.
type Made = (Vec<f64>, Vec<f64>);

/// Adds a squeeze to the P&L by holding of a scenario, and returns both together by holding.
///
/// # Errors
/// Every violation that shows on the view only; paths begin with `path`.
pub(super) fn add(
    setup: &Setup,
    (squeeze, path): (&Squeeze, &str),
    (by_holding, rates): (&[f64], Rates),
    gaps: &mut Vec<Gap>,
) -> Result<(v1::SqueezedPnl, Made), Vec<Violation>> {
    let names = chosen(squeeze, path, setup.exposure.lookup())?;
    let snapshot = setup.exposure.snapshot();
    let symbol = |id: InstrumentId| snapshot.symbol(id).to_owned();
    let mut squeezed = Vec::new();
    if let Some(prepared) = setup.views.squeeze.as_deref() {
        for (instrument, jump) in jumps(setup, prepared, (squeeze, names)) {
            match jump {
                Ok(jump) => squeezed.push(SqueezedName { instrument, jump }),
                Err(reason) => {
                    let detail = "no volatility, so no squeeze threshold: it is not squeezed";
                    gaps.push(Gap::new(reason, Subject::Symbol(symbol(instrument)), detail));
                }
            }
        }
    }
    // Jumps are in range and names appear once, by now.
    let growth = |currency| rates.growth(setup, currency);
    let Ok(both) = combined(&setup.book, by_holding, &squeezed, &growth) else {
        return Ok((v1::SqueezedPnl::default(), (by_holding.to_vec(), by_holding.to_vec())));
    };
    gaps.extend(both.not_short.iter().map(|id| {
        let detail = "the book is not short of it: its squeeze adds nothing";
        Gap::new(GapReason::InputMissing, Subject::Symbol(symbol(*id)), detail)
    }));
    let pnl = |id: InstrumentId| {
        let at = setup.book.holdings.iter().position(|holding| holding.instrument == id);
        at.map_or(0.0, |at| both.positions[at])
    };
    let hit = squeezed.iter().filter(|name| !both.not_short.contains(&name.instrument));
    let row = |name: &SqueezedName| v1::SqueezedPosition {
        symbol: symbol(name.instrument),
        jump: name.jump,
        pnl: pnl(name.instrument),
    };
    let mut positions: Vec<v1::SqueezedPosition> = hit.map(row).collect();
    positions.sort_by(|a, b| a.pnl.total_cmp(&b.pnl).then_with(|| a.symbol.cmp(&b.symbol)));
    let (pnl, squeeze_pnl) = (both.pnl, both.squeeze_pnl);
    Ok((v1::SqueezedPnl { pnl, squeeze_pnl, positions }, (both.positions, both.first_order)))
}

/// The shorts of a squeeze, each with its jump or why it has none.
fn jumps(
    setup: &Setup,
    prepared: &PreparedSqueeze,
    (squeeze, names): (&Squeeze, Vec<(InstrumentId, Option<f64>)>),
) -> Vec<(InstrumentId, Measured)> {
    let (book, universe) = (&setup.book, &prepared.universe);
    let threshold = |id: InstrumentId| -> Measured {
        let threshold = |name: &SqueezeName| name.volatility().map(squeeze_threshold);
        match universe.place(id) {
            Some(place) => threshold(&universe.names()[place]),
            None => threshold(&universe.outside(id)),
        }
    };
    let of = |short: &Holding| (short.instrument, threshold(short.instrument));
    match squeeze {
        Squeeze::Costliest(count) => {
            // Of those without a threshold nothing is known but that they are short.
            let pnl = |short: &Holding| {
                threshold(short.instrument).map_or(0.0, |jump| from_today(book, short, jump))
            };
            let shorts = shorts(book).map(|short| (pnl(short), short));
            let mut costly: Vec<(f64, &Holding)> = shorts.filter(|(pnl, _)| *pnl <= 0.0).collect();
            let symbol = |short: &Holding| setup.exposure.snapshot().symbol(short.instrument);
            costly.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| symbol(a.1).cmp(symbol(b.1))));
            costly.into_iter().take(*count).map(|(_, short)| of(short)).collect()
        }
        Squeeze::Crowded => {
            let is_crowded = |short: &&Holding| {
                let place = universe.place(short.instrument);
                place.is_some_and(|place| is_heavily_short(&universe.names()[place]))
            };
            shorts(book).filter(is_crowded).map(of).collect()
        }
        Squeeze::Chosen(_) => {
            let of_name = |(id, jump): (InstrumentId, Option<f64>)| {
                (id, jump.map_or_else(|| threshold(id), Ok))
            };
            names.into_iter().map(of_name).collect()
        }
    }
}
