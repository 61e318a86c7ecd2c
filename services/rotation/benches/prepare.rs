//! Benches rotation on 3,000 simulated names over ten years: a whole preparation, one appended
//! session, and the report.

use criterion::{Criterion, criterion_group, criterion_main};
use marketdata::{
    bars::Bars,
    basis::PriceBasis,
    calendar::plus_sessions,
    dataset::Dataset,
    day::Day,
    facts::FactTable,
    instant::Instant,
    instrument::InstrumentId,
    market::{Delta, Market, RevisionMark},
    segment::Segment,
    snapshot::Snapshot,
};
use rotation::{
    prepared::prepare,
    report::{Request, report},
};
use simulation::{facts, market::Parameters};
use std::{hint::black_box, sync::Arc};

/// The simulated market, as folded by a fresh process.
fn resident() -> Arc<Market> {
    let simulated = simulation::market::Market::new(Parameters::BENCH);
    facts::folded(facts::batches(&simulated, 4_000))
}

/// The market with one more session: each line that has a bar on the last session closes 0.1 %
/// higher, as traded.
fn next_session(market: &Market, last: &Snapshot, day: Day) -> Market {
    let revision = market.head().revision + 1;
    let mut table = FactTable::empty(Dataset::Bars);
    let [basis, basis_on] = PriceBasis::Raw.to_values();
    let mut lines: Vec<InstrumentId> = last.holders(Dataset::Bars).collect();
    lines.sort_unstable();
    for line in lines {
        let bars = Bars::of(last, line);
        let close = bars.close_as_stored(bars.len() - 1) * 1.001;
        let values = [close, close, close, close, 1e6, 1.0, basis, basis_on];
        table.push(line, InstrumentId::NONE, day, Instant::close_of(day), &values);
    }
    market.apply(Delta {
        marks: vec![RevisionMark { revision, data_version: [1; 32] }],
        instruments: Vec::new(),
        namings: Vec::new(),
        texts: Vec::new(),
        segments: vec![Arc::new(Segment::of_table(table, revision))],
    })
}

fn benches(c: &mut Criterion) {
    let market = resident();
    let head = market.head().revision;
    let last = simulation::market::Market::new(Parameters { names: 100, days: 300, seed: 1 });
    let Some(last) = last.days.last().copied() else { return };
    let Some(snapshot) = Snapshot::new(Arc::clone(&market), Instant::close_of(last), head) else {
        return;
    };
    let roles = factors::roles::Roles::standard();
    let mut group = c.benchmark_group("rotation");
    group.sample_size(10);
    group.bench_function("a fresh view", |b| {
        b.iter(|| black_box(prepare(&snapshot, &roles, None)));
    });
    let prepared = prepare(&snapshot, &roles, None);
    let day = plus_sessions(last, 1);
    let next = Arc::new(next_session(&market, &snapshot, day));
    let Some(next) = Snapshot::new(next, Instant::close_of(day), head + 1) else { return };
    group.bench_function("one session appended", |b| {
        b.iter(|| black_box(prepare(&next, &roles, Some(&prepared))));
    });
    let request = Request { indicators: Vec::new(), since: None };
    group.bench_function("report", |b| b.iter(|| black_box(report(&prepared, &request).is_ok())));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
