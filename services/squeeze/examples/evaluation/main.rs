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
#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
fn main() -> ExitCode {
    let Some(folder) = real_files::named() else {
        eprintln!("REAL_DATA does not name a folder of real files");
        return ExitCode::FAILURE;
    };
    match Files::read(&folder) {
        Ok(files) => {
            print!("{}", tables(&observe(&files)));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The tables of the page.
fn tables(all: &[Observation]) -> String {
    let heavy: Vec<Observation> = all.iter().filter(|o| o.heavy).copied().collect();
    let of = |(title, observations): (&str, &[Observation])| {
        let events = observations.iter().filter(|o| o.event).count();
        let rate = 100.0 * events as f64 / observations.len() as f64;
        let heading = format!(
            "### {title}: {} name-days, {events} events, base rate {rate:.2} %",
            observations.len()
        );
        let parts = [heading, inputs(observations), tenths(observations), rates(observations)];
        parts.map(|part| part + "\n\n").concat()
    };
    [("All names", all), ("Heavily short names", &heavy)].map(of).concat()
}

fn inputs(observations: &[Observation]) -> String {
    let head = "| input | lift | AUC | AUC-PR | lift less the score's | lower bound | placebo mean | \
                placebo 95 % | p |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|";
    let score = Ranked::of(observations, Component::ShortOfFloat);
    let row = |component: Component| {
        let ranked = Ranked::of(observations, component);
        let quality = ranked.quality()?;
        let LiftDifference { value: less, lower: bound } = ranked.lift_difference(&score)?;
        let placebo = ranked.placebo()?;
        let name = name(component);
        let bound = bound.map_or_else(|| "–".to_owned(), |bound| format!("{bound:+.2}"));
        Some(format!(
            "| {name} | {:.2} | {:.3} | {:.4} | {less:+.2} | {bound} | {:.2} | {:.2} | {:.3} |",
            quality.lift,
            quality.roc_area,
            quality.precision_area,
            placebo.mean,
            placebo.high,
            placebo.p_value
        ))
    };
    let rows = Component::ALL.into_iter().filter_map(row);
    std::iter::once(head.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
}

fn name(component: Component) -> &'static str {
    match component {
        Component::ShortOfFloat => "score (short_of_float)",
        other => other.id(),
    }
}

/// The calibration of every input: its event rates by tenths.
fn rates(observations: &[Observation]) -> String {
    let bounds = (0..10).map(|at| format!(" {} to {} |", 10 * at, 10 * (at + 1)));
    let head = format!("| rate of the tenth, % |{}", bounds.collect::<String>());
    let rule = format!("|---|{}", "--:|".repeat(10));
    let row = |component: Component| {
        let tenths = Ranked::of(observations, component).tenths();
        let rates = tenths.iter().map(|tenth| format!(" {:.2} |", 100.0 * tenth.rate));
        format!("| {} |{}", name(component), rates.collect::<String>())
    };
    let rows = Component::ALL.into_iter().map(row);
    [head, rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn tenths(observations: &[Observation]) -> String {
    let head =
        "| score of the day | name-days | events | rate | standard error |\n|---|--:|--:|--:|--:|";
    let tenths = Ranked::of(observations, Component::ShortOfFloat).tenths();
    let row = |(at, tenth): (usize, &quality::Tenth)| {
        format!(
            "| {} to {} | {:.0} | {:.0} | {:.2} % | {:.2} % |",
            10 * at,
            10 * (at + 1),
            tenth.names,
            tenth.events,
            100.0 * tenth.rate,
            100.0 * tenth.error
        )
    };
    let rows = tenths.iter().enumerate().map(row);
    std::iter::once(head.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
}
