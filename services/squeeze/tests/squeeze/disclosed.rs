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
use squeeze::{disclosed::DisclosedMeasure, earnings::is_near, universe::Universe, watch::Watched};

/// Names with a float of 8 and 10 million shares outstanding that trade at 10.
pub(crate) fn world(symbols: &[&str]) -> World {
    let mut world = World::new();
    for symbol in symbols {
        world.bars(symbol, |_| (10.0, 80_000.0)).settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
    }
    world
}

/// The day of as many sessions before today.
pub(crate) fn back(count: usize) -> Day {
    sessions(count + 1)[0]
}

pub(crate) fn of_name(universe: &Universe, symbol: &str, field: &'static str) -> Option<Gap> {
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

pub(crate) const MISSING: Result<f64, GapReason> = Err(GapReason::InputMissing);

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
