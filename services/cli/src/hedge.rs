//! Asks for hedges of a portfolio.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    connect::Connection,
    error_report::Fault,
    hedge_instruments, json,
    output::Output,
    query_commands::GapArguments,
    report::{self, file::ReportArguments},
    show, terminal,
};
use anyhow::{Result, bail};
use clap::Args;
use contract::v1::{
    HedgeConstraint, HedgeDistribution, HedgeExclusion, HedgeExclusionRule, HedgeLine, HedgeMark,
    HedgeProblem, HedgeShortfall, HedgeSide, HedgeSimulation, HedgeTiming, HedgeTradesNumber,
    InstrumentRef, PlanHedgeRequest, TraceFrontierRequest, hedge_constraint::Limited,
    hedge_line::Line, hedge_objective::Risk,
};

/// Minute of the day, New York, at which a session opens.
const OPENING: i32 = 9 * 60 + 30;

/// The portfolio, what may hedge it, and within which limits.
#[derive(Args, Clone, Debug)]
pub(crate) struct HedgeArguments {
    #[command(flatten)]
    book: BookArguments,
    /// What may be traded besides the book: symbols separated by commas (`IWM,QQQ`), or a file with
    /// one symbol per line, or a CSV file with a column `symbol` and those of futures and options:
    /// contract_id, multiplier, daily_value, right, strike, expires_on, bid, ask (or mid), rate,
    /// dividend_yield, may_write, and terms. Without it the book can only be cut.
    #[arg(long, value_name = "FILE|LIST")]
    instruments: Option<String>,
    /// JSON file with a HedgeProblem of the contract, to which the other options add.
    #[arg(long, value_name = "FILE.json")]
    problem: Option<String>,
    /// Do not trade this name; repeatable.
    #[arg(long, value_name = "SYMBOL")]
    restricted: Vec<String>,
    /// Do not short this name, or short more of it; repeatable.
    #[arg(long, value_name = "SYMBOL")]
    hard_to_borrow: Vec<String>,
    /// The price of a name now, for instance `IWM=201.5`; repeatable.
    #[arg(long = "mark", value_name = "SYMBOL=PRICE", value_parser = mark)]
    marks: Vec<HedgeMark>,
    /// Trade at most this much in all, in the currency of the book.
    #[arg(long, value_name = "AMOUNT")]
    max_turnover: Option<f64>,
    /// Trade at most this many lines.
    #[arg(long, value_name = "COUNT")]
    max_lines: Option<i32>,
    /// Trade at most this share of a line's volume until the close; without it 0.15.
    #[arg(long, value_name = "SHARE")]
    participation: Option<f64>,
    /// Minimise the expected shortfall instead of the variance: over `past` sessions, or over scenarios
    /// drawn from the factor model, normal (`normal`) or Student's t with four degrees of freedom (`t`).
    #[arg(long, value_name = "SCENARIOS", value_enum)]
    shortfall: Option<ShortfallScenarios>,
    /// Draw so many scenarios, an even number from 100 to 1,000; without it 500.
    #[arg(long, value_name = "COUNT", requires = "shortfall")]
    scenarios: Option<i32>,
    /// Days over which the trades are held; without it 10.
    #[arg(long, value_name = "DAYS")]
    horizon: Option<f64>,
    /// When trading begins, New York; without it 09:30.
    #[arg(long, value_name = "HH:MM", value_parser = minute)]
    now: Option<i32>,
    /// When the trades should be done, New York; without it 12:00.
    #[arg(long, value_name = "HH:MM", value_parser = minute)]
    by: Option<i32>,
    /// Schedule the trades over so many periods of equal volume until the close; `--schedule` alone is
    /// four.
    #[arg(long, value_name = "PERIODS", num_args = 0..=1, require_equals = true,
          default_missing_value = "4", value_parser = clap::value_parser!(i32).range(1..=26))]
    schedule: Option<i32>,
    /// Instead of three plans trace the best one as a limit takes these values: `max_turnover`,
    /// `max_lines`, or the id of a constraint of --problem; for instance `max_turnover=1e7,5e7,1e8`.
    #[arg(long, value_name = "ID=LIMITS", value_parser = limits)]
    frontier: Option<Frontier>,
    /// Leave out how well the plans would have worked, which takes most of the time.
    #[arg(long)]
    without_effectiveness: bool,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    #[command(flatten)]
    gaps: GapArguments,
    #[command(flatten)]
    report: ReportArguments,
}

