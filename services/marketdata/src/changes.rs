//! Which datasets differ between two snapshots of one log, found without reading a row.
//!
//! A value prepared from one snapshot is valid for another one if nothing that it read differs. A
//! `Timeline` per dataset keeps two small indices of its facts, which answer the question
//! exactly. [`Snapshot::changed_since`] answers it for every dataset, for names and for the day.

use crate::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    reference::{ReferenceDataset, ReferenceKnowledge},
    segment::{Ints, OncePerDay, Published, Segment},
    snapshot::Snapshot,
    track::Bounds,
};
use std::collections::BTreeMap;

/// A set of datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetSet(u32);

impl DatasetSet {
    /// No dataset.
    pub const EMPTY: DatasetSet = DatasetSet(0);

    /// Every dataset.
    pub const ALL: DatasetSet = DatasetSet::of(&Dataset::ALL);

    /// The datasets of a list.
    pub const fn of(datasets: &[Dataset]) -> DatasetSet {
        let (mut bits, mut at) = (0, 0);
        while at < datasets.len() {
            bits |= 1 << datasets[at].code();
            at += 1;
        }
        DatasetSet(bits)
    }

    /// The datasets of either set.
    #[must_use]
    pub const fn and(self, other: DatasetSet) -> DatasetSet {
        DatasetSet(self.0 | other.0)
    }

    /// Whether a dataset is one of them.
    pub const fn contains(self, dataset: Dataset) -> bool {
        self.0 & (1 << dataset.code()) != 0
    }

    /// Whether the two sets share a dataset.
    pub const fn meets(self, other: DatasetSet) -> bool {
        self.0 & other.0 != 0
    }
}

/// What differs between two snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Datasets in which one snapshot sees a fact that the other does not.
    pub datasets: DatasetSet,
    /// Whether an instrument or a name was written between the two revisions.
    pub names: bool,
    /// Whether the two snapshots have different days; if so, ages, symbols and units may differ.
    pub today: bool,
}

impl Changes {
    /// Everything differs.
    pub const ALL: Changes = Changes { datasets: DatasetSet::ALL, names: true, today: true };

    /// Whether a value computed from these datasets, from names and from the day may differ.
    pub const fn touch(&self, reads: DatasetSet) -> bool {
        self.names || self.today || self.datasets.meets(reads)
    }
}

impl Snapshot {
    /// What differs between this snapshot and another one, which is usually the earlier one; the
    /// order of the two does not matter. A dataset is reported if and only if one of the two sees a
    /// fact of it that the other does not, so that two snapshots without a difference give the same
    /// rows. Splits and merges are reported for every new fact, because they are used whenever they
    /// were published; so are the datasets of reference if one of the two may see their later facts.
    /// Bars are also reported if something differs that converts prices to the base currency.
    ///
    /// Everything differs if the two snapshots are not of the same log, if other instruments are
    /// merged, or if they have other base currencies.
    pub fn changed_since(&self, earlier: &Snapshot) -> Changes {
        let newest = [self, earlier].into_iter().max_by_key(|one| one.market().head().revision);
        let market = newest.unwrap_or(self).market();
        let same_log = |one: &Snapshot| {
            market.mark(one.revision()).map(|mark| mark.data_version) == Some(one.data_version())
        };
        let is_same_base = self.base() == earlier.base();
        if !(same_log(self) && same_log(earlier) && self.has_merges_of(earlier) && is_same_base) {
            return Changes::ALL;
        }
        let (a, b) = (self.bounds(), earlier.bounds());
        let is_reference = DatasetSet::of(&ReferenceDataset::ALL);
        let sees_later =
            [self, earlier].iter().any(|one| one.reference() != ReferenceKnowledge::AsPublished);
        let written = (a.revision.min(b.revision) + 1)..=a.revision.max(b.revision);
        let mut datasets = DatasetSet::EMPTY;
        for dataset in Dataset::ALL {
            let timeline = market.timeline(dataset);
            let sees_all = matches!(dataset, Dataset::Splits | Dataset::Merges)
                || (sees_later && is_reference.contains(dataset));
            let whenever_published = sees_all && timeline.has_revision_in(a.revision, b.revision);
            let other_reference =
                is_reference.contains(dataset) && self.reference() != earlier.reference();
            if whenever_published || other_reference || timeline.differs(a, b) {
                datasets.0 |= 1 << dataset.code();
            }
        }
        // Prices rest on the currency of their line and on rates.
        let converts = |one: &Snapshot| one.may_read_prices() && one.converts_any();
        let behind_prices = DatasetSet::of(&[Dataset::Identifiers, Dataset::Series]);
        if datasets.meets(behind_prices) && (converts(self) || converts(earlier)) {
            datasets = datasets.and(DatasetSet::of(&[Dataset::Bars]));
        }
        Changes { datasets, names: market.was_named_in(written), today: a.today != b.today }
    }
}

/// When the facts of a dataset were published and when they were added to the log: the first
/// revision for each publication instant, and the first publication instant for each revision.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    first_revision: BTreeMap<Instant, u64>,
    first_published: BTreeMap<u64, Instant>,
}

impl Timeline {
    /// A timeline without facts.
    pub(crate) const fn empty() -> Timeline {
        Timeline { first_revision: BTreeMap::new(), first_published: BTreeMap::new() }
    }

