//! Measures of one name by hand, and the reasons for missing ones.

use crate::world::{SETTLED, SETTLED_BEFORE, TODAY, World, book, line, name, near, place};
use marketdata::{
    basis::{PriceBasis, Units},
    dataset::{Dataset, Field},
    fixture::day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    quotes::Quotes,
    reference::ReferenceKnowledge,
};
use squeeze::{
    measure::Component,
    rank::{RankBy, RankRequest, rank},
    universe::Universe,
};

fn everything() -> RankRequest {
    RankRequest {
        min_line_market_cap_usd: 0.0,
        known_line_market_cap_only: false,
        min_daily_value_usd: 0.0,
        exchanges: Vec::new(),
        rank_by: RankBy::Score,
    }
}

#[test]
fn days_to_cover_of_the_published_example() {
    // 1,600,000 short and 80,000 per day: 20 days (methodology.md D1).
    let mut world = World::new();
    world.bars("S", |_| (10.0, 80_000.0)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    let universe = world.universe();
    let s = name(&universe, "S");
    near(s.days_to_cover_at_recent_volume().unwrap(), 20.0);
    near(s.measure(Component::DaysToCover).unwrap(), 20.0);
    near(s.measure(Component::ShortOfFloat).unwrap(), 0.2);
    near(s.short_of_float_s3().unwrap(), 1.6 / 9.6);
    near(s.short_of_float().unwrap(), 0.2);
    near(s.market_cap.unwrap().usd, 100e6);
    near(s.average_value_usd().unwrap(), 800_000.0);
    assert_eq!(s.days_to_cover_at_source_volume(), Err(GapReason::NoVolume));
}

/// A name of 14 sessions, fewer than the 15 that an average needs, has no value traded a day, and a gap
/// says so.
#[test]
fn an_absent_value_traded_is_named() {
    let mut world = World::new();
    for (symbol, sessions) in [("NEW", 14), ("OLD", 15)] {
        world.bars_on(symbol, PriceBasis::Raw, sessions, |_| (10.0, 1e5));
        world.settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
    }
    let universe = world.universe();
    let is_named = |symbol: &str| {
        let subject = Subject::number_of(symbol, "average_daily_value_usd");
        name(&universe, symbol).gaps(symbol).iter().any(|gap| gap.subject == subject)
    };
    assert!(name(&universe, "NEW").average_value_usd().is_err());
    assert!(is_named("NEW") && !is_named("OLD"));
}

#[test]
fn pressure_by_hand() {
    // The price is 12 on the last five sessions, 11 on the fifteen before them, and 10 earlier. The
    // volume is 1,000, and 4,000 on each of the last five sessions. From 2020-12-31 to 2021-01-27
    // there are 17 sessions.
    let mut world = World::new();
    let close = |back| match back {
        0..=4 => 12.0,
        5..=19 => 11.0,
        _ => 10.0,
    };
    let volume = |back| if back < 5 { 4_000.0 } else { 1_000.0 };
    world.bars("S", |back| (close(back), volume(back)));
    world.settle("S", SETTLED_BEFORE, [40_000.0, 100_000.0, 120_000.0]);
    world.settle("S", SETTLED, [50_000.0, 100_000.0, 120_000.0]);
    let universe = world.universe();
    let s = name(&universe, "S");
    let value = |component| s.measure(component).unwrap();
    near(value(Component::Return5), 12.0 / 11.0 - 1.0);
    near(value(Component::Return20), 0.2);
    near(value(Component::DistanceToHigh), 0.0);
    near(value(Component::VolumeRatio), 4.0);
    near(value(Component::ShortInterestChange), 0.25);
    // The settlement is 17 sessions back: 12 of 1,000 and 5 of 4,000 shares, over a float of
    // 100,000.
    near(value(Component::FloatTurnover), 0.32);
    near(value(Component::ShortsLoss), 12.0 / 11.0 - 1.0);
    // (16 · 1,000 + 5 · 4,000) / 21 = 36,000 / 21.
    near(s.days_to_cover_at_recent_volume().unwrap(), 50_000.0 * 21.0 / 36_000.0);
    // Up to the settlement, every session traded 1,000.
    near(value(Component::DaysToCover), 50.0);
    assert_eq!(s.traded.as_ref().unwrap().high_sessions, 100);
}

#[test]
fn no_volume_is_a_reason_and_never_999_days() {
    let mut world = World::new();
    world.bars("ZERO", |_| (10.0, 0.0)).settle("ZERO", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("NONE", |_| (10.0, f64::NAN)).settle("NONE", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("S", |_| (10.0, 1e5)).settle("S", SETTLED, [1e6, 8e6, 10e6]);
    let universe = world.universe();
    for (symbol, reason) in [("ZERO", GapReason::Degenerate), ("NONE", GapReason::NoVolume)] {
        let name = name(&universe, symbol);
        assert_eq!(name.days_to_cover_at_recent_volume(), Err(reason));
        assert_eq!(name.measure(Component::DaysToCover), Err(reason));
        assert_eq!(name.why_not_scorable(), None, "the score needs no volume");
        let gaps = name.gaps(symbol);
        let subject = Subject::number_of(symbol, "days_to_cover_at_recent_volume");
        assert!(gaps.iter().any(|gap| gap.subject == subject && gap.reason == reason));
        near(universe.score(place(&universe, symbol)).unwrap().points, 50.0);
    }
    let ranking = rank(&universe, &everything());
    assert_eq!((ranking.places.len(), ranking.not_scored), (3, 0));
}

#[test]
fn halves_that_do_not_join_are_counted() {
    let mut world = World::new();
    world.settle("ONLYSI", SETTLED, [1e6, 8e6, 10e6]).bars("ONLYPX", |_| (10.0, 1e5));
    world.bars("S", |_| (10.0, 1e5)).settle("S", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("NOFLOAT", |_| (10.0, 1e5)).settle("NOFLOAT", SETTLED, [1e6, f64::NAN, f64::NAN]);
    let universe = world.universe();
    let summary = universe.summary();
    assert_eq!((summary.with_short_interest, summary.priced, summary.scored), (3, 2, 1));
    assert_eq!(summary.without_short_interest, 1);
    let reasons: Vec<GapReason> = universe.gaps().iter().map(|gap| gap.reason).collect();
    let expected = [GapReason::NoPrice, GapReason::NoShortInterest];
    assert_eq!(reasons[..2], expected);
    // Lending, short sales, fails and days of earnings.
    assert_eq!(reasons[2..], [GapReason::InputMissing; 4]);
    let unpriced = name(&universe, "ONLYSI");
    assert_eq!(unpriced.measure(Component::DaysToCover), Err(GapReason::NoPrice));
    near(unpriced.short_of_float().unwrap(), 0.125);
    let why = name(&universe, "NOFLOAT").why_not_scorable();
    assert_eq!(why, Some(("short_of_float", GapReason::NoFloat)));
}

#[test]
fn a_name_that_stopped_trading_or_reporting_is_stale() {
    let mut world = World::new();
    world.bars("S", |_| (10.0, 1e5)).settle("S", SETTLED, [1e6, 8e6, 10e6]);
    // HALT has rows without a close on its last eight sessions.
    world.bars("HALT", |back| (if back < 8 { f64::NAN } else { 10.0 }, 1e5));
    world.settle("HALT", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("LONG", |back| (if back < 15 { f64::NAN } else { 10.0 }, 1e5));
    world.settle("LONG", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("GONE", |_| (10.0, 1e5)).settle("GONE", "2020-10-15", [1e6, 8e6, 10e6]);
    let universe = world.universe();
    assert_eq!(name(&universe, "HALT").traded, Err(GapReason::Stale));
    // 10m shares at the last close of 10, 22 days old: the value that sizes of companies take.
    near(name(&universe, "LONG").market_cap.unwrap().usd, 100e6);
    assert_eq!(universe.place(universe.snapshot().listed("GONE").unwrap()), None);
}

#[test]
fn prices_restated_for_a_later_split_join_shares_of_the_day() {
    // As for AMC in the real files: prices times 10 and a tenth of the volume, for the 1:10 reverse
    // split of 2023.
    let mut world = World::new();
    let restated = PriceBasis::SplitAdjusted { on: day("2024-03-08") };
    world.bars_on("AMC", restated, 100, |_| (20.0, 5e6));
    world.settle("AMC", SETTLED, [40e6, 56e6, 280e6]);
    world.split("AMC", ("2023-08-23", "2023-08-24"), 0.1);
    let universe = world.universe();
    let amc = name(&universe, "AMC");
    // 40 m short, 50 m per day in the shares of that day.
    near(amc.measure(Component::DaysToCover).unwrap(), 0.8);
    near(amc.days_to_cover_at_recent_volume().unwrap(), 0.8);
    near(amc.average_volume().unwrap(), 50e6);
    near(amc.market_cap.unwrap().usd, 280e6 * 2.0);
    let units = Units::of(universe.snapshot(), amc.instrument);
    near(amc.close(&units).unwrap(), 2.0);
    assert_eq!(universe.gaps()[0].reason, GapReason::Survivorship, "the file is of 2024");
    // An amount of money is the same on any basis.
    near(amc.average_value_usd().unwrap(), 100e6);
}

#[test]
fn a_later_spin_off_changes_prices_but_no_share_count() {
    // As for EXC in the real files: 10 m per day at 42, restated for a spin-off with factor 1.4 to
    // 14 m at 30.
    let mut world = World::new();
    let restated = PriceBasis::SplitAdjusted { on: day("2024-03-08") };
    world.bars_on("EXC", restated, 100, |_| (30.0, 14e6));
    world.settle("EXC", SETTLED, [20e6, 970e6, 1e9]);
    world.spin_off("EXC", (TODAY, "2024-03-08"), 1.4);
    let universe = world.universe();
    let exc = name(&universe, "EXC");
    near(exc.average_volume().unwrap(), 10e6);
    near(exc.days_to_cover_at_recent_volume().unwrap(), 2.0);
    near(exc.measure(Component::DaysToCover).unwrap(), 2.0);
    near(exc.market_cap.unwrap().usd, 42e9);
    near(exc.average_value_usd().unwrap(), 420e6);
    let report = book(&universe, &[line("EXC", -3e6, None)]);
    near(report.lines[0].shares.unwrap(), -3e6);
    // 3 m at 15 % of 10 m per day.
    near(report.lines[0].exit.normal.unwrap(), 2.0);
    // If the spin-off may already have happened, the result is a reason instead of a number.
    let mut unsure = World::new();
    unsure.bars_on("EXC", restated, 100, |_| (30.0, 14e6));
    unsure.settle("EXC", SETTLED, [20e6, 970e6, 1e9]);
    unsure.spin_off("EXC", ("2021-01-22", "2024-03-08"), 1.4);
    let universe = unsure.universe();
    let exc = name(&universe, "EXC");
    assert_eq!(exc.days_to_cover_at_recent_volume(), Err(GapReason::BasisUnknown));
    assert_eq!(exc.measure(Component::VolumeRatio), Err(GapReason::BasisUnknown));
    assert_eq!(exc.measure(Component::FloatTurnover), Err(GapReason::BasisUnknown));
    near(exc.measure(Component::DaysToCover).unwrap(), 2.0);
    near(exc.average_value_usd().unwrap(), 420e6);
}

#[test]
fn limits_leave_names_out_and_count_them() {
    let mut world = World::new();
    for (symbol, short, price, volume) in
        [("BIG", 1e6, 100.0, 1e5), ("THIN", 2e6, 100.0, 10.0), ("TINY", 3e6, 1.0, 1e7)]
    {
        world.bars(symbol, |_| (price, volume)).settle(symbol, SETTLED, [short, 8e6, 10e6]);
    }
    world.listed_on("BIG", "nyse").listed_on("TINY", "NASDAQ");
    let universe = world.universe();
    let ranked = |request: &RankRequest| {
        let ranking = rank(&universe, request);
        let symbol = |place: &usize| {
            universe.snapshot().symbol(universe.names()[*place].instrument).to_owned()
        };
        ranking.places.iter().map(symbol).collect::<Vec<_>>()
    };
    let by = |rank_by| RankRequest { rank_by, ..everything() };
    assert_eq!(ranked(&by(RankBy::ShortOfFloat)), ["TINY", "THIN", "BIG"]);
    assert_eq!(ranked(&by(RankBy::DaysToCoverAtRecentVolume)), ["THIN", "BIG", "TINY"]);
    let bounds =
        RankRequest { min_line_market_cap_usd: 100e6, min_daily_value_usd: 1e6, ..everything() };
    assert_eq!(ranked(&bounds), ["BIG"]);
    let ranking = rank(&universe, &bounds);
    assert_eq!((ranking.below_line_market_cap, ranking.below_daily_value), (1, 1));
    let nyse = RankRequest { exchanges: vec!["NYSE".into()], ..everything() };
    assert_eq!(ranked(&nyse), ["BIG"]);
    assert_eq!(rank(&universe, &nyse).other_exchange, 2);
}

#[test]
fn a_name_without_a_market_value_is_ranked_unless_it_is_left_out() {
    let mut world = World::new();
    for (symbol, short, outstanding) in [("KNOWN", 1e6, 10e6), ("UNKNOWN", 2e6, f64::NAN)] {
        world.bars(symbol, |_| (100.0, 1e5)).settle(symbol, SETTLED, [short, 8e6, outstanding]);
    }
    let universe = world.universe();
    let bounds = RankRequest { min_line_market_cap_usd: 100e6, ..everything() };
    assert_eq!(rank(&universe, &bounds).places.len(), 2);
    let gaps = name(&universe, "UNKNOWN").gaps("UNKNOWN");
    let subject = Subject::number_of("UNKNOWN", "line_market_cap_usd");
    assert!(gaps.iter().any(|gap| gap.subject == subject), "{gaps:?}");
    let known = rank(&universe, &RankRequest { known_line_market_cap_only: true, ..bounds });
    assert_eq!((known.places, known.without_line_market_cap), (vec![place(&universe, "KNOWN")], 1));
}

#[test]
fn a_market_value_published_later_is_not_compared_in_silence() {
    let mut world = World::new();
    world.bars("S", |_| (10.0, 8e5)).settle("S", SETTLED, [1.6e6, 8e6, f64::NAN]);
    world.bars("T", |_| (10.0, 8e5)).settle("T", SETTLED, [1.6e6, 8e6, 20e6]);
    let key = (world.fixture.id(Namespace::Listed, "S"), InstrumentId::NONE);
    let later = day(TODAY).plus(5);
    let counted = [(Field::SharesOutstanding, 10e6)];
    world
        .fixture
        .fact(Dataset::ShareCounts, key, later, Instant::close_of(later), &counted)
        .commit();
    let snapshot = world.fixture.snapshot(Instant::close_of(day(TODAY)));
    let reference = ReferenceKnowledge::EarliestLater { max_age_days: 30 };
    let universe = Universe::of(&snapshot.with_reference(reference));
    // S is worth 10 m times 10 by a count of five days later.
    let bound = |min_line_market_cap_usd| {
        let ranking = rank(&universe, &RankRequest { min_line_market_cap_usd, ..everything() });
        (ranking.places.len(), ranking.gap().map(|gap| gap.reason))
    };
    assert_eq!(bound(99e6), (2, Some(GapReason::LaterKnowledge)), "admitted by it");
    assert_eq!(bound(101e6), (1, Some(GapReason::LaterKnowledge)), "left out by it");
    assert_eq!(bound(0.0), (2, None), "nothing is compared");
}

/// T has a bar of the 26th and a settlement of January 8, and all other names end with the 25th and with
/// December 31: neither makes the others old.
#[test]
fn one_row_of_a_later_day_is_not_the_newest_day_of_the_market() {
    let mut world = World::new();
    world.last = day("2021-01-25");
    let symbols: Vec<String> = (0..11).map(|at| format!("S{at}")).chain(["T".to_owned()]).collect();
    for symbol in &symbols {
        world.bars(symbol, |back| (10.0 + back as f64, 1e5));
        world.settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
    }
    world.close("T", "2021-01-26", 10.0).settle("T", "2021-01-08", [1.6e6, 8e6, 10e6]);
    let universe = world.universe();
    let newest = universe.summary().newest_settlement.unwrap();
    assert_eq!(newest.effective_on, day(SETTLED));
    // The closes of the 22nd and the 25th are 13 and 12: 1.6 million shares short gained 1 each.
    for symbol in &symbols {
        near(name(&universe, symbol).shorts_gain_last_session_usd().unwrap(), 1.6e6);
    }
    assert_eq!(universe.summary().shorts_gain_last_session.unwrap().name_count, 12);
}

/// 100 names have the settlement of December 15 and 60 of these that of December 31.
#[test]
fn a_settlement_of_few_names_is_a_gap() {
    let of = |count: usize| {
        let mut world = World::new();
        for at in 0..100 {
            let symbol = format!("N{at}");
            world.bars(&symbol, |_| (10.0, 1e5));
            world.settle(&symbol, SETTLED_BEFORE, [1e6, 8e6, 10e6]);
            if at < count {
                world.settle(&symbol, SETTLED, [1e6, 8e6, 10e6]);
            }
        }
        let is_of_list = |gap: &Gap| {
            gap.subject == Subject::Dataset(Dataset::ShortInterest)
                && gap.reason == GapReason::MissingObservations
        };
        world.universe().gaps().into_iter().find(is_of_list)
    };
    assert_eq!(of(100), None);
    let gap = of(60).unwrap();
    assert!(gap.detail.contains("60 of 100 names have the settlement of 2020-12-31"), "{gap:?}");
}

/// Of twelve names S alone has bars of a Saturday and of a holiday, at another price and volume: its
/// measures are those without them, and a gap says so.
#[test]
fn a_bar_with_a_wrong_date_is_left_out_and_reported() {
    let world = |strays: &[&str]| {
        let mut world = World::new();
        for other in 0..11 {
            world.bars(&format!("N{other}"), |_| (20.0, 1e5));
        }
        let bar = |back: usize| (10.0 + 0.01 * ((back * back) % 17) as f64, 1e5 + back as f64);
        world.bars("S", bar).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
        world.settle("S", SETTLED_BEFORE, [1.5e6, 8e6, 10e6]);
        for on in strays {
            world.close("S", on, 30.0);
        }
        world.universe()
    };
    let (with, without) = (world(&["2021-01-18", "2021-01-23"]), world(&[]));
    let [stray, clean] = [&with, &without].map(|universe| name(universe, "S"));
    for component in Component::ALL {
        assert_eq!(stray.measure(component), clean.measure(component), "{}", component.id());
    }
    assert_eq!(stray.volatility(), clean.volatility());
    assert_eq!(stray.average_volume(), clean.average_volume());
    assert_eq!(stray.shorts_gain_last_session_usd(), clean.shorts_gain_last_session_usd());
    let basis = |name: &squeeze::name::SqueezeName| name.traded.as_ref().unwrap().cost_basis;
    assert_eq!(basis(stray), basis(clean));
    let gaps = |name: &squeeze::name::SqueezeName| {
        let all = name.gaps("S").into_iter();
        all.filter(|gap| gap.subject == Subject::symbol("S")).collect::<Vec<Gap>>()
    };
    assert_eq!(gaps(clean), []);
    let [gap] = &gaps(stray)[..] else { panic!("{:?}", gaps(stray)) };
    assert_eq!(gap.reason, GapReason::MissingObservations);
    assert!(
        gap.detail.starts_with("2 of its closes") && gap.detail.contains("2021-01-23"),
        "{gap:?}"
    );
}

/// S has short interest of a Wednesday, and twenty names that of the settlement before it: S is ranked by
/// that one, too. Without the settlement of December 15 its change spans it.
#[test]
fn short_interest_of_a_day_without_a_settlement_is_left_out() {
    let mut world = World::new();
    for other in 0..20 {
        let symbol = format!("N{other}");
        world.bars(&symbol, |_| (20.0, 1e5)).settle(&symbol, SETTLED, [1e5, 8e6, 10e6]);
        world.settle(&symbol, SETTLED_BEFORE, [1e5, 8e6, 10e6]);
        world.settle(&symbol, "2020-11-30", [1e5, 8e6, 10e6]);
    }
    world.bars("S", |_| (10.0, 1e5)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.settle("S", "2020-11-30", [0.8e6, 8e6, 10e6]);
    world.settle("S", "2021-01-06", [2.6e6, 8e6, 10e6]);
    let universe = world.universe();
    let s = name(&universe, "S");
    assert_eq!(s.short.as_ref().unwrap().shares_short.effective_on, day(SETTLED));
    near(s.measure(Component::ShortInterestChange).unwrap(), 1.0);
    let missing = |symbol: &str| {
        let gaps = name(&universe, symbol).gaps(symbol).into_iter();
        let missing = gaps.filter(|gap| gap.reason == GapReason::MissingObservations);
        missing.map(|gap| (gap.subject, gap.detail)).collect::<Vec<_>>()
    };
    assert_eq!(missing("N0"), []);
    let [(change, spans), (interest, left_out)] = &missing("S")[..] else { panic!() };
    assert_eq!(*change, Subject::number_of("S", "short_interest_change"));
    assert!(spans.contains("2020-12-15") && spans.contains("2020-11-30"), "{spans}");
    assert_eq!(*interest, Subject::number_of("S", "short_interest"));
    assert!(left_out.starts_with("its short interest of 2021-01-06 was left out"), "{left_out}");
}

/// One of twelve names has a bar of the Saturday after the last session, at three times the price: what
/// the book holds of it is worth its last session's close, 10 dollars, and so are its shares.
#[test]
fn a_bar_after_the_last_session_values_nothing() {
    let mut world = World::new();
    for other in 0..11 {
        world.bars(&format!("N{other}"), |_| (20.0, 1e5));
    }
    world.bars("S", |_| (10.0, 1e5)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.close("S", "2021-01-30", 30.0);
    let universe = world.universe_at(Instant::close_of(day("2021-01-30")));
    let book = book(&universe, &[line("S", -1_000.0, None)]);
    near(book.lines[0].market_value, -10_000.0);
    near(book.lines[0].exit.normal.unwrap(), 1_000.0 / (0.15 * 1e5));
    near(name(&universe, "S").market_cap.unwrap().usd, 100e6);
    let told: Vec<&Gap> =
        book.gaps.iter().filter(|gap| gap.detail.contains("is left out")).collect();
    let [gap] = &told[..] else { panic!("{told:?}") };
    assert!(gap.detail.starts_with("its last close is of 2021-01-30"), "{gap:?}");
    near(gap.gross_share.unwrap(), 1.0);
    let snapshot = universe.snapshot();
    let quote = Quotes::of(snapshot).get(snapshot.listed("S").unwrap()).unwrap();
    assert_eq!((quote.on, quote.left_out_on), (day(TODAY), Some(day("2021-01-30"))));
    assert_eq!(Quotes::of(snapshot).get(snapshot.listed("N0").unwrap()).unwrap().left_out_on, None);
}

/// The same bar of a name that last traded two weeks before: it has no measures of prices, and a gap says
/// which close was left out.
#[test]
fn a_close_that_is_left_out_is_told_of_a_name_that_no_longer_trades() {
    let mut world = World::new();
    for other in 0..11 {
        world.bars(&format!("N{other}"), |_| (20.0, 1e5));
    }
    world.last = day("2021-01-13");
    world.bars("S", |_| (10.0, 1e5)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.close("S", "2021-01-23", 30.0);
    let universe = world.universe();
    let s = name(&universe, "S");
    assert_eq!(s.traded.as_ref().err(), Some(&GapReason::Stale));
    let is_told = |gap: &Gap| gap.detail.contains("the last of 2021-01-23: left out");
    assert_eq!(s.gaps("S").into_iter().filter(is_told).count(), 1);
}

/// A long that does not join may box a short, so it is told.
#[test]
fn a_long_that_is_not_netted_is_a_gap() {
    let mut world = World::new();
    world.bars("S", |_| (10.0, 1e5)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    let universe = world.universe();
    let book = book(&universe, &[line("S", -1_000.0, None), line("NOBODY", 500.0, None)]);
    let gap = book.gaps.iter().find(|gap| matches!(gap.subject, Subject::Line(_))).unwrap();
    assert_eq!(gap.reason, GapReason::UnknownInstrument);
    assert!(gap.detail.starts_with("not netted with shorts"), "{gap:?}");
}
