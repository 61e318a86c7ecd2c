//! Everything a view prepares for rotation: 3,000 simulated names over ten years, and the report from it.

use criterion::{Criterion, criterion_group, criterion_main};
use marketdata::{
    instant::Instant,
    market::{Delta, Market, RevisionMark},
    segment::Segment,
    snapshot::Snapshot,
};
use rotation::{
    prepared::{Preparation, prepare},
    report::{Request, report},
};
use simulation::market::Parameters;
use std::{hint::black_box, sync::Arc};

/// The simulated market as a fresh process holds it.
fn resident() -> Arc<Market> {
    let simulated = simulation::market::Market::new(Parameters::BENCH);
    let mut market = Market::empty();
    for batch in simulation::facts::batches(&simulated, 4_000) {
        let revision = batch.revision();
        let segments =
            batch.tables.into_iter().map(|table| Arc::new(Segment::of_table(table, revision)));
        market = market.apply(Delta {
            marks: vec![RevisionMark { revision, data_version: [0; 32] }],
            instruments: batch.instruments,
            namings: batch.namings,
            texts: batch.texts,
            segments: segments.collect(),
        });
    }
    Arc::new(market)
}

fn benches(c: &mut Criterion) {
    let market = resident();
    let head = market.head().revision;
    let last = simulation::market::Market::new(Parameters { names: 100, days: 300, seed: 1 });
    let as_of = last.days.last().map_or(Instant::MAX, |day| Instant::close_of(*day));
    let Some(snapshot) = Snapshot::new(market, as_of, head) else { return };
    let roles = factors::roles::Roles::standard();
    let mut group = c.benchmark_group("rotation");
    group.sample_size(10);
    group.bench_function("plan", |b| b.iter(|| black_box(Preparation::of(&snapshot, &roles))));
    let work = Preparation::of(&snapshot, &roles);
    group.bench_function("one range of 128 issuers", |b| {
        b.iter(|| black_box(work.part(&snapshot, 0..Preparation::STEP)));
    });
    group.bench_function("all on one thread", |b| {
        b.iter(|| black_box(prepare(&snapshot, &roles)));
    });
    let prepared = prepare(&snapshot, &roles);
    let request = Request { indicators: Vec::new(), since: None };
    group.bench_function("report", |b| b.iter(|| black_box(report(&prepared, &request).is_ok())));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
