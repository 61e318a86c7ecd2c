//! A snapshot with merges equals a naive fold of the log, at every revision and in any order of
//! ingest.

use marketdata::{
    changes::Changes,
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    merges::Unmergeable,
    snapshot::Snapshot,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NAMES: [&str; 5] = ["AAA", "BBB", "CCC", "DDD", "EEE"];
const REVISIONS: u64 = 6;

/// A fact about one of the names, or a merge of one into another.
#[derive(Clone, Debug)]
enum Draw {
    /// Name, the fund that holds it (if any), day, hours after the close, value.
    Fact(usize, Option<usize>, i32, i64, u32),
    /// Merged name, survivor, whether it is merged or retracted.
    Merge(usize, usize, bool),
}

/// Draws with the revision that writes each.
fn draws() -> impl Strategy<Value = Vec<(u64, Draw)>> {
    let name = 0..NAMES.len();
    let fact = (name.clone(), prop::option::of(name.clone()), 0..5_i32, 0..60_i64, 1..4_u32)
        .prop_map(|(who, fund, day, late, value)| Draw::Fact(who, fund, day, late, value));
    let merge = (name.clone(), name, prop::bool::weighted(0.75))
        .prop_map(|(merged, survivor, on)| Draw::Merge(merged, survivor, on));
    prop::collection::vec((1..=REVISIONS, prop_oneof![4 => fact, 1 => merge]), 1..60)
}

fn instant(day: i32, hours: i64) -> Instant {
    let close = Instant::close_of(Day::from_epoch(18_568 + day));
    Instant::from_micros(close.micros() + hours * 3_600_000_000)
}

/// The draws that a log accepts, by revision: one fact per key, publication and revision, one merge
/// per instrument and revision, no cycle, nothing retracted that is not merged.
fn accepted(draws: &[(u64, Draw)]) -> Vec<(u64, Draw)> {
    let mut sorted = draws.to_vec();
    sorted.sort_by_key(|(revision, _)| *revision);
    let (mut log, mut into, mut keys) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for (revision, draw) in sorted {
        let key = match draw {
            Draw::Fact(who, fund, day, late, _) => (revision, who, fund, day, late),
            Draw::Merge(merged, ..) => (revision, merged, None, -1, 0),
        };
        let is_allowed = match draw {
            Draw::Fact(..) => true,
            Draw::Merge(merged, survivor, true) => {
                !into.contains_key(&merged) && root(&into, survivor).0 != merged
            }
            Draw::Merge(merged, survivor, false) => into.get(&merged) == Some(&survivor),
        };
        if is_allowed && keys.insert(key) {
            match draw {
                Draw::Merge(merged, survivor, true) => drop(into.insert(merged, survivor)),
                Draw::Merge(merged, _, false) => drop(into.remove(&merged)),
                Draw::Fact(..) => {}
            }
            log.push((revision, draw));
        }
    }
    log
}

/// The survivor of a name and the number of merges up to it.
fn root(into: &BTreeMap<usize, usize>, mut name: usize) -> (usize, u32) {
    let mut depth = 0;
    while let Some(above) = into.get(&name) {
        (name, depth) = (*above, depth + 1);
    }
    (name, depth)
}

fn folded(log: &[(u64, Draw)], until: u64) -> Fixture {
    let mut fixture = Fixture::new();
    for name in NAMES {
        fixture.id(Namespace::Listed, name);
    }
    for revision in 1..=until {
        for (_, draw) in log.iter().filter(|(written, _)| *written == revision) {
            match draw {
                Draw::Merge(merged, survivor, is_merged) => {
                    fixture.merge(NAMES[*survivor], NAMES[*merged], *is_merged);
                }
                Draw::Fact(who, fund, day, late, value) => {
                    let id = |name: usize| InstrumentId(name as u32 + 1);
                    let (dataset, field) = of(*fund);
                    let key = (id(*who), fund.map_or(InstrumentId::NONE, id));
                    let on = Day::from_epoch(18_568 + day);
                    let values = [(field, f64::from(*value))];
                    fixture.fact(dataset, key, on, instant(*day, *late), &values);
                }
            }
        }
        fixture.commit();
    }
    fixture
}

fn of(fund: Option<usize>) -> (Dataset, Field) {
    match fund {
        None => (Dataset::ShortInterest, Field::SharesShort),
        Some(_) => (Dataset::Holdings, Field::Weight),
    }
}

/// A visible row: dataset, name, day, fund, value, publication, revision.
type Row = (Dataset, usize, i32, Option<usize>, u32, Instant, u64);

/// The rows by definition: of the visible facts of one key, those nearest to the survivor; of
/// those, the latest publication, then the highest revision. A repeated value counts from the first
/// of its consecutive publications. If `first`, the earliest publication is taken instead, and the
/// nearest fact of that instant. The second list has the keys with facts at two distances.
fn naive(
    log: &[(u64, Draw)],
    as_of: Instant,
    revision: u64,
    first: bool,
) -> (BTreeSet<Row>, BTreeSet<(usize, Dataset, i32)>) {
    let mut into = BTreeMap::new();
    for (_, draw) in log.iter().filter(|(written, _)| *written <= revision) {
        match draw {
            Draw::Merge(merged, survivor, true) => drop(into.insert(*merged, *survivor)),
            Draw::Merge(merged, _, false) => drop(into.remove(merged)),
            Draw::Fact(..) => {}
        }
    }
    let mut by_key: BTreeMap<(usize, Option<usize>, i32), Vec<_>> = BTreeMap::new();
    for (written, draw) in log {
        let Draw::Fact(who, fund, day, late, value) = draw else { continue };
        let published = instant(*day, *late);
        if *written <= revision && published <= as_of {
            let ((survivor, depth), other) =
                (root(&into, *who), fund.map(|fund| root(&into, fund)));
            let rank = (depth, other.map_or(0, |(_, depth)| depth));
            let key = (survivor, other.map(|(fund, _)| fund), *day);
            by_key.entry(key).or_default().push((rank, published, *written, *who, *fund, *value));
        }
    }
    let (mut rows, mut hidden) = (BTreeSet::new(), BTreeSet::new());
    for ((survivor, fund, day), mut facts) in by_key {
        let dataset = of(fund).0;
        if facts.iter().any(|fact| fact.0.0 != facts[0].0.0) {
            hidden.insert((survivor, dataset, day));
        }
        let ranks: BTreeSet<u32> = facts.iter().map(|fact| fact.0.0).collect();
        for rank in ranks {
            let others = facts.iter().filter(|fact| fact.0.0 == rank);
            if 1 < others.map(|fact| fact.0.1).collect::<BTreeSet<_>>().len() {
                hidden.insert((fund.expect("an other instrument"), dataset, day));
            }
        }
        if first {
            let earliest = facts.iter().map(|fact| fact.1).min();
            facts.retain(|fact| Some(fact.1) == earliest);
        }
        let nearest = facts.iter().map(|fact| fact.0).min();
        facts.retain(|fact| Some(fact.0) == nearest);
        // The fixture's ids follow the alphabet, which decides between siblings.
        facts.sort_by_key(|fact| (fact.1, fact.2, fact.3, fact.4));
        facts.dedup_by(|later, earlier| later.5 == earlier.5);
        let (_, published, written, _, _, value) = facts[facts.len() - 1];
        rows.insert((dataset, survivor, day, fund, value, published, written));
    }
    (rows, hidden)
}

/// The rows of a snapshot.
fn seen(snapshot: &Snapshot, first: bool) -> BTreeSet<Row> {
    let mut seen = BTreeSet::new();
    for (dataset, field) in [of(None), of(Some(0))] {
        let mut holders: Vec<InstrumentId> = snapshot.holders(dataset).collect();
        for id in snapshot.instruments().iter().map(|known| known.id) {
            let rows = match first {
                true => snapshot.rows_as_first_published(dataset, id),
                false => snapshot.rows(dataset, id),
            };
            assert_eq!(!rows.is_empty(), holders.contains(&id), "{dataset:?} {id:?}");
            holders.retain(|holder| *holder != id);
            let keys: Vec<_> =
                (0..rows.len()).map(|row| (rows.day(row), rows.other(row))).collect();
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "one row per key, in order");
            for row in 0..rows.len() {
                let value = rows.value(row, dataset.column(field)).expect("a value") as u32;
                let fund = rows.other(row).0.checked_sub(1).map(|fund| fund as usize);
                let (day, dates) =
                    (rows.day(row).epoch() - 18_568, (rows.published_at(row), rows.revision(row)));
                seen.insert((dataset, id.0 as usize - 1, day, fund, value, dates.0, dates.1));
            }
        }
        assert!(holders.is_empty(), "every holder is a known instrument, once");
    }
    seen
}

