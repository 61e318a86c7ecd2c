//! Readings of thresholds, and what became of them between two views.

use crate::world::{SETTLED, TODAY, World, line};
use marketdata::{
    dataset::Dataset,
    fixture::day,
    gap::{GapReason, Subject},
    instrument::InstrumentId,
    quotes::Quotes,
};
use portfolio::{book::Book, lines::Terms, lookup::Lookup};
use proptest::prelude::*;
use squeeze::{
    disclosed::DISCLOSED,
    lending::LendingMeasure,
    measure::Component,
    shorts::Shorts,
    watch::{Change, Reading, Readings, Threshold, Watched, WatchedName, turns},
};

const THRESHOLDS: [Threshold; 2] = [
    Threshold { measure: Watched::Ranked(Component::ShortOfFloat), level: 0.3 },
    Threshold { measure: Watched::Score, level: 90.0 },
];

fn reading(value: Option<f64>) -> Reading {
    Reading { value, observed_on: value.map(|_| day(TODAY)) }
}

fn readings(names: &[(u32, [Option<f64>; 2])]) -> Readings {
    let name = |(id, values): &(u32, [Option<f64>; 2])| WatchedName {
        instrument: InstrumentId(*id),
        lines: vec![*id as usize],
        readings: values.iter().copied().map(reading).collect(),
    };
    Readings { names: names.iter().map(name).collect() }
}

#[test]
fn turns_by_hand() {
    let before = readings(&[
        (1, [Some(0.2), Some(95.0)]),
        (2, [None, Some(50.0)]),
        (3, [Some(0.4), None]),
        (4, [Some(0.1), Some(99.0)]),
    ]);
    // Name 1 reaches the level exactly and falls below the other; 2 is found above; 3 is no longer
    // short; 4 moves on its sides; 5 is new.
    let now = readings(&[
        (1, [Some(0.3), Some(89.9)]),
        (2, [Some(0.5), Some(51.0)]),
        (4, [Some(0.2), Some(91.0)]),
        (5, [None, Some(1.0)]),
    ]);
    let found: Vec<_> = turns(&before, &now, &THRESHOLDS)
        .into_iter()
        .map(|t| (t.instrument.0, t.threshold, t.change, t.lines.len()))
        .collect();
    let expected = [
        (1, 0, Change::Crossed, 1),
        (1, 1, Change::Crossed, 1),
        (2, 0, Change::Found, 1),
        (5, 1, Change::Found, 1),
        (3, 0, Change::Lost, 0),
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_measure_is_found_by_its_name_and_reads_something() {
    let all: Vec<Watched> = Watched::all().collect();
    assert_eq!(all.len(), 3 + Component::ALL.len() + LendingMeasure::ALL.len() + DISCLOSED);
    for watched in all {
        assert_eq!(Watched::from_id(watched.id()), Some(watched));
        let is_more = watched.reads().any(|dataset| dataset != Dataset::Splits);
        assert!(is_more, "more than splits: {watched:?}");
    }
    assert_eq!(Watched::from_id("fee"), None);
}

fn drawn() -> impl Strategy<Value = Readings> {
    let value = prop::option::of(prop::sample::select(vec![0.1, 0.3, 0.5, 90.0, 100.0]));
    let name = (1..6u32, [value.clone(), value]);
    prop::collection::btree_map(name.0, name.1, 0..5)
        .prop_map(|names| readings(&names.into_iter().collect::<Vec<_>>()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing turns without a change; backwards, each crossing is a crossing, and what was found is
    /// lost; and what turned from a first view to a third is what is left of the turns of both steps.
    #[test]
    fn laws_of_turns(a in drawn(), b in drawn(), c in drawn()) {
        prop_assert!(turns(&a, &a, &THRESHOLDS).is_empty());
        let key = |change: Change, back: bool| match (change, back) {
            (Change::Found, true) => Change::Lost,
            (Change::Lost, true) => Change::Found,
            (change, _) => change,
        };
        let set = |from: &Readings, to: &Readings, back: bool| {
            let mut all: Vec<_> = turns(from, to, &THRESHOLDS)
                .into_iter()
                .map(|t| (t.instrument.0, t.threshold, key(t.change, back) as u8))
                .collect();
            all.sort_unstable();
            all
        };
        prop_assert_eq!(set(&a, &b, false), set(&b, &a, true));
        let crossed = |from: &Readings, to: &Readings| -> Vec<_> {
            let all = set(from, to, false).into_iter();
            all.filter(|(_, _, change)| *change == Change::Crossed as u8).collect()
        };
        // Where all three views know a value, two crossings cancel and one remains.
        let known = |readings: &Readings, (id, at, _): &(u32, usize, u8)| {
            let name = readings.names.iter().find(|name| name.instrument.0 == *id);
            name.is_some_and(|name| name.readings[*at].value.is_some())
        };
        let (first, second) = (crossed(&a, &b), crossed(&b, &c));
        let net: Vec<_> = crossed(&a, &c).into_iter().filter(|turn| known(&b, turn)).collect();
        let mut once: Vec<_> = first.iter().filter(|turn| !second.contains(turn) && known(&c, turn))
            .chain(second.iter().filter(|turn| !first.contains(turn) && known(&a, turn)))
            .copied().collect();
        once.sort_unstable();
        prop_assert_eq!(net, once);
    }
}

#[test]
fn readings_are_the_numbers_of_a_name_and_what_is_missing_is_a_gap() {
    let mut world = World::new();
    world.bars("S", |_| (10.0, 8e5)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.bars("NOSI", |_| (20.0, 1e5)).bars("LONG", |_| (5.0, 1e5));
    let universe = world.universe();
    let snapshot = universe.snapshot();
    let (lookup, quotes) = (Lookup::of(snapshot), Quotes::of(snapshot));
    let lines = [("S", -1.0), ("NOSI", -1.0), ("LONG", 2.0), ("S", -2.0)];
    let lines = lines.map(|(symbol, shares)| line(symbol, shares, None));
    let book = Book::join(lines, &Terms::NONE, &lookup, &quotes).unwrap();
    let (readings, gaps) = Readings::of(&universe, &Shorts::of(&book), &THRESHOLDS);
    let [none, s] = &readings.names[..] else { panic!("{readings:?}") };
    assert_eq!((&none.lines[..], &s.lines[..]), (&[1][..], &[0, 3][..]));
    assert_eq!(none.readings, [Reading::UNKNOWN; 2]);
    // 1.6 of 8 million; the only scored name has the percentile of the middle.
    let [of_float, score] = [0.2, 50.0];
    let settled = |value| Reading { value: Some(value), observed_on: Some(day(SETTLED)) };
    assert_eq!(s.readings, [settled(of_float), settled(score)]);
    for id in ["short_of_float", "score"] {
        let subject = Subject::number_of("NOSI", id);
        let gap = gaps.iter().find(|gap| gap.subject == subject).unwrap();
        assert_eq!(gap.reason, GapReason::NoShortInterest);
    }
}
