//! Questions to a server: arguments to a request, the answer to a table or JSON.

use crate::{
    connect::Connection,
    json, show,
    terminal::{self, Terminal},
    when::AsOfArguments,
};
use anyhow::Result;
use clap::{Args, ValueEnum};
use contract::v1::{RankSqueezeRequest, SqueezeRankBy};

/// Which names to rank.
#[derive(Args, Clone, Debug)]
pub(crate) struct SqueezeArguments {
    #[command(flatten)]
    as_of: AsOfArguments,
    /// How many names.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1000))]
    top: i32,
    /// What to rank by.
    #[arg(long, value_enum, default_value_t = RankBy::Score)]
    by: RankBy,
    /// Least market value of a name, USD; without it 100 million.
    #[arg(long, value_name = "USD")]
    min_market_cap: Option<f64>,
    /// Least average value traded a day, USD; without it 1 million.
    #[arg(long, value_name = "USD")]
    min_daily_value: Option<f64>,
    /// Only names of these exchanges.
    #[arg(long)]
    exchange: Vec<String>,
}

/// What to rank by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RankBy {
    /// The score.
    Score,
    /// Short interest over float.
    ShortOfFloat,
    /// Days to cover.
    DaysToCover,
}

/// Ranks the market's squeezes.
///
/// # Errors
/// What the server refused it for.
pub(crate) async fn squeeze(
    arguments: &SqueezeArguments,
    connection: &Connection,
    as_json: bool,
    terminal: Terminal,
) -> Result<()> {
    let rank_by = match arguments.by {
        RankBy::Score => SqueezeRankBy::Score,
        RankBy::ShortOfFloat => SqueezeRankBy::ShortOfFloat,
        RankBy::DaysToCover => SqueezeRankBy::DaysToCover,
    };
    let request = RankSqueezeRequest {
        as_of: arguments.as_of.to_proto()?,
        page_size: arguments.top,
        min_market_cap_usd: arguments.min_market_cap,
        min_daily_value_usd: arguments.min_daily_value,
        exchanges: arguments.exchange.clone(),
        rank_by: rank_by.into(),
        ..RankSqueezeRequest::default()
    };
    let clients = connection.open().await?;
    let answer = clients.squeeze().rank_squeeze(connection.request(request)).await?.into_inner();
    terminal::say(&if as_json {
        json::of("RankSqueezeResponse", &answer)?
    } else {
        show::squeeze::ranking(&answer, terminal)
    });
    Ok(())
}
