//! Which change of names is to be tried next.

use crate::parsed_file::Rename;
use marketdata::symbol::Symbol;
use std::collections::{BTreeMap, BTreeSet};

/// Changes of one file that one symbol may stand in. A ticker that is given to others every few
/// years stands in a handful.
pub(super) const CHANGES_OF_ONE_SYMBOL: usize = 64;
/// Instruments that ever went by one symbol: each is looked at when the symbol is looked up.
pub(super) const HOLDERS_OF_ONE_SYMBOL: usize = 256;

/// The changes that are not settled, by their place in the order of trying: later days first.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    changes: Vec<&'a Rename>,
    /// The places of the changes that name a symbol.
    by_symbol: BTreeMap<&'a Symbol, Vec<usize>>,
    open: BTreeSet<usize>,
    /// Those to be tried, by round.
    due: BTreeSet<(usize, usize)>,
    /// Those of which neither symbol was known when they were last tried.
    unknown: BTreeSet<usize>,
    /// Where the trying is: the round, and the place in it.
    round: usize,
    place: usize,
    refused: Vec<&'a Rename>,
}

impl<'a> Waiting<'a> {
    /// `holders` counts the instruments that ever went by a symbol.
    pub(super) fn new(changes: &'a [Rename], holders: impl Fn(&Symbol) -> usize) -> Waiting<'a> {
        let mut mentions: BTreeMap<&Symbol, usize> = BTreeMap::new();
        for symbol in changes.iter().flat_map(symbols) {
            *mentions.entry(symbol).or_default() += 1;
        }
        let too_often = |change: &&Rename| {
            symbols(change).any(|symbol| {
                CHANGES_OF_ONE_SYMBOL < mentions[symbol] || HOLDERS_OF_ONE_SYMBOL <= holders(symbol)
            })
        };
        let (refused, mut kept): (Vec<&Rename>, Vec<&Rename>) =
            changes.iter().partition(|change| too_often(change));
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
            round: 0,
            place: 0,
            refused,
            changes: kept,
        }
    }

    /// The changes that are not even tried.
    pub(super) fn refused(&self) -> &[&'a Rename] {
        &self.refused
    }

    /// The change to be tried next.
    pub(super) fn next(&mut self) -> Option<(usize, &'a Rename)> {
        let (round, at) = self.due.pop_first()?;
        (self.round, self.place) = (round, at);
        Some((at, self.changes[at]))
    }

    pub(super) fn keep(&mut self, at: usize, is_unknown: bool) {
        if is_unknown {
            self.unknown.insert(at);
        } else {
            self.unknown.remove(&at);
        }
    }

    /// Settles a change. Where it was written, those that share a symbol with it are due again: in
    /// this round where their turn is to come, else in the next.
    pub(super) fn done(&mut self, at: usize, written: bool) {
        self.open.remove(&at);
        self.unknown.remove(&at);
        if !written {
            return;
        }
        for symbol in symbols(self.changes[at]) {
            for other in self.by_symbol.get(symbol).into_iter().flatten() {
                if self.open.contains(other) {
                    self.due.insert((self.round + usize::from(*other < self.place), *other));
                }
            }
        }
    }

    /// The earliest change between unknown symbols, once nothing is due.
    pub(super) fn earliest_unknown(&mut self) -> Option<(usize, &'a Rename)> {
        let at = *self.unknown.last()?;
        // Whatever an instrument's making tells is told in a new round.
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