    /// The publication instants, ascending.
    pub(crate) fn publications(&self) -> impl Iterator<Item = Instant> + '_ {
        self.first_revision.keys().copied()
    }

    /// The newest publication instant up to `until`.
    pub(crate) fn newest(&self, until: Instant) -> Option<Instant> {
        self.first_revision.range(..=until).next_back().map(|(published, _)| *published)
    }

    /// Adds the facts of another timeline.
    pub(crate) fn merge(&mut self, other: &Timeline) {
        for (published, revision) in &other.first_revision {
            lower(&mut self.first_revision, *published, *revision);
        }
        for (revision, published) in &other.first_published {
            lower(&mut self.first_published, *revision, *published);
        }
    }

    /// Adds the facts of segments of one dataset.
    pub(crate) fn of<'a>(segments: impl Iterator<Item = &'a Segment>) -> Timeline {
        let mut timeline = Timeline::empty();
        // The time zone is queried once per close, however many segments contain the day.
        let mut days = AtClose { first_revision: BTreeMap::new(), first_day: BTreeMap::new() };
        for segment in segments {
            match &segment.published_at {
                Published::AtClose => days.add(segment),
                Published::Constant(_) | Published::Each(_) => timeline.add_each(segment),
            }
        }
        for (day, revision) in days.first_revision {
            lower(&mut timeline.first_revision, Instant::close_of(day), revision);
        }
        for (revision, day) in days.first_day {
            lower(&mut timeline.first_published, revision, Instant::close_of(day));
        }
        timeline
    }

    fn add(&mut self, published: Instant, revision: u64) {
        lower(&mut self.first_revision, published, revision);
        lower(&mut self.first_published, revision, published);
    }

    fn add_each(&mut self, segment: &Segment) {
        let is_constant = matches!(
            (&segment.published_at, &segment.revision),
            (Published::Constant(_), Ints::Constant(_))
        );
        let rows = if is_constant { segment.len().min(1) } else { segment.len() };
        let mut last = None;
        for row in 0..rows {
            let fact = (segment.published(row), segment.revision.get(row));
            if last.replace(fact) != Some(fact) {
                self.add(fact.0, fact.1);
            }
        }
    }

    /// Whether a fact was added after the lower revision, up to and including the higher one.
    fn has_revision_in(&self, a: u64, b: u64) -> bool {
        use std::ops::Bound::{Excluded, Included};
        self.first_published.range((Excluded(a.min(b)), Included(a.max(b)))).next().is_some()
    }

    /// Whether one of two bounds shows a fact that the other one hides.
    ///
    /// Each bound shows the facts of a quadrant: published by `as_of` and written by `revision`.
    /// Facts in only one of the two quadrants lie in two strips: published between the two
    /// instants, or written between the two revisions and published by the earlier instant. If one
    /// quadrant has the later instant and the other the higher revision, the corner between them
    /// belongs to neither.
    fn differs(&self, a: Bounds, b: Bounds) -> bool {
        use std::ops::Bound::{Excluded, Included};
        let (earlier, later) = (a.as_of.min(b.as_of), a.as_of.max(b.as_of));
        let (lower, higher) = (a.revision.min(b.revision), a.revision.max(b.revision));
        let is_nested = (a.as_of <= b.as_of) == (a.revision <= b.revision)
            || a.as_of == b.as_of
            || a.revision == b.revision;
        let written_by = if is_nested { higher } else { lower };
        let mut published = self.first_revision.range((Excluded(earlier), Included(later)));
        let mut written = self.first_published.range((Excluded(lower), Included(higher)));
        (earlier < later && published.any(|(_, first)| *first <= written_by))
            || (lower < higher && written.any(|(_, first)| *first <= earlier))
    }
}

/// Facts published at the close of their day: the first revision by day, and the first day by
/// revision.
struct AtClose {
    first_revision: BTreeMap<Day, u64>,
    first_day: BTreeMap<u64, Day>,
}

impl AtClose {
    fn add(&mut self, segment: &Segment) {
        match &segment.revision {
            Ints::Constant(revision) => {
                let mut seen = OncePerDay::over(&segment.effective_on);
                for day in &segment.effective_on {
                    seen.of(*day, || self.add_one(*day, *revision));
                }
            }
            Ints::Each(revisions) => self.add_each(&segment.effective_on, revisions),
        }
    }

    /// Adds rows of several revisions, as compaction leaves them: sorted by instrument, then by
    /// day.
    fn add_each(&mut self, days: &[Day], revisions: &[u64]) {
        let mut last = None;
        // Most instruments have facts on the same days. Only a lower revision than any seen so far
        // for a day adds information, and most rows have none.
        let mut lowest: Vec<(Day, u64)> = Vec::new();
        let mut at = 0;
        for (day, revision) in days.iter().copied().zip(revisions.iter().copied()) {
            if last.is_none_or(|(before, of)| of != revision || day < before) {
                lower(&mut self.first_day, revision, day);
            }
            if last.is_some_and(|(before, _)| day < before) {
                at = 0;
            }
            last = Some((day, revision));
            at += lowest[at..].iter().take_while(|(known, _)| *known < day).count();
            match lowest.get_mut(at).filter(|(known, _)| *known == day) {
                Some((_, known)) => *known = revision.min(*known),
                None => lowest.insert(at, (day, revision)),
            }
        }
        for (day, revision) in lowest {
            lower(&mut self.first_revision, day, revision);
        }
    }

    fn add_one(&mut self, day: Day, revision: u64) {
        lower(&mut self.first_revision, day, revision);
        lower(&mut self.first_day, revision, day);
    }
}

fn lower<K: Ord, V: Ord + Copy>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    map.entry(key).and_modify(|held| *held = value.min(*held)).or_insert(value);
}
