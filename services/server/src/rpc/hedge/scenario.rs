//! The moves of the lines of a problem in a scenario: the P&L of a stress test of one unit of each.

use super::setting::Source;
use crate::rpc::{
    field::Fields,
    scenario::{
        Event,
        resolve::{self, Happens},
    },
};
use ::hedge::{desk::Desk, scenario::Moves};
use ::portfolio::{
    book::Book,
    currencies::{no_rate_growth, rate_growth},
    lines::Violation,
};
use marketdata::{gap::Gap, instrument::InstrumentId};
use std::collections::BTreeMap;
use stress::{hypothetical::hypothetical, replay::replay};

/// Expected returns by instrument, and in a replay what rates did to strikes; a gap for each currency of a
/// strike whose rate is unknown.
///
/// # Errors
/// Violations of the scenario, and what the view lacks for it; paths begin with `path`.
pub(super) fn moves(
    source: Source<'_>,
    (event, path): (&Event, &str),
    desk: &Desk<'_>,
    book: &Book,
) -> Result<(Moves, Vec<Gap>), Vec<Violation>> {
    let prepared = source.prepared;
    let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
    let units: BTreeMap<InstrumentId, f64> =
        desk.lines().iter().map(|line| (line.instrument, 1.0)).collect();
    let units: Vec<(InstrumentId, f64)> = units.into_iter().collect();
    let units = book.revalued(&units, (lookup, quotes));
    let view = Ok(source.view.clone());
    let (pnl, window): (Vec<f64>, _) = match resolve::found(event, path, lookup, &view)?.happens {
        Ok(Happens::Replay(start_on, end_on)) => {
            let report = replay(prepared, source.roles, &units, &[], (start_on, end_on));
            let Some(report) = report else {
                return Err(refused(path, "has no close of the market in its window"));
            };
            let pnl = report.positions.iter().map(|position| position.pnl).collect();
            (pnl, Some(report.ends()))
        }
        Ok(Happens::Hypothetical(known)) => match hypothetical(source.view, &units, &[], &known) {
            Ok(report) => (report.average.positions, None),
            Err(faults) => {
                let snapshot = source.pinned.snapshot();
                return Err(lacking(path, resolve::faults(faults, (path, true), snapshot)?));
            }
        },
        Err(gaps) => return Err(lacking(path, gaps)),
    };
    let returns = units.holdings.iter().map(|holding| holding.instrument).zip(pnl).collect();
    let Some(ends) = window else {
        return Ok((Moves { returns, rates: BTreeMap::new() }, Vec::new()));
    };
    let snapshot = source.pinned.snapshot();
    let growth = |currency| Some((currency, rate_growth(snapshot, currency, ends)?));
    let rates = desk.strike_currencies().into_iter().filter_map(growth).collect();
    let gaps = desk.fixed_strikes(book, |currency| no_rate_growth(snapshot, currency, ends));
    Ok((Moves { returns, rates }, gaps))
}

fn lacking(path: &str, gaps: Vec<Gap>) -> Vec<Violation> {
    let details: Vec<String> = gaps.into_iter().map(|gap| gap.detail).collect();
    refused(path, &format!("cannot be made on this view: {}", details.join("; ")))
}

fn refused(path: &str, description: &str) -> Vec<Violation> {
    let mut fields = Fields::new();
    fields.add(path, description);
    fields.into_violations()
}
