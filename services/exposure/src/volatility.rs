//! The standard deviation of the scenarios' P&L.
//!
//! ```text
//! σ² = Σ (P − P̄)² / (n − 1)
//! ```
//!
//! over n sessions; if there are draws, each counts 1/draws. σ is Σ −share·P with share = −(P − P̄) / ((n
//! − 1)·σ), so its parts are cov(part, P)/σ and sum to it (Euler). Its standard error is that of the
//! mean of (P − P̄)² by the stationary bootstrap, divided by 2σ (delta method).

use crate::{
    report::{TailVolatility, VolatilityStandIns},
    tail_risk::Replay,
};
use stats::{
    moments::{self, Ddof},
    scenarios::Scenario,
    stationary_bootstrap::mean_error,
};

/// Measures profits by draw; returns also the shares of the scenarios. `None` for less than two
/// sessions.
pub(crate) fn measure(
    replay: &Replay<'_>,
    profits: &[Vec<f64>],
) -> Option<(TailVolatility, Vec<(Scenario, f64)>)> {
    let draws = profits.len() as f64;
    let periods = profits.first()?.len();
    let mean = profits.iter().flatten().sum::<f64>() / (draws * periods as f64);
    let mut squares = vec![0.0; periods];
    for profits in profits {
        let deviations = profits.iter().map(|profit| (profit - mean) * (profit - mean) / draws);
        squares.iter_mut().zip(deviations).for_each(|(sum, square)| *sum += square);
    }
    let freedom = periods.checked_sub(1).filter(|freedom| 0 < *freedom)? as f64;
    let value = (squares.iter().sum::<f64>() / freedom).sqrt();
    let by_period: Vec<(usize, f64)> = squares.into_iter().enumerate().collect();
    let moves = 0.0 < value;
    let share = |profit: f64| if moves { (mean - profit) / (draws * freedom * value) } else { 0.0 };
    let of_draw = |(draw, profits): (usize, &Vec<f64>)| -> Vec<(Scenario, f64)> {
        let scenario = |(period, profit): (usize, &f64)| {
            let (period, draw) = (period as u32, draw as u32);
            (Scenario { profit: *profit, weight: 1.0 / draws, period, draw }, share(*profit))
        };
        profits.iter().enumerate().map(scenario).collect()
    };
    let shares: Vec<(Scenario, f64)> = profits.iter().enumerate().flat_map(of_draw).collect();
    let contribution = replay.stand_in_part(&shares);
    let stand_ins = match contribution {
        Some(contribution) => Some(VolatilityStandIns { contribution, spread: spread(profits)? }),
        None => None,
    };
    let error = mean_error(&by_period, periods).filter(|_| moves);
    let volatility = TailVolatility {
        value,
        standard_error: error.map(|error| error / (2.0 * value)),
        legs: replay.legs(&shares),
        stand_ins,
    };
    Some((volatility, shares))
}

/// Standard deviation over draws of the standard deviation of each draw.
fn spread(profits: &[Vec<f64>]) -> Option<f64> {
    let deviation = |profits: &Vec<f64>| Some(moments::variance(profits, Ddof::Sample)?.sqrt());
    let values: Option<Vec<f64>> = profits.iter().map(deviation).collect();
    Some(moments::variance(&values?, Ddof::Sample)?.sqrt())
}
