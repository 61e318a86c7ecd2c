//! 200 random overlays against scipy: `tests/oracle/feasible.py` says which have any trades.

use crate::fixture::{FREE, LIMITS, draws, limit};
use hedge::{
    constraint::{Constraint, Measure, Weights},
    limits::Caller,
    line::{Line, Trading},
    objective::{Objective, RiskTerm},
    optimize::{Answer, optimize},
    problem::{Problem, Statement},
    risk::FactorRisk,
    squeezed::SqueezedOptions,
};
use stats::matrix::SymmetricMatrix;

const TABLE: &str = include_str!("../oracle/feasible.txt");

const HELD: usize = 10;
const NAMES: usize = 150;
const WORST: usize = 3;

/// The problem of a seed, step by step as in the script.
fn statement(seed: u32) -> Statement {
    let u = draws(seed, 24 + 4 * NAMES);
    let held: Vec<f64> = u[..HELD].iter().map(|u| 2e7 * (u + 0.2)).collect();
    let mut betas: Vec<f64> = u[10..20].iter().map(|u| 1.2 + u).collect();
    betas.extend(u[20..23].iter().map(|u| 1.1 + 0.2 * u));
    let losses: Vec<f64> = u[24..24 + NAMES].iter().map(|u| 0.6 + u).collect();
    let weights: Vec<f64> = u[24 + NAMES..].iter().map(|u| (0.5 + u) / NAMES as f64).collect();
    let gross: f64 = held.iter().map(|held| held.abs()).sum();
    let turnover = gross * 10.0_f64.powf(1.0 + 2.0 * u[23]);
    let terms = Trading { buy_cost: 4e-4, sell_cost: 4e-4, impact: 1e-13, ..FREE };
    let line = |index: usize, beta: f64| Line {
        id: format!("L{index}"),
        held: held.get(index).copied().unwrap_or(0.0),
        exposures: vec![(0, beta)],
        loadings: match index.checked_sub(HELD) {
            None => vec![(index, 1.0)],
            Some(at) => weights[at * NAMES..][..NAMES].iter().copied().enumerate().collect(),
        },
        trading: (HELD <= index).then_some(terms),
    };
    let lines: Vec<Line> = betas.iter().enumerate().map(|(at, beta)| line(at, *beta)).collect();
    let variance = SymmetricMatrix::from_lower(1, |_, _| 1e-4).unwrap();
    Statement {
        constraints: constraints(&held, betas, losses, turnover),
        lines,
        risk: FactorRisk::new(variance, vec![4e-4; NAMES]).unwrap(),
        objective: Objective {
            risk: RiskTerm::Variance { aversion: 1e-7 },
            horizon_sessions: 5.0,
            staying_carry_per_session: 0.0,
        },
        exclusions: Vec::new(),
        max_lines: None,
        min_ticket: None,
    }
}

fn constraints(held: &[f64], betas: Vec<f64>, losses: Vec<f64>, turnover: f64) -> Vec<Constraint> {
    let gross: f64 = held.iter().map(|held| held.abs()).sum();
    let both = losses.iter().zip(held);
    let mut lost: Vec<f64> = both.map(|(loss, held)| loss * (-held).max(0.0)).collect();
    lost.sort_by(|a, b| b.total_cmp(a));
    let budget: f64 = lost[..WORST].iter().sum();
    let market = Measure::Weighted { offset: 0.0, kind: Weights::Betas, weights: betas };
    vec![
        limit("net", Measure::Net, -0.02 * gross, 0.02 * gross),
        limit("market", market, -0.01 * gross, 0.01 * gross),
        limit("turnover", Measure::Turnover, None, turnover),
        limit(
            "squeeze",
            Measure::WorstShorts { count: WORST, losses, options: SqueezedOptions::NONE },
            None,
            budget,
        ),
    ]
}

#[test]
fn two_hundred_overlays_have_trades_where_scipy_finds_some() {
    let mut missed = Vec::new();
    for row in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = row.split(' ');
        let seed: u32 = fields.next().unwrap().parse().unwrap();
        let feasible = fields.next_back() == Some("1");
        let found = optimize(&Problem::new(statement(seed)).unwrap(), LIMITS, &Caller::waiting());
        let agrees = match &found {
            Ok(Answer::Plan(plan)) => feasible && plan.breaches.is_empty(),
            Ok(Answer::Infeasible(conflict)) => !feasible && !conflict.conflict.is_empty(),
            Ok(Answer::Unbounded(_)) | Err(_) => false,
        };
        if !agrees {
            missed.push((row, found.map(|answer| matches!(answer, Answer::Plan(_)))));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// A squeeze budget from far below what trades can reach to far above it, most densely where it begins
/// to leave room, by bisection: first no trades meet it, then some do, each time at no higher cost, and
/// no problem is left without an answer.
#[test]
fn as_a_limit_widens_trades_are_found_from_one_value_on() {
    let with = |seed: u32, budget: f64| {
        let mut statement = statement(seed);
        let squeeze = statement.constraints.iter_mut().find(|one| one.id == "squeeze");
        squeeze.unwrap().upper = Some(budget);
        optimize(&Problem::new(statement).unwrap(), LIMITS, &Caller::waiting()).unwrap()
    };
    for seed in [8, 9, 10, 14, 30] {
        let gross: f64 = statement(seed).lines.iter().map(|line| line.held.abs()).sum();
        let (mut low, mut high) = (0.0, gross);
        while 1e-9 * gross < high - low {
            let middle = 0.5 * (low + high);
            match with(seed, middle) {
                Answer::Plan(_) => high = middle,
                _ => low = middle,
            }
        }
        let distance = |step: i32| gross * 10.0_f64.powf(-9.0 + f64::from(step) / 2.0);
        for step in 0..16 {
            let found = with(seed, (low - distance(step)).max(0.0));
            assert!(matches!(found, Answer::Infeasible(_)), "{seed} {step}: {found:?}");
        }
        let mut last = f64::INFINITY;
        for step in 0..16 {
            let Answer::Plan(plan) = with(seed, high + distance(step)) else {
                panic!("{seed} {step}: no plan")
            };
            assert!(plan.breaches.is_empty(), "{seed} {step}: {:?}", plan.breaches);
            let objective = plan.proof.objective;
            assert!(
                objective <= last + 1e-7 * objective.abs(),
                "{seed} {step}: {objective} {last}"
            );
            last = objective;
        }
    }
}
