//! `ballast members`: asks a server which names the legs of a trade stand for.

use crate::{
    as_of_args::AsOfArguments, connect::Connection, output::Output, query_commands, show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::ListTradeMembersRequest;

/// The trade, its leg and the as-of bounds of the request.
#[derive(Args, Clone, Debug)]
pub(crate) struct MemberArguments {
    /// The trade: an id of the settings, or a JSON file with a TradeDefinition of the contract;
    /// without it `megacap_small_cap`.
    #[arg(long, value_name = "FILE.json|ID")]
    trade: Option<String>,
    /// List the members of this leg only.
    #[arg(long, value_name = "LEG", default_value = "")]
    leg: String,
    /// Number of members to list, at most 1,000.
    #[arg(long, value_name = "N", default_value_t = 100)]
    top: i32,
    #[command(flatten)]
    as_of: AsOfArguments,
}

/// Lists the members of a trade.
///
/// # Errors
/// If the definition cannot be read, or the server rejects the request or cannot be reached.
pub(crate) async fn members(
    arguments: &MemberArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let request = ListTradeMembersRequest {
        as_of: arguments.as_of.to_proto()?,
        trade: match &arguments.trade {
            Some(text) => Some(query_commands::trade(text).await?),
            None => None,
        },
        leg_id: arguments.leg.clone(),
        page_size: arguments.top,
        ..ListTradeMembersRequest::default()
    };
    let clients = connection.open().await?;
    let request = connection.request(request);
    let answer = clients.exposure().list_trade_members(request).await?.into_inner();
    let page = |terminal| show::trade_members::report(&answer, terminal);
    terminal::say(&output.text("ListTradeMembersResponse", &answer, page)?);
    Ok(())
}
