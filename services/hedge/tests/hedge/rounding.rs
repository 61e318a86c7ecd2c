//! Lots, units, costs in their parts, and what rounding breaks.

use crate::{
    fixture::{FREE, LIMITS, exact, limit, near, plan, statement},
    random,
};
use hedge::{
    breach::Breach,
    constraint::{Exclusion, ExclusionRule, MaxLines, Measure, MinTicket, Unit},
    limits::{Caller, Stopped},
    line::{Trading, quadratic_impact},
    optimize::{Answer, evaluate, optimize},
    problem::{Problem, Statement},
    squeezed::SqueezedOptions,
};
use stats::matrix::SymmetricMatrix;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// 100 of a line without risk, hedged by one that trades in lots of two units of 5.
fn book(lower: Option<f64>, upper: Option<f64>) -> Statement {
    let zero = SymmetricMatrix::from_lower(2, |_, _| 0.0).unwrap();
    let lots = Trading {
        unit_value: 5.0,
        lot_units: Some(2.0),
        buy_cost: 1e-3,
        sell_cost: 2e-3,
        impact: 1e-4,
        long_carry_per_session: 1e-5,
        short_carry_per_session: 3e-5,
        ..FREE
    };
    let mut statement = statement(zero, &[100.0, 0.0], &[None, Some(lots)]);
    statement.objective.horizon_sessions = 10.0;
    statement.constraints = vec![limit("net", Measure::Net, lower, upper)];
    statement
}

/// At least 53 must be sold. The nearest lot, 50, is too little: 60 are sold.
#[test]
fn a_lot_that_misses_a_limit_is_replaced_by_one_that_meets_it() {
    let plan = plan(book(None, Some(47.0)));
    let trade = plan.trades[0];
    near(&[trade.exact_money], &[-53.0], 1e-5);
    near(&[trade.units, trade.money, trade.position], &[-12.0, -60.0, -60.0], 1e-12);
    assert!(plan.breaches.is_empty());
    // 60·0.002; ½·1e-4·60²; ten days of 60·3e-5.
    let cost = plan.effect.cost.after;
    near(&[cost.linear, cost.impact, cost.holding], &[0.12, 0.18, 0.018], 1e-12);
    near(&[plan.effect.net.before, plan.effect.net.after], &[100.0, 40.0], 1e-12);
    near(&[plan.effect.measures[0].before, plan.effect.measures[0].after], &[100.0, 40.0], 1e-12);
}

/// Exactly 53 must be sold: no lots do, and 50 are the nearest.
#[test]
fn what_lots_cannot_meet_is_reported_with_its_amount() {
    let plan = plan(book(Some(47.0), Some(47.0)));
    near(&[plan.trades[0].money], &[-50.0], 1e-12);
    assert_eq!(plan.breaches.len(), 1);
    assert_eq!(plan.breaches[0].constraint, "net");
    near(&[plan.breaches[0].amount], &[3.0], 1e-12);
}

/// Random problems with every kind of limit, rounded by trying each step and judging the whole book
/// anew: the same trades.
#[test]
fn steps_are_those_that_lower_the_sum_of_breaches_most() {
    let mut moved = 0;
    for seed in 1..120 {
        let problem = Problem::new(in_lots(seed)).unwrap();
        let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
            continue;
        };
        let lots: Vec<f64> = traded(&problem).map(|terms| terms.lot_value().unwrap()).collect();
        let nearest: Vec<f64> =
            exact(&plan).iter().zip(&lots).map(|(x, lot)| (x / lot).round() * lot).collect();
        let expected = by_trying(&problem, nearest.clone(), &lots);
        let found: Vec<f64> = plan.trades.iter().map(|trade| trade.money).collect();
        near(&found, &expected, 1e-9);
        moved += usize::from(found != nearest);
    }
    assert!(20 < moved, "{moved} problems took steps");
}

fn traded(problem: &Problem) -> impl Iterator<Item = Trading> {
    problem.statement().lines.iter().filter_map(|line| line.trading)
}

