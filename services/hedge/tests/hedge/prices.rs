//! Prices of limits are what relaxing them saves, also where limits pin trades and a multiplier may be
//! any of many.

use crate::{
    fixture::{FREE, LIMITS, answer, exact, limit, near, plan, price, statement},
    random,
};
use hedge::{
    constraint::{Constraint, Measure, Side},
    limits::Caller,
    line::{Line, Trading},
    optimize::{Answer, optimize},
    plan::Plan,
    problem::{Problem, Statement},
    risk::FactorRisk,
    squeezed::SqueezedOptions,
};
use stats::matrix::SymmetricMatrix;

/// Money by which a limit is relaxed; books have about 300.
const STEP: f64 = 0.01;

fn solved(statement: Statement) -> Option<Plan> {
    match answer(statement) {
        Answer::Plan(plan) => Some(*plan),
        Answer::Infeasible(_) | Answer::Unbounded(_) => None,
    }
}

fn relaxed(statement: &Statement, at: usize, side: Side, by: f64) -> Statement {
    let mut relaxed = statement.clone();
    let constraint = &mut relaxed.constraints[at];
    match side {
        Side::Lower => constraint.lower = constraint.lower.map(|lower| lower - by),
        Side::Upper => constraint.upper = constraint.upper.map(|upper| upper + by),
        Side::Equal => panic!("no equality here"),
    }
    relaxed
}

/// Compares the price of every limit, zero for one that has none, with what relaxing it alone by two
/// steps saves. The objective is convex in the limit, so the saving per unit rises to the price as the
/// step falls: the price lies above that of the small step by at most what that lies above the large.
fn assert_prices(statement: &Statement, name: &str) -> usize {
    let Some(plan) = solved(statement.clone()) else { return 0 };
    let objective = plan.proof.objective;
    let mut compared = 0;
    for (at, constraint) in statement.constraints.iter().enumerate() {
        for side in sides(constraint) {
            let saved = |by: f64| {
                let more = solved(relaxed(statement, at, side, by)).unwrap();
                (objective - more.proof.objective) / by
            };
            let (large, small) = (saved(2.0 * STEP), saved(STEP));
            let of =
                |p: &&hedge::plan::ShadowPrice| p.constraint == constraint.id && p.side == side;
            let found = plan.shadow_prices.iter().find(of).map_or(0.0, |p| p.money_per_unit);
            let sign = if side == Side::Lower { -1.0 } else { 1.0 };
            // The objective is exact to about 1e-9 of itself; a price below 1e-6 of it per book is none.
            let noise = 2e-6 * objective.abs();
            let bend = 3.0 * (small - large).max(0.0) + 1e-2 * small.abs();
            let found = sign * found;
            let within = small - noise <= found && found <= small + bend + noise;
            assert!(within, "{name}, {} {side:?}: {found} for {large}, {small}", constraint.id);
            compared += usize::from(0.0 < found);
        }
    }
    compared
}

fn sides(constraint: &Constraint) -> Vec<Side> {
    let lower = constraint.lower.map(|_| Side::Lower);
    lower.into_iter().chain(constraint.upper.map(|_| Side::Upper)).collect()
}

/// Positions of a random book may only shrink, as in a plan that cuts.
fn cut(mut statement: Statement) -> Statement {
    let lines = statement.lines.iter().enumerate();
    let held = lines.filter(|(_, line)| line.trading.is_some() && 0.0 < line.held.abs());
    let cuts: Vec<Constraint> = held
        .map(|(at, line)| {
            let range = (line.held.min(0.0), line.held.max(0.0));
            limit(&format!("cut {}", line.id), Measure::Position(at), range.0, range.1)
        })
        .collect();
    statement.constraints.extend(cuts);
    statement
}

