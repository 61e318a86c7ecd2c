//! What the market's shorts made, what covering one's own would cost, and what squeezes would cost.

use crate::show::{
    number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{
    AssessShortBookResponse, ShortBookTotals, ShortsGain, SqueezeScenarioKind, SqueezeUniverse,
};

/// What the market's shorts made in dollars.
pub(crate) fn market(universe: Option<&SqueezeUniverse>) -> String {
    let Some(universe) = universe else { return String::new() };
    let gain = |gain: Option<&ShortsGain>, since: &str| {
        let gain = gain?;
        Some(format!("{} {since}", number::made_or_lost(gain.gain_usd)))
    };
    let parts = [
        gain(universe.shorts_gain_last_session.as_ref(), "in the last session"),
        gain(universe.shorts_gain_since_settlement.as_ref(), "since the settlement"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("  The market's shorts {}.\n", parts.join(", and ")),
    }
}

/// What buying the book back would cost, by the model that covers most of it.
pub(crate) fn covering(totals: &ShortBookTotals) -> String {
    let costs: Vec<String> = totals
        .covering_costs
        .iter()
        .map(|total| {
            let cost = number::usd(total.cost);
            let share = number::share(total.share_of_gross_short);
            format!("{cost} by {} ({share} of the shorts)", total.model_id.replace('_', " "))
        })
        .collect();
    match costs.is_empty() {
        true => String::new(),
        false => format!("The buying itself would cost about {}.\n", costs.join(", ")),
    }
}

/// Adds the scenarios without probabilities to a page.
pub(crate) fn scenarios(page: &mut Page, answer: &AssessShortBookResponse) {
    if answer.scenarios.is_empty() {
        return;
    }
    let mut table = Table::new(&["if these are squeezed", ">P&L", ">names", "the costliest"]);
    for scenario in &answer.scenarios {
        let count = scenario.symbols.len();
        let what = match scenario.kind() {
            SqueezeScenarioKind::Crowd => "all heavily short names".to_owned(),
            SqueezeScenarioKind::Costliest | SqueezeScenarioKind::Unspecified => {
                format!("the costliest {count}")
            }
        };
        let first: Vec<&str> = scenario.symbols.iter().take(3).map(String::as_str).collect();
        table.row([
            what.into(),
            number::gain(Some(scenario.pnl), number::usd_signed),
            Cell::plain(count.to_string()).of(count as f64),
            Cell::faint(first.join(", ")),
        ]);
    }
    page.say(
        "Each squeezed name jumps by its squeeze threshold. These are not forecasts: the score is \
         not calibrated, so there are no probabilities.\n"
            .to_owned(),
    );
    page.table("scenarios", table);
}
