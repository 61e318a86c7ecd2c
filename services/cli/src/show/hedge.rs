//! Hedges as tables: three plans side by side, their trades, and why.

use crate::{
    show::{
        evidence,
        hedge_options::options,
        number,
        page::Page,
        plan::{name, solution, trade_move},
        table::{Cell, Table},
    },
    terminal::Terminal,
};
use contract::v1::{
    BeforeAfter, HedgeCoverStep, HedgeInfeasible, HedgeOutcome, HedgePlan, HedgeSide,
    HedgeSolution, HedgeUnsolvedReason, LikeThisDays, PlanHedgeResponse, TraceFrontierResponse,
    hedge_plan::Result as Outcome,
};

/// Steps of the cover order that are listed.
const COVER_STEPS: usize = 10;

/// Three plans, for people.
pub(crate) fn plans(answer: &PlanHedgeResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Ways out {known}")));
    page.say(as_it_is(answer));
    page.side_by_side("plans", side_by_side(answer));
    for plan in &answer.plans {
        page.say(reasons(plan));
    }
    page.table("trades", trades(answer, usize::MAX));
    further(&mut page, answer, usize::MAX);
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// How the trades are worked, at most so many of each plan, and what to buy back instead.
pub(crate) fn further(page: &mut Page, answer: &PlanHedgeResponse, most: usize) {
    if let Some(options) = options(answer, most) {
        page.say(
            "  Options, valued anew in the moves of the trade above; a premium above 0 is paid, and is \
             the most that they can lose:\n",
        );
        page.table("options", options);
    }
    if let Some(schedules) = schedules(answer, most) {
        page.say("  What is left of each trade by these times, if it is worked by itself:\n");
        page.table("schedules", schedules);
    }
    if !answer.cover_order.is_empty() {
        page.say("  If shorts are bought back instead, in this order:\n");
        page.table("cover_order", cover_order(&answer.cover_order));
    }
}

/// What the book does if nothing is done.
pub(crate) fn as_it_is(answer: &PlanHedgeResponse) -> String {
    let Some((_, outcome)) = answer.plans.iter().find_map(solution) else {
        return "There is no plan; the reasons follow.\n".to_owned();
    };
    let day = outcome.volatility.map_or(0.0, |risk| risk.before);
    let days = days_of_risk(answer.large_days.as_ref());
    let mut out = format!("As it is, the book moves {} on {days}", number::money(day));
    let pnl = |deviations| Some(trade_move(outcome, deviations)?.before.as_ref()?.pnl);
    if let (Some(unwinds), Some(resumes)) = (pnl(-3.0), pnl(3.0)) {
        let (unwinds, resumes) = (number::makes_or_loses(unwinds), number::makes_or_loses(resumes));
        out.push_str(&format!(
            "; by the betas of its names it {unwinds} if the crowded trade unwinds by three standard \
             deviations, and {resumes} if it resumes by as much"
        ));
    }
    out.push_str(".\n");
    out
}

/// The day that risk is of: a usual one, unless variances are those of large moves of the trade.
fn days_of_risk(large: Option<&LikeThisDays>) -> String {
    let Some(large) = large else { return "a usual day".to_owned() };
    format!(
        "a day like the {} on which the crowded trade moved most, by {:.2} standard deviations or more",
        large.moved_on.len(),
        large.least_standard_deviations
    )
}

/// What a desk chooses by.
const NUMBERS: [&str; 11] = [
    ">trades",
    ">traded",
    ">cost",
    ">risk a day",
    ">if it unwinds by 1 sd",
    ">if it unwinds by 3 sd",
    ">if it resumes by 3 sd",
    ">carry a year",
    ">margin",
    ">variance cut out of sample",
    ">done by the decision",
];

/// What a desk chooses by: a row for the book as it is and for each plan.
pub(crate) fn side_by_side(answer: &PlanHedgeResponse) -> Table {
    let mut table = beginning("plan", answer.plans.iter());
    for plan in &answer.plans {
        table.row(std::iter::once(name(plan).into()).chain(numbers(plan)));
    }
    table
}

/// The same of the best plan under each value of a limit.
fn along(answer: &TraceFrontierResponse) -> Table {
    let mut table =
        beginning("limit", answer.points.iter().filter_map(|point| point.plan.as_ref()));
    for point in &answer.points {
        let limit = number::cell(Some(point.limit), number::magnitude);
        table.row(std::iter::once(limit).chain(point.plan.iter().flat_map(numbers)));
    }
    table
}

/// A table of plans with the book as it is.
fn beginning<'a>(first: &str, mut plans: impl Iterator<Item = &'a HedgePlan>) -> Table {
    let headers: Vec<&str> = std::iter::once(first).chain(NUMBERS).collect();
    let mut table = Table::new(&headers);
    if let Some((_, outcome)) = plans.find_map(solution) {
        table.row(untouched(outcome));
    }
    table
}

