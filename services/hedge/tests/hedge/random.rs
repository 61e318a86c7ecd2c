//! Random problems of a dozen lines with every kind of limit, from a seed.

use crate::{
    fixture::{FREE, draws, limit},
    oracle,
};
use hedge::{
    line::Trading,
    objective::{Centring, RiskTerm, Scenarios},
    problem::Statement,
};

/// The problem of the oracle's table with this seed.
pub(crate) fn by_variance(seed: u32) -> Statement {
    oracle::statement(seed)
}

/// The same lines with the tail of 80 scenarios.
pub(crate) fn by_tail(seed: u32) -> Statement {
    let mut statement = oracle::statement(seed);
    let traded = statement.lines.iter().filter(|line| line.trading.is_some()).count();
    let draws = draws(seed, 80 * (traded + 1));
    let (book, returns) = draws.split_at(80);
    let book = book.iter().map(|u| 400.0 * u * u * u).collect();
    let returns = returns.chunks_exact(80).map(|r| r.iter().map(|u| 0.4 * u * u * u).collect());
    let scenarios = Scenarios::new(0.9, book, returns.collect(), Centring::Demeaned).unwrap();
    statement.objective.risk = RiskTerm::Tail { weight: 0.2, scenarios };
    statement
}

/// Every trade within 60 of money, as limits on lines need it, and no other limit.
pub(crate) fn bounded(mut statement: Statement) -> Statement {
    let lines = statement.lines.iter().enumerate().filter(|(_, line)| line.trading.is_some());
    let bounds: Vec<_> = lines
        .map(|(index, line)| {
            let measure = hedge::constraint::Measure::Trade(index);
            limit(&format!("range of {}", line.id), measure, -60.0, 60.0)
        })
        .collect();
    statement.constraints = bounds;
    statement
}

/// Terms without cost for every line that trades.
pub(crate) fn without_costs(statement: &mut Statement) {
    for line in &mut statement.lines {
        let terms = &mut line.trading;
        *terms = terms.map(|terms| Trading { volume: terms.volume, ..FREE });
    }
}
