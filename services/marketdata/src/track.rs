//! All facts of one instrument in one dataset, and which of them a snapshot sees.

use crate::{
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    segment::{Ints, Published, Run, Segment},
};
use std::{
    borrow::Cow,
    cmp::Reverse,
    ops::Range,
    sync::{Arc, OnceLock},
};

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

/// How a column of integers runs along the rows of a piece: which rows are at or below a bound is
/// then known without a look at each.
#[derive(Clone, Copy, Debug)]
struct Extent<T> {
    least: T,
    greatest: T,
    /// No row is below the one before it.
    rises: bool,
}

impl<T: Copy + Ord> Extent<T> {
    /// None for a column without rows.
    fn of(values: &[T]) -> Option<Extent<T>> {
        let (least, greatest) = (*values.iter().min()?, *values.iter().max()?);
        Some(Extent { least, greatest, rises: values.is_sorted() })
    }

    /// Number of rows at or below the bound, where these are the leading rows; none where only a look
    /// at each row can tell.
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

/// One instrument's rows of one segment: at least one.
#[derive(Clone, Debug)]
struct Piece {
    segment: Arc<Segment>,
    rows: Range<usize>,
    first_day: Day,
    last_day: Day,
    /// No two rows share a key, so no row supersedes another of the same piece.
    unique: bool,
    /// Of the revisions, where the segment has one per row.
    revisions: Option<Extent<u64>>,
    /// Of the publications, where the segment has one per row.
    published: Option<Extent<Instant>>,
}

impl Piece {
    /// None for a run without rows.
    fn new(segment: Arc<Segment>, run: Run) -> Option<Piece> {
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
        Some(Piece { segment, rows, first_day, last_day, unique, revisions, published })
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

    /// Whether any row is within the bounds.
    fn sees_any(&self, bounds: Bounds) -> bool {
        match self.leading(bounds) {
            Some(count) => 0 < count,
            None => self.rows.clone().any(|row| self.sees(row, bounds)),
        }
    }

    /// Number of rows within the bounds, where these are the leading rows by rule; none otherwise.
    fn leading(&self, bounds: Bounds) -> Option<usize> {
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
            // Days rise within a piece, and so do their closes.
            Published::AtClose => Some(self.rows_before(bounds.last_close.plus(1))),
            Published::Each(instants) => {
                self.published?.leading(&instants[self.rows.clone()], bounds.as_of)
            }
        }
    }

    fn all_if(&self, is_within: bool) -> usize {
        if is_within { self.rows.len() } else { 0 }
    }

    /// Number of rows of days before one.
    fn rows_before(&self, day: Day) -> usize {
        if self.last_day < day {
            return self.rows.len();
        }
        self.segment.effective_on[self.rows.clone()].partition_point(|held| *held < day)
    }

    /// The rows of the days from `first` to the day before `end`.
    fn rows_of(&self, first: Day, end: Day) -> Range<usize> {
        let start = self.rows.start;
        start + self.rows_before(first)..start + self.rows_before(end)
    }
}

/// Rows of one piece that lie side by side.
#[derive(Clone, Debug)]
struct Part {
    piece: usize,
    rows: Range<usize>,
}

/// Key, publication, revision, piece and row of a fact.
type Visible = ((Day, InstrumentId), Instant, u64, usize, usize);

/// All facts of one instrument in one dataset, in pieces of the segments that hold them.
#[derive(Clone, Debug)]
pub struct Track {
    pieces: Vec<Piece>,
    /// Each piece starts after the one before ends.
    in_order: bool,
    /// Found when first read; a track in order needs none.
    zones: OnceLock<Vec<Vec<Part>>>,
}

impl Track {
    /// A track without facts.
    pub const fn empty() -> Track {
        Track { pieces: Vec::new(), in_order: true, zones: OnceLock::new() }
    }

