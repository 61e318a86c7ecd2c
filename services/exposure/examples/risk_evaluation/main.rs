//! Evaluation of the risk measures over random books of the real files.
//!
//! `REAL_DATA=<folder of real files> cargo run -p exposure --example risk_evaluation` prints the tables
//! of `RISK_EVALUATION.md`. Forecasts and outcomes are made by the functions behind `BacktestRisk`.

mod market;
#[path = "../../../../tests/support/real_closes.rs"]
mod real_closes;
#[path = "../../../../tests/support/real_data.rs"]
mod real_files;
mod study;
#[cfg(test)]
mod tests;

use exposure::backtest::{Forecast, Outcome, outcome};
use market::{RandomBook, World};
use marketdata::day::Day;
use rayon::prelude::*;
use stats::backtest::Zone;
use std::{collections::BTreeSet, process::ExitCode};
use study::{Found, Row, rows, run};

/// Number of books, and the seed that they are drawn with.
const BOOKS: u64 = 200;
const SEED: u64 = 9;

/// First day with an unwind: the 1,060 sessions before it have closes of every line.
const FROM: (i32, u32, u32) = (2011, 7, 1);

/// First day to forecast.
const FORECAST_FROM: (i32, u32, u32) = (2018, 7, 2);

/// A test rejects a book below this p-value.
const REJECTED: f64 = 0.05;

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
#[expect(clippy::print_stderr, reason = "a program without its input says so")]
fn main() -> ExitCode {
    let Some(folder) = real_files::named() else {
        eprintln!("REAL_DATA is not a folder of price files");
        return ExitCode::FAILURE;
    };
    let world = match World::of(&folder) {
        Ok(world) => world,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    let day = |(year, month, day)| Day::from_ymd(year, month, day);
    let Some(from) = day(FROM).zip(day(FORECAST_FROM)) else { return ExitCode::FAILURE };
    let books: Vec<RandomBook> = (0..BOOKS).map(|number| RandomBook::of(SEED, number)).collect();
    let rows = rows();
    let found = run(&world, &books, from, &rows);
    for line in tests_table(&rows, &books, &found).into_iter().chain(unwinds_table(&books, &found))
    {
        println!("{line}");
    }
    ExitCode::SUCCESS
}

const TESTS: [&str; 2] = [
    "| method | level | forecasts | missing | breaches | Kupiec rejects | independence rejects | Z2 \
     rejects | green | yellow | red | worst book: breaches of expected | its largest breach |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|---|",
];

/// One line per method and confidence, over all books.
fn tests_table(rows: &[Row], books: &[RandomBook], found: &[Found]) -> Vec<String> {
    let mut lines: Vec<String> = TESTS.map(str::to_owned).into();
    lines.extend(rows.iter().enumerate().map(|(at, row)| tests_line(at, row, books, found)));
    lines
}

fn tests_line(at: usize, row: &Row, books: &[RandomBook], found: &[Found]) -> String {
    let test = |found: &Found| outcome(&found.forecasts[at], row.confidence);
    let outcomes: Vec<Option<Outcome>> = found.par_iter().map(test).collect();
    let tested: Vec<(usize, &Outcome)> = outcomes
        .iter()
        .enumerate()
        .filter_map(|(book, outcome)| Some((book, outcome.as_ref()?)))
        .collect();
    let forecasts: usize = found.iter().map(|found| found.forecasts[at].len()).sum();
    let missing: usize = found.iter().map(|found| found.missing[at]).sum();
    let breaches: usize = tested.iter().map(|(_, outcome)| outcome.breaches).sum();
    let count = |is: &dyn Fn(&Outcome) -> bool| tested.iter().filter(|(_, one)| is(one)).count();
    let zone = |zone: Zone| count(&|one| one.zone == zone);
    let small = |p: Option<f64>| p.is_some_and(|p| p < REJECTED);
    let rejects = [
        count(&|one| small(Some(one.coverage.p_value))),
        count(&|one| small(one.clusters.map(|clusters| clusters.independence.p_value))),
        count(&|one| small(one.shortfall.map(|shortfall| shortfall.p_value))),
    ];
    let worst = tested.iter().max_by(|a, b| {
        let excess = |one: &Outcome| one.breaches as f64 / one.expected;
        excess(a.1).total_cmp(&excess(b.1))
    });
    let [kupiec, independence, z2] = rejects;
    format!(
        "| {} | {:.0} % | {forecasts} | {missing} | {:.2} % | {kupiec} | {independence} | {z2} | {} | {} \
         | {} | {} |",
        row.set.id(),
        100.0 * row.confidence,
        100.0 * breaches as f64 / forecasts.max(1) as f64,
        zone(Zone::Green),
        zone(Zone::Yellow),
        zone(Zone::Red),
        worst.map_or("- | -".to_owned(), |(book, one)| worst_text(&books[*book], one)),
    )
}

fn worst_text(book: &RandomBook, outcome: &Outcome) -> String {
    let breach = |breach: Forecast| {
        let (loss, forecast) = (-breach.pnl / 1e3, breach.value_at_risk / 1e3);
        format!("{}: {loss:.0}k where {forecast:.0}k was forecast", breach.on)
    };
    format!(
        "{}: {} of {:.0} | {}",
        book.name(),
        outcome.breaches,
        outcome.expected,
        outcome.worst.map_or("-".to_owned(), breach)
    )
}

/// How often the interval of an unwind held, on the sessions with a large move of the trade.
fn unwinds_table(books: &[RandomBook], found: &[Found]) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        "| sessions with a large move | sessions | inside the interval | worst book | best book |"
            .to_owned(),
        "|---|--:|--:|---|--:|".to_owned(),
    ];
    let line = |title: &str, is_wanted: &dyn Fn(bool) -> bool| {
        let wanted = |found: &Found| {
            found.unwinds.clone().into_iter().filter(|(_, lost, _)| is_wanted(*lost))
        };
        let days: BTreeSet<Day> = found.iter().flat_map(wanted).map(|(day, ..)| day).collect();
        let share = |all: Vec<bool>| {
            100.0 * all.iter().filter(|inside| **inside).count() as f64 / all.len().max(1) as f64
        };
        let inside = |found: &Found| wanted(found).map(|(_, _, inside)| inside).collect::<Vec<_>>();
        let by_book: Vec<f64> = found.iter().map(|found| share(inside(found))).collect();
        let places = || by_book.iter().copied().enumerate();
        let (worst, least) = places().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
        let (_, most) = places().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
        format!(
            "| {title} | {} | {:.1} % | {}: {least:.1} % | {most:.1} % |",
            days.len(),
            share(found.iter().flat_map(inside).collect()),
            books[worst].name()
        )
    };
    lines.push(line("all", &|_| true));
    lines.push(line("the trade lost", &|lost| lost));
    lines.push(line("the trade gained", &|lost| !lost));
    lines
}
