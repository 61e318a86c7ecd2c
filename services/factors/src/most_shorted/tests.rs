//! The basket against hand-made markets.

use super::*;
use marketdata::{
    fixture::{Fixture, day},
    instrument::Namespace,
};

/// Twelve names at 100 USD with a volume of one million: 100m traded per day and a market value
/// of 2bn (20m shares), except name 11 with 5m shares, 0.5bn. Short interest over float is i +
/// 1 per cent. A tenth of eleven, rounded up, is two names.
fn market() -> (Fixture, Vec<InstrumentId>) {
    let mut fixture = Fixture::new();
    let names: Vec<String> = (0..12).map(|i| format!("N{i:02}")).collect();
    let start = day("2021-01-04");
    let mut ids = Vec::new();
    for (n, name) in names.iter().enumerate() {
        // From the tenth row on, name n gains n per cent on that row alone.
        let closes: Vec<(Day, f64)> = (-14..12)
            .map(|i| (start.plus(i), if i < 9 { 100.0 } else { 100.0 + n as f64 }))
            .collect();
        fixture.closes(name, &closes);
        ids.push(fixture.id(Namespace::Listed, name));
    }
    (fixture, ids)
}

fn publish(fixture: &mut Fixture, id: InstrumentId, on: Day, at: Instant, short: f64) {
    let shares = if id.0 == 12 { 5e6 } else { 2e7 };
    let counts = [(Field::SharesOutstanding, shares), (Field::PublicFloat, 1e7)];
    let key = (id, InstrumentId::NONE);
    fixture.fact(Dataset::ShareCounts, key, on, at, &counts);
    fixture.fact(Dataset::ShortInterest, key, on, at, &[(Field::SharesShort, short)]);
}

#[test]
fn the_basket_is_built_from_what_was_public() {
    let (mut fixture, ids) = market();
    let start = day("2021-01-04");
    let published = Instant::new_york(start.plus(7), 18, 0);
    for (n, id) in ids.iter().enumerate() {
        publish(&mut fixture, *id, day("2020-12-31"), published, 1e5 * (n + 1) as f64);
    }
    // A later settlement reverses the order; it is public only after the last row.
    let later = Instant::new_york(start.plus(11), 18, 0);
    for (n, id) in ids.iter().enumerate() {
        publish(&mut fixture, *id, start.plus(4), later, 1e5 * (20 - n) as f64);
    }
    fixture.commit();
    let roles = Roles::standard();
    let before =
        most_shorted(&fixture.snapshot(Instant::new_york(start.plus(7), 17, 0)), &roles, None);
    assert!(before.rebalances.is_empty() && before.returns.to.is_empty());
    let basket = most_shorted(&fixture.snapshot(Instant::close_of(start.plus(11))), &roles, None);
    let [first] = &basket.rebalances[..] else { panic!("one rebalance") };
    assert_eq!((first.eligible, first.incomplete), (11, 0));
    let names: Vec<InstrumentId> = first.members.iter().map(|(id, _)| *id).collect();
    assert_eq!(names, [ids[10], ids[9]]);
    assert!((first.members[0].1 - 0.11).abs() < 1e-12);
    // Bought at the close of the session after the publication's day, the ninth row; the tenth
    // row gives the mean of 10 % and 9 %.
    assert_eq!(basket.returns.from[0], start.plus(8));
    assert_eq!(basket.returns.to, [start.plus(9), start.plus(10), start.plus(11)]);
    assert!((basket.returns.values[0] - 0.095).abs() < 1e-12);
    assert!(basket.returns.values[1].abs() < 1e-12);
    let after = most_shorted(&fixture.snapshot(Instant::close_of(start.plus(12))), &roles, None);
    assert_eq!(after.rebalances.len(), 2);
    assert_eq!(after.rebalances[1].members[0].0, ids[0]);
    assert_eq!(after.returns, basket.returns);
}

/// With a euro of 20 cents, half a billion dollars are 2.5 billion euros: the bounds are in dollars.
#[test]
fn the_bounds_are_in_dollars_in_any_base_currency() {
    let (mut fixture, ids) = market();
    let start = day("2021-01-04");
    let published = Instant::new_york(start.plus(7), 18, 0);
    for (n, id) in ids.iter().enumerate() {
        publish(&mut fixture, *id, day("2020-12-31"), published, 1e5 * (n + 1) as f64);
    }
    let rates: Vec<(Day, f64)> = (-14..12).map(|i| (start.plus(i), 0.2)).collect();
    fixture.series("EURUSD", &rates).commit();
    let dollars = fixture.snapshot(Instant::close_of(start.plus(11)));
    let euro = marketdata::currency::Currency::parse("EUR").unwrap();
    for view in [dollars.in_currency(euro), dollars] {
        let basket = most_shorted(&view, &Roles::standard(), None);
        assert_eq!(basket.rebalances[0].eligible, 11);
        assert_eq!(basket.rebalances[0].members[0].0, ids[10]);
    }
}