/// The scenarios of an expected shortfall.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum ShortfallScenarios {
    Past,
    Normal,
    T,
}

/// A limit and its values.
#[derive(Clone, Debug, PartialEq)]
struct Frontier {
    constraint_id: String,
    limits: Vec<f64>,
}

/// Asks for three plans, or for those along a limit, and prints them.
///
/// # Errors
/// If a file cannot be read, or the server rejects the request.
pub(crate) async fn hedge(
    arguments: &HedgeArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    arguments.report.check()?;
    if let Some(frontier) = &arguments.frontier {
        return trace(arguments, frontier, connection, output).await;
    }
    let request = PlanHedgeRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        problem: Some(arguments.problem().await?),
        without_effectiveness: arguments.without_effectiveness,
        ..PlanHedgeRequest::default()
    };
    let clients = connection.open().await?;
    let answer = clients.hedge().plan_hedge(connection.request(request)).await?.into_inner();
    let page = |terminal| show::hedge::plans(&answer, terminal);
    terminal::say(&output.text("PlanHedgeResponse", &answer, page)?);
    let book = book::name(&arguments.book.book);
    arguments.report.write(|| report::hedge::document(&book, &answer))?;
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}

async fn trace(
    arguments: &HedgeArguments,
    frontier: &Frontier,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let mut problem = arguments.problem().await?;
    let id = frontier.constraint_id.as_str();
    limit_turnover(&mut problem, frontier);
    let side = side(&mut problem, frontier)?;
    let request = TraceFrontierRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        problem: Some(problem),
        constraint_id: id.to_owned(),
        side: side.into(),
        limits: frontier.limits.clone(),
        ..TraceFrontierRequest::default()
    };
    let clients = connection.open().await?;
    let answer = clients.hedge().trace_frontier(connection.request(request)).await?.into_inner();
    let page = |terminal| show::hedge::frontier(&answer, id, terminal);
    terminal::say(&output.text("TraceFrontierResponse", &answer, page)?);
    let book = book::name(&arguments.book.book);
    arguments.report.write(|| report::hedge::frontier(&book, &answer, id))?;
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}

/// Which limit of a constraint a frontier traces; that on lines is added to a problem without one.
fn side(problem: &mut HedgeProblem, frontier: &Frontier) -> Result<HedgeSide> {
    let id = frontier.constraint_id.as_str();
    if id == MAX_LINES {
        problem.max_lines.get_or_insert(1);
        return Ok(HedgeSide::Upper);
    }
    match problem.constraints.iter().find(|limit| limit.constraint_id == id) {
        None => {
            bail!(Fault::Usage(format!("--frontier: no constraint of --problem is called {id}")))
        }
        Some(limit) if limit.upper.is_none() => Ok(HedgeSide::Lower),
        Some(_) => Ok(HedgeSide::Upper),
    }
}

/// The id of the limit on the number of lines.
const MAX_LINES: &str = "max_lines";

/// The id of the limit that `--max-turnover` sets.
const MAX_TURNOVER: &str = "max_turnover";

/// Adds the limit that a frontier of turnover needs, unless the problem has it: no two limits of a
/// problem have the same id.
fn limit_turnover(problem: &mut HedgeProblem, frontier: &Frontier) {
    let has_it = problem.constraints.iter().any(|limit| limit.constraint_id == MAX_TURNOVER);
    if frontier.constraint_id == MAX_TURNOVER && !has_it {
        problem.constraints.extend(frontier.limits.iter().copied().reduce(f64::max).map(turnover));
    }
}

fn turnover(most: f64) -> HedgeConstraint {
    HedgeConstraint {
        constraint_id: MAX_TURNOVER.to_owned(),
        upper: Some(most),
        limited: Some(Limited::Trades(HedgeTradesNumber::Turnover.into())),
        ..HedgeConstraint::default()
    }
}

