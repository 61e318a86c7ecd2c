//! What holds for every problem: prices are derivatives, names and units do not matter, and equal
//! problems have equal answers.

use crate::{
    fixture::{FREE, LIMITS, answer, exact, limit, near, plan, price, statement},
    random,
};
use hedge::{
    conflict::Infeasible,
    constraint::{Measure, Side, Weights},
    limits::{Caller, Stopped},
    objective::{RiskTerm, Scenarios},
    optimize::{Answer, evaluate, optimize},
    plan::Plan,
    problem::{Problem, Statement},
};
use stats::matrix::SymmetricMatrix;

fn solved(statement: Statement) -> Option<Plan> {
    match answer(statement) {
        Answer::Plan(plan) => Some(*plan),
        Answer::Infeasible(_) | Answer::Unbounded(_) => None,
    }
}

/// −(objective(limit + ε) − objective(limit − ε))/2ε is the price of the limit.
#[test]
fn a_shadow_price_is_what_a_unit_of_the_limit_saves() {
    let mut compared = 0;
    let statements = (1..40).map(random::by_variance).chain((1..20).map(random::by_tail));
    for statement in statements {
        let Some(plan) = solved(statement.clone()) else { continue };
        for shadow in &plan.shadow_prices {
            let step = 1e-3;
            let moved = |by: f64| {
                let mut moved = statement.clone();
                for constraint in &mut moved.constraints {
                    if constraint.id == shadow.constraint {
                        match shadow.side {
                            Side::Lower => constraint.lower = constraint.lower.map(|l| l + by),
                            Side::Upper => constraint.upper = constraint.upper.map(|l| l + by),
                            Side::Equal => panic!("no equality here"),
                        }
                    }
                }
                solved(moved).map(|plan| plan.proof.objective)
            };
            let (Some(less), Some(more)) = (moved(-step), moved(step)) else { continue };
            let slope = -(more - less) / (2.0 * step);
            let side = if shadow.side == Side::Lower { -1.0 } else { 1.0 };
            assert!(0.0 < side * shadow.money_per_unit, "{shadow:?}");
            // The objective is exact to 1e-9; at a kink the slope lies between those of both sides.
            let (left, right) =
                (-(plan.proof.objective - less) / step, -(more - plan.proof.objective) / step);
            let tolerance = 1e-4 * plan.proof.objective.abs() + 1e-3 * slope.abs();
            let within = left.min(right) - tolerance <= shadow.money_per_unit
                && shadow.money_per_unit <= left.max(right) + tolerance;
            assert!(within, "{shadow:?}, {left} to {right}");
            compared += 1;
        }
    }
    assert!(50 <= compared, "{compared}");
}

#[test]
fn the_order_of_lines_and_constraints_does_not_matter() {
    for seed in 1..30 {
        let statement = random::by_variance(seed);
        let Some(plan) = solved(statement.clone()) else { continue };
        let mut turned = statement.clone();
        let last = turned.lines.len() - 1;
        turned.lines.reverse();
        turned.constraints.reverse();
        for constraint in &mut turned.constraints {
            match &mut constraint.measure {
                Measure::Weighted { weights, .. } => weights.reverse(),
                Measure::OfLines { weights, .. } => {
                    weights.iter_mut().for_each(|(line, _)| *line = last - *line);
                    weights.reverse();
                }
                Measure::Trade(line) | Measure::Position(line) => *line = last - *line,
                _ => {}
            }
        }
        let other = solved(turned).unwrap();
        near(&[other.proof.objective], &[plan.proof.objective], 1e-8 * plan.proof.objective.abs());
        let mut trades = exact(&other);
        trades.reverse();
        near(&trades, &exact(&plan), 2e-3);
    }
}

/// The currency a hundred times smaller: all money is a hundred times larger, and λ and q smaller.
#[test]
fn the_currency_does_not_matter() {
    for seed in 1..30 {
        let statement = random::by_variance(seed);
        let Some(plan) = solved(statement.clone()) else { continue };
        let cents = in_currency(&statement, 100.0);
        let other = solved(cents).unwrap();
        let dollars: Vec<f64> = exact(&other).iter().map(|x| x / 100.0).collect();
        near(&dollars, &exact(&plan), 2e-3);
        near(&[price(&other, "gross")], &[price(&plan, "gross")], 1e-5);
    }
}

