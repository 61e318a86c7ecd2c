//! Fails to deliver: the newest list, the size of a threshold security on days in a row, and lists that
//! are missing or not whole.

use crate::{
    disclosed::{MISSING, back, of_name, world},
    world::{SETTLED, World, line, name, near},
};
use marketdata::{
    dataset::Dataset,
    fixture::day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    quotes::Quotes,
};
use portfolio::{book::Book, lines::Terms, lookup::Lookup};
use squeeze::{
    fails::THRESHOLD_DAYS,
    shorts::Shorts,
    universe::Universe,
    watch::{Readings, Threshold, Watched},
};

/// The newest list is of 2021-01-14, published 20 days later: as of 2021-01-27 only that of 2020-12-31,
/// published on 2021-01-20, is known.
#[test]
fn fails_are_those_of_the_newest_list() {
    let mut world = world(&["S", "T", "U"]);
    let of = |on: &str| day(on);
    world.fail("S", of("2020-12-30"), 50_000.0).fail("S", of("2020-12-31"), 80_000.0);
    world.fail("T", of("2020-12-30"), 70_000.0);
    world.fail("S", of("2021-01-14"), 1.0);
    let universe = world.universe();
    let fails = |symbol| name(&universe, symbol).disclosed.fails.clone().unwrap().0;
    let known = fails("S").shares.unwrap();
    assert_eq!(
        (known.value.to_bits(), known.effective_on),
        (80_000f64.to_bits(), of("2020-12-31"))
    );
    // 80,000 of a float of 8 million.
    near(fails("S").of_float.unwrap(), 0.01);
    // T is not on the newest list, U on none: gaps, and no zeros.
    assert_eq!((fails("T").of_float, fails("U").of_float), (MISSING, MISSING));
    let why = |symbol| of_name(&universe, symbol, "fails_to_deliver_of_float").unwrap().detail;
    assert!(why("T").contains("2020-12-31") && why("T").contains("2020-12-30"), "{}", why("T"));
    assert!(why("U").contains("nor does an earlier one"), "{}", why("U"));
    assert!(of_name(&universe, "S", "fails_to_deliver_of_float").is_none());
    // Later, without another file, the list is too old.
    for symbol in ["S", "T", "U"] {
        world.close(symbol, "2021-03-05", 10.0);
    }
    world.settle("S", "2021-02-12", [1.6e6, 8e6, 10e6]);
    let universe = world.universe_at(Instant::close_of(day("2021-03-05")));
    let fails = name(&universe, "S").disclosed.fails.clone().unwrap().0;
    // 50 days from the list of 2021-01-14.
    assert_eq!(fails.of_float, Err(GapReason::Stale));
}

/// 0.5 % of 10 million shares are 50,000, and a name becomes a threshold security with at least 10,000
/// shares on five settlement days in a row. With neither five such days nor five others it depends on
/// earlier ones.
#[test]
fn a_threshold_security_fails_on_five_days_in_a_row() {
    let mut world = world(&["S", "T", "U", "V"]);
    let days = ["2020-12-24", "2020-12-28", "2020-12-29", "2020-12-30", "2020-12-31"].map(day);
    for (at, on) in days.into_iter().enumerate() {
        world.fail("S", on, 50_000.0);
        // One day below the size, and one day that does not list it.
        world.fail("T", on, if at == 1 { 49_999.0 } else { 60_000.0 });
        if at != 2 {
            world.fail("U", on, 60_000.0);
        }
    }
    // Of 1.9 million shares 0.5 % are 9,500, but 10,000 are needed.
    world.settle("W", SETTLED, [1e5, 1e6, 1.9e6]).bars("W", |_| (10.0, 1e4));
    for on in days {
        world.fail("W", on, 9_999.0);
    }
    // X is on no newest list, and whether it is a threshold security is not known.
    world.settle("X", SETTLED, [1e5, 1e6, 10e6]).bars("X", |_| (10.0, 1e4));
    for on in &days[..3] {
        world.fail("X", *on, 60_000.0);
    }
    let universe = world.universe();
    assert_eq!(THRESHOLD_DAYS, 5, "17 CFR 242.203(c)(6)");
    assert_eq!(threshold(&universe, "S"), (Ok(5), Ok(true)));
    assert_eq!(threshold(&universe, "T"), (Ok(3), Err(GapReason::ShortHistory)));
    assert_eq!(threshold(&universe, "U"), (Ok(2), Err(GapReason::ShortHistory)));
    assert_eq!(threshold(&universe, "W"), (Ok(0), Ok(false)));
    assert_eq!(threshold(&universe, "V").0, MISSING_DAYS, "no list has it");
    let gap = |symbol| of_name(&universe, symbol, "on_fails_threshold");
    assert!(gap("T").unwrap().detail.contains("2020-12-31"), "{:?}", gap("T"));
    assert!(gap("S").is_none() && gap("V").is_none(), "one gap of V is enough");
    assert!(threshold(&universe, "X").1.is_err() && gap("X").is_some(), "{:?}", gap("X"));
}

