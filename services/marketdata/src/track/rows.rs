//! The rows of a track that a snapshot selected, read as columns.

use super::Track;
use crate::{day::Day, instant::Instant, instrument::InstrumentId, segment::Segment};
use std::{borrow::Cow, ops::Range};

/// A range of adjacent rows of one piece.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) piece: usize,
    pub(super) rows: Range<usize>,
}

/// The selected rows, in order, as ranges of adjacent rows.
#[derive(Clone, Debug)]
pub(super) enum Picks {
    /// The common case, which allocates nothing.
    Run(Part),
    Spans(Vec<Span>),
}

/// One of several ranges.
#[derive(Clone, Debug)]
pub(super) struct Span {
    part: Part,
    /// Number of rows selected up to the end of this range.
    pub(super) end: usize,
}

impl Picks {
    pub(super) const fn none() -> Picks {
        Picks::Run(Part { piece: 0, rows: 0..0 })
    }

    fn len(&self) -> usize {
        match self {
            Picks::Run(part) => part.rows.len(),
            Picks::Spans(spans) => spans.last().map_or(0, |span| span.end),
        }
    }

    /// Appends rows.
    pub(super) fn push(&mut self, piece: usize, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        let continues = |last: &Part| last.piece == piece && last.rows.end == rows.start;
        match self {
            Picks::Run(last) if last.rows.is_empty() => *last = Part { piece, rows },
            Picks::Run(last) if continues(last) => last.rows.end = rows.end,
            Picks::Run(last) => {
                let end = last.rows.len();
                let next = Span { end: end + rows.len(), part: Part { piece, rows } };
                *self = Picks::Spans(vec![Span { part: last.clone(), end }, next]);
            }
            Picks::Spans(spans) => {
                let mut end = rows.len();
                if let Some(last) = spans.last_mut() {
                    if continues(&last.part) {
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

    /// Piece and row of the `i`th selected row.
    fn at(&self, i: usize) -> (usize, usize) {
        match self {
            Picks::Run(part) => (part.piece, part.rows.start + i),
            Picks::Spans(spans) => {
                let Span { part, end } = &spans[spans.partition_point(|span| span.end <= i)];
                (part.piece, part.rows.end - (end - i))
            }
        }
    }

    /// Drops the first `count` rows.
    fn skip(&mut self, count: usize) {
        match self {
            Picks::Run(part) => part.rows.start += count,
            Picks::Spans(spans) => {
                spans.drain(..spans.partition_point(|span| span.end <= count));
                let mut before = 0;
                for span in spans {
                    span.end -= count;
                    // Only the first of the remaining spans can have lost rows.
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
    pub(super) track: &'a Track,
    pub(super) picks: Picks,
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

    /// Number of columns; 0 if there are no rows.
    pub fn width(&self) -> usize {
        if self.is_empty() { 0 } else { self.at(0).0.columns.len() }
    }

    /// The day row `i` describes.
    pub fn day(&self, i: usize) -> Day {
        let (segment, row) = self.at(i);
        segment.effective_on[row]
    }

    /// The second instrument of row `i`, or `NONE`.
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

    /// A value of row `i`, if present.
    pub fn value(&self, i: usize, column: usize) -> Option<f64> {
        let (segment, row) = self.at(i);
        Some(segment.columns[column].get(row)).filter(|value| value.is_finite())
    }

    /// The days of all rows, borrowed if they are contiguous in memory.
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

    /// A column of all rows with NaN for absent values, borrowed if it is contiguous in memory.
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

    /// The value of a column if it is constant over every segment of the rows.
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

    /// Index of the last row at or before a day.
    pub fn last_on_or_before(&self, day: Day) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.day(middle) <= day { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    /// Keeps only the rows from a day on.
    #[must_use]
    pub fn since(mut self, first: Day) -> Rows<'a> {
        let start = self.last_on_or_before(first.plus(-1)).map_or(0, |row| row + 1);
        self.picks.skip(start);
        self
    }

    /// Index of the last row.
    pub fn last(&self) -> Option<usize> {
        self.len().checked_sub(1)
    }
}
