//! `ballast stress`: what a portfolio would make or lose, if.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    connect::Connection,
    output::Output,
    query_commands::GapArguments,
    report::{self, file::ReportArguments},
    settings_args::NettingArguments,
    show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::{
    FindLikelyLossRequest, ListScenariosRequest, ListedScenarioRef, ReplayedWindow,
    RunStressRequest, Scenario, ShortSqueeze, scenario::Happening as Event, short_squeeze::Shorts,
};
use std::path::Path;

/// What is asked instead of a file to list the scenarios.
const LIST: &str = "list";
/// The scenarios of a call that names none: the story that this service was made for.
const USUAL: [&str; 5] = [
    "rotation_2024_07_11_published",
    "rotation_2024_07_11_twice",
    "small_caps_up_40_in_ten_weeks",
    "vaccine_rotation_2020",
    "meme_squeeze_2021",
];

/// The portfolio and the scenarios; `list` instead of a file lists the scenarios.
#[derive(Args, Clone, Debug)]
pub(crate) struct StressArguments {
    #[command(flatten)]
    book: BookArguments,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// A scenario by its id, or past sessions, `2020-11-09` or `2020-03-16:2020-03-20`; repeatable.
    /// Without it and without `--loss` the rotation of 2024-07-11 once and twice, and three more.
    #[arg(long = "scenario", value_name = "ID|FROM[:UNTIL]")]
    scenarios: Vec<String>,
    /// Squeeze so many of the costliest shorts in every scenario.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(1..=100))]
    squeeze: Option<i32>,
    /// Value options anew at volatilities changed by so much as well, 0.1 for ten points more; repeatable.
    #[arg(
        long = "volatility",
        value_name = "CHANGE",
        allow_negative_numbers = true,
        conflicts_with = "loss"
    )]
    volatility_changes: Vec<f64>,
    /// Find the likeliest way to lose this much, in the portfolio's currency.
    #[arg(long, value_name = "AMOUNT", conflicts_with = "scenarios")]
    loss: Option<f64>,
    /// Number of positions to list per scenario; without it 10.
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=10_000))]
    top: Option<i32>,
    #[command(flatten)]
    netting: NettingArguments,
    #[command(flatten)]
    gaps: GapArguments,
    #[command(flatten)]
    report: ReportArguments,
}

/// Runs scenarios, finds the likeliest loss, or lists the scenarios.
///
/// # Errors
/// If the file is not a portfolio, or the server rejects the request.
pub(crate) async fn stress(
    arguments: &StressArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    arguments.report.check()?;
    if arguments.book.book == Path::new(LIST) {
        arguments.report.refuse("the list of scenarios")?;
        return list(arguments, connection, output).await;
    }
    match arguments.loss {
        Some(loss) => likely_loss(arguments, loss, connection, output).await,
        None => run(arguments, connection, output).await,
    }
}

async fn list(
    arguments: &StressArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let as_of = arguments.reference.of(arguments.as_of.to_proto()?);
    let request = ListScenariosRequest { as_of, ..ListScenariosRequest::default() };
    let clients = connection.open().await?;
    let answer = clients.stress().list_scenarios(connection.request(request)).await?.into_inner();
    let page = |terminal| show::stress::list(&answer, terminal);
    terminal::say(&output.text("ListScenariosResponse", &answer, page)?);
    Ok(())
}

async fn likely_loss(
    arguments: &StressArguments,
    loss: f64,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let request = FindLikelyLossRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        loss: Some(loss),
        settings: arguments.netting.to_proto(),
        top_positions: arguments.top,
        ..FindLikelyLossRequest::default()
    };
    let clients = connection.open().await?;
    let request = connection.request(request);
    let answer = clients.stress().find_likely_loss(request).await?.into_inner();
    let page = |terminal| show::stress::likely_loss(&answer, loss, terminal);
    terminal::say(&output.text("FindLikelyLossResponse", &answer, page)?);
    let book = book::name(&arguments.book.book);
    arguments.report.write(|| report::stress::likely_loss(&book, &answer, loss))?;
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}

async fn run(
    arguments: &StressArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let asked = arguments.scenarios.iter().map(String::as_str);
    let usual = USUAL.into_iter().filter(|_| arguments.scenarios.is_empty());
    let shorts = arguments.squeeze.map(Shorts::CostliestCount);
    let squeeze = shorts.map(|shorts| ShortSqueeze { shorts: Some(shorts) });
    let scenario = |text| Scenario { squeeze: squeeze.clone(), ..scenario(text) };
    let request = RunStressRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        scenarios: asked.chain(usual).map(scenario).collect(),
        settings: arguments.netting.to_proto(),
        top_positions: arguments.top,
        volatility_changes: arguments.volatility_changes.clone(),
        ..RunStressRequest::default()
    };
    let clients = connection.open().await?;
    let answer = clients.stress().run_stress(connection.request(request)).await?.into_inner();
    let changes = &arguments.volatility_changes;
    let page = |terminal| show::stress::report(&answer, changes, terminal);
    terminal::say(&output.text("RunStressResponse", &answer, page)?);
    let book = book::name(&arguments.book.book);
    arguments.report.write(|| report::stress::document(&book, &answer, changes))?;
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}

/// A scenario by its id, or past sessions: what begins with a year is a day.
pub(crate) fn scenario(text: &str) -> Scenario {
    let (from, until) = text.split_once(':').unwrap_or((text, ""));
    let is_day = from.starts_with(|first: char| first.is_ascii_digit());
    let event = match is_day {
        true => {
            Event::Replay(ReplayedWindow { start_on: from.to_owned(), end_on: until.to_owned() })
        }
        false => {
            Event::Listed(ListedScenarioRef { scenario_id: text.to_owned(), cut_probability: None })
        }
    };
    Scenario { happening: Some(event), ..Scenario::default() }
}