const MISSING_DAYS: Result<u32, GapReason> = Err(GapReason::InputMissing);

/// The days in a row of the size of a threshold security, and whether the name is one.
fn threshold(
    universe: &Universe,
    symbol: &str,
) -> (Result<u32, GapReason>, Result<bool, GapReason>) {
    let (fails, _) = name(universe, symbol).disclosed.fails.clone().unwrap();
    (fails.threshold_days, fails.is_on_threshold)
}

/// Fails on consecutive sessions up to 2020-12-31: `+` has the size of a threshold security, `-` has
/// not, and a blank is a day without the name.
fn fail_on(world: &mut World, symbol: &str, days: &str) {
    // 2020-12-31 is 17 sessions before 2021-01-27.
    let first = 17 + days.len() - 1;
    for (at, size) in days.chars().enumerate().filter(|(_, size)| *size != ' ') {
        let shares = if size == '+' { 50_000.0 } else { 9_999.0 };
        world.fail(symbol, back(first - at), shares);
    }
}

/// Rule 203(c)(6): one after five days of that size, none after five days below it. A list without the
/// name is a day below the size, and leaves its balance a gap.
#[test]
fn a_threshold_security_stays_one_for_four_days_below_the_size() {
    let mut world = world(&["A", "B", "C", "D", "E"]);
    assert_eq!(back(17), day("2020-12-31"));
    fail_on(&mut world, "A", "-----+++++----");
    fail_on(&mut world, "B", "----+++++-----");
    fail_on(&mut world, "C", "+++++--+  -   ");
    fail_on(&mut world, "D", "+++++--++     ");
    fail_on(&mut world, "E", "-----+++-+++++");
    let universe = world.universe();
    let of = |symbol| threshold(&universe, symbol);
    assert_eq!([of("A"), of("B")], [(Ok(0), Ok(true)), (Ok(0), Ok(false))]);
    assert_eq!([of("C"), of("D")], [(Ok(0), Ok(false)), (Ok(0), Ok(false))]);
    assert_eq!(of("E"), (Ok(5), Ok(true)));
    let fails = |symbol| name(&universe, symbol).disclosed.fails.clone().unwrap().0;
    assert_eq!((fails("C").of_float, fails("D").of_float), (MISSING, MISSING));
}

/// One settlement day without a list: it may be the one that makes or ends a row of five, so what was
/// before it says nothing.
#[test]
fn a_hole_between_lists_begins_a_new_row() {
    let known = |all: [&str; 3]| {
        let mut world = world(&["A", "B", "C"]);
        for (symbol, days) in ["A", "B", "C"].into_iter().zip(all) {
            fail_on(&mut world, symbol, days);
        }
        let universe = world.universe();
        ["A", "B", "C"].map(|symbol| threshold(&universe, symbol))
    };
    for [a, b, c] in [
        ["+++++ -++++", "+++++ +++++", "+++++ -----"],
        ["+++++    -++++", "+++++    +++++", "+++++    -----"],
    ] {
        let [a, b, c] = known([a, b, c]);
        assert_eq!(a, (Ok(4), Err(GapReason::ShortHistory)));
        assert_eq!([b, c], [(Ok(5), Ok(true)), (Ok(0), Ok(false))]);
    }
}

/// Lists of 100 names, and one of the middle with 60 of them: S, which the rest of it would have, was
/// above the size on every day. Without the rest of the list it is not known to be below it on that day,
/// and no row of five days goes over it.
#[test]
fn a_list_that_is_cut_is_no_settlement_day() {
    let of = |cut: usize| {
        let mut world = world(&["S"]);
        fail_on(&mut world, "S", if cut == 100 { "++++++++" } else { "+++ ++++" });
        for at in 1..100 {
            let days = if at < cut { "--------" } else { "--- ----" };
            fail_on(&mut world, &format!("N{at}"), days);
        }
        world.universe()
    };
    let gaps = |universe: &Universe| -> Vec<Gap> {
        let is_of_lists = |gap: &Gap| gap.subject == Subject::Dataset(Dataset::Fails);
        universe.gaps().into_iter().filter(is_of_lists).collect()
    };
    let (whole, cut) = (of(100), of(60));
    assert_eq!(threshold(&whole, "S"), (Ok(8), Ok(true)));
    assert_eq!(gaps(&whole), []);
    assert_eq!(threshold(&cut, "S"), (Ok(4), Err(GapReason::ShortHistory)));
    let [gap] = gaps(&cut).try_into().unwrap();
    assert_eq!(gap.reason, GapReason::MissingObservations);
    // Five sessions before 2020-12-31 without Christmas.
    for part in ["2020-12-24", "59 names", "have 100"] {
        assert!(gap.detail.contains(part), "{part}: {gap:?}");
    }
}

