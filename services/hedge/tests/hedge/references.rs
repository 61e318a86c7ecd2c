//! Published and independently computed values.

use crate::fixture::{FREE, answer, draws, exact, limit, near, plan, price, statement};
use hedge::{
    constraint::{Exclusion, ExclusionRule, Measure},
    line::Trading,
    objective::{Centring, RiskTerm, Scenarios},
    optimize::Answer,
    problem::Statement,
    risk::FactorRisk,
    squeezed::SqueezedOptions,
};
use stats::matrix::SymmetricMatrix;

/// The sample covariance (over T − 1) of 60 returns X_j = 0.02·(b_j·f + k_j·u_j) of uniform draws with
/// seed 42, row by row, f the fifth of each row.
fn covariance() -> SymmetricMatrix {
    let draws = draws(42, 300);
    let shape = [(1.5, 0.4), (1.0, 0.6), (0.5, 1.0), (-0.3, 1.2)];
    let columns: Vec<Vec<f64>> = (0..4)
        .map(|j| {
            let (b, k) = shape[j];
            let value = |row: &[f64]| 0.02 * row[4] * b + 0.02 * row[j] * k;
            let column: Vec<f64> = draws.chunks_exact(5).map(value).collect();
            let mean = column.iter().sum::<f64>() / 60.0;
            column.iter().map(|x| x - mean).collect()
        })
        .collect();
    let product = |i: usize, j: usize| {
        columns[i].iter().zip(&columns[j]).map(|(a, b)| a * b).sum::<f64>() / 59.0
    };
    SymmetricMatrix::from_lower(4, product).unwrap()
}

/// Long 10 of the first line and short 6 of the third, hedged with the second and fourth.
fn book(unit: f64) -> Statement {
    let held = [10.0 * unit, 0.0, -6.0 * unit, 0.0];
    statement(covariance(), &held, &[None, Some(FREE), None, Some(FREE)])
}

/// numpy 2.4: h = −(B′ΣB)⁻¹B′Σw = −8,960,138.06 and 1,138,900.57; σ 79,760.21 to 53,276.15.
#[test]
fn the_free_hedge_is_the_regression() {
    let mut statement = book(1e6);
    // In dollars: one over the variance of a day, so that risk costs about a dollar.
    statement.objective.risk = RiskTerm::Variance { aversion: 1e-7 };
    let plan = plan(statement);
    // Two decimals are published; the objective is flat at its minimum.
    near(&exact(&plan), &[-8_960_138.06, 1_138_900.57], 5.0);
    near(
        &[plan.effect.volatility.before, plan.effect.volatility.after],
        &[79_760.21, 53_276.15],
        0.01,
    );
    // 1 − (53,276.15/79,760.21)² = 0.554.
    near(&[plan.effect.effectiveness.unwrap()], &[0.5538], 1e-4);
    assert!(plan.shadow_prices.is_empty(), "{:?}", plan.shadow_prices);
}

/// cvxpy 1.9 with Clarabel, in millions: dollar neutral and |h| ≤ 4: h = (−4, 0), objective·1e4 =
/// 39.761198, multipliers 5.695658 of the lower bound and 1.438230 of the equality, whose sign follows
/// from ∂objective/∂rhs = −1.438230.
#[test]
fn the_neutral_hedge_has_the_published_multipliers() {
    let mut statement = book(1.0);
    statement.objective.risk = RiskTerm::Variance { aversion: 1e4 };
    statement.constraints = vec![
        limit("low", Measure::Trade(1), -4.0, None),
        limit("high", Measure::Trade(1), None, 4.0),
        limit("other", Measure::Trade(3), -4.0, 4.0),
        limit("neutral", Measure::Net, 0.0, 0.0),
    ];
    let plan = plan(statement);
    near(&exact(&plan), &[-4.0, 0.0], 1e-5);
    near(&[plan.effect.objective.after], &[39.761198], 1e-5);
    // −∂objective/∂limit: a higher lower limit costs, and a higher net saves.
    near(&[price(&plan, "low"), price(&plan, "neutral")], &[-5.695658, 1.438230], 1e-4);
    near(&[price(&plan, "high"), price(&plan, "other")], &[0.0, 0.0], 1e-12);
}

