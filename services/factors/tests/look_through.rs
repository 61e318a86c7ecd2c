//! Funds looked through: hand arithmetic, and the laws of the transformation.

#![expect(clippy::unwrap_used, reason = "a market made for tests is whole")]

use factors::{
    fund_line::FundLine,
    funds::{Fund, Funds},
    look_through::{FundView, Part, look_through},
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    quotes::Quotes,
    snapshot::Snapshot,
};
use proptest::prelude::*;

const HELD_ON: &str = "2021-01-20";
const TODAY: &str = "2021-01-22";

/// One row of a file of holdings: fund, member, weight, value held.
type Row<'a> = (&'a str, &'a str, f64, f64);

fn hold(fixture: &mut Fixture, on: Day, rows: &[Row<'_>]) {
    for (fund, member, weight, value) in rows {
        let key = [member, fund].map(|symbol| fixture.id(Namespace::Listed, symbol));
        let known = Instant::close_of(on.plus(1));
        let values = [(Field::Weight, *weight), (Field::HeldValue, *value)];
        fixture.fact(Dataset::Holdings, (key[0], key[1]), on, known, &values);
    }
}

/// A market with the prices of some names, and holdings without values held.
fn market(priced: &[&str], holdings: &[(&str, &str, f64)]) -> Snapshot {
    let mut fixture = Fixture::new();
    for symbol in priced {
        fixture.closes(symbol, &[(day(TODAY), 10.0)]);
    }
    let rows: Vec<Row<'_>> =
        holdings.iter().map(|(fund, member, weight)| (*fund, *member, *weight, f64::NAN)).collect();
    hold(&mut fixture, day(HELD_ON), &rows);
    fixture.commit();
    fixture.snapshot(Instant::close_of(day(TODAY)))
}

fn opened(snapshot: &Snapshot) -> Funds {
    Funds::of(snapshot, &Quotes::of(snapshot))
}

fn fund(snapshot: &Snapshot, symbol: &str) -> Fund {
    opened(snapshot).get(snapshot.listed(symbol).unwrap()).unwrap().clone()
}

/// The members by symbol.
fn members(snapshot: &Snapshot, fund: &Fund) -> Vec<(String, f64)> {
    let named = |(id, weight): &(InstrumentId, f64)| (snapshot.symbol(*id).to_owned(), *weight);
    fund.members.iter().map(named).collect()
}

/// The parts of lines in a view: symbol, net value, boxed, through funds.
fn parts(
    snapshot: &Snapshot,
    lines: &[(&str, f64, f64)],
    view: FundView,
) -> Vec<(String, f64, f64, f64)> {
    let ranks = snapshot.name_ranks();
    let rank = |id: InstrumentId| ranks[id.0 as usize];
    let line = |(symbol, value, boxed): &(&str, f64, f64)| {
        Part::line(snapshot.listed(symbol).unwrap(), *value, *boxed)
    };
    let mut lines: Vec<Part> = lines.iter().map(line).collect();
    lines.sort_by_key(|line| rank(line.instrument));
    let shown = |part: &Part| {
        let symbol = snapshot.symbol(part.instrument).to_owned();
        (symbol, part.market_value, part.boxed, part.through_funds)
    };
    look_through(lines.into_iter(), &opened(snapshot), view, rank).iter().map(shown).collect()
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

#[test]
fn a_fund_is_its_members_and_a_rest() {
    let holdings = [("FUND", "AAA", 0.5), ("FUND", "BBB", 0.3), ("FUND", "GONE", 0.15)];
    let snapshot = market(&["AAA", "BBB", "FUND"], &holdings);
    let found = fund(&snapshot, "FUND");
    assert_eq!(members(&snapshot, &found), [("AAA".to_owned(), 0.5), ("BBB".to_owned(), 0.3)]);
    // 5 % cash, which is no row, and 15 % of a name without a price.
    near(found.facts.rest, 0.2);
    near(found.facts.published_weight, 0.95);
    assert_eq!((found.facts.unpriced.names, found.facts.unpriced.weight), (1, 0.15));
    assert_eq!((found.facts.held_on, found.facts.oldest_on), (day(HELD_ON), day(HELD_ON)));
    // Short 1,000 of the fund and long 400 of AAA: −500 + 400, −300, and −200 of the fund.
    let lines = [("FUND", -1_000.0, 0.0), ("AAA", 400.0, 0.0)];
    let expect = |boxed| {
        [
            ("AAA".to_owned(), -100.0, boxed, -500.0),
            ("BBB".to_owned(), -300.0, 0.0, -300.0),
            ("FUND".to_owned(), -200.0, 0.0, 0.0),
        ]
    };
    for (view, boxed) in [(FundView::Netted, 0.0), (FundView::Gross, 400.0)] {
        for (found, expected) in parts(&snapshot, &lines, view).iter().zip(expect(boxed)) {
            assert_eq!(found.0, expected.0);
            near(found.1 - expected.1 + found.2 - expected.2 + found.3 - expected.3, 0.0);
        }
    }
}

#[test]
fn values_held_are_more_exact_than_printed_weights() {
    // Weights are printed as 0.67 and 0.33; the values are 2 and 1, so thirds of 1.00.
    let mut fixture = Fixture::new();
    for symbol in ["AAA", "BBB"] {
        fixture.closes(symbol, &[(day(TODAY), 10.0)]);
    }
    let rows = [("FUND", "AAA", 0.67, 2e6), ("FUND", "BBB", 0.33, 1e6)];
    hold(&mut fixture, day(HELD_ON), &rows);
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(day(TODAY)));
    let found = fund(&snapshot, "FUND");
    near(found.members[0].1, 2.0 / 3.0);
    near(found.members[1].1, 1.0 / 3.0);
    assert!(found.facts.rest.abs() < 1e-15, "no part for rounding");
}

#[test]
fn inner_funds_are_opened_to_three_levels() {
    // F1 holds half F2, which holds half F3, which holds half F4, which is below the third level.
    let holdings = [
        ("F1", "F2", 0.5),
        ("F1", "AAA", 0.5),
        ("F2", "F3", 0.5),
        ("F2", "AAA", 0.5),
        ("F3", "F4", 0.5),
        ("F3", "AAA", 0.4),
        ("F4", "AAA", 1.0),
    ];
    let snapshot = market(&["AAA", "F1", "F2", "F3", "F4"], &holdings);
    let found = fund(&snapshot, "F1");
    // AAA: .5 + .5·.5 + .25·.4 = .85; F4 stays .125; the rest of F3, .25·.1, is a rest of F1.
    let expected = [("AAA", 0.85), ("F4", 0.125)];
    for ((symbol, weight), expected) in members(&snapshot, &found).iter().zip(expected) {
        assert_eq!(symbol, expected.0);
        near(*weight, expected.1);
    }
    assert_eq!(found.members.len(), 2);
    near(found.facts.rest, 0.025);
    assert_eq!((found.facts.unopened.names, found.facts.unopened.weight), (1, 0.125));
}

/// Half of the outer fund is an inner fund whose weights add up to 60 %, 130 % or 100 % with a tenth
/// without a price: half of what is missing is the outer fund's rest, and the inner fund is no name.
#[test]
fn the_rest_of_an_inner_fund_is_a_rest_of_the_outer_one() {
    for (inner, second, rest, missing, excess, unpriced) in [
        (("INNER", "AAA", 0.4), ("INNER", "BBB", 0.2), 0.2, 0.2, 0.0, 0.0),
        (("INNER", "AAA", 0.8), ("INNER", "BBB", 0.5), -0.15, 0.0, 0.15, 0.0),
        (("INNER", "AAA", 0.9), ("INNER", "GONE", 0.1), 0.05, 0.0, 0.0, 0.05),
    ] {
        let holdings = [("OUTER", "INNER", 0.5), ("OUTER", "AAA", 0.5), inner, second];
        let snapshot = market(&["AAA", "BBB", "INNER", "OUTER"], &holdings);
        let found = fund(&snapshot, "OUTER");
        assert!(members(&snapshot, &found).iter().all(|(symbol, _)| symbol != "INNER"));
        let facts = found.facts;
        near(facts.rest, rest);
        near(facts.inner_missing.weight, missing);
        near(facts.inner_excess.weight, excess);
        near(facts.unpriced.weight, unpriced);
        let line = FundLine {
            symbol: "OUTER".to_owned(),
            market_value: 100.0,
            gross: 100.0,
            facts: Some(facts),
        };
        near(line.rest_gross(), 100.0 * rest.abs());
        let [gap] = &line.gaps(day(TODAY), 200.0)[..] else { panic!("one gap") };
        near(gap.gross_share.unwrap(), rest.abs() / 2.0);
    }
}

#[test]
fn funds_that_hold_themselves_are_not_opened() {
    let holdings = [
        ("F1", "F2", 0.5),
        ("F1", "AAA", 0.5),
        ("F2", "F1", 0.1),
        ("F2", "AAA", 0.9),
        ("OUTER", "F1", 0.4),
        ("OUTER", "AAA", 0.6),
    ];
    let snapshot = market(&["AAA", "F1", "F2", "OUTER"], &holdings);
    for symbol in ["F1", "F2"] {
        let found = fund(&snapshot, symbol);
        assert!(found.facts.is_circular && found.members.is_empty());
        near(found.facts.rest, 1.0);
    }
    let outer = fund(&snapshot, "OUTER");
    assert!(!outer.facts.is_circular);
    assert_eq!(members(&snapshot, &outer), [("AAA".to_owned(), 0.6), ("F1".to_owned(), 0.4)]);
    assert_eq!((outer.facts.unopened.names, outer.facts.rest), (1, 0.0));
}

#[test]
fn holdings_are_those_published() {
    // The file of the 21st is public on the 22nd, and replaces that of the 20th as a whole.
    let mut fixture = Fixture::new();
    for symbol in ["AAA", "BBB"] {
        fixture.closes(symbol, &[(day(HELD_ON), 10.0)]);
    }
    hold(&mut fixture, day("2021-01-20"), &[("FUND", "AAA", 1.0, f64::NAN)]);
    fixture.commit();
    hold(&mut fixture, day("2021-01-21"), &[("FUND", "BBB", 1.0, f64::NAN)]);
    fixture.commit();
    for (as_of, expected) in [("2021-01-21", "AAA"), ("2021-01-22", "BBB")] {
        let snapshot = fixture.snapshot(Instant::close_of(day(as_of)));
        let found = fund(&snapshot, "FUND");
        assert_eq!(members(&snapshot, &found), [(expected.to_owned(), 1.0)], "as of {as_of}");
        assert_eq!(found.facts.published_at, Instant::close_of(day(as_of)));
    }
    let before = fixture.snapshot(Instant::close_of(day("2021-01-20")));
    assert!(opened(&before).get(before.listed("FUND").unwrap()).is_none());
}

const NAMES: [&str; 5] = ["AAA", "BBB", "CCC", "F1", "F2"];

/// Lines, and the holdings of two funds, of which the first may hold the second.
type Drawn = (Vec<f64>, Vec<f64>, Vec<f64>);

fn drawn() -> impl Strategy<Value = Drawn> {
    let weights = |count| prop::collection::vec(0.0..0.25_f64, count);
    (prop::collection::vec(-1e6..1e6_f64, 5), weights(4), weights(3))
}

fn holdings((_, first, second): &Drawn) -> Vec<(&'static str, &'static str, f64)> {
    let of_first = ["AAA", "BBB", "CCC", "F2"].into_iter().zip(first).map(|(m, w)| ("F1", m, *w));
    let of_second = ["AAA", "BBB", "CCC"].into_iter().zip(second).map(|(m, w)| ("F2", m, *w));
    of_first.chain(of_second).collect()
}

proptest! {
    #[test]
    fn the_order_of_ingest_changes_no_bit(drawn in drawn()) {
        let holdings = holdings(&drawn);
        let lines: Vec<(&str, f64, f64)> =
            NAMES.into_iter().zip(&drawn.0).map(|(symbol, value)| (symbol, *value, 0.0)).collect();
        let reversed_names: Vec<&str> = NAMES.into_iter().rev().collect();
        let reversed: Vec<_> = holdings.iter().rev().copied().collect();
        let forth = market(&NAMES, &holdings);
        let back = market(&reversed_names, &reversed);
        for view in [FundView::Netted, FundView::Gross] {
            prop_assert_eq!(parts(&forth, &lines, view), parts(&back, &lines, view));
        }
    }

    #[test]
    fn looking_through_keeps_the_net_and_orders_the_gross(drawn in drawn()) {
        let snapshot = market(&NAMES, &holdings(&drawn));
        let lines: Vec<(&str, f64, f64)> =
            NAMES.into_iter().zip(&drawn.0).map(|(symbol, value)| (symbol, *value, 0.0)).collect();
        let net: f64 = drawn.0.iter().sum();
        let held: f64 = drawn.0.iter().map(|value| value.abs()).sum();
        let seen = |view| {
            let parts = parts(&snapshot, &lines, view);
            let net: f64 = parts.iter().map(|(_, value, _, _)| value).sum();
            let gross = parts.iter().map(|(_, value, boxed, _)| value.abs() + 2.0 * boxed);
            (net, gross.sum::<f64>())
        };
        let (netted, gross) = (seen(FundView::Netted), seen(FundView::Gross));
        prop_assert!((netted.0 - net).abs() < 1e-6 && (gross.0 - net).abs() < 1e-6);
        // Side by side nothing is lost: the gross is that of the lines, whose weights are positive.
        prop_assert!((gross.1 - held).abs() < 1e-6);
        prop_assert!(netted.1 <= gross.1 + 1e-6);
    }
}
