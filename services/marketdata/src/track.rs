//! All facts of one instrument in one dataset, and the selection of those that a snapshot sees.

mod difference;
mod piece;
mod rows;
mod union;

pub use rows::Rows;

use crate::{
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    segment::{Run, Segment},
};
use piece::{Piece, Rank};
use rows::{Part, Picks};
use std::{
    cmp::Reverse,
    sync::{Arc, OnceLock},
};

mod first_published;

/// The two bounds of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounds {
    /// Only facts published at or before this instant are visible.
    pub as_of: Instant,
    /// Only facts that the log held at or before this revision are visible.
    pub revision: u64,
    /// The day in New York at `as_of`.
    pub today: Day,
    /// The last day whose close is at or before `as_of`.
    last_close: Day,
}

impl Bounds {
    /// The bounds of a snapshot.
    pub fn new(as_of: Instant, revision: u64) -> Bounds {
        let today = as_of.new_york_day();
        let last_close = if Instant::close_of(today) <= as_of { today } else { today.plus(-1) };
        Bounds { as_of, revision, today, last_close }
    }
}

/// Key, publication, revision, piece index and row index of a visible fact.
type Visible = ((Day, InstrumentId), Instant, u64, usize, usize);

/// All facts of one instrument in one dataset, as pieces of the segments that hold them.
#[derive(Clone, Debug)]
pub struct Track {
    pieces: Vec<Piece>,
    /// Whether each piece starts after the previous one ends.
    in_order: bool,
    /// Whether the pieces have different ranks: facts of several instruments read as one.
    is_union: bool,
    /// Computed on first use; not needed if the track is in order.
    zones: OnceLock<Vec<Vec<Part>>>,
}

impl Track {
    /// A track without facts.
    pub const fn empty() -> Track {
        Track { pieces: Vec::new(), in_order: true, is_union: false, zones: OnceLock::new() }
    }

