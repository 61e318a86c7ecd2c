//! Back-test of value at risk and expected shortfall: plain against filtered historical simulation.
//!
//! `REAL_DATA=<folder of real files> cargo run -p exposure --example backtest` prints the table of
//! `BACKTEST.md`: six spreads of funds and the crowded trade. Every forecast uses only the days
//! before its own. Simulated books need no files and are always printed.

mod files;
#[path = "../../../../tests/support/real_closes.rs"]
mod real_closes;
#[path = "../../../../tests/support/real_data.rs"]
mod real_files;
mod replay;
mod simulated;
#[cfg(test)]
mod tests;

use files::{BOOKS, Files};
use replay::{Book, Method, Outcome, Replay};
use stats::shortfall_test::Simulation;
use std::process::ExitCode;

/// Simulated histories for the p-values of Acerbi and Székely: an error of at most half a
/// percentage point.
const SIMULATION: Simulation = Simulation { histories: 10_000, seed: 1 };

const CONFIDENCES: [f64; 2] = [0.95, 0.99];

const HEADER: &str = "\
| book | days | level | method | hits | expected | Kupiec p | hit after hit | independence p | \
both p | Z1 | p | Z2 | p |
|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
#[expect(clippy::print_stderr, reason = "a program without its input says so")]
fn main() -> ExitCode {
    println!("{HEADER}");
    for book in [simulated::independent(), simulated::clustered()] {
        print_book(&book);
    }
    let Some(files) = real_files::named().map(Files::at) else {
        eprintln!("REAL_DATA is not a folder of price files: only simulated books were tested");
        return ExitCode::FAILURE;
    };
    for recipe in &BOOKS {
        match files.book(recipe) {
            Ok(book) => print_book(&book),
            Err(problem) => {
                eprintln!("{}: {problem}", recipe.name);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn print_book(book: &Book) {
    let replays = Method::ALL.map(|method| Replay::of(book, method));
    for confidence in CONFIDENCES {
        for (method, replay) in Method::ALL.iter().zip(&replays) {
            match replay.outcome(confidence, SIMULATION) {
                Some(outcome) => println!("{}", row(book, confidence, *method, &outcome)),
                None => println!("| {} | history too short, or without a loss |", book.name),
            }
        }
    }
}

fn row(book: &Book, confidence: f64, method: Method, outcome: &Outcome) -> String {
    let (days, shortfall) = (outcome.days, &outcome.shortfall);
    let share =
        |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.1} %", 100.0 * s));
    let (z1, p1) = shortfall
        .size
        .map_or(("-".to_owned(), "-".to_owned()), |s| (format!("{:.3}", s.z), chance(s.p_value)));
    let hits = &outcome.hits;
    format!(
        "| {} | {days} | {:.0} % | {} | {} | {:.1} | {} | {} | {} | {} | {z1} | {p1} | {:.3} | {} |",
        book.name,
        100.0 * confidence,
        method.name(),
        shortfall.exceptions,
        days as f64 * (1.0 - confidence),
        chance(outcome.coverage.p_value),
        share(hits.hit_after_hit),
        chance(hits.independence.p_value),
        chance(hits.conditional_coverage.p_value),
        shortfall.size_and_frequency.z,
        chance(shortfall.size_and_frequency.p_value),
    )
}

/// Formats a probability with four decimals.
fn chance(p: f64) -> String {
    if p < 1e-4 { "<.0001".to_owned() } else { format!("{p:.4}") }
}