/// Two lines that are the same name trade together as much as one: the problem is degenerate,
/// because any split is as good.
#[test]
fn a_line_given_twice_changes_nothing() {
    for seed in 1..20 {
        let mut statement = random::by_variance(seed);
        random::without_costs(&mut statement);
        statement.constraints.retain(|constraint| matches!(constraint.measure, Measure::Net));
        let Some(plan) = solved(statement.clone()) else { continue };
        let mut twice = statement.clone();
        let mut copy = twice.lines[twice.lines.len() - 1].clone();
        copy.id = "copy".to_owned();
        twice.lines.push(copy);
        let other = solved(twice).unwrap();
        // Without costs a hedge can take all risk away, and the objective is then rounding.
        let tolerance = 1e-7 * plan.effect.objective.before;
        near(&[other.proof.objective], &[plan.proof.objective], tolerance);
        let (mut trades, expected) = (exact(&other), exact(&plan));
        let copied = trades.pop().unwrap();
        *trades.last_mut().unwrap() += copied;
        near(&trades, &expected, 1e-2);
    }
}

#[test]
fn a_limit_said_twice_or_in_other_words_changes_nothing() {
    for seed in 1..20 {
        let statement = random::by_variance(seed);
        let Some(plan) = solved(statement.clone()) else { continue };
        let mut reworded = statement.clone();
        let ones = vec![1.0; statement.lines.len()];
        let gross: f64 = statement.lines.iter().map(|line| line.held.abs()).sum();
        let net = Measure::Weighted { offset: 0.0, kind: Weights::Members, weights: ones };
        reworded.constraints.retain(|constraint| constraint.id != "net");
        reworded.constraints.push(limit("low", net.clone(), -0.1 * gross, None));
        reworded.constraints.push(limit("high", net, None, 0.1 * gross));
        reworded.constraints.push(limit("high again", Measure::Net, None, 0.1 * gross));
        let other = solved(reworded).unwrap();
        near(&exact(&other), &exact(&plan), 2e-3);
        // Limits that say the same share one price.
        let shared = price(&other, "low") + price(&other, "high") + price(&other, "high again");
        near(&[shared], &[price(&plan, "net")], 1e-5);
    }
}

/// Bit by bit: weights of zero add nothing.
#[test]
fn weights_of_few_lines_are_those_of_all_lines() {
    let mut compared = 0;
    for seed in 1..20 {
        let mut dense = random::by_variance(seed);
        let weight = |line: usize| if line % 3 == 1 { 0.25 + line as f64 / 8.0 } else { 0.0 };
        let weights: Vec<f64> = (0..dense.lines.len()).map(weight).collect();
        let few: Vec<(usize, f64)> =
            weights.iter().copied().enumerate().filter(|(_, w)| 0.0 < *w).collect();
        let kind = Weights::Members;
        let mut sparse = dense.clone();
        let [lower, upper] = [-2.0, 3.0];
        let all = Measure::Weighted { kind, offset: 0.0, weights };
        dense.constraints.push(limit("some", all, lower, upper));
        let some = Measure::OfLines { kind, weights: few };
        sparse.constraints.push(limit("some", some, lower, upper));
        let (Some(dense), Some(sparse)) = (solved(dense), solved(sparse)) else { continue };
        assert_eq!(exact(&dense), exact(&sparse), "seed {seed}");
        assert_eq!(dense.effect.measures, sparse.effect.measures, "seed {seed}");
        compared += 1;
    }
    assert!(10 <= compared, "{compared}");
}

/// Without risk to remove, trading only costs.
#[test]
fn a_book_without_risk_does_not_trade() {
    let zero = SymmetricMatrix::from_lower(2, |_, _| 0.0).unwrap();
    let costs = hedge::line::Trading { buy_cost: 1e-4, sell_cost: 1e-4, ..FREE };
    let plan = plan(statement(zero, &[100.0, 0.0], &[None, Some(costs)]));
    near(&exact(&plan), &[0.0], 1e-4);
    near(&[plan.trades[0].money], &[0.0], 0.0);
    assert_eq!(plan.effect.effectiveness, None);
}

