//! What an analysis is asked for.

use crate::{
    blocks::{Block, Blocks},
    grouping::GroupBy,
    settings::{BetaSettings, Listing, TailSettings, TradeChoice},
};
use factors::{look_through::FundView, size_scheme::SizeScheme};
use marketdata::day::Day;
use portfolio::book::Book;

/// A portfolio analysis request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The book, joined on the same view.
    pub book: &'a Book,
    /// The blocks of the report. The fields of other blocks are not read.
    pub blocks: Blocks,
    /// Settings of the betas. If they differ from the prepared ones, the book's betas are estimated
    /// anew.
    pub beta: BetaSettings,
    /// The sets of scenarios, and what is measured on each.
    pub tails: &'a [TailSettings],
    /// How companies are sorted by size. It changes no beta and no leg of a trade.
    pub size_scheme: &'a SizeScheme,
    /// The classification scheme of sectors; `None` for the one that classifies the most names of the
    /// view.
    pub classification: Option<&'a str>,
    /// How the book is looked through its funds; `None` if it is not.
    pub look_through: Option<FundView>,
    /// What to group the book by.
    pub group_by: &'a [GroupBy],
    /// Past days whose returns are applied to today's positions, each once.
    pub repeat_on: &'a [Day],
    /// The trades to report, 1 to [`crate::settings::TRADES_MAX`].
    pub trades: &'a [TradeChoice],
    /// The positions to list.
    pub listing: Listing,
}

impl<'a> Request<'a> {
    /// The request without the fields of blocks that it does not have.
    pub(crate) fn of_its_blocks(&self) -> Request<'a> {
        let mut request = self.clone();
        if !self.blocks.has(Block::Breakdowns) {
            request.group_by = &[];
        }
        if !self.blocks.has(Block::Trades) {
            (request.trades, request.repeat_on) = (&[], &[]);
        }
        if !self.blocks.has(Block::Risk) {
            request.tails = &[];
        }
        if !self.blocks.has(Block::Positions) {
            request.listing = Listing::Largest(0);
        }
        request
    }
}