/// The random problem in lots of different values, with limits on participation, the worst shorts with
/// options among them, one side of some lines, a position, tickets, the number of lines and exclusions
/// besides.
fn in_lots(seed: u32) -> Statement {
    let mut statement = random::by_variance(seed);
    let mut last = 0;
    for (at, line) in statement.lines.iter_mut().enumerate() {
        let Some(terms) = &mut line.trading else { continue };
        terms.unit_value = 3.1 + 0.7 * at as f64;
        terms.lot_units = Some(f64::from(1 + seed % 3));
        terms.volume = Some(150.0 + 10.0 * at as f64);
        // A fund of two names.
        line.loadings = if at == 3 { vec![(0, 0.6), (3, 0.5)] } else { vec![(at, 1.0)] };
        last = at;
    }
    let losses = (0..statement.lines.len()).map(|at| 0.2 + 0.03 * at as f64).collect();
    let held = statement.lines[last - 1].held;
    // The last line is an option, the one before has one that does not trade.
    let options = SqueezedOptions {
        lines: vec![(last, vec![(last, -0.12)])],
        written: vec![(last, vec![(last, 0.2)])],
        held: vec![(last - 1, vec![(last - 1, -3.0)])],
    };
    let weights = vec![(last - 1, 1.5), (last, -2.0)];
    statement.constraints.extend([
        limit("one side", Measure::Positive { weights }, None, 20.0),
        limit("participation", Measure::Participation, None, 0.3),
        limit("shorts", Measure::WorstShorts { count: 2, losses, options }, None, 30.0),
        limit("position", Measure::Position(last - 1), held - 31.0, held + 17.0),
    ]);
    let exclude = |line, rule| Exclusion { id: format!("no {line}"), line, rule };
    match seed % 4 {
        0 => statement.exclusions = vec![exclude(last, ExclusionRule::NoNewShort)],
        1 => statement.exclusions = vec![exclude(last, ExclusionRule::NoTrade)],
        2 => statement.min_ticket = Some(MinTicket { id: "ticket".to_owned(), money: 5.0 }),
        _ => {
            let ranges = random::bounded(statement.clone()).constraints;
            statement.constraints.extend(ranges);
            statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count: 3 });
        }
    }
    statement
}

/// The rule as it is written.
fn by_trying(problem: &Problem, mut trades: Vec<f64>, lots: &[f64]) -> Vec<f64> {
    let size: f64 = problem.statement().lines.iter().map(|line| line.held.abs()).sum();
    let share = |breach: &Breach| match breach.unit {
        Unit::VolumeShare | Unit::Lines => breach.amount,
        _ => breach.amount / size,
    };
    let excess = |trades: &[f64]| -> f64 {
        evaluate(problem, trades).unwrap().breaches.iter().map(share).sum()
    };
    for _ in 0..2 * trades.len() {
        let steps = lots.iter().enumerate().flat_map(|(at, lot)| [(at, -lot), (at, *lot)]);
        let tried = steps.map(|(at, step)| {
            let mut moved = trades.clone();
            moved[at] = ((moved[at] + step) / step).round() * step;
            (excess(&moved), moved)
        });
        let Some((least, moved)) = tried.min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        if excess(&trades) <= least {
            break;
        }
        trades = moved;
    }
    trades
}

/// However often it was asked before: in each iteration of the convex problem, and before each step.
#[test]
fn a_caller_that_leaves_gets_nothing() {
    let problem = Problem::new(book(None, Some(47.0))).unwrap();
    let solve = |most: usize| {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let leaving = Caller::new(move || most <= count.fetch_add(1, Ordering::Relaxed));
        (optimize(&problem, LIMITS, &leaving), asked.load(Ordering::Relaxed))
    };
    let (answer, questions) = solve(usize::MAX);
    assert!(answer.is_ok() && 5 < questions, "{questions}");
    for most in 0..questions {
        assert_eq!(solve(most), (Err(Stopped::Cancelled), most + 1));
    }
}

/// 156,250 lots of 640 are 100 millions. Of 59 less, net is −59 after selling them, and a limit of one
/// is missed by 58: less than a millionth of the book.
#[test]
fn a_miss_that_is_small_beside_the_book_is_reported() {
    let zero = SymmetricMatrix::from_lower(2, |_, _| 0.0).unwrap();
    let lots = Trading { unit_value: 6.4, lot_units: Some(100.0), buy_cost: 1e-3, ..FREE };
    let mut statement = statement(zero, &[1e8 - 59.0, 0.0], &[None, Some(lots)]);
    statement.constraints = vec![limit("net", Measure::Net, -1.0, 1.0)];
    let plan = plan(statement);
    assert_eq!(plan.breaches.len(), 1);
    near(&[plan.breaches[0].amount], &[58.0], 1e-6);
}

/// b·σ·x^{3/2}/√V at x = 100 with b = 1, σ = 0.02, V = 400: 0.02·1000/20 = 1 = ½·q·100².
#[test]
fn the_quadratic_impact_costs_what_the_law_does_at_the_reference() {
    let q = quadratic_impact(1.0, 0.02, 400.0, 100.0);
    near(&[0.5 * q * 100.0 * 100.0], &[1.0], 1e-12);
}