/// Ten scenarios of a book of one and two hedges; cvxpy 1.9 with Clarabel.
fn tail() -> Statement {
    let target = [-0.05, 0.02, 0.03, -0.04, 0.01, 0.06, -0.02, 0.0, 0.04, -0.03];
    let first = vec![-0.03, 0.01, 0.02, -0.05, 0.02, 0.03, 0.0, -0.01, 0.05, -0.02];
    let second = vec![0.01, -0.02, 0.0, 0.02, -0.01, -0.03, 0.03, 0.01, -0.02, 0.0];
    let zero = SymmetricMatrix::from_lower(3, |_, _| 0.0).unwrap();
    let mut statement = statement(zero, &[1.0, 0.0, 0.0], &[None, Some(FREE), Some(FREE)]);
    let scenarios =
        Scenarios::new(0.8, target.to_vec(), vec![first, second], Centring::AsGiven).unwrap();
    statement.objective.risk = RiskTerm::Tail { weight: 1.0, scenarios };
    statement
}

/// Unhedged 0.045; optimum 0.0156 at (−0.92, 0.28).
#[test]
fn the_free_tail_hedge() {
    let plan = plan(tail());
    near(&exact(&plan), &[-0.92, 0.28], 1e-6);
    let cvar = plan.effect.cvar.unwrap();
    near(&[cvar.before, cvar.after], &[0.045, 0.0156], 1e-9);
}

/// |h| ≤ 1 and h₁ + h₂ = −0.5: 0.01583333 at (−0.88888889, 0.38888889), equality multiplier −0.0016667.
#[test]
fn the_bounded_tail_hedge() {
    let mut statement = tail();
    statement.constraints = vec![
        limit("a", Measure::Trade(1), -1.0, 1.0),
        limit("b", Measure::Trade(2), -1.0, 1.0),
        limit("sum", Measure::Net, 0.5, 0.5),
    ];
    let plan = plan(statement);
    near(&exact(&plan), &[-8.0 / 9.0, 3.5 / 9.0], 1e-6);
    near(&[plan.effect.cvar.unwrap().after], &[0.0158333333], 1e-9);
    // cvxpy adds multiplier·(h₁ + h₂ + 0.5): ∂objective/∂rhs is its negative.
    near(&[price(&plan, "sum")], &[-0.0016667], 1e-6);
}

/// A hedge that gains in every scenario costs nothing without a limit.
#[test]
fn a_free_gain_is_unbounded() {
    let mut statement = tail();
    let gain = vec![0.01; 10];
    let scenarios =
        Scenarios::new(0.8, vec![0.0; 10], vec![gain.clone(), gain], Centring::AsGiven).unwrap();
    statement.objective.risk = RiskTerm::Tail { weight: 1.0, scenarios };
    let Answer::Unbounded(unbounded) = answer(statement) else { panic!("a free gain") };
    assert!(unbounded.direction.iter().all(|(_, share)| 0.0 < *share));
}

