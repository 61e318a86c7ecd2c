//! The returns of the lines of a problem in a scenario: the P&L of a stress test of one unit of each.

use super::setting::Source;
use crate::rpc::{
    field::Fields,
    scenario::{
        Event,
        resolve::{self, Happens},
    },
};
use ::hedge::desk::Desk;
use ::portfolio::{book::Book, lines::Violation};
use marketdata::{gap::Gap, instrument::InstrumentId};
use std::collections::BTreeMap;
use stress::{hypothetical::hypothetical, replay::replay};

/// Expected returns by instrument.
///
/// # Errors
/// Violations of the scenario, and what the view lacks for it; paths begin with `path`.
pub(super) fn returns(
    source: Source<'_>,
    (event, path): (&Event, &str),
    desk: &Desk<'_>,
    book: &Book,
) -> Result<Vec<(InstrumentId, f64)>, Vec<Violation>> {
    let prepared = source.prepared;
    let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
    let units: BTreeMap<InstrumentId, f64> =
        desk.lines().iter().map(|line| (line.instrument, 1.0)).collect();
    let units: Vec<(InstrumentId, f64)> = units.into_iter().collect();
    let units = book.revalued(&units, (lookup, quotes));
    let view = Ok(source.view.clone());
    let pnl: Vec<f64> = match resolve::found(event, path, lookup, &view)?.happens {
        Ok(Happens::Replay(start_on, end_on)) => {
            let report = replay(prepared, source.roles, &units, &[], (start_on, end_on));
            let Some(report) = report else {
                return Err(refused(path, "has no close of the market in its window"));
            };
            report.positions.iter().map(|position| position.pnl).collect()
        }
        Ok(Happens::Hypothetical(known)) => match hypothetical(source.view, &units, &[], &known) {
            Ok(report) => report.average.positions,
            Err(faults) => {
                let snapshot = source.pinned.snapshot();
                return Err(lacking(path, resolve::faults(faults, (path, true), snapshot)?));
            }
        },
        Err(gaps) => return Err(lacking(path, gaps)),
    };
    Ok(units.holdings.iter().map(|holding| holding.instrument).zip(pnl).collect())
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
