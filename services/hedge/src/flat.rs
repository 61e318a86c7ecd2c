//! Books without a tail, whose best plan is to trade nothing.
//!
//! Where every scenario loses nothing, all planes of the tail meet in the plan of no trades, and an
//! interior-point solver may stop there. The answer needs no solver: an expected shortfall is no less
//! than the mean loss, so trades x change the objective by at least
//!
//! ```text
//! Σᵢ cost(xᵢ) + H·(carry(hᵢ + xᵢ) − carry(hᵢ)) − κ·mean(rᵢ)·xᵢ
//! ```
//!
//! which is convex in each trade: it is nowhere below zero if it rises both ways from no trade.

use crate::{line::Trading, objective::Scenarios, problem::Problem};

/// Below this share of what it is compared with a number is rounding.
const ROUNDING: f64 = 1e-12;

/// Whether to trade nothing meets the limits, and is proven best because the book has no tail.
pub(crate) fn is_best_left(problem: &Problem) -> bool {
    let Some((weight, scenarios)) = problem.tail() else { return false };
    let nothing = ROUNDING * problem.size();
    let is_flat = scenarios.book().iter().all(|pnl| pnl.abs() <= nothing);
    is_flat
        && no_trade_gains(problem, (weight, scenarios))
        && problem.breaches(&problem.no_trades()).is_empty()
}

/// Whether no line lowers the bound by a little bought or sold.
fn no_trade_gains(problem: &Problem, (weight, scenarios): (f64, &Scenarios)) -> bool {
    let horizon = problem.statement().objective.horizon_sessions;
    problem.traded_lines().zip(scenarios.returns()).all(|((line, terms), returns)| {
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        let most = returns.iter().fold(0.0_f64, |most, r| most.max(r.abs()));
        let (up, down) = carry_slopes(line.held, terms);
        let bought = terms.buy_cost + horizon * up - weight * mean;
        let sold = terms.sell_cost - horizon * down + weight * mean;
        -ROUNDING * weight * most <= bought.min(sold)
    })
}

/// Slopes of the carry above and below a position.
fn carry_slopes(held: f64, terms: &Trading) -> (f64, f64) {
    let (long, short) = (terms.long_carry_per_session, -terms.short_carry_per_session);
    (if held < 0.0 { short } else { long }, if 0.0 < held { long } else { short })
}
