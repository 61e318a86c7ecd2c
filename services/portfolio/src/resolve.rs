//! From the identifiers of a line to its instrument: all that are given must agree.
//!
//! Each identifier stands for the lines that have it on the view's day, or, if none has it then, for
//! those that have it on any other day; the second is reported. The instrument is the one line that
//! all of them stand for, and a market chooses between lines that share them. An identifier that
//! the security master does not have cannot be compared; if the line found has another one of that
//! scheme, the two disagree.

use crate::{identifier::InstrumentRef, registry::Registry, unresolved::Cause};
use marketdata::{
    dataset::Field,
    day::Day,
    identifier::Scheme,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
    symbol::Symbol,
};

/// Maximum number of lines that a message names.
const NAMED_MAX: usize = 10;

/// The instrument of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Whether it has one of the names given on other days only.
    pub is_of_other_days: bool,
}

/// One identifier that is given, and what it stands for.
#[derive(Debug)]
struct Given<'a> {
    field: &'static str,
    text: &'a str,
    scheme: Option<Scheme>,
    /// By id; empty if unknown.
    lines: Vec<InstrumentId>,
    is_of_other_days: bool,
}

/// Finds the instrument of a reference without a prepared table, for single questions.
///
/// # Errors
/// Why there is no instrument, or more than one.
pub fn find(snapshot: &Snapshot, reference: &InstrumentRef<&str>) -> Result<Found, Cause> {
    let registry = match reference.is_identified() {
        true => Registry::of(snapshot),
        false => Registry::empty(),
    };
    let symbol = Symbol::listed(reference.symbol).ok();
    let named = symbol.and_then(|symbol| named(snapshot, &symbol));
    resolve(snapshot, &registry, named, reference)
}

/// The instrument with a symbol on the view's day, else the last one that had it.
pub(crate) fn named(snapshot: &Snapshot, symbol: &Symbol) -> Option<Found> {
    let today = snapshot.resolve_today(Namespace::Listed, symbol);
    let found = today.or_else(|| snapshot.resolve(Namespace::Listed, symbol));
    found.map(|instrument| Found { instrument, is_of_other_days: today.is_none() })
}

/// Finds the instrument of a reference; `named` is the one of its symbol.
///
/// # Errors
/// Why there is no instrument, or more than one.
pub(crate) fn resolve(
    snapshot: &Snapshot,
    registry: &Registry,
    named: Option<Found>,
    reference: &InstrumentRef<&str>,
) -> Result<Found, Cause> {
    let given = given(snapshot, registry, named, reference);
    let Some(first) = given.iter().find(|given| !given.lines.is_empty()) else {
        return Err(Cause::UnknownInstrument(reference.described()));
    };
    let mut lines = first.lines.clone();
    for other in given.iter().filter(|given| !given.lines.is_empty()) {
        let common: Vec<InstrumentId> =
            lines.iter().copied().filter(|line| other.lines.binary_search(line).is_ok()).collect();
        if common.is_empty() {
            return Err(disagreement(snapshot, &given));
        }
        lines = common;
    }
    let instrument = at_market(snapshot, lines, reference)?;
    if let Some(fault) = given.iter().find_map(|one| contradiction(snapshot, instrument, one)) {
        return Err(Cause::Disagree(fault));
    }
    let is_of_other_days = given.iter().any(|given| given.is_of_other_days);
    Ok(Found { instrument, is_of_other_days })
}

fn given<'a>(
    snapshot: &Snapshot,
    registry: &Registry,
    named: Option<Found>,
    reference: &InstrumentRef<&'a str>,
) -> Vec<Given<'a>> {
    let mut all = Vec::new();
    if !reference.symbol.is_empty() {
        all.push(Given {
            field: "symbol",
            text: reference.symbol,
            scheme: None,
            lines: named.iter().map(|found| found.instrument).collect(),
            is_of_other_days: named.is_some_and(|found| found.is_of_other_days),
        });
    }
    let today = snapshot.today();
    for (scheme, text) in reference.identifiers() {
        let carriers = registry.carriers(scheme, text);
        let holds = |from: Day, until: Day| from <= today && today < until;
        let is_held = carriers.iter().any(|carrier| holds(carrier.from, carrier.until));
        let meant = carriers.iter().filter(|c| !is_held || holds(c.from, c.until));
        let mut lines: Vec<InstrumentId> = meant.map(|carrier| carrier.instrument).collect();
        lines.sort_unstable();
        lines.dedup();
        let is_of_other_days = !is_held && !lines.is_empty();
        all.push(Given {
            field: scheme.name(),
            text,
            scheme: Some(scheme),
            lines,
            is_of_other_days,
        });
    }
    all
}

/// Names what each identifier stands for.
fn disagreement(snapshot: &Snapshot, given: &[Given<'_>]) -> Cause {
    let known = given.iter().filter(|given| !given.lines.is_empty());
    let parts = known.map(|given| {
        format!("{} {} is {}", given.field, given.text, names(snapshot, &given.lines))
    });
    Cause::Disagree(parts.collect::<Vec<String>>().join(", "))
}

/// The one line of several at the market given; the market of a single line is compared.
fn at_market(
    snapshot: &Snapshot,
    mut lines: Vec<InstrumentId>,
    reference: &InstrumentRef<&str>,
) -> Result<InstrumentId, Cause> {
    if !reference.mic.is_empty() {
        let is_elsewhere = |line: &InstrumentId| {
            text_of(snapshot, *line, Field::Mic).is_some_and(|mic| mic != reference.mic)
        };
        if lines.iter().all(is_elsewhere) {
            let found = names(snapshot, &lines);
            return Err(Cause::Disagree(format!("{} is {found}", reference.described())));
        }
        lines.retain(|line| !is_elsewhere(line));
    }
    match lines[..] {
        [line] => Ok(line),
        _ => {
            let found = names(snapshot, &lines);
            Err(Cause::Ambiguous(format!("{} may be {found}", reference.described())))
        }
    }
}

/// What is wrong if a line has another identifier than an unknown one that is given for it.
fn contradiction(snapshot: &Snapshot, line: InstrumentId, given: &Given<'_>) -> Option<String> {
    if !given.lines.is_empty() {
        return None;
    }
    let Given { field, text, .. } = given;
    let known = match given.scheme {
        Some(scheme) => text_of(snapshot, line, scheme.field())?,
        None => snapshot.symbol(line),
    };
    let name = snapshot.symbol(line);
    Some(format!("{field} {text} is unknown, and {name} has the {field} {known}"))
}

/// What the security master says of a line on the view's day, else last.
fn text_of(snapshot: &Snapshot, line: InstrumentId, field: Field) -> Option<&str> {
    let mut of_field = snapshot.identities(line);
    of_field.retain(|identity| identity.field == field);
    let held = of_field.iter().find(|identity| identity.holds_on(snapshot.today()));
    held.or(of_field.last()).map(|identity| identity.text)
}

/// `AAA (XNAS) or BBB (XLON)`.
fn names(snapshot: &Snapshot, lines: &[InstrumentId]) -> String {
    let name = |line: &InstrumentId| match text_of(snapshot, *line, Field::Mic) {
        Some(mic) => format!("{} ({mic})", snapshot.symbol(*line)),
        None => snapshot.symbol(*line).to_owned(),
    };
    let mut ordered = lines.to_vec();
    snapshot.sort_by_name(&mut ordered);
    let mut named: Vec<String> = ordered.iter().take(NAMED_MAX).map(name).collect();
    if let more @ 1.. = lines.len().saturating_sub(NAMED_MAX) {
        named.push(format!("{more} more"));
    }
    named.join(" or ")
}