    /// The memory it holds outside of itself, bytes, without the segments.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pieces.capacity() * size_of::<Piece>()
    }

    /// Adds the rows of a segment's run.
    pub fn push(&mut self, segment: Arc<Segment>, run: Run) {
        if let Some(piece) = Piece::new(segment, run) {
            self.push_piece(piece);
        }
    }

    fn push_piece(&mut self, piece: Piece) {
        self.in_order &= self.pieces.last().is_none_or(|last| last.last_day < piece.first_day);
        self.is_union |= piece.rank != Rank::OWN;
        self.zones = OnceLock::new();
        self.pieces.push(piece);
    }

    /// The rows a snapshot sees: per day and other instrument the latest publication within the
    /// bounds, with ties going to the higher revision. Sorted by day, then by other instrument. Of
    /// consecutive publications with the same values the first is taken, so that the publication
    /// time does not depend on the order in which they were ingested.
    pub fn rows(&self, bounds: Bounds) -> Rows<'_> {
        let picks = if self.is_union {
            self.picks_of_union(bounds)
        } else {
            self.picks(bounds, Track::winners)
        };
        Rows { track: self, picks }
    }

    /// Whether [`Track::rows`] returns any row, without computing them.
    pub fn sees_any(&self, bounds: Bounds) -> bool {
        self.pieces.iter().any(|piece| piece.sees_any(bounds))
    }

    /// Every fact up to a revision, including superseded ones, by day, other instrument,
    /// publication and revision.
    pub fn every(&self, revision: u64) -> Rows<'_> {
        let all = |_: &Track, visible: Vec<Visible>| {
            visible.into_iter().map(|(_, _, _, piece, row)| (piece, row)).collect()
        };
        Rows { track: self, picks: self.picks(Bounds::new(Instant::MAX, revision), all) }
    }

    /// Rows of different days never supersede each other, so each zone of days is read separately.
    /// A zone covered by a single piece is read by binary search, the others row by row through
    /// `resolve`.
    fn picks(
        &self,
        bounds: Bounds,
        resolve: impl Fn(&Track, Vec<Visible>) -> Vec<(usize, usize)>,
    ) -> Picks {
        let mut picks = Picks::none();
        let mut read = |parts: &[Part]| match self.by_rule(parts, bounds) {
            Some(part) => picks.push(part.piece, part.rows),
            None => {
                for (piece, row) in resolve(self, self.visible(parts, bounds)) {
                    picks.push(piece, row..row + 1);
                }
            }
        };
        if self.in_order {
            for (piece, held) in self.pieces.iter().enumerate() {
                read(&[Part { piece, rows: held.rows.clone() }]);
            }
        } else {
            self.zones.get_or_init(|| self.find_zones()).iter().for_each(|parts| read(parts));
        }
        picks
    }

    /// The visible rows of a zone, if it has a single piece and they are known to be its leading
    /// rows.
    fn by_rule(&self, parts: &[Part], bounds: Bounds) -> Option<Part> {
        let [Part { piece, rows }] = parts else { return None };
        let held = &self.pieces[*piece];
        if !held.unique {
            return None;
        }
        let end = held.rows.start + held.leading(bounds)?;
        Some(Part { piece: *piece, rows: rows.start..end.clamp(rows.start, rows.end) })
    }

    /// Splits the days wherever a piece begins or ends. Between two cuts every piece either has no
    /// row or spans the whole zone.
    fn find_zones(&self) -> Vec<Vec<Part>> {
        let mut cuts: Vec<Day> = self
            .pieces
            .iter()
            .flat_map(|piece| [piece.first_day, piece.last_day.plus(1)])
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut waiting: Vec<usize> = (0..self.pieces.len()).collect();
        // Sorted descending, because the earliest piece is popped from the end.
        waiting.sort_by_key(|piece| Reverse(self.pieces[*piece].first_day));
        let mut open: Vec<usize> = Vec::new();
        let mut zones = Vec::new();
        for (first, end) in cuts.iter().zip(&cuts[1..]) {
            open.retain(|piece| *first <= self.pieces[*piece].last_day);
            let starts = |piece: &mut usize| self.pieces[*piece].first_day <= *first;
            open.extend(std::iter::from_fn(|| waiting.pop_if(starts)));
            let parts: Vec<Part> = open
                .iter()
                .map(|piece| Part {
                    piece: *piece,
                    rows: self.pieces[*piece].rows_of(*first, *end),
                })
                .filter(|part| !part.rows.is_empty())
                .collect();
            if !parts.is_empty() {
                zones.push(parts);
            }
        }
        zones
    }

    /// The rows within the bounds, sorted so that the last row of each key wins: a row of better
    /// rank, else of later publication, else of higher revision.
    fn visible(&self, parts: &[Part], bounds: Bounds) -> Vec<Visible> {
        let mut visible: Vec<Visible> = Vec::new();
        for Part { piece: index, rows } in parts {
            let piece = &self.pieces[*index];
            for row in rows.clone().filter(|row| piece.sees(*row, bounds)) {
                let segment = &piece.segment;
                let key = (segment.effective_on[row], segment.other.get(row));
                visible.push((key, segment.published(row), segment.revision.get(row), *index, row));
            }
        }
        if self.is_union {
            visible.sort_unstable_by_key(|row| (row.0, Reverse(self.pieces[row.3].rank), *row));
        } else {
            visible.sort_unstable();
        }
        visible
    }

    fn winners(&self, visible: Vec<Visible>) -> Vec<(usize, usize)> {
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(visible.len());
        let mut last_key = None;
        for (key, _, _, piece, row) in visible {
            if last_key == Some(key) {
                let held = picks.last().copied();
                if held.is_some_and(|(at, held)| self.has_same_values((at, held), (piece, row))) {
                    continue;
                }
                picks.pop();
            }
            picks.push((piece, row));
            last_key = Some(key);
        }
        picks
    }

    /// Whether two facts of one key and rank have the same values, bit for bit, so that the later
    /// publication adds no information. Such a fact is stored only if the earlier publication was
    /// ingested after it.
    fn has_same_values(&self, one: (usize, usize), other: (usize, usize)) -> bool {
        if self.pieces[one.0].rank != self.pieces[other.0].rank {
            return false;
        }
        let columns = |piece: usize| self.pieces[piece].segment.columns.iter();
        let mut pairs = columns(one.0).zip(columns(other.0));
        pairs.all(|(a, b)| a.get(one.1).to_bits() == b.get(other.1).to_bits())
    }
}

