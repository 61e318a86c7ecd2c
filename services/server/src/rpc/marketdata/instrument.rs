//! Finds the instrument that a request for market data names.

use crate::refusal::{Kind, Refusal};
use ::portfolio::{
    identifier::InstrumentRef,
    resolve::{self, Found},
    unresolved::Cause,
};
use marketdata::{
    dataset::{Dataset, Field},
    gap::{Gap, GapReason},
    instrument::{Instrument, InstrumentId, Namespace},
    snapshot::Snapshot,
    symbol::Symbol,
};

/// The instrument or series of a reference, with a gap if it is called otherwise on the day. A
/// listed line and a series may share a name: the one that has rows of the dataset is meant.
pub(super) fn subject(
    snapshot: &Snapshot,
    dataset: Dataset,
    reference: &InstrumentRef<&str>,
) -> Result<(InstrumentId, Option<Gap>), Refusal> {
    let series = snapshot.series_id(reference.symbol).filter(|_| reference.is_symbol_only());
    let listed = resolve::find(snapshot, reference);
    let has_rows = |id: InstrumentId| !snapshot.rows(dataset, id).is_empty();
    match (series, listed) {
        (Some(id), _) if has_rows(id) => Ok((id, None)),
        (_, Ok(found)) => Ok((found.instrument, other_days(snapshot, found, reference))),
        (Some(id), Err(_)) => Ok((id, None)),
        (None, Err(cause)) => Err(not_one(cause, reference)),
    }
}

fn other_days(snapshot: &Snapshot, found: Found, reference: &InstrumentRef<&str>) -> Option<Gap> {
    if !found.is_of_other_days {
        return None;
    }
    let (given, symbol) = (reference.described(), snapshot.symbol(found.instrument));
    let detail = format!("{symbol} has the {given} on other days than the as-of date only");
    Some(Gap::new(GapReason::NameOfOtherDays, reference.name(), detail))
}

fn not_one(cause: Cause, reference: &InstrumentRef<&str>) -> Refusal {
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
            let namings = snapshot.namings(instrument.id);
            instrument.namespace == Namespace::Listed
                && namings.iter().any(|naming| naming.symbol == symbol)
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
