//! The problems of the bench; `optimize.py` beside it makes the same ones.

use hedge::{
    constraint::{Constraint, Exclusion, ExclusionRule, MaxLines, Measure, Weights},
    line::{Line, Trading},
    objective::{Centring, Objective, RiskTerm, Scenarios},
    problem::Statement,
    risk::FactorRisk,
};
use stats::matrix::SymmetricMatrix;

const POSITIONS: usize = 500;
const FACTORS: usize = 20;

/// Uniform draws in [−0.5, 0.5): x ← 1664525·x + 1013904223 mod 2³².
struct Draws(u32);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0) / 4_294_967_296.0 - 0.5
    }
}

/// 500 positions, long and short, of 100 million in all; hedging instruments; 20 factors. The first
/// factor is the market; each line has exposures to the others, and a specific risk of its own.
pub(crate) fn statement(instruments: usize) -> Statement {
    let mut draws = Draws(1);
    let lines: Vec<Line> = (0..POSITIONS + instruments)
        .map(|index| {
            let is_position = index < POSITIONS;
            let mut exposure = |factor| match factor {
                0 => 1.0 + 0.6 * draws.next(),
                _ => draws.next(),
            };
            let exposures = (0..FACTORS).map(|factor| (factor, exposure(factor))).collect();
            let held = if is_position { 4e5 * (draws.next() + 0.1) } else { 0.0 };
            Line {
                id: format!("L{index}"),
                held,
                exposures,
                loadings: vec![(index, 1.0)],
                trading: (!is_position).then(|| trading(&mut draws)),
            }
        })
        .collect();
    let volatility = |factor: usize| if factor == 0 { 0.01 } else { 0.004 };
    let covariance = |i: usize, j: usize| {
        let correlation = if i == j { 1.0 } else { 0.1 };
        correlation * volatility(i) * volatility(j)
    };
    let specific = |index: usize| if index < POSITIONS { 0.015 * 0.015 } else { 0.004 * 0.004 };
    let covariance = SymmetricMatrix::from_lower(FACTORS, covariance).unwrap();
    let variances = (0..lines.len()).map(specific).collect();
    let constraints = constraints(&lines);
    Statement {
        lines,
        risk: FactorRisk::new(covariance, variances).unwrap(),
        objective: Objective {
            risk: RiskTerm::Variance { aversion: 1e-6 },
            horizon_sessions: 10.0,
            staying_carry_per_session: 0.0,
        },
        constraints,
        // The first instrument.
        exclusions: (0..instruments.min(1))
            .map(|at| Exclusion {
                id: "restricted".to_owned(),
                line: POSITIONS + at,
                rule: ExclusionRule::NoTrade,
            })
            .collect(),
        max_lines: None,
        min_ticket: None,
    }
}

fn trading(draws: &mut Draws) -> Trading {
    Trading {
        unit_value: 100.0,
        lot_units: Some(1.0),
        buy_cost: 2e-4,
        sell_cost: 2e-4,
        impact: 1e-11 * (1.0 + draws.next()),
        long_carry_per_session: 0.0,
        short_carry_per_session: 2e-5 * (1.0 + draws.next()),
        volume: Some(5e8),
    }
}

/// Bounds of every instrument, gross, net, beta, trade beta, two factors, participation, turnover and a
/// stress floor.
fn constraints(lines: &[Line]) -> Vec<Constraint> {
    let held: f64 = lines.iter().map(|line| line.held.abs()).sum();
    let exposure =
        |factor: usize| -> Vec<f64> { lines.iter().map(|line| line.exposures[factor].1).collect() };
    let weighted =
        |kind: Weights, weights: Vec<f64>| Measure::Weighted { offset: 0.0, kind, weights };
    let limit = |id: &str, measure: Measure, lower: Option<f64>, upper: Option<f64>| Constraint {
        id: id.to_owned(),
        measure,
        lower,
        upper,
    };
    let stress = exposure(0).iter().map(|e| -0.05 * e).collect();
    let mut found = vec![
        limit("gross", Measure::Gross, None, Some(1.5 * held)),
        limit("net", Measure::Net, Some(-0.2 * held), Some(0.2 * held)),
        limit("beta", weighted(Weights::Betas, exposure(0)), Some(-1e6), Some(1e6)),
        limit("trade beta", weighted(Weights::Betas, exposure(1)), Some(-1e6), Some(1e6)),
        limit("size", Measure::Factor(2), Some(-2e6), Some(2e6)),
        limit("momentum", Measure::Factor(3), Some(-2e6), Some(2e6)),
        limit("participation", Measure::Participation, None, Some(0.02)),
        limit("turnover", Measure::Turnover, None, Some(0.5 * held)),
        limit("stress", weighted(Weights::Returns, stress), Some(-1e5), None),
    ];
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.trading.is_some()) {
        found.push(limit(
            &format!("bound {}", line.id),
            Measure::Trade(index),
            Some(-8e6),
            Some(8e6),
        ));
    }
    found
}

/// The same with 500 scenarios of factor and specific returns, and the CVaR of the worst 5 %.
pub(crate) fn tail_statement(instruments: usize) -> Statement {
    with_tail(statement(instruments))
}

/// The same where positions trade as well, towards zero and no further: a plan to cut and overlay, or
/// without instruments one to cut.
pub(crate) fn cut_statement(instruments: usize) -> Statement {
    let mut statement = statement(instruments);
    let mut draws = Draws(3);
    for (index, line) in statement.lines.iter_mut().enumerate().take(POSITIONS) {
        line.trading = Some(trading(&mut draws));
        statement.constraints.push(Constraint {
            id: format!("cut {}", line.id),
            measure: Measure::Position(index),
            lower: Some(line.held.min(0.0)),
            upper: Some(line.held.max(0.0)),
        });
    }
    with_tail(statement)
}

fn with_tail(mut statement: Statement) -> Statement {
    let mut draws = Draws(2);
    // The fourth power of a uniform draw has a tail: most days are quiet, some are not.
    let mut shock = |size: f64| {
        let u = 2.0 * draws.next();
        4.0 * size * u * u * u
    };
    let days: Vec<Vec<f64>> = (0..500)
        .map(|_| (0..FACTORS).map(|k| shock(if k == 0 { 0.01 } else { 0.004 })).collect())
        .collect();
    let mut returns = |line: &Line| -> Vec<f64> {
        let common = |day: &Vec<f64>| line.exposures.iter().map(|(k, e)| e * day[*k]).sum::<f64>();
        days.iter().map(|day| common(day) + shock(0.004)).collect()
    };
    let mut book = vec![0.0; days.len()];
    let mut traded = Vec::new();
    for line in &statement.lines {
        let series = returns(line);
        book.iter_mut().zip(&series).for_each(|(pnl, r)| *pnl += line.held * r);
        if line.trading.is_some() {
            traded.push(series);
        }
    }
    let scenarios = Scenarios::new(0.95, book, traded, Centring::Demeaned).unwrap();
    statement.objective.risk = RiskTerm::Tail { weight: 1.0, scenarios };
    statement
}

pub(crate) fn picked_statement(instruments: usize, count: usize) -> Statement {
    let mut statement = statement(instruments);
    statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count });
    statement
}
