//! Validates which blocks of a report are asked for, and refuses the fields that only others use.

use crate::rpc::field::Fields;
use contract::v1;
use exposure::blocks::{Block, Blocks};
use v1::ReportBlock as Wire;

/// The blocks of a request that names none, in the order of the enum. The contract fixes them for v1.
const USUAL: [Wire; 7] = [
    Wire::Breakdowns,
    Wire::Factors,
    Wire::Trades,
    Wire::Risk,
    Wire::ProfitAndLoss,
    Wire::Concentration,
    Wire::Positions,
];

/// Maximum number of blocks of one request: each once.
const BLOCKS_MAX: usize = Block::ALL.len();

/// Reads the blocks, and writes them into the request in the order of the enum. A list with a
/// violation counts as that of all blocks, so that it does not make other fields violations.
pub(super) fn blocks(fields: &mut Fields, asked: &mut Vec<i32>) -> Blocks {
    if asked.is_empty() {
        *asked = USUAL.map(i32::from).to_vec();
    }
    let mut read = Vec::with_capacity(asked.len());
    if fields.at_most("include", asked.len(), BLOCKS_MAX) {
        for (at, number) in asked.iter().enumerate() {
            let path = format!("include[{at}]");
            match asked[..at].contains(number) {
                true => fields.add(path, "appears twice"),
                false => read.extend(block(fields, &path, *number)),
            }
        }
    }
    if read.len() < asked.len() {
        return Blocks::ALL;
    }
    asked.sort_unstable();
    Blocks::of(&read)
}

fn block(fields: &mut Fields, path: &str, number: i32) -> Option<Block> {
    if number == Wire::Unspecified as i32 {
        fields.add(path, "must be a block of the report");
    }
    match fields.choice(path, number) {
        Wire::Unspecified => None,
        Wire::Breakdowns => Some(Block::Breakdowns),
        Wire::Factors => Some(Block::Factors),
        Wire::Trades => Some(Block::Trades),
        Wire::Risk => Some(Block::Risk),
        Wire::ProfitAndLoss => Some(Block::ProfitAndLoss),
        Wire::Concentration => Some(Block::Concentration),
        Wire::Positions => Some(Block::Positions),
        Wire::Crowding => Some(Block::Crowding),
        Wire::RiskModel => Some(Block::RiskModel),
        Wire::FactorBetas => Some(Block::FactorBetas),
    }
}

/// Refuses the fields that are given and that no block of the request uses.
pub(super) fn unused(fields: &mut Fields, blocks: Blocks, asked: &v1::AnalyzePortfolioRequest) {
    for (field, is_given, block, name) in [
        ("risk_measures", !asked.risk_measures.is_empty(), Block::Risk, Wire::Risk),
        ("repeat_on", !asked.repeat_on.is_empty(), Block::Trades, Wire::Trades),
        ("top_positions", asked.top_positions.is_some(), Block::Positions, Wire::Positions),
        ("group_by", !asked.group_by.is_empty(), Block::Breakdowns, Wire::Breakdowns),
        ("trades", !asked.trades.is_empty(), Block::Trades, Wire::Trades),
        ("crowding", asked.crowding.is_some(), Block::Crowding, Wire::Crowding),
        ("risk_model", asked.risk_model.is_some(), Block::RiskModel, Wire::RiskModel),
        ("factor_betas", asked.factor_betas.is_some(), Block::FactorBetas, Wire::FactorBetas),
    ] {
        if is_given && !blocks.has(block) {
            fields.add(field, format!("must be absent: {}", not_asked_for(name)));
        }
    }
}

/// Why something cannot be shown.
pub(super) fn not_asked_for(block: Wire) -> String {
    format!("`include` does not ask for {}", block.as_str_name())
}
