//! `ballast squeeze`: which names can squeeze, and what that would cost a book that is short of them.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    calibration::{self, CalibrationCommand, newest_calibration, same_data},
    connect::Connection,
    output::Output,
    query_commands::GapArguments,
    report::{self, file::ReportArguments},
    settings_args::{LookThroughArguments, NettingArguments},
    show,
    squeeze_simulation::{SimulationArguments, squeeze_simulation},
    squeeze_watch::{SqueezeWatchArguments, squeeze_watch},
    terminal,
};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use contract::v1::{
    AssessShortBookRequest, CoveringTerms, RankSqueezeRequest, SimulateSqueezeRequest,
    SqueezeRankBy,
};
use std::path::{Path, PathBuf};
use tonic::Response;

/// Assesses or watches the shorts of a portfolio, or ranks the market.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SqueezeArguments {
    #[command(subcommand)]
    further: Option<SqueezeCommand>,
    /// Assess the shorts of this portfolio (CSV). Without it the market is ranked, as by `rank`.
    #[arg(
        value_name = "BOOK",
        conflicts_with_all = [
            "by", "min_market_cap", "known_market_cap_only", "min_daily_value", "exchange",
        ],
    )]
    book: Option<PathBuf>,
    /// Largest share of volume that own orders may be, with BOOK; without it 0.15.
    #[arg(long, requires = "book")]
    participation: Option<f64>,
    /// Schedule the buying back of each short of BOOK, and say what is left session by session.
    #[arg(long, requires = "book")]
    schedule: bool,
    /// Sessions until everything is bought back; without it those that each short takes at the
    /// participation.
    #[arg(long, value_name = "SESSIONS", requires = "schedule")]
    horizon: Option<i32>,
    /// Expected cost given up per unit of variance, 1/USD; without it 0.000001, and 0 buys evenly.
    #[arg(long, value_name = "AVERSION", requires = "schedule")]
    risk_aversion: Option<f64>,
    /// Date of the closes behind the market values of BOOK; without it the last session.
    #[arg(long, value_name = "DATE", requires = "book")]
    valued_on: Option<String>,
    /// Currency of BOOK and of its amounts, an ISO 4217 code of which a rate is stored; without it
    /// USD.
    #[arg(long, value_name = "CODE", requires = "book")]
    currency: Option<String>,
    /// Skip unreadable lines of BOOK; without it one such line rejects the file.
    #[arg(long, requires = "book")]
    skip_unreadable: bool,
    #[command(flatten)]
    ranking: RankingArguments,
    #[command(flatten)]
    netting: NettingArguments,
    #[command(flatten)]
    look_through: LookThroughArguments,
    #[command(flatten)]
    gaps: GapArguments,
}

/// Which names to rank, by what, and as of when.
#[derive(Args, Clone, Debug)]
struct RankingArguments {
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// Number of names to list.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1000))]
    top: i32,
    /// Ranking key.
    #[arg(long, value_enum, default_value_t = RankBy::Score)]
    by: RankBy,
    /// Minimum market value of a name, USD; without it 100 million.
    #[arg(long, value_name = "USD")]
    min_market_cap: Option<f64>,
    /// Leave out names without a known market value.
    #[arg(long)]
    known_market_cap_only: bool,
    /// Minimum average value traded per day, USD; without it 1 million.
    #[arg(long, value_name = "USD")]
    min_daily_value: Option<f64>,
    /// Only names listed on these exchanges.
    #[arg(long)]
    exchange: Vec<String>,
    #[command(flatten)]
    report: ReportArguments,
}

/// What else there is to do about squeezes.
#[derive(Clone, Debug, Subcommand)]
enum SqueezeCommand {
    /// Rank the market by squeeze risk.
    Rank(Box<RankingArguments>),
    #[command(flatten)]
    Calibration(CalibrationCommand),
    /// Simulate squeezes of several shorts of a portfolio at once: the distribution of their joint
    /// loss, if a calibration passes, and scenarios in any case.
    Simulate(Box<SimulationArguments>),
    /// Watch the shorts of a portfolio: print where they stand, and then each threshold that they
    /// cross as data arrive.
    Watch(SqueezeWatchArguments),
}

/// Ranking key.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RankBy {
    /// Squeeze score.
    Score,
    /// Short interest over float.
    ShortOfFloat,
    /// Days to cover at the volume of the last 21 sessions.
    DaysToCoverAtRecentVolume,
}

