//! Changes of names: which instrument goes by which symbol, from which day.

use crate::{
    day::Day,
    instrument::{Directory, Instrument, InstrumentId, Namespace, Naming},
    source::{
        refusal::{Fault, Reason},
        sheet::Rename,
    },
    symbol::Symbol,
};
use std::collections::BTreeMap;

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Renamed {
    /// It was known.
    Known,
    /// It was written.
    Written,
    /// It cannot be.
    Refused(Fault),
}

/// The names of a market with the changes of a file written over them.
#[derive(Debug)]
pub(super) struct Renaming<'a> {
    directory: &'a Directory,
    revision: u64,
    /// The instruments whose names the file writes anew.
    written: BTreeMap<InstrumentId, Vec<Naming>>,
    pub(super) instruments: Vec<Instrument>,
}

impl<'a> Renaming<'a> {
    pub(super) fn new(directory: &'a Directory, revision: u64) -> Renaming<'a> {
        Renaming { directory, revision, written: BTreeMap::new(), instruments: Vec::new() }
    }

    /// Applies the changes of a file, in whatever order they stand.
    ///
    /// Later changes come first: a market with today's names knows the last symbol of a chain. Those
    /// of which neither symbol is known wait until the others have said what they can.
    pub(super) fn apply(&mut self, changes: &[Rename]) -> Vec<(u32, Renamed)> {
        let mut pending: Vec<&Rename> = changes.iter().collect();
        pending.sort_by_key(|change| (std::cmp::Reverse(change.on), change.line));
        let mut outcomes = Vec::new();
        loop {
            let before = pending.len();
            pending.retain(|change| match self.try_change(change) {
                Some(outcome) => {
                    outcomes.push((change.line, outcome));
                    false
                }
                None => true,
            });
            if pending.len() < before {
                continue;
            }
            // The earliest change between unknown symbols makes an instrument, and may tell others.
            let Some(at) = pending.iter().rposition(|change| self.is_unknown(change)) else {
                break;
            };
            let change = pending.remove(at);
            self.create(change);
            outcomes.push((change.line, Renamed::Written));
        }
        for change in pending {
            let new = change.new.as_ref().map_or_else(String::new, Symbol::to_string);
            let text = format!("{} to {new} on {}", change.old, change.on);
            let fault = Fault::new(Reason::SymbolsTaken, text);
            outcomes.push((change.line, Renamed::Refused(fault)));
        }
        outcomes
    }

    /// All names written anew, by instrument.
    pub(super) fn into_parts(self) -> (Vec<Instrument>, Vec<Naming>) {
        (self.instruments, self.written.into_values().flatten().collect())
    }

    fn namings(&self, id: InstrumentId) -> &[Naming] {
        match self.written.get(&id) {
            Some(namings) => namings,
            None => self.directory.namings(id, self.revision),
        }
    }

    /// Who goes by exactly this symbol on a day.
    fn holder(&self, symbol: &Symbol, on: Day) -> Option<InstrumentId> {
        let goes_by = |id: &InstrumentId| {
            self.namings(*id).iter().any(|n| n.symbol == *symbol && n.from <= on && on < n.until)
        };
        let held = self.directory.resolve_on(Namespace::Listed, symbol, on, self.revision);
        held.filter(goes_by).or_else(|| self.written.keys().copied().find(goes_by))
    }

    fn parties(&self, change: &Rename) -> (Option<InstrumentId>, Option<InstrumentId>) {
        let new = change.new.as_ref().and_then(|new| self.holder(new, change.on));
        (self.holder(&change.old, change.on.plus(-1)), new)
    }

    fn is_unknown(&self, change: &Rename) -> bool {
        matches!(self.parties(change), (None, None))
    }

    /// Applies a change of which one symbol is known; none where it must wait.
    fn try_change(&mut self, change: &Rename) -> Option<Renamed> {
        let Some(new) = &change.new else { return self.retire(change) };
        match self.parties(change) {
            (Some(old), Some(now)) if old == now => Some(Renamed::Known),
            (Some(id), None) => {
                self.split(id, &change.old, change.on.plus(-1), change, new);
                Some(Renamed::Written)
            }
            (None, Some(id)) => {
                self.split(id, new, change.on, change, new);
                Some(Renamed::Written)
            }
            _ => None,
        }
    }

    /// The naming by `symbol` on a day becomes the old symbol before the change and the new from it.
    fn split(&mut self, id: InstrumentId, symbol: &Symbol, on: Day, change: &Rename, new: &Symbol) {
        let mut namings = Vec::new();
        for naming in self.namings(id) {
            let hit = naming.symbol == *symbol && naming.from <= on && on < naming.until;
            if !hit {
                namings.push(naming.clone());
                continue;
            }
            if naming.from < change.on {
                let old = change.old.clone();
                namings.push(Naming { symbol: old, until: change.on, ..naming.clone() });
            }
            if change.on < naming.until {
                namings.push(Naming { symbol: new.clone(), from: change.on, ..naming.clone() });
            }
        }
        self.write(id, namings);
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
        self.write(id, namings);
        Some(Renamed::Written)
    }

    /// An instrument that nobody has facts of yet.
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
        let namespace = Namespace::Listed;
        let vacancy = |symbol, on| self.directory.vacancy(namespace, symbol, on, self.revision);
        let (from, _) = vacancy(&change.old, change.on.plus(-1));
        let mut namings = vec![naming(&change.old, from, change.on)];
        if let Some(new) = &change.new {
            let (_, until) = vacancy(new, change.on);
            namings.push(naming(new, change.on, until));
        }
        self.write(id, namings);
    }

