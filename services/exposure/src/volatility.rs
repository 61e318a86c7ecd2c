//! The standard deviation of the scenarios' P&L.
//!
//! ```text
//! σ² = Σ (P − P̄)² / (n − 1)
//! ```
//!
//! over n scenarios; if there are draws, each counts 1/draws. σ is Σ −share·P with share = −(P − P̄) / ((n
//! − 1)·σ), so its parts are cov(part, P)/σ and sum to it (Euler). Its standard error is that of the
//! mean of (P − P̄)² by the stationary bootstrap, divided by 2σ (delta method). Runs of sessions have
//! another divisor ([`Courses::freedom`]).

use crate::{
    courses::{Courses, Shares},
    replay::Replay,
    report::{TailVolatility, VolatilityStandIns},
};
use stats::{
    moments::{self, Ddof},
    scenarios::Scenario,
};

/// Measures the P&L of scenarios by draw, given that of the sessions too; returns also the shares of the
/// sessions. `None` for less than two scenarios.
pub(crate) fn measure(
    replay: &Replay<'_>,
    courses: &Courses,
    (profits, sessions): (&[Vec<f64>], &[Vec<f64>]),
) -> Option<(TailVolatility, Shares)> {
    let draws = profits.len() as f64;
    let periods = profits.first()?.len();
    let mean = profits.iter().flatten().sum::<f64>() / (draws * periods as f64);
    let mut squares = vec![0.0; periods];
    for profits in profits {
        let deviations = profits.iter().map(|profit| (profit - mean) * (profit - mean) / draws);
        squares.iter_mut().zip(deviations).for_each(|(sum, square)| *sum += square);
    }
    let freedom = courses.freedom(periods)?;
    let value = (squares.iter().sum::<f64>() / freedom).sqrt();
    let by_period: Vec<(usize, f64)> = squares.into_iter().enumerate().collect();
    let moves = 0.0 < value;
    let share = |profit: f64| if moves { (mean - profit) / (draws * freedom * value) } else { 0.0 };
    let of_draw = |(draw, profits): (usize, &Vec<f64>)| -> Shares {
        let scenario = |(period, profit): (usize, &f64)| {
            let (period, draw) = (period as u32, draw as u32);
            (Scenario { profit: *profit, weight: 1.0 / draws, period, draw }, share(*profit))
        };
        profits.iter().enumerate().map(scenario).collect()
    };
    let shares: Shares = profits.iter().enumerate().flat_map(of_draw).collect();
    let shares = courses.by_session(shares, sessions);
    let contribution = replay.stand_in_part(&shares);
    let stand_ins = match contribution {
        Some(contribution) => {
            Some(VolatilityStandIns { contribution, spread: spread(courses, profits)? })
        }
        None => None,
    };
    let error = courses.dependence().mean_error(&by_period, periods).filter(|_| moves);
    let volatility = TailVolatility {
        value,
        standard_error: error.map(|error| error / (2.0 * value)),
        legs: replay.legs(&shares),
        stand_ins,
    };
    Some((volatility, shares))
}

/// A volatility of one session, over several independent ones.
pub(crate) fn over(
    (mut one, mut shares): (TailVolatility, Shares),
    sessions: usize,
) -> (TailVolatility, Shares) {
    let root = (sessions as f64).sqrt();
    one.value *= root;
    one.standard_error = one.standard_error.map(|error| error * root);
    one.legs.iter_mut().flatten().for_each(|part| *part *= root);
    one.stand_ins = one.stand_ins.map(|parts| VolatilityStandIns {
        contribution: parts.contribution * root,
        spread: parts.spread * root,
    });
    shares.iter_mut().for_each(|(_, share)| *share *= root);
    (one, shares)
}

/// Standard deviation over draws of the standard deviation of each draw.
fn spread(courses: &Courses, profits: &[Vec<f64>]) -> Option<f64> {
    let deviation = |profits: &Vec<f64>| {
        let usual = profits.len().checked_sub(1)? as f64;
        let variance = moments::variance(profits, Ddof::Sample)?;
        Some((variance * (usual / courses.freedom(profits.len())?)).sqrt())
    };
    let values: Option<Vec<f64>> = profits.iter().map(deviation).collect();
    Some(moments::variance(&values?, Ddof::Sample)?.sqrt())
}
