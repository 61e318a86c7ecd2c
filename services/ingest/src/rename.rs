//! Changes of symbols: which instrument has which symbol from which day.

mod evidence;
mod waiting;

pub(super) use evidence::Histories;

use crate::{merging::Merging, parsed_file::Rename};
use evidence::Evidence;
use marketdata::{
    day::Day,
    instrument::{Directory, Instrument, InstrumentId, Namespace, Naming},
    symbol::Symbol,
};
use std::collections::{BTreeMap, BTreeSet};
use tables::refusal::{Fault, Reason};
use waiting::{Waiting, symbols};

/// Outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Renamed {
    /// The change was already known.
    Known,
    /// The change was written.
    Written,
    /// The change is not possible.
    Refused(Fault),
}

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
    /// instrument changes only through a change that names the symbol, so no other change is tried
    /// twice.
    pub(super) fn apply(&mut self, changes: &[Rename]) -> Vec<(u32, Renamed)> {
        let mut waiting =
            Waiting::new(changes, |symbol| self.directory.holders(Namespace::Listed, symbol).len());
        let outcome = |change: &&Rename| (change.line, refused(Reason::TooManyChanges, change));
        let mut outcomes: Vec<(u32, Renamed)> = waiting.refused().iter().map(outcome).collect();
        loop {
            while let Some((at, change)) = waiting.next() {
                let Some(outcome) = self.try_change(change) else {
                    waiting.keep(at, self.is_unknown(change));
                    continue;
                };
                waiting.done(at, outcome == Renamed::Written);
                outcomes.push((change.line, outcome));
            }
            let Some((at, change)) = waiting.earliest_unknown() else { break };
            self.create(change);
            waiting.done(at, true);
            outcomes.push((change.line, Renamed::Written));
        }
        for change in waiting.rest() {
            outcomes.push((change.line, refused(Reason::SymbolsTaken, change)));
        }
        outcomes
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

    fn parties(&self, change: &Rename) -> (Option<InstrumentId>, Option<InstrumentId>) {
        let new = change.new.as_ref().and_then(|new| self.holder(new, change.on));
        (self.holder(&change.old, change.on.plus(-1)), new)
    }

    fn is_unknown(&self, change: &Rename) -> bool {
        matches!(self.parties(change), (None, None))
    }

    /// Applies a change of which one symbol is known, or both if they can be merged; `None` if it
    /// must wait.
    fn try_change(&mut self, change: &Rename) -> Option<Renamed> {
        let Some(new) = &change.new else { return self.retire(change) };
        match self.parties(change) {
            (Some(old), Some(now)) if old == now => Some(Renamed::Known),
            (Some(id), None) | (None, Some(id)) if NAMES_OF_ONE <= self.namings(id).len() => {
                Some(refused(Reason::TooManyChanges, change))
            }
            (Some(id), None) => {
                self.split(id, &change.old, change.on.plus(-1), change, new);
                Some(Renamed::Written)
            }
            (None, Some(id)) => {
                self.split(id, new, change.on, change, new);
                Some(Renamed::Written)
            }
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

    /// Splits the naming by `symbol` that covers a day: the old symbol before the change, the new
    /// one from it.
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
        self.write(id, namings, change);
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
        let namespace = Namespace::Listed;
        let vacancy = |symbol, on| self.directory.vacancy(namespace, symbol, on, self.revision);
        let (from, _) = vacancy(&change.old, change.on.plus(-1));
        let mut namings = vec![naming(&change.old, from, change.on)];
        if let Some(new) = &change.new {
            let (_, until) = vacancy(new, change.on);
            namings.push(naming(new, change.on, until));
        }
        self.write(id, namings, change);
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
mod tests {
    use super::{
        waiting::{CHANGES_OF_ONE_SYMBOL, HOLDERS_OF_ONE_SYMBOL},
        *,
    };
    use marketdata::{instant::Instant, market::Market};
    use proptest::prelude::*;

    /// Every second pair of instruments agrees.
    #[derive(Debug)]
    struct EverySecond;

    impl Evidence for EverySecond {
        fn agree(&self, old: InstrumentId, new: InstrumentId, on: Day) -> bool {
            (old.0 + new.0 + on.epoch() as u32).is_multiple_of(2)
        }
    }

    /// Nothing is merged yet.
    fn renaming(directory: &Directory, revision: u64) -> Renaming<'_> {
        let market = Box::leak(Box::new(Market::empty()));
        Renaming::new(directory, revision, Merging::new(market, Instant::MIN), &EverySecond)
    }

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
        let mut renaming = renaming(&directory, 1);
        let changes =
            [change(2, "FB", "META", "2022-06-09"), change(3, "META", "METV", "2022-01-31")];
        let outcomes = renaming.apply(&changes);
        assert!(outcomes.iter().all(|(_, outcome)| *outcome == Renamed::Written));
        assert_eq!(names(&renaming, 1), ["FB until 2022-06-09", "META from 2022-06-09"]);
        // The fund that was called META before is another instrument.
        assert_eq!(names(&renaming, 2), ["META until 2022-01-31", "METV from 2022-01-31"]);
    }

    #[test]
    fn a_market_with_the_old_name_learns_the_chain() {
        let directory = directory(&["A1"]);
        let mut renaming = renaming(&directory, 1);
        let changes = [change(2, "A1", "A2", "2020-01-02"), change(3, "A2", "A3", "2021-01-04")];
        renaming.apply(&changes);
        assert_eq!(
            names(&renaming, 1),
            ["A1 until 2020-01-02", "A2 2020-01-02 to 2021-01-04", "A3 from 2021-01-04"]
        );
        assert!(renaming.instruments.is_empty());
    }

    #[test]
    fn two_instruments_are_merged_if_their_facts_agree() {
        let directory = directory(&["FB", "META"]);
        // 1 + 2 + 19,151 days since 1970 is even, and a day later it is odd.
        let mut first = renaming(&directory, 1);
        let changes = [change(2, "FB", "META", "2022-06-08")];
        assert_eq!(first.apply(&changes), [(2, Renamed::Written)]);
        assert_eq!(names(&first, 1), ["FB until 2022-06-08"]);
        assert_eq!(names(&first, 2), ["META from 2022-06-08"]);
        assert_eq!(first.apply(&changes), [(2, Renamed::Known)]);
        let (.., facts) = first.into_parts().2.into_parts();
        assert_eq!((facts.instrument, facts.other), (vec![InstrumentId(1)], vec![InstrumentId(2)]));

        let outcomes = renaming(&directory, 1).apply(&[change(2, "FB", "META", "2022-06-09")]);
        let [(2, Renamed::Refused(fault))] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!(fault.reason, Reason::SymbolsTaken);
    }

    #[test]
    fn names_can_come_before_any_fact_and_retire() {
        let directory = Directory::empty();
        let mut renaming = renaming(&directory, 0);
        let changes = [change(2, "FB", "META", "2022-06-09"), change(3, "TWTR", "", "2022-10-28")];
        renaming.apply(&changes);
        assert_eq!(names(&renaming, 1), ["FB until 2022-06-09", "META from 2022-06-09"]);
        assert_eq!(names(&renaming, 2), ["TWTR until 2022-10-28"]);
        let again = renaming.apply(&changes);
        assert!(again.iter().all(|(_, outcome)| *outcome == Renamed::Known), "{again:?}");
    }

    impl Renaming<'_> {
        /// The reference for `apply`: tries all waiting changes again and again, and searches all
        /// instruments for a name.
        fn apply_naively(&mut self, changes: &[Rename]) -> Vec<(u32, Renamed)> {
            let mut pending: Vec<&Rename> = changes.iter().collect();
            pending.sort_by_key(|change| (std::cmp::Reverse(change.on), change.line));
            let mut outcomes = Vec::new();
            loop {
                let before = pending.len();
                pending.retain(|change| {
                    self.index_all_instruments();
                    let outcome = self.try_change(change);
                    outcomes.extend(outcome.clone().map(|outcome| (change.line, outcome)));
                    outcome.is_none()
                });
                if pending.len() < before {
                    continue;
                }
                let Some(at) = pending.iter().rposition(|change| self.is_unknown(change)) else {
                    break;
                };
                let change = pending.remove(at);
                self.create(change);
                outcomes.push((change.line, Renamed::Written));
            }
            let refuse = |change: &&Rename| (change.line, refused(Reason::SymbolsTaken, change));
            outcomes.extend(pending.iter().map(refuse));
            outcomes
        }

        /// Makes every written instrument a candidate for every symbol, as if there were no index.
        fn index_all_instruments(&mut self) {
            let everybody: BTreeSet<InstrumentId> = self.written.keys().copied().collect();
            for written in self.written_by_symbol.values_mut() {
                written.clone_from(&everybody);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Few symbols and few days, so that changes meet: chains, swaps, retirements,
        /// contradictions.
        #[test]
        fn each_change_ends_as_if_all_were_tried_again_and_again(
            held in proptest::sample::subsequence(vec!["A", "B", "C", "D"], 0..4),
            draws in proptest::collection::vec((0..7usize, 0..8usize, 1..9u32), 1..16),
        ) {
            const NAMES: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", ""];
            let draws = (2u32..).zip(draws).filter(|(_, (old, new, _))| old != new);
            let changes: Vec<Rename> = draws
                .map(|(line, (old, new, on))| {
                    change(line, NAMES[old], NAMES[new], &format!("2020-01-0{on}"))
                })
                .collect();
            let directory = directory(&held);
            let (mut quick, mut naive) = (renaming(&directory, 1), renaming(&directory, 1));
            prop_assert_eq!(quick.apply(&changes), naive.apply_naively(&changes));
            let parts = |renaming: Renaming<'_>| {
                let (instruments, namings, merging) = renaming.into_parts();
                (instruments, namings, merging.into_parts())
            };
            prop_assert_eq!(parts(quick), parts(naive));
        }
    }

    #[test]
    fn implausibly_many_changes_are_refused() {
        let directory = Directory::empty();
        let day = |at: usize| Day::from_epoch(18_262 + at as i32).to_string();
        let often: Vec<Rename> = (0..=CHANGES_OF_ONE_SYMBOL)
            .map(|at| change(at as u32 + 2, "A", &format!("B{at}"), &day(at)))
            .collect();
        let is_refused = |(_, outcome): &(u32, Renamed)| matches!(outcome, Renamed::Refused(fault) if fault.reason == Reason::TooManyChanges);
        assert!(renaming(&directory, 0).apply(&often).iter().all(is_refused));
        assert!(!renaming(&directory, 0).apply(&often[1..]).iter().any(is_refused));
        let chain: Vec<Rename> = (0..NAMES_OF_ONE + 9)
            .map(|at| change(at as u32 + 2, &format!("C{at}"), &format!("C{}", at + 1), &day(at)))
            .collect();
        let mut renaming = renaming(&directory, 0);
        let refused = renaming.apply(&chain).iter().filter(|outcome| is_refused(outcome)).count();
        assert!(0 < refused);
        assert!(renaming.written.values().all(|names| names.len() <= NAMES_OF_ONE));
    }

    #[test]
    fn a_symbol_of_hundreds_of_instruments_changes_no_more() {
        let mut directory = Directory::empty();
        let outcome = |directory: &Directory| {
            let changes = [change(2, "A", "B", "2020-01-02")];
            renaming(directory, 1).apply(&changes).remove(0).1
        };
        for at in 1..=HOLDERS_OF_ONE_SYMBOL as u32 {
            assert_ne!(
                outcome(&directory),
                refused(Reason::TooManyChanges, &change(2, "A", "B", "2020-01-02"))
            );
            let id = InstrumentId(at);
            let (from, until) = (Day::from_epoch(at as i32), Day::from_epoch(at as i32 + 1));
            let naming = Naming {
                instrument: id,
                revision: 1,
                symbol: Symbol::listed("A").unwrap(),
                from,
                until,
            };
            directory
                .extend(&[Instrument { id, namespace: Namespace::Listed, revision: 1 }], &[naming]);
        }
        assert_eq!(
            outcome(&directory),
            refused(Reason::TooManyChanges, &change(2, "A", "B", "2020-01-02"))
        );
    }

    #[test]
    fn twenty_thousand_changes_are_applied_in_bounded_time() {
        let directory = Directory::empty();
        let unrelated: Vec<Rename> = (0..20_000)
            .map(|at| change(at + 2, &format!("O{at}"), &format!("N{at}"), "2020-01-02"))
            .collect();
        // If the time were cubic in the number of changes, this would take a day and not a second.
        let outcomes = renaming(&directory, 0).apply(&unrelated);
        assert!(outcomes.iter().all(|(_, outcome)| *outcome == Renamed::Written));
    }
}
