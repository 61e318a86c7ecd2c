//! A view prepared from an earlier one has the same bits as one prepared from scratch.

use crate::*;
use marketdata::{
    basis::PriceBasis,
    dataset::{Dataset, Field},
    facts::FactTable,
    instrument::{Instrument, Namespace, Naming},
    market::{Delta, Market, RevisionMark},
    segment::Segment,
    symbol::Symbol,
};
use proptest::prelude::*;
use stats::rng::Rng;
use std::collections::BTreeMap;

const NAMES: usize = 40;
/// Number of sessions in the log at the start.
const BEGIN: usize = 230;

/// A log that grows by one revision at a time.
struct Log {
    world: World,
    market: Market,
    /// Number of sessions so far.
    days: usize,
    rng: Rng,
    tables: BTreeMap<Dataset, FactTable>,
    instruments: Vec<Instrument>,
    namings: Vec<Naming>,
    closes: BTreeMap<InstrumentId, f64>,
}

impl Log {
    fn new(seed: u64) -> Log {
        let world = world_with(NAMES, 330, seed, |names| {
            names[7].listed_from = 120;
            names[20].listed_from = 215;
            names[30].restated = 2.0;
        });
        let market = world.fold(seed, BEGIN);
        let ids = 1..=world.names.len() as u32 + 2;
        Log {
            closes: ids.map(|id| (InstrumentId(id), 100.0)).collect(),
            world,
            market,
            days: BEGIN,
            rng: Rng::new(seed, 77),
            tables: BTreeMap::new(),
            instruments: Vec::new(),
            namings: Vec::new(),
        }
    }

    fn revision(&self) -> u64 {
        self.market.head().revision + 1
    }

    fn now(&self) -> Instant {
        Instant::close_of(self.world.days[self.days - 1])
    }

    fn pick(&mut self, count: usize) -> usize {
        ((self.rng.uniform() * count as f64) as usize).min(count - 1)
    }

    fn any_name(&mut self) -> InstrumentId {
        InstrumentId(self.pick(NAMES) as u32 + 1)
    }

    fn fact(&mut self, dataset: Dataset, id: InstrumentId, on: Day, values: &[(Field, f64)]) {
        let mut row = vec![f64::NAN; dataset.fields().len()];
        for (field, value) in values {
            row[dataset.column(*field)] = *value;
        }
        let known = Instant::close_of(on).max(self.now());
        let table = self.tables.entry(dataset).or_insert_with(|| FactTable::empty(dataset));
        table.push(id, InstrumentId::NONE, on, known, &row);
    }

    fn bar(&mut self, id: InstrumentId, on: Day, close: f64) {
        let [code, basis_on] = PriceBasis::Raw.to_values();
        let values = [
            (Field::Close, close),
            (Field::Volume, 1e6),
            (Field::Distribution, 1.0),
            (Field::PriceBasis, code),
            (Field::BasisOn, basis_on),
        ];
        self.fact(Dataset::Bars, id, on, &values);
    }

    /// Appends a session with bars of all names except one or two that do not trade.
    fn next_session(&mut self) {
        if self.days < self.world.days.len() {
            self.days += 1;
            let ids: Vec<InstrumentId> = self.closes.keys().copied().collect();
            self.last_session(&ids);
        }
    }

    /// Adds bars of the last session.
    fn last_session(&mut self, ids: &[InstrumentId]) {
        let on = self.world.days[self.days - 1];
        for id in ids.iter().copied() {
            let step = 1.0 + 0.01 * self.rng.normal();
            let close = self.closes[&id] * step;
            self.closes.insert(id, close);
            if 0.04 < self.rng.uniform() {
                self.bar(id, on, close);
            }
        }
    }

    fn act(&mut self, act: usize) {
        let back = self.pick(self.days.min(90));
        let past = self.world.days[self.days - 1 - back];
        let id = self.any_name();
        match act {
            0..=3 => self.next_session(),
            // A month ends.
            4 => (0..12).for_each(|_| self.next_session()),
            // A correction, or a late bar.
            5 => {
                let close = 50.0 + 100.0 * self.rng.uniform();
                self.bar(id, past, close);
            }
            6 => {
                let values = [
                    (Field::FromOn, f64::from(past.plus(-1).epoch())),
                    (Field::PriceFactor, 2.0),
                    (Field::ShareFactor, 2.0),
                ];
                self.fact(Dataset::Splits, id, past, &values);
            }
            7 => {
                let count = 1e6 + 1e9 * self.rng.uniform();
                let values = [(Field::SharesOutstanding, count), (Field::PublicFloat, count)];
                self.fact(Dataset::ShareCounts, id, past, &values);
            }
            8 => self.rename(id, past),
            // A bar of a day that is no session yet, and later those of the others.
            10 if self.days < self.world.days.len() => {
                self.days += 1;
                self.last_session(&[id]);
            }
            10 | 11 => {
                let ids: Vec<InstrumentId> = self.closes.keys().copied().collect();
                self.last_session(&ids);
            }
            // Some days of one name alone: the others have ended, or are late.
            12 => {
                let days = self.pick(16);
                for _ in 0..days.min(self.world.days.len() - self.days) {
                    self.days += 1;
                    self.last_session(&[id]);
                }
            }
            _ => self.new_name(),
        }
        self.commit();
    }

    fn rename(&mut self, instrument: InstrumentId, from: Day) {
        let revision = self.revision();
        let name = |text: &str, from, until| {
            let symbol = Symbol::listed(text).unwrap();
            Naming { instrument, revision, symbol, from, until }
        };
        let (old, new) = (format!("X{}", instrument.0), format!("Y{revision}"));
        self.namings.extend([name(&old, Day::MIN, from), name(&new, from, Day::MAX)]);
    }