    fn write(&mut self, id: InstrumentId, mut namings: Vec<Naming>) {
        namings.sort_by_key(|naming| naming.from);
        for naming in &mut namings {
            naming.revision = self.revision + 1;
        }
        self.written.insert(id, namings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(line: u32, old: &str, new: &str, on: &str) -> Rename {
        Rename {
            line,
            old: Symbol::listed(old).unwrap(),
            new: Symbol::listed(new).ok(),
            on: Day::parse_iso(on).unwrap(),
        }
    }

    fn directory(names: &[&str]) -> Directory {
        let mut directory = Directory::empty();
        for (at, name) in names.iter().enumerate() {
            let id = InstrumentId(at as u32 + 1);
            let instrument = Instrument { id, namespace: Namespace::Listed, revision: 1 };
            let symbol = Symbol::listed(name).unwrap();
            let (from, until) = (Day::MIN, Day::MAX);
            directory.extend(
                &[instrument],
                &[Naming { instrument: id, revision: 1, symbol, from, until }],
            );
        }
        directory
    }

    fn names(renaming: &Renaming<'_>, id: u32) -> Vec<String> {
        let text = |naming: &Naming| match (naming.from, naming.until) {
            (Day::MIN, Day::MAX) => naming.symbol.to_string(),
            (Day::MIN, until) => format!("{} until {until}", naming.symbol),
            (from, Day::MAX) => format!("{} from {from}", naming.symbol),
            (from, until) => format!("{} {from} to {until}", naming.symbol),
        };
        renaming.namings(InstrumentId(id)).iter().map(text).collect()
    }

    #[test]
    fn a_market_with_todays_name_learns_the_old_one() {
        let directory = directory(&["META"]);
        let mut renaming = Renaming::new(&directory, 1);
        let changes =
            [change(2, "FB", "META", "2022-06-09"), change(3, "META", "METV", "2022-01-31")];
        let outcomes = renaming.apply(&changes);
        assert!(outcomes.iter().all(|(_, outcome)| *outcome == Renamed::Written));
        assert_eq!(names(&renaming, 1), ["FB until 2022-06-09", "META from 2022-06-09"]);
        // The fund that was called META before is somebody else.
        assert_eq!(names(&renaming, 2), ["META until 2022-01-31", "METV from 2022-01-31"]);
    }

    #[test]
    fn a_market_with_the_old_name_learns_the_chain() {
        let directory = directory(&["A1"]);
        let mut renaming = Renaming::new(&directory, 1);
        let changes = [change(2, "A1", "A2", "2020-01-02"), change(3, "A2", "A3", "2021-01-04")];
        renaming.apply(&changes);
        assert_eq!(
            names(&renaming, 1),
            ["A1 until 2020-01-02", "A2 2020-01-02 to 2021-01-04", "A3 from 2021-01-04"]
        );
        assert!(renaming.instruments.is_empty());
    }

    #[test]
    fn two_instruments_are_not_made_one() {
        let directory = directory(&["FB", "META"]);
        let mut renaming = Renaming::new(&directory, 1);
        let outcomes = renaming.apply(&[change(2, "FB", "META", "2022-06-09")]);
        let [(2, Renamed::Refused(fault))] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!(fault.reason, Reason::SymbolsTaken);
    }

    #[test]
    fn names_can_come_before_any_fact_and_retire() {
        let directory = Directory::empty();
        let mut renaming = Renaming::new(&directory, 0);
        let changes = [change(2, "FB", "META", "2022-06-09"), change(3, "TWTR", "", "2022-10-28")];
        renaming.apply(&changes);
        assert_eq!(names(&renaming, 1), ["FB until 2022-06-09", "META from 2022-06-09"]);
        assert_eq!(names(&renaming, 2), ["TWTR until 2022-10-28"]);
        let again = renaming.apply(&changes);
        assert!(again.iter().all(|(_, outcome)| *outcome == Renamed::Known), "{again:?}");
    }
}
