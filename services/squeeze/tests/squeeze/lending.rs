//! The market for borrowing shares: newest values with their days, the fee's volatility, units, what
//! it costs, and reasons instead of zeros.

use crate::world::{SETTLED, TODAY, World, book, line, name, near, place, sessions};
use marketdata::{
    dataset::{Dataset, Field},
    fixture::day,
    gap::{GapReason, Subject},
    instant::Instant,
    quotes::Quotes,
};
use portfolio::{book::Book, lines::Terms, lookup::Lookup};
use squeeze::{
    lending::LendingMeasure,
    shorts::Shorts,
    universe::Universe,
    watch::{Change, Readings, Threshold, Watched, turns},
};

/// A world of names that are 20 % short and trade at 10.
fn world(symbols: &[&str]) -> World {
    let mut world = World::new();
    for symbol in symbols {
        world.bars(symbol, |_| (10.0, 80_000.0)).settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
    }
    world
}

/// The day of as many sessions before today.
fn back(count: usize) -> marketdata::day::Day {
    sessions(count + 1)[0]
}

#[test]
fn every_value_is_the_newest_known_with_its_own_day() {
    let mut world = world(&["S"]);
    world.lend("S", back(4), &[(Field::BorrowFee, 0.1), (Field::Recall, 1.0)]);
    world.lend("S", back(2), &[(Field::Utilisation, 0.9), (Field::BorrowFee, 0.2)]);
    // That of today is published tomorrow.
    world.lend("S", back(0), &[(Field::BorrowFee, 0.9), (Field::Recall, 0.0)]);
    let universe = world.universe();
    let lending = name(&universe, "S").lending.unwrap();
    let dated = |known: Result<factors::short_ratio::Published, GapReason>| {
        known.map(|known| (known.value, known.effective_on))
    };
    assert_eq!(dated(lending.utilisation), Ok((0.9, back(2))));
    assert_eq!(dated(lending.fee), Ok((0.2, back(2))));
    assert_eq!(dated(lending.recall), Ok((1.0, back(4))));
    assert_eq!(lending.on_loan, Err(GapReason::InputMissing));
    // On the next session's morning the fee of today is known.
    let tomorrow = marketdata::calendar::plus_sessions(day(TODAY), 1);
    let universe = world.universe_at(Instant::new_york(tomorrow, 9, 30));
    let lending = name(&universe, "S").lending.unwrap();
    assert_eq!(dated(lending.fee), Ok((0.9, day(TODAY))));
    assert_eq!(dated(lending.recall), Ok((0.0, day(TODAY))));
}

#[test]
fn what_is_not_known_is_a_gap_and_never_zero() {
    let mut world = world(&["S", "T", "U"]);
    world.lend("S", back(2), &[(Field::BorrowFee, 0.2)]);
    // 14 sessions before the last close are more than a week.
    world.lend("T", back(14), &[(Field::BorrowFee, 0.2), (Field::Utilisation, 0.5)]);
    let universe = world.universe();
    let measured =
        |symbol| LendingMeasure::ALL.map(|measure| name(&universe, symbol).lending(measure));
    let missing = Err(GapReason::InputMissing);
    let short = Err(GapReason::ShortHistory);
    assert_eq!(measured("S"), [missing, Ok(0.2), short, missing]);
    let stale = Err(GapReason::Stale);
    assert_eq!(measured("T"), [stale, stale, stale, missing]);
    assert_eq!(measured("U"), [missing; 4]);
    let gaps = name(&universe, "U").gaps("U");
    for measure in LendingMeasure::ALL {
        let subject = Subject::number_of("U", measure.id());
        assert!(gaps.iter().any(|gap| gap.subject == subject), "{}", measure.id());
    }
    let of_dataset = |universe: &Universe| {
        let subject = Subject::Dataset(Dataset::Lending);
        universe.gaps().iter().any(|gap| gap.subject == subject)
    };
    assert!(!of_dataset(&universe));
    // Without lending of any name there is one gap, and none per name.
    let mut world = self::world(&["U"]);
    let universe = world.universe();
    assert!(of_dataset(&universe));
    assert_eq!(name(&universe, "U").lending, None);
    let fee = Subject::number_of("U", "borrow_fee");
    assert!(name(&universe, "U").gaps("U").iter().all(|gap| gap.subject != fee));
}

