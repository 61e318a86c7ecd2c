//! Segments of several revisions, as compaction makes them, give the same rows as a naive fold.

use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    facts::FactTable,
    instant::Instant,
    instrument::InstrumentId,
    segment::{Ints, Numbers, Run, Segment, compact_published, runs},
    track::{Bounds, Rows, Track},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

const NAME: InstrumentId = InstrumentId(1);

/// One fact of one instrument; every column has the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fact {
    day: Day,
    other: InstrumentId,
    published: Instant,
    revision: u64,
    value: u32,
}

/// The facts that a revision adds.
#[derive(Clone, Debug)]
enum Step {
    /// The next day, public at its close, as a daily file adds it.
    NextDay(u32),
    /// Any days, each with any hours after the close: (day, other, hours, value).
    Anything(Vec<(i32, u32, i64, u32)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fact = (0..30_i32, 0..2_u32, prop_oneof![Just(0_i64), 0..200_i64], 0..4_u32);
    let step = prop_oneof![
        4 => (0..4_u32).prop_map(Step::NextDay),
        1 => prop::collection::vec(fact, 1..12).prop_map(Step::Anything),
    ];
    prop::collection::vec(step, 1..40)
}

fn day(offset: i32) -> Day {
    // 2021-03-01; the clocks change on the 14th.
    Day::from_epoch(18_687 + offset)
}

/// The facts of each revision, from revision 1.
fn facts(steps: &[Step]) -> Vec<Vec<Fact>> {
    let mut next_day = 0;
    let facts = (1..).zip(steps).map(|(revision, step)| {
        let mut added = BTreeMap::new();
        let mut add = |on: i32, other: u32, hours: i64, value| {
            let on = day(on);
            let published =
                Instant::from_micros(Instant::close_of(on).micros() + hours * 3_600_000_000);
            let key = (on, InstrumentId(other), published);
            added.insert(key, Fact { day: on, other: key.1, published, revision, value });
        };
        match step {
            Step::NextDay(value) => {
                add(next_day, 0, 0, *value);
                next_day += 1;
            }
            Step::Anything(draws) => {
                draws.iter().for_each(|(on, other, hours, value)| add(*on, *other, *hours, *value));
            }
        }
        added.into_values().collect()
    });
    facts.collect()
}

/// One segment of all the facts, sorted as in a segment.
fn segment(dataset: Dataset, mut facts: Vec<Fact>) -> Arc<Segment> {
    facts.sort_by_key(|fact| (fact.day, fact.other, fact.published, fact.revision));
    let mut table = FactTable::empty(dataset);
    for fact in &facts {
        let values = vec![f64::from(fact.value); dataset.fields().len()];
        table.push(NAME, fact.other, fact.day, fact.published, &values);
    }
    let published_at = compact_published(table.published_at, &table.effective_on);
    Arc::new(Segment {
        dataset,
        runs: runs(&table.instrument),
        other: Ints::from_vec(table.other),
        effective_on: table.effective_on.into(),
        published_at,
        revision: Ints::from_vec(facts.iter().map(|fact| fact.revision).collect()),
        columns: table.columns.into_iter().map(Numbers::from_vec).collect(),
    })
}

/// The track of segments, pushed in the given order.
fn track(segments: impl IntoIterator<Item = Arc<Segment>>) -> Track {
    let mut track = Track::empty();
    for segment in segments {
        let run = Run { instrument: NAME, start: 0, len: segment.len() as u32 };
        track.push(segment, run);
    }
    track
}

/// Per key the latest publication within the bounds, with ties going to the higher revision; of
/// consecutive publications with the same values, the first.
fn expected(facts: &[Fact], as_of: Instant, revision: u64) -> Vec<Fact> {
    let mut by_key: BTreeMap<_, Vec<Fact>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.published <= as_of && fact.revision <= revision) {
        by_key.entry((fact.day, fact.other)).or_default().push(*fact);
    }
    let winner = |mut known: Vec<Fact>| {
        known.sort_by_key(|fact| (fact.published, fact.revision));
        let last = known.last().copied()?;
        known.into_iter().rev().take_while(|fact| fact.value == last.value).last()
    };
    by_key.into_values().filter_map(winner).collect()
}