/// A fund that holds 60 % of one name and 40 % of another shares their specific risk. With variances
/// 1e-4 and 4e-4 and a book of 10 and 20 it hedges
/// h = −(0.6·1e-4·10 + 0.4·4e-4·20)/(0.36·1e-4 + 0.16·4e-4) = −3.8e-3/1e-4 = −38.
#[test]
fn a_fund_that_is_looked_through_hedges_the_names_it_holds() {
    let zero = SymmetricMatrix::from_lower(3, |_, _| 0.0).unwrap();
    let mut statement = statement(zero.clone(), &[10.0, 20.0, 0.0], &[None, None, Some(FREE)]);
    statement.risk = FactorRisk::new(zero, vec![1e-4, 4e-4]).unwrap();
    let loadings = [vec![(0, 1.0)], vec![(1, 1.0)], vec![(0, 0.6), (1, 0.4)]];
    for (line, loadings) in statement.lines.iter_mut().zip(loadings) {
        line.loadings = loadings;
    }
    let plan = plan(statement);
    near(&exact(&plan), &[-38.0], 1e-6);
    // Before 1e-4·10² + 4e-4·20² = 0.17; after 1e-4·(10 − 22.8)² + 4e-4·(20 − 15.2)² = 0.0256.
    let volatility = plan.effect.volatility;
    near(&[volatility.before, volatility.after], &[0.17_f64.sqrt(), 0.0256_f64.sqrt()], 1e-9);
}

/// Shorts of 10, 20 and 5 lose 50, 20 and 100 % in a squeeze: 5, 4 and 5. A fund holds 50 % of the first
/// and of the last. The two worst lose 10, and may lose 8.5. Buying h of the
/// fund takes h/4 from the first loss and h/2 from the last, which falls to the second one's 4 at h = 2:
/// the sum 5 − h/4 + max(5 − h/2, 4) is 8.5 there.
#[test]
fn a_fund_is_bought_until_the_worst_shorts_are_within_budget() {
    let zero = SymmetricMatrix::from_lower(4, |_, _| 0.0).unwrap();
    let cost = Trading { buy_cost: 1e-3, ..FREE };
    let trading = [None, None, None, Some(cost)];
    let mut statement = statement(zero.clone(), &[-10.0, -20.0, -5.0, 0.0], &trading);
    statement.risk = FactorRisk::new(zero, vec![0.0; 3]).unwrap();
    let loadings = [vec![(0, 1.0)], vec![(1, 1.0)], vec![(2, 1.0)], vec![(0, 0.5), (2, 0.5)]];
    for (line, loadings) in statement.lines.iter_mut().zip(loadings) {
        line.loadings = loadings;
    }
    let worst = Measure::WorstShorts {
        count: 2,
        losses: vec![0.5, 0.2, 1.0],
        options: SqueezedOptions::NONE,
    };
    statement.constraints = vec![limit("squeeze", worst.clone(), None, 8.5)];
    let plan = plan(statement.clone());
    near(&exact(&plan), &[2.0], 1e-5);
    let squeeze = plan.effect.measures[0];
    near(&[squeeze.before, squeeze.after], &[10.0, 8.5], 1e-5);

    // At 8, beyond the kink: 5 − h/4 + 4 = 8 at h = 4, and a unit of budget saves the cost of 4.
    statement.constraints = vec![limit("squeeze", worst.clone(), None, 8.0)];
    let plan = crate::fixture::plan(statement.clone());
    near(&exact(&plan), &[4.0], 1e-5);
    near(&[price(&plan, "squeeze")], &[4e-3], 1e-7);

    // With at most 3 of the fund, the two worst lose 5 − 0.75 + 4.
    statement.constraints.push(limit("range", Measure::Trade(3), 0.0, 3.0));
    let Answer::Infeasible(found) = answer(statement) else { panic!("8 is out of reach") };
    assert_eq!(found.conflict, ["squeeze", "range"]);
    near(&[found.alone[0].to, found.alone[1].to], &[8.25, 4.0], 1e-3);
}

