//! Random histories against a naive oracle: the facts known at any instant and revision do not
//! depend on how a market was built, and equal a filter over all facts.

use marketdata::{
    bars::Bars,
    basis::Units,
    dataset::{Dataset, Field},
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::Market,
    snapshot::Snapshot,
    symbol::Symbol,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};
use store::{
    Store,
    conformance::{answer_at, committed},
    connect,
};

const NAMES: u32 = 4;
const DATASETS: [Dataset; 4] =
    [Dataset::Bars, Dataset::Splits, Dataset::Memberships, Dataset::ShortInterest];

/// One fact, in small numbers.
#[derive(Clone, Debug)]
struct Draw {
    dataset: usize,
    instrument: u32,
    other: u32,
    day: i32,
    /// Publication delay in hours after the day's close; for corrections and late publications.
    late: i64,
    value: u32,
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Draw>),
    /// One day of a market that publishes everything at the close.
    Closes(i32, u32),
    Rename(u32, i32),
    Compact(bool),
    Follow,
}

/// A fact as the oracle keeps it.
#[derive(Clone, Debug)]
struct Known {
    published: Instant,
    revision: u64,
    values: Vec<f64>,
}

impl Known {
    fn bits(&self) -> Vec<u64> {
        self.values.iter().map(|value| value.to_bits()).collect()
    }
}

type Key = (Dataset, InstrumentId, Day, InstrumentId);

/// One history in three markets and an oracle.
struct World {
    store: Arc<dyn Store>,
    incremental: Market,
    follower: Market,
    facts: BTreeMap<Key, Vec<Known>>,
    /// The day from which each instrument has its second name, by revision.
    renames: Vec<(u64, InstrumentId, Day)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let draw = (0..DATASETS.len(), 1..=NAMES, 0..3_u32, 0..10_i32, 0..4_i64, 0..50_u32).prop_map(
        |(dataset, instrument, other, day, late, value)| Draw {
            dataset,
            instrument,
            other,
            day,
            late: [0, 0, 18, 300][late as usize],
            value,
        },
    );
    let step = prop_oneof![
        4 => prop::collection::vec(draw, 1..30).prop_map(Step::Append),
        4 => (0..10_i32, 0..50_u32).prop_map(|(day, value)| Step::Closes(day, value)),
        1 => (1..=NAMES, 0..10_i32).prop_map(|(name, day)| Step::Rename(name, day)),
        2 => any::<bool>().prop_map(Step::Compact),
        2 => Just(Step::Follow),
    ];
    prop::collection::vec(step, 1..60)
}

fn day(offset: i32) -> Day {
    // 2021-03-10: the clocks change on the 14th.
    Day::from_epoch(18_696 + offset)
}

fn values(dataset: Dataset, on: Day, value: u32) -> Vec<f64> {
    let number = f64::from(value);
    if dataset == Dataset::Splits {
        return vec![f64::from(on.epoch() - 1 - (value % 3) as i32), 2.0, 1.0 + number / 10.0];
    }
    let absent = |column: usize| (value as usize + column).is_multiple_of(11);
    let fields = dataset.fields().iter().enumerate();
    let value = |(column, field): (usize, &Field)| match field {
        Field::PriceBasis => 1.0,
        Field::BasisOn => f64::from(on.epoch()),
        _ if absent(column) => f64::NAN,
        _ => 10.0 + number + column as f64 * 0.01,
    };
    fields.map(value).collect()
}

