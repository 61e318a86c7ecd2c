//! What is doubtful about the lines that a caller's trade names.

use crate::{prepared::PreparedExposure, trades::Trade};
use factors::trade::LegDefinition;
use marketdata::gap::GapReason;
use portfolio::unresolved::Cause;
use std::collections::BTreeSet;

/// Why a name of a caller's trade stands for no single line, apart from being unknown.
pub(crate) fn fault(trade: &Trade<'_>, name: &str) -> Option<(GapReason, String)> {
    let cause = trade.lines?.get(name)?.as_ref().err()?;
    match cause {
        Cause::Ambiguous(_) | Cause::Disagree(_) => Some((cause.reason(), cause.why_unresolved())),
        Cause::UnknownInstrument(_)
        | Cause::NoPrice
        | Cause::UnknownUnits(_)
        | Cause::NoPriceOn(_)
        | Cause::NoRate(_)
        | Cause::OtherCurrency { .. }
        | Cause::Expired { .. }
        | Cause::UnknownUnitsOn(_) => None,
    }
}

/// The lines of a leg of a caller's trade that are named as they are called on other days.
pub(crate) fn of_other_days<'a>(
    prepared: &'a PreparedExposure,
    trade: &Trade<'a>,
    leg: &'a LegDefinition,
) -> impl Iterator<Item = String> + use<'a> {
    let lines = trade.lines;
    let names: BTreeSet<&String> = leg.line_names().collect();
    names.into_iter().filter_map(move |name| {
        let found = lines?.get(name.as_str())?.as_ref().ok()?;
        let symbol = prepared.snapshot().symbol(found.instrument);
        found.is_of_other_days.then(|| {
            format!("{name} is {symbol}, which is named so on other days than the as-of date only")
        })
    })
}
