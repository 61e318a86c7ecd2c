//! `ballast datasets`: asks a server what data it holds.

use crate::{as_of_args::AsOfArguments, connect::Connection, output::Output, show, terminal};
use anyhow::Result;
use clap::Args;
use contract::v1::ListDatasetsRequest;

/// The as-of bounds of the request.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatasetsArguments {
    #[command(flatten)]
    as_of: AsOfArguments,
}

/// Reports how much of every dataset there is, how fresh it is, and which names have no prices.
///
/// # Errors
/// If the server rejects the request or cannot be reached.
pub(crate) async fn datasets(
    arguments: &DatasetsArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let request = ListDatasetsRequest { as_of: arguments.as_of.to_proto()? };
    let clients = connection.open().await?;
    let request = connection.request(request);
    let answer = clients.market_data().list_datasets(request).await?.into_inner();
    let page = |terminal| show::datasets::report(&answer, terminal);
    terminal::say(&output.text("ListDatasetsResponse", &answer, page)?);
    Ok(())
}
