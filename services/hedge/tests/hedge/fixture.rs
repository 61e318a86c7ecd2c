//! Small problems, and what a test wants to know of their answers.

use hedge::{
    constraint::{Constraint, Measure},
    limits::{Caller, SolveLimits},
    line::{Line, Trading},
    objective::{Objective, RiskTerm},
    optimize::{Answer, optimize},
    plan::Plan,
    problem::{Problem, Statement},
    risk::FactorRisk,
};
use stats::matrix::SymmetricMatrix;

pub(crate) const LIMITS: SolveLimits = SolveLimits { max_nodes: 10_000, relative_gap: 1e-9 };

/// Trades at no cost, in any fraction.
pub(crate) const FREE: Trading = Trading {
    unit_value: 1.0,
    lot_units: None,
    buy_cost: 0.0,
    sell_cost: 0.0,
    impact: 0.0,
    long_carry_per_session: 0.0,
    short_carry_per_session: 0.0,
    volume: None,
};

/// Lines that are their own factors: line i has exposure one to factor i, and no specific risk.
pub(crate) fn statement(
    covariance: SymmetricMatrix,
    held: &[f64],
    trading: &[Option<Trading>],
) -> Statement {
    let line = |(index, (held, trading)): (usize, (&f64, &Option<Trading>))| Line {
        id: format!("L{index}"),
        held: *held,
        exposures: vec![(index, 1.0)],
        loadings: Vec::new(),
        trading: *trading,
    };
    Statement {
        lines: held.iter().zip(trading).enumerate().map(line).collect(),
        risk: FactorRisk::new(covariance, Vec::new()).unwrap(),
        objective: Objective {
            risk: RiskTerm::Variance { aversion: 1.0 },
            horizon_sessions: 1.0,
            staying_carry_per_session: 0.0,
        },
        constraints: Vec::new(),
        exclusions: Vec::new(),
        max_lines: None,
        min_ticket: None,
    }
}

pub(crate) fn limit(
    id: &str,
    measure: Measure,
    lower: impl Into<Option<f64>>,
    upper: impl Into<Option<f64>>,
) -> Constraint {
    Constraint { id: id.to_owned(), measure, lower: lower.into(), upper: upper.into() }
}

pub(crate) fn answer(statement: Statement) -> Answer {
    optimize(&Problem::new(statement).unwrap(), LIMITS, &Caller::waiting()).unwrap()
}

pub(crate) fn plan(statement: Statement) -> Plan {
    match answer(statement) {
        Answer::Plan(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

/// Trades before rounding, in money.
pub(crate) fn exact(plan: &Plan) -> Vec<f64> {
    plan.trades.iter().map(|trade| trade.exact_money).collect()
}

pub(crate) fn price(plan: &Plan, constraint: &str) -> f64 {
    let of = |p: &&hedge::plan::ShadowPrice| p.constraint == constraint;
    plan.shadow_prices.iter().find(of).map_or(0.0, |p| p.money_per_unit)
}

pub(crate) fn near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found} for {expected}");
    }
}

/// Uniform draws in [−0.5, 0.5): x ← 1664525·x + 1013904223 mod 2³², u = x/2³² − 0.5.
pub(crate) fn draws(seed: u32, count: usize) -> Vec<f64> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state) / 4_294_967_296.0 - 0.5
    };
    (0..count).map(next).collect()
}