/// The numbers of a plan, or why there is none.
fn numbers(plan: &HedgePlan) -> Vec<Cell> {
    let Some((solution, outcome)) = solution(plan) else {
        return vec![Cell::faint(no_plan(plan))];
    };
    let pnl = |deviations| Some(trade_move(outcome, deviations)?.after.as_ref()?.pnl);
    let after = |pair: Option<BeforeAfter>| pair.map(|pair| pair.after);
    let traded: f64 = outcome.trades.iter().map(|trade| trade.market_value.abs()).sum();
    let cost = outcome.cost.as_ref().map(|cost| cost.spread + cost.impact);
    let proof = solution.effectiveness.as_ref().and_then(|proof| proof.out_of_sample);
    let done = outcome.progress.first().map(|progress| progress.done_share);
    vec![
        number::counted(outcome.trades.len() as i64),
        number::cell(Some(traded), number::money),
        number::cell(cost, number::money),
        number::cell(after(outcome.volatility), number::money),
        number::gain(pnl(-1.0), number::money_signed),
        number::gain(pnl(-3.0), number::money_signed),
        number::gain(pnl(3.0), number::money_signed),
        number::cell(after(outcome.carry_per_year), number::money),
        number::cell(after(outcome.margin), number::money),
        number::cell(proof, number::share),
        number::cell(done, number::share),
    ]
}

/// The best plans as one limit takes several values, for people.
pub(crate) fn frontier(
    answer: &TraceFrontierResponse,
    constraint_id: &str,
    terminal: Terminal,
) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Plans by {constraint_id} {known}")));
    points(&mut page, answer);
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// The plans of a frontier side by side.
pub(crate) fn points(page: &mut Page, answer: &TraceFrontierResponse) {
    if answer.large_days.is_some() {
        let days = days_of_risk(answer.large_days.as_ref());
        page.say(format!("The risk of a plan is that of {days}.\n"));
    }
    page.side_by_side("frontier", along(answer));
    for point in &answer.points {
        if let Some(Outcome::Infeasible(found)) =
            point.plan.as_ref().and_then(|p| p.result.as_ref())
        {
            page.say(contradiction(&number::magnitude(point.limit), found));
        }
    }
}

/// The row of the book without any trade.
fn untouched(outcome: &HedgeOutcome) -> [Cell; 10] {
    let pnl = |deviations| Some(trade_move(outcome, deviations)?.before.as_ref()?.pnl);
    let before = |pair: Option<BeforeAfter>| pair.map(|pair| pair.before);
    [
        "as it is".into(),
        number::absent(),
        number::absent(),
        number::absent(),
        number::cell(before(outcome.volatility), number::money),
        number::gain(pnl(-1.0), number::money_signed),
        number::gain(pnl(-3.0), number::money_signed),
        number::gain(pnl(3.0), number::money_signed),
        number::cell(before(outcome.carry_per_year), number::money),
        number::cell(before(outcome.margin), number::money),
    ]
}

pub(super) fn no_plan(plan: &HedgePlan) -> &'static str {
    match &plan.result {
        Some(Outcome::Infeasible(_)) => "no trades meet the limits",
        Some(Outcome::Unbounded(_)) => "a limit is missing",
        Some(Outcome::Unsolved(unsolved)) => match unsolved.reason() {
            HedgeUnsolvedReason::NothingToTrade => "nothing to trade",
            HedgeUnsolvedReason::NoFactorModel => "too little history for a model of risk",
            HedgeUnsolvedReason::NodeLimit => "the search ended without a plan",
            HedgeUnsolvedReason::NotConverged | HedgeUnsolvedReason::Unspecified => "not solved",
        },
        _ => "not known to this program",
    }
}

