//! A measure's history: as known now, or each value as known at the close of its session.

use crate::{
    as_of_args::AsOfArguments, connect::Connection, query_commands::Output, show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::{GetIndicatorHistoryRequest, HistoryVintage};

/// Which history.
#[derive(Args, Clone, Debug)]
pub(crate) struct HistoryArguments {
    /// The measure, for instance `size_spread.5d`.
    #[arg(value_name = "MEASURE")]
    measure: String,
    /// Each value as known at the close of its session, without later corrections: for back-tests.
    #[arg(long)]
    as_published: bool,
    /// First day; without it the first there is.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last day; without it the last there is.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// How many values to list at most, the oldest first; how many sessions with `--as-published`.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    most: i32,
    #[command(flatten)]
    as_of: AsOfArguments,
}

/// Asks for a history.
///
/// # Errors
/// When the server refuses the request or cannot be reached.
pub(crate) async fn history(
    arguments: &HistoryArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let vintage = match arguments.as_published {
        true => HistoryVintage::AsPublished,
        false => HistoryVintage::Latest,
    };
    let request = GetIndicatorHistoryRequest {
        as_of: arguments.as_of.to_proto()?,
        measure_id: arguments.measure.clone(),
        from_on: arguments.from.clone().unwrap_or_default(),
        until_on: arguments.until.clone().unwrap_or_default(),
        page_size: arguments.most,
        page_token: String::new(),
        vintage: vintage.into(),
    };
    let clients = connection.open().await?;
    let answer =
        clients.rotation().get_indicator_history(connection.request(request)).await?.into_inner();
    let page = |terminal| show::history::points(&answer, vintage, terminal);
    terminal::say(&output.text("GetIndicatorHistoryResponse", &answer, page)?);
    Ok(())
}
