//! Facts published later, and facts added to the log later, never change a snapshot.

use marketdata::{
    bars::Bars,
    basis::{PriceBasis, Units},
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    market::Market,
    snapshot::Snapshot,
};
use proptest::prelude::*;
use std::sync::Arc;

const NAMES: [&str; 3] = ["AAA", "BBB", "CCC"];

/// A fact drawn as small numbers: kind, name, day, hours after the close, value.
#[derive(Clone, Debug)]
struct Draw {
    kind: u8,
    name: usize,
    day: i32,
    late: i64,
    value: u32,
}

fn draws(most: usize) -> impl Strategy<Value = Vec<Draw>> {
    let draw = (0..4_u8, 0..NAMES.len(), 0..12_i32, 0..200_i64, 1..40_u32);
    prop::collection::vec(
        draw.prop_map(|(kind, name, day, late, value)| Draw { kind, name, day, late, value }),
        1..most,
    )
}

fn day(offset: i32) -> Day {
    // 2020-11-02: daylight saving time ended the day before.
    Day::from_epoch(18_568 + offset)
}

fn instant(hours: i64) -> Instant {
    Instant::from_micros(Instant::close_of(day(0)).micros() + hours * 3_600_000_000)
}

/// Adds a fact, unless it is published at or before `not_before`.
fn add(fixture: &mut Fixture, draw: &Draw, not_before: Option<Instant>) {
    let on = day(draw.day);
    let late = draw.late * 3_600_000_000;
    let published = Instant::from_micros(Instant::close_of(on).micros() + late);
    if not_before.is_some_and(|bound| published <= bound) {
        return;
    }
    let key = (fixture.id(Namespace::Listed, NAMES[draw.name]), InstrumentId::NONE);
    let value = f64::from(draw.value);
    let [code, basis_on] = PriceBasis::Raw.to_values();
    match draw.kind {
        0 => fixture.fact(
            Dataset::ShortInterest,
            key,
            on,
            published,
            &[(Field::SharesShort, value * 1e5)],
        ),
        1 => fixture.fact(
            Dataset::ShareCounts,
            key,
            on,
            published,
            &[(Field::PublicFloat, value * 1e6)],
        ),
        _ => fixture.fact(
            Dataset::Bars,
            key,
            on,
            published,
            &[
                (Field::Close, value),
                (Field::Volume, 1e6 * value),
                (Field::Distribution, 1.0),
                (Field::PriceBasis, code),
                (Field::BasisOn, basis_on),
            ],
        ),
    };
}

/// Every row, return and change of units of a snapshot, with its dates; numbers as bits.
fn seen(snapshot: &Snapshot) -> String {
    let mut text = format!("{:?} {:?}\n", snapshot.data_version(), snapshot.today());
    for dataset in Dataset::ALL {
        let holders: Vec<InstrumentId> = snapshot.holders(dataset).collect();
        let with_rows = snapshot.instruments().iter().map(|known| known.id);
        let with_rows = with_rows.filter(|id| !snapshot.rows(dataset, *id).is_empty());
        assert_eq!(holders, with_rows.collect::<Vec<_>>(), "holders and instruments with rows");
        text += &format!("{dataset:?} {holders:?}\n");
    }
    for id in snapshot.instruments().iter().map(|i| i.id) {
        text += &format!("{:?} {:?}\n", snapshot.instrument(id), snapshot.namings(id));
        text += snapshot.symbol(id);
        for dataset in Dataset::ALL {
            let rows = snapshot.rows(dataset, id);
            for row in 0..rows.len() {
                let columns = 0..dataset.fields().len();
                let bits: Vec<_> = columns.map(|c| rows.value(row, c).map(f64::to_bits)).collect();
                let dates = (rows.day(row), rows.published_at(row), rows.revision(row));
                text += &format!("{dataset:?} {dates:?} {bits:?}\n");
            }
        }
        let bars = Bars::of(snapshot, id);
        let returns = (0..bars.len()).map(|i| bars.total_return(i).map(f64::to_bits));
        let change = Units::of(snapshot, id).change(day(0), day(11));
        text += &format!("{:?} {change:?}\n", returns.collect::<Vec<_>>());
    }
    text
}

fn snapshot(market: Arc<Market>, as_of: Instant, revision: u64) -> Snapshot {
    Snapshot::new(market, as_of, revision).expect("a known revision")
}