    /// Adds the rows of a segment's run.
    pub fn push(&mut self, segment: Arc<Segment>, run: Run) {
        let Some(piece) = Piece::new(segment, run) else { return };
        self.in_order &= self.pieces.last().is_none_or(|last| last.last_day < piece.first_day);
        self.zones = OnceLock::new();
        self.pieces.push(piece);
    }

    /// The rows a snapshot sees: per day and other instrument the latest publication within the
    /// bounds, ties going to the higher revision; by day, then by other instrument. Of publications in
    /// a row that say the same the first is taken, so that what was known since when does not depend
    /// on which of them came in first.
    pub fn rows(&self, bounds: Bounds) -> Rows<'_> {
        Rows { track: self, picks: self.picks(bounds, Track::winners) }
    }

    /// Whether [`Track::rows`] gives any, without finding them.
    pub fn sees_any(&self, bounds: Bounds) -> bool {
        self.pieces.iter().any(|piece| piece.sees_any(bounds))
    }

    /// Every fact up to a revision, superseded ones too: by day, other instrument, publication, and
    /// revision.
    pub fn every(&self, revision: u64) -> Rows<'_> {
        let all = |_: &Track, visible: Vec<Visible>| {
            visible.into_iter().map(|(_, _, _, piece, row)| (piece, row)).collect()
        };
        Rows { track: self, picks: self.picks(Bounds::new(Instant::MAX, revision), all) }
    }

    /// Rows of different days never supersede each other, so each zone of days is read by itself: one
    /// that a single piece covers by binary search, the others row by row through `resolve`.
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

    /// The visible rows of a zone, where it has one piece and they are its leading ones by rule.
    fn by_rule(&self, parts: &[Part], bounds: Bounds) -> Option<Part> {
        let [Part { piece, rows }] = parts else { return None };
        let held = &self.pieces[*piece];
        if !held.unique {
            return None;
        }
        let end = held.rows.start + held.leading(bounds)?;
        Some(Part { piece: *piece, rows: rows.start..end.clamp(rows.start, rows.end) })
    }

    /// Cuts the days where a piece begins or ends. Between two cuts every piece either has no row or
    /// goes through.
    fn find_zones(&self) -> Vec<Vec<Part>> {
        let mut cuts: Vec<Day> = self
            .pieces
            .iter()
            .flat_map(|piece| [piece.first_day, piece.last_day.plus(1)])
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut waiting: Vec<usize> = (0..self.pieces.len()).collect();
        // The earliest is taken from the end.
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

    /// What is within the bounds, in the order in which the last of a key wins.
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
        visible.sort_unstable();
        visible
    }

    fn winners(&self, visible: Vec<Visible>) -> Vec<(usize, usize)> {
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
        picks
    }

    /// Whether two facts of one key have the same values, bit by bit: the later publication is no news
    /// then. It is stored only where the earlier one came in after it.
    fn says_the_same(&self, one: (usize, usize), other: (usize, usize)) -> bool {
        let columns = |piece: usize| self.pieces[piece].segment.columns.iter();
        let mut pairs = columns(one.0).zip(columns(other.0));
        pairs.all(|(a, b)| a.get(one.1).to_bits() == b.get(other.1).to_bits())
    }
}

/// The rows picked, in order, as runs of rows that lie side by side.
#[derive(Clone, Debug)]
enum Picks {
    /// The common case, which takes no memory.
    Run(Part),
    Spans(Vec<Span>),
}

/// A run of rows among others.
#[derive(Clone, Debug)]
struct Span {
    part: Part,
    /// Number of rows picked up to the end of this run.
    end: usize,
}

impl Picks {
    const fn none() -> Picks {
        Picks::Run(Part { piece: 0, rows: 0..0 })
    }

    fn len(&self) -> usize {
        match self {
            Picks::Run(part) => part.rows.len(),
            Picks::Spans(spans) => spans.last().map_or(0, |span| span.end),
        }
    }