/// Every limit at what it limits in the book as held, with options in the squeeze: every other line is one,
/// and every third has some that do not trade.
fn as_held(mut statement: Statement) -> Statement {
    let sources = statement.risk.specific_variances().len();
    let losses = (0..sources).map(|source| 0.2 + 0.01 * source as f64).collect();
    let gross: f64 = statement.lines.iter().map(|line| line.held.abs()).sum();
    let net: f64 = statement.lines.iter().map(|line| line.held).sum();
    let by_line = |step: usize, pnl: f64| {
        (0..sources).step_by(step).map(|line| (line, vec![(line, pnl)])).collect()
    };
    let options = SqueezedOptions {
        lines: by_line(2, -0.03),
        written: by_line(4, -0.02),
        held: by_line(3, -1.5),
    };
    let shorts = Measure::WorstShorts { count: 3, losses, options };
    let lost = |(source, line): (usize, &Line)| {
        let convex = if source.is_multiple_of(2) { -0.03 * line.held } else { 0.0 };
        let written = if source.is_multiple_of(4) { (-0.02 * line.held).min(0.0) } else { 0.0 };
        let own = if source.is_multiple_of(3) { -1.5 } else { 0.0 };
        ((0.2 + 0.01 * source as f64) * -line.held - convex - written - own).max(0.0)
    };
    let mut squeezed: Vec<f64> = statement.lines.iter().enumerate().map(lost).collect();
    squeezed.sort_by(|a, b| b.total_cmp(a));
    let squeezed: f64 = squeezed.iter().take(3).sum();
    statement.constraints = vec![
        limit("gross", Measure::Gross, None, gross),
        limit("long", Measure::Net, None, net),
        limit("squeeze", shorts, None, squeezed),
    ];
    statement
}

fn with(mut statement: Statement, constraint: Constraint) -> Statement {
    statement.constraints.push(constraint);
    statement
}

#[test]
fn a_price_is_what_relaxing_the_limit_alone_saves() {
    let mut compared = [0; 5];
    for seed in 1..40 {
        let of = || random::by_variance(seed);
        let turnover = |most: f64| limit("none", Measure::Turnover, None, most);
        let line = of().lines.len() - 1;
        let mut pinned = with(cut(of()), limit("low", Measure::Trade(line), 0.0, None));
        pinned.constraints.push(limit("high", Measure::Trade(line), None, 0.0));
        let cases = [
            ("cut", cut(of())),
            ("as held", as_held(of())),
            ("as held, cut", cut(as_held(of()))),
            ("nothing trades", with(cut(as_held(of())), turnover(0.0))),
            ("pinned", pinned),
        ];
        for ((name, statement), compared) in cases.into_iter().zip(&mut compared) {
            *compared += assert_prices(&statement, &format!("{name}, seed {seed}"));
        }
    }
    assert!(compared.iter().all(|count| 10 <= *count), "{compared:?}");
}

#[test]
fn a_price_of_a_tail_is_what_relaxing_the_limit_alone_saves() {
    let mut compared = 0;
    for seed in 1..20 {
        let turnover = limit("none", Measure::Turnover, None, 0.0);
        compared += assert_prices(&cut(as_held(random::by_tail(seed))), &format!("seed {seed}"));
        let pinned = with(cut(as_held(random::by_tail(seed))), turnover);
        compared += assert_prices(&pinned, &format!("nothing trades, seed {seed}"));
    }
    assert!(10 <= compared, "{compared}");
}

/// One line hedges 100 of a variance of 1e-4 at a cost of 0.5 %: the first unit sold takes
/// 2·100·1e-4 = 0.02 of the objective x² · 1e-4, less its cost 0.005, if λ and the horizon are one. A
/// turnover of zero has that price, whatever larger multiplier is optimal, too; where buying, which only
/// costs, is all that another limit leaves, it is worth nothing.
#[test]
fn a_turnover_of_zero_is_worth_the_first_unit() {
    let covariance = SymmetricMatrix::from_lower(2, |_, _| 1e-4).unwrap();
    let costs = Trading { buy_cost: 5e-3, sell_cost: 5e-3, ..FREE };
    let mut pinned = statement(covariance, &[100.0, 0.0], &[None, Some(costs)]);
    pinned.constraints = vec![limit("turnover", Measure::Turnover, None, 0.0)];
    let found = plan(pinned.clone());
    near(&exact(&found), &[0.0], 1e-6);
    near(&[price(&found, "turnover")], &[0.015], 1e-6);
    pinned.constraints.push(limit("bought", Measure::Trade(1), 0.0, None));
    let found = plan(pinned);
    near(&[price(&found, "turnover"), price(&found, "bought")], &[0.0, 0.0], 1e-6);
}

