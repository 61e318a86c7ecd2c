//! The resident market: the log folded up to its head, shared by every snapshot.
//!
//! Folding one revision onto a market and folding the whole log from the start give the same
//! market: both use [`Market::apply`], which leaves the older market unchanged.

use crate::{
    changes::Timeline,
    dataset::Dataset,
    instant::Instant,
    instrument::{Directory, Instrument, InstrumentId, Naming},
    merged::Merged,
    merges::{History, Merges},
    segment::Segment,
    track::Track,
};
use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    sync::{Arc, OnceLock},
};

/// A revision and the data version at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionMark {
    /// Its number; 0 is the empty log.
    pub revision: u64,
    /// Chained hash of the batches up to and including this revision.
    pub data_version: [u8; 32],
}

/// What was added to the log between two revisions.
#[derive(Debug)]
pub struct Delta {
    /// The revisions added, in order.
    pub marks: Vec<RevisionMark>,
    /// Instruments added, in the order of their ids.
    pub instruments: Vec<Instrument>,
    /// Names written, in the order of their revisions.
    pub namings: Vec<Naming>,
    /// Texts added, in the order of their ids.
    pub texts: Vec<String>,
    /// Facts added. A compacted segment holds rows of several revisions, all of them among those
    /// added.
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
    /// By dataset code.
    timelines: Vec<Arc<Timeline>>,
    /// The revisions that wrote an instrument or a name, ascending.
    named_at: Arc<Vec<u64>>,
    merges: History,
    /// For each revision that wrote merges; empty if nothing was ever merged.
    merged: Arc<Vec<MergedSince>>,
    /// Bytes of the tracks that the last delta touched.
    cloned_bytes: usize,
}

/// What the merges from a revision on change about the tracks of a market.
#[derive(Debug)]
struct MergedSince {
    revision: u64,
    /// Found on first use; `None` if nothing is merged.
    merged: OnceLock<Option<Arc<Merged>>>,
}

impl Market {
    /// The market of an empty log.
    pub fn empty() -> Market {
        let no_facts = Arc::new(Timeline::empty());
        Market {
            marks: Arc::new(vec![RevisionMark { revision: 0, data_version: [0; 32] }]),
            directory: Arc::new(Directory::empty()),
            texts: Arc::new(Vec::new()),
            tracks: vec![Vec::new(); Dataset::ALL.len() + 1],
            publications: Arc::new(BTreeSet::new()),
            timelines: vec![no_facts; Dataset::ALL.len() + 1],
            named_at: Arc::new(Vec::new()),
            merges: History::NONE,
            merged: Arc::new(Vec::new()),
            cloned_bytes: 0,
        }
    }

    /// The market with a delta folded in; `self` stays unchanged.
    #[must_use]
    pub fn apply(&self, delta: Delta) -> Market {
        let mut next = Market { cloned_bytes: 0, ..self.clone() };
        Arc::make_mut(&mut next.marks).extend(delta.marks);
        if !(delta.instruments.is_empty() && delta.namings.is_empty()) {
            Arc::make_mut(&mut next.directory).extend(&delta.instruments, &delta.namings);
            let instruments = delta.instruments.iter().map(|instrument| instrument.revision);
            let revisions = instruments.chain(delta.namings.iter().map(|naming| naming.revision));
            let named_at = Arc::make_mut(&mut next.named_at);
            named_at.extend(revisions);
            named_at.sort_unstable();
            named_at.dedup();
        }
        if !delta.texts.is_empty() {
            Arc::make_mut(&mut next.texts).extend(delta.texts);
        }
        next.extend_timelines(&delta.segments);
        next.merges = self.merges.extended(&delta.segments);
        let since = |(revision, _)| MergedSince { revision, merged: OnceLock::new() };
        next.merged = Arc::new(next.merges.states().map(since).collect());
        for segment in delta.segments {
            let tracks = &mut next.tracks[usize::from(segment.dataset.code())];
            for run in &segment.runs {
                let index = run.instrument.0 as usize;
                if tracks.len() <= index {
                    tracks.resize(index + 1, None);
                }
                let track = tracks[index].get_or_insert_with(|| Arc::new(Track::empty()));
                let track = Arc::make_mut(track);
                track.push(Arc::clone(&segment), *run);
                next.cloned_bytes += track.heap_bytes();
            }
        }
        next
    }

    fn extend_timelines(&mut self, segments: &[Arc<Segment>]) {
        for dataset in Dataset::ALL {
            let of_dataset = segments.iter().filter(|segment| segment.dataset == dataset);
            let gained = Timeline::of(of_dataset.map(AsRef::as_ref));
            if gained.publications().next().is_none() {
                continue;
            }
            Arc::make_mut(&mut self.publications).extend(gained.publications());
            Arc::make_mut(&mut self.timelines[usize::from(dataset.code())]).merge(&gained);
        }
    }

