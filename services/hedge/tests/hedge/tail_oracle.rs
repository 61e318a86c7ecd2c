//! 60 random hedges by CVaR against cvxpy: `tests/oracle/tail.py` solves them over all scenarios at once.

use crate::fixture::{FREE, draws, exact, limit, near, plan, price, statement};
use hedge::{
    constraint::{Measure, Weights},
    line::Trading,
    objective::{Centring, RiskTerm, Scenarios},
    problem::Statement,
};
use stats::matrix::SymmetricMatrix;

const TABLE: &str = include_str!("../oracle/tail.txt");

/// The problem of a seed, step by step as in the script; the first line is the book.
fn problem(seed: u32, count: usize, instruments: usize, confidence: f64) -> Statement {
    let draws = draws(seed, count + instruments * count + 2 * instruments);
    let (book, rest) = draws.split_at(count);
    let (returns, rest) = rest.split_at(instruments * count);
    let (betas, costs) = rest.split_at(instruments);
    let book: Vec<f64> = book.iter().map(|u| 4000.0 * u * u * u).collect();
    let series = |(returns, beta): (&[f64], &f64)| -> Vec<f64> {
        let both = returns.iter().zip(&book);
        both.map(|(u, pnl)| 0.4 * u * u * u + 1e-4 * beta * pnl).collect()
    };
    let returns = returns.chunks_exact(count).zip(betas).map(series).collect();
    let scenarios = Scenarios::new(confidence, book, returns, Centring::Demeaned).unwrap();
    let trading = costs.iter().map(|u| {
        let cost = 0.002 * (0.5 + u);
        Some(Trading { buy_cost: cost, sell_cost: cost, ..FREE })
    });
    let trading: Vec<_> = [None].into_iter().chain(trading).collect();
    let held: Vec<f64> = (0..=instruments).map(|i| if i == 0 { 1000.0 } else { 0.0 }).collect();
    let zero = SymmetricMatrix::from_lower(held.len(), |_, _| 0.0).unwrap();
    let mut statement = statement(zero, &held, &trading);
    statement.objective.risk = RiskTerm::Tail { weight: 2.0, scenarios };
    let mut weights = vec![1.0; held.len()];
    weights[0] = 0.0;
    let sum = Measure::Weighted { offset: 0.0, kind: Weights::Members, weights };
    statement.constraints = vec![limit("sum", sum, -100.0, 500.0)];
    for line in 1..=instruments {
        let id = format!("range {line}");
        statement.constraints.push(limit(&id, Measure::Trade(line), -3000.0, 3000.0));
    }
    statement
}

#[test]
fn sixty_tails_have_the_solutions_of_cvxpy() {
    let mut compared = 0;
    for row in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<f64> = row.split(' ').map(|field| field.parse().unwrap()).collect();
        let [seed, count, instruments, confidence, objective, upper, lower, ..] = fields[..] else {
            panic!("{row}")
        };
        let mut statement = problem(seed as u32, count as usize, instruments as usize, confidence);
        // The scenarios are the book, whether or not its positions are lines.
        statement.lines[0].held = if (seed as u32).is_multiple_of(2) { 1000.0 } else { 0.0 };
        let plan = plan(statement);
        // Both solve to about 1e-9 of the objective. The trades lie at a vertex: they are as exact.
        near(&[plan.proof.objective], &[objective], 1e-7 * objective);
        near(&exact(&plan), &fields[7..], 1e-2);
        near(&[price(&plan, "sum")], &[upper - lower], 1e-5);
        compared += 1;
    }
    assert_eq!(compared, 60);
}
