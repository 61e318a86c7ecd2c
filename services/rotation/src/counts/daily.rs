//! Counts by day, and the days that are counted.

use crate::tally::{Tally, Weights};
use marketdata::day::Day;
use std::sync::Arc;

/// The days that are counted, ascending: at least those on which a line of the universe has a row.
/// A day on which none has one counts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    /// Days up to the checkpoint.
    pub(crate) early: Arc<[Day]>,
    /// Days after the checkpoint.
    pub(crate) late: Arc<[Day]>,
    /// Last day of the early ones; it need not be counted itself.
    pub(crate) checkpoint: Day,
    /// Last day.
    pub(crate) last: Day,
}

/// Counts by day.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counts {
    /// Ascending.
    pub(crate) days: Arc<[Day]>,
    /// By place in `days`.
    pub(crate) tallies: Vec<Tally>,
    /// By place in `days`.
    pub(crate) weights: Vec<Weights>,
}

impl Counts {
    /// Counts of no names.
    pub(crate) fn none(days: &Arc<[Day]>) -> Counts {
        let tallies = vec![Tally::NONE; days.len()];
        let weights = vec![Weights::NONE; days.len()];
        Counts { days: Arc::clone(days), tallies, weights }
    }

    /// Adds later days, without names. The first of `days` are those counted so far.
    pub(super) fn extend_to(&mut self, days: &Arc<[Day]>) {
        let more = days.len() - self.days.len();
        self.days = Arc::clone(days);
        self.tallies.reserve_exact(more);
        self.tallies.resize(days.len(), Tally::NONE);
        self.weights.reserve_exact(more);
        self.weights.resize(days.len(), Weights::NONE);
    }

    /// Place of the first day at or after another.
    pub(super) fn place(&self, day: Day) -> usize {
        self.days.partition_point(|counted| *counted < day)
    }

    /// Place of a day that is counted, at `start` or after it.
    pub(super) fn next_place(&self, start: usize, day: Day) -> usize {
        let ahead = self.days[start..].iter().take_while(|counted| **counted < day).count();
        debug_assert_eq!(self.days.get(start + ahead), Some(&day), "invariant: rows have a day");
        start + ahead
    }

    /// Adds the counts of other issuers on the same days.
    pub(crate) fn add(&mut self, other: &Counts) {
        self.tallies.iter_mut().zip(&other.tallies).for_each(|(own, other)| own.add(other));
        self.weights.iter_mut().zip(&other.weights).for_each(|(own, other)| own.add(other));
    }

    /// Memory held outside of itself, in bytes, without the days, which all ranges share.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.tallies.capacity() * size_of::<Tally>()
            + self.weights.capacity() * size_of::<Weights>()
    }
}
