//! The facts of several instruments read as those of one.

use super::{
    Bounds, Track,
    piece::{Piece, Rank},
    rows::{Part, Picks},
};
use crate::{
    day::Day,
    instrument::InstrumentId,
    merges::Merges,
    segment::{Ints, Numbers, Published, Run, Segment},
};
use std::{collections::BTreeSet, sync::Arc};

impl Track {
    /// The facts of a survivor and of the instruments merged into it, or the facts of any
    /// instrument that name a merged one as their other instrument. Segments are shared; only
    /// facts with a merged other instrument are copied, under the name of its survivor.
    ///
    /// The survivor's own pieces come last, because they are the ones that grow: two unions are
    /// compared up to their first different piece. Tracks of the same depth keep their order, which
    /// decides between facts of one publication and revision.
    pub(crate) fn union(tracks: &[(InstrumentId, &Track)], merges: &Merges) -> Track {
        let mut by_depth: Vec<(u32, &Track)> =
            tracks.iter().map(|(id, track)| (merges.depth(*id), *track)).collect();
        by_depth.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
        let mut union = Track::empty();
        for (depth, track) in by_depth {
            for piece in &track.pieces {
                if piece.names_any(merges) {
                    for (other, copy) in piece.renamed(merges) {
                        let rank = Rank { instrument: depth, other };
                        union.push_piece(copy.ranked(rank));
                    }
                } else {
                    let rank = Rank { instrument: depth, other: 0 };
                    union.push_piece(piece.clone().ranked(rank));
                }
            }
        }
        union
    }

    /// Whether any fact has a merged instrument as its other instrument.
    pub(crate) fn names_any(&self, merges: &Merges) -> bool {
        self.pieces.iter().any(|piece| piece.names_any(merges))
    }

    /// The rows that a snapshot sees, as [`Track::picks`] with [`Track::winners`] finds them. Zones
    /// with one piece per rank are merged by key, without asking when each row was published.
    pub(super) fn picks_of_union(&self, bounds: Bounds) -> Picks {
        let mut picks = Picks::none();
        for parts in self.zones.get_or_init(|| self.find_zones()) {
            match self.ranked(parts, bounds) {
                Some(ranked) if ranked.len() == 1 => {
                    picks.push(ranked[0].piece, ranked[0].rows.clone());
                }
                Some(ranked) if self.has_distinct_ranks(&ranked) => {
                    self.each_key(&ranked, |rows| picks.push(rows[0].0, rows[0].1..rows[0].1 + 1));
                }
                _ => {
                    for (piece, row) in self.winners(self.visible(parts, bounds)) {
                        picks.push(piece, row..row + 1);
                    }
                }
            }
        }
        picks
    }

    /// The visible rows of each part, the best rank first, if they are known to be leading rows.
    fn ranked(&self, parts: &[Part], bounds: Bounds) -> Option<Vec<Part>> {
        let shown = parts.iter().map(|part| self.by_rule(std::slice::from_ref(part), bounds));
        let mut shown: Vec<Part> = shown.collect::<Option<_>>()?;
        shown.sort_by_key(|part| self.pieces[part.piece].rank);
        Some(shown)
    }

    fn has_distinct_ranks(&self, ranked: &[Part]) -> bool {
        let rank = |part: &Part| self.pieces[part.piece].rank;
        ranked.windows(2).all(|pair| rank(&pair[0]) != rank(&pair[1]))
    }

    /// Visits the rows of each key (piece and row), in the order of keys, then of the parts.
    fn each_key(&self, parts: &[Part], mut visit: impl FnMut(&[(usize, usize)])) {
        let key = |piece: usize, row: usize| {
            let segment = &self.pieces[piece].segment;
            (segment.effective_on[row], segment.other.get(row))
        };
        let mut left = parts.to_vec();
        let mut same = Vec::with_capacity(parts.len());
        loop {
            let open = left.iter().filter(|part| !part.rows.is_empty());
            let Some(next) = open.map(|part| key(part.piece, part.rows.start)).min() else { break };
            same.clear();
            for part in &mut left {
                let row = part.rows.start;
                if !part.rows.is_empty() && key(part.piece, row) == next {
                    same.push((part.piece, row));
                    part.rows.start += 1;
                }
            }
            visit(&same);
        }
    }

