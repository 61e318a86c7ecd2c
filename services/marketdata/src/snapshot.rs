//! The facts known at an instant, as the log held them at a revision: the input of a computation.

use crate::{
    changes::DatasetSet,
    currency::{Currencies, Currency},
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::Market,
    merged::Merged,
    reference::ReferenceKnowledge,
    symbol::Symbol,
    track::{Bounds, Rows, Track},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

/// An immutable view of the market within two bounds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    market: Arc<Market>,
    bounds: Bounds,
    data_version: [u8; 32],
    /// The datasets that may be read through this snapshot.
    reads: DatasetSet,
    reference: ReferenceKnowledge,
    /// `None` if nothing is merged at the revision.
    merged: Option<Arc<Merged>>,
    /// The currency that prices are read in.
    base: Currency,
    /// Found when prices are first read. Snapshots with the same bounds and base share it.
    currencies: Arc<OnceLock<Currencies>>,
}

/// A numeric history: days strictly ascending, every value finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The days.
    pub days: Vec<Day>,
    /// The value of each day.
    pub values: Vec<f64>,
}

impl Series {
    /// A history without values.
    pub const fn empty() -> Series {
        Series { days: Vec::new(), values: Vec::new() }
    }

    /// A history without values that has room for some.
    pub fn with_capacity(count: usize) -> Series {
        Series { days: Vec::with_capacity(count), values: Vec::with_capacity(count) }
    }

    /// Memory held outside of itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.days.capacity() * size_of::<Day>() + self.values.capacity() * size_of::<f64>()
    }

    /// The latest day and value.
    pub fn last(&self) -> Option<(Day, f64)> {
        Some((*self.days.last()?, *self.values.last()?))
    }

    /// The value of a day.
    pub fn on(&self, day: Day) -> Option<f64> {
        self.days.binary_search(&day).ok().map(|i| self.values[i])
    }

    /// Index of the last value at or before a day.
    pub fn index_on_or_before(&self, day: Day) -> Option<usize> {
        self.days.partition_point(|candidate| *candidate <= day).checked_sub(1)
    }
}

impl Snapshot {
    /// The view of a market at an instant and a revision; `None` if the revision is beyond the
    /// head.
    pub fn new(market: Arc<Market>, as_of: Instant, revision: u64) -> Option<Snapshot> {
        let mark = market.mark(revision)?;
        let bounds = Bounds::new(as_of, revision);
        let merged = market.merged(revision);
        let (data_version, reads) = (mark.data_version, DatasetSet::ALL);
        let (reference, base) = (ReferenceKnowledge::AsPublished, Currency::USD);
        let currencies = Arc::new(OnceLock::new());
        Some(Snapshot { market, bounds, data_version, reads, reference, merged, base, currencies })
    }

    /// The same snapshot with prices in another currency.
    #[must_use]
    pub fn in_currency(&self, base: Currency) -> Snapshot {
        // Rates against US dollars are among those of every base.
        let currencies = match base == self.base || base == Currency::USD {
            true => Arc::clone(&self.currencies),
            false => Arc::new(OnceLock::new()),
        };
        Snapshot { base, currencies, ..self.clone() }
    }

    /// The currency that prices are read in.
    pub const fn base(&self) -> Currency {
        self.base
    }

    /// The same if some price was read.
    pub(crate) fn known_currencies(&self) -> Option<&Currencies> {
        self.currencies.get()
    }

    /// In which currencies lines are quoted, and their rates.
    pub(crate) fn currencies(&self) -> &Currencies {
        self.currencies.get_or_init(|| Currencies::of(self))
    }

    /// The same snapshot for a computation that reads only these datasets; the others appear empty.
    /// The result stays valid as long as none of these datasets changes, because it cannot depend
    /// on any other. A price rests on the currency of its line and on rates, so who reads bars reads
    /// identifiers and series as well.
    #[must_use]
    pub fn reading(&self, reads: DatasetSet) -> Snapshot {
        Snapshot { reads, currencies: Arc::new(OnceLock::new()), ..self.clone() }
    }

    /// The same snapshot with other reference knowledge.
    #[must_use]
    pub fn with_reference(&self, reference: ReferenceKnowledge) -> Snapshot {
        Snapshot { reference, ..self.clone() }
    }

    /// Which facts may say how large a company is and what it does.
    pub const fn reference(&self) -> ReferenceKnowledge {
        self.reference
    }

    /// Whether this snapshot sees at least what the other one sees, under the same symbols and in the
    /// same currency: neither bound is lower, and the same instruments are merged.
    pub fn follows(&self, earlier: &Snapshot) -> bool {
        earlier.bounds.as_of <= self.bounds.as_of
            && earlier.base == self.base
            && earlier.bounds.revision <= self.bounds.revision
            && self.has_merges_of(earlier)
    }

