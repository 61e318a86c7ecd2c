//! Rejects rows that give a line an identifier which another line has on the same days.
//!
//! Lines of one company at several markets share an ISIN, a CUSIP or a composite FIGI. They are
//! accepted if both rows name their markets and the markets differ, because a caller can then tell
//! them apart. Rows are judged against the stored rows as the file leaves them, so that a file may
//! move an identifier from one line to another.

use crate::{resolved_rows::ResolvedRows, tally::Tally};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    identifier::Scheme,
    identities::{StatedDays, ends, stated_days},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    market::Market,
    snapshot::Snapshot,
    symbol::Symbol,
};
use std::{collections::BTreeMap, sync::Arc};
use tables::refusal::{Fault, Reason};

/// Maximum number of lines that share an identifier on one day; no company is listed more often.
const SHARED_BY_MAX: usize = 64;

/// Maximum number of times that a file is judged.
const ROUNDS_MAX: usize = 16;

/// A row of a line, stored or of the file.
#[derive(Clone, Copy, Debug)]
struct Stated<'a> {
    until: Option<Day>,
    codes: [Option<&'a str>; 4],
    mic: Option<&'a str>,
    /// The row of the file; `None` if the file does not change the stored row.
    row: Option<usize>,
}

/// One identifier of one line on some days.
#[derive(Clone, Copy, Debug)]
struct Claim<'a> {
    scheme: Scheme,
    code: &'a str,
    from: Day,
    until: Day,
    mic: Option<&'a str>,
    instrument: InstrumentId,
    row: Option<usize>,
}

impl Claim<'_> {
    /// Whether two claims of one identifier on a common day cannot be told apart.
    fn collides(&self, other: &Claim<'_>) -> bool {
        let differ = self.mic.zip(other.mic).is_some_and(|(one, two)| one != two);
        self.instrument != other.instrument && !differ
    }
}

/// Rejects the file's rows whose identifiers are taken; of two rows of the file, both. A rejected row
/// leaves a stored one as it was, which may take the identifier of another row of the file, so the
/// rest is judged again until nothing changes.
pub(super) fn reject(
    rows: &ResolvedRows<'_>,
    market: &Arc<Market>,
    (names, texts): (&[(Namespace, Symbol)], &[String]),
    tally: &mut Tally<'_>,
) {
    let revision = market.head().revision;
    let Some(snapshot) = Snapshot::new(Arc::clone(market), Instant::MAX, revision) else { return };
    let known = stored(&snapshot);
    for _round in 0..ROUNDS_MAX {
        let mut stated = known.clone();
        add_file(rows, (&snapshot, texts), tally, &mut stated);
        if !reject_taken(rows, (&snapshot, names), &stated, tally) {
            return;
        }
    }
    for line in rows.staged.line.iter().copied() {
        let text = "it depends on a long chain of rejected rows".to_owned();
        tally.reject(line, Fault::new(Reason::IdentifierTaken, text));
    }
}

/// Rejects rows of the file whose identifiers are taken. Returns whether there were any.
fn reject_taken(
    rows: &ResolvedRows<'_>,
    (snapshot, names): (&Snapshot, &[(Namespace, Symbol)]),
    stated: &BTreeMap<(InstrumentId, Day), Stated<'_>>,
    tally: &mut Tally<'_>,
) -> bool {
    let mut any = false;
    let mut claims = claims(stated);
    claims.sort_by_key(|claim| (claim.scheme, claim.code, claim.from, claim.row));
    let name = |claim: &Claim<'_>| match claim.row {
        Some(row) => {
            let name = names.get(rows.staged.who[row].0 as usize);
            let name = name.map_or("", |(_, symbol)| symbol.as_str());
            format!("{name} (line {})", rows.staged.line[row])
        }
        None => format!("{} (stored)", snapshot.symbol(claim.instrument)),
    };
    for group in claims.chunk_by(|a, b| (a.scheme, a.code) == (b.scheme, b.code)) {
        let mut open: Vec<&Claim<'_>> = Vec::new();
        for claim in group {
            open.retain(|other| claim.from < other.until);
            let (scheme, code, from) = (claim.scheme.name(), claim.code, claim.from);
            let (at_fault, with) = match open.iter().find(|other| claim.collides(other)) {
                Some(other) => {
                    (vec![claim.row, other.row], format!("{} and {}", name(other), name(claim)))
                }
                None if SHARED_BY_MAX <= open.len() => {
                    // A stored row was there before the rows of the file that begin earlier.
                    let last = claim.row.or_else(|| open.iter().filter_map(|o| o.row).max());
                    (vec![last], format!("{SHARED_BY_MAX} other lines have it"))
                }
                None => {
                    open.push(claim);
                    continue;
                }
            };
            for row in at_fault.into_iter().flatten() {
                let text = format!("{scheme} {code} on {from}: {with}");
                tally.reject(rows.staged.line[row], Fault::new(Reason::IdentifierTaken, text));
                any = true;
            }
        }
    }
    any
}

