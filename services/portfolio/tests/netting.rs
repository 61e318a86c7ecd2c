//! Netting: which lots are added up before gross is measured, and the laws between the levels.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use marketdata::{
    fixture::{Fixture, day},
    instant::Instant,
    quotes::Quotes,
};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
    netting::Netting,
};
use proptest::prelude::*;

const AS_OF: &str = "2021-01-27";
const NAMES: [&str; 3] = ["AAPL", "GME", "XOM"];

/// Symbol, market value, strategy, trader; an empty label is not given.
type Line = (usize, f64, &'static str, &'static str);

fn book(lines: &[Line], netting: &Netting) -> Book {
    let mut fixture = Fixture::new();
    for symbol in NAMES {
        fixture.closes(symbol, &[(day(AS_OF), 100.0)]);
    }
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(day(AS_OF)));
    let raw = |(name, value, ..): &Line| RawLine::of(NAMES[*name], Size::MarketValue(*value));
    let quotes = Quotes::of(&snapshot);
    let book =
        Book::join(lines.iter().map(raw), &Terms::NONE, &Lookup::of(&snapshot), &quotes).unwrap();
    let label = |line: usize, key: &str| {
        let (_, _, strategy, trader) = lines[line];
        let value = if key == "strategy" { strategy } else { trader };
        (!value.is_empty()).then_some(value)
    };
    book.netted(&netting.sets(lines.len(), label))
}

fn by(keys: &[&str]) -> Netting {
    Netting::Labels(keys.iter().map(|key| (*key).to_owned()).collect())
}

/// Long 100 and short 30 in one strategy, short 60 in another, short 5 in none, and a short of
/// another name.
const BOXED: [Line; 5] = [
    (0, 100.0, "merger", "ann"),
    (0, -30.0, "merger", "bob"),
    (0, -60.0, "hedge", "ann"),
    (0, -5.0, "", "bob"),
    (1, -40.0, "hedge", "ann"),
];

#[test]
fn boxed_lots_count_on_both_sides() {
    // The net of AAPL is 100 − 30 − 60 − 5 = 5. By strategy the sets are 70, −60 and −5: 65 boxed. By
    // line they are 100, −30, −60, −5: 95 boxed. By strategy and trader they are the lines.
    let cases = [
        (Netting::Instrument, 0.0, 45.0),
        (by(&["strategy"]), 65.0, 175.0),
        (by(&["strategy", "trader"]), 95.0, 235.0),
        // 100 − 60 = 40 and −30 − 5 = −35.
        (by(&["trader"]), 35.0, 115.0),
        (Netting::Line, 95.0, 235.0),
    ];
    for (netting, boxed, gross) in cases {
        let book = book(&BOXED, &netting);
        let [aapl, gme] = book.holdings[..] else { panic!("two names") };
        assert_eq!((aapl.market_value, aapl.boxed), (5.0, boxed), "{netting:?}");
        assert_eq!((gme.boxed, book.gross, book.net_gross), (0.0, gross, 45.0), "{netting:?}");
        // Small whole numbers: sums are exact.
        assert_eq!((aapl.gross() + gme.gross()).to_bits(), gross.to_bits());
    }
}

#[test]
fn a_boxed_short_is_short_only_where_it_is_not_netted() {
    let netted = book(&BOXED, &Netting::Instrument);
    assert_eq!(netted.short_side(&netted.holdings[0]), None);
    let short = netted.short_side(&netted.holdings[1]).unwrap();
    assert_eq!((short.market_value, short.shares), (-40.0, netted.holdings[1].shares));
    let book = book(&BOXED, &by(&["strategy"]));
    let short = book.short_side(&book.holdings[0]).unwrap();
    // The lots of the sets −60 and −5, at 100 a share.
    let lines: Vec<usize> = short.lots.iter().map(|lot| lot.line).collect();
    assert_eq!((short.market_value, short.shares, lines), (-65.0, Some(-0.65), vec![3, 2]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn finer_nettings_have_more_gross_and_the_same_net(
        lines in prop::collection::vec(
            (
                0..3usize,
                -1e6..1e6f64,
                prop::sample::select(vec!["", "a", "b"]),
                prop::sample::select(vec!["x", "y"]),
            ),
            1..20,
        ),
        turn in 0..20usize,
    ) {
        let levels = [Netting::Instrument, by(&["strategy"]), by(&["strategy", "trader"]), Netting::Line];
        let books = levels.each_ref().map(|netting| book(&lines, netting));
        for pair in books.windows(2) {
            prop_assert!(pair[0].gross <= pair[1].gross * (1.0 + 1e-12));
            prop_assert_eq!(pair[0].net_gross.to_bits(), pair[1].net_gross.to_bits());
            for (a, b) in pair[0].holdings.iter().zip(&pair[1].holdings) {
                prop_assert_eq!(a.market_value.to_bits(), b.market_value.to_bits());
                prop_assert!(a.boxed <= b.boxed + 1e-6);
            }
        }
        for (netting, before) in levels.iter().zip(&books) {
            let mut turned = lines.clone();
            turned.rotate_left(turn % lines.len());
            turned.reverse();
            let after = book(&turned, netting);
            prop_assert_eq!(before.gross.to_bits(), after.gross.to_bits());
            for (a, b) in before.holdings.iter().zip(&after.holdings) {
                prop_assert_eq!(a.boxed.to_bits(), b.boxed.to_bits());
            }
        }
        // Each name once: nothing to net.
        let distinct: Vec<Line> =
            lines.iter().enumerate().take(3).map(|(at, line)| (at, line.1, line.2, line.3)).collect();
        let gross = levels.each_ref().map(|netting| book(&distinct, netting).gross.to_bits());
        prop_assert!(gross.iter().all(|bits| *bits == gross[0]));
    }
}
