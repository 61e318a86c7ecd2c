//! How well the squeeze score ranked what happened, beside every single input and a placebo.
//!
//! `REAL_DATA=<folder of real files> cargo run -p squeeze --example evaluation` prints the tables of
//! `SQUEEZE_EVALUATION.md`. Every input is what the service would have answered at the close of the
//! day; the label needs the five sessions after it.

mod files;
mod panel;
mod quality;
#[path = "../../../../tests/support/real_data.rs"]
mod real_files;
#[cfg(test)]
mod tests;

use files::Files;
use panel::{Observation, observe};
use quality::Ranked;
use squeeze::measure::Component;
use stats::lift::LiftDifference;
use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a program without its input says so")]
fn main() -> ExitCode {
    let Some(folder) = real_files::named() else {
        eprintln!("REAL_DATA does not name a folder of real files");
        return ExitCode::FAILURE;
    };
    match Files::read(&folder) {
        Ok(files) => {
            print(&observe(&files));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
fn print(all: &[Observation]) {
    let heavy: Vec<Observation> = all.iter().filter(|o| o.heavy).copied().collect();
    for (title, observations) in [("All names", all), ("Heavily short names", &heavy[..])] {
        let events = observations.iter().filter(|o| o.event).count();
        let rate = 100.0 * events as f64 / observations.len() as f64;
        println!(
            "### {title}: {} name-days, {events} events, base rate {rate:.2} %\n",
            observations.len()
        );
        inputs(observations);
        tenths(observations);
    }
}

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
fn inputs(observations: &[Observation]) {
    println!(
        "| input | lift | AUC | AUC-PR | lift less the score's | lower bound | placebo mean | placebo 95 % | p |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    let score = Ranked::of(observations, Component::ShortOfFloat);
    for component in Component::ALL {
        let ranked = Ranked::of(observations, component);
        let found = (ranked.quality(), ranked.lift_difference(&score), ranked.placebo());
        let (Some(quality), Some(LiftDifference { value: less, lower: bound }), Some(placebo)) =
            found
        else {
            continue;
        };
        let name = match component {
            Component::ShortOfFloat => "score (short_of_float)",
            other => other.id(),
        };
        let bound = bound.map_or_else(|| "–".to_owned(), |bound| format!("{bound:+.2}"));
        println!(
            "| {name} | {:.2} | {:.3} | {:.4} | {less:+.2} | {bound} | {:.2} | {:.2} | {:.3} |",
            quality.lift,
            quality.roc_area,
            quality.precision_area,
            placebo.mean,
            placebo.high,
            placebo.p_value
        );
    }
    println!();
}

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
fn tenths(observations: &[Observation]) {
    println!(
        "| score of the day | name-days | events | rate | standard error |\n|---|--:|--:|--:|--:|"
    );
    for (at, tenth) in Ranked::of(observations, Component::ShortOfFloat).tenths().iter().enumerate()
    {
        println!(
            "| {} to {} | {:.0} | {:.0} | {:.2} % | {:.2} % |",
            10 * at,
            10 * (at + 1),
            tenth.names,
            tenth.events,
            100.0 * tenth.rate,
            100.0 * tenth.error
        );
    }
    println!();
}
