//! Rounds trades to lots, so that as few constraints as possible are missed.

use crate::problem::Problem;

/// Trades in whole lots near the given ones.
///
/// Each trade is rounded to the nearest lot. While constraints are missed, the one step of one lot
/// that lowers the sum of breaches most is taken, each breach as a share of the book; ties are decided
/// by the order of lines, selling first. Lines without lots keep their trades.
pub(crate) fn round(problem: &Problem, exact: &[f64]) -> Vec<f64> {
    let lots: Vec<Option<f64>> =
        problem.traded_lines().map(|(_, terms)| terms.lot_value()).collect();
    let nearest = |(x, lot): (&f64, &Option<f64>)| match lot {
        Some(lot) => (x / lot).round() * lot,
        None => *x,
    };
    let mut trades: Vec<f64> = exact.iter().zip(&lots).map(nearest).collect();
    let mut now = excess(problem, &trades);
    // Each trade can need a step either way; more steps would wander off.
    let mut steps = 2 * trades.len();
    while 0.0 < now && 0 < steps {
        match best_step(problem, &trades, &lots) {
            Some((lower, better)) if lower < now => (now, trades) = (lower, better),
            _ => break,
        }
        steps -= 1;
    }
    trades
}

fn excess(problem: &Problem, trades: &[f64]) -> f64 {
    problem.all_breaches(trades).iter().map(|(_, share)| share).sum()
}

fn best_step(problem: &Problem, trades: &[f64], lots: &[Option<f64>]) -> Option<(f64, Vec<f64>)> {
    let mut best: Option<(f64, Vec<f64>)> = None;
    for (line, lot) in lots.iter().enumerate() {
        for step in lot.iter().flat_map(|lot| [-lot, *lot]) {
            let mut moved = trades.to_vec();
            moved[line] = ((trades[line] + step) / step).round() * step;
            let excess = excess(problem, &moved);
            if best.as_ref().is_none_or(|(least, _)| excess < *least) {
                best = Some((excess, moved));
            }
        }
    }
    best
}