#[test]
fn equal_problems_have_equal_bits() {
    for statement in [random::by_variance(5), random::by_tail(5)] {
        assert_eq!(answer(statement.clone()), answer(statement));
    }
}

#[test]
fn an_answer_agrees_with_the_judgement_of_its_trades() {
    for seed in 1..30 {
        let statement = random::by_variance(seed);
        let Some(plan) = solved(statement.clone()) else { continue };
        let problem = Problem::new(statement).unwrap();
        let trades: Vec<f64> = plan.trades.iter().map(|trade| trade.money).collect();
        let judged = evaluate(&problem, &trades).unwrap();
        assert_eq!(judged.effect, plan.effect);
        assert!(judged.breaches.is_empty(), "{:?}", judged.breaches);
        // Doing nothing is a plan, too, unless it breaks a constraint.
        let nothing = evaluate(&problem, &vec![0.0; trades.len()]).unwrap();
        let is_better = plan.effect.objective.after <= nothing.effect.objective.after + 1e-9;
        assert!(is_better || !nothing.breaches.is_empty());
    }
}

/// The tail over few scenarios, to which those that matter are added, is the tail over all: no
/// nearby trades have a lower objective.
#[test]
fn no_trades_nearby_have_a_smaller_tail() {
    for seed in 1..30 {
        let mut statement = random::by_tail(seed);
        statement.constraints.clear();
        let RiskTerm::Tail { scenarios, .. } = &statement.objective.risk else { continue };
        let scenarios: Scenarios = scenarios.clone();
        let Some(plan) = solved(statement.clone()) else { continue };
        let problem = Problem::new(statement).unwrap();
        let best = exact(&plan);
        let objective = |trades: &[f64]| evaluate(&problem, trades).unwrap().effect.objective.after;
        near(&[objective(&best)], &[plan.proof.objective], 1e-9);
        assert_eq!(scenarios.count(), 80);
        for line in 0..best.len() {
            for step in [-1.0, 1.0] {
                let mut moved = best.clone();
                moved[line] += step;
                assert!(plan.proof.objective <= objective(&moved) + 1e-7);
            }
        }
    }
}

#[test]
fn a_caller_that_is_gone_gets_nothing() {
    let problem = Problem::new(random::by_variance(5)).unwrap();
    assert_eq!(optimize(&problem, LIMITS, &Caller::new(|| true)), Err(Stopped::Cancelled));
}

/// Books of a thousandth and of a billion, where risk is free and where it is dear: every problem
/// is solved, with small residuals.
#[test]
fn problems_of_any_size_are_solved() {
    let sizes =
        [1e-3, 1e9].into_iter().flat_map(|money| [0.0, 1e-4, 1e4].map(|risk| (money, risk)));
    for (money, risk) in sizes {
        // The problem with seed 200 did not converge while the objective was scaled by risk alone.
        for seed in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 200] {
            let mut statement = in_currency(&random::by_variance(seed), money);
            if let RiskTerm::Variance { aversion } = &mut statement.objective.risk {
                *aversion *= risk;
            }
            if let Some(plan) = solved(statement) {
                assert!(plan.proof.residuals.largest() <= 1e-7, "{:?}", plan.proof);
            }
        }
    }
}

/// The same problem in a currency of which a unit of the old one buys `rate`.
fn in_currency(statement: &Statement, rate: f64) -> Statement {
    let mut other = statement.clone();
    for line in &mut other.lines {
        line.held *= rate;
        line.trading.iter_mut().for_each(|terms| terms.impact /= rate);
    }
    if let RiskTerm::Variance { aversion } = &mut other.objective.risk {
        *aversion /= rate;
    }
    for constraint in &mut other.constraints {
        constraint.lower.iter_mut().chain(&mut constraint.upper).for_each(|limit| *limit *= rate);
    }
    other
}

