//! The first difference of two snapshots, and reads of only the latest days, agree with all rows.

#![cfg(feature = "fixture")]

use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
    track::Rows,
};
use proptest::prelude::*;

/// A day, the days until it is published, and a value; small numbers, so that keys collide.
type Fact = (i32, i32, u8);

/// Rows as a list: day, publication, revision, value.
fn list(rows: &Rows<'_>) -> Vec<(Day, Instant, u64, Option<f64>)> {
    let row = |i| (rows.day(i), rows.published_at(i), rows.revision(i), rows.value(i, 0));
    (0..rows.len()).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn rows_before_the_first_difference_are_the_same(
        batches in prop::collection::vec(prop::collection::vec((0..30i32, 0..4i32, any::<u8>()), 1..12), 1..5),
        by_rule in any::<bool>(),
        cuts in prop::array::uniform2((0..36i32, 0..3usize)),
    ) {
        let start = day("2021-01-04");
        let mut fixture = Fixture::new();
        let id = fixture.id(Namespace::Series, "X");
        let (mut markets, mut at) = (Vec::new(), 0);
        for batch in &batches {
            let mut facts: Vec<Fact> = batch.clone();
            facts.sort_unstable();
            facts.dedup_by_key(|fact| fact.0);
            for (offset, lag, value) in facts {
                // With `by_rule`, each batch follows the previous one and is public at the close.
                let on = start.plus(if by_rule { at } else { offset });
                at += 1;
                let lag = if by_rule { 0 } else { lag };
                let values = [(Field::Value, f64::from(value % 3))];
                let known = Instant::close_of(on.plus(lag));
                fixture.fact(Dataset::Series, (id, InstrumentId::NONE), on, known, &values);
            }
            fixture.commit();
            markets.push(fixture.market());
        }
        let snapshots = cuts.map(|(days, market)| {
            let market = markets[market.min(markets.len() - 1)].clone();
            let revision = market.head().revision;
            Snapshot::new(market, Instant::close_of(start.plus(days)), revision).unwrap()
        });
        let [one, other] = snapshots.each_ref().map(|s| list(&s.rows(Dataset::Series, id)));
        let differ = snapshots[0].first_difference(&snapshots[1], Dataset::Series, id);
        let until = |rows: &[(Day, Instant, u64, Option<f64>)]| -> Vec<_> {
            rows.iter().copied().filter(|row| differ.is_none_or(|day| row.0 < day)).collect()
        };
        prop_assert_eq!(until(&one), until(&other));
        if by_rule {
            let common = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
            let next = [&one, &other].into_iter().filter_map(|rows| rows.get(common)).map(|row| row.0);
            prop_assert_eq!(differ, next.min(), "exact if no row supersedes another");
        }
        let span = one.first().zip(one.last()).map(|(first, last)| (first.0, last.0));
        prop_assert_eq!(snapshots[0].span(Dataset::Series, id), span);
        for offset in -1..35 {
            let first = start.plus(offset);
            let tail = list(&snapshots[0].rows_since(Dataset::Series, id, first));
            let all: Vec<_> = one.iter().copied().filter(|row| first <= row.0).collect();
            prop_assert_eq!(tail, all);
        }
    }
}

#[test]
fn a_new_name_differs_only_if_it_takes_a_symbol() {
    let mut fixture = Fixture::new();
    let closes = [(day("2021-01-04"), 1.0)];
    fixture.closes("BRK.B", &closes).commit();
    let at = Instant::close_of(closes[0].0);
    let before = fixture.snapshot(at);
    fixture.closes("NEW", &closes).commit();
    let after = fixture.snapshot(at);
    assert!(after.has_names_of(&before) && before.has_names_of(&after));
    // A request for BRKB was answered with BRK.B until another instrument has that ticker.
    fixture.closes("BRKB", &closes).commit();
    assert!(!fixture.snapshot(at).has_names_of(&before));
}

#[test]
fn a_name_that_begins_between_two_days_differs() {
    let mut fixture = Fixture::new();
    let start = day("2021-01-04");
    fixture.closes("AAA", &[(start, 1.0)]).commit();
    let before = fixture.snapshot(Instant::close_of(start));
    let later = fixture.snapshot(Instant::close_of(start.plus(9)));
    assert!(later.has_names_of(&before));
    fixture.rename("AAA", "BBB", start.plus(5)).commit();
    let renamed = fixture.snapshot(Instant::close_of(start));
    assert!(!renamed.has_names_of(&before));
    let after = fixture.snapshot(Instant::close_of(start.plus(9)));
    assert!(!after.has_names_of(&renamed));
    assert!(after.has_names_of(&fixture.snapshot(Instant::close_of(start.plus(5)))));
}
