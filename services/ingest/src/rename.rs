//! Changes of symbols: which instrument has which symbol from which day.

mod evidence;
mod waiting;

pub(super) use evidence::Histories;

use crate::{
    merging::{Merging, Renamed},
    parsed_file::Rename,
};
use evidence::Evidence;
use marketdata::{
    day::Day,
    instrument::{Directory, Instrument, InstrumentId, Namespace, Naming, vacancy_between},
    symbol::Symbol,
};
use std::collections::{BTreeMap, BTreeSet};
use tables::refusal::{Fault, Reason};
use waiting::{Parties, Waiting, symbols};

/// Maximum number of names of one instrument, because every change writes all of them again.
const NAMES_OF_ONE: usize = 256;

/// The names of a market, overlaid with the changes of a file.
#[derive(Debug)]
pub(super) struct Renaming<'a> {
    directory: &'a Directory,
    revision: u64,
    /// The new names of the instruments that the file changes.
    written: BTreeMap<InstrumentId, Vec<Naming>>,
    /// Those instruments, by every symbol that they have or had.
    written_by_symbol: BTreeMap<Symbol, BTreeSet<InstrumentId>>,
    merging: Merging<'a>,
    evidence: &'a dyn Evidence,
    pub(super) instruments: Vec<Instrument>,
}

