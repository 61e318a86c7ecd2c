//! `ballast factors`: asks a server what betas are measured against.

use crate::{as_of_args::AsOfArguments, connect::Connection, output::Output, show, terminal};
use anyhow::Result;
use clap::Args;
use contract::v1::ListFactorsRequest;

/// Number of factors listed, the largest page.
const FACTORS_MAX: i32 = 1_000;

/// The as-of bounds of the request.
#[derive(Args, Clone, Debug)]
pub(crate) struct FactorArguments {
    #[command(flatten)]
    as_of: AsOfArguments,
}

/// Lists the factors, how each is built, and the symbols behind it.
///
/// # Errors
/// If the server rejects the request or cannot be reached.
pub(crate) async fn factors(
    arguments: &FactorArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let request = ListFactorsRequest {
        as_of: arguments.as_of.to_proto()?,
        page_size: FACTORS_MAX,
        ..ListFactorsRequest::default()
    };
    let clients = connection.open().await?;
    let request = connection.request(request);
    let answer = clients.exposure().list_factors(request).await?.into_inner();
    let page = |terminal| show::factors::report(&answer, terminal);
    terminal::say(&output.text("ListFactorsResponse", &answer, page)?);
    Ok(())
}
