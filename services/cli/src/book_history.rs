//! A book through time: its shares analysed at the close of each session.

use crate::{connect::Connection, output::Output, show, terminal};
use anyhow::Result;
use clap::Args;
use contract::v1::{
    AnalyzePortfolioHistoryRequest, AnalyzePortfolioRequest, HistoryVintage, ReportBlock,
};

/// Whether the book is wanted through time, and its range of days.
#[derive(Args, Clone, Debug)]
pub(crate) struct BookHistoryArguments {
    /// Show today's shares at the close of each session, with what was known then: net by group,
    /// beta to the trade and losses. Without --include the blocks breakdowns, trades and risk.
    #[arg(long)]
    pub(crate) history: bool,
    /// First day; without it the first of the latest 1,061 sessions.
    #[arg(long, value_name = "DATE", requires = "history")]
    from: Option<String>,
    /// Last day; without it the last session.
    #[arg(long, value_name = "DATE", requires = "history")]
    until: Option<String>,
    /// Maximum number of sessions, oldest first.
    #[arg(long, default_value_t = 100, requires = "history",
        value_parser = clap::value_parser!(i32).range(1..=100))]
    most: i32,
}

impl BookHistoryArguments {
    /// The blocks to ask for. No block means all, which is much per session.
    pub(crate) fn blocks(&self, asked: &[ReportBlock]) -> Vec<ReportBlock> {
        match asked {
            [] if self.history => {
                vec![ReportBlock::Breakdowns, ReportBlock::Trades, ReportBlock::Risk]
            }
            asked => asked.to_vec(),
        }
    }
}

/// Requests the history of a book and prints it.
///
/// # Errors
/// If the server rejects the request or cannot be reached.
pub(crate) async fn book_history(
    arguments: &BookHistoryArguments,
    analysis: AnalyzePortfolioRequest,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let request = AnalyzePortfolioHistoryRequest {
        analysis: Some(analysis),
        start_on: arguments.from.clone().unwrap_or_default(),
        end_on: arguments.until.clone().unwrap_or_default(),
        vintage: HistoryVintage::AsPublished.into(),
        page_size: arguments.most,
        page_token: String::new(),
    };
    let clients = connection.open().await?;
    let request = connection.request(request);
    let answer = clients.exposure().analyze_portfolio_history(request).await?.into_inner();
    let page = |terminal| show::book_history::report(&answer, terminal);
    terminal::say(&output.text("AnalyzePortfolioHistoryResponse", &answer, page)?);
    Ok(())
}
