//! Schedules which symbol change is tried next.

use crate::parsed_file::Rename;
use marketdata::{day::Day, instrument::InstrumentId, symbol::Symbol};
use std::collections::{BTreeMap, BTreeSet};
use tables::refusal::Reason;

/// Maximum number of changes in one file that may name the same symbol. A ticker that is reassigned
/// every few years occurs in a handful.
pub(super) const CHANGES_OF_ONE_SYMBOL: usize = 64;
/// Maximum number of instruments that ever had one symbol, because a lookup checks each of them.
pub(super) const HOLDERS_OF_ONE_SYMBOL: usize = 256;

/// The instrument that has the old symbol of a change on the day before, and the one that has the
/// new symbol on the day.
pub(super) type Parties = (Option<InstrumentId>, Option<InstrumentId>);

/// The changes that are not settled, by their position in the order of trying: later days first.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    changes: Vec<&'a Rename>,
    /// The positions of the changes that name a symbol.
    by_symbol: BTreeMap<&'a Symbol, Vec<usize>>,
    open: BTreeSet<usize>,
    /// The changes to be tried, by round and position.
    due: BTreeSet<(usize, usize)>,
    /// The changes of which neither symbol was known when they were last tried.
    unknown: BTreeSet<usize>,
    /// The changes between two instruments that could not be merged when they were last tried.
    apart: BTreeMap<(InstrumentId, InstrumentId), BTreeSet<usize>>,
    /// The current round, and the position in it.
    round: usize,
    place: usize,
    refused: Vec<(&'a Rename, Reason)>,
}

impl<'a> Waiting<'a> {
    /// `holders` counts the instruments that ever had a symbol.
    pub(super) fn new(changes: &'a [Rename], holders: impl Fn(&Symbol) -> usize) -> Waiting<'a> {
        let mut mentions: BTreeMap<&Symbol, usize> = BTreeMap::new();
        for symbol in changes.iter().flat_map(symbols) {
            *mentions.entry(symbol).or_default() += 1;
        }
        let too_often = |change: &Rename| {
            symbols(change).any(|symbol| {
                CHANGES_OF_ONE_SYMBOL < mentions[symbol] || HOLDERS_OF_ONE_SYMBOL <= holders(symbol)
            })
        };
        let mut becomes: BTreeMap<(&Symbol, Day), BTreeSet<Option<&Symbol>>> = BTreeMap::new();
        for change in changes {
            becomes.entry((&change.old, change.on)).or_default().insert(change.new.as_ref());
        }
        let fault = |change: &Rename| match becomes[&(&change.old, change.on)].len() {
            1 => too_often(change).then_some(Reason::TooManyChanges),
            _ => Some(Reason::NamedOtherwise),
        };
        let refused: Vec<(&Rename, Reason)> =
            changes.iter().filter_map(|change| Some((change, fault(change)?))).collect();
        let mut kept: Vec<&Rename> =
            changes.iter().filter(|change| fault(change).is_none()).collect();
        kept.sort_by_key(|change| (std::cmp::Reverse(change.on), change.line));
        let mut by_symbol: BTreeMap<&Symbol, Vec<usize>> = BTreeMap::new();
        for (at, change) in kept.iter().enumerate() {
            for symbol in symbols(change) {
                by_symbol.entry(symbol).or_default().push(at);
            }
        }
        Waiting {
            by_symbol,
            open: (0..kept.len()).collect(),
            due: (0..kept.len()).map(|at| (0, at)).collect(),
            unknown: BTreeSet::new(),
            apart: BTreeMap::new(),
            round: 0,
            place: 0,
            refused,
            changes: kept,
        }
    }

    /// The changes that are refused without being tried.
    pub(super) fn refused(&self) -> &[(&'a Rename, Reason)] {
        &self.refused
    }

    /// The change to be tried next.
    pub(super) fn next(&mut self) -> Option<(usize, &'a Rename)> {
        let (round, at) = self.due.pop_first()?;
        (self.round, self.place) = (round, at);
        Some((at, self.changes[at]))
    }

    /// Keeps a change that cannot be applied yet.
    pub(super) fn keep(&mut self, at: usize, parties: Parties) {
        self.unknown.remove(&at);
        match parties {
            (None, None) => {
                self.unknown.insert(at);
            }
            (Some(old), Some(new)) => {
                self.apart.entry((old, new)).or_default().insert(at);
            }
            _ => {}
        }
    }

    /// Settles a change. If it was written, the changes that share a symbol with it are due again,
    /// and if it merged two instruments, those between the two on other days, under whichever
    /// symbols: in this round if their position is still to come, else in the next.
    pub(super) fn done(&mut self, at: usize, parties: Parties, written: bool) {
        self.open.remove(&at);
        self.unknown.remove(&at);
        if !written {
            return;
        }
        let merged = parties.0.zip(parties.1).and_then(|pair| self.apart.remove(&pair));
        let named = symbols(self.changes[at]).filter_map(|symbol| self.by_symbol.get(symbol));
        for other in named.flatten().copied().chain(merged.into_iter().flatten()) {
            if self.open.contains(&other) {
                self.due.insert((self.round + usize::from(other < self.place), other));
            }
        }
    }

    /// The earliest change between unknown symbols, once nothing else is due.
    pub(super) fn earliest_unknown(&mut self) -> Option<(usize, &'a Rename)> {
        let at = *self.unknown.last()?;
        // Changes enabled by a new instrument are tried in a new round.
        (self.round, self.place) = (self.round + 1, 0);
        Some((at, self.changes[at]))
    }

    pub(super) fn rest(&self) -> impl Iterator<Item = &'a Rename> + '_ {
        self.open.iter().map(|at| self.changes[*at])
    }
}

/// The symbols that a change names.
pub(super) fn symbols(change: &Rename) -> impl Iterator<Item = &Symbol> {
    std::iter::once(&change.old).chain(&change.new)
}
