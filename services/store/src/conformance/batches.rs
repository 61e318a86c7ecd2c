//! Batches for tests of a store: small, with every dataset, text and naming a batch can hold.

use crate::{Append, Appended, Provenance, RequestKey, Store, connect};
use marketdata::{
    dataset::Dataset,
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::{Delta, Market},
    symbol::Symbol,
};
use std::sync::Arc;

/// Makes batches as a writer does: tracks the head and the numbers already assigned.
#[derive(Clone, Debug)]
pub struct Batches {
    revision: u64,
    instruments: u32,
    texts: u32,
}

impl Batches {
    /// Starts from an empty log.
    #[expect(clippy::new_without_default, reason = "a test says what it starts from")]
    pub const fn new() -> Batches {
        Batches { revision: 0, instruments: 0, texts: 0 }
    }

    /// Starts from the log that a market was folded from.
    pub fn after(market: &Market) -> Batches {
        let revision = market.head().revision;
        let instruments = market.directory().len_at(revision) as u32;
        Batches { revision, instruments, texts: market.text_count() as u32 }
    }

    /// The next batch: `names` new instruments, and for every instrument so far one bar on each of
    /// `days` days from `first`, and one text and one listing.
    pub fn next(&mut self, names: u32, first: Day, days: i32) -> Batch {
        let mut batch = Batch::empty(self.revision);
        self.revision += 1;
        for id in (self.instruments + 1..=self.instruments + names).map(InstrumentId) {
            let (namespace, revision) = (Namespace::Listed, self.revision);
            batch.instruments.push(Instrument { id, namespace, revision });
            batch.namings.push(naming(id, self.revision, &format!("S{}", id.0)));
        }
        self.instruments += names;
        let text = f64::from(self.texts);
        batch.texts.push(format!("text {} \"of\" \\ a\nkind\0 ünïcode 🦀", self.texts));
        self.texts += 1;
        batch.tables = vec![self.bars(first, days), self.listings(first, text)];
        batch
    }

    /// A batch that adds nothing.
    pub const fn nothing(&self) -> Batch {
        Batch::empty(self.revision)
    }

    fn bars(&self, first: Day, days: i32) -> FactTable {
        let mut table = FactTable::empty(Dataset::Bars);
        for id in 1..=self.instruments {
            for offset in 0..days {
                let day = first.plus(offset);
                let close = 10.0 + f64::from(id) + f64::from(offset) * 0.25;
                let volume = f64::from(1_000 * id) + self.revision as f64;
                let absent = f64::NAN;
                let row = [close, close + 1.0, absent, close, volume, 1.0, 0.0, 0.0];
                let key = (InstrumentId(id), InstrumentId::NONE);
                table.push(key.0, key.1, day, Instant::close_of(day), &row);
            }
        }
        table
    }

    fn listings(&self, day: Day, text: f64) -> FactTable {
        let mut table = FactTable::empty(Dataset::Listings);
        for id in (1..=self.instruments).map(InstrumentId) {
            let published = Instant::from_micros(Instant::close_of(day).micros() + i64::from(id.0));
            let row = [text, text, text, text, 1e9 + f64::from(id.0), 0.1, f64::NAN, f64::NAN];
            table.push(id, InstrumentId::NONE, day, published, &row);
        }
        table
    }
}

fn naming(instrument: InstrumentId, revision: u64, symbol: &str) -> Naming {
    let symbol = Symbol::listed(symbol).expect("a symbol");
    Naming { instrument, revision, symbol, from: Day::MIN, until: Day::MAX }
}

/// A write of a batch under a request id; the answer contains the id, and the fingerprint is made
/// from it.
pub fn append_of(batch: Batch, request_id: &str) -> Append {
    Append {
        key: RequestKey {
            caller: "desk".to_owned(),
            method: "Ingest".to_owned(),
            request_id: request_id.to_owned(),
        },
        fingerprint: *blake3::hash(request_id.as_bytes()).as_bytes(),
        provenance: Provenance {
            source: "daily_bars".to_owned(),
            file_name: format!("{request_id}.csv"),
            content_hash: [7; 32],
            received_at: Instant::from_micros(1_600_000_000_000_000),
        },
        batch,
        base_version: None,
        answer: format!("answer to {request_id}").into_bytes(),
        forget_before: Instant::MIN,
    }
}

/// Opens a store.
pub(super) async fn open(url: &str) -> Arc<dyn Store> {
    connect(url).await.expect("a store")
}

/// Appends a batch that must be committed.
///
/// # Panics
/// If it is not.
pub async fn committed(store: &dyn Store, batch: Batch, request_id: &str) -> Delta {
    let appended = store.append(append_of(batch, request_id)).await.expect("an append");
    match appended {
        Appended::Committed(delta) => Some(delta),
        Appended::NothingNew | Appended::Answered(_) => None,
    }
    .expect("a commit")
}

/// A day after 2020-01-01.
pub(super) const fn day(offset: i32) -> Day {
    Day::from_epoch(18_262 + offset)
}
