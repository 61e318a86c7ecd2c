//! The blocks of a report, and the work that each of them needs.
//!
//! The total is always there, and with it the prices and the market betas of the names.

use portfolio::coverage::Aspect;

/// A part of a report that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// The book by groups.
    Breakdowns,
    /// Betas to the factors.
    Factors,
    /// Trades.
    Trades,
    /// Risk measures and their scenarios.
    Risk,
    /// P&L against average costs.
    ProfitAndLoss,
    /// Concentration.
    Concentration,
    /// The listed positions.
    Positions,
    /// Crowding, which [`crate::crowding`] measures beside the report.
    Crowding,
    /// Factor models, under which [`crate::factor_risk`] measures the book beside the report.
    RiskModel,
    /// Betas to factors that the request chooses, which [`crate::factor_betas`] measures beside the
    /// report.
    FactorBetas,
}

impl Block {
    /// Every block.
    pub const ALL: [Block; 10] = [
        Block::Breakdowns,
        Block::Factors,
        Block::Trades,
        Block::Risk,
        Block::ProfitAndLoss,
        Block::Concentration,
        Block::Positions,
        Block::Crowding,
        Block::RiskModel,
        Block::FactorBetas,
    ];

    /// Its place in a set.
    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks(u16);

impl Blocks {
    /// Every block.
    pub const ALL: Blocks = Blocks::of(&Block::ALL);

    /// The set of some blocks.
    pub const fn of(blocks: &[Block]) -> Blocks {
        let (mut bits, mut rest) = (0, blocks);
        while let [block, others @ ..] = rest {
            bits |= block.bit();
            rest = others;
        }
        Blocks(bits)
    }

    /// Whether a block is in the set.
    pub const fn has(self, block: Block) -> bool {
        self.has_any(&[block])
    }

    /// Whether one of some blocks is in the set.
    const fn has_any(self, blocks: &[Block]) -> bool {
        self.0 & Blocks::of(blocks).0 != 0
    }

    /// Whether the book's own returns are needed. They are summed by the legs of the standard trade.
    pub(crate) const fn need_history(self) -> bool {
        self.has_any(&[Block::Factors, Block::Trades, Block::Risk])
    }

    /// Whether sizes of companies are shown, or decide what is shown.
    pub(crate) const fn show_sizes(self) -> bool {
        self.has_any(&[Block::Breakdowns, Block::Trades, Block::Positions])
    }

    /// Whether sizes under the standard scheme are needed, at least for the legs of its trade.
    pub(crate) const fn need_sizes(self) -> bool {
        self.show_sizes() || self.need_history()
    }

    /// Whether sectors are shown.
    pub(crate) const fn show_sectors(self) -> bool {
        self.has_any(&[Block::Breakdowns, Block::Positions])
    }

    /// Whether betas to all factors of the model are shown.
    pub(crate) const fn show_betas(self) -> bool {
        self.has_any(&[Block::Factors, Block::Positions])
    }

    /// Whether betas to size are shown, or used for returns that are missing.
    pub(crate) const fn use_size_betas(self) -> bool {
        self.show_betas() || self.need_history()
    }

    /// Whether betas of single names to the standard trade are shown, or the trade itself.
    pub(crate) const fn show_trade_betas(self) -> bool {
        self.has_any(&[Block::Trades, Block::Positions])
    }

    /// Whether the book's own returns are regressed.
    pub(crate) const fn need_top_down(self) -> bool {
        self.has_any(&[Block::Factors, Block::Trades])
    }

    /// Whether the report rests on an aspect of the data.
    pub(crate) const fn rest_on(self, aspect: Aspect) -> bool {
        match aspect {
            Aspect::Priced | Aspect::OwnBetas => true,
            Aspect::Sized => self.show_sizes(),
            Aspect::Classified => self.show_sectors(),
            Aspect::OwnTailHistory => self.has(Block::Risk),
            Aspect::ManagerHoldings | Aspect::ShortInterest => self.has(Block::Crowding),
            Aspect::Scored => false,
        }
    }
}
