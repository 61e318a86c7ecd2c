//! Short sales, fails and days of earnings: newest values with their days, facilities counted once,
//! the size of a threshold security, and reasons instead of zeros.

use crate::world::{SETTLED, TODAY, World, book, line, name, near, place, sessions};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    facilities::Facilities,
    fixture::day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    instrument::Namespace,
};
use squeeze::{
    disclosed::DisclosedMeasure, earnings::is_near, fails::THRESHOLD_DAYS, universe::Universe,
    watch::Watched,
};

/// Names with a float of 8 and 10 million shares outstanding that trade at 10.
fn world(symbols: &[&str]) -> World {
    let mut world = World::new();
    for symbol in symbols {
        world.bars(symbol, |_| (10.0, 80_000.0)).settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
    }
    world
}

/// The day of as many sessions before today.
fn back(count: usize) -> Day {
    sessions(count + 1)[0]
}

fn of_name(universe: &Universe, symbol: &str, field: &'static str) -> Option<Gap> {
    let subject = Subject::number_of(symbol, field);
    name(universe, symbol).gaps(symbol).into_iter().find(|gap| gap.subject == subject)
}

#[test]
fn each_facility_of_a_day_counts_once() {
    let mut world = world(&["S", "T"]);
    // All in one row, and one of them once more: 40 % and not (400 + 90)/(1,000 + 100).
    world.sell_short("S", back(1), ("BNQ", 400.0, 1_000.0));
    world.sell_short("S", back(1), ("Q", 90.0, 100.0));
    // Three rows: 360/900.
    for of in [("Q", 300.0, 600.0), ("N", 50.0, 250.0), ("B", 10.0, 50.0)] {
        world.sell_short("T", back(0), of);
    }
    // That of today is public at 18:00.
    let universe = world.universe();
    let sales = name(&universe, "S").disclosed.short_sales.unwrap();
    near(sales.share.unwrap(), 0.4);
    assert_eq!(sales.facilities, Facilities::parse(b"BNQ").unwrap());
    let total = sales.total.unwrap();
    assert_eq!((total.value.to_bits(), total.effective_on), (1_000f64.to_bits(), back(1)));
    assert_eq!(name(&universe, "T").disclosed.short_sales.unwrap().share, MISSING);
    let universe = world.universe_at(Instant::new_york(day(TODAY), 18, 0));
    let sales = name(&universe, "T").disclosed.short_sales.unwrap();
    near(sales.share.unwrap(), 0.4);
    near(sales.short.unwrap().value, 360.0);
    assert_eq!(sales.facilities.letters(), "BNQ");
}

/// A day whose first file had other letters: the one published later counts, with more or with fewer
/// facilities, or stored later if both were published at once. A row of one facility corrects none.
#[test]
fn letters_that_were_corrected_count_as_corrected() {
    let mut world = world(&["S", "T", "U", "V"]);
    let day = back(1);
    let row = |world: &mut World, symbol: &str, letters: &str, short: f64, hour: i8| {
        let key = (
            world.fixture.id(Namespace::Listed, symbol),
            world.fixture.id(Namespace::Series, &format!("REGSHO/{letters}")),
        );
        let values = [(Field::ShortVolume, short), (Field::TotalVolume, 100.0)];
        let at = Instant::new_york(day, hour, 0);
        world.fixture.fact(Dataset::ShortSales, key, day, at, &values);
    };
    row(&mut world, "S", "BNQ", 40.0, 18);
    row(&mut world, "S", "BQ", 30.0, 20);
    row(&mut world, "T", "BQ", 30.0, 18);
    row(&mut world, "T", "BNQ", 40.0, 20);
    row(&mut world, "U", "BNQ", 40.0, 18);
    row(&mut world, "V", "BNQ", 40.0, 18);
    row(&mut world, "V", "Q", 10.0, 20);
    world.fixture.commit();
    row(&mut world, "U", "BQ", 30.0, 18);
    let universe = world.universe();
    let found = ["S", "T", "U", "V"].map(|symbol| {
        let sales = name(&universe, symbol).disclosed.short_sales.unwrap();
        (sales.facilities.letters(), sales.share.unwrap())
    });
    let expected = [("BQ", 0.3), ("BNQ", 0.4), ("BQ", 0.3), ("BNQ", 0.4)];
    assert_eq!(found, expected.map(|(letters, share)| (letters.to_owned(), share)));
}

