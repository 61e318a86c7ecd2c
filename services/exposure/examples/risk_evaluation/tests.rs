//! Expectations of the evaluation on fewer books and sessions.

use crate::{
    market::{RandomBook, World},
    real_files,
    study::{rows, run},
};
use exposure::backtest::outcome;
use marketdata::day::Day;
use std::collections::BTreeSet;

/// Books are drawn from their seed and number alone, hold each line once, and are worth as much long
/// as short.
#[test]
fn books_are_drawn_once_and_balanced() {
    for number in 0..50 {
        let book = RandomBook::of(9, number);
        let symbols: BTreeSet<&str> = book.lines.iter().map(|(symbol, _)| *symbol).collect();
        assert_eq!(symbols.len(), book.lines.len());
        let net: f64 = book.lines.iter().map(|(_, value)| value).sum();
        assert!(net.abs() < 1e-6 && (6..=16).contains(&book.lines.len()), "{book:?}");
        assert_eq!(book.name(), RandomBook::of(9, number).name());
    }
    assert_ne!(RandomBook::of(9, 0).name(), RandomBook::of(9, 1).name());
}

/// Ten books over the 337 sessions from March 2020 on, the crash included: the number of breaches of
/// the filter is nearer to what is expected than that of the plain window.
#[test]
fn the_filter_stands_the_crash_of_2020() {
    let Some(folder) = real_files::folder("risk evaluation") else { return };
    let world = World::of(&folder).expect("whole files");
    let books: Vec<RandomBook> = (0..10).map(|number| RandomBook::of(9, number)).collect();
    let rows = rows();
    let from = Day::parse_iso("2020-03-02").expect("a day");
    let found = run(&world, &books, (from, from), &rows);
    let excess = |id: &str| {
        let row = rows.iter().position(|row| row.set.id() == id).expect("a row");
        let tested = found.iter().map(|found| outcome(&found.forecasts[row], 0.95));
        let tested: Vec<_> = tested.map(|outcome| outcome.expect("forecasts")).collect();
        assert!(found.iter().all(|found| found.forecasts[row].len() == 337));
        let breaches: usize = tested.iter().map(|outcome| outcome.breaches).sum();
        breaches as f64 / tested.iter().map(|outcome| outcome.expected).sum::<f64>()
    };
    let (plain, filtered) = (excess("historical/1000"), excess("filtered_historical/1000/0.94"));
    assert!((0.8..1.3).contains(&filtered) && 1.4 < plain, "{filtered} {plain}");
    assert!(found.iter().all(|found| !found.unwinds.is_empty()));
}

/// Ten books over the ten years from July 2011 on, on the sessions on which the trade moved by two of
/// its deviations or more: of the intervals in which nine of ten P&Ls should lie, 85 to 95 % hold.
#[test]
fn nine_of_ten_unwinds_are_inside_their_interval() {
    let Some(folder) = real_files::folder("risk evaluation") else { return };
    let world = World::of(&folder).expect("whole files");
    let books: Vec<RandomBook> = (0..10).map(|number| RandomBook::of(9, number)).collect();
    let from = Day::parse_iso("2011-07-01").expect("a day");
    let found = run(&world, &books, (from, Day::MAX), &rows());
    let all: Vec<(Day, bool)> =
        found.iter().flat_map(|found| &found.unwinds).map(|(on, _, is_in)| (*on, *is_in)).collect();
    let days: BTreeSet<Day> = all.iter().map(|(on, _)| *on).collect();
    let inside = all.iter().filter(|(_, is_in)| *is_in).count() as f64 / all.len() as f64;
    assert!(100 <= days.len() && (0.85..=0.95).contains(&inside), "{} {inside}", days.len());
}