    fn new_name(&mut self) {
        let (id, revision) = (InstrumentId(self.closes.len() as u32 + 1), self.revision());
        self.instruments.push(Instrument { id, namespace: Namespace::Listed, revision });
        let symbol = Symbol::listed(&format!("Z{}", id.0)).unwrap();
        let (from, until) = (Day::MIN, Day::MAX);
        self.namings.push(Naming { instrument: id, revision, symbol, from, until });
        self.closes.insert(id, 40.0);
        let first = self.days - 70;
        for at in first..self.days {
            let close = self.closes[&id] * (1.0 + 0.02 * self.rng.normal());
            self.closes.insert(id, close);
            self.bar(id, self.world.days[at], close);
        }
    }

    fn commit(&mut self) {
        let revision = self.revision();
        let segments = std::mem::take(&mut self.tables).into_values().map(|mut table| {
            table.sort();
            Arc::new(Segment::of_table(table, revision))
        });
        let delta = Delta {
            marks: vec![RevisionMark { revision, data_version: [revision as u8; 32] }],
            instruments: std::mem::take(&mut self.instruments),
            namings: std::mem::take(&mut self.namings),
            texts: Vec::new(),
            segments: segments.collect(),
        };
        self.market = self.market.apply(delta);
    }

    /// A view at the head or at an older revision, as of today or some days ago.
    fn snapshot(&mut self) -> Snapshot {
        let head = self.market.head().revision;
        let is_head = self.rng.uniform() < 0.8;
        let revision = if is_head { head } else { 1 + self.pick(head as usize) as u64 };
        let back = if self.rng.uniform() < 0.8 { 0 } else { self.pick(40) };
        let at = Instant::close_of(self.world.days[self.days - 1 - back]);
        Snapshot::new(Arc::new(self.market.clone()), at, revision).unwrap()
    }
}

fn whole_report(prepared: &PreparedExposure) -> String {
    let ids = prepared.snapshot().instruments().iter().map(|known| known.id);
    let symbols: Vec<String> = ids.map(|id| prepared.snapshot().symbol(id).to_owned()).collect();
    let value = |at: usize| if at.is_multiple_of(3) { -1e5 } else { 1e5 } + 11.0 * at as f64;
    let lines: Vec<(String, f64)> =
        symbols.into_iter().enumerate().map(|(at, symbol)| (symbol, value(at))).collect();
    format!("{:?}", report(prepared, &raw(&lines)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Appended sessions, corrections, splits, late bars, files that end, changed sizes, renamed and
    /// new names; views of the head and of the past, each prepared from the previous view.
    #[test]
    fn an_earlier_view_changes_no_bit(
        seed in 0_u64..1_000_000, acts in prop::collection::vec(0_usize..13, 1..9),
    ) {
        let mut log = Log::new(seed);
        let mut previous = prepare(&log.snapshot(), &World::roles());
        for act in acts {
            log.act(act);
            let snapshot = log.snapshot();
            let fresh = prepare(&snapshot, &World::roles());
            let next = prepared::prepare(&snapshot, &World::roles(), Some(&previous));
            prop_assert_eq!(whole_report(&fresh), whole_report(&next));
            previous = next;
        }
    }
}

/// A file with one name of a session comes first, when that day is none yet, and then the others.
#[test]
fn a_bar_that_was_there_before_its_session_is_not_lost() {
    let mut log = Log::new(3);
    log.days += 1;
    let first = InstrumentId(4);
    log.last_session(&[first]);
    log.commit();
    let at = |log: &Log| Snapshot::new(Arc::new(log.market.clone()), log.now(), log.revision() - 1);
    let before = prepare(&at(&log).unwrap(), &World::roles());
    let others: Vec<InstrumentId> = log.closes.keys().copied().filter(|id| *id != first).collect();
    log.last_session(&others);
    log.commit();
    let snapshot = at(&log).unwrap();
    let next = prepared::prepare(&snapshot, &World::roles(), Some(&before));
    assert_eq!(next.sessions.len(), before.sessions.len() + 1);
    assert_eq!(whole_report(&prepare(&snapshot, &World::roles())), whole_report(&next));
}

/// One name alone has a bar of the day: its size, like its value, is at the close before it.
#[test]
fn a_bar_of_a_day_that_few_names_have_moves_no_size() {
    let mut log = Log::new(3);
    let first = InstrumentId(4);
    let of = |log: &Log| {
        let market = Arc::new(log.market.clone());
        let snapshot = Snapshot::new(market, log.now(), log.revision() - 1).unwrap();
        prepare(&snapshot, &World::roles()).size(first).unwrap().market_cap_usd
    };
    let before = of(&log);
    log.days += 1;
    log.bar(first, log.world.days[log.days - 1], 1e3);
    log.commit();
    assert_eq!(of(&log).to_bits(), before.to_bits());
}

/// One more session within a month leaves the fits behind the priors unchanged.
#[test]
fn one_more_session_reuses_rows_and_fits() {
    let mut log = Log::new(5);
    let previous = prepare(&log.snapshot(), &World::roles());
    log.next_session();
    log.commit();
    let snapshot = Snapshot::new(Arc::new(log.market.clone()), log.now(), 2).unwrap();
    let next = prepared::prepare(&snapshot, &World::roles(), Some(&previous));
    let fresh = prepare(&snapshot, &World::roles());
    assert_eq!(next.taken_over().rows, NAMES + 2);
    assert_eq!(next.taken_over().fits, NAMES + 2);
    assert_eq!((fresh.taken_over().rows, fresh.taken_over().fits), (0, 0));
    assert_eq!(whole_report(&fresh), whole_report(&next));
}
