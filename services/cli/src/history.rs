//! The history of a measure, a score or the state: as known now, or each value as known at the close
//! of its session.

use crate::{as_of_args::AsOfArguments, connect::Connection, output::Output, show, terminal};
use anyhow::Result;
use clap::Args;
use contract::v1::{GetIndicatorHistoryRequest, HistoryVintage};

/// The measure, its range of days and its vintage.
#[derive(Args, Clone, Debug)]
pub(crate) struct HistoryArguments {
    /// The measure, for instance `size_spread.5d`, or `score/size`, `score/breadth`, `score/risk`,
    /// `score/squeeze`, `state`, `session_move`.
    #[arg(value_name = "MEASURE")]
    measure: String,
    /// List each value as known at the close of its session, without later corrections; for
    /// back-tests.
    #[arg(long)]
    as_published: bool,
    /// First day; without it the start of the history.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last day; without it the end of the history.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Maximum number of values to list, oldest first; with --as-published, of sessions.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    most: i32,
    #[command(flatten)]
    as_of: AsOfArguments,
}

/// Requests a history and prints it.
///
/// # Errors
/// If the server rejects the request or cannot be reached.
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
        start_on: arguments.from.clone().unwrap_or_default(),
        end_on: arguments.until.clone().unwrap_or_default(),
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
