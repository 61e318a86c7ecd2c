//! The memory that a prepared value reports is what the allocator gave it, and depends on the rows
//! that exist.

use factors::roles::Roles;
use marketdata::{
    dataset::{Dataset, Field},
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use rotation::prepared::{PreparedRotation, prepare};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, sync::Mutex};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The tests count the same allocator, so one runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Names with 300 days of prices, shares, a float, and short interest.
fn market(names: usize) -> Fixture {
    let mut fixture = Fixture::new();
    let last = day("2021-01-27");
    for at in 0..names {
        let symbol = format!("N{at}");
        let close = |back: i32| 20.0 + f64::from((back * (at as i32 % 5 + 3)) % 11);
        let closes: Vec<_> = (0..300).map(|back| (last.plus(-back), close(back))).collect();
        fixture.closes(&symbol, &closes);
        let key = (fixture.id(Namespace::Listed, &symbol), InstrumentId::NONE);
        let published = Instant::close_of(last.plus(-200));
        let shares = [(Field::PublicFloat, 1e8), (Field::SharesOutstanding, 1.2e8)];
        fixture.fact(Dataset::ShareCounts, key, last.plus(-220), published, &shares);
        let short = [(Field::SharesShort, 1e6 + at as f64)];
        fixture.fact(Dataset::ShortInterest, key, last.plus(-210), published, &short);
    }
    for symbol in ["SPY", "IWM", "RSP", "XLU", "XLK"] {
        let closes: Vec<_> = (0..300).map(|back| (last.plus(-back), 90.0)).collect();
        fixture.closes(symbol, &closes);
    }
    fixture.commit();
    fixture
}

fn now(fixture: &Fixture) -> Snapshot {
    fixture.snapshot(Instant::close_of(day("2021-01-27")))
}

/// A prepared value and the memory that the allocator gave it.
fn held(snapshot: &Snapshot, previous: Option<&PreparedRotation>) -> (PreparedRotation, f64) {
    let roles = Roles::standard();
    // The first run also starts the pool's threads.
    drop(prepare(snapshot, &roles, previous));
    let region = Region::new(ALLOCATOR);
    let prepared = prepare(snapshot, &roles, previous);
    let change = region.change();
    (prepared, change.bytes_allocated as f64 - change.bytes_deallocated as f64)
}

#[test]
fn bytes_are_those_of_the_allocator() {
    let _guard = ONE_AT_A_TIME.lock();
    // The second market has one range of few issuers, whose readings weigh more than its counts.
    for names in [1_500, 20] {
        let (prepared, held) = held(&now(&market(names)), None);
        let reported = prepared.bytes() as f64;
        assert!(
            (0.9..1.1).contains(&(reported / held)),
            "{names} names: reports {reported}, the allocator gave {held}"
        );
    }
}

#[test]
fn a_bar_of_1900_costs_a_day() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut fixture = market(400);
    let (_, before) = held(&now(&fixture), None);
    fixture.closes("OLD", &[(day("1900-01-02"), 1.0)]).commit();
    let (prepared, after) = held(&now(&fixture), None);
    assert!(after < 1.02 * before, "{before} bytes without the bar, {after} with it");
    // The bar is counted: it is the only close of its day.
    assert!(prepared.breadth().is_some_and(|breadth| breadth.calendar[0] == day("1900-01-02")));
}

#[test]
fn a_continued_value_reports_what_it_shares() {
    let _guard = ONE_AT_A_TIME.lock();
    let mut fixture = market(400);
    let first = prepare(&now(&fixture), &Roles::standard(), None);
    let next = day("2021-01-28");
    (0..400).for_each(|at| _ = fixture.closes(&format!("N{at}"), &[(next, 21.0)]));
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(next));
    let (second, added) = held(&snapshot, Some(&first));
    assert_eq!(second.recounted().lines, 0);
    let (alone, whole) = held(&snapshot, None);
    assert!(added < 0.6 * whole, "{added} bytes more, {whole} for a fresh one");
    let reported = [&second, &alone].map(|prepared| prepared.bytes() as f64);
    assert!((0.95..1.05).contains(&(reported[0] / reported[1])), "{reported:?}");
}
