//! The options that plans trade, as a table: what they are, what they cost and what time takes away.

use crate::show::{number, plan, table::Table};
use contract::v1::{HedgeTrade, HedgeTradedOption, OptionRight, PlanHedgeResponse};

/// The options of each plan, at most so many. `None` without any.
pub(crate) fn options(answer: &PlanHedgeResponse, most: usize) -> Option<Table> {
    let mut table = Table::new(&[
        "plan",
        "option",
        "line",
        "expires",
        ">strike",
        ">contracts",
        ">premium",
        ">lost a day by time",
        ">implied volatility",
        ">delta",
    ]);
    let mut has_any = false;
    for plan in &answer.plans {
        let Some((_, outcome)) = plan::solution(plan) else { continue };
        let options = outcome.trades.iter();
        let options = options.filter_map(|trade| Some((trade, trade.option.as_ref()?)));
        for (trade, option) in options.take(most) {
            has_any = true;
            row(&mut table, plan::name(plan), (trade, option));
        }
    }
    has_any.then_some(table)
}

fn row(table: &mut Table, plan: &str, (trade, option): (&HedgeTrade, &HedgeTradedOption)) {
    let right = match option.right() {
        OptionRight::Call => "call",
        OptionRight::Put => "put",
        OptionRight::Unspecified => "other",
    };
    table.row([
        plan.into(),
        right.into(),
        trade.line_id.as_str().into(),
        option.expires_on.as_str().into(),
        number::cell(Some(option.strike), |strike| format!("{strike:.2}")),
        number::cell(Some(trade.quantity), number::magnitude),
        number::cell(Some(option.premium), number::money),
        number::cell(Some(option.decay_per_day), number::money),
        number::cell(Some(100.0 * option.implied_volatility), |percent| format!("{percent:.1} %")),
        number::cell(Some(option.delta), |delta| format!("{delta:.2}")),
    ]);
}