/// A limit on a position is one on its trade, less what is held.
#[test]
fn a_limit_on_a_position_is_one_on_its_trade() {
    for seed in 1..20 {
        let mut by_trade = random::by_variance(seed);
        let line = (seed % 3) as usize;
        let held = by_trade.lines[line].held;
        let mut by_position = by_trade.clone();
        by_trade.constraints.push(limit("one", Measure::Trade(line), -5.0, 5.0));
        let measure = Measure::Position(line);
        by_position.constraints.push(limit("one", measure, held - 5.0, held + 5.0));
        let (Some(one), Some(other)) = (solved(by_trade), solved(by_position)) else { continue };
        near(&exact(&other), &exact(&one), 2e-3);
        near(&[price(&other, "one")], &[price(&one, "one")], 1e-6);
    }
}

/// The limits leave one point, or say the same twice: both sell 20, which is all that the ranges
/// allow and just what the net needs.
#[test]
fn limits_that_leave_a_single_point_have_it_as_answer() {
    let covariance = SymmetricMatrix::from_lower(3, |i, j| if i == j { 1e-4 } else { 5e-5 });
    let costs = hedge::line::Trading { buy_cost: 1e-4, sell_cost: 1e-4, ..FREE };
    let trading = [None, Some(costs), Some(costs)];
    let held = [100.0, 0.0, 0.0];
    let mut point = statement(covariance.unwrap(), &held, &trading);
    point.constraints = vec![
        limit("first", Measure::Trade(1), -20.0, 20.0),
        limit("second", Measure::Trade(2), -20.0, 20.0),
        limit("net", Measure::Net, None, 60.0),
    ];
    near(&exact(&plan(point.clone())), &[-20.0, -20.0], 1e-3);
    point.constraints[2] = limit("net", Measure::Net, 60.0, 60.0);
    near(&exact(&plan(point.clone())), &[-20.0, -20.0], 1e-3);
    point.constraints[2] = limit("net", Measure::Net, 70.0, 70.0);
    point.constraints.push(limit("net again", Measure::Net, 70.0, 70.0));
    let trades = exact(&plan(point));
    near(&[trades[0], trades[1]], &[-15.0, -15.0], 1e-3);
}

/// Where every trade costs the same, a limit on the cost is one on turnover times that, and so is what
/// would suffice; where some cost nothing, they are not limited.
#[test]
fn a_limit_on_spreads_is_one_on_turnover_times_the_cost() {
    let (mut compared, mut conflicts) = (0, 0);
    for seed in 1..40 {
        let mut statement = random::by_variance(seed);
        for terms in statement.lines.iter_mut().filter_map(|line| line.trading.as_mut()) {
            (terms.buy_cost, terms.sell_cost) = (5e-4, 5e-4);
        }
        let turnover = statement.constraints.iter_mut().find(|c| c.id == "turnover").unwrap();
        turnover.upper = turnover.upper.map(|most| 0.3 * most);
        let mut spread = statement.clone();
        let limited = spread.constraints.iter_mut().find(|c| c.id == "turnover").unwrap();
        limited.measure = Measure::Spread;
        limited.upper = limited.upper.map(|most| 5e-4 * most);
        match (answer(statement), answer(spread)) {
            (Answer::Plan(turnover), Answer::Plan(spread)) => {
                let objective = turnover.proof.objective;
                near(&[spread.proof.objective], &[objective], 1e-7 * objective.abs());
                let prices = (price(&turnover, "turnover"), price(&spread, "turnover"));
                near(&[5e-4 * prices.1], &[prices.0], 1e-5 * prices.0.abs());
                let made = &spread.effect;
                let at = 1;
                near(&[made.measures[at].after], &[made.cost.after.linear], 1e-12);
                compared += usize::from(0.0 < prices.0);
            }
            (Answer::Infeasible(turnover), Answer::Infeasible(spread)) => {
                assert_eq!(turnover.conflict, spread.conflict);
                let most = |found: &Infeasible| {
                    found.alone.iter().find(|c| c.constraint == "turnover").map(|c| c.to)
                };
                if let (Some(turnover), Some(spread)) = (most(&turnover), most(&spread)) {
                    // A millionth of the book beyond the smallest each.
                    near(&[spread], &[5e-4 * turnover], 1e-3);
                    conflicts += 1;
                }
            }
            others => panic!("{seed}: {others:?}"),
        }
    }
    assert!(10 < compared && 2 < conflicts, "{compared} {conflicts}");
}