/// The newest values are of sessions 5 and more before today, 2021-01-27, of which bars are known: seven
/// calendar days are current, eight are stale, whatever newer rows leave out.
#[test]
fn a_value_is_stale_by_itself_and_says_its_day() {
    let all = [
        (Field::Utilisation, 0.9),
        (Field::BorrowFee, 0.2),
        (Field::Recall, 1.0),
        (Field::SharesOnLoan, 4e5),
        (Field::SharesLendable, 1e6),
    ];
    for (field, value) in all {
        let mut world = world(&["S", "T"]);
        let other = if field == Field::Recall { Field::BorrowFee } else { Field::Recall };
        for (symbol, on) in [("S", "2021-01-19"), ("T", "2021-01-20")] {
            world.lend(symbol, day(on), &[(field, value)]);
            world.lend(symbol, back(2), &[(other, 0.0)]);
        }
        let universe = world.universe();
        let of = |symbol: &str| {
            let lending = name(&universe, symbol).lending.unwrap();
            match field {
                Field::Utilisation => lending.utilisation,
                Field::BorrowFee => lending.fee,
                Field::Recall => lending.recall,
                Field::SharesOnLoan => lending.on_loan,
                _ => lending.lendable,
            }
        };
        assert_eq!(of("S").unwrap_err(), GapReason::Stale, "{field:?}");
        assert_eq!(of("T").unwrap().effective_on, day("2021-01-20"), "{field:?}");
        let gaps = name(&universe, "S").gaps("S");
        let of_age = |gap: &&marketdata::gap::Gap| gap.detail.contains("2021-01-19, 8 days before");
        let said: Vec<Subject> =
            gaps.iter().filter(of_age).map(|gap| gap.subject.clone()).collect();
        let expected: &[&str] = match field {
            Field::Utilisation => &["utilisation"],
            Field::BorrowFee => &["borrow_fee", "borrow_fee_volatility"],
            Field::Recall => &["recall"],
            // No measure of their own.
            _ => &[],
        };
        let expected: Vec<Subject> =
            expected.iter().map(|what| Subject::number_of("S", what)).collect();
        assert_eq!(said, expected, "{field:?}");
    }
}

#[test]
fn the_volatility_of_a_fee_by_hand() {
    // 21 fees, 1 % and 3 % in turn, eleven of 1 %: mean 41/21 %, sum of squares 11 + 90 = 101, so
    // the variance is (101 - 41^2 / 21) / 20 = 1.0476190476 and the deviation 1.0235326 %.
    let mut world = world(&["S", "T"]);
    for at in 0..40 {
        let fee = match at {
            0..=20 => [0.01, 0.03][at % 2],
            _ => 0.5,
        };
        world.lend("S", back(1 + at), &[(Field::BorrowFee, fee)]);
    }
    // A weekend's row is no session, and does not count.
    let saturday = day("2021-01-23");
    world.lend("S", saturday, &[(Field::BorrowFee, 9.0)]);
    // Fourteen fees are too few.
    for at in 0..14 {
        world.lend("T", back(1 + at), &[(Field::BorrowFee, 0.01)]);
    }
    let universe = world.universe();
    let lending = name(&universe, "S").lending.unwrap();
    assert_eq!(lending.fee_sessions, 21);
    let exact = ((101.0 - 41.0 * 41.0 / 21.0) / 20.0_f64).sqrt() / 100.0;
    near(lending.fee_volatility.unwrap(), exact);
    let few = name(&universe, "T").lending.unwrap();
    assert_eq!((few.fee_sessions, few.fee_volatility), (14, Err(GapReason::ShortHistory)));
}

