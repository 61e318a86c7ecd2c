//! Simulated books whose distribution is known: independent days, and days with volatility
//! clusters.

use crate::replay::{Book, SEEDS, WINDOW};
use stats::rng::Rng;

/// Number of days to forecast in each book.
const DAYS: usize = 6_000;

/// Long-run daily volatility.
const VOLATILITY: f64 = 0.01;

/// Independent normal days: every method should pass.
pub(crate) fn independent() -> Book {
    let mut rng = Rng::new(6, 0);
    book("simulated, independent", |_| VOLATILITY * rng.normal())
}

/// GARCH(1,1), Bollerslev (1986), with ω + .08·r² + .91·σ²: volatility halves its distance to the
/// long-run level in 69 days, as is typical of daily stock returns.
pub(crate) fn clustered() -> Book {
    const NEWS: f64 = 0.08;
    const MEMORY: f64 = 0.91;
    let long_run = VOLATILITY * VOLATILITY;
    let mut rng = Rng::new(6, 1);
    let mut variance = long_run;
    book("simulated, clustered", |_| {
        let profit = variance.sqrt() * rng.normal();
        variance = (1.0 - NEWS - MEMORY) * long_run + NEWS * profit * profit + MEMORY * variance;
        profit
    })
}

fn book(name: &str, profit: impl FnMut(usize) -> f64) -> Book {
    let first = SEEDS + WINDOW;
    Book { name: name.to_owned(), profits: (0..first + DAYS).map(profit).collect(), first }
}
