//! Why an analysis of a portfolio differs from an earlier one.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    connect::Connection,
    query_commands::Output,
    settings_args::NettingArguments,
    show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::{AnalyzePortfolioRequest, ExplainChangeRequest, ReportBlock};
use std::path::PathBuf;

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
    #[arg(long, value_name = "DATE|INSTANT")]
    before_as_of: String,
    /// The earlier analysis uses only what the log held up to this revision; without it the same
    /// revision, so that no change comes from revised data.
    #[arg(long)]
    before_revision: Option<u64>,
    /// The earlier portfolio, in shares and symbols of its day; without it the same shares.
    #[arg(long, value_name = "BOOK")]
    before: Option<PathBuf>,
    /// Net asset value of the earlier portfolio, USD, cash included.
    #[arg(long, value_name = "USD", requires = "before")]
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
                valued_on: None,
                skip_unreadable: arguments.book.skip_unreadable,
            };
            Some(book::read(&of_before).await?)
        }
    };
    let before = AsOfArguments {
        as_of: Some(arguments.before_as_of.clone()),
        revision: arguments.before_revision,
    };
    let request = ExplainChangeRequest {
        analysis: Some(AnalyzePortfolioRequest {
            as_of: arguments.reference.of(arguments.as_of.to_proto()?),
            portfolio: Some(book::read(&arguments.book).await?),
            settings: arguments.netting.to_proto(),
            include: BLOCKS.map(i32::from).to_vec(),
            top_positions: arguments.top,
            ..AnalyzePortfolioRequest::default()
        }),
        before_as_of: before.to_proto()?,
        before_portfolio,
        ..ExplainChangeRequest::default()
    };
    let clients = connection.open().await?;
    let answer = clients.exposure().explain_change(connection.request(request)).await?.into_inner();
    let page = |terminal| show::change::report(&answer, terminal);
    terminal::say(&output.text("ExplainChangeResponse", &answer, page)?);
    Ok(())
}