impl<'a> Renaming<'a> {
    pub(super) fn new(
        directory: &'a Directory,
        revision: u64,
        merging: Merging<'a>,
        evidence: &'a dyn Evidence,
    ) -> Renaming<'a> {
        Renaming {
            directory,
            revision,
            written: BTreeMap::new(),
            written_by_symbol: BTreeMap::new(),
            merging,
            evidence,
            instruments: Vec::new(),
        }
    }

    /// Applies the changes of a file, in any order.
    ///
    /// Later changes come first, because a market with today's names knows the last symbol of a
    /// chain. Changes between two unknown symbols wait until the other changes are settled. If no
    /// other change can be applied, the earliest change between unknown symbols creates an
    /// instrument, which may allow further changes.
    ///
    /// The result is the same as trying all waiting changes in order, again and again. A symbol's
    /// instrument changes only through a change that names the symbol, and a merge matters only to
    /// changes between the two merged instruments, so no other change is tried twice.
    pub(super) fn apply(&mut self, changes: &[Rename]) -> Vec<(u32, Renamed)> {
        let mut waiting =
            Waiting::new(changes, |symbol| self.directory.holders(Namespace::Listed, symbol).len());
        let outcome =
            |(change, reason): &(&Rename, Reason)| (change.line, refused(*reason, change));
        let mut outcomes: Vec<(u32, Renamed)> = waiting.refused().iter().map(outcome).collect();
        loop {
            while let Some((at, change)) = waiting.next() {
                let parties = self.parties(change);
                let Some(outcome) = self.try_change(change, parties) else {
                    waiting.keep(at, parties);
                    continue;
                };
                waiting.done(at, parties, outcome == Renamed::Written);
                outcomes.push((change.line, outcome));
            }
            let Some((at, change)) = waiting.earliest_unknown() else { break };
            self.create(change);
            waiting.done(at, (None, None), true);
            outcomes.push((change.line, Renamed::Written));
        }
        for change in waiting.rest() {
            outcomes.push((change.line, self.unsettled(change)));
        }
        outcomes
    }

    /// The refusal of a change that could not be applied.
    fn unsettled(&self, change: &Rename) -> Renamed {
        match self.parties(change) {
            (Some(_), Some(_)) | (None, None) => refused(Reason::SymbolsTaken, change),
            (Some(_), None) | (None, Some(_)) => refused(Reason::NamedOtherwise, change),
        }
    }

    /// The new instruments, all names written, by instrument, and the merges.
    pub(super) fn into_parts(self) -> (Vec<Instrument>, Vec<Naming>, Merging<'a>) {
        (self.instruments, self.written.into_values().flatten().collect(), self.merging)
    }

    fn namings(&self, id: InstrumentId) -> &[Naming] {
        match self.written.get(&id) {
            Some(namings) => namings,
            None => self.directory.namings(id, self.revision),
        }
    }

    /// The instrument with exactly this symbol on a day.
    fn holder(&self, symbol: &Symbol, on: Day) -> Option<InstrumentId> {
        let has_symbol = |id: &InstrumentId| {
            self.namings(*id).iter().any(|n| n.symbol == *symbol && n.from <= on && on < n.until)
        };
        let held = self.directory.resolve_on(Namespace::Listed, symbol, on, self.revision);
        held.filter(has_symbol).or_else(|| {
            let written = self.written_by_symbol.get(symbol)?;
            written.iter().copied().find(has_symbol)
        })
    }

    fn parties(&self, change: &Rename) -> Parties {
        let new = change.new.as_ref().and_then(|new| self.holder(new, change.on));
        (self.holder(&change.old, change.on.plus(-1)), new)
    }

    /// Applies a change of which one symbol is known, or both if they can be merged; `None` if it
    /// must wait.
    fn try_change(&mut self, change: &Rename, parties: Parties) -> Option<Renamed> {
        let Some(new) = &change.new else { return self.retire(change) };
        match parties {
            (Some(old), Some(now)) if old == now => Some(Renamed::Known),
            (Some(id), None) | (None, Some(id)) if NAMES_OF_ONE <= self.namings(id).len() => {
                Some(refused(Reason::TooManyChanges, change))
            }
            (Some(id), None) => self.split(id, &change.old, change, new),
            (None, Some(id)) => self.split(id, new, change, new),
            (Some(old), Some(now)) => self.join(old, now, change, new),
            (None, None) => None,
        }
    }

    /// Merges the instrument of the old symbol into that of the new one, and ends and begins their
    /// names with the change.
    fn join(
        &mut self,
        old: InstrumentId,
        now: InstrumentId,
        change: &Rename,
        new: &Symbol,
    ) -> Option<Renamed> {
        let is_new = !self.merging.are_one(old, now) && {
            let agrees = self.evidence.agree(old, now, change.on);
            if !(agrees && self.merging.merge(old, now, change.on).is_ok()) {
                return None;
            }
            true
        };
        let is_clipped = self.clip(old, &change.old, change, |naming, on| {
            naming.until = naming.until.min(on);
        }) | self.clip(now, new, change, |naming, on| {
            naming.from = naming.from.max(on);
        });
        Some(if is_new || is_clipped { Renamed::Written } else { Renamed::Known })
    }

    /// Shortens the naming by `symbol` that covers the day before and the day of a change. Returns
    /// whether there is one.
    fn clip(
        &mut self,
        id: InstrumentId,
        symbol: &Symbol,
        change: &Rename,
        shorten: impl Fn(&mut Naming, Day),
    ) -> bool {
        let mut namings = self.namings(id).to_vec();
        let hit = namings.iter_mut().find(|naming| {
            naming.symbol == *symbol && naming.from < change.on && change.on < naming.until
        });
        let Some(hit) = hit else { return false };
        shorten(hit, change.on);
        self.write(id, namings, change);
        true
    }

    /// Splits the naming by `symbol` that covers the day before the change and its day: the old
    /// symbol before it, the new one from it. `None` if there is none, because another change of
    /// that day ends or begins the naming.
    fn split(
        &mut self,
        id: InstrumentId,
        symbol: &Symbol,
        change: &Rename,
        new: &Symbol,
    ) -> Option<Renamed> {
        let mut namings = self.namings(id).to_vec();
        let hit = namings.iter_mut().find(|naming| {
            naming.symbol == *symbol && naming.from < change.on && change.on < naming.until
        })?;
        let whole = hit.clone();
        *hit = Naming { symbol: change.old.clone(), until: change.on, ..whole.clone() };
        namings.push(Naming { symbol: new.clone(), from: change.on, ..whole });
        self.write(id, namings, change);
        Some(Renamed::Written)
    }

    fn retire(&mut self, change: &Rename) -> Option<Renamed> {
        let id = self.holder(&change.old, change.on.plus(-1))?;
        if self.holder(&change.old, change.on) != Some(id) {
            return Some(Renamed::Known);
        }
        let mut namings = self.namings(id).to_vec();
        for naming in namings.iter_mut().filter(|n| n.symbol == change.old) {
            if naming.from < change.on {
                naming.until = naming.until.min(change.on);
            }
        }
        self.write(id, namings, change);
        Some(Renamed::Written)
    }

    /// Creates an instrument that has no facts yet.
    fn create(&mut self, change: &Rename) {
        let id = InstrumentId(self.directory.next_id().0 + self.instruments.len() as u32);
        let revision = self.revision + 1;
        self.instruments.push(Instrument { id, namespace: Namespace::Listed, revision });
        let naming = |symbol: &Symbol, from, until| Naming {
            instrument: id,
            revision,
            symbol: symbol.clone(),
            from,
            until,
        };
        let (from, _) = self.vacancy(&change.old, change.on.plus(-1));
        let mut namings = vec![naming(&change.old, from, change.on)];
        if let Some(new) = &change.new {
            let (_, until) = self.vacancy(new, change.on);
            namings.push(naming(new, change.on, until));
        }
        self.write(id, namings, change);
    }

    /// The days around a day on which no instrument has a symbol, by the names that the file leaves.
    fn vacancy(&self, symbol: &Symbol, on: Day) -> (Day, Day) {
        let written = self.written_by_symbol.get(symbol).into_iter().flatten();
        let holders = self.directory.holders(Namespace::Listed, symbol).iter().chain(written);
        let uses = holders.flat_map(|id| self.namings(*id)).filter(|n| n.symbol == *symbol);
        vacancy_between(uses, on)
    }

    /// Writes all names of an instrument again, and indexes it by the names that are new to the
    /// file.
    fn write(&mut self, id: InstrumentId, mut namings: Vec<Naming>, change: &Rename) {
        namings.sort_by_key(|naming| naming.from);
        let is_indexed = self.written.contains_key(&id);
        for naming in &mut namings {
            naming.revision = self.revision + 1;
            if !is_indexed || symbols(change).any(|symbol| *symbol == naming.symbol) {
                self.written_by_symbol.entry(naming.symbol.clone()).or_default().insert(id);
            }
        }
        self.written.insert(id, namings);
    }
}

fn refused(reason: Reason, change: &Rename) -> Renamed {
    let new = change.new.as_ref().map_or_else(String::new, Symbol::to_string);
    Renamed::Refused(Fault::new(reason, format!("{} to {new} on {}", change.old, change.on)))
}

#[cfg(test)]
mod tests;
