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

use files::{FUNDS, Returns};
use std::process::ExitCode;
use study::{Method, Study, WINDOW};

const HEADER: &str = "\
| hedge | variance cut | nine of ten | cut on large days | turnover a session | cost a year | \
made a year | worst session | book | hedge |
|---|--:|--:|--:|--:|--:|--:|---|--:|--:|";

/// Sessions that the text names: the trade's best and worst days around the vaccine.
const NAMED: [&str; 2] = ["2020-11-04", "2020-11-09"];

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
#[expect(clippy::print_stderr, reason = "a program without its input says so")]
fn main() -> ExitCode {
    let Some(folder) = real_files::named() else {
        eprintln!("REAL_DATA is not a folder of price files: nothing was evaluated");
        return ExitCode::FAILURE;
    };
    match tables(&folder) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn tables(folder: &std::path::Path) -> Result<String, String> {
    let returns = Returns::read(folder)?;
    let first = returns.first_of("2013");
    let studies: Vec<Study> = Method::ALL
        .into_iter()
        .map(|method| Study::of(&returns, method, first))
        .collect::<Option<_>>()
        .ok_or("a session has no hedge")?;
    let (_, large) = studies[0].large_days();
    let mut text = format!(
        "{} sessions from {} to {}, {large} of them large; stand-ins {:.2} % of gross.\n\n{HEADER}\n",
        studies[0].before.len(),
        returns.days[first],
        returns.days[returns.days.len() - 1],
        100.0 * returns.stand_in_share(first - WINDOW),
    );
    for study in &studies {
        text += &row(study, &returns.days[first..]).ok_or("a hedge has no interval")?;
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

fn row(study: &Study, days: &[String]) -> Option<String> {
    let out = study.out_of_sample()?;
    let worst = study.worst();
    Some(format!(
        "| {} | {} | {} to {} | {} | {} | {} | {} | {} | {} | {} |\n",
        study.method.name(),
        percent(out.value),
        percent(out.low),
        percent(out.high),
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