    /// Whether the two have the same bounds, the same reference knowledge and the same base currency.
    pub fn has_bounds_of(&self, other: &Snapshot) -> bool {
        self.bounds == other.bounds
            && self.data_version == other.data_version
            && self.reference == other.reference
            && self.base == other.base
    }

    /// Memory in bytes of the market behind the bounds that it does not share with the markets
    /// before and after it. An old snapshot keeps this memory from being freed.
    pub fn market_bytes(&self) -> usize {
        self.market.own_bytes()
    }

    /// The market behind the bounds.
    pub(crate) fn market(&self) -> &Market {
        &self.market
    }

    /// Whether prices may be read.
    pub(crate) const fn may_read_prices(&self) -> bool {
        self.reads.contains(Dataset::Bars)
    }

    pub(crate) const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The bounds of a dataset's rows. Merges count regardless of when they were published, and are
    /// shown as they count.
    fn bounds_of(&self, dataset: Dataset) -> Bounds {
        match dataset {
            Dataset::Merges => Bounds::new(Instant::MAX, self.bounds.revision),
            _ => self.bounds,
        }
    }

    pub(crate) fn merged(&self) -> Option<&Merged> {
        self.merged.as_deref()
    }

    /// The facts of an instrument in a dataset; `None` if the dataset may not be read. A survivor
    /// has the facts of the instruments merged into it, and those have none.
    pub(crate) fn track(&self, dataset: Dataset, instrument: InstrumentId) -> Option<&Track> {
        match &self.merged {
            _ if !self.may_read(dataset) => None,
            None => self.market.track(dataset, instrument),
            Some(merged) => merged.track(&self.market, dataset, instrument),
        }
    }

    fn may_read(&self, dataset: Dataset) -> bool {
        let may = self.reads.contains(dataset);
        debug_assert!(
            may,
            "invariant: a computation reads only the datasets it declares, not {dataset:?}"
        );
        may
    }

    /// The day in New York at the as-of instant. Computations do not get the instant itself: one
    /// snapshot serves all instants of a day between two publications, and which of them it was
    /// made for depends on what was added to the log later.
    pub const fn today(&self) -> Day {
        self.bounds.today
    }

    /// The revision of the log up to which facts are visible.
    pub const fn revision(&self) -> u64 {
        self.bounds.revision
    }

    /// Chained hash of the batches up to the revision.
    pub const fn data_version(&self) -> [u8; 32] {
        self.data_version
    }

