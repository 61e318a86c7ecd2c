//! Why an analysis of a portfolio differs from an earlier one.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    connect::Connection,
    error_report::Fault,
    json,
    output::Output,
    settings_args::NettingArguments,
    show, terminal,
};
use anyhow::{Result, bail};
use clap::Args;
use contract::v1::{
    AnalysisSettings, AnalyzePortfolioRequest, AnalyzePortfolioResponse, AsOf,
    ExplainChangeRequest, ExposureReport, ReportBlock, as_of::When,
};
use std::{fmt::Display, path::PathBuf};

/// The later portfolio, and the earlier one.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChangeArguments {
    #[command(flatten)]
    book: BookArguments,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// The earlier analysis uses only what was published by then: a date or an instant.
    #[arg(long, value_name = "DATE|INSTANT", required_unless_present = "before_report")]
    before_as_of: Option<String>,
    /// The earlier analysis as `ballast exposure --json` printed it: it is made again on its data and
    /// under its settings, and what other formulas make of them is a part of its own.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["before_as_of", "before_revision"])]
    before_report: Option<PathBuf>,
    /// The earlier analysis uses only what the log held up to this revision; without it the same
    /// revision, so that no change comes from revised data.
    #[arg(long)]
    before_revision: Option<u64>,
    /// The earlier portfolio, in shares and symbols of its day; without it the same shares.
    #[arg(long, value_name = "BOOK")]
    before: Option<PathBuf>,
    /// Net asset value of the earlier portfolio in the currency of the book, cash included.
    #[arg(long, value_name = "AMOUNT", requires = "before")]
    before_nav: Option<f64>,
    /// Number of names to list, those whose market value changed most; without it 10.
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=10_000))]
    top: Option<i32>,
    #[command(flatten)]
    netting: NettingArguments,
}

/// The blocks whose numbers are compared.
const BLOCKS: [ReportBlock; 5] = [
    ReportBlock::Breakdowns,
    ReportBlock::Factors,
    ReportBlock::Trades,
    ReportBlock::Risk,
    ReportBlock::Positions,
];

/// What the earlier analysis used, and what it said.
#[derive(Default)]
struct Before {
    as_of: Option<AsOf>,
    settings: Option<AnalysisSettings>,
    report: Option<ExposureReport>,
}

impl Before {
    async fn of(arguments: &ChangeArguments) -> Result<Before> {
        let Some(path) = &arguments.before_report else {
            let revision = arguments.before_revision;
            let before = AsOfArguments { as_of: arguments.before_as_of.clone(), revision };
            return Ok(Before { as_of: before.to_proto()?, ..Before::default() });
        };
        let shown = path.display();
        let fault = |why: &dyn Display| Fault::Input(format!("{shown}: {why}"));
        let text = tokio::fs::read_to_string(path).await.map_err(|error| fault(&error))?;
        let answer: AnalyzePortfolioResponse =
            json::read("AnalyzePortfolioResponse", &text).map_err(|error| fault(&error))?;
        let snapshot = answer.info.and_then(|info| info.snapshot);
        let (Some(report), Some(snapshot)) = (answer.report, snapshot) else {
            bail!(fault(&"it is no answer of `ballast exposure --json`"));
        };
        let as_of = AsOf { when: Some(When::Snapshot(snapshot)), ..AsOf::default() };
        let settings = report.settings.clone();
        Ok(Before { as_of: Some(as_of), settings, report: Some(report) })
    }
}

/// Explains a change.
///
/// # Errors
/// If a file is not a portfolio, or the server rejects the request.
pub(crate) async fn change(
    arguments: &ChangeArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let before_portfolio = match &arguments.before {
        None => None,
        Some(path) => {
            let of_before = BookArguments {
                book: path.clone(),
                nav: arguments.before_nav,
                currency: arguments.book.currency.clone(),
                valued_on: None,
                skip_unreadable: arguments.book.skip_unreadable,
            };
            Some(book::read(&of_before).await?)
        }
    };
    let before = Before::of(arguments).await?;
    let request = ExplainChangeRequest {
        analysis: Some(AnalyzePortfolioRequest {
            as_of: arguments.reference.of(arguments.as_of.to_proto()?),
            portfolio: Some(book::read(&arguments.book).await?),
            settings: arguments.netting.to_proto(),
            include: BLOCKS.map(i32::from).to_vec(),
            top_positions: arguments.top,
            ..AnalyzePortfolioRequest::default()
        }),
        before_as_of: before.as_of,
        before_portfolio,
        before_settings: before.settings,
        before_report: before.report,
    };
    let clients = connection.open().await?;
    let mut exposure = clients.exposure();
    let answer = Box::pin(exposure.explain_change(connection.request(request)));
    let answer = answer.await?.into_inner();
    let page = |terminal| show::change::report(&answer, terminal);
    terminal::say(&output.text("ExplainChangeResponse", &answer, page)?);
    Ok(())
}
