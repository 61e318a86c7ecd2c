//! Hedges of the crowded trade on every session of 2013 to mid 2021, out of sample.
//!
//! `REAL_DATA=<folder of real files> cargo run -p hedge --example evaluation` prints the tables of
//! `HEDGE_EVALUATION.md`.

mod files;
#[path = "../../../../tests/support/real_closes.rs"]
mod real_closes;
#[path = "../../../../tests/support/real_data.rs"]
mod real_files;
mod study;
#[cfg(test)]
mod tests;

use files::{FUNDS, Returns, SHORTS};
use std::process::ExitCode;
use study::{Method, Study, WINDOW};

const HEADER: &str = "\
| hedge | variance cut | nine of ten | before 2020 | cut on large days | turnover a session | \
cost a year | made a year | worst session | book | hedge |
|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|";

/// The year from which on most of the variance is.
const LOUD: &str = "2020";

/// Sessions that the text names: the trade's best and worst days around the vaccine.
const NAMED: [&str; 2] = ["2020-11-04", "2020-11-09"];

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
#[expect(clippy::print_stderr, reason = "a program without its input says so")]
fn main() -> ExitCode {
    let Some(folder) = real_files::named() else {
        eprintln!("REAL_DATA is not a folder of price files: nothing was evaluated");
        return ExitCode::FAILURE;
    };
    let tables: Result<Vec<String>, String> =
        SHORTS.into_iter().map(|short| tables(&folder, short)).collect();
    match tables {
        Ok(books) => {
            println!("{}", books.join("\n"));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The section of a book by its short leg.
fn tables(folder: &std::path::Path, short: &'static str) -> Result<String, String> {
    let returns = Returns::read(folder, short)?;
    let first = returns.first_of("2013");
    let studies: Vec<Study> = Method::ALL
        .into_iter()
        .map(|method| Study::of(&returns, method, first))
        .collect::<Option<_>>()
        .ok_or("a session has no hedge")?;
    let (_, large) = studies[0].large_days();
    let mut text = format!(
        "## Short {short}\n\n{} sessions from {} to {}, {large} of them large; stand-ins {:.2} % of \
         gross, and {:.2} % from {LOUD} on. The book made {} a year.\n\n{HEADER}\n",
        studies[0].before.len(),
        returns.days[first],
        returns.days[returns.days.len() - 1],
        100.0 * returns.stand_in_share(first - WINDOW),
        100.0 * returns.stand_in_share(returns.first_of(LOUD) - WINDOW),
        percent(studies[0].book_made_a_year()),
    );
    let quiet = returns.first_of(LOUD) - first;
    for study in &studies {
        text += &row(study, &returns.days[first..], quiet).ok_or("a hedge has no interval")?;
    }
    text += "\n| session | book |";
    let names: String = studies.iter().map(|study| format!(" {} |", study.method.name())).collect();
    text += &format!("{names}\n|---|--:|{}\n", "--:|".repeat(studies.len()));
    for day in NAMED {
        let at = returns.first_of(day) - first;
        let after: String =
            studies.iter().map(|study| format!(" {} |", percent(study.after[at]))).collect();
        text += &format!("| {day} | {} |{after}\n", percent(studies[0].before[at]));
    }
    text += &format!("\nHedges of the last session, by {}:\n\n", FUNDS.join(", "));
    for study in &studies {
        let last = study.hedges.last().map(|hedge| format!("{hedge:.2?}")).unwrap_or_default();
        text += &format!("- {}: {last}\n", study.method.name());
    }
    Ok(text)
}

fn row(study: &Study, days: &[String], quiet: usize) -> Option<String> {
    let out = study.out_of_sample()?;
    let worst = study.worst();
    Some(format!(
        "| {} | {} | {} to {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        study.method.name(),
        percent(out.value),
        percent(out.low),
        percent(out.high),
        percent(study.cut_of_first(quiet)?),
        percent(study.large_days().0),
        percent(study.turnover_a_session()),
        percent(study.cost_a_year()),
        percent(study.made_a_year()),
        days[worst],
        percent(study.before[worst]),
        percent(study.after[worst] - study.before[worst]),
    ))
}

/// A share in per cent with one decimal.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