fn seen(rows: &Rows<'_>) -> Vec<Fact> {
    let fact = |i| Fact {
        day: rows.day(i),
        other: rows.other(i),
        published: rows.published_at(i),
        revision: rows.revision(i),
        value: rows.value(i, 0).map_or(u32::MAX, |value| value as u32),
    };
    let facts: Vec<Fact> = (0..rows.len()).map(fact).collect();
    assert_eq!(rows.days().to_vec(), facts.iter().map(|fact| fact.day).collect::<Vec<_>>());
    facts
}

/// The revisions merged into segments, each into the group drawn for it.
fn merged(facts: &[Vec<Fact>], groups: &[u8], dataset: Dataset) -> Vec<Arc<Segment>> {
    let mut by_group: BTreeMap<u8, Vec<Fact>> = BTreeMap::new();
    for (facts, group) in facts.iter().zip(groups) {
        by_group.entry(*group).or_default().extend(facts);
    }
    by_group.into_values().map(|facts| segment(dataset, facts)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn merged_revisions_answer_as_a_fold_over_all_facts(
        steps in steps(),
        groups in prop::collection::vec(0..6_u8, 40),
        runs_of in 1..20_usize,
        bounds in prop::collection::vec((-30..900_i64, 0..42_u64), 6),
    ) {
        let facts = facts(&steps);
        let all: Vec<Fact> = facts.concat();
        let dataset = Dataset::ShortInterest;
        let plain = facts.iter().map(|facts| segment(dataset, facts.clone()));
        // Neighbours as compaction merges them, and arbitrary groups, pushed in both orders.
        let neighbours: Vec<u8> = (0..facts.len()).map(|at| (at / runs_of) as u8).collect();
        let mut backwards = merged(&facts, &groups, dataset);
        backwards.reverse();
        let tracks = [
            track(plain),
            track(merged(&facts, &neighbours, dataset)),
            track(merged(&facts, &groups, dataset)),
            track(backwards),
        ];
        for (hours, revision) in bounds {
            let as_of = Instant::from_micros(Instant::close_of(day(0)).micros() + hours * 3_600_000_000);
            let expected = expected(&all, as_of, revision);
            let from = day((hours / 24) as i32);
            let late: Vec<Fact> = expected.iter().copied().filter(|fact| from <= fact.day).collect();
            let mut every: Vec<Fact> =
                all.iter().copied().filter(|fact| fact.revision <= revision).collect();
            every.sort_by_key(|fact| (fact.day, fact.other, fact.published, fact.revision));
            for track in &tracks {
                let bounds = Bounds::new(as_of, revision);
                let rows = track.rows(bounds);
                prop_assert_eq!(seen(&rows), expected.clone());
                prop_assert_eq!(track.sees_any(bounds), !expected.is_empty());
                prop_assert_eq!(seen(&rows.since(from)), late.clone());
                prop_assert_eq!(seen(&track.every(revision)), every.clone());
            }
        }
    }
}

/// Uses bars, to check that columns of several pieces are joined in the order of rows.
#[test]
fn a_bulk_load_and_merged_days_are_read_as_one_column() {
    let fact = |offset: i32, revision| {
        let (day, other) = (day(offset), InstrumentId::NONE);
        let value = 10 + offset as u32;
        Fact { day, other, published: Instant::close_of(day), revision, value }
    };
    let bulk = segment(Dataset::Bars, (0..20).map(|offset| fact(offset, 1)).collect());
    let daily = (20..30).map(|offset| fact(offset, offset as u64 - 18)).collect();
    let track = track([bulk, segment(Dataset::Bars, daily)]);
    let rows = track.rows(Bounds::new(Instant::MAX, 11));
    let close = Dataset::Bars.column(Field::Close);
    let closes: Vec<_> = (0..rows.len()).filter_map(|row| rows.value(row, close)).collect();
    assert_eq!(closes, (10..40).map(f64::from).collect::<Vec<_>>());
    let half = track.rows(Bounds::new(Instant::close_of(day(26)), 6));
    assert_eq!(half.len(), 25, "revision 6 added the day at offset 24");
    assert_eq!(half.last_on_or_before(day(22)), Some(22));
}
