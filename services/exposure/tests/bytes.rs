//! The memory that a prepared view reports is what the allocator gave it, once every name has been
//! listed.

use exposure::prepared::prepare;
use marketdata::dataset::Dataset;
use risk::fixture::{World, world};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// `days` is the length of history: with few days most of the memory is that of the names' details,
/// with many most is that of the returns.
fn ratio(names: usize, days: usize) -> f64 {
    let world = world(names, days, 7);
    let (snapshot, roles) = (world.snapshot(), World::roles());
    // The first run also starts the pool's threads.
    drop(prepare(&snapshot, &roles, None));
    let region = Region::new(ALLOCATOR);
    let prepared = prepare(&snapshot, &roles, None);
    let before = prepared.bytes();
    prepared.estimate_all(snapshot.holders(Dataset::Bars));
    prepared.detail_all(snapshot.holders(Dataset::Bars));
    let change = region.change();
    assert_eq!(prepared.bytes(), before, "the cache counts a value once, before it is used");
    before as f64 / (change.bytes_allocated as f64 - change.bytes_deallocated as f64)
}

#[test]
fn bytes_are_those_of_the_allocator() {
    for (names, days) in [(2_000, 70), (1_000, 700)] {
        let ratio = ratio(names, days);
        assert!((0.9..1.1).contains(&ratio), "{names} names by {days} days: {ratio}");
    }
}
