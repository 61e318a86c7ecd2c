//! All facts of one instrument in one dataset, and which of them a snapshot sees.

use crate::{
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    segment::{Ints, Published, Run, Segment},
};
use std::{borrow::Cow, ops::Range, sync::Arc};

mod first_published;

/// The two bounds of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounds {
    /// Only what was published at or before this.
    pub as_of: Instant,
    /// Only what our log held at or before this.
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

/// One instrument's rows of one segment.
#[derive(Clone, Debug)]
struct Piece {
    segment: Arc<Segment>,
    rows: Range<usize>,
    first_day: Day,
    last_day: Day,
    /// No two rows share a key, so no row supersedes another of the same piece.
    unique: bool,
}

impl Piece {
    fn new(segment: Arc<Segment>, run: Run) -> Piece {
        let rows = run.start as usize..(run.start + run.len) as usize;
        let days = &segment.effective_on[rows.clone()];
        let key = |row: usize| (segment.effective_on[row], segment.other.get(row));
        let unique = (rows.start + 1..rows.end).all(|row| key(row - 1) < key(row));
        let (first_day, last_day) =
            (days.first().copied().unwrap_or(Day::MAX), days.last().copied().unwrap_or(Day::MIN));
        Piece { segment, rows, first_day, last_day, unique }
    }

    fn sees(&self, row: usize, bounds: Bounds) -> bool {
        self.segment.revision.get(row) <= bounds.revision && self.published_by(row, bounds)
    }

    fn published_by(&self, row: usize, bounds: Bounds) -> bool {
        match &self.segment.published_at {
            Published::Constant(instant) => *instant <= bounds.as_of,
            Published::AtClose => self.segment.effective_on[row] <= bounds.last_close,
            Published::Each(instants) => instants[row] <= bounds.as_of,
        }
    }

    /// Whether any row is within the bounds. Days rise within a piece, so that its first row is the
    /// first to be published at a close.
    fn sees_any(&self, bounds: Bounds) -> bool {
        match (&self.segment.revision, &self.segment.published_at) {
            (Ints::Constant(_), Published::Constant(_) | Published::AtClose) => {
                !self.rows.is_empty() && self.sees(self.rows.start, bounds)
            }
            _ => self.rows.clone().any(|row| self.sees(row, bounds)),
        }
    }

    /// The visible rows where they are a prefix by rule, without a look at each; none otherwise.
    fn prefix(&self, bounds: Bounds) -> Option<Range<usize>> {
        let Ints::Constant(revision) = self.segment.revision else { return None };
        if !self.unique {
            return None;
        }
        if bounds.revision < revision {
            return Some(self.rows.start..self.rows.start);
        }
        let start = self.rows.start;
        match &self.segment.published_at {
            Published::Constant(instant) if *instant <= bounds.as_of => Some(self.rows.clone()),
            Published::Constant(_) => Some(start..start),
            Published::AtClose => {
                let days = &self.segment.effective_on[self.rows.clone()];
                Some(start..start + days.partition_point(|day| *day <= bounds.last_close))
            }
            Published::Each(_) => None,
        }
    }
}

/// Key, publication, revision, piece and row of a fact.
type Visible = ((Day, InstrumentId), Instant, u64, usize, usize);

/// All facts of one instrument in one dataset, in pieces of the segments that hold them.
#[derive(Clone, Debug)]
pub struct Track {
    pieces: Vec<Piece>,
}

impl Track {
    /// A track without facts.
    pub const fn empty() -> Track {
        Track { pieces: Vec::new() }
    }

    /// Adds the rows of a segment's run.
    pub fn push(&mut self, segment: Arc<Segment>, run: Run) {
        self.pieces.push(Piece::new(segment, run));
    }

    /// The rows a snapshot sees: per day and other instrument the latest publication within the
    /// bounds, ties going to the higher revision; by day, then by other instrument. Of publications in
    /// a row that say the same the first is taken, so that what was known since when does not depend
    /// on which of them came in first.
    pub fn rows(&self, bounds: Bounds) -> Rows<'_> {
        let picks = self.prefixes(bounds).unwrap_or_else(|| self.winners(bounds));
        Rows { track: self, picks }
    }

    /// Whether [`Track::rows`] gives any, without finding them.
    pub fn sees_any(&self, bounds: Bounds) -> bool {
        self.pieces.iter().any(|piece| piece.sees_any(bounds))
    }

    /// Every fact up to a revision, superseded ones too: by day, other instrument, publication, and
    /// revision.
    pub fn every(&self, revision: u64) -> Rows<'_> {
        let bounds = Bounds::new(Instant::MAX, revision);
        let picks = self.prefixes(bounds).unwrap_or_else(|| {
            let visible = self.visible(bounds);
            Picks::Each(visible.into_iter().map(|(_, _, _, piece, row)| (piece, row)).collect())
        });
        Rows { track: self, picks }
    }

    /// The common case: every piece starts after the one before ends, and shows a prefix of itself.
    fn prefixes(&self, bounds: Bounds) -> Option<Picks> {
        let in_order = self.pieces.windows(2).all(|pair| pair[0].last_day < pair[1].first_day);
        if !in_order {
            return None;
        }
        let mut runs = Vec::with_capacity(self.pieces.len());
        for (piece, held) in self.pieces.iter().enumerate() {
            let range = held.prefix(bounds)?;
            if !range.is_empty() {
                runs.push((piece, range));
            }
        }
        Some(match <[_; 1]>::try_from(runs) {
            Ok([(piece, rows)]) => Picks::Run { piece, rows },
            Err(runs) => Picks::Each(
                runs.into_iter().flat_map(|(p, rows)| rows.map(move |row| (p, row))).collect(),
            ),
        })
    }

    /// What is within the bounds, in the order in which the last of a key wins.
    fn visible(&self, bounds: Bounds) -> Vec<Visible> {
        let mut visible: Vec<Visible> = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            for row in piece.rows.clone().filter(|row| piece.sees(*row, bounds)) {
                let segment = &piece.segment;
                let key = (segment.effective_on[row], segment.other.get(row));
                visible.push((key, segment.published(row), segment.revision.get(row), index, row));
            }
        }
        visible.sort_unstable();
        visible
    }

    fn winners(&self, bounds: Bounds) -> Picks {
        let visible = self.visible(bounds);
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(visible.len());
        let mut last_key = None;
        for (key, _, _, piece, row) in visible {
            if last_key == Some(key) {
                let held = picks.last().copied();
                if held.is_some_and(|(at, held)| self.says_the_same((at, held), (piece, row))) {
                    continue;
                }
                picks.pop();
            }
            picks.push((piece, row));
            last_key = Some(key);
        }
        Picks::Each(picks)
    }

    /// Whether two facts of one key have the same values, bit by bit: the later publication is no news
    /// then. It is stored only where the earlier one came in after it.
    fn says_the_same(&self, one: (usize, usize), other: (usize, usize)) -> bool {
        let columns = |piece: usize| self.pieces[piece].segment.columns.iter();
        let mut pairs = columns(one.0).zip(columns(other.0));
        pairs.all(|(a, b)| a.get(one.1).to_bits() == b.get(other.1).to_bits())
    }
}

