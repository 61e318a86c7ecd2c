//! The options of a book, valued anew at the prices after a scenario.

use super::setup::Setup;
use crate::rpc::portfolio;
use contract::v1;

/// The options of known terms whose underlying has a return; `total_return` gives that of a holding.
pub(super) fn options(
    setup: &Setup,
    total_return: impl Fn(usize) -> f64,
) -> Vec<v1::RepricedOption> {
    let Setup { book, setting, .. } = setup;
    let mut found = Vec::new();
    for (at, holding) in book.holdings.iter().enumerate() {
        for lot in book.lots(holding) {
            let option = book.derivative(lot.line).and_then(|derivative| derivative.option);
            let Some(model) = option.and_then(|option| option.model) else { continue };
            let total_return = total_return(at);
            if !total_return.is_finite() {
                continue;
            }
            let repriced = v1::RepricedOption {
                position_id: portfolio::name(&setting.portfolio, lot.line),
                total_return,
                first_order_pnl: lot.market_value * total_return,
                repriced_pnl: model.pnl(total_return),
            };
            found.push((lot.line, repriced));
        }
    }
    found.sort_by_key(|(line, _)| *line);
    found.into_iter().map(|(_, repriced)| repriced).collect()
}

/// The P&L with the sum of its options.
pub(super) fn summed(pnl: v1::ScenarioPnl) -> v1::ScenarioPnl {
    let beyond = |option: &v1::RepricedOption| option.repriced_pnl - option.first_order_pnl;
    let sum = pnl.options.iter().fold(0.0, |sum, option| sum + beyond(option));
    v1::ScenarioPnl { beyond_first_order_pnl: (!pnl.options.is_empty()).then_some(sum), ..pnl }
}