fn hidden(snapshot: &Snapshot) -> BTreeMap<(usize, Dataset), usize> {
    let found = snapshot.hidden_by_merges();
    found
        .iter()
        .map(|hidden| ((hidden.survivor.0 as usize - 1, hidden.dataset), hidden.days.len()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_snapshot_equals_the_naive_fold(
        draws in draws(), hours in -10..170_i64, revision in 0..=REVISIONS,
    ) {
        let log = accepted(&draws);
        let head = folded(&log, REVISIONS).market();
        let snapshot = Snapshot::new(head, instant(0, hours), revision).expect("a revision");
        for first in [false, true] {
            let (rows, _) = naive(&log, instant(0, hours), revision, first);
            prop_assert_eq!(seen(&snapshot, first), rows, "{:?}", &log);
        }
        let mut counted = BTreeMap::new();
        for (name, dataset, _) in naive(&log, instant(0, hours), revision, false).1 {
            *counted.entry((name, dataset)).or_insert(0) += 1;
        }
        prop_assert_eq!(hidden(&snapshot), counted, "{:?}", &log);
    }

    /// Later merges and retractions change nothing at an earlier revision.
    #[test]
    fn an_older_revision_replays_as_it_was(
        draws in draws(), hours in -10..170_i64, revision in 0..=REVISIONS,
    ) {
        let log = accepted(&draws);
        let at = |until| {
            let market = folded(&log, until).market();
            let snapshot = Snapshot::new(market, instant(0, hours), revision).expect("a revision");
            let symbols: Vec<String> =
                (1..=5).map(|id| snapshot.symbol(InstrumentId(id)).to_owned()).collect();
            (seen(&snapshot, false), snapshot.merges().cloned(), symbols)
        };
        prop_assert_eq!(at(revision), at(REVISIONS));
    }

    /// The merges may come before, among or after the facts that they are about.
    #[test]
    fn the_order_of_ingest_does_not_matter(draws in draws(), hours in -10..170_i64) {
        let log = accepted(&draws);
        let at = |revision_of: &dyn Fn(u64, &Draw) -> u64| {
            let moved: Vec<(u64, Draw)> =
                log.iter().map(|(old, draw)| (revision_of(*old, draw), draw.clone())).collect();
            let fixture = folded(&moved, 3 * REVISIONS);
            let rows = seen(&fixture.snapshot(instant(0, hours)), false);
            let undated = rows.into_iter().map(|(a, b, c, d, e, published, _)| (a, b, c, d, e, published));
            undated.collect::<BTreeSet<_>>()
        };
        let is_merge = |draw: &Draw| matches!(draw, Draw::Merge(..));
        let together = at(&|old, draw| if is_merge(draw) { old } else { old + REVISIONS });
        let after = at(&|old, draw| if is_merge(draw) { old + 2 * REVISIONS } else { old + REVISIONS });
        prop_assert_eq!(together, after);
    }

    /// Two snapshots without a reported difference show the same.
    #[test]
    fn a_change_of_the_merges_is_a_change_of_everything(
        draws in draws(), hours in -10..170_i64, revisions in (0..=REVISIONS, 0..=REVISIONS),
    ) {
        let log = accepted(&draws);
        let market = folded(&log, REVISIONS).market();
        let [a, b] = [revisions.0, revisions.1].map(|revision| {
            Snapshot::new(market.clone(), instant(0, hours), revision).expect("a revision")
        });
        let changes = a.changed_since(&b);
        if !a.has_merges_of(&b) {
            prop_assert_eq!(changes, Changes::ALL);
            prop_assert!(!a.follows(&b) && !b.follows(&a));
        }
        for (dataset, _) in [of(None), of(Some(0))] {
            for id in (1..=5).map(InstrumentId) {
                let first = a.first_difference(&b, dataset, id).unwrap_or(Day::MAX).epoch() - 18_568;
                let before = |snapshot: &Snapshot| -> BTreeSet<Row> {
                    let rows = seen(snapshot, false).into_iter();
                    rows.filter(|row| (row.0, row.1) == (dataset, id.0 as usize - 1) && row.2 < first)
                        .collect()
                };
                prop_assert_eq!(before(&a), before(&b));
            }
        }
    }
}

#[test]
fn cycles_and_second_survivors_are_detected() {
    let mut fixture = Fixture::new();
    fixture.merge("BBB", "AAA", true).merge("CCC", "BBB", true).commit();
    let [a, b, c, d] = ["AAA", "BBB", "CCC", "DDD"].map(|name| fixture.id(Namespace::Listed, name));
    fixture.commit();
    let snapshot = fixture.snapshot(instant(0, 0));
    let merges = snapshot.merges().expect("merges");
    // AAA into BBB into CCC.
    assert_eq!((merges.survivor(a), merges.depth(a)), (c, 2));
    assert_eq!(merges.check(c, a), Err(Unmergeable::Cycle));
    assert_eq!(merges.check(a, a), Err(Unmergeable::Cycle));
    assert_eq!(merges.check(a, d), Err(Unmergeable::Elsewhere(b)));
    assert_eq!(
        (merges.check(a, b), merges.check(c, d), merges.check(d, a)),
        (Ok(()), Ok(()), Ok(()))
    );
    assert_eq!(snapshot.listed("AAA"), Some(c), "the symbol of a merged name finds the survivor");
    let merged: Vec<InstrumentId> = snapshot.merged_into(c).into_iter().map(|(id, _)| id).collect();
    assert_eq!(merged, [a, b], "of one revision, in the order of names");
}
