//! 200 random problems against cvxpy: `tests/oracle/qp.py` makes them in dense form and solves them.

use crate::fixture::{FREE, LIMITS, exact, limit, near, price};
use hedge::{
    constraint::{Constraint, Measure, Weights},
    limits::Caller,
    line::{Line, Trading},
    objective::{Objective, RiskTerm},
    optimize::{Answer, optimize},
    problem::{Problem, Statement},
    risk::FactorRisk,
};
use stats::matrix::SymmetricMatrix;

const TABLE: &str = include_str!("../oracle/qp.txt");

/// The draws of the script.
struct Draws(u32);

impl Draws {
    fn one(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0) / 4_294_967_296.0 - 0.5
    }

    fn many(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.one()).collect()
    }
}

/// The problem of a seed, step by step as in the script.
pub(crate) fn statement(seed: u32) -> Statement {
    let mut draws = Draws(seed);
    let count = (4 + seed % 9) as usize;
    let fixed = (seed % 3) as usize;
    let factors = (2 + seed % 4) as usize;
    let exposures: Vec<f64> = draws.many(count * factors).iter().map(|u| 2.0 * u).collect();
    let root: Vec<f64> = draws.many(factors * factors).iter().map(|u| 0.04 * u).collect();
    let product = |i: usize, j: usize| {
        (0..factors).map(|k| root[i * factors + k] * root[j * factors + k]).sum()
    };
    let covariance = SymmetricMatrix::from_lower(factors, product).unwrap();
    let mut column =
        |of: fn(f64) -> f64| -> Vec<f64> { draws.many(count).into_iter().map(of).collect() };
    let specific = column(|u| 1e-4 * (0.6 + u));
    let held = column(|u| 200.0 * u);
    let (buy, sell) = (column(|u| 1e-3 * (0.5 + u)), column(|u| 1e-3 * (0.5 + u)));
    let impact = column(|u| 1e-5 * (0.5 + u));
    let (long, short) = (column(|u| 1e-5 * u), column(|u| 1e-5 * (1.5 + u)));
    let betas = column(|u| 1.0 + u);
    let stress = column(|u| 0.2 * u);
    let line = |index: usize| Line {
        id: format!("L{index}"),
        held: if index < count / 2 { held[index] } else { 0.0 },
        exposures: (0..factors).map(|k| (k, exposures[index * factors + k])).collect(),
        loadings: vec![(index, 1.0)],
        trading: (fixed <= index).then_some(Trading {
            buy_cost: buy[index],
            sell_cost: sell[index],
            impact: impact[index],
            long_carry_per_session: long[index],
            short_carry_per_session: short[index],
            ..FREE
        }),
    };
    let lines: Vec<Line> = (0..count).map(line).collect();
    let constraints = constraints(&lines, betas, stress);
    Statement {
        lines,
        risk: FactorRisk::new(covariance, specific).unwrap(),
        objective: Objective {
            risk: RiskTerm::Variance { aversion: 0.02 },
            horizon_sessions: f64::from(1 + seed % 20),
            staying_carry_per_session: 0.0,
        },
        constraints,
        exclusions: Vec::new(),
        max_lines: None,
        min_ticket: None,
    }
}

fn constraints(lines: &[Line], betas: Vec<f64>, stress: Vec<f64>) -> Vec<Constraint> {
    let gross: f64 = lines.iter().map(|line| line.held.abs()).sum();
    let last = lines.len() - 1;
    let weighted = |kind, weights| Measure::Weighted { offset: 0.0, kind, weights };
    let beta = weighted(Weights::Betas, betas);
    vec![
        limit("gross", Measure::Gross, None, 1.4 * gross),
        limit("turnover", Measure::Turnover, None, 0.97 * gross),
        limit("net", Measure::Net, -0.1 * gross, 0.1 * gross),
        limit("beta", beta, -0.15 * gross, 0.15 * gross),
        limit("factor", Measure::Factor(0), None, 0.3 * gross),
        limit("stress", weighted(Weights::Returns, stress), -0.05 * gross, None),
        limit("last", Measure::Trade(last), -0.1 * gross, 0.2 * gross),
    ]
}

/// Multipliers of the script as prices: of two limits of one constraint, at most one binds.
fn prices(multipliers: &[f64]) -> Vec<f64> {
    let m = multipliers;
    vec![m[0], m[1], m[2] - m[3], m[4] - m[5], m[6], -m[7], m[8] - m[9]]
}

#[test]
fn two_hundred_problems_have_the_solutions_of_cvxpy() {
    let (mut solved, mut infeasible, mut binding) = (0, 0, 0);
    for row in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = row.split(' ');
        let seed: u32 = fields.next().unwrap().parse().unwrap();
        let problem = Problem::new(statement(seed)).unwrap();
        let found = optimize(&problem, LIMITS, &Caller::waiting()).unwrap();
        let values: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
        if values.is_empty() {
            assert!(matches!(found, Answer::Infeasible(_)), "seed {seed}: {found:?}");
            infeasible += 1;
            continue;
        }
        let Answer::Plan(plan) = found else { panic!("seed {seed}: {found:?}") };
        let lines = problem.statement().lines.len();
        let (objective, trades) = (values[0], &values[1..=lines]);
        let gross: f64 = problem.statement().lines.iter().map(|line| line.held.abs()).sum();
        // Both solve to about 1e-9 of the objective; trades are as exact as its flatness allows.
        near(&[plan.proof.objective], &[objective], 1e-7 * objective.abs());
        let traded: Vec<f64> = problem.traded().iter().map(|line| trades[*line]).collect();
        near(&exact(&plan), &traded, 1e-4 * gross);
        let ours: Vec<f64> =
            problem.statement().constraints.iter().map(|c| price(&plan, &c.id)).collect();
        let theirs = prices(&values[1 + lines..]);
        near(&ours, &theirs, 1e-4 * objective.abs() / gross);
        binding += plan.shadow_prices.len();
        solved += 1;
    }
    println!("{solved} solved with {binding} binding limits, {infeasible} infeasible");
    assert_eq!(solved + infeasible, 200);
    assert!(100 <= binding, "the problems test multipliers: {binding}");
}
