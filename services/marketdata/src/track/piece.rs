//! One instrument's rows of one segment, and which of them are within the bounds of a snapshot.

use super::Bounds;
use crate::{
    day::Day,
    instant::Instant,
    segment::{Ints, Published, Run, Segment},
};
use std::{ops::Range, sync::Arc};

/// The range and order of a column of integers over the rows of a piece. They usually tell which
/// rows are at or below a bound without reading each row.
#[derive(Clone, Copy, Debug)]
struct Extent<T> {
    least: T,
    greatest: T,
    /// Whether no value is below the previous one.
    rises: bool,
}

impl<T: Copy + Ord> Extent<T> {
    /// `None` for a column without rows.
    fn of(values: &[T]) -> Option<Extent<T>> {
        let (least, greatest) = (*values.iter().min()?, *values.iter().max()?);
        Some(Extent { least, greatest, rises: values.is_sorted() })
    }

    /// Number of rows at or below the bound, if these are the leading rows; `None` if each row
    /// would have to be read.
    fn leading(&self, values: &[T], bound: T) -> Option<usize> {
        if self.greatest <= bound {
            Some(values.len())
        } else if bound < self.least {
            Some(0)
        } else {
            self.rises.then(|| values.partition_point(|value| *value <= bound))
        }
    }
}

/// How far the facts of a piece are from the instrument that they are read as; the least wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Number of merges between the instrument of the facts and its survivor.
    pub(super) instrument: u32,
    /// The same for their other instrument.
    pub(super) other: u32,
}

impl Rank {
    /// Facts of the instrument itself.
    pub(super) const OWN: Rank = Rank { instrument: 0, other: 0 };
}

/// One instrument's rows of one segment; at least one row.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) segment: Arc<Segment>,
    pub(super) rows: Range<usize>,
    pub(super) rank: Rank,
    pub(super) first_day: Day,
    pub(super) last_day: Day,
    /// No two rows share a key, so no row supersedes another of the same piece.
    pub(super) unique: bool,
    /// Extent of the revisions, if the segment has one per row.
    revisions: Option<Extent<u64>>,
    /// Extent of the publications, if the segment has one per row.
    published: Option<Extent<Instant>>,
}

impl Piece {
    /// `None` for a run without rows.
    pub(super) fn new(segment: Arc<Segment>, run: Run) -> Option<Piece> {
        let rows = run.start as usize..(run.start + run.len) as usize;
        let days = &segment.effective_on[rows.clone()];
        let key = |row: usize| (segment.effective_on[row], segment.other.get(row));
        let unique = (rows.start + 1..rows.end).all(|row| key(row - 1) < key(row));
        let (first_day, last_day) = (*days.first()?, *days.last()?);
        let revisions = match &segment.revision {
            Ints::Constant(_) => None,
            Ints::Each(revisions) => Extent::of(&revisions[rows.clone()]),
        };
        let published = match &segment.published_at {
            Published::Constant(_) | Published::AtClose => None,
            Published::Each(instants) => Extent::of(&instants[rows.clone()]),
        };
        let rank = Rank::OWN;
        Some(Piece { segment, rows, rank, first_day, last_day, unique, revisions, published })
    }

    /// The same rows with another rank.
    pub(super) fn ranked(self, rank: Rank) -> Piece {
        Piece { rank, ..self }
    }

    pub(super) fn sees(&self, row: usize, bounds: Bounds) -> bool {
        self.segment.revision.get(row) <= bounds.revision && self.published_by(row, bounds)
    }

    fn published_by(&self, row: usize, bounds: Bounds) -> bool {
        match &self.segment.published_at {
            Published::Constant(instant) => *instant <= bounds.as_of,
            Published::AtClose => self.segment.effective_on[row] <= bounds.last_close,
            Published::Each(instants) => instants[row] <= bounds.as_of,
        }
    }

    /// Whether any row is within the bounds.
    pub(super) fn sees_any(&self, bounds: Bounds) -> bool {
        match self.leading(bounds) {
            Some(count) => 0 < count,
            None => self.rows.clone().any(|row| self.sees(row, bounds)),
        }
    }

    /// Number of rows within the bounds, if these are known to be the leading rows; `None`
    /// otherwise.
    pub(super) fn leading(&self, bounds: Bounds) -> Option<usize> {
        Some(self.leading_by_revision(bounds)?.min(self.leading_by_publication(bounds)?))
    }

    fn leading_by_revision(&self, bounds: Bounds) -> Option<usize> {
        match &self.segment.revision {
            Ints::Constant(revision) => Some(self.all_if(*revision <= bounds.revision)),
            Ints::Each(revisions) => {
                self.revisions?.leading(&revisions[self.rows.clone()], bounds.revision)
            }
        }
    }

    fn leading_by_publication(&self, bounds: Bounds) -> Option<usize> {
        match &self.segment.published_at {
            Published::Constant(instant) => Some(self.all_if(*instant <= bounds.as_of)),
            // Days ascend within a piece, and so do their closes.
            Published::AtClose => Some(self.rows_before(bounds.last_close.plus(1))),
            Published::Each(instants) => {
                self.published?.leading(&instants[self.rows.clone()], bounds.as_of)
            }
        }
    }

    fn all_if(&self, is_within: bool) -> usize {
        if is_within { self.rows.len() } else { 0 }
    }

    /// Number of rows before a day.
    fn rows_before(&self, day: Day) -> usize {
        if self.last_day < day {
            return self.rows.len();
        }
        self.segment.effective_on[self.rows.clone()].partition_point(|held| *held < day)
    }

    /// The rows of the days from `first` to the day before `end`.
    pub(super) fn rows_of(&self, first: Day, end: Day) -> Range<usize> {
        let start = self.rows.start;
        start + self.rows_before(first)..start + self.rows_before(end)
    }
}