    /// The newest revision.
    pub fn head(&self) -> RevisionMark {
        self.marks.last().copied().unwrap_or(RevisionMark { revision: 0, data_version: [0; 32] })
    }

    /// What this market does not share with the one before it, bytes: the tables of tracks, and the
    /// tracks that its last delta touched.
    pub(crate) fn own_bytes(&self) -> usize {
        let slots: usize = self.tracks.iter().map(Vec::capacity).sum();
        let found = self.merged.iter().filter_map(|since| since.merged.get()?.as_deref());
        let merged: usize = found.map(Merged::heap_bytes).sum();
        slots * size_of::<Option<Arc<Track>>>() + self.cloned_bytes + merged
    }

    /// The merges at a revision.
    pub fn merges(&self, revision: u64) -> Option<&Arc<Merges>> {
        let until = self.merges.states().take_while(|(since, _)| *since <= revision);
        until.last().map(|(_, merges)| merges).filter(|merges| !merges.is_empty())
    }

    /// The merges at a revision and what they change; `None` if nothing is merged.
    pub(crate) fn merged(&self, revision: u64) -> Option<Arc<Merged>> {
        let until = self.merged.partition_point(|since| since.revision <= revision);
        let since = self.merged.get(until.checked_sub(1)?)?;
        let find = || Some(Arc::new(Merged::new(self, self.merges(revision)?, since.revision)));
        since.merged.get_or_init(find).clone()
    }

    /// The mark of a revision; `None` beyond the head.
    pub fn mark(&self, revision: u64) -> Option<RevisionMark> {
        self.marks.get(usize::try_from(revision).ok()?).copied()
    }

    /// Instruments and names of the log.
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

    /// The last publication at or before an instant. Two as-of instants with the same cut and the
    /// same revision see the same facts.
    pub fn cut(&self, as_of: Instant) -> Instant {
        self.publications.range(..=as_of).next_back().copied().unwrap_or(Instant::MIN)
    }

    /// The representative of all as-of instants of one New York day between two publications. They
    /// see the same facts on the same day, so a value computed for one of them is valid for all.
    pub fn canonical(&self, as_of: Instant) -> Instant {
        self.cut(as_of).max(Instant::new_york(as_of.new_york_day(), 0, 0)).min(as_of)
    }

    /// The first publication after an instant: the next time at which the known facts change
    /// without a new revision.
    pub fn next_publication(&self, after: Instant) -> Option<Instant> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.publications.range((Excluded(after), Unbounded)).next().copied()
    }

    /// When facts of a dataset were last published, up to `until`; `None` if there are none.
    pub fn newest_publication(&self, dataset: Dataset, until: Instant) -> Option<Instant> {
        self.timeline(dataset).newest(until)
    }

    /// When the facts of a dataset were published and written.
    pub(crate) fn timeline(&self, dataset: Dataset) -> &Timeline {
        &self.timelines[usize::from(dataset.code())]
    }

    /// Whether one of these revisions wrote an instrument or a name.
    pub(crate) fn was_named_in(&self, revisions: RangeInclusive<u64>) -> bool {
        let first = self.named_at.partition_point(|revision| revision < revisions.start());
        self.named_at.get(first).is_some_and(|revision| revisions.contains(revision))
    }

    /// The facts of an instrument in a dataset.
    pub fn track(&self, dataset: Dataset, instrument: InstrumentId) -> Option<&Track> {
        self.tracks[usize::from(dataset.code())].get(instrument.0 as usize)?.as_deref()
    }

    /// The other instruments that facts of a dataset up to a revision refer to, by id: managers,
    /// lists of members, factors. The name of such an instrument does not say which of them it is.
    pub fn others(&self, dataset: Dataset, revision: u64) -> BTreeSet<InstrumentId> {
        let mut found = BTreeSet::new();
        for (_, track) in self.tracks(dataset) {
            let rows = track.every(revision);
            found.extend((0..rows.len()).map(|row| rows.other(row)));
        }
        found
    }

    /// The instruments that have facts in a dataset, by id, regardless of any bounds. Computations
    /// use [`crate::snapshot::Snapshot::holders`] instead.
    pub(crate) fn tracks(&self, dataset: Dataset) -> impl Iterator<Item = (InstrumentId, &Track)> {
        let tracks = self.tracks[usize::from(dataset.code())].iter().enumerate();
        tracks.filter_map(|(at, track)| Some((InstrumentId(at as u32), track.as_deref()?)))
    }
}