#[test]
fn values_and_volumes_are_those_of_every_other_measure() {
    let (mut fixture, ids) = market();
    let start = day("2021-01-04");
    let published = Instant::new_york(start.plus(7), 18, 0);
    // Ten sessions are too few for an average volume; a session without a volume is left out of it.
    for (symbol, first, without) in [("YOUNG", -2, None), ("GAPPY", -14, Some(0))] {
        let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        for i in first..12 {
            let volume = if without == Some(i) { f64::NAN } else { 1e6 };
            let bar = [(Field::Close, 100.0), (Field::Volume, volume)];
            let on = start.plus(i);
            fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &bar);
        }
        publish(&mut fixture, key.0, day("2020-12-31"), published, 1e5);
    }
    for id in &ids {
        publish(&mut fixture, *id, day("2020-12-31"), published, 1e5);
    }
    // A later count of zero is none: the name keeps the counts before it.
    let zeros = [(Field::SharesOutstanding, 0.0), (Field::PublicFloat, 0.0)];
    let key = (ids[0], InstrumentId::NONE);
    fixture.fact(Dataset::ShareCounts, key, start, published, &zeros).commit();
    let snapshot = fixture.snapshot(Instant::close_of(start.plus(11)));
    let basket = most_shorted(&snapshot, &Roles::standard(), None);
    // Eleven of the twelve (one is worth half a billion) and GAPPY.
    let rebalance = &basket.rebalances[0];
    assert_eq!((rebalance.eligible, rebalance.incomplete), (12, 1));
}

#[test]
fn the_order_of_ingest_alters_no_bit() {
    // Thirty names shorted alike, so that names alone settle which three are held; returns whose
    // sum depends on its order.
    let basket = |order: &[usize]| {
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let published = Instant::new_york(start.plus(8), 18, 0);
        for n in order {
            let symbol = format!("N{n:02}");
            let close = |i: i32| 100.0 + f64::from(i * i) / (3.0 + *n as f64);
            let closes: Vec<(Day, f64)> = (-14..12).map(|i| (start.plus(i), close(i))).collect();
            fixture.closes(&symbol, &closes);
            let id = fixture.id(Namespace::Listed, &symbol);
            publish(&mut fixture, id, day("2020-12-31"), published, 1e6);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(start.plus(11)));
        let basket = most_shorted(&snapshot, &Roles::standard(), None);
        let held = basket.rebalances[0].members.iter();
        let held: Vec<String> = held.map(|(id, _)| snapshot.symbol(*id).to_owned()).collect();
        (held, basket.returns.values.iter().map(|r| r.to_bits()).collect::<Vec<u64>>())
    };
    let forward: Vec<usize> = (20..50).collect();
    let backward: Vec<usize> = forward.iter().rev().copied().collect();
    let (held, returns) = basket(&forward);
    // Published on the ninth day, bought at the close of the tenth: two returns.
    assert_eq!((held.len(), held[0].as_str(), returns.len()), (3, "N20", 2));
    assert_eq!((held, returns), basket(&backward));
}

#[test]
fn a_held_name_stays_within_the_buffer() {
    let standing = |n: u32| Standing { instrument: InstrumentId(n), ratio: 1.0 / f64::from(n) };
    let all = || (1..=100).map(standing).collect::<Vec<_>>();
    // Ten of a hundred are held; twelve are within the buffer. Names 11 and 12 are held and
    // stay, 13 is not.
    let held = [(InstrumentId(11), 0.0), (InstrumentId(12), 0.0), (InstrumentId(13), 0.0)];
    let chosen: Vec<u32> = choose(all(), &held).iter().map(|(id, _)| id.0).collect();
    assert_eq!(chosen, [1, 2, 3, 4, 5, 6, 7, 8, 11, 12]);
    assert_eq!(choose(all(), &[]).len(), 10);
    assert!(choose(Vec::new(), &held).is_empty());
}

/// N10 has the second-highest ratio, and its shares of 2020-12-31 are in units that no day decides: two
/// shares became one on some session from 2020-12-29 to 2021-01-05. N00 has no price at all.
#[test]
fn names_of_unknown_units_are_named() {
    let (mut fixture, ids) = market();
    let start = day("2021-01-04");
    let published = Instant::new_york(start.plus(7), 18, 0);
    let unpriced = fixture.id(Namespace::Listed, "UNPRICED");
    for (n, id) in ids.iter().chain([&unpriced]).enumerate() {
        publish(&mut fixture, *id, day("2020-12-31"), published, 1e5 * (n + 1) as f64);
    }
    let split = [
        (Field::FromOn, f64::from(day("2020-12-29").epoch())),
        (Field::PriceFactor, 0.5),
        (Field::ShareFactor, 0.5),
    ];
    let on = day("2021-01-05");
    let key = (ids[10], InstrumentId::NONE);
    fixture.fact(Dataset::Splits, key, on, Instant::new_york(on, 9, 30), &split);
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(start.plus(11)));
    let basket = most_shorted(&snapshot, &Roles::standard(), None);
    let [first] = &basket.rebalances[..] else { panic!("one rebalance") };
    assert_eq!((first.incomplete, &first.unknown_units[..]), (2, &ids[10..11]));
    let detail = basket.unknown_units(&snapshot, start).unwrap();
    assert!(detail.contains("1 of them") && detail.contains("(N10)"), "{detail}");
}