/// Twenty days of three facilities at 40 %, and a newest one of which only Q is known, at 60 %: a mean
/// of both would be one of no facilities. T trades at Q alone, so it lacks nothing.
#[test]
fn an_average_is_of_the_facilities_that_are_known_of_its_newest_day() {
    let mut world = world(&["S", "T"]);
    for at in 2..22 {
        world.sell_short("S", back(at), ("BNQ", 40.0, 100.0));
        world.sell_short("T", back(at), ("Q", 40.0, 100.0));
    }
    world.sell_short("S", back(1), ("Q", 60.0, 100.0));
    world.sell_short("T", back(1), ("Q", 61.0, 100.0));
    let universe = world.universe();
    let of = |symbol| name(&universe, symbol).disclosed.short_sales.unwrap();
    near(of("S").share.unwrap(), 0.6);
    assert_eq!((of("S").average, of("S").sessions), (Err(GapReason::ShortHistory), 1));
    let gap = of_name(&universe, "S", "average_short_sale_volume_share").unwrap();
    assert!(gap.detail.ends_with("newest day, Q"), "{gap:?}");
    assert_eq!(of("T").sessions, 21);
    near(of("T").average.unwrap(), (20.0 * 0.4 + 0.61) / 21.0);
}

/// A name that trades at all facilities on some days only: the rows of the other name say that all of
/// them are known on all days, so the days on which it traded at one count too. Of those on which the
/// file of one facility is known, none does.
#[test]
fn a_facility_without_a_trade_is_known_by_the_other_names() {
    let mut world = world(&["S", "T"]);
    for at in 1..22 {
        let (of_s, of_t) = match at % 5 {
            0 => ("Q", "Q"),
            1 => ("BNQ", "BNQ"),
            _ => ("Q", "BNQ"),
        };
        world.sell_short("S", back(at), (of_s, 10.0, 100.0));
        world.sell_short("T", back(at), (of_t, 20.0, 100.0));
    }
    let universe = world.universe();
    let of = |symbol| name(&universe, symbol).disclosed.short_sales.unwrap();
    // 21 days less those 5, 10, 15 and 20 sessions back.
    assert_eq!((of("S").sessions, of("T").sessions), (17, 17));
    near(of("S").average.unwrap(), 0.1);
}

const MISSING: Result<f64, GapReason> = Err(GapReason::InputMissing);

#[test]
fn an_average_needs_fifteen_sessions_and_a_share_a_recent_one() {
    let mut world = world(&["S", "T", "U", "V"]);
    // 21 sessions: ten of 30 % and eleven of 51 %; the one before them does not count.
    for at in 1..23 {
        let short = if at % 2 == 0 { 30.0 } else { 51.0 };
        world.sell_short("S", back(at), ("Q", if at == 22 { 99.0 } else { short }, 100.0));
    }
    for at in 1..15 {
        world.sell_short("T", back(at), ("Q", 10.0, 100.0));
    }
    // 14 sessions before the last close are more than a week.
    world.sell_short("U", back(14), ("Q", 10.0, 100.0));
    world.sell_short("V", back(1), ("Q", 0.0, 0.0));
    let universe = world.universe();
    let of = |symbol| name(&universe, symbol).disclosed.short_sales.unwrap();
    near(of("S").average.unwrap(), (10.0 * 0.30 + 11.0 * 0.51) / 21.0);
    assert_eq!((of("S").sessions, of("T").sessions), (21, 14));
    near(of("T").share.unwrap(), 0.1);
    assert_eq!(of("T").average, Err(GapReason::ShortHistory));
    assert!(of_name(&universe, "T", "average_short_sale_volume_share").is_some());
    assert_eq!(of("U").share, Err(GapReason::Stale));
    let gap = of_name(&universe, "U", "short_sale_volume_share").unwrap();
    assert!(gap.detail.contains(&back(14).to_string()), "{gap:?}");
    // Nothing traded has no share, and it is not zero.
    assert_eq!(of("V").share, Err(GapReason::Degenerate));
}