/// Why a plan is as it is: what holds it back, or why there is none.
pub(crate) fn reasons(plan: &HedgePlan) -> String {
    match &plan.result {
        Some(Outcome::Infeasible(found)) => contradiction(name(plan), found),
        Some(Outcome::Unbounded(found)) => {
            let lines: Vec<&str> =
                found.directions.iter().map(|one| one.line_id.as_str()).collect();
            format!("  {}: trading {} pays without end; limit it.\n", name(plan), lines.join(", "))
        }
        Some(Outcome::Solution(solution)) => {
            format!("{}{}", shortfall(name(plan), solution), binding(name(plan), solution))
        }
        _ => String::new(),
    }
}

/// What a plan by expected shortfall was found with, and what other scenarios say of it.
fn shortfall(name: &str, solution: &HedgeSolution) -> String {
    let outcome = solution.outcome.as_ref();
    let Some((outcome, known)) = outcome.and_then(|one| Some((one, one.expected_shortfall?)))
    else {
        return String::new();
    };
    let change = |pair: BeforeAfter| {
        format!("{} to {}", number::money(pair.before), number::money(pair.after))
    };
    let scenarios = outcome.shortfall_scenario_count;
    let fresh = outcome.fresh_expected_shortfall;
    let fresh = fresh.map_or_else(String::new, |fresh| {
        format!(", and over as many others from {}", change(fresh))
    });
    format!(
        "  {name}: expected shortfall over {scenarios} scenarios from {}{fresh}.\n",
        change(known)
    )
}

fn contradiction(name: &str, found: &HedgeInfeasible) -> String {
    let mut out = format!(
        "  {name}: no trades meet all of these limits at once: {}.",
        found.conflict.join(", ")
    );
    let changes = found.alone.iter().map(|change| {
        let (id, limit) = (&change.constraint_id, number::magnitude(change.limit));
        let nearer = if change.may_be_smaller { " or nearer" } else { "" };
        format!("{id} from {limit} to {}{nearer}", number::magnitude(change.sufficient_limit))
    });
    let changes: Vec<String> = changes.collect();
    if !changes.is_empty() {
        out.push_str(&format!(" One of these is enough: {}.", changes.join("; ")));
    }
    out.push('\n');
    out
}

/// The limits that hold a plan back, by what more room would save.
fn binding(name: &str, solution: &HedgeSolution) -> String {
    let own = solution.shadow_prices.iter().filter(|price| !is_cut(&price.constraint_id));
    let prices = own.map(|price| {
        let side = if price.side() == HedgeSide::Lower { "lower" } else { "higher" };
        let worth = price.money_per_unit.abs();
        let worth = if worth < 1.0 { format!("{worth:.4}") } else { number::magnitude(worth) };
        format!("{} (one unit {side} would save ${worth})", price.constraint_id)
    });
    let parts: Vec<String> = prices.collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("  {name} is held back by {}.\n", parts.join(", ")),
    }
}

/// Whether a limit only says that a position is cut and not turned, or an option bought.
fn is_cut(constraint_id: &str) -> bool {
    constraint_id.starts_with("cut/") || constraint_id.starts_with("bought/")
}

/// The trades, at most so many of each plan, the largest first.
pub(crate) fn trades(answer: &PlanHedgeResponse, most: usize) -> Table {
    let mut table = Table::new(&[
        "plan",
        "trade",
        "name",
        ">shares",
        ">value",
        ">price",
        ">held before",
        ">after",
        ">to borrow",
    ]);
    for plan in &answer.plans {
        let Some((_, outcome)) = solution(plan) else { continue };
        for trade in outcome.trades.iter().take(most) {
            let position = trade.position;
            table.row([
                name(plan).into(),
                if trade.quantity < 0.0 { "sell" } else { "buy" }.into(),
                trade.line_id.as_str().into(),
                number::cell(Some(trade.quantity.abs()), number::magnitude),
                number::cell(Some(trade.market_value.abs()), number::money),
                number::cell(Some(trade.price), |price| format!("{price:.2}")),
                number::cell(position.map(|held| held.before), number::money),
                number::cell(position.map(|held| held.after), number::money),
                match 0.0 < trade.locate_quantity {
                    true => number::cell(Some(trade.locate_quantity), number::magnitude),
                    false => number::absent(),
                },
            ]);
        }
    }
    table
}