/// The rows of the market, by line and first day.
fn stored(snapshot: &Snapshot) -> BTreeMap<(InstrumentId, Day), Stated<'_>> {
    let column = |field| Dataset::Identifiers.column(field);
    let mut stated = BTreeMap::new();
    for id in snapshot.holders(Dataset::Identifiers) {
        let rows = snapshot.rows(Dataset::Identifiers, id);
        for row in 0..rows.len() {
            let text = |field| snapshot.text(rows.value(row, column(field))?);
            let (from, until) = stated_days(&rows, row);
            let codes = Scheme::ALL.map(|scheme| text(scheme.field()));
            let known = Stated { until, codes, mic: text(Field::Mic), row: None };
            stated.insert((id, from), known);
        }
    }
    stated
}

/// Adds the file's rows; what a row does not state stays as stored.
fn add_file<'a>(
    rows: &ResolvedRows<'_>,
    (snapshot, texts): (&Snapshot, &'a [String]),
    tally: &Tally<'_>,
    stated: &mut BTreeMap<(InstrumentId, Day), Stated<'a>>,
) {
    let staged = rows.staged;
    let value = |field, row: usize| staged.columns[Dataset::Identifiers.column(field)][row];
    let text = |field, row| {
        let id = value(field, row);
        if id.is_nan() { None } else { texts.get(id as usize).map(String::as_str) }
    };
    for row in (0..staged.len()).filter(|row| !tally.is_rejected(staged.line[*row])) {
        let nothing = Stated { until: None, codes: [None; 4], mic: None, row: None };
        let known =
            stated.entry((snapshot.survivor(rows.ids[row]), staged.day[row])).or_insert(nothing);
        let until = value(Field::UntilOn, row);
        let until = (!until.is_nan()).then(|| Day::from_epoch(until as i32));
        let codes = Scheme::ALL.map(|scheme| text(scheme.field(), row));
        *known = Stated {
            until: until.or(known.until),
            codes: std::array::from_fn(|at| codes[at].or(known.codes[at])),
            mic: text(Field::Mic, row).or(known.mic),
            row: Some(row),
        };
    }
}

/// Every identifier with the days on which a line has it.
fn claims<'a>(stated: &BTreeMap<(InstrumentId, Day), Stated<'a>>) -> Vec<Claim<'a>> {
    let all: Vec<(&(InstrumentId, Day), &Stated<'a>)> = stated.iter().collect();
    let mut claims = Vec::new();
    for of_line in all.chunk_by(|a, b| a.0.0 == b.0.0) {
        let days: Vec<StatedDays> = of_line.iter().map(|(key, row)| (key.1, row.until)).collect();
        // A list without markets says nothing against the market that another list states.
        let listed_at = of_line.iter().rev().find_map(|(_, row)| row.mic);
        for scheme in Scheme::ALL {
            let code = |at: usize| of_line[at].1.codes[scheme as usize];
            for (at, until) in ends(&days, |at| code(at).is_some()).into_iter().enumerate() {
                let ((instrument, from), Stated { mic, row, .. }) = of_line[at];
                let Some(code) = code(at).filter(|_| *from < until) else { continue };
                let (instrument, from, mic, row) = (*instrument, *from, mic.or(listed_at), *row);
                claims.push(Claim { scheme, code, from, until, mic, instrument, row });
            }
        }
    }
    claims
}
