//! The first day on which two snapshots differ: values computed from earlier days remain valid.

use crate::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{InstrumentId, Naming},
    snapshot::Snapshot,
    track::{Bounds, Rows, Track},
};

static NO_FACTS: Track = Track::empty();

impl Snapshot {
    /// The first day on which an instrument's rows of a dataset may differ from those of another
    /// snapshot of the same log; `None` if they are the same.
    pub fn first_difference(
        &self,
        other: &Snapshot,
        dataset: Dataset,
        instrument: InstrumentId,
    ) -> Option<Day> {
        let [own, others] = [self, other].map(|snapshot| snapshot.held(dataset, instrument));
        own.first_difference(self.bounds(), others, other.bounds())
    }

    /// [`Snapshot::first_difference`] over all instruments: the earliest day on which any rows may
    /// differ.
    pub fn first_difference_of_any(&self, other: &Snapshot, dataset: Dataset) -> Option<Day> {
        let count =
            self.market().instrument_count(dataset).max(other.market().instrument_count(dataset));
        let ids = (0..count as u32).map(InstrumentId);
        ids.filter_map(|id| self.first_difference(other, dataset, id)).min()
    }

    /// Whether the same instruments have rows in a dataset as in another snapshot.
    pub fn has_holders_of(&self, other: &Snapshot, dataset: Dataset) -> bool {
        let count =
            self.market().instrument_count(dataset).max(other.market().instrument_count(dataset));
        let holds =
            |snapshot: &Snapshot, id| snapshot.held(dataset, id).sees_any(snapshot.bounds());
        (0..count as u32).map(InstrumentId).all(|id| holds(self, id) == holds(other, id))
    }

    /// The first and the last day on which an instrument has a row in a dataset.
    pub fn span(&self, dataset: Dataset, instrument: InstrumentId) -> Option<(Day, Day)> {
        self.held(dataset, instrument).span(self.bounds())
    }

    /// Whether the unit changes of an instrument are the same as in another snapshot.
    pub fn has_units_of(&self, other: &Snapshot, instrument: InstrumentId) -> bool {
        let [own, others] =
            [self, other].map(|snapshot| snapshot.held(Dataset::Splits, instrument));
        let [bounds, other_bounds] =
            [self, other].map(|snapshot| Bounds::new(Instant::MAX, snapshot.revision()));
        own.first_difference(bounds, others, other_bounds).is_none()
    }

    /// Whether every name means the same in both snapshots: the same instruments have the same
    /// names, and no name begins or ends between the days of the two snapshots.
    pub fn has_names_of(&self, other: &Snapshot) -> bool {
        let (first, last) = (self.today().min(other.today()), self.today().max(other.today()));
        let between = |day: Day| first < day && day <= last;
        let holds = |naming: &Naming| !between(naming.from) && !between(naming.until);
        let known = self.instruments();
        known == other.instruments()
            && known.iter().all(|known| {
                let (own, others) = (self.namings(known.id), other.namings(known.id));
                let same = std::ptr::eq(own, others) || own == others;
                same && own.iter().all(holds)
            })
    }

    /// The rows of an instrument from a day on; earlier rows are not read if the pieces allow it.
    pub fn rows_since(&self, dataset: Dataset, instrument: InstrumentId, first: Day) -> Rows<'_> {
        self.held(dataset, instrument).rows_since(self.bounds(), first)
    }

    fn held(&self, dataset: Dataset, instrument: InstrumentId) -> &Track {
        self.track(dataset, instrument).unwrap_or(&NO_FACTS)
    }
}
