//! What a portfolio made or lost between two closes, and through what.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    connect::Connection,
    output::Output,
    query_commands::{GapArguments, group_by, trades},
    settings_args::NettingArguments,
    show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::{AnalysisSettings, ExplainPnlRequest, GroupBy, PositionsDay};

/// The portfolio, the window and how to split it.
#[derive(Args, Clone, Debug)]
pub(crate) struct PnlArguments {
    #[command(flatten)]
    book: BookArguments,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// Day of the close at which it starts; without it the session before the end.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Day of the close at which it ends; without it the last session.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// The file is the book as it was at the start, and not as it is now: shares and symbols are
    /// those of that day.
    #[arg(long)]
    held_at_start: bool,
    /// Split it by this trade: an id of the settings, or a JSON file with a TradeDefinition of the
    /// contract (its name ends with `.json`). Up to four; without it megacap_small_cap.
    #[arg(long = "trade", value_name = "FILE.json|ID")]
    trades: Vec<String>,
    /// Number of names to list, largest P&L by size first; without it 10.
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=10_000))]
    top: Option<i32>,
    /// Also split it by `size`, `sector` or `label:KEY`, a label of its lines such as
    /// `label:account`; repeatable.
    #[arg(long, value_name = "GROUPS", value_parser = group_by)]
    group_by: Vec<GroupBy>,
    /// The classification scheme of sectors, for instance `GICS`. Without it the one with sectors
    /// for the most names.
    #[arg(long, value_name = "SCHEME")]
    classification: Option<String>,
    #[command(flatten)]
    netting: NettingArguments,
    #[command(flatten)]
    gaps: GapArguments,
}

/// Explains a P&L.
///
/// # Errors
/// If the file is not a portfolio, or the server rejects the request.
pub(crate) async fn pnl(
    arguments: &PnlArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let positions_day = match arguments.held_at_start {
        true => PositionsDay::Start,
        false => PositionsDay::AsOf,
    };
    let request = ExplainPnlRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        settings: Some(AnalysisSettings {
            classification_scheme_id: arguments.classification.clone().unwrap_or_default(),
            ..arguments.netting.to_proto().unwrap_or_default()
        }),
        start_on: arguments.from.clone().unwrap_or_default(),
        end_on: arguments.until.clone().unwrap_or_default(),
        positions_day: positions_day.into(),
        trades: trades(&arguments.trades).await?,
        top_names: arguments.top,
        group_by: arguments.group_by.clone(),
    };
    let clients = connection.open().await?;
    let answer = clients.exposure().explain_pnl(connection.request(request)).await?.into_inner();
    let page = |terminal| show::pnl::report(&answer, terminal);
    terminal::say(&output.text("ExplainPnlResponse", &answer, page)?);
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}
