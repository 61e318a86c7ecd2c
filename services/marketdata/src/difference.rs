//! The first day on which two snapshots differ: values computed from earlier days remain valid.

use crate::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Naming},
    snapshot::Snapshot,
    symbol::Symbol,
    track::{Bounds, Rows, Track},
};

static NO_FACTS: Track = Track::empty();

impl Snapshot {
    /// The first day on which an instrument's rows of a dataset may differ from those of another
    /// snapshot of the same log; `None` if they are the same. Prices differ with their rates, too.
    pub fn first_difference(
        &self,
        other: &Snapshot,
        dataset: Dataset,
        instrument: InstrumentId,
    ) -> Option<Day> {
        let [own, others] = [self, other].map(|snapshot| snapshot.held(dataset, instrument));
        let stored = own.first_difference(self.bounds(), others, other.bounds());
        let rates = match dataset {
            Dataset::Bars => self.first_other_rate(other, instrument),
            _ => None,
        };
        stored.into_iter().chain(rates).min()
    }

    /// Whether the same instruments have rows in a dataset as in another snapshot.
    pub fn has_holders_of(&self, other: &Snapshot, dataset: Dataset) -> bool {
        let count = self.instruments().len().max(other.instruments().len()) + 1;
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

    /// Whether every name of an instrument known to both snapshots means the same: these
    /// instruments have the same names, no name begins or ends between the days of the two
    /// snapshots, and no instrument known to one of them only has a symbol that one of these has or
    /// is found by.
    pub fn has_names_of(&self, other: &Snapshot) -> bool {
        let (first, last) = (self.today().min(other.today()), self.today().max(other.today()));
        let between = |day: Day| first < day && day <= last;
        let holds = |naming: &Naming| !between(naming.from) && !between(naming.until);
        let (fewer, more) = if self.instruments().len() <= other.instruments().len() {
            (self, other)
        } else {
            (other, self)
        };
        let (known, added) = more.instruments().split_at(fewer.instruments().len());
        self.has_merges_of(other)
            && known == fewer.instruments()
            && known.iter().all(|known| {
                let (own, others) = (self.namings(known.id), other.namings(known.id));
                let same = std::ptr::eq(own, others) || own == others;
                same && own.iter().all(holds)
            })
            && added.iter().all(|added| more.has_symbols_of_its_own(added, known.len()))
    }

    /// Whether none of the first `known` instruments ever had a symbol of another one, or is found
    /// by it.
    fn has_symbols_of_its_own(&self, instrument: &Instrument, known: usize) -> bool {
        let directory = self.market().directory();
        let is_free = |symbol: &Symbol| {
            let holders = directory.holders(instrument.namespace, symbol);
            holders.iter().all(|holder| known < holder.0 as usize)
        };
        self.namings(instrument.id).iter().all(|naming| {
            is_free(&naming.symbol)
                && naming.symbol.with_class_split().is_none_or(|split| is_free(&split))
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
