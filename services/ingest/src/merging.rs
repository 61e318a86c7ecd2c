//! Merges of instruments: what a file's rows add to the merges of a market.

use crate::parsed_file::MergeRow;
use marketdata::{
    dataset::Dataset,
    day::Day,
    facts::FactTable,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::Market,
    merges::{Merge, Merges, Unmergeable},
    symbol::Symbol,
};
use std::collections::{BTreeMap, BTreeSet};
use tables::refusal::{Fault, Reason};

/// Outcome of a row that changes names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Renamed {
    /// It was already known.
    Known,
    /// It was written.
    Written,
    /// It is not possible.
    Refused(Fault),
}

/// Maximum number of instruments merged into one, directly or through others. A lookup follows the
/// chain of merges, which is at most as long.
const MERGED_INTO_ONE: usize = 64;

/// The merges of a market, overlaid with those of a file.
#[derive(Debug)]
pub(super) struct Merging<'a> {
    market: &'a Market,
    revision: u64,
    published: Instant,
    /// The merges before the file.
    known: Merges,
    merges: Merges,
    /// Number of instruments merged into each survivor; none if absent.
    sizes: BTreeMap<InstrumentId, usize>,
    table: FactTable,
    instruments: Vec<Instrument>,
    namings: Vec<Naming>,
    /// The instruments that the file creates, by symbol.
    created: BTreeMap<Symbol, InstrumentId>,
}

impl<'a> Merging<'a> {
    pub(super) fn new(market: &'a Market, published: Instant) -> Merging<'a> {
        let revision = market.head().revision;
        let known = market.merges(revision).map_or(Merges::NONE, |known| (**known).clone());
        Merging {
            market,
            revision,
            published,
            merges: known.clone(),
            sizes: sizes(&known),
            known,
            table: FactTable::empty(Dataset::Merges),
            instruments: Vec::new(),
            namings: Vec::new(),
            created: BTreeMap::new(),
        }
    }

    /// Applies the rows of a file: retractions first, then merges by line.
    pub(super) fn apply(&mut self, rows: &[MergeRow]) -> Vec<(u32, Renamed)> {
        let mut pairs = BTreeSet::new();
        let mut outcomes = Vec::new();
        for is_retracted in [true, false] {
            self.sizes = sizes(&self.merges);
            for row in rows.iter().filter(|row| row.is_retracted == is_retracted) {
                let outcome = match self.parties(row) {
                    Some(pair) if !pairs.insert(pair) => refused(Reason::ConflictingDuplicate, row),
                    Some((merged, survivor)) if is_retracted => self.retract(merged, survivor, row),
                    Some((merged, survivor)) => self.merge_row(merged, survivor, row),
                    None => refused(Reason::UnknownSymbol, row),
                };
                outcomes.push((row.line, outcome));
            }
        }
        outcomes
    }

    /// The merged instrument and its survivor. A merge may come before the data, so its unknown
    /// symbols get instruments; a retraction needs known ones.
    fn parties(&mut self, row: &MergeRow) -> Option<(InstrumentId, InstrumentId)> {
        let known = [&row.merged, &row.survivor].map(|symbol| self.known(symbol, row.on));
        if let [Some(merged), Some(survivor)] = known {
            return Some((merged, survivor));
        }
        if row.is_retracted {
            return None;
        }
        let merged = known[0].unwrap_or_else(|| self.create(&row.merged, row.on));
        let survivor = known[1].unwrap_or_else(|| self.create(&row.survivor, row.on));
        Some((merged, survivor))
    }

    fn known(&self, symbol: &Symbol, on: Day) -> Option<InstrumentId> {
        let directory = self.market.directory();
        let stored = directory.resolve(Namespace::Listed, symbol, on, self.revision);
        stored.or_else(|| self.created.get(symbol).copied())
    }

    fn create(&mut self, symbol: &Symbol, on: Day) -> InstrumentId {
        let directory = self.market.directory();
        let id = InstrumentId(directory.next_id().0 + self.instruments.len() as u32);
        let (namespace, revision) = (Namespace::Listed, self.revision + 1);
        let (from, until) = directory.vacancy(namespace, symbol, on, self.revision);
        self.instruments.push(Instrument { id, namespace, revision });
        self.namings.push(Naming { instrument: id, revision, symbol: symbol.clone(), from, until });
        self.created.insert(symbol.clone(), id);
        id
    }

    fn merge_row(
        &mut self,
        merged: InstrumentId,
        survivor: InstrumentId,
        row: &MergeRow,
    ) -> Renamed {
        match self.merge(merged, survivor, row.on) {
            Ok(true) => Renamed::Written,
            Ok(false) => Renamed::Known,
            Err(reason) => refused(reason, row),
        }
    }

    /// Merges an instrument into another one. Returns whether that is new.
    pub(super) fn merge(
        &mut self,
        merged: InstrumentId,
        survivor: InstrumentId,
        on: Day,
    ) -> Result<bool, Reason> {
        self.merges.check(merged, survivor).map_err(|fault| match fault {
            Unmergeable::Cycle => Reason::MergeCycle,
            Unmergeable::Elsewhere(_) => Reason::MergedElsewhere,
        })?;
        if self.merges.of(merged).is_some() {
            return Ok(false);
        }
        let root = self.merges.survivor(survivor);
        let size = |id| self.sizes.get(&id).copied().unwrap_or(0);
        let joined = size(root) + size(merged) + 1;
        if MERGED_INTO_ONE < joined {
            return Err(Reason::TooManyMerges);
        }
        self.sizes.insert(root, joined);
        self.merges.add(merged, Merge { survivor, on, revision: self.revision + 1 });
        self.table.push(merged, survivor, on, self.published, &[1.0]);
        Ok(true)
    }

    fn retract(&mut self, merged: InstrumentId, survivor: InstrumentId, row: &MergeRow) -> Renamed {
        if self.merges.remove(merged, survivor) {
            self.table.push(merged, survivor, row.on, self.published, &[0.0]);
            return Renamed::Written;
        }
        if self.was_merged(merged, survivor) {
            return Renamed::Known;
        }
        refused(Reason::NotMerged, row)
    }

    fn was_merged(&self, merged: InstrumentId, survivor: InstrumentId) -> bool {
        self.market.track(Dataset::Merges, merged).is_some_and(|track| {
            let rows = track.every(self.revision);
            (0..rows.len()).any(|row| rows.other(row) == survivor)
        })
    }

    /// Whether two instruments were one before the file, or the file has merged the first into the
    /// second.
    pub(super) fn are_one(&self, merged: InstrumentId, survivor: InstrumentId) -> bool {
        self.known.survivor(merged) == self.known.survivor(survivor)
            || self.merges.of(merged).is_some_and(|merge| merge.survivor == survivor)
    }

    /// The symbols that no instrument had before the file.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &Symbol> {
        self.created.keys()
    }

    /// New instruments with their names, and the facts.
    pub(super) fn into_parts(mut self) -> (Vec<Instrument>, Vec<Naming>, FactTable) {
        self.table.sort();
        (self.instruments, self.namings, self.table)
    }
}

fn sizes(merges: &Merges) -> BTreeMap<InstrumentId, usize> {
    let mut sizes = BTreeMap::new();
    for (merged, _) in merges.iter() {
        *sizes.entry(merges.survivor(merged)).or_insert(0) += 1;
    }
    sizes
}

fn refused(reason: Reason, row: &MergeRow) -> Renamed {
    let action = if row.is_retracted { "out of" } else { "into" };
    let text = format!("{} {action} {} on {}", row.merged, row.survivor, row.on);
    Renamed::Refused(Fault::new(reason, text))
}
