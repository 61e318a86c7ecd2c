//! The memory that a prepared value reports is what the allocator gave it.

use factors::roles::Roles;
use marketdata::{
    dataset::{Dataset, Field},
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use squeeze::prepared::prepare;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Names with short interest; every third of them has prices.
fn market(names: usize) -> Snapshot {
    let mut fixture = Fixture::new();
    let (settled, last) = (day("2021-01-15"), day("2021-01-27"));
    for at in 0..names {
        let symbol = format!("N{at}");
        let key = (fixture.id(Namespace::Listed, &symbol), InstrumentId::NONE);
        let published = Instant::close_of(day("2021-01-26"));
        let short = [(Field::SharesShort, 1e6 + at as f64)];
        fixture.fact(Dataset::ShortInterest, key, settled, published, &short);
        let shares = [(Field::PublicFloat, 1e7), (Field::SharesOutstanding, 1.2e7)];
        fixture.fact(Dataset::ShareCounts, key, settled, published, &shares);
        if at % 3 == 0 {
            let closes: Vec<_> = (0..30).map(|back| (last.plus(-back), 10.0)).collect();
            fixture.closes(&symbol, &closes);
        }
    }
    fixture.commit();
    fixture.snapshot(Instant::close_of(last))
}

#[test]
fn bytes_are_those_of_the_allocator() {
    let (snapshot, roles) = (market(3_000), Roles::standard());
    // The first run also starts the pool's threads.
    drop(prepare(&snapshot, &roles, None));
    let region = Region::new(ALLOCATOR);
    let prepared = prepare(&snapshot, &roles, None);
    let change = region.change();
    let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    let reported = prepared.bytes() as f64;
    assert!(
        (0.8..1.2).contains(&(reported / held)),
        "reports {reported}, the allocator gave {held}"
    );
}
