//! The first day on which two views of one instrument's facts differ, and its latest rows, both
//! found from the pieces without reading older rows.

use super::{Bounds, Picks, Piece, Rows, Track};
use crate::day::Day;
use std::{ops::Range, sync::Arc};

impl Track {
    /// The first day of any fact that one view sees and the other does not; `None` if both see the
    /// same. Rows of earlier days are the same in both, because a row is superseded only by rows of
    /// its own day.
    ///
    /// The day may be too early: facts that were stored again in another segment count as
    /// different.
    pub fn first_difference(
        &self,
        bounds: Bounds,
        earlier: &Track,
        earlier_bounds: Bounds,
    ) -> Option<Day> {
        let same = |(a, b): &(&Piece, &Piece)| {
            Arc::ptr_eq(&a.segment, &b.segment) && a.rows == b.rows && a.rank == b.rank
        };
        let common = self.pieces.iter().zip(&earlier.pieces).take_while(same).count();
        let inside = self.pieces[..common]
            .iter()
            .filter_map(|piece| piece.first_seen_once(bounds, earlier_bounds));
        let own = self.pieces[common..].iter().filter_map(|piece| piece.first_seen(bounds));
        let others = earlier.pieces[common..].iter();
        let others = others.filter_map(|piece| piece.first_seen(earlier_bounds));
        inside.chain(own).chain(others).min()
    }

    /// The first and last day of the rows a view sees, without selecting the rows.
    pub fn span(&self, bounds: Bounds) -> Option<(Day, Day)> {
        let spans = self.pieces.iter().filter_map(|piece| {
            if piece.shows_all(bounds) {
                return Some((piece.first_day, piece.last_day));
            }
            let row = piece.rows.clone().rev().find(|row| piece.sees(*row, bounds))?;
            Some((piece.first_seen(bounds)?, piece.segment.effective_on[row]))
        });
        spans.reduce(|(first, last), (start, end)| (first.min(start), last.max(end)))
    }

    /// The rows from a day on: the same as [`Track::rows`] and [`Rows::since`], without selecting
    /// the others.
    pub fn rows_since(&self, bounds: Bounds, first: Day) -> Rows<'_> {
        match self.tail(bounds, first) {
            Some(picks) => Rows { track: self, picks },
            None => self.rows(bounds).since(first),
        }
    }

    /// The rows from a day on, if the pieces that hold any follow each other and the visible rows
    /// of each are known to be its leading rows; `None` otherwise.
    fn tail(&self, bounds: Bounds, first: Day) -> Option<Picks> {
        let mut picks = Picks::none();
        let mut last_day = None;
        for (index, piece) in self.pieces.iter().enumerate() {
            if piece.last_day < first {
                continue;
            }
            if last_day.is_some_and(|last| piece.first_day <= last) {
                return None;
            }
            last_day = Some(piece.last_day);
            let shown = piece.shown_by_rule(bounds)?;
            let days = &piece.segment.effective_on[shown.clone()];
            let start = shown.start + first_on_or_after(days, first);
            picks.push(index, start..shown.end);
        }
        Some(picks)
    }
}

impl Piece {
    /// The rows within the bounds, if they are known to be the leading rows and none supersedes
    /// another.
    fn shown_by_rule(&self, bounds: Bounds) -> Option<Range<usize>> {
        let count = self.leading(bounds).filter(|_| self.unique)?;
        Some(self.rows.start..self.rows.start + count)
    }

    /// Whether every row is known to be within the bounds without reading the rows.
    fn shows_all(&self, bounds: Bounds) -> bool {
        self.leading(bounds) == Some(self.rows.len())
    }

    /// The day of the first row that a view sees.
    fn first_seen(&self, bounds: Bounds) -> Option<Day> {
        let row = match self.leading(bounds) {
            Some(0) => None,
            Some(_) => Some(self.rows.start),
            None => self.rows.clone().find(|row| self.sees(*row, bounds)),
        };
        row.map(|row| self.segment.effective_on[row])
    }

    /// The day of the first row that one of two views sees and the other does not.
    fn first_seen_once(&self, one: Bounds, other: Bounds) -> Option<Day> {
        let row = match (self.leading(one), self.leading(other)) {
            (Some(a), Some(b)) if a == b => None,
            (Some(a), Some(b)) => Some(self.rows.start + a.min(b)),
            _ => self.rows.clone().find(|row| self.sees(*row, one) != self.sees(*row, other)),
        };
        row.map(|row| self.segment.effective_on[row])
    }
}

/// Index of the first day at or after another, searched from the end.
fn first_on_or_after(days: &[Day], first: Day) -> usize {
    let mut step = 8;
    while step < days.len() && first <= days[days.len() - step] {
        step *= 2;
    }
    let start = days.len().saturating_sub(step);
    start + days[start..].partition_point(|day| *day < first)
}