/// Ranks the market by squeeze risk, or assesses, simulates or watches the shorts of a portfolio.
///
/// # Errors
/// If the file is not a portfolio, or the server rejects the request.
pub(crate) async fn squeeze(
    arguments: &SqueezeArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    match (&arguments.further, &arguments.book) {
        (Some(SqueezeCommand::Rank(wanted)), _) => ranking(wanted, connection, output).await,
        (Some(SqueezeCommand::Calibration(command)), _) => {
            calibration::run(command, connection, output).await
        }
        (Some(SqueezeCommand::Simulate(simulate)), _) => {
            squeeze_simulation(simulate, connection, output).await
        }
        (Some(SqueezeCommand::Watch(watch)), _) => squeeze_watch(watch, connection, output).await,
        (None, Some(book)) => short_book(arguments, book, connection, output).await,
        (None, None) => ranking(&arguments.ranking, connection, output).await,
    }
}

async fn short_book(
    arguments: &SqueezeArguments,
    book: &Path,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let RankingArguments { as_of, reference, top, report, .. } = &arguments.ranking;
    report.check()?;
    let name = book::name(book);
    let book = BookArguments {
        book: book.to_owned(),
        nav: None,
        currency: arguments.currency.clone(),
        valued_on: arguments.valued_on.clone(),
        skip_unreadable: arguments.skip_unreadable,
    };
    let portfolio = book::read(&book).await?;
    let settings = arguments.look_through.added_to(arguments.netting.to_proto());
    let request = AssessShortBookRequest {
        as_of: reference.of(as_of.to_proto()?),
        portfolio: Some(portfolio.clone()),
        participation: arguments.participation,
        settings: settings.clone(),
        covering: arguments.schedule.then_some(CoveringTerms {
            horizon_sessions: arguments.horizon,
            risk_aversion: arguments.risk_aversion,
        }),
    };
    let clients = connection.open().await?;
    let request = connection.request(request);
    let answer = clients.squeeze().assess_short_book(request).await?.into_inner();
    let lines = usize::try_from(*top).unwrap_or(0);
    let page = |terminal| show::squeeze::book(&answer, lines, terminal);
    terminal::say(&output.text("AssessShortBookResponse", &answer, page)?);
    if report.is_asked() {
        let known = newest_calibration(answer.info.as_ref(), connection, &clients).await;
        // Without a calibration a simulation has scenarios only, which the answer has.
        let simulated = match answer.method.as_ref().is_some_and(|method| method.calibrated) {
            false => None,
            true => {
                let request = SimulateSqueezeRequest {
                    as_of: same_data(answer.info.as_ref()),
                    portfolio: Some(portfolio),
                    participation: arguments.participation,
                    settings,
                    ..SimulateSqueezeRequest::default()
                };
                let made = clients.squeeze().simulate_squeeze(connection.request(request)).await;
                Some(made.map(Response::into_inner))
            }
        };
        let page = || report::squeeze::short_book(&name, &answer, lines, &known, &simulated);
        report.write(page)?;
    }
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}

async fn ranking(
    arguments: &RankingArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    arguments.report.check()?;
    let rank_by = match arguments.by {
        RankBy::Score => SqueezeRankBy::Score,
        RankBy::ShortOfFloat => SqueezeRankBy::ShortOfFloat,
        RankBy::DaysToCoverAtRecentVolume => SqueezeRankBy::DaysToCoverAtRecentVolume,
    };
    let request = RankSqueezeRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        page_size: arguments.top,
        min_line_market_cap_usd: arguments.min_market_cap,
        known_line_market_cap_only: arguments.known_market_cap_only,
        min_daily_value_usd: arguments.min_daily_value,
        exchanges: arguments.exchange.clone(),
        rank_by: rank_by.into(),
        ..RankSqueezeRequest::default()
    };
    let clients = connection.open().await?;
    let answer = clients.squeeze().rank_squeeze(connection.request(request)).await?.into_inner();
    let page = |terminal| show::squeeze::ranking(&answer, terminal);
    terminal::say(&output.text("RankSqueezeResponse", &answer, page)?);
    if arguments.report.is_asked() {
        let known = newest_calibration(answer.info.as_ref(), connection, &clients).await;
        arguments.report.write(|| report::squeeze::ranking(&answer, &known))?;
    }
    Ok(())
}
