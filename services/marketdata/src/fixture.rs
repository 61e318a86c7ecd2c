//! Builds small markets for tests, fact by fact and revision by revision.

use crate::{
    basis::PriceBasis,
    dataset::{Dataset, Field},
    day::Day,
    facts::FactTable,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::{Delta, Market, RevisionMark},
    segment::Segment,
    snapshot::Snapshot,
    symbol::Symbol,
};
use std::{collections::BTreeMap, sync::Arc};

/// Collects facts; [`Fixture::commit`] makes a revision of them.
#[derive(Debug)]
pub struct Fixture {
    market: Market,
    instruments: Vec<Instrument>,
    namings: Vec<Naming>,
    texts: Vec<String>,
    tables: BTreeMap<Dataset, FactTable>,
    ids: BTreeMap<(Namespace, Symbol), InstrumentId>,
}

/// The day of an ISO date.
///
/// # Panics
/// If the text is not a date, which is an error in the test.
#[expect(clippy::expect_used, reason = "a fixture is written by hand in a test")]
pub fn day(text: &str) -> Day {
    Day::parse_iso(text).expect("an ISO date")
}

impl Fixture {
    /// An empty market.
    #[expect(clippy::new_without_default, reason = "a test says what it starts from")]
    pub fn new() -> Fixture {
        Fixture {
            market: Market::empty(),
            instruments: Vec::new(),
            namings: Vec::new(),
            texts: Vec::new(),
            tables: BTreeMap::new(),
            ids: BTreeMap::new(),
        }
    }

    /// The id of a symbol; adds an instrument if the symbol is not known yet.
    #[expect(clippy::expect_used, reason = "a fixture is written by hand in a test")]
    pub fn id(&mut self, namespace: Namespace, symbol: &str) -> InstrumentId {
        let symbol = match namespace {
            Namespace::Listed => Symbol::listed(symbol),
            Namespace::Series => Symbol::series(symbol),
        }
        .expect("a symbol");
        if let Some(id) = self.ids.get(&(namespace, symbol.clone())) {
            return *id;
        }
        let id = InstrumentId(self.ids.len() as u32 + 1);
        let revision = self.market.head().revision + 1;
        self.instruments.push(Instrument { id, namespace, revision });
        self.ids.insert((namespace, symbol.clone()), id);
        self.namings.push(Naming {
            instrument: id,
            revision,
            symbol,
            from: Day::MIN,
            until: Day::MAX,
        });
        id
    }

    /// Gives an instrument another name from a day on; [`Fixture::id`] still finds it by its first
    /// name.
    #[expect(clippy::expect_used, reason = "a fixture is written by hand in a test")]
    pub fn rename(&mut self, symbol: &str, new: &str, from: Day) -> &mut Fixture {
        let instrument = self.id(Namespace::Listed, symbol);
        let revision = self.market.head().revision + 1;
        let naming = |symbol: &str, from, until| Naming {
            instrument,
            revision,
            symbol: Symbol::listed(symbol).expect("a symbol"),
            from,
            until,
        };
        self.namings.extend([naming(symbol, Day::MIN, from), naming(new, from, Day::MAX)]);
        self
    }

    /// Merges a listed instrument into another one, or retracts that.
    pub fn merge(&mut self, survivor: &str, merged: &str, is_merged: bool) -> &mut Fixture {
        let ids = [merged, survivor].map(|symbol| self.id(Namespace::Listed, symbol));
        let flag = [(Field::Merged, f64::from(u8::from(is_merged)))];
        self.fact(Dataset::Merges, (ids[0], ids[1]), Day::from_epoch(0), Instant::MIN, &flag)
    }

    /// Adds one fact; fields that are not listed are absent.
    pub fn fact(
        &mut self,
        dataset: Dataset,
        (instrument, other): (InstrumentId, InstrumentId),
        effective_on: Day,
        published_at: Instant,
        values: &[(Field, f64)],
    ) -> &mut Fixture {
        let mut row = vec![f64::NAN; dataset.fields().len()];
        for (field, value) in values {
            row[dataset.column(*field)] = *value;
        }
        let table = self.tables.entry(dataset).or_insert_with(|| FactTable::empty(dataset));
        table.push(instrument, other, effective_on, published_at, &row);
        self
    }

    /// The id of a text; adds the text if it is new.
    pub fn text(&mut self, text: &str) -> f64 {
        let first = self.market.text_count();
        if let Some(at) = self.texts.iter().position(|known| known == text) {
            return (first + at) as f64;
        }
        self.texts.push(text.to_owned());
        (first + self.texts.len() - 1) as f64
    }

    /// Adds raw daily closes, with a volume of one million shares, public at each day's close.
    pub fn closes(&mut self, symbol: &str, closes: &[(Day, f64)]) -> &mut Fixture {
        let id = self.id(Namespace::Listed, symbol);
        let [code, on] = PriceBasis::Raw.to_values();
        for (day, close) in closes {
            let values = [
                (Field::Close, *close),
                (Field::Volume, 1e6),
                (Field::Distribution, 1.0),
                (Field::PriceBasis, code),
                (Field::BasisOn, on),
            ];
            let key = (id, InstrumentId::NONE);
            self.fact(Dataset::Bars, key, *day, Instant::close_of(*day), &values);
        }
        self
    }

    /// Adds values of a series, public at each day's close.
    pub fn series(&mut self, symbol: &str, values: &[(Day, f64)]) -> &mut Fixture {
        let id = self.id(Namespace::Series, symbol);
        for (day, value) in values {
            let key = (id, InstrumentId::NONE);
            self.fact(
                Dataset::Series,
                key,
                *day,
                Instant::close_of(*day),
                &[(Field::Value, *value)],
            );
        }
        self
    }

    /// Makes a revision of everything added since the last one.
    pub fn commit(&mut self) -> &mut Fixture {
        let revision = self.market.head().revision + 1;
        let mut data_version = [0; 32];
        data_version[..8].copy_from_slice(&revision.to_le_bytes());
        let segments = std::mem::take(&mut self.tables).into_values().map(|mut table| {
            table.sort();
            Arc::new(Segment::of_table(table, revision))
        });
        let delta = Delta {
            marks: vec![RevisionMark { revision, data_version }],
            instruments: std::mem::take(&mut self.instruments),
            namings: std::mem::take(&mut self.namings),
            texts: std::mem::take(&mut self.texts),
            segments: segments.collect(),
        };
        self.market = self.market.apply(delta);
        self
    }

    /// The market up to the last commit.
    pub fn market(&self) -> Arc<Market> {
        Arc::new(self.market.clone())
    }

    /// The snapshot at an instant and at the head revision.
    ///
    /// # Panics
    /// Never: the head revision always exists.
    #[expect(clippy::expect_used, reason = "a fixture is written by hand in a test")]
    pub fn snapshot(&self, as_of: Instant) -> Snapshot {
        Snapshot::new(self.market(), as_of, self.market.head().revision).expect("the head")
    }
}