/// A hole between lists is a gap of the answer, with the number of its days.
#[test]
fn settlement_days_without_a_list_are_a_gap() {
    let mut world = world(&["S"]);
    fail_on(&mut world, "S", "+++++   +++++");
    let of_lists = |gap: &Gap| gap.subject == Subject::Dataset(Dataset::Fails);
    let gaps: Vec<Gap> = world.universe().gaps().into_iter().filter(of_lists).collect();
    let [gap] = gaps.try_into().unwrap();
    assert_eq!(gap.reason, GapReason::MissingObservations);
    // Seven, six and five sessions before the newest list of 2020-12-31.
    assert!(
        gap.detail.contains("3 settlement days between others, the last 2020-12-23"),
        "{gap:?}"
    );
}

/// Somewhere from 2020-12-22 to 2020-12-28 two shares became one. What the lists of the 23rd and the
/// 24th count is not known, and four days follow; lists lack none of them.
#[test]
fn shares_of_unknown_units_begin_a_new_row_and_say_so() {
    let mut world = world(&["S", "T"]);
    world.split("S", ("2020-12-22", "2020-12-28"), 0.5);
    for symbol in ["S", "T"] {
        fail_on(&mut world, symbol, "++++++++++");
    }
    let universe = world.universe();
    assert_eq!(threshold(&universe, "T"), (Ok(10), Ok(true)));
    assert_eq!(threshold(&universe, "S"), (Ok(4), Err(GapReason::BasisUnknown)));
    let gap = of_name(&universe, "S", "on_fails_threshold").unwrap();
    assert_eq!(gap.reason, GapReason::BasisUnknown);
    assert!(gap.detail.contains("split factor") && !gap.detail.contains("hole"), "{gap:?}");
    // Its newest balance is known.
    assert!(of_name(&universe, "S", "fails_to_deliver_of_float").is_none());
}

/// One row of a holiday and one of a later day make no settlement days: the newest is 2020-12-31, and
/// the row of five days is not broken.
#[test]
fn a_row_with_a_wrong_date_is_no_settlement_day() {
    let mut world = world(&["A", "B", "C"]);
    for symbol in ["A", "B", "C"] {
        fail_on(&mut world, symbol, "+++++");
    }
    world.fail("B", day("2020-12-25"), 1.0).fail("C", day("2021-01-05"), 1.0);
    let universe = world.universe();
    let unused = |symbol| of_name(&universe, symbol, "fails_to_deliver");
    let gap = unused("C").unwrap();
    assert_eq!(gap.reason, GapReason::MissingObservations);
    assert!(gap.detail.contains("2021-01-05") && gap.detail.contains("2020-12-31"), "{gap:?}");
    assert!(unused("B").is_none() && unused("A").is_none(), "their newest rows are used");
    for symbol in ["A", "B", "C"] {
        assert_eq!(threshold(&universe, symbol), (Ok(5), Ok(true)), "{symbol}");
        let (fails, _) = name(&universe, symbol).disclosed.fails.clone().unwrap();
        assert_eq!(fails.shares.map(|known| known.effective_on), Ok(day("2020-12-31")));
        near(fails.of_float.unwrap(), 50_000.0 / 8e6);
    }
}

/// A threshold security reads 1 and other names 0; a name on no list is not known.
#[test]
fn whether_a_name_is_a_threshold_security_is_watched() {
    let mut world = world(&["A", "B", "C"]);
    fail_on(&mut world, "A", "+++++");
    fail_on(&mut world, "B", "-----");
    let universe = world.universe();
    let watched = Watched::from_id("on_fails_threshold").unwrap();
    let datasets: Vec<Dataset> = watched.reads().collect();
    assert_eq!(datasets, [Dataset::ShareCounts, Dataset::Fails, Dataset::Splits]);
    let sold = ["A", "B", "C"].map(|symbol| line(symbol, -1_000.0, None));
    let snapshot = universe.snapshot();
    let (lookup, quotes) = (Lookup::of(snapshot), Quotes::of(snapshot));
    let book = Book::join(sold, &Terms::NONE, &lookup, &quotes).unwrap();
    let threshold = Threshold { measure: watched, level: 1.0 };
    let (readings, gaps) = Readings::of(&universe, &Shorts::of(&book), &[threshold]);
    let values = readings.names.iter().map(|name| name.readings[0].value).collect::<Vec<_>>();
    assert_eq!(values, [Some(1.0), Some(0.0), None]);
    let on = readings.names.iter().map(|name| name.readings[0].observed_on);
    let list = Some(day("2020-12-31"));
    assert_eq!(on.collect::<Vec<_>>(), [list, list, None]);
    let is_of = |gap: &&Gap| gap.subject == Subject::number_of("C", "on_fails_threshold");
    assert_eq!(gaps.iter().filter(is_of).count(), 1, "{gaps:?}");
}