    /// The visible rows of an instrument in a dataset.
    pub fn rows(&self, dataset: Dataset, instrument: InstrumentId) -> Rows<'_> {
        match self.track(dataset, instrument) {
            Some(track) => track.rows(self.bounds_of(dataset)),
            None => Rows::none(),
        }
    }

    /// The rows of an instrument in a dataset as they were first published: one row per day and
    /// other instrument, without later corrections. Each row equals, bit for bit, the row of the
    /// same day and other instrument that is visible in this snapshot at the time of the row's own
    /// publication.
    pub fn rows_as_first_published(&self, dataset: Dataset, instrument: InstrumentId) -> Rows<'_> {
        match self.track(dataset, instrument) {
            Some(track) => track.first_published(self.bounds_of(dataset)),
            None => Rows::none(),
        }
    }

    /// The snapshot at an earlier instant and the same revision. An instant after the as-of instant
    /// returns the snapshot itself, so the result never sees more than `self`.
    #[must_use]
    pub fn earlier(&self, as_of: Instant) -> Snapshot {
        let bounds = Bounds::new(as_of.min(self.bounds.as_of), self.bounds.revision);
        Snapshot { bounds, currencies: Arc::new(OnceLock::new()), ..self.clone() }
    }

    /// The first day that a visible row of the given datasets describes.
    pub fn first_day(&self, datasets: &[Dataset]) -> Option<Day> {
        let first = |dataset: &Dataset| {
            let dataset = *dataset;
            let rows = self.holders(dataset).map(move |id| self.rows(dataset, id));
            rows.filter(|rows| !rows.is_empty()).map(|rows| rows.day(0)).min()
        };
        datasets.iter().filter_map(first).min()
    }

    /// The rows of an instrument up to the snapshot's revision, whenever they were published. Meant
    /// for facts that convert units and are not market information.
    pub fn rows_whenever_published(&self, dataset: Dataset, instrument: InstrumentId) -> Rows<'_> {
        match self.track(dataset, instrument) {
            Some(track) => track.rows(Bounds::new(Instant::MAX, self.bounds.revision)),
            None => Rows::none(),
        }
    }

    /// The other instruments that rows of a dataset refer to, whenever they were published.
    pub fn others_whenever_published(&self, dataset: Dataset) -> BTreeSet<InstrumentId> {
        self.market.others(dataset, self.bounds.revision)
    }

    /// The history of one field without absent values. Meant for datasets whose key is the day
    /// alone.
    pub fn series(&self, dataset: Dataset, field: Field, instrument: InstrumentId) -> Series {
        let rows = self.rows(dataset, instrument);
        let values = rows.column(dataset.column(field));
        let days = rows.days();
        if values.iter().all(|value| value.is_finite()) {
            return Series { days: days.into_owned(), values: values.into_owned() };
        }
        let (days, values) =
            days.iter().zip(values.iter()).filter(|(_, value)| value.is_finite()).unzip();
        Series { days, values }
    }

    /// The instruments with a visible row in a dataset, in the order of names. Instruments whose
    /// rows are all outside the bounds are left out, because a list of instruments also reveals
    /// what was known.
    pub fn holders(&self, dataset: Dataset) -> impl Iterator<Item = InstrumentId> + '_ {
        let bounds = self.bounds_of(dataset);
        let may_read = self.may_read(dataset);
        let tracks = self.market.tracks(dataset).filter(|_| may_read);
        let merged = self.merged().filter(|_| dataset != Dataset::Merges);
        let mut holders: Vec<InstrumentId> = match merged {
            None => tracks.filter(|(_, track)| track.sees_any(bounds)).map(|(id, _)| id).collect(),
            Some(merged) => {
                let survivors: BTreeSet<InstrumentId> =
                    tracks.map(|(id, _)| merged.merges.survivor(id)).collect();
                let sees_any = |id: &InstrumentId| {
                    self.track(dataset, *id).is_some_and(|track| track.sees_any(bounds))
                };
                survivors.into_iter().filter(sees_any).collect()
            }
        };
        self.sort_by_name(&mut holders);
        holders.into_iter()
    }

    /// Every instrument known to the log at this revision, whether or not it has visible rows, by
    /// id. Those that are merged into another one are among them, but have no rows.
    pub fn instruments(&self) -> &[Instrument] {
        self.market.directory().all_at(self.bounds.revision)
    }

    /// The instrument with an id; `None` if the log does not know it at this revision.
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.market.directory().get(id).filter(|known| known.revision <= self.bounds.revision)
    }

    /// All names of an instrument known at this revision, oldest first.
    pub fn namings(&self, id: InstrumentId) -> &[Naming] {
        self.market.directory().namings(id, self.bounds.revision)
    }

    /// The instrument with a symbol at the as-of date, else the last one that had it. The symbol of
    /// a merged instrument finds its survivor.
    pub fn resolve(&self, namespace: Namespace, symbol: &Symbol) -> Option<InstrumentId> {
        Some(self.survivor(self.stored_under(namespace, symbol)?))
    }

    /// The instrument to which a symbol belongs, even if it is merged into another one.
    pub fn stored_under(&self, namespace: Namespace, symbol: &Symbol) -> Option<InstrumentId> {
        self.market.directory().resolve(namespace, symbol, self.today(), self.bounds.revision)
    }

    /// The instrument with a symbol at the as-of date, or its survivor.
    pub fn resolve_today(&self, namespace: Namespace, symbol: &Symbol) -> Option<InstrumentId> {
        let (directory, today) = (self.market.directory(), self.today());
        let found = directory.resolve_on(namespace, symbol, today, self.bounds.revision)?;
        Some(self.survivor(found))
    }

    /// The listed instrument with a ticker in any spelling.
    pub fn listed(&self, symbol: &str) -> Option<InstrumentId> {
        self.resolve(Namespace::Listed, &Symbol::listed(symbol).ok()?)
    }

    /// The series with an id.
    pub fn series_id(&self, symbol: &str) -> Option<InstrumentId> {
        self.resolve(Namespace::Series, &Symbol::series(symbol).ok()?)
    }

    /// The name of an instrument at the as-of date; empty if no instrument has this id. If a
    /// survivor had no name yet on that day, the name of an instrument merged into it is used.
    pub fn symbol(&self, instrument: InstrumentId) -> &str {
        let directory = self.market.directory();
        self.symbol_before_merge(instrument)
            .or_else(|| directory.symbol_on(instrument, self.today(), self.bounds.revision))
            .map_or("", Symbol::as_str)
    }

    /// The text with the id that a text field holds.
    pub fn text(&self, id: f64) -> Option<&str> {
        if !(0.0..=f64::from(u32::MAX)).contains(&id) {
            return None;
        }
        self.market.texts().get(id as usize).map(String::as_str)
    }
}