#[test]
fn utilisation_is_as_stated_else_from_the_counts_and_counts_follow_splits() {
    let mut world = world(&["S", "T"]);
    let counts = [(Field::SharesOnLoan, 4e5), (Field::SharesLendable, 1e6)];
    world.lend("S", back(2), &counts);
    world.lend("T", back(2), &counts).lend("T", back(1), &[(Field::Utilisation, 0.7)]);
    let universe = world.universe();
    let of = |symbol| name(&universe, symbol).lending(LendingMeasure::Utilisation);
    assert_eq!(of("S"), Ok(0.4));
    assert_eq!(of("T"), Ok(0.7));
    // One share becomes four between the settlement and the day of the counts: in the units of the
    // settlement they are a quarter.
    let mut world = World::new();
    world.bars("S", |_| (10.0, 80_000.0)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.split("S", ("2021-01-08", "2021-01-11"), 4.0).lend("S", back(2), &counts);
    let universe = world.universe();
    let lending = name(&universe, "S").lending.unwrap();
    near(lending.on_loan.unwrap().value, 1e5);
    near(lending.utilisation.unwrap().value, 0.4);
}

#[test]
fn borrowing_costs_by_hand() {
    let mut world = world(&["S", "T"]);
    world.lend("S", back(1), &[(Field::BorrowFee, 0.36)]);
    let universe = world.universe();
    let report = book(&universe, &[line("S", -120_000.0, None), line("T", -40_000.0, None)]);
    let short = |symbol: &str| report.lines.iter().find(|line| line.symbol == symbol).unwrap();
    // 1.2 million x 36 % / 360.
    near(short("S").borrow_cost_per_day.unwrap(), 1_200.0);
    // 120,000 shares at 15 % of 80,000 a day take 10 sessions, 10 x 365/252 days, half on average.
    near(short("S").covering.unwrap().days, 10.0);
    near(short("S").borrow_cost_of_exit.unwrap(), 1_200.0 * 10.0 * 365.0 / 252.0 / 2.0);
    assert_eq!(short("T").borrow_cost_per_day, Err(GapReason::InputMissing));
    let total = report.borrowing.unwrap();
    near(total.cost_per_day, 1_200.0);
    near(total.share, 0.75);
}

#[test]
fn names_are_ranked_by_what_is_known_of_them() {
    let mut world = world(&["A", "B", "C", "D", "E"]);
    for (symbol, fee) in [("A", 0.3), ("B", 0.01), ("C", 0.3), ("D", 0.05)] {
        world.lend(symbol, back(1), &[(Field::BorrowFee, fee)]);
    }
    let universe = world.universe();
    let rank = |symbol| universe.score(place(&universe, symbol)).unwrap().lending;
    // Mid-ranks of four: 1, 2, and 3.5 for both of the ties; E has none.
    assert_eq!(rank("B")[1], Some(0.125));
    assert_eq!(rank("D")[1], Some(0.375));
    assert_eq!((rank("A")[1], rank("C")[1]), (Some(0.75), Some(0.75)));
    assert_eq!(rank("E"), [None; 3]);
    assert_eq!(rank("A")[0], None);
}

#[test]
fn a_fee_and_a_recall_can_be_watched() {
    let thresholds = [
        Threshold { measure: Watched::Lending(LendingMeasure::BorrowFee), level: 0.25 },
        Threshold { measure: Watched::Lending(LendingMeasure::Recall), level: 1.0 },
    ];
    let readings = |world: &mut World| {
        let universe = world.universe();
        let snapshot = universe.snapshot();
        let (lookup, quotes) = (Lookup::of(snapshot), Quotes::of(snapshot));
        let lines = [line("S", -100.0, None)];
        let book = Book::join(lines, &Terms::NONE, &lookup, &quotes).unwrap();
        Readings::of(&universe, &Shorts::of(&book), &thresholds)
    };
    let mut world = world(&["S"]);
    world.lend("S", back(3), &[(Field::BorrowFee, 0.1)]);
    let (before, gaps) = readings(&mut world);
    let recall = Subject::number_of("S", "recall");
    assert!(gaps.iter().any(|gap| gap.subject == recall), "a recall that no source states");
    world.lend("S", back(2), &[(Field::BorrowFee, 0.25), (Field::Recall, 1.0)]);
    let (now, gaps) = readings(&mut world);
    assert!(gaps.iter().all(|gap| gap.subject != recall));
    let turned = turns(&before, &now, &thresholds);
    let found: Vec<_> =
        turned.iter().map(|turn| (turn.threshold, turn.change, turn.now.observed_on)).collect();
    assert_eq!(found, [(0, Change::Crossed, Some(back(2))), (1, Change::Found, Some(back(2)))]);
    for threshold in thresholds {
        assert_eq!(threshold.measure.reads().collect::<Vec<_>>(), [Dataset::Lending]);
        assert_eq!(Watched::from_id(threshold.measure.id()), Some(threshold.measure));
    }
}
