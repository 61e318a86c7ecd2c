//! How the rows that one snapshot sees of a track continue those that an earlier one saw.
//!
//! Told by where rows are stored and never by their values, so that it costs as much as there are
//! pieces. A change that would need a look at rows counts as a change of all.

use super::{Bounds, Piece, Track};
use crate::day::Day;
use std::sync::Arc;

/// What is visible beside the rows that were visible before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Nothing: the rows are the same.
    None,
    /// Rows of later days than all others. The first of them describes this day.
    From(Day),
}

impl Track {
    /// How the rows within `bounds` continue those that `earlier` shows within `then`. None where
    /// others may have changed.
    pub fn growth(&self, bounds: Bounds, earlier: &Track, then: Bounds) -> Option<Growth> {
        let shared = earlier.pieces.len();
        if self.pieces.len() < shared || !self.starts_with(&earlier.pieces) {
            return None;
        }
        let ordered =
            |pieces: &[Piece]| pieces.windows(2).all(|pair| pair[0].last_day < pair[1].first_day);
        if ordered(&self.pieces) {
            return self.growth_in_order(bounds, shared, then);
        }
        // Pieces that overlap show the same rows where all of each is seen both times.
        let (old, new) = self.pieces.split_at(shared);
        let last = old.iter().map(|piece| piece.last_day).max();
        let after = new.first().is_none_or(|first| last.is_none_or(|last| last < first.first_day));
        let whole = old.iter().all(|piece| {
            [bounds, then].iter().all(|bounds| seen(piece, *bounds) == Some(piece.rows.len()))
        });
        (whole && after && ordered(new)).then_some(())?;
        self.growth_in_order(bounds, shared, then)
    }

    /// Whether the first pieces are these.
    fn starts_with(&self, pieces: &[Piece]) -> bool {
        let same =
            |(a, b): (&Piece, &Piece)| Arc::ptr_eq(&a.segment, &b.segment) && a.rows == b.rows;
        self.pieces.iter().zip(pieces).all(same)
    }

    /// The same where no row of a piece supersedes one of another that is seen.
    fn growth_in_order(&self, bounds: Bounds, shared: usize, then: Bounds) -> Option<Growth> {
        let mut growth = Growth::None;
        for (at, piece) in self.pieces.iter().enumerate() {
            let now = seen(piece, bounds)?;
            let before = if at < shared { seen(piece, then)? } else { 0 };
            // What was seen before may neither be gone nor stand behind what is new.
            if now < before || (growth != Growth::None && 0 < before) {
                return None;
            }
            if before < now && growth == Growth::None {
                growth = Growth::From(piece.segment.effective_on[piece.rows.start + before]);
            }
        }
        Some(growth)
    }
}

/// Number of rows within the bounds, where they are the leading ones by rule and none of them
/// supersedes another.
fn seen(piece: &Piece, bounds: Bounds) -> Option<usize> {
    piece.unique.then(|| piece.leading(bounds)).flatten()
}