/// Selling an option costs 0.01 and earns 0.03 of its money, so its gain is 0.02, and only the
/// squeeze budget ends it, of 5 or of
/// nothing, where no trade is at the kink between buying and selling. Its name jumps by 0.4. A written call loses 0.2 beyond that, 0.6 in
/// all: a unit of the budget is worth 0.02/0.6 = 1/30. A bought put makes 0.3 of it good again and
/// loses 0.1: 0.02/0.1 = 0.2. It is the same if a part of what is written is lost by writing alone.
#[test]
fn a_price_of_the_squeeze_budget_is_that_of_the_options_that_trade() {
    let written_alone = vec![(0, vec![(0, 0.15)])];
    let cases = [
        ("call", 0.2, Vec::new(), 1.0 / 30.0, -25.0 / 3.0),
        ("call, in two parts", 0.05, written_alone.clone(), 1.0 / 30.0, -25.0 / 3.0),
        ("put", -0.3, Vec::new(), 0.2, -50.0),
        ("put, which is written as a long", -0.3, vec![(0, vec![(0, -0.15)])], 0.2, -50.0),
    ];
    for (name, beyond, written, expected, trade) in cases {
        let zero = SymmetricMatrix::from_lower(1, |_, _| 0.0).unwrap();
        // As with an option, what a short earns a long pays.
        let earns = Trading {
            buy_cost: 0.01,
            sell_cost: 0.01,
            long_carry_per_session: 0.03,
            short_carry_per_session: -0.03,
            ..FREE
        };
        let mut statement = statement(zero.clone(), &[0.0], &[Some(earns)]);
        statement.risk = FactorRisk::new(zero, vec![0.0]).unwrap();
        statement.lines[0].loadings = vec![(0, 1.0)];
        let lines = vec![(0, vec![(0, beyond)])];
        let options = SqueezedOptions { lines, written, held: Vec::new() };
        let worst = Measure::WorstShorts { count: 1, losses: vec![0.4], options };
        for (most, trade) in [(5.0, trade), (0.0, 0.0)] {
            statement.constraints = vec![limit("squeeze", worst.clone(), None, most)];
            let found = plan(statement.clone());
            near(&exact(&found), &[trade], 1e-4);
            near(&[price(&found, "squeeze")], &[expected], 1e-5);
            let more = plan(relaxed(&statement, 0, Side::Upper, STEP)).proof.objective;
            let saved = (found.proof.objective - more) / STEP;
            assert!((saved - expected).abs() <= 1e-5, "{name}: {saved} for {expected}");
        }
    }
}

/// Three hundred lines that are pinned twice over have prices, and soon.
#[test]
fn many_limits_that_pin_have_prices() {
    let count = 300;
    let covariance =
        SymmetricMatrix::from_lower(count + 1, |i, j| if i == j { 1.1e-4 } else { 1e-4 });
    let costs = Trading { buy_cost: 1e-4, sell_cost: 1e-4, ..FREE };
    let held: Vec<f64> = std::iter::once(100.0).chain((0..count).map(|_| -0.1)).collect();
    let trading: Vec<_> = std::iter::once(None).chain((0..count).map(|_| Some(costs))).collect();
    let mut pinned = statement(covariance.unwrap(), &held, &trading);
    pinned.constraints = vec![
        limit("turnover", Measure::Turnover, None, 0.0),
        limit("net", Measure::Net, None, 70.0),
    ];
    let problem = Problem::new(cut(pinned.clone())).unwrap();
    let Answer::Plan(found) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
        panic!("nothing is a plan")
    };
    // Shorts are only bought back, which adds risk: more turnover is worth nothing.
    near(&[price(&found, "turnover")], &[0.0], 1e-6);
    // One more sold alone: of 70 net, 2·(70·1e-4 − 0.1·1e-5) − 1e-4 is saved.
    let free = plan(pinned);
    near(&[price(&free, "turnover")], &[2.0 * (70.0 * 1e-4 - 0.1 * 1e-5) - 1e-4], 1e-6);
}
