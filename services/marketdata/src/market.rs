//! The resident market: the log folded up to its head, shared by every snapshot.
//!
//! Folding a revision onto a market and folding the whole log afresh give the same market: both go
//! through [`Market::apply`], and an older market stays as it was.

use crate::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{Directory, Instrument, InstrumentId, Naming},
    segment::{OncePerDay, Published, Segment},
    track::Track,
};
use std::{collections::BTreeSet, sync::Arc};

/// A revision and the data version it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionMark {
    /// Its number; 0 is the empty log.
    pub revision: u64,
    /// Chained hash of the batches up to it.
    pub data_version: [u8; 32],
}

/// What the log gained between two revisions.
#[derive(Debug)]
pub struct Delta {
    /// The revisions gained, in order.
    pub marks: Vec<RevisionMark>,
    /// Instruments gained, in the order of their ids.
    pub instruments: Vec<Instrument>,
    /// Names written, in the order of their revisions.
    pub namings: Vec<Naming>,
    /// Texts gained, in the order of their ids, each with the revision that brought it.
    pub texts: Vec<String>,
    /// Facts gained. Where a segment was compacted it holds rows of several revisions, all of them
    /// among those gained.
    pub segments: Vec<Arc<Segment>>,
}

/// The log folded up to a head revision.
#[derive(Clone, Debug)]
pub struct Market {
    /// By revision, from 0 (the empty log).
    marks: Arc<Vec<RevisionMark>>,
    directory: Arc<Directory>,
    texts: Arc<Vec<String>>,
    /// By dataset code, then by instrument number.
    tracks: Vec<Vec<Option<Arc<Track>>>>,
    /// Every instant at which something was, or will be, published.
    publications: Arc<BTreeSet<Instant>>,
}

impl Market {
    /// The market of an empty log.
    pub fn empty() -> Market {
        Market {
            marks: Arc::new(vec![RevisionMark { revision: 0, data_version: [0; 32] }]),
            directory: Arc::new(Directory::empty()),
            texts: Arc::new(Vec::new()),
            tracks: vec![Vec::new(); Dataset::ALL.len() + 1],
            publications: Arc::new(BTreeSet::new()),
        }
    }

    /// The market with a delta folded in; this one stays as it is.
    #[must_use]
    pub fn apply(&self, delta: Delta) -> Market {
        let mut next = self.clone();
        Arc::make_mut(&mut next.marks).extend(delta.marks);
        if !(delta.instruments.is_empty() && delta.namings.is_empty()) {
            Arc::make_mut(&mut next.directory).extend(&delta.instruments, &delta.namings);
        }
        if !delta.texts.is_empty() {
            Arc::make_mut(&mut next.texts).extend(delta.texts);
        }
        collect_publications(&delta.segments, Arc::make_mut(&mut next.publications));
        for segment in delta.segments {
            let tracks = &mut next.tracks[usize::from(segment.dataset.code())];
            for run in &segment.runs {
                let index = run.instrument.0 as usize;
                if tracks.len() <= index {
                    tracks.resize(index + 1, None);
                }
                let track = tracks[index].get_or_insert_with(|| Arc::new(Track::empty()));
                Arc::make_mut(track).push(Arc::clone(&segment), *run);
            }
        }
        next
    }

    /// The newest revision.
    pub fn head(&self) -> RevisionMark {
        self.marks.last().copied().unwrap_or(RevisionMark { revision: 0, data_version: [0; 32] })
    }

    /// A revision's mark; none beyond the head.
    pub fn mark(&self, revision: u64) -> Option<RevisionMark> {
        self.marks.get(usize::try_from(revision).ok()?).copied()
    }

    /// Instruments and names.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Number of texts; the next new text gets this id.
    pub fn text_count(&self) -> usize {
        self.texts.len()
    }

    /// All texts, by id.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The last publication at or before an instant: two as-of dates with the same cut, at the same
    /// revision, see the same facts.
    pub fn cut(&self, as_of: Instant) -> Instant {
        self.publications.range(..=as_of).next_back().copied().unwrap_or(Instant::MIN)
    }

    /// The one instant that stands for all as-of dates of a New York day between two publications:
    /// they see the same facts on the same day, so that whatever is computed at it serves them all.
    pub fn canonical(&self, as_of: Instant) -> Instant {
        self.cut(as_of).max(Instant::new_york(as_of.new_york_day(), 0, 0)).min(as_of)
    }

    /// The first publication after an instant: when time alone will next change what is known.
    pub fn next_publication(&self, after: Instant) -> Option<Instant> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.publications.range((Excluded(after), Unbounded)).next().copied()
    }

    /// The facts of an instrument in a dataset.
    pub fn track(&self, dataset: Dataset, instrument: InstrumentId) -> Option<&Track> {
        self.tracks[usize::from(dataset.code())].get(instrument.0 as usize)?.as_deref()
    }

    /// One more than the greatest number of an instrument with facts in a dataset.
    pub(crate) fn instrument_count(&self, dataset: Dataset) -> usize {
        self.tracks[usize::from(dataset.code())].len()
    }

    /// The instruments that have facts in a dataset, by number, whatever the bounds: computations ask
    /// [`crate::snapshot::Snapshot::holders`].
    pub(crate) fn tracks(&self, dataset: Dataset) -> impl Iterator<Item = (InstrumentId, &Track)> {
        let tracks = self.tracks[usize::from(dataset.code())].iter().enumerate();
        tracks.filter_map(|(at, track)| Some((InstrumentId(at as u32), track.as_deref()?)))
    }
}

fn collect_publications(segments: &[Arc<Segment>], publications: &mut BTreeSet<Instant>) {
    // Many segments share their days: the zone is asked once a day.
    let mut at_close = BTreeSet::new();
    for segment in segments {
        match &segment.published_at {
            Published::Constant(instant) => {
                publications.insert(*instant);
            }
            Published::Each(instants) => {
                let mut last = None;
                let changes = |instant: &&Instant| last.replace(**instant) != Some(**instant);
                publications.extend(instants.iter().filter(changes));
            }
            Published::AtClose => at_close.extend(distinct_days(&segment.effective_on)),
        }
    }
    publications.extend(at_close.into_iter().map(Instant::close_of));
}

/// The distinct days of a segment.
fn distinct_days(days: &[Day]) -> Vec<Day> {
    let mut seen = OncePerDay::over(days);
    let mut distinct = Vec::new();
    for day in days {
        seen.of(*day, || distinct.push(*day));
    }
    distinct
}
