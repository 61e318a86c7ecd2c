//! Rounds trades to lots, so that as few constraints as possible are missed.

use crate::{
    limits::{Caller, ROUNDING_STEPS, Stopped},
    problem::Problem,
    standing::{Concerns, Standing, Step},
};

/// Trades in whole lots near the given ones.
///
/// Each trade is rounded to the nearest lot. While constraints are missed, the one step of one lot
/// that lowers the sum of breaches most is taken, each breach as a share of the book; ties are decided
/// by the order of lines, selling first. Lines without lots keep their trades. `caller` is asked
/// before every step.
///
/// # Errors
/// [`Stopped::Cancelled`].
pub(crate) fn round(
    problem: &Problem,
    exact: &[f64],
    caller: &Caller,
) -> Result<Vec<f64>, Stopped> {
    let lots: Vec<Option<f64>> =
        problem.traded_lines().map(|(_, terms)| terms.lot_value()).collect();
    let nearest = |(x, lot): (&f64, &Option<f64>)| match lot {
        Some(lot) => (x / lot).round() * lot,
        None => *x,
    };
    let mut trades: Vec<f64> = exact.iter().zip(&lots).map(nearest).collect();
    let concerns = Concerns::of(problem);
    let mut now = excess(problem, &trades);
    // Each trade can need a step either way; more steps would wander off.
    let mut steps = (2 * trades.len()).min(ROUNDING_STEPS);
    while 0.0 < now && 0 < steps {
        if caller.has_gone() {
            return Err(Stopped::Cancelled);
        }
        let Some(step) = best_step(&Standing::of(problem, &concerns, &trades), &lots) else {
            break;
        };
        let mut moved = trades.clone();
        moved[step.trade] = step.to;
        let lower = excess(problem, &moved);
        if now <= lower {
            break;
        }
        (now, trades) = (lower, moved);
        steps -= 1;
    }
    Ok(trades)
}

fn excess(problem: &Problem, trades: &[f64]) -> f64 {
    problem.all_breaches(trades).iter().map(|(_, share)| share).sum()
}

/// The step that lowers the breaches most; `None` if none does.
fn best_step(standing: &Standing<'_>, lots: &[Option<f64>]) -> Option<Step> {
    let mut best: Option<(f64, Step)> = None;
    for (trade, lot) in lots.iter().enumerate() {
        for by in lot.iter().flat_map(|lot| [-lot, *lot]) {
            let step = standing.step(trade, by);
            let change = standing.change(step);
            if change < best.map_or(0.0, |(least, _)| least) {
                best = Some((change, step));
            }
        }
    }
    best.map(|(_, step)| step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        breach::count,
        constraint::{Constraint, Measure},
        line::{Line, Trading},
        objective::{Objective, RiskTerm},
        problem::Statement,
        risk::FactorRisk,
    };
    use stats::matrix::SymmetricMatrix;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    const LINES: usize = 2_000;

    /// Lines of 100 each that may be cut in lots of 10, each towards zero only, to a net of at most
    /// `net`.
    fn book(net: f64) -> Problem {
        let trading = Trading {
            unit_value: 10.0,
            lot_units: Some(1.0),
            buy_cost: 0.0,
            sell_cost: 0.0,
            impact: 0.0,
            long_carry_per_session: 0.0,
            short_carry_per_session: 0.0,
            volume: None,
        };
        let line = |index: usize| Line {
            id: format!("L{index}"),
            held: 100.0,
            exposures: Vec::new(),
            loadings: Vec::new(),
            trading: Some(trading),
        };
        let limit = |id: String, measure, lower, upper| Constraint { id, measure, lower, upper };
        let cut = |at| limit(format!("cut {at}"), Measure::Position(at), Some(0.0), Some(100.0));
        let none = SymmetricMatrix::from_lower(1, |_, _| 0.0).unwrap();
        let mut constraints = vec![limit("net".to_owned(), Measure::Net, None, Some(net))];
        constraints.extend((0..LINES).map(cut));
        let problem = Problem::new(Statement {
            lines: (0..LINES).map(line).collect(),
            risk: FactorRisk::new(none, Vec::new()).unwrap(),
            objective: Objective {
                risk: RiskTerm::Variance { aversion: 1.0 },
                horizon_sessions: 1.0,
                staying_carry_per_session: 0.0,
            },
            constraints,
            exclusions: Vec::new(),
            max_lines: None,
            min_ticket: None,
        });
        problem.unwrap()
    }

    /// Every line should sell 0.2, which no lot is: 400 less in all take 40 steps, of the first line
    /// until it holds nothing, and so on. A step compares two limits, before and after, for each way
    /// of each line, and passes over lines, limits and measures once. A pass for each way of each
    /// line would cost 40·4,000·4,001 = 640 million.
    #[test]
    fn a_step_costs_no_pass_over_the_book_for_each_line() {
        let problem = book(LINES as f64 * 99.8);
        let before = count::so_far();
        let (caller, asked) = leaving_after(usize::MAX);
        let trades = round(&problem, &[-0.2; LINES], &caller).unwrap();
        let expected = |line: usize| if line < 4 { -100.0 } else { 0.0 };
        assert_eq!(trades, (0..LINES).map(expected).collect::<Vec<_>>());
        assert_eq!(asked.load(Ordering::Relaxed), 40);
        let counted = count::so_far() - before;
        assert!(counted <= 41 * (2 * 4 * LINES + 4 * LINES), "{counted}");
    }

    #[test]
    fn a_caller_that_leaves_during_rounding_gets_nothing() {
        let problem = book(LINES as f64 * 99.8);
        let (caller, asked) = leaving_after(3);
        let found = round(&problem, &[-0.2; LINES], &caller);
        assert_eq!((found, asked.load(Ordering::Relaxed)), (Err(Stopped::Cancelled), 4));
    }

    /// A caller who leaves after being asked so often, and how often it was.
    fn leaving_after(most: usize) -> (Caller, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        (Caller::new(move || most <= count.fetch_add(1, Ordering::Relaxed)), asked)
    }
}