/// Two revisions of facts that later facts must not change.
fn past(first: &[Draw], second: &[Draw]) -> Fixture {
    let mut fixture = Fixture::new();
    for facts in [first, second] {
        for name in NAMES {
            fixture.id(Namespace::Listed, name);
        }
        facts.iter().for_each(|draw| add(&mut fixture, draw, None));
        fixture.commit();
    }
    fixture
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// The second bound: a replay at the old revision sees the old facts, whatever was added since,
    /// including corrections and splits of past days.
    #[test]
    fn later_revisions_leave_a_snapshot_alone(
        first in draws(40), second in draws(40), later in draws(60),
        hours in -30..500_i64, revision in 0..3_u64,
    ) {
        let mut fixture = past(&first, &second);
        let before = seen(&snapshot(fixture.market(), instant(hours), revision));
        later.iter().for_each(|draw| add(&mut fixture, draw, None));
        let id = fixture.id(Namespace::Listed, NAMES[0]);
        let from = f64::from(day(4).epoch());
        let split = [(Field::FromOn, from), (Field::PriceFactor, 4.0), (Field::ShareFactor, 4.0)];
        fixture.fact(Dataset::Splits, (id, InstrumentId::NONE), day(5), instant(-900), &split);
        fixture.id(Namespace::Listed, "DDD");
        fixture.commit();
        prop_assert_eq!(before, seen(&snapshot(fixture.market(), instant(hours), revision)));
    }

    /// The first bound: a fact published after the as-of instant is not visible, even if the log
    /// has it.
    #[test]
    fn later_publications_leave_a_snapshot_alone(
        first in draws(40), second in draws(40), later in draws(60), hours in -30..500_i64,
    ) {
        let as_of = instant(hours);
        let mut with = past(&first, &second);
        let mut without = past(&first, &second);
        later.iter().for_each(|draw| add(&mut with, draw, Some(as_of)));
        with.commit();
        without.commit();
        let seen_at_head = |fixture: &Fixture| seen(&fixture.snapshot(as_of));
        prop_assert_eq!(seen_at_head(&without), seen_at_head(&with));
    }

    /// All as-of instants of one day between two publications see the same facts, so one view
    /// serves them.
    #[test]
    fn time_without_a_publication_changes_nothing(
        first in draws(40), second in draws(40), hours in -30..500_i64,
    ) {
        let market = past(&first, &second).market();
        let as_of = instant(hours);
        let canonical = market.canonical(as_of);
        prop_assert!(canonical <= as_of);
        let at = |as_of| seen(&snapshot(Arc::clone(&market), as_of, 2));
        prop_assert_eq!(at(canonical), at(as_of));
        if let Some(next) = market.next_publication(as_of) {
            prop_assert!(as_of < next);
            let just_before = Instant::from_micros(next.micros() - 1);
            prop_assert_eq!(market.cut(just_before), market.cut(as_of));
        }
    }
}

/// GME's short interest of 2021-01-15 was first seen on 2021-01-28 before the open (times and
/// counts as in the real publication table). At the previous close, that of 2020-12-31 is the
/// latest.
#[test]
fn a_settlement_is_seen_when_published_and_not_when_settled() {
    let day = |text: &str| Day::parse_iso(text).expect("a date");
    let mut fixture = Fixture::new();
    let gme = fixture.id(Namespace::Listed, "GME");
    for (settled, published, shares) in [
        ("2020-12-31", "2021-01-13T08:12:58Z", 71_200_000.0),
        ("2021-01-15", "2021-01-28T05:06:16Z", 61_780_000.0),
    ] {
        let published = Instant::parse_rfc3339(published).expect("an instant");
        let key = (gme, InstrumentId::NONE);
        let values = [(Field::SharesShort, shares)];
        fixture.fact(Dataset::ShortInterest, key, day(settled), published, &values);
    }
    fixture.commit();
    let latest = |as_of: Instant| {
        let snapshot = fixture.snapshot(as_of);
        let rows = snapshot.rows(Dataset::ShortInterest, gme);
        rows.last().map(|row| (rows.day(row), rows.value(row, 0)))
    };
    let close = Instant::close_of(day("2021-01-27"));
    assert_eq!(latest(close), Some((day("2020-12-31"), Some(71_200_000.0))));
    let next = Instant::close_of(day("2021-01-28"));
    assert_eq!(latest(next), Some((day("2021-01-15"), Some(61_780_000.0))));
    assert_eq!(latest(Instant::close_of(day("2021-01-12"))), None);
}