impl HedgeArguments {
    async fn problem(&self) -> Result<HedgeProblem> {
        let mut problem = match &self.problem {
            Some(path) => json::read("HedgeProblem", &read(path).await?)
                .map_err(|error| Fault::Input(format!("{path} is not a HedgeProblem: {error}")))?,
            None => HedgeProblem::default(),
        };
        if let Some(instruments) = &self.instruments {
            problem.instruments.extend(hedge_instruments::instruments(instruments).await?);
        }
        let rules = [
            (&self.restricted, "restricted", HedgeExclusionRule::NoTrade),
            (&self.hard_to_borrow, "hard_to_borrow", HedgeExclusionRule::NoNewShort),
        ];
        for (symbols, name, rule) in rules {
            problem.exclusions.extend(symbols.iter().map(|symbol| HedgeExclusion {
                constraint_id: format!("{name}/{symbol}"),
                line: Some(HedgeLine { line: Some(Line::Instrument(named(symbol))) }),
                rule: rule.into(),
            }));
        }
        problem.constraints.extend(self.max_turnover.map(turnover));
        problem.marks.extend(self.marks.iter().cloned());
        problem.max_lines = self.max_lines.or(problem.max_lines);
        problem.max_participation = self.participation.or(problem.max_participation);
        self.price_shortfall(&mut problem)?;
        if self.horizon.is_some() {
            problem.objective.get_or_insert_default().horizon_sessions = self.horizon;
        }
        if self.now.is_some() || self.by.is_some() {
            problem.timing =
                Some(HedgeTiming { start_minute: self.now, decide_by_minute: self.by });
        }
        if self.schedule.is_some() {
            problem.working.get_or_insert_default().period_count = self.schedule;
        }
        Ok(problem)
    }
}

impl HedgeArguments {
    /// Makes a problem one of expected shortfall, with the confidence and price that it has.
    fn price_shortfall(&self, problem: &mut HedgeProblem) -> Result<()> {
        let distribution = match self.shortfall {
            None => return Ok(()),
            Some(ShortfallScenarios::Past) => None,
            Some(ShortfallScenarios::Normal) => Some(HedgeDistribution::Normal),
            Some(ShortfallScenarios::T) => Some(HedgeDistribution::StudentT),
        };
        if distribution.is_none() && self.scenarios.is_some() {
            bail!(Fault::Usage(
                "--scenarios are drawn: --shortfall must be normal or t".to_owned()
            ));
        }
        let objective = problem.objective.get_or_insert_default();
        let known = match objective.risk {
            Some(Risk::Shortfall(shortfall)) => shortfall,
            _ => HedgeShortfall::default(),
        };
        let simulation = distribution.map(|distribution| HedgeSimulation {
            scenario_count: self.scenarios,
            distribution: distribution.into(),
            ..HedgeSimulation::default()
        });
        objective.risk = Some(Risk::Shortfall(HedgeShortfall { simulation, ..known }));
        Ok(())
    }
}

async fn read(path: &str) -> Result<String> {
    let text = tokio::fs::read_to_string(path).await;
    Ok(text.map_err(|error| Fault::Input(format!("{path} cannot be read: {error}")))?)
}

fn named(symbol: &str) -> InstrumentRef {
    InstrumentRef { symbol: symbol.to_owned(), ..InstrumentRef::default() }
}

fn mark(text: &str) -> Result<HedgeMark, String> {
    let (symbol, price) = text.split_once('=').ok_or("must be SYMBOL=PRICE")?;
    let price: f64 = price.parse().map_err(|_| "the price must be a number")?;
    Ok(HedgeMark { instrument: Some(named(symbol)), price })
}

fn limits(text: &str) -> Result<Frontier, String> {
    let (id, limits) = text.split_once('=').ok_or("must be ID=LIMIT,LIMIT")?;
    let limits: Result<Vec<f64>, _> = limits.split(',').map(|limit| limit.trim().parse()).collect();
    let limits = limits.map_err(|_| "the limits must be numbers, separated by commas")?;
    Ok(Frontier { constraint_id: id.to_owned(), limits })
}

