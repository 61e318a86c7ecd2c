//! Three plans in a few lines: what to trade by noon, what it costs, what is lost if the crowded
//! trade unwinds, and what is given up if it resumes.

use crate::{
    show::{
        hedge::no_plan,
        number,
        plan::{name, solution, trade_move},
        table::{Cell, Table},
    },
    terminal::Terminal,
};
use contract::v1::{BeforeAfter, HedgeOutcome, HedgeTrade, PlanHedgeResponse};

/// Minutes of the session until noon.
const NOON: i32 = 150;
/// The moves of the crowded trade that are told, in its standard deviations.
const UNWINDS: [f64; 2] = [-1.0, -3.0];
const RESUMES: f64 = 3.0;

/// The plans for people.
pub(crate) fn summary(answer: &PlanHedgeResponse, terminal: Terminal) -> String {
    format!("{}{}", terminal.wrap(&words(answer)), plans(answer).render(terminal))
}

fn outcomes(answer: &PlanHedgeResponse) -> impl Iterator<Item = &HedgeOutcome> {
    answer.plans.iter().filter_map(solution).map(|(_, outcome)| outcome)
}

fn words(answer: &PlanHedgeResponse) -> String {
    let before = outcomes(answer).next().and_then(|outcome| {
        let [one, three] = UNWINDS.map(|deviations| pnl(outcome, deviations));
        Some((one?.before, three?.before, pnl(outcome, RESUMES)?.before))
    });
    let Some((one, three, resumed)) = before else {
        return "There is no plan.\n".to_owned();
    };
    let noon = |outcome: &HedgeOutcome| {
        outcome.progress.iter().find(|at| at.minute == NOON).map(|at| at.done_share)
    };
    let done = outcomes(answer).filter_map(noon).reduce(f64::min);
    let done = done.map(|done| match done {
        all if 0.9995 <= all => "all of each plan".to_owned(),
        part => format!("{} of the slowest plan", number::share(part)),
    });
    let pace = answer.problem.as_ref().and_then(|problem| problem.max_participation);
    let pace = done.zip(pace).map(|(done, pace)| {
        format!(" At {} of volume {done} is done by noon.", number::share(pace))
    });
    format!(
        "Left alone, the book {} if the crowded trade unwinds by one standard deviation, {} if by \
         three, and {} if it resumes by three, of which each plan gives up a part.{}\n",
        number::makes_or_loses(one),
        number::makes_or_loses(three),
        number::makes_or_loses(resumed),
        pace.unwrap_or_default()
    )
}

/// The P&L of a move of the crowded trade, before and after the trades.
fn pnl(outcome: &HedgeOutcome, deviations: f64) -> Option<BeforeAfter> {
    let moved = trade_move(outcome, deviations)?;
    Some(BeforeAfter { before: moved.before.as_ref()?.pnl, after: moved.after.as_ref()?.pnl })
}

fn plans(answer: &PlanHedgeResponse) -> Table {
    let mut table = Table::new(&["plan", "trades", ">cost", ">unwind 1", ">unwind 3", ">given up"]);
    for plan in &answer.plans {
        let Some((_, outcome)) = solution(plan) else {
            table.row([name(plan).into(), Cell::faint(no_plan(plan))]);
            continue;
        };
        let after = |deviations| pnl(outcome, deviations).map(|moved| moved.after);
        let given_up = pnl(outcome, RESUMES).map(|moved| moved.before - moved.after);
        table.row([
            name(plan).into(),
            trades(&outcome.trades).into(),
            number::cell(outcome.cost.map(|cost| cost.spread + cost.impact), number::money),
            number::gain(after(UNWINDS[0]), number::money_signed),
            number::gain(after(UNWINDS[1]), number::money_signed),
            number::cell(given_up, number::money),
        ]);
    }
    table
}

/// `buy IWM $63.9m, cut 7 longs $74.0m, 24 shorts $8.7m`: what is cut is counted, the rest is named.
fn trades(trades: &[HedgeTrade]) -> String {
    let mut named = Vec::new();
    let mut cut = [("long", 0, 0.0), ("short", 0, 0.0)];
    for trade in trades {
        let value = trade.market_value;
        let held = trade.position.map_or(0.0, |position| position.before);
        if held * value < 0.0 {
            let (_, count, sum) = &mut cut[usize::from(held < 0.0)];
            *count += 1;
            *sum += value.abs();
        } else {
            let verb = if value < 0.0 { "sell" } else { "buy" };
            named.push(format!("{verb} {} {}", trade.line_id, number::money(value.abs())));
        }
    }
    let cut = cut.into_iter().filter(|(_, count, _)| 0 < *count);
    let cut = cut.map(|(side, count, sum)| {
        format!("{count} {side}{} {}", if count == 1 { "" } else { "s" }, number::money(sum))
    });
    let cut: Vec<String> = cut.collect();
    if !cut.is_empty() {
        named.push(format!("cut {}", cut.join(", ")));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(line_id: &str, before: f64, market_value: f64) -> HedgeTrade {
        let position = Some(BeforeAfter { before, after: before + market_value });
        HedgeTrade { line_id: line_id.to_owned(), market_value, position, ..HedgeTrade::default() }
    }

    #[test]
    fn what_is_cut_is_counted_and_the_rest_is_named() {
        let all = [
            trade("IWM", 0.0, 60e6),
            trade("AAPL", 10e6, -9e6),
            trade("MSFT", 10e6, -1e6),
            trade("GME", -2e6, 5e5),
            trade("QQQ", -1e6, -2e6),
        ];
        assert_eq!(
            trades(&all),
            "buy IWM $60.0m, sell QQQ $2.00m, cut 2 longs $10.0m, 1 short $500.0k"
        );
        assert_eq!(trades(&[]), "");
    }
}
