//! What the market's shorts made, what covering one's own would cost, and what squeezes would cost.

use crate::show::{
    number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{
    AssessShortBookResponse, ExitPlan, ExitSession, ShortBookTotals, ShortsGain,
    SqueezeMarketState, SqueezeScenario, SqueezeScenarioKind, SqueezeUniverse,
};

/// What the market's shorts made in dollars.
pub(crate) fn market(universe: Option<&SqueezeUniverse>) -> String {
    let Some(universe) = universe else { return String::new() };
    let gain = |gain: Option<&ShortsGain>, since: &str| {
        let gain = gain?;
        Some(format!("{} {since}", number::made_or_lost(gain.gain_usd)))
    };
    let parts = [
        gain(universe.shorts_gain_last_session.as_ref(), "in the last session with prices"),
        gain(universe.shorts_gain_since_settlement.as_ref(), "since the settlement"),
        gain(universe.shorts_gain_since_cost_basis.as_ref(), "since their estimated cost basis"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let mut out = match parts.is_empty() {
        true => String::new(),
        false => format!("  The market's shorts {}.\n", parts.join(", and ")),
    };
    out.push_str(&state(universe.market_state.as_ref()));
    out
}

/// How the most-shorted names do against the market.
fn state(state: Option<&SqueezeMarketState>) -> String {
    let Some(state) = state else { return String::new() };
    let unusual = state.z.map(|z| format!(" (z {})", number::signed(z, 2))).unwrap_or_default();
    let less_index = state.most_shorted_less_index;
    let word = if less_index < 0.0 { "less" } else { "more" };
    format!(
        "  The {} most-shorted names made {} {word} than {} over the five sessions to {}{unusual}.\n",
        state.name_count,
        number::share(less_index.abs()),
        state.index_symbol,
        state.observed_on
    )
}

/// What buying the book back would cost, by the model that covers most of it.
pub(crate) fn covering(totals: &ShortBookTotals) -> String {
    let costs: Vec<String> = totals
        .covering_costs
        .iter()
        .map(|total| {
            let cost = number::money(total.cost);
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
        let first: Vec<&str> = scenario.symbols.iter().take(3).map(String::as_str).collect();
        table.row([
            squeezed(scenario).into(),
            number::gain(Some(scenario.pnl), number::money_signed),
            Cell::plain(count.to_string()).of(count as f64),
            Cell::faint(first.join(", ")),
        ]);
    }
    page.say(not_forecasts(answer.method.as_ref().is_some_and(|method| method.calibrated)));
    page.table("scenarios", table);
}

/// What the scenarios are not, by whether squeezes have probabilities.
fn not_forecasts(calibrated: bool) -> &'static str {
    match calibrated {
        true => {
            "Each squeezed name jumps by its squeeze threshold. These are not forecasts and have no \
             probabilities; `ballast squeeze simulate` has those of joint losses.\n"
        }
        false => {
            "Each squeezed name jumps by its squeeze threshold. These are not forecasts: the score \
             is not calibrated, so there are no probabilities.\n"
        }
    }
}

/// Which shorts a scenario squeezes.
pub(crate) fn squeezed(scenario: &SqueezeScenario) -> String {
    match scenario.kind() {
        SqueezeScenarioKind::Crowd => "all heavily short names".to_owned(),
        SqueezeScenarioKind::Costliest | SqueezeScenarioKind::Unspecified => {
            format!("the costliest {}", scenario.symbols.len())
        }
    }
}

/// Sessions after which the tables of schedules say what is left: the next one, and the ends of the
/// first four weeks.
const SHOWN_AFTER: [i32; 5] = [1, 5, 10, 15, 20];

/// Adds the schedules of buying back and what is left of the book to a page, if they were asked for.
pub(crate) fn schedules(page: &mut Page, answer: &AssessShortBookResponse, lines: usize) {
    let Some(terms) = &answer.covering else { return };
    let aversion = terms.risk_aversion.unwrap_or_default();
    page.say(format!(
        "Bought back on the schedules of least expected cost + {aversion} x variance:\n"
    ));
    let mut table = Table::new(&[
        "short",
        ">sessions",
        ">expected cost",
        ">+/-",
        ">of volume",
        ">left after 1",
        ">5",
        ">10",
    ]);
    for line in answer.lines.iter().take(lines) {
        let (Some(name), Some(made)) = (&line.name, &line.covering_schedule) else { continue };
        let left = |session: i32| {
            let after = made.sessions.iter().find(|after| after.session == session);
            number::cell(Some(after.map_or(0.0, |after| after.share_left)), number::share)
        };
        table.row([
            name.symbol.as_str().into(),
            number::counted(made.horizon_sessions),
            number::cell(Some(made.expected_cost), number::money),
            number::cell(Some(made.variance.sqrt()), number::money),
            number::cell(Some(made.largest_share_of_volume), number::share),
            left(1),
            left(5),
            left(10),
        ]);
    }
    page.table("schedules", table);
    page.table("left", left(answer.totals.as_ref()));
}

/// What is left of the book, all lines being worked at the participation.
fn left(totals: Option<&ShortBookTotals>) -> Table {
    let mut table = Table::new(&[
        ">after",
        ">bought back",
        ">left",
        ">squeeze of it",
        ">at recent volume",
        ">left",
        ">squeeze of it",
    ]);
    let sessions = |plan: Option<&ExitPlan>| plan.map_or(Vec::new(), |plan| plan.sessions.clone());
    let normal = sessions(totals.and_then(|totals| totals.exit_at_normal_volume.as_ref()));
    let recent = sessions(totals.and_then(|totals| totals.exit_at_recent_volume.as_ref()));
    let cells = |sessions: &[ExitSession], after: i32| {
        let after = sessions.iter().find(|one| one.session == after).or(sessions.last());
        [
            number::cell(after.map(|after| after.share), number::share),
            number::cell(after.map(|after| after.value_left), number::money),
            number::gain(after.map(|after| after.squeeze_pnl_left), number::money_signed),
        ]
    };
    let longest = normal.len().max(recent.len()) as i32;
    let mut shown: Vec<i32> = SHOWN_AFTER.into_iter().filter(|after| *after < longest).collect();
    shown.extend((0 < longest).then_some(longest));
    for after in shown {
        let row = [number::counted(after)].into_iter();
        table.row(row.chain(cells(&normal, after)).chain(cells(&recent, after)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Terminal;
    use contract::v1::SqueezeMethod;

    #[test]
    fn a_spread_below_zero_is_less() {
        let said = |most_shorted_less_index| {
            state(Some(&SqueezeMarketState {
                name_count: 50,
                most_shorted_less_index,
                index_symbol: "VTI".to_owned(),
                observed_on: "2024-07-31".to_owned(),
                ..SqueezeMarketState::default()
            }))
        };
        let of = |text: &str| {
            format!(
                "  The 50 most-shorted names made {text} than VTI over the five sessions to 2024-07-31.\n"
            )
        };
        assert_eq!(said(-0.032), of("3.2 % less"));
        assert_eq!(said(0.032), of("3.2 % more"));
    }

    #[test]
    fn scenarios_say_that_the_score_is_not_calibrated_only_if_it_is_not() {
        let said = |calibrated| {
            let method = SqueezeMethod { calibrated, ..SqueezeMethod::default() };
            let scenarios = vec![SqueezeScenario::default()];
            let answer =
                AssessShortBookResponse { method: Some(method), scenarios, ..<_>::default() };
            let mut page = Page::new();
            super::scenarios(&mut page, &answer);
            let words = page.render(Terminal::plain());
            words.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert!(said(false).contains("not calibrated"));
        assert!(!said(true).contains("not calibrated") && said(true).contains("simulate"));
    }
}
