//! Few lines of instruments whose ranges are a thousand times the book: written options, which earn by
//! time, move as one instrument and have volumes of their own.

use crate::{
    fixture::{LIMITS, draws, limit},
    random,
};
use hedge::{
    constraint::{MaxLines, Measure},
    limits::{Caller, SolveLimits},
    line::{Line, Trading},
    optimize::{Answer, optimize},
    problem::{Problem, Statement},
};

/// A random book that may be cut, and options on one of its lines whose ranges are wide.
fn statement(seed: u32, wide: f64) -> Statement {
    let mut statement = random::by_variance(seed);
    statement.constraints.clear();
    let gross: f64 = statement.lines.iter().map(|line| line.held.abs()).sum();
    let held: Vec<usize> = (0..statement.lines.len())
        .filter(|at| {
            let line = &statement.lines[*at];
            line.trading.is_some() && 0.0 < line.held.abs()
        })
        .collect();
    for line in &mut statement.lines {
        if line.held.abs() <= 0.0 {
            line.trading = None;
        }
    }
    for at in held {
        let held = statement.lines[at].held;
        let range = (held.min(0.0), held.max(0.0));
        let id = format!("cut {at}");
        statement.constraints.push(limit(&id, Measure::Position(at), range.0, range.1));
    }
    let of = statement.lines[0].clone();
    let draws = draws(seed, 12);
    for (at, u) in draws.chunks_exact(3).enumerate() {
        let decay = 0.004 * u[0];
        let line = Line {
            id: format!("option {at}"),
            held: 0.0,
            trading: Some(Trading {
                unit_value: 1.0,
                lot_units: None,
                buy_cost: 1e-3 * (0.6 + u[1]),
                sell_cost: 1e-3 * (0.6 + u[1]),
                impact: 1e-8 * (0.6 + u[2]),
                long_carry_per_session: decay,
                short_carry_per_session: -decay,
                volume: None,
            }),
            ..of.clone()
        };
        let index = statement.lines.len();
        statement.lines.push(line);
        let most = wide * gross * (0.6 + u[2]);
        let id = format!("volume {at}");
        statement.constraints.push(limit(&id, Measure::Trade(index), -most, most));
    }
    statement
}

#[test]
fn few_lines_with_wide_ranges_are_solved() {
    for seed in 1..13 {
        for (wide, count) in [(1e1, 2), (1e2, 2), (1e2, 3), (1e3, 2), (1e3, 3)] {
            let mut statement = statement(seed, wide);
            statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count });
            let problem = Problem::new(statement).unwrap();
            let limits = SolveLimits { relative_gap: 0.01, ..LIMITS };
            let found = optimize(&problem, limits, &Caller::waiting());
            let Ok(Answer::Plan(plan)) = found else { panic!("{seed}, {wide}: {found:?}") };
            let traded = plan.trades.iter().filter(|trade| 0.0 < trade.money.abs()).count();
            assert!(traded <= count, "{seed}, {wide}: {traded}");
        }
    }
}