/// The newest day of the market is Friday 2021-01-22. A row of the Saturday after it, one of the Monday
/// and one of the Tuesday are of wrong days, whatever their shares.
#[test]
fn a_row_with_a_wrong_date_is_no_newest_day() {
    let mut world = world(&["S", "T", "U", "V"]);
    for at in 3..24 {
        for symbol in ["S", "T", "U"] {
            world.sell_short(symbol, back(at), ("BNQ", 40.0, 100.0));
        }
    }
    world.sell_short("S", day("2021-01-23"), ("Q", 90.0, 100.0));
    world.sell_short("T", back(2), ("Q", 90.0, 100.0));
    world.sell_short("V", back(1), ("Q", 90.0, 100.0));
    let universe = world.universe();
    let of = |symbol| name(&universe, symbol).disclosed.short_sales.unwrap();
    for symbol in ["S", "T", "U"] {
        let total = of(symbol).total.unwrap();
        assert_eq!((total.effective_on, of(symbol).sessions), (day("2021-01-22"), 21), "{symbol}");
        near(of(symbol).share.unwrap(), 0.4);
        near(of(symbol).average.unwrap(), 0.4);
    }
    // V has no other row.
    assert_eq!((of("V").share, of("V").average), (MISSING, MISSING));
    let gap = of_name(&universe, "V", "short_sale_volume_share").unwrap();
    assert!(gap.detail.contains("wrong date"), "{gap:?}");
}

/// Of one name no other one says which days are of the market: a Saturday is none.
#[test]
fn a_saturday_is_no_day_of_short_sales() {
    let mut world = world(&["S"]);
    world.sell_short("S", day("2021-01-22"), ("Q", 40.0, 100.0));
    world.sell_short("S", day("2021-01-23"), ("Q", 90.0, 100.0));
    let universe = world.universe();
    near(name(&universe, "S").disclosed.short_sales.unwrap().share.unwrap(), 0.4);
}

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
    world.close("S", "2021-03-05", 10.0).settle("S", "2021-02-12", [1.6e6, 8e6, 10e6]);
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
    for symbol in ["A", "B", "C"] {
        assert_eq!(threshold(&universe, symbol), (Ok(5), Ok(true)), "{symbol}");
        let (fails, _) = name(&universe, symbol).disclosed.fails.clone().unwrap();
        assert_eq!(fails.shares.map(|known| known.effective_on), Ok(day("2020-12-31")));
        near(fails.of_float.unwrap(), 50_000.0 / 8e6);
    }
}

/// Two for one between the list and the settlement: fails are in the units of the settlement, as the
/// float is.
#[test]
fn fails_are_in_the_units_of_the_other_counts() {
    let mut world = World::new();
    world.bars("S", |back| if back <= 21 { (10.0, 8e4) } else { (20.0, 4e4) });
    world.split("S", ("2020-12-24", "2020-12-28"), 2.0);
    world.settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.fail("S", day("2020-12-24"), 40_000.0);
    let universe = world.universe();
    let (fails, _) = name(&universe, "S").disclosed.fails.clone().unwrap();
    near(fails.shares.unwrap().value, 80_000.0);
    near(fails.of_float.unwrap(), 0.01);
}