/// What is left of each trade by the end of each period, the same periods for all. `None` without
/// schedules.
fn schedules(answer: &PlanHedgeResponse, most: usize) -> Option<Table> {
    let plans = || answer.plans.iter().filter_map(|plan| Some((name(plan), solution(plan)?.1)));
    let first = plans().find_map(|(_, outcome)| outcome.schedules.first())?;
    let ends: Vec<String> =
        first.steps.iter().map(|step| format!(">{}", time(step.minute))).collect();
    let header = ["plan", "name", ">expected cost", ">give or take"].into_iter();
    let header: Vec<&str> = header.chain(ends.iter().map(String::as_str)).collect();
    let mut table = Table::new(&header);
    for (name, outcome) in plans() {
        for schedule in outcome.schedules.iter().take(most) {
            let left = schedule.steps.iter();
            let left = left.map(|step| number::cell(Some(step.left_market_value), number::money));
            let known: [Cell; 4] = [
                name.into(),
                schedule.line_id.as_str().into(),
                number::cell(Some(schedule.expected_cost), number::money),
                number::cell(Some(schedule.cost_deviation), number::money),
            ];
            table.row(known.into_iter().chain(left));
        }
    }
    Some(table)
}

/// The time of the day of a minute after the opening.
fn time(minute: i32) -> String {
    let minute = minute + 9 * 60 + 30;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn cover_order(steps: &[HedgeCoverStep]) -> Table {
    let mut table = Table::new(&[
        "buy back",
        ">value",
        ">cost",
        ">loss if squeezed",
        ">days",
        ">short left",
        ">squeeze loss left",
    ]);
    for step in steps.iter().take(COVER_STEPS) {
        table.row([
            step.line_id.as_str().into(),
            number::cell(Some(step.market_value), number::money),
            number::cell(Some(step.cost), number::money),
            number::cell(Some(step.squeeze_loss), number::money),
            number::cell(Some(step.days), |days| format!("{days:.1}")),
            number::cell(Some(step.remaining_short), number::money),
            number::cell(Some(step.remaining_squeeze_loss), number::money),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_by_shortfall_says_what_other_scenarios_say() {
        let pair = |before, after| Some(BeforeAfter { before, after });
        let mut outcome = HedgeOutcome {
            expected_shortfall: pair(3e6, 1e6),
            shortfall_scenario_count: 500,
            fresh_expected_shortfall: pair(2.9e6, 1.2e6),
            ..HedgeOutcome::default()
        };
        let said = |outcome: &HedgeOutcome| {
            let outcome = Some(outcome.clone());
            shortfall("both", &HedgeSolution { outcome, ..HedgeSolution::default() })
        };
        assert_eq!(
            said(&outcome),
            "  both: expected shortfall over 500 scenarios from $3.00m to $1.00m, and over as many \
             others from $2.90m to $1.20m.\n"
        );
        outcome.fresh_expected_shortfall = None;
        assert!(said(&outcome).ends_with("from $3.00m to $1.00m.\n"));
        outcome.expected_shortfall = None;
        assert_eq!(said(&outcome), "");
    }

    #[test]
    fn risk_is_said_to_be_of_the_days_that_it_is_of() {
        let outcome = HedgeOutcome {
            volatility: Some(BeforeAfter { before: 1.5e6, after: 1e6 }),
            ..HedgeOutcome::default()
        };
        let solution = HedgeSolution { outcome: Some(outcome), ..HedgeSolution::default() };
        let plan = HedgePlan { result: Some(Outcome::Solution(solution)), ..HedgePlan::default() };
        let mut answer = PlanHedgeResponse { plans: vec![plan], ..PlanHedgeResponse::default() };
        assert_eq!(as_it_is(&answer), "As it is, the book moves $1.50m on a usual day.\n");
        answer.large_days = Some(LikeThisDays {
            moved_on: vec!["2021-01-27".to_owned(); 30],
            least_standard_deviations: 0.814,
            residual_ratio: 1.0,
        });
        assert_eq!(
            as_it_is(&answer),
            "As it is, the book moves $1.50m on a day like the 30 on which the crowded trade moved \
             most, by 0.81 standard deviations or more.\n"
        );
        let mut frontier = TraceFrontierResponse::default();
        let shown = |answer: &TraceFrontierResponse| {
            super::frontier(answer, "gross", Terminal::plain()).render(Terminal::plain())
        };
        assert!(!shown(&frontier).contains("standard deviations"));
        frontier.large_days = answer.large_days;
        assert!(shown(&frontier).contains("that of a day like the 30 on which the crowded trade"));
    }
}