#[derive(Clone, Debug)]
enum Picks {
    Run { piece: usize, rows: Range<usize> },
    Each(Vec<(usize, usize)>),
}

/// The rows of one instrument and dataset that a snapshot sees, by day, then by other instrument.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    track: &'a Track,
    picks: Picks,
}

static NO_FACTS: Track = Track::empty();

impl<'a> Rows<'a> {
    /// No rows.
    pub fn none() -> Rows<'a> {
        Rows { track: &NO_FACTS, picks: Picks::Each(Vec::new()) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.picks {
            Picks::Run { rows, .. } => rows.len(),
            Picks::Each(picks) => picks.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn at(&self, i: usize) -> (&'a Segment, usize) {
        let (piece, row) = match &self.picks {
            Picks::Run { piece, rows } => (*piece, rows.start + i),
            Picks::Each(picks) => picks[i],
        };
        (&self.track.pieces[piece].segment, row)
    }

    /// Number of columns; 0 where there is no row.
    pub fn width(&self) -> usize {
        if self.is_empty() { 0 } else { self.at(0).0.columns.len() }
    }

    /// The day row `i` describes.
    pub fn day(&self, i: usize) -> Day {
        let (segment, row) = self.at(i);
        segment.effective_on[row]
    }

    /// The second instrument of row `i`.
    pub fn other(&self, i: usize) -> InstrumentId {
        let (segment, row) = self.at(i);
        segment.other.get(row)
    }

    /// When row `i` was published.
    pub fn published_at(&self, i: usize) -> Instant {
        let (segment, row) = self.at(i);
        segment.published(row)
    }

    /// The revision of row `i`.
    pub fn revision(&self, i: usize) -> u64 {
        let (segment, row) = self.at(i);
        segment.revision.get(row)
    }

    /// A value of row `i`, where it is there.
    pub fn value(&self, i: usize, column: usize) -> Option<f64> {
        let (segment, row) = self.at(i);
        Some(segment.columns[column].get(row)).filter(|value| value.is_finite())
    }

    /// The days of all rows, borrowed where they lie side by side.
    pub fn days(&self) -> Cow<'a, [Day]> {
        match &self.picks {
            Picks::Run { piece, rows } => {
                Cow::Borrowed(&self.track.pieces[*piece].segment.effective_on[rows.clone()])
            }
            Picks::Each(_) => (0..self.len()).map(|i| self.day(i)).collect(),
        }
    }

    /// A column of all rows, NaN where absent; borrowed where it lies side by side.
    pub fn column(&self, column: usize) -> Cow<'a, [f64]> {
        match &self.picks {
            Picks::Run { piece, rows } => {
                self.track.pieces[*piece].segment.columns[column].slice(rows.clone())
            }
            Picks::Each(picks) => picks
                .iter()
                .map(|(piece, row)| self.track.pieces[*piece].segment.columns[column].get(*row))
                .collect(),
        }
    }

    /// The one value of a column, where it is constant over the segment of all rows.
    pub fn constant(&self, column: usize) -> Option<f64> {
        match &self.picks {
            Picks::Run { piece, .. } => {
                self.track.pieces[*piece].segment.columns[column].as_constant()
            }
            Picks::Each(_) => None,
        }
    }

    /// The last row at or before a day.
    pub fn last_on_or_before(&self, day: Day) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.day(middle) <= day { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    /// The rows from a day on.
    #[must_use]
    pub fn since(mut self, first: Day) -> Rows<'a> {
        let start = self.last_on_or_before(first.plus(-1)).map_or(0, |row| row + 1);
        match &mut self.picks {
            Picks::Run { rows, .. } => rows.start += start,
            Picks::Each(picks) => {
                picks.drain(..start);
            }
        }
        self
    }

    /// Index of the latest row.
    pub fn last(&self) -> Option<usize> {
        self.len().checked_sub(1)
    }
}

#[cfg(all(test, feature = "fixture"))]
mod tests {
    use crate::{
        dataset::{Dataset, Field},
        fixture::{Fixture, day},
        instant::Instant,
        instrument::{InstrumentId, Namespace},
    };

    #[test]
    fn a_value_said_again_is_known_since_it_was_first_said() {
        // Whether the file of 12-19 or the one of 12-25 that repeats it comes in first; the correction
        // of 12-28 is news, and so is the return to the first value on 12-30.
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