#[test]
fn a_report_is_near_only_if_it_was_announced() {
    let mut world = world(&["S", "T", "U", "V"]);
    let at = |on: &str| Instant::new_york(day(on), 12, 0);
    // Five and six sessions after 2021-01-27; V moves away from a near day before today.
    world.report("S", "2021-02-03", at("2021-01-04"), 1.0);
    world.report("T", "2021-02-04", at("2021-01-04"), 1.0);
    world.report("V", "2021-01-28", at("2021-01-04"), 1.0);
    world.report("V", "2021-01-28", at("2021-01-25"), 0.0);
    world.report("V", "2021-02-25", at("2021-01-25"), 1.0);
    // A report of the past is none to come, and that of U is announced tomorrow.
    world.report("S", "2021-01-20", at("2021-01-04"), 1.0);
    world.report("U", "2021-01-29", at("2021-01-28"), 1.0);
    let universe = world.universe();
    let next = |symbol| name(&universe, symbol).disclosed.earnings.unwrap();
    let seen = |symbol| next(symbol).map(|next| (next.effective_on, next.value, is_near(next)));
    assert_eq!(seen("S"), Ok((day("2021-02-03"), 5.0, true)));
    assert_eq!(seen("T"), Ok((day("2021-02-04"), 6.0, false)));
    assert_eq!(seen("V").map(|found| (found.0, found.2)), Ok((day("2021-02-25"), false)));
    assert_eq!(seen("U"), Err(GapReason::InputMissing));
    assert!(of_name(&universe, "U", "earnings_within_five_sessions").is_some());
    let before = world.universe_at(at("2021-01-22"));
    let next = name(&before, "V").disclosed.earnings.unwrap().unwrap();
    assert!(next.effective_on == day("2021-01-28") && is_near(next));
}

/// Without data of any name each dataset is one gap of the answer, and no gap of a name.
#[test]
fn a_dataset_without_data_is_one_gap_of_the_answer() {
    let datasets = [Dataset::ShortSales, Dataset::Fails, Dataset::EarningsDates];
    let mut world = world(&["S", "T"]);
    let universe = world.universe();
    let report = book(&universe, &[line("S", -100.0, None)]);
    for dataset in datasets {
        let about = |gap: &&Gap| gap.subject == Subject::Dataset(dataset);
        assert_eq!(report.gaps.iter().filter(about).count(), 1, "{dataset:?}");
        let gap = universe.gaps().into_iter().find(|gap| about(&gap)).unwrap();
        assert_eq!(gap.reason, GapReason::InputMissing);
    }
    let fields = ["short_sale_volume_share", "fails_to_deliver_of_float"];
    assert!(fields.iter().all(|field| of_name(&universe, "S", field).is_none()));
    assert!(DisclosedMeasure::ALL.iter().all(|one| !name(&universe, "S").disclosed.has(*one)));
    world.sell_short("T", back(1), ("Q", 1.0, 2.0));
    world.fail("T", day("2020-12-31"), 5.0);
    world.report("T", "2021-02-01", Instant::close_of(day("2021-01-04")), 1.0);
    let universe = world.universe();
    let of_datasets = |gap: &Gap| datasets.map(Subject::Dataset).contains(&gap.subject);
    assert!(!universe.gaps().iter().any(of_datasets));
    assert!(fields.iter().all(|field| of_name(&universe, "S", field).is_some()));
}

#[test]
fn names_are_ranked_and_watched_by_what_is_disclosed() {
    let mut world = world(&["A", "B", "C", "D"]);
    for (symbol, short) in [("A", 60.0), ("B", 20.0), ("C", 60.0)] {
        world.sell_short(symbol, back(1), ("Q", short, 100.0));
    }
    world.fail("D", day("2020-12-31"), 80_000.0);
    let universe = world.universe();
    let rank = |symbol| universe.score(place(&universe, symbol)).unwrap().disclosed;
    // Mid-ranks of three: 1, and 2.5 for both of the ties. Fails are known of one name.
    assert_eq!(rank("B"), [Some(0.5 / 3.0), None]);
    assert_eq!((rank("A")[0], rank("C")[0]), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
    assert_eq!(rank("D"), [None, Some(0.5)]);
    for measure in DisclosedMeasure::ALL {
        let watched = Watched::Disclosed(measure);
        assert_eq!(Watched::from_id(measure.id()), Some(watched));
        assert!(watched.reads().any(|dataset| dataset == measure.dataset()));
    }
    let of = |measure| name(&universe, "D").disclosed.observed_on(measure);
    assert_eq!(of(DisclosedMeasure::FailsOfFloat), Some(day("2020-12-31")));
    assert_eq!(of(DisclosedMeasure::ShortSaleVolumeShare), None);
}
