//! What a portfolio would make or lose: in a sentence per scenario, and in tables.

use crate::{
    show::{
        evidence, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    FindLikelyLossResponse, LikelyScenario, ListScenariosResponse, ListedScenario,
    RunStressResponse, ScenarioOutcome, ScenarioSource, ScenarioSourceShare, StressResult,
    likely_loss::Result as Outcome, listed_scenario::Happening as Event, move_size::Size,
    scenario_need::Need,
};
use std::collections::BTreeSet;

/// What options add that are valued anew; a P&L has them to first order.
pub(crate) const ANEW: &str = "options valued anew add";
/// Gaps of one scenario that are told.
const GAPS_TOLD: usize = 2;
/// Decimals of points of a volatility, at most: no double needs more.
const DECIMALS_MOST: usize = 17;

/// The results for people, with the changes of volatilities that were asked for.
pub(crate) fn report(
    answer: &RunStressResponse,
    volatility_changes: &[f64],
    terminal: Terminal,
) -> Page {
    let mut page = Page::new();
    let known = evidence::as_known(answer.info.as_ref());
    page.say(terminal.heading(&format!("What if, {known}")));
    for result in &answer.results {
        page.say(words(result));
    }
    page.say("\n");
    page.table("scenarios", scenarios(&answer.results));
    if let Some(table) = by_volatility(&answer.results, volatility_changes) {
        page.say("\n");
        page.table("volatilities", table);
    }
    if let [result] = &answer.results[..]
        && let Some(pnl) = &result.outcome
    {
        page.say("\n");
        parts(&mut page, pnl);
    }
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// One scenario in words.
pub(crate) fn words(result: &StressResult) -> String {
    let name = title(result);
    let Some(pnl) = &result.outcome else {
        let why: Vec<&str> =
            result.gaps.iter().take(GAPS_TOLD).map(|gap| gap.detail.as_str()).collect();
        return format!("{name}: not computed, {}.\n", why.join("; "));
    };
    let mut out = format!("{name}: the book would have {}", number::made_or_lost(pnl.pnl));
    if result.replayed.is_none() {
        out = format!("{name}: the book {}", expected(pnl));
    }
    if let Some(beyond) = pnl.beyond_first_order_pnl {
        out.push_str(&format!("; {ANEW} {}", number::money_signed(beyond)));
    }
    if let Some(like_this) = &result.outcome_like_this {
        out.push_str(&format!(
            "; as things move on days like this one {}",
            number::money_signed(like_this.pnl)
        ));
    }
    if let Some(squeezed) = &result.squeezed {
        let symbols: Vec<&str> =
            squeezed.positions.iter().map(|position| position.symbol.as_str()).collect();
        out.push_str(&format!(
            "; with {} squeezed besides {}",
            symbols.join(", "),
            number::money_signed(squeezed.pnl)
        ));
    }
    let stand_ins = proxied(&result.sources);
    if 0.0 < stand_ins {
        out.push_str(&format!("; {} of gross rests on stand-ins", number::share(stand_ins)));
    }
    out.push_str(".\n");
    out
}

/// The name of a scenario, or its id without one.
pub(crate) fn title(result: &StressResult) -> &str {
    let id = result.scenario.as_ref().map_or("", |scenario| &scenario.scenario_id);
    if result.name.is_empty() { id } else { &result.name }
}

/// `would lose $1.2m, nine times of ten between -$2.0m and -$0.4m`.
fn expected(pnl: &ScenarioOutcome) -> String {
    let word = if pnl.pnl < 0.0 { "lose" } else { "make" };
    format!(
        "would {word} {}, nine times of ten between {} and {}",
        number::money(pnl.pnl.abs()),
        number::money_signed(pnl.pnl_low),
        number::money_signed(pnl.pnl_high)
    )
}

/// Share of gross that rests on something else than own returns or the model.
fn proxied(sources: &[ScenarioSourceShare]) -> f64 {
    let is_own = |row: &&ScenarioSourceShare| {
        matches!(row.source(), ScenarioSource::Own | ScenarioSource::Model)
    };
    let others = sources.iter().filter(|row| !is_own(row));
    others.map(|row| row.gross_share).sum()
}

/// A row per scenario.
pub(crate) fn scenarios(results: &[StressResult]) -> Table {
    let mut table = Table::new(&[
        "scenario",
        ">P&L",
        ">low",
        ">high",
        ">like this",
        ">squeezed",
        ">after leaving",
        ">stand-ins",
        ">options anew",
    ]);
    for result in results {
        let id = result.scenario.as_ref().map_or("", |scenario| &scenario.scenario_id);
        let money = |value: Option<f64>| number::gain(value, number::money_signed);
        let pnl = result.outcome.as_ref();
        table.row([
            id.into(),
            money(pnl.map(|pnl| pnl.pnl)),
            money(pnl.map(|pnl| pnl.pnl_low)),
            money(pnl.map(|pnl| pnl.pnl_high)),
            money(result.outcome_like_this.as_ref().map(|pnl| pnl.pnl)),
            money(result.squeezed.as_ref().map(|squeezed| squeezed.pnl)),
            money(result.exit.as_ref().map(|exit| exit.pnl)),
            number::cell(pnl.map(|_| proxied(&result.sources)), number::share),
            money(pnl.and_then(|pnl| pnl.beyond_first_order_pnl)),
        ]);
    }
    table
}

/// Names of the columns of changes of the volatility, with as many decimals as tell them apart.
fn volatility_names(changes: &[f64]) -> Vec<String> {
    let names = |decimals: usize| -> Vec<String> {
        let name = |change: &f64| {
            let way = if *change < 0.0 { "down" } else { "up" };
            format!(">options, volatility {way} {:.decimals$} points", 100.0 * change.abs())
        };
        changes.iter().map(name).collect()
    };
    // Zero has two signs.
    let different = changes.iter().map(|change| (change + 0.0).to_bits()).collect::<BTreeSet<_>>();
    let are_told_apart = |decimals: &usize| {
        names(*decimals).iter().collect::<BTreeSet<_>>().len() == different.len()
    };
    names((1..DECIMALS_MOST).find(are_told_apart).unwrap_or(DECIMALS_MOST))
}

/// What options valued anew add as their volatilities change. `None` if no change was asked for, or the
/// book has no such options.
pub(crate) fn by_volatility(results: &[StressResult], changes: &[f64]) -> Option<Table> {
    let names = volatility_names(changes);
    let mut columns = vec!["scenario", ">options anew"];
    columns.extend(names.iter().map(String::as_str));
    let mut table = Table::new(&columns);
    let mut has_any = false;
    for result in results {
        let Some(pnl) = &result.outcome else { continue };
        let by_change = &pnl.beyond_first_order_pnl_by_change;
        if by_change.len() != changes.len() || by_change.is_empty() {
            continue;
        }
        has_any = true;
        let id = result.scenario.as_ref().map_or("", |scenario| &scenario.scenario_id);
        let values =
            [pnl.beyond_first_order_pnl].into_iter().chain(by_change.iter().map(|v| Some(*v)));
        let values = values.map(|value| number::gain(value, number::money_signed));
        table.row([id.into()].into_iter().chain(values));
    }
    has_any.then_some(table)
}

/// The factors, legs and positions of a P&L.
pub(crate) fn parts(page: &mut Page, pnl: &ScenarioOutcome) {
    let money = |value: f64| number::gain(Some(value), number::money_signed);
    let mut table = Table::new(&["part", ">move", ">P&L"]);
    for factor in &pnl.factors {
        let moved = factor.moved.and_then(|moved| moved.size).map(|size| match size {
            Size::TotalReturn(value) => number::percent(value),
            Size::ChangeBp(value) => format!("{} bp", number::signed(value, 0)),
            Size::ChangePoints(value) => number::signed(value, 1),
        });
        let moved = moved.map_or_else(number::absent, Cell::plain);
        table.row([factor.factor_id.as_str().into(), moved, money(factor.pnl)]);
    }
    table.row(["names themselves".into(), number::absent(), money(pnl.residual_pnl)]);
    for leg in pnl.trades.iter().flat_map(|trade| &trade.legs) {
        let name = if leg.leg_id.is_empty() { "in no leg" } else { leg.leg_id.as_str() };
        table.row([name.into(), number::absent(), money(leg.pnl)]);
    }
    if let Some(beyond) = pnl.beyond_first_order_pnl {
        table.row([format!("beside it {ANEW}").into(), number::absent(), money(beyond)]);
    }
    page.table("parts", table);
    page.say("\n");
    let mut table = Table::new(&["name", ">P&L", ">return", ">market value"]);
    for position in &pnl.positions {
        table.row([
            position.symbol.as_str().into(),
            money(position.pnl),
            number::cell(position.total_return, number::percent),
            number::cell(Some(position.market_value), number::money_signed),
        ]);
    }
    page.table("positions", table);
}

/// The likeliest way to lose an amount, for people.
pub(crate) fn likely_loss(answer: &FindLikelyLossResponse, loss: f64, terminal: Terminal) -> Page {
    let mut page = Page::new();
    let known = evidence::as_known(answer.info.as_ref());
    page.say(terminal.heading(&format!("How to lose {}, {known}", number::money(loss))));
    let outcome = answer.likely_loss.as_ref().and_then(|found| found.result.as_ref());
    page.say(likely(answer));
    if let Some(Outcome::Scenario(found)) = outcome
        && let Some(pnl) = &found.outcome
    {
        page.say("\n");
        parts(&mut page, pnl);
    }
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// The likeliest way in words, or why there is none.
pub(crate) fn likely(answer: &FindLikelyLossResponse) -> String {
    match answer.likely_loss.as_ref().and_then(|found| found.result.as_ref()) {
        Some(Outcome::Scenario(found)) => likely_words(found),
        Some(Outcome::LargestLoss(most)) => {
            let most = number::money(*most);
            format!("No scenario within the bounds loses so much; the largest loss is {most}.\n")
        }
        None => "Not computed; see the gaps.\n".to_owned(),
    }
}

fn likely_words(found: &LikelyScenario) -> String {
    let once_in = |probability: f64| match probability {
        some if 0.0 < some => format!("once in {} sessions", number::magnitude(1.0 / some)),
        _ => "never".to_owned(),
    };
    let factors = found.outcome.iter().flat_map(|pnl| &pnl.factors);
    let worst = factors.min_by(|a, b| a.pnl.total_cmp(&b.pnl));
    let through = worst.map(|worst| {
        format!(", most of it through {} ({})", worst.factor_id, number::money_signed(worst.pnl))
    });
    let beyond = found.outcome.as_ref().and_then(|pnl| pnl.beyond_first_order_pnl);
    let beyond =
        beyond.map(|beyond| format!(" Beside that P&L, {ANEW} {}.", number::money_signed(beyond)));
    format!(
        "The likeliest way is {:.1} standard deviations out{}. A loss so large happens {} if \
         returns are normal, and {} if their tails are heavy.{}\n",
        found.standard_deviations,
        through.unwrap_or_default(),
        once_in(found.probability),
        once_in(found.heavy_tail_probability),
        beyond.unwrap_or_default()
    )
}

/// The scenarios with an id, for people.
pub(crate) fn list(answer: &ListScenariosResponse, terminal: Terminal) -> Page {
    let mut page = Page::new();
    let known = evidence::as_known(answer.info.as_ref());
    page.say(terminal.heading(&format!("Scenarios, {known}")));
    let mut table = Table::new(&["scenario", "sessions", "can run", "what happened", "lacks"]);
    for scenario in &answer.scenarios {
        let can_run = match scenario.available {
            true => Cell::toned(Tone::Good, "yes"),
            false => Cell::toned(Tone::Warning, "no"),
        };
        table.row([
            scenario.scenario_id.as_str().into(),
            sessions(scenario).into(),
            can_run,
            Cell::faint(scenario.name.as_str()),
            Cell::faint(lacks(scenario)),
        ]);
    }
    page.table("scenarios", table);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// What has to be loaded or said before the scenario can be computed.
fn lacks(scenario: &ListedScenario) -> String {
    if scenario.available {
        return String::new();
    }
    let missing = scenario.needs.iter().filter(|need| !need.available);
    let needs = missing.filter_map(|need| need.need.as_ref()).map(|need| match need {
        Need::Role(role) => format!("returns of the {}", role.replace('_', " ")),
        Need::Names(_) => "prices of names".to_owned(),
        Need::SeriesId(series) => series.clone(),
        Need::MarketValueOf(symbol) => format!("the market value of {symbol}"),
        Need::RequestField(field) => format!("{field} in the request"),
    });
    needs.collect::<Vec<String>>().join(", ")
}

fn sessions(scenario: &ListedScenario) -> String {
    match &scenario.happening {
        Some(Event::Replay(window)) if window.start_on == window.end_on => window.start_on.clone(),
        Some(Event::Replay(window)) => format!("{} to {}", window.start_on, window.end_on),
        Some(Event::Hypothetical(_)) | None => "known moves".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{Gap, Scenario, SqueezedPnl, SqueezedPosition};

    fn result(pnl: f64) -> StressResult {
        StressResult {
            scenario: Some(Scenario { scenario_id: "twice".to_owned(), ..Scenario::default() }),
            name: "The rotation twice".to_owned(),
            outcome: Some(ScenarioOutcome {
                pnl,
                pnl_low: pnl - 1e6,
                pnl_high: pnl + 1e6,
                ..ScenarioOutcome::default()
            }),
            outcome_like_this: Some(ScenarioOutcome {
                pnl: 1.5 * pnl,
                ..ScenarioOutcome::default()
            }),
            sources: vec![ScenarioSourceShare {
                source: ScenarioSource::Peers.into(),
                gross_share: 0.04,
            }],
            ..StressResult::default()
        }
    }

    #[test]
    fn a_scenario_is_told_in_a_sentence() {
        let mut squeezed = result(-3.2e6);
        squeezed.squeezed = Some(SqueezedPnl {
            pnl: -5e6,
            squeeze_pnl: -1.8e6,
            positions: vec![SqueezedPosition {
                symbol: "GME".to_owned(),
                ..SqueezedPosition::default()
            }],
        });
        assert_eq!(
            words(&squeezed),
            "The rotation twice: the book would lose $3.20m, nine times of ten between -$4.20m and \
             -$2.20m; as things move on days like this one -$4.80m; with GME squeezed besides \
             -$5.00m; 4.0 % of gross rests on stand-ins.\n"
        );
        let lacking = StressResult {
            outcome: None,
            gaps: vec![Gap { detail: "the market has no close".to_owned(), ..Gap::default() }],
            ..result(0.0)
        };
        assert_eq!(words(&lacking), "The rotation twice: not computed, the market has no close.\n");
        let table = scenarios(&[squeezed, lacking]).csv();
        assert!(table.contains("twice,-3200000,-4200000,-2200000,-4800000,-5000000"), "{table}");
    }

    #[test]
    fn options_are_shown_at_every_change_of_the_volatility() {
        let pnl = ScenarioOutcome {
            beyond_first_order_pnl: Some(2.5e5),
            beyond_first_order_pnl_by_change: vec![4e5, -1e5],
            ..ScenarioOutcome::default()
        };
        let with = [StressResult { outcome: Some(pnl), ..result(0.0) }];
        let table = by_volatility(&with, &[0.1, -0.05]).unwrap().csv();
        assert!(table.contains("twice,250000,400000,-100000"), "{table}");
        // In the names of columns a sign would be lost.
        assert!(table.contains("up_10_0") && table.contains("down_5_0"), "{table}");
        // Two changes that are near each other have two names, one said twice has one.
        let near = volatility_names(&[0.04, 0.0404, -0.04]).join(" ");
        for text in ["up 4.00 points", "up 4.04 points", "down 4.00 points"] {
            assert!(near.contains(text), "{near}");
        }
        assert!(volatility_names(&[0.04, 0.04])[1].ends_with("up 4.0 points"));
        assert!(by_volatility(&with, &[]).is_none());
        assert!(by_volatility(&[result(0.0)], &[0.1]).is_none());
    }

    #[test]
    fn what_options_valued_anew_add_is_told_of_a_likely_loss_too() {
        let pnl =
            ScenarioOutcome { beyond_first_order_pnl: Some(2.5e5), ..ScenarioOutcome::default() };
        let found = LikelyScenario { outcome: Some(pnl.clone()), ..LikelyScenario::default() };
        assert!(likely_words(&found).ends_with("options valued anew add +$250.0k.\n"));
        let none = LikelyScenario::default();
        assert!(!likely_words(&none).contains("options"));
        let table = scenarios(&[StressResult { outcome: Some(pnl), ..result(0.0) }]).csv();
        assert!(table.contains("options_anew") && table.contains(",250000"), "{table}");
    }
}