/// Minutes after the opening of a time of the day.
fn minute(text: &str) -> Result<i32, String> {
    let (hour, minute) = text.split_once(':').ok_or("must be HH:MM")?;
    let read = |text: &str, end: i32| text.parse().ok().filter(|value| (0..end).contains(value));
    match (read(hour, 24), read(minute, 60)) {
        (Some(hour), Some(minute)) if OPENING <= hour * 60 + minute => {
            Ok(hour * 60 + minute - OPENING)
        }
        _ => Err("must be a time of the session, 09:30 to 16:00".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        hedge: HedgeArguments,
    }

    #[test]
    fn a_schedule_has_four_periods_unless_it_says_how_many() {
        let read = |arguments: &[&str]| {
            let line = ["ballast", "book.csv"].iter().chain(arguments);
            <Line as clap::Parser>::try_parse_from(line).map(|line| line.hedge.schedule).ok()
        };
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&["--schedule"]), Some(Some(4)));
        assert_eq!(read(&["--schedule=13"]), Some(Some(13)));
        assert_eq!(read(&["--schedule=27"]), None);
    }

    #[test]
    fn a_shortfall_is_of_past_or_of_drawn_scenarios() {
        let read = |arguments: &[&str]| {
            let line = ["ballast", "book.csv"].iter().chain(arguments);
            let line = <Line as clap::Parser>::try_parse_from(line).ok()?;
            let risk = HedgeShortfall { price: Some(2.0), ..HedgeShortfall::default() };
            let mut problem = HedgeProblem::default();
            problem.objective.get_or_insert_default().risk = Some(Risk::Shortfall(risk));
            line.hedge.price_shortfall(&mut problem).ok()?;
            match problem.objective?.risk? {
                Risk::Shortfall(found) => Some((found.price, found.simulation)),
                Risk::Variance(_) => None,
            }
        };
        let drawn = |scenario_count, distribution: HedgeDistribution| HedgeSimulation {
            scenario_count,
            distribution: distribution.into(),
            ..HedgeSimulation::default()
        };
        assert_eq!(read(&["--shortfall", "past"]), Some((Some(2.0), None)));
        let normal = drawn(None, HedgeDistribution::Normal);
        assert_eq!(read(&["--shortfall", "normal"]), Some((Some(2.0), Some(normal))));
        let t = drawn(Some(200), HedgeDistribution::StudentT);
        let arguments = ["--shortfall", "t", "--scenarios", "200"];
        assert_eq!(read(&arguments), Some((Some(2.0), Some(t))));
        assert_eq!(read(&["--shortfall", "past", "--scenarios", "200"]), None);
        assert_eq!(read(&["--scenarios", "200"]), None);
    }

    #[test]
    fn times_are_minutes_after_the_opening() {
        assert_eq!(minute("09:30"), Ok(0));
        assert_eq!(minute("12:00"), Ok(150));
        assert_eq!(minute("16:00"), Ok(390));
        assert!(minute("08:30").is_err() && minute("noon").is_err() && minute("12:60").is_err());
    }

    #[test]
    fn a_frontier_is_a_limit_and_its_values() {
        let expected = Frontier { constraint_id: "net".to_owned(), limits: vec![1e6, -5.0] };
        assert_eq!(limits("net=1e6, -5"), Ok(expected));
        assert!(limits("net").is_err() && limits("net=").is_err() && limits("net=1,x").is_err());
    }

    #[test]
    fn a_frontier_of_turnover_adds_its_limit_only_if_the_problem_has_none() {
        let frontier = limits("max_turnover=1e7,5e7").unwrap();
        let mut problem = HedgeProblem::default();
        limit_turnover(&mut problem, &frontier);
        assert_eq!(problem.constraints, [turnover(5e7)]);
        let own = HedgeProblem { constraints: vec![turnover(2e7)], ..HedgeProblem::default() };
        let mut problem = own.clone();
        limit_turnover(&mut problem, &frontier);
        assert_eq!(problem, own);
    }

    #[test]
    fn a_mark_is_a_symbol_and_a_price() {
        assert_eq!(mark("IWM=201.5").map(|mark| mark.price), Ok(201.5));
        assert!(mark("IWM").is_err() && mark("IWM=x").is_err());
    }
}
