//! The ways out of a book on one page: three plans side by side, and what they trade.

use crate::{
    report::{
        chart::{Bars, Plane, Point, Series, Shade},
        document::Document,
    },
    show::{evidence, hedge, number, plan},
};
use contract::v1::{
    HedgeOutcome, HedgePnlRange, HedgeTradeMove, PlanHedgeResponse, TraceFrontierResponse,
};

/// Trades of a plan that are listed.
const TRADES: usize = 10;
/// The moves of the crowded trade that are drawn, in its standard deviations.
const MOVES: [(f64, &str); 3] = [
    (-3.0, "The trade unwinds by three standard deviations"),
    (-1.0, "It unwinds by one"),
    (3.0, "It resumes by three"),
];

/// The report of three plans.
pub(crate) fn document(book: &str, answer: &PlanHedgeResponse) -> Document {
    let info = answer.info.as_ref();
    let title = format!("Ways out of {book} {}", evidence::as_known(info));
    let mut document = Document::new(title, info, &answer.currency);
    document.doubts(info);
    document.add(|page| {
        page.say(hedge::as_it_is(answer));
        page.side_by_side("plans", hedge::side_by_side(answer));
        page.say(
            "  P&L above 0 is a gain; cost, risk, carry and margin above 0 are paid or lost.\n",
        );
        answer.plans.iter().for_each(|plan| page.say(hedge::reasons(plan)));
    });
    document.bars(moves(answer));
    document.bars(risks(answer));
    document.heading("What to trade");
    document.add(|page| {
        page.table("trades", hedge::trades(answer, TRADES));
        for plan in &answer.plans {
            let trades = plan::solution(plan).map_or(0, |(_, outcome)| outcome.trades.len());
            if TRADES < trades {
                let name = plan::name(plan);
                page.say(format!("  {name}: the largest {TRADES} of {trades} trades.\n"));
            }
        }
        hedge::further(page, answer, TRADES);
    });
    document.lacks(info, &answer.unresolved);
    document
}

/// The report of the best plans as one limit takes several values.
pub(crate) fn frontier(
    book: &str,
    answer: &TraceFrontierResponse,
    constraint_id: &str,
) -> Document {
    let info = answer.info.as_ref();
    let title = format!("Ways out of {book} by {constraint_id} {}", evidence::as_known(info));
    let mut document = Document::new(title, info, &answer.currency);
    document.doubts(info);
    let plane = |title: &str, y_axis, number: fn(&HedgeOutcome) -> Option<f64>| Plane {
        title: title.to_owned(),
        x_axis: "the limit, in its unit",
        y_axis,
        write_x: number::magnitude,
        write_y: number::money,
        diagonal: None,
        series: vec![Series { name: "the best plan", is_line: true, runs: runs(answer, number) }],
    };
    document.plane(plane(
        "Risk of a day after the trades",
        "standard deviation of the P&L",
        |outcome| outcome.volatility.map(|risk| risk.after),
    ));
    document.plane(plane("Objective after the trades", "money; lower is better", |outcome| {
        outcome.objective.map(|objective| objective.after)
    }));
    document.add(|page| hedge::points(page, answer));
    document.lacks(info, &answer.unresolved);
    document
}

/// The points of a frontier from the lowest limit up, whatever the order of the request. A limit that
/// no plan keeps ends a run: a line across it would show plans that do not exist.
fn runs(
    answer: &TraceFrontierResponse,
    number: fn(&HedgeOutcome) -> Option<f64>,
) -> Vec<Vec<Point>> {
    let mut points: Vec<_> = answer.points.iter().collect();
    points.sort_by(|a, b| a.limit.total_cmp(&b.limit));
    let points: Vec<Option<Point>> = points
        .into_iter()
        .map(|point| {
            let (_, outcome) = plan::solution(point.plan.as_ref()?)?;
            Some(Point { x: point.limit, y: number(outcome)?, error: None })
        })
        .collect();
    let runs = points.split(Option::is_none).map(|run| run.iter().copied().flatten().collect());
    runs.filter(|run: &Vec<Point>| !run.is_empty()).collect()
}

/// The plans that have trades, by name, with the place of their colour; the book itself is first.
fn outcomes(answer: &PlanHedgeResponse) -> impl Iterator<Item = (usize, &str, &HedgeOutcome)> {
    let plans = answer.plans.iter().enumerate();
    plans.filter_map(|(at, plan)| Some((at + 1, plan::name(plan), plan::solution(plan)?.1)))
}

fn moves(answer: &PlanHedgeResponse) -> Bars {
    let title = "What the book makes or loses if the crowded trade moves";
    let axis = "expected P&L of a day; lines hold nine days of ten";
    let mut bars = Bars::new(title, axis, number::money_signed);
    for (deviations, label) in MOVES {
        let moved = |outcome: &HedgeOutcome, side: fn(&HedgeTradeMove) -> Option<HedgePnlRange>| {
            side(plan::trade_move(outcome, deviations)?)
        };
        let before = outcomes(answer).find_map(|(_, _, all)| moved(all, |one| one.before));
        let after = outcomes(answer)
            .filter_map(|(at, name, all)| Some((at, name, moved(all, |one| one.after)?)));
        let rows: Vec<_> =
            before.map(|before| (0, "as it is", before)).into_iter().chain(after).collect();
        if !rows.is_empty() {
            bars.group(label);
        }
        for (at, name, range) in rows {
            bars.bar(name, Shade::Series(at), range.pnl, Some((range.pnl_low, range.pnl_high)));
        }
    }
    bars
}

fn risks(answer: &PlanHedgeResponse) -> Bars {
    let mut bars = Bars::new(
        "Risk of a day",
        "standard deviation of a day's P&L by the factor model",
        number::money,
    );
    let mut is_first = true;
    for (at, name, outcome) in outcomes(answer) {
        let Some(risk) = outcome.volatility else { continue };
        if std::mem::take(&mut is_first) {
            bars.bar("as it is", Shade::Series(0), risk.before, None);
        }
        bars.bar(name, Shade::Series(at), risk.after, None);
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{HedgeFrontierPoint, HedgePlan, HedgeSolution, hedge_plan::Result as Found};

    #[test]
    fn a_line_of_a_frontier_goes_up_the_limits_and_ends_where_no_plan_is() {
        let point = |limit, has_plan: bool| {
            let outcome = Some(HedgeOutcome::default());
            let solution = HedgeSolution { outcome, ..HedgeSolution::default() };
            let result = has_plan.then_some(Found::Solution(solution));
            let plan = Some(HedgePlan { result, ..HedgePlan::default() });
            HedgeFrontierPoint { limit, plan }
        };
        let points = vec![point(5.0, true), point(1.0, true), point(3.0, false), point(2.0, true)];
        let answer = TraceFrontierResponse { points, ..TraceFrontierResponse::default() };
        let found = runs(&answer, |_| Some(7.0));
        let found: Vec<Vec<f64>> =
            found.iter().map(|run| run.iter().map(|point| point.x).collect()).collect();
        assert_eq!(found, [vec![1.0, 2.0], vec![5.0]]);
    }
}