#[cfg(all(test, feature = "fixture"))]
mod tests {
    use crate::{
        dataset::{Dataset, Field},
        fixture::{Fixture, day},
        instant::Instant,
        instrument::{InstrumentId, Namespace},
        segment::{Ints, Numbers, Published, Run, Segment},
        track::{Bounds, Picks, Track},
    };
    use std::sync::Arc;

    /// Daily facts of one instrument, the `i`th with revision `revisions[i]`, each public at its
    /// close.
    fn daily(first: i32, revisions: Vec<u64>) -> Arc<Segment> {
        let days = (first..).map(|offset| day("2021-03-01").plus(offset));
        Arc::new(Segment {
            dataset: Dataset::Series,
            runs: vec![run(revisions.len())],
            other: Ints::Constant(InstrumentId::NONE),
            effective_on: days.take(revisions.len()).collect(),
            published_at: Published::AtClose,
            columns: vec![Numbers::constant(1.0)],
            revision: Ints::from_vec(revisions),
        })
    }

    fn run(rows: usize) -> Run {
        Run { instrument: InstrumentId(1), start: 0, len: rows as u32 }
    }

    #[test]
    fn merged_days_are_found_by_binary_search() {
        let mut track = Track::empty();
        for segment in [daily(0, vec![1; 100]), daily(100, (2..32).collect())] {
            let run = run(segment.len());
            track.push(segment, run);
        }
        let head = Bounds::new(Instant::MAX, 31);
        let old = Bounds::new(Instant::close_of(day("2021-03-01").plus(120)), 11);
        for (bounds, rows) in [(head, 130), (old, 110)] {
            assert!(track.pieces.iter().all(|piece| piece.leading(bounds).is_some()));
            let Picks::Spans(spans) = track.rows(bounds).picks else { panic!("two pieces") };
            assert_eq!((spans.len(), spans[1].end), (2, rows), "one run of rows per piece");
        }
    }

    #[test]
    fn a_correction_inside_a_long_history_leaves_the_rest_to_binary_search() {
        let mut track = Track::empty();
        for segment in [daily(0, vec![1; 1_000]), daily(500, vec![2]), daily(1_000, vec![3; 5])] {
            let run = run(segment.len());
            track.push(segment, run);
        }
        let zones = track.find_zones();
        let parts: Vec<usize> = zones.iter().map(Vec::len).collect();
        assert_eq!(parts, [1, 2, 1, 1]);
        assert_eq!(track.rows(Bounds::new(Instant::MAX, 3)).len(), 1_005);
    }

    #[test]
    fn a_repeated_value_counts_as_known_since_its_first_publication() {
        // The file of 12-25 repeats the one of 12-19, and either may be ingested first. The
        // correction of 12-28 is new information, and so is the return to the first value on 12-30.
        let publications = [(19, 5e6), (25, 5e6), (28, 6e6), (30, 5e6)];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
            let mut fixture = Fixture::new();
            let key = (fixture.id(Namespace::Listed, "AAA"), InstrumentId::NONE);
            let december = |n: i32| Instant::close_of(day("2020-12-01").plus(n - 1));
            for at in order {
                let (on, value) = publications[at];
                let values = [(Field::SharesShort, value)];
                let settled = day("2020-11-30");
                fixture.fact(Dataset::ShortInterest, key, settled, december(on), &values);
                fixture.commit();
            }
            let since = |as_of: i32| {
                let snapshot = fixture.snapshot(december(as_of));
                snapshot.rows(Dataset::ShortInterest, key.0).published_at(0)
            };
            let found = [20, 26, 29, 31].map(since);
            assert_eq!(
                found,
                [december(19), december(19), december(28), december(30)],
                "{order:?}"
            );
        }
    }
}
