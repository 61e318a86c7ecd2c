//! Daily bars for the benches, and a clock.

use marketdata::{
    dataset::Dataset,
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    symbol::Symbol,
};
use std::time::Duration;
use store::{Append, Provenance, RequestKey};

/// The first days of the market.
pub(crate) fn calendar(days: usize) -> Vec<Day> {
    (16_000..).map(Day::from_epoch).filter(|day| day.weekday() < 5).take(days).collect()
}

/// Random walks in all columns of a bar, public at each day's close. The first batch adds the
/// names.
pub(crate) fn batch(base_revision: u64, names: u32, calendar: &[Day], unit: f64) -> Batch {
    let mut random = Random(88_172_645_463_325_252 + base_revision);
    let closes: Vec<Instant> = calendar.iter().map(|day| Instant::close_of(*day)).collect();
    let mut table = FactTable::empty(Dataset::Bars);
    let mut batch = Batch::empty(base_revision);
    let rounded = |price: f64| if unit == 0.0 { price } else { (price * unit).round() / unit };
    for id in (1..=names).map(InstrumentId) {
        if base_revision == 0 {
            batch.instruments.push(Instrument { id, namespace: Namespace::Listed, revision: 1 });
            let symbol = Symbol::listed(&format!("S{}", id.0)).expect("a symbol");
            let (from, until) = (Day::MIN, Day::MAX);
            batch.namings.push(Naming { instrument: id, revision: 1, symbol, from, until });
        }
        let mut price = 20.0 + 80.0 * random.uniform();
        for (day, at) in calendar.iter().zip(&closes) {
            let open = price * (1.0 + 0.005 * random.normal());
            price = (price * (1.0 + 0.02 * random.normal())).max(1.0);
            let high = open.max(price) * (1.0 + 0.005 * random.uniform());
            let low = open.min(price) * (1.0 - 0.005 * random.uniform());
            let volume = (1e6 * (1.0 + 0.3 * random.normal()).abs()).round();
            let distribution = if random.uniform() < 4.0 / 252.0 { 1.005 } else { 1.0 };
            let prices = [open, high, low, price].map(rounded);
            let [open, high, low, close] = prices;
            let row = [open, high, low, close, volume, distribution, 1.0, 19_000.0];
            table.push(id, InstrumentId::NONE, *day, *at, &row);
        }
    }
    batch.tables.push(table);
    batch
}

/// A write of a batch.
pub(crate) fn append_of(batch: Batch) -> Append {
    let text = String::new;
    let request_id = batch.base_revision.to_string();
    Append {
        key: RequestKey { caller: text(), method: text(), request_id },
        fingerprint: [0; 32],
        provenance: Provenance {
            source: text(),
            file_name: text(),
            content_hash: [0; 32],
            received_at: Instant::from_micros(0),
        },
        batch,
        base_version: None,
        answer: Vec::new(),
        forget_before: Instant::MIN,
    }
}

/// Marsaglia's xorshift, 64 bits; a sum of twelve draws approximates a normal distribution.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// Current time.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// A duration in milliseconds, as text.
pub(crate) fn shown(took: Duration) -> String {
    format!("{:.0} ms", took.as_secs_f64() * 1e3)
}