impl World {
    async fn new() -> World {
        let store = connect("sqlite::memory:").await.expect("a store");
        let (incremental, follower) = (Market::empty(), Market::empty());
        let (facts, renames) = (BTreeMap::new(), Vec::new());
        let mut world = World { store, incremental, follower, facts, renames };
        let mut batch = world.batch();
        for id in (1..=NAMES).map(InstrumentId) {
            let namespace = Namespace::Listed;
            batch.instruments.push(Instrument { id, namespace, revision: 1 });
            batch.namings.push(naming(id, 1, "OLD", Day::MIN, Day::MAX));
        }
        world.commit(batch).await;
        world
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Append(draws) => self.append(draws).await,
            Step::Closes(on, value) => {
                let draw = |instrument| Draw {
                    dataset: 0,
                    instrument,
                    other: 0,
                    day: *on,
                    late: 0,
                    value: *value,
                };
                self.append(&(1..=NAMES).map(draw).collect::<Vec<_>>()).await;
            }
            Step::Rename(name, from) => {
                let mut batch = self.batch();
                let (instrument, from) = (InstrumentId(*name), day(*from));
                let revision = batch.revision();
                self.renames.push((revision, instrument, from));
                batch.namings.push(naming(instrument, revision, "OLD", Day::MIN, from));
                batch.namings.push(naming(instrument, revision, "NEW", from, Day::MAX));
                self.commit(batch).await;
            }
            Step::Compact(later) => {
                let now = Instant::from_micros(if *later { i64::MAX } else { 0 });
                self.store.compact(1_000_000, now).await.expect("a compaction");
            }
            Step::Follow => self.follow().await,
        }
    }

    async fn append(&mut self, draws: &[Draw]) {
        let mut batch = self.batch();
        let revision = batch.revision();
        let mut rows = BTreeMap::new();
        for draw in draws {
            let (dataset, on) = (DATASETS[draw.dataset], day(draw.day));
            let other = if dataset == Dataset::Memberships { draw.other } else { 0 };
            let hours = draw.late * 3_600_000_000;
            let published = Instant::from_micros(Instant::close_of(on).micros() + hours);
            let key = (dataset, InstrumentId(draw.instrument), on, InstrumentId(other));
            rows.insert((key, published), values(dataset, on, draw.value));
        }
        let mut tables: BTreeMap<Dataset, FactTable> = BTreeMap::new();
        for ((key, published), values) in rows {
            let (dataset, instrument, on, other) = key;
            let table = tables.entry(dataset).or_insert_with(|| FactTable::empty(dataset));
            table.push(instrument, other, on, published, &values);
            self.facts.entry(key).or_default().push(Known { published, revision, values });
        }
        batch.tables = tables.into_values().collect();
        self.commit(batch).await;
    }

    fn batch(&self) -> Batch {
        Batch::empty(self.incremental.head().revision)
    }

    async fn commit(&mut self, batch: Batch) {
        let request = format!("request {}", batch.base_revision);
        let delta = committed(&*self.store, batch, &request).await;
        self.incremental = self.incremental.apply(delta);
    }

    async fn follow(&mut self) {
        let delta = self.store.load(self.follower.head().revision).await.expect("a load");
        self.follower = self.follower.apply(delta);
    }

    /// The rows that the oracle expects: of all facts within the bounds, the latest publication of
    /// each key, with ties going to the higher revision; of consecutive publications with the same
    /// values, the first.
    fn expected(
        &self,
        dataset: Dataset,
        instrument: InstrumentId,
        as_of: Instant,
        revision: u64,
    ) -> Vec<(Key, &Known)> {
        let of = |key: &Key| key.0 == dataset && key.1 == instrument;
        self.facts
            .iter()
            .filter(|(key, _)| of(key))
            .filter_map(|(key, all)| {
                let seen = all.iter().filter(|k| k.published <= as_of && k.revision <= revision);
                let mut seen: Vec<&Known> = seen.collect();
                seen.sort_by_key(|known| (known.published, known.revision));
                let last = *seen.last()?;
                let alike = seen.iter().rev().take_while(|known| known.bits() == last.bits());
                Some((*key, *alike.last()?))
            })
            .collect()
    }

    fn agrees_with_the_oracle(&self, snapshot: &Snapshot, as_of: Instant) {
        for instrument in (1..=NAMES).map(InstrumentId) {
            let revision = snapshot.revision();
            for dataset in DATASETS {
                let rows = snapshot.rows(dataset, instrument);
                let expected = self.expected(dataset, instrument, as_of, revision);
                assert_eq!(rows.len(), expected.len(), "{dataset:?} {instrument:?}");
                for (row, ((_, _, on, other), known)) in expected.into_iter().enumerate() {
                    assert_eq!((rows.day(row), rows.other(row)), (on, other));
                    let dates = (rows.published_at(row), rows.revision(row));
                    assert_eq!(dates, (known.published, known.revision));
                    for (column, value) in known.values.iter().enumerate() {
                        let expected = Some(value.to_bits()).filter(|_| value.is_finite());
                        assert_eq!(rows.value(row, column).map(f64::to_bits), expected);
                    }
                }
            }
            self.names_agree(snapshot, instrument);
        }
    }

    fn names_agree(&self, snapshot: &Snapshot, instrument: InstrumentId) {
        let renames = self.renames.iter().rev();
        let mut known = renames.filter(|(r, id, _)| *r <= snapshot.revision() && *id == instrument);
        let new = known.next().is_some_and(|(_, _, from)| *from <= snapshot.today());
        let expected = format!("{}{}", if new { "NEW" } else { "OLD" }, instrument.0);
        assert_eq!(snapshot.symbol(instrument), expected);
    }
}

