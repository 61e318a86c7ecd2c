//! Which instruments are merged into which others: one company that was stored under two symbols.
//!
//! A merge is a fact of [`Dataset::Merges`]. It is visible from its revision on, regardless of the
//! as-of date, and can be retracted by a later one. No other fact is rewritten: a view reads the
//! facts of merged instruments as facts of their survivor, and where both have a value, the
//! survivor's wins.

use crate::{
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    segment::Segment,
};
use std::{collections::BTreeMap, sync::Arc};

/// One instrument merged into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The instrument that it is merged into, which may itself be merged.
    pub survivor: InstrumentId,
    /// The day whose symbols the merge was written with.
    pub on: Day,
    /// The revision that wrote it.
    pub revision: u64,
}

/// Why an instrument cannot be merged into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmergeable {
    /// They are the same instrument, or the survivor is already merged into the other one.
    Cycle,
    /// It is merged into another instrument.
    Elsewhere(InstrumentId),
}

/// The merges of a log at a revision: a forest, in which every root is a survivor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merges {
    into: BTreeMap<InstrumentId, Merge>,
}

impl Merges {
    /// Nothing is merged.
    pub const NONE: Merges = Merges { into: BTreeMap::new() };

    /// Whether nothing is merged.
    pub fn is_empty(&self) -> bool {
        self.into.is_empty()
    }

    /// Every merged instrument, by id, with its merge.
    pub fn iter(&self) -> impl Iterator<Item = (InstrumentId, Merge)> + '_ {
        self.into.iter().map(|(merged, merge)| (*merged, *merge))
    }

    /// The merge of an instrument, if it is merged.
    pub fn of(&self, merged: InstrumentId) -> Option<Merge> {
        self.into.get(&merged).copied()
    }

    /// The instrument under which the facts of an instrument are read: itself, unless it is merged.
    pub fn survivor(&self, instrument: InstrumentId) -> InstrumentId {
        self.chain(instrument).last().unwrap_or(instrument)
    }

    /// Number of merges between an instrument and its survivor.
    pub fn depth(&self, instrument: InstrumentId) -> u32 {
        self.chain(instrument).count() as u32
    }

    /// The instruments that an instrument is merged into, the nearest first.
    fn chain(&self, instrument: InstrumentId) -> impl Iterator<Item = InstrumentId> + '_ {
        let next = |id: &InstrumentId| self.into.get(id).map(|merge| merge.survivor);
        std::iter::successors(next(&instrument), next)
    }

    /// Checks whether an instrument can be merged into another one.
    ///
    /// # Errors
    /// The merge would close a cycle, or give the instrument two survivors.
    pub fn check(&self, merged: InstrumentId, survivor: InstrumentId) -> Result<(), Unmergeable> {
        if merged == survivor || self.chain(survivor).any(|above| above == merged) {
            return Err(Unmergeable::Cycle);
        }
        match self.of(merged) {
            Some(merge) if merge.survivor != survivor => {
                Err(Unmergeable::Elsewhere(merge.survivor))
            }
            _ => Ok(()),
        }
    }

    /// Merges an instrument into another one; call [`Merges::check`] first.
    pub fn add(&mut self, merged: InstrumentId, merge: Merge) {
        let is_possible = self.check(merged, merge.survivor).is_ok();
        debug_assert!(is_possible, "invariant: merges are checked before they are stored");
        if is_possible {
            self.into.insert(merged, merge);
        }
    }

    /// Undoes a merge. Returns whether there was one.
    pub fn remove(&mut self, merged: InstrumentId, survivor: InstrumentId) -> bool {
        let is_merged = self.of(merged).is_some_and(|merge| merge.survivor == survivor);
        is_merged && self.into.remove(&merged).is_some()
    }

    /// Applies the facts of one revision. Retractions come first, so that one file can move an
    /// instrument from one survivor to another.
    fn write(&mut self, written: &[Written]) {
        for retracted in written.iter().filter(|written| !written.is_merged) {
            self.remove(retracted.merged, retracted.merge.survivor);
        }
        for added in written.iter().filter(|written| written.is_merged) {
            self.add(added.merged, added.merge);
        }
    }
}

/// A fact of the dataset.
#[derive(Clone, Copy, Debug)]
struct Written {
    merged: InstrumentId,
    merge: Merge,
    is_merged: bool,
}

/// The merges after each revision that changed them, ascending.
#[derive(Clone, Debug)]
pub(crate) struct History(Vec<(u64, Arc<Merges>)>);

impl History {
    /// Nothing was ever merged.
    pub(crate) const NONE: History = History(Vec::new());

    /// The history with the facts of further segments, all of later revisions.
    pub(crate) fn extended(&self, segments: &[Arc<Segment>]) -> History {
        let mut history = self.clone();
        let of_dataset = segments.iter().filter(|segment| segment.dataset == Dataset::Merges);
        let mut written: Vec<Written> = of_dataset.flat_map(|segment| rows(segment)).collect();
        written.sort_by_key(|written| (written.merge.revision, written.merged));
        for of_revision in written.chunk_by(|a, b| a.merge.revision == b.merge.revision) {
            let mut merges = history.0.last().map_or(Merges::NONE, |(_, last)| Merges::clone(last));
            merges.write(of_revision);
            history.0.push((of_revision[0].merge.revision, Arc::new(merges)));
        }
        history
    }

    /// The merges after each revision that changed them.
    pub(crate) fn states(&self) -> impl Iterator<Item = (u64, &Arc<Merges>)> {
        self.0.iter().map(|(revision, merges)| (*revision, merges))
    }
}

fn rows(segment: &Segment) -> impl Iterator<Item = Written> + '_ {
    let column = Dataset::Merges.column(Field::Merged);
    let rows = segment
        .runs
        .iter()
        .flat_map(|run| (run.start..run.start + run.len).map(|row| (run.instrument, row as usize)));
    rows.map(move |(merged, row)| Written {
        merged,
        merge: Merge {
            survivor: segment.other.get(row),
            on: segment.effective_on[row],
            revision: segment.revision.get(row),
        },
        is_merged: segment.columns[column].get(row) > 0.5,
    })
}