    /// Adds rows behind all others.
    fn push(&mut self, piece: usize, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        let goes_on = |last: &Part| last.piece == piece && last.rows.end == rows.start;
        match self {
            Picks::Run(last) if last.rows.is_empty() => *last = Part { piece, rows },
            Picks::Run(last) if goes_on(last) => last.rows.end = rows.end,
            Picks::Run(last) => {
                let end = last.rows.len();
                let next = Span { end: end + rows.len(), part: Part { piece, rows } };
                *self = Picks::Spans(vec![Span { part: last.clone(), end }, next]);
            }
            Picks::Spans(spans) => {
                let mut end = rows.len();
                if let Some(last) = spans.last_mut() {
                    if goes_on(&last.part) {
                        last.part.rows.end = rows.end;
                        last.end += end;
                        return;
                    }
                    end += last.end;
                }
                spans.push(Span { part: Part { piece, rows }, end });
            }
        }
    }

    /// Piece and row of the `i`th.
    fn at(&self, i: usize) -> (usize, usize) {
        match self {
            Picks::Run(part) => (part.piece, part.rows.start + i),
            Picks::Spans(spans) => {
                let Span { part, end } = &spans[spans.partition_point(|span| span.end <= i)];
                (part.piece, part.rows.end - (end - i))
            }
        }
    }

    /// Leaves out the first rows.
    fn skip(&mut self, count: usize) {
        match self {
            Picks::Run(part) => part.rows.start += count,
            Picks::Spans(spans) => {
                spans.drain(..spans.partition_point(|span| span.end <= count));
                let mut before = 0;
                for span in spans {
                    span.end -= count;
                    // Only the first of those left may have lost rows.
                    span.part.rows.start = span.part.rows.end - (span.end - before);
                    before = span.end;
                }
            }
        }
    }
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
        Rows { track: &NO_FACTS, picks: Picks::none() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.picks.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn at(&self, i: usize) -> (&'a Segment, usize) {
        let (piece, row) = self.picks.at(i);
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
        let days = |part: &Part| &self.segment(part).effective_on[part.rows.clone()];
        match &self.picks {
            Picks::Run(part) if part.rows.is_empty() => Cow::Borrowed(&[]),
            Picks::Run(part) => Cow::Borrowed(days(part)),
            Picks::Spans(spans) => {
                let mut all = Vec::with_capacity(self.len());
                spans.iter().for_each(|span| all.extend_from_slice(days(&span.part)));
                Cow::Owned(all)
            }
        }
    }

    /// A column of all rows, NaN where absent; borrowed where it lies side by side.
    pub fn column(&self, column: usize) -> Cow<'a, [f64]> {
        match &self.picks {
            Picks::Run(part) if part.rows.is_empty() => Cow::Borrowed(&[]),
            Picks::Run(part) => self.segment(part).columns[column].slice(part.rows.clone()),
            Picks::Spans(spans) => {
                let mut all = Vec::with_capacity(self.len());
                for Span { part, .. } in spans {
                    self.segment(part).columns[column].append_to(part.rows.clone(), &mut all);
                }
                Cow::Owned(all)
            }
        }
    }

    /// The one value of a column, where it is constant over every segment of the rows.
    pub fn constant(&self, column: usize) -> Option<f64> {
        let value = |part: &Part| self.segment(part).columns[column].as_constant();
        match &self.picks {
            Picks::Run(part) if part.rows.is_empty() => None,
            Picks::Run(part) => value(part),
            Picks::Spans(spans) => {
                let mut values = spans.iter().map(|span| value(&span.part));
                let first = values.next()??;
                let is_first = |value: Option<f64>| {
                    value.is_some_and(|value| value.to_bits() == first.to_bits())
                };
                values.all(is_first).then_some(first)
            }
        }
    }

    fn segment(&self, part: &Part) -> &'a Segment {
        &self.track.pieces[part.piece].segment
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
        self.picks.skip(start);
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
        segment::{Ints, Numbers, Published, Run, Segment},
        track::{Bounds, Picks, Track},
    };
    use std::sync::Arc;

    /// Daily facts of one instrument, the `i`th of revision `revisions[i]`, each public at its close.
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