    /// The days on which a fact hides another one because its instrument is the survivor, each with
    /// the other instrument for whose sake that is so (`NONE` for the instrument itself).
    pub(crate) fn hidden(&self, bounds: Bounds) -> BTreeSet<(InstrumentId, Day)> {
        let mut hidden = BTreeSet::new();
        let rank = |(piece, _): &(usize, usize)| self.pieces[*piece].rank;
        let mut note = |rows: &[(usize, usize)]| {
            for pair in rows.windows(2) {
                let [a, b] = [rank(&pair[0]), rank(&pair[1])];
                let (piece, row) = pair[0];
                let segment = &self.pieces[piece].segment;
                if a.instrument != b.instrument {
                    hidden.insert((InstrumentId::NONE, segment.effective_on[row]));
                } else if a.other != b.other {
                    hidden.insert((segment.other.get(row), segment.effective_on[row]));
                }
            }
        };
        let zones = self.zones.get_or_init(|| self.find_zones());
        for parts in zones.iter().filter(|parts| 1 < parts.len()) {
            match self.ranked(parts, bounds) {
                Some(ranked) => self.each_key(&ranked, &mut note),
                None => {
                    let visible = self.visible(parts, bounds);
                    for same in visible.chunk_by(|a, b| a.0 == b.0) {
                        let rows: Vec<_> = same.iter().map(|row| (row.3, row.4)).collect();
                        note(&rows);
                    }
                }
            }
        }
        hidden
    }
}

impl Piece {
    fn names_any(&self, merges: &Merges) -> bool {
        match &self.segment.other {
            Ints::Constant(other) => merges.of(*other).is_some(),
            Ints::Each(others) => {
                others[self.rows.clone()].iter().any(|other| merges.of(*other).is_some())
            }
        }
    }

    /// Copies of the rows that name survivors instead of merged instruments, one piece for each
    /// depth of the other instrument.
    fn renamed(&self, merges: &Merges) -> Vec<(u32, Piece)> {
        let segment = &self.segment;
        let depth = |row: &usize| merges.depth(segment.other.get(*row));
        let mut depths: Vec<u32> = self.rows.clone().map(|row| depth(&row)).collect();
        depths.sort_unstable();
        depths.dedup();
        let of_depth = |wanted: u32| {
            let rows = self.rows.clone().filter(|row| depth(row) == wanted).collect();
            let run = |copy: &Segment| Run { start: 0, len: copy.len() as u32, ..segment.runs[0] };
            let copy = copied(segment, rows, merges);
            let run = run(&copy);
            Some((wanted, Piece::new(Arc::new(copy), run)?))
        };
        depths.into_iter().rev().filter_map(of_depth).collect()
    }
}

/// Some rows of a segment, with the survivors of their other instruments.
fn copied(segment: &Segment, mut rows: Vec<usize>, merges: &Merges) -> Segment {
    let other = |row: &usize| merges.survivor(segment.other.get(*row));
    rows.sort_by_key(|row| {
        let written = (segment.published(*row), segment.revision.get(*row));
        (segment.effective_on[*row], other(row), written)
    });
    let each = |column: &Numbers| rows.iter().map(|row| column.get(*row)).collect();
    Segment {
        dataset: segment.dataset,
        runs: segment.runs[..1].to_vec(),
        other: Ints::from_vec(rows.iter().map(other).collect()),
        effective_on: rows.iter().map(|row| segment.effective_on[*row]).collect(),
        published_at: match &segment.published_at {
            Published::Each(instants) => {
                Published::Each(rows.iter().map(|row| instants[*row]).collect())
            }
            by_rule => by_rule.clone(),
        },
        revision: Ints::from_vec(rows.iter().map(|row| segment.revision.get(*row)).collect()),
        columns: segment.columns.iter().map(|column| Numbers::from_vec(each(column))).collect(),
    }
}