/// The same shorts, with a put on the first that saves 2 of its 5, and a call on the last that may be
/// bought: in a squeeze a unit of it gains 1 by its delta and 0.5 beyond. The two worst lose 5 + 4, and may
/// lose 8: 5 − 1.5·h is 4 at h = ⅔.
#[test]
fn a_call_is_bought_until_the_worst_shorts_are_within_budget() {
    let zero = SymmetricMatrix::from_lower(4, |_, _| 0.0).unwrap();
    let cost = Trading { buy_cost: 1e-3, ..FREE };
    let trading = [None, None, None, Some(cost)];
    let mut statement = statement(zero.clone(), &[-10.0, -20.0, -5.0, 0.0], &trading);
    statement.risk = FactorRisk::new(zero, vec![0.0; 3]).unwrap();
    let loadings = [vec![(0, 1.0)], vec![(1, 1.0)], vec![(2, 1.0)], vec![(2, 1.0)]];
    for (line, loadings) in statement.lines.iter_mut().zip(loadings) {
        line.loadings = loadings;
    }
    let options = SqueezedOptions {
        lines: vec![(3, vec![(2, 0.5)])],
        written: vec![],
        held: vec![(0, vec![(0, 2.0)])],
    };
    let worst = Measure::WorstShorts { count: 2, losses: vec![0.5, 0.2, 1.0], options };
    statement.constraints = vec![limit("squeeze", worst, None, 8.0)];
    let plan = plan(statement);
    near(&exact(&plan), &[2.0 / 3.0], 1e-5);
    let squeeze = plan.effect.measures[0];
    near(&[squeeze.before, squeeze.after], &[9.0, 8.0], 1e-5);
}

/// Shorts of 1 to 40 that do not trade and one of 45 that may be bought back, of which the three worst
/// lose 45 + 40 + 39 = 124. Buying 6.5 leaves 38.5 + 40 + 39 = 117.5; more than 7 does not help, because
/// 38 is then the third.
#[test]
fn only_the_worst_of_the_shorts_that_stay_count() {
    let zero = SymmetricMatrix::from_lower(41, |_, _| 0.0).unwrap();
    let mut held: Vec<f64> = (1..=40).map(|size| -f64::from(size)).collect();
    held.push(-45.0);
    let mut trading = vec![None; 40];
    trading.push(Some(Trading { buy_cost: 1e-3, ..FREE }));
    let mut statement = statement(zero.clone(), &held, &trading);
    statement.risk = FactorRisk::new(zero, vec![0.0; 41]).unwrap();
    for (source, line) in statement.lines.iter_mut().enumerate() {
        line.loadings = vec![(source, 1.0)];
    }
    let worst =
        Measure::WorstShorts { count: 3, losses: vec![1.0; 41], options: SqueezedOptions::NONE };
    statement.constraints = vec![limit("squeeze", worst.clone(), None, 117.5)];
    let plan = plan(statement.clone());
    near(&exact(&plan), &[6.5], 1e-5);
    near(&[plan.effect.measures[0].before, price(&plan, "squeeze")], &[124.0, 1e-3], 1e-7);
    statement.constraints = vec![limit("squeeze", worst, None, 116.0)];
    let Answer::Infeasible(found) = answer(statement) else { panic!("116 is out of reach") };
    near(&[found.alone[0].to], &[117.0], 1e-3);
}

/// Long 100 and short 300 of the same, with a variance of 1e-4: a unit more long saves
/// 2·1e-4·200 = 0.04. That it may not trade and may not grow say the same, and share the price; the
/// limit on net is slack and has none.
#[test]
fn limits_that_say_the_same_share_their_price() {
    let same = SymmetricMatrix::from_lower(2, |_, _| 1e-4).unwrap();
    let mut statement = statement(same, &[100.0, -300.0], &[Some(FREE), None]);
    statement.constraints = vec![
        limit("cut", Measure::Position(0), 0.0, 100.0),
        limit("net", Measure::Net, -250.0, 250.0),
    ];
    let rule = ExclusionRule::NoTrade;
    statement.exclusions = vec![Exclusion { id: "keep".to_owned(), line: 0, rule }];
    let plan = plan(statement);
    near(&[price(&plan, "cut"), price(&plan, "keep")], &[0.02, 0.02], 1e-7);
    assert_eq!(plan.shadow_prices.len(), 2, "{:?}", plan.shadow_prices);
}
