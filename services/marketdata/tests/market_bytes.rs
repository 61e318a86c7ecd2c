//! The memory that a kept snapshot holds beyond the markets around it is counted.

#![cfg(feature = "fixture")]

use marketdata::{
    fixture::{Fixture, day},
    instant::Instant,
};

const NAMES: usize = 200;
const APPENDS: i32 = 20;

/// An append copies the pieces of every track that it touches: after 20 of them a track has 21
/// pieces of at least 64 bytes (a segment, a range of rows, two days, extents), all of them copied.
#[test]
fn what_an_append_copies_is_counted() {
    let mut fixture = Fixture::new();
    let (start, mut counted) = (day("2021-01-04"), Vec::new());
    for at in 0..=APPENDS {
        let closes = [(start.plus(at), 10.0)];
        for name in 0..NAMES {
            fixture.closes(&format!("N{name}"), &closes);
        }
        fixture.commit();
        counted.push(fixture.snapshot(Instant::MAX).market_bytes());
    }
    assert!(counted.is_sorted(), "{counted:?}");
    let last = counted[APPENDS as usize];
    assert!(NAMES * (APPENDS as usize + 1) * 64 <= last, "{last}");
}
