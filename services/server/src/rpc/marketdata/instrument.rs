//! Finds the instrument that a request for market data names.

use crate::refusal::{Kind, Refusal};
use ::portfolio::{
    identifier::InstrumentRef,
    resolve::{self, Found},
    unresolved::Cause,
};
use marketdata::{
    dataset::{Dataset, Field},
    gap::{Gap, GapReason, Subject},
    instrument::{Instrument, InstrumentId, Namespace},
    snapshot::Snapshot,
    symbol::Symbol,
};

/// The instrument or series of a reference, with a gap if it is called otherwise on the day. A
/// listed line and a series may share a name: the one that has rows of the dataset is meant.
pub(in crate::rpc) fn subject(
    snapshot: &Snapshot,
    dataset: Dataset,
    reference: &InstrumentRef<&str>,
) -> Result<(InstrumentId, Option<Gap>), Refusal> {
    let series = snapshot.series_id(reference.symbol).filter(|_| reference.is_symbol_only());
    let listed = match dataset {
        // The merges of an instrument are its own, not its survivor's.
        Dataset::Merges if reference.is_symbol_only() => as_stored(snapshot, reference),
        _ => resolve::find(snapshot, reference),
    };
    let has_rows = |id: InstrumentId| !snapshot.rows(dataset, id).is_empty();
    match (series, listed) {
        (Some(id), _) if has_rows(id) => Ok((id, None)),
        (_, Ok(found)) => Ok((found.instrument, other_days(snapshot, found, reference))),
        (Some(id), Err(_)) => Ok((id, None)),
        (None, Err(cause)) => Err(not_one(&cause, reference)),
    }
}

fn as_stored(snapshot: &Snapshot, reference: &InstrumentRef<&str>) -> Result<Found, Cause> {
    let (instrument, _) = stored_under(snapshot, reference.symbol)
        .ok_or_else(|| Cause::UnknownInstrument(reference.described()))?;
    Ok(Found { instrument, is_of_other_days: false })
}

pub(in crate::rpc) fn other_days(
    snapshot: &Snapshot,
    found: Found,
    reference: &InstrumentRef<&str>,
) -> Option<Gap> {
    if !found.is_of_other_days {
        return None;
    }
    let (given, symbol) = (reference.described(), snapshot.symbol(found.instrument));
    let detail = format!("{symbol} has the {given} on other days than the as-of date only");
    Some(Gap::new(GapReason::NameOfOtherDays, Subject::symbol(reference.name()), detail))
}

fn not_one(cause: &Cause, reference: &InstrumentRef<&str>) -> Refusal {
    let why = cause.why_unresolved();
    match cause.reason() {
        GapReason::AmbiguousInstrument => Refusal::Ambiguous(why),
        GapReason::IdentifiersDisagree => Refusal::Disagree(why),
        _ => {
            let name = reference.name().to_owned();
            Refusal::Unknown { kind: Kind::Instrument, name, known: Vec::new() }
        }
    }
}

/// Whether an instrument has everything that a reference gives, on any day.
pub(super) fn has_ever(
    snapshot: &Snapshot,
    instrument: &Instrument,
    reference: &InstrumentRef<&str>,
) -> bool {
    if *reference == InstrumentRef::NONE {
        return true;
    }
    let is_named = || match Symbol::listed(reference.symbol) {
        Ok(symbol) => {
            let had = |id| snapshot.namings(id).iter().any(|naming| naming.symbol == symbol);
            let merged = snapshot.merged_into(instrument.id).into_iter();
            instrument.namespace == Namespace::Listed
                && (had(instrument.id) || merged.map(|(id, _)| id).any(had))
        }
        Err(_) => reference.symbol.is_empty(),
    };
    let identities = snapshot.identities(instrument.id);
    let has = |field: Field, text: &str| {
        identities.iter().any(|identity| identity.field == field && identity.text == text)
    };
    is_named()
        && reference.identifiers().all(|(scheme, text)| has(scheme.field(), text))
        && (reference.mic.is_empty() || has(Field::Mic, reference.mic))
}

/// The listed instrument with a symbol, even if it is merged, and the symbol's usual spelling.
fn stored_under(snapshot: &Snapshot, symbol: &str) -> Option<(InstrumentId, String)> {
    let symbol = Symbol::listed(symbol).ok()?;
    Some((snapshot.stored_under(Namespace::Listed, &symbol)?, symbol.to_string()))
}

/// A symbol, if it belongs to an instrument that is merged into this one.
pub(super) fn merged_symbol(snapshot: &Snapshot, symbol: &str, survivor: InstrumentId) -> String {
    let stored = stored_under(snapshot, symbol);
    let merged = stored.filter(|(id, _)| *id != survivor && snapshot.survivor(*id) == survivor);
    merged.map_or_else(String::new, |(_, symbol)| symbol)
}
