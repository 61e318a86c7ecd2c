//! A snapshot compared with an earlier one of the same log: which results of the earlier one hold.

use marketdata::{
    changes::Changes, dataset::Dataset, day::Day, instrument::InstrumentId, snapshot::Snapshot,
};
use rayon::prelude::*;
use std::sync::OnceLock;

/// A snapshot and an earlier one. The two may be given in either order of time.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The snapshot to compute from.
    pub snapshot: &'a Snapshot,
    /// The snapshot whose results are known.
    pub before: &'a Snapshot,
    changes: Changes,
    /// By instrument number. Several computations ask for it, and a market of thousands of names
    /// takes a millisecond.
    bars: OnceLock<Vec<Option<Day>>>,
}

impl<'a> Comparison<'a> {
    /// Compares two snapshots of one log.
    pub fn of(snapshot: &'a Snapshot, before: &'a Snapshot) -> Comparison<'a> {
        let changes = snapshot.changed_since(before);
        Comparison { snapshot, before, changes, bars: OnceLock::new() }
    }

    /// Whether both have the same day.
    pub fn is_same_day(&self) -> bool {
        !self.changes.today
    }

    /// Whether both see the same facts of a dataset.
    pub fn is_same(&self, dataset: Dataset) -> bool {
        !self.changes.datasets.contains(dataset)
    }

    /// The first day on which an instrument's rows of a dataset may differ; `None` if they are the
    /// same.
    pub fn first_difference(&self, dataset: Dataset, instrument: InstrumentId) -> Option<Day> {
        if self.is_same(dataset) {
            return None;
        }
        if dataset == Dataset::Bars {
            return *self.bars().get(instrument.0 as usize)?;
        }
        self.snapshot.first_difference(self.before, dataset, instrument)
    }

    /// The instruments whose bars may differ, by id, each with the first day on which they do.
    pub fn changed_bars(&self) -> impl Iterator<Item = (InstrumentId, Day)> + '_ {
        let differences = if self.is_same(Dataset::Bars) { &[][..] } else { self.bars() };
        let ids = (0..).map(InstrumentId);
        ids.zip(differences).filter_map(|(id, day)| Some((id, (*day)?)))
    }

    /// Whether the unit changes of an instrument are the same.
    pub fn has_same_units(&self, instrument: InstrumentId) -> bool {
        self.is_same(Dataset::Splits) || self.snapshot.has_units_of(self.before, instrument)
    }

    /// Whether the instruments known to both have the same names, and every symbol of one of them
    /// still means it. Other instruments may be known to one snapshot only.
    pub fn has_same_names(&self) -> bool {
        !(self.changes.names || self.changes.today) || self.snapshot.has_names_of(self.before)
    }

    /// Computed on the threads of the caller's pool, outside the cell: a thread that waits for the
    /// others may begin another computation that asks, too.
    fn bars(&self) -> &[Option<Day>] {
        if let Some(bars) = self.bars.get() {
            return bars;
        }
        let ends = [self.snapshot, self.before].map(|one| one.instruments().len() as u32 + 1);
        let ids = (0..ends[0].max(ends[1])).into_par_iter();
        let difference =
            |id| self.snapshot.first_difference(self.before, Dataset::Bars, InstrumentId(id));
        let bars: Vec<Option<Day>> = ids.with_min_len(256).map(difference).collect();
        self.bars.get_or_init(|| bars)
    }
}