fn naming(instrument: InstrumentId, revision: u64, name: &str, from: Day, until: Day) -> Naming {
    let symbol = Symbol::listed(&format!("{name}{}", instrument.0)).expect("a symbol");
    Naming { instrument, revision, symbol, from, until }
}

/// Values that computations derive from rows: returns and changes of units, by their bits.
fn derived(snapshot: &Snapshot) -> Vec<Option<u64>> {
    let mut bits = Vec::new();
    for instrument in (1..=NAMES).map(InstrumentId) {
        let bars = Bars::of(snapshot, instrument);
        bits.extend((0..bars.len()).map(|i| bars.total_return(i).map(f64::to_bits)));
        let change = Units::of(snapshot, instrument).change(day(0), day(9));
        bits.push(change.map(|change| change.price.to_bits()));
        bits.push(change.map(|change| change.shares.to_bits()));
    }
    bits
}

async fn history(steps: Vec<Step>, bounds: Vec<(i64, u64)>) {
    let mut world = World::new().await;
    for step in &steps {
        world.take(step).await;
    }
    world.follow().await;
    let head = world.incremental.head();
    assert_eq!(world.follower.head(), head);
    let fresh = Market::empty().apply(world.store.load(0).await.expect("a load"));
    let markets = [&world.incremental, &world.follower, &fresh].map(|m| Arc::new(m.clone()));
    for (hours, revision) in bounds {
        // From a day before the first close to two weeks after the last.
        let as_of = Instant::close_of(day(-1)).micros() + hours * 3_600_000_000;
        let (as_of, revision) = (Instant::from_micros(as_of), revision % (head.revision + 1));
        agree(&world, &markets, as_of, revision);
    }
    assert_eq!(world.store.check().await.expect("a check").faults, Vec::<String>::new());
    world.store.close().await;
}

/// Asserts that the three markets and the oracle see the same within the bounds.
fn agree(world: &World, markets: &[Arc<Market>; 3], as_of: Instant, revision: u64) {
    let [incremental, follower, fresh] = markets;
    let answer = answer_at(incremental, as_of, revision);
    assert_eq!(answer, answer_at(follower, as_of, revision), "a follower differs");
    assert_eq!(answer, answer_at(fresh, as_of, revision), "a fresh process differs");
    // A replay at the canonical instant of the day sees the same facts.
    let canonical = fresh.canonical(as_of);
    assert_eq!(answer, answer_at(fresh, canonical, revision), "the canonical instant differs");
    let snapshots = markets
        .each_ref()
        .map(|m| Snapshot::new(Arc::clone(m), as_of, revision).expect("a known revision"));
    let [incremental, follower, fresh] = snapshots.each_ref().map(derived);
    assert!(incremental == follower && follower == fresh, "returns differ");
    if 0 < revision {
        world.agrees_with_the_oracle(&snapshots[2], as_of);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]
    #[test]
    fn every_market_answers_as_the_oracle(
        steps in steps(),
        bounds in prop::collection::vec((0..24 * 26_i64, any::<u64>()), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(history(steps, bounds));
    }
}
