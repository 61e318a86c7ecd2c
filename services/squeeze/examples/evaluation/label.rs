//! The price leg of the label: whether a name jumped in the five sessions after a day.

use crate::files::Closes;
use factors::squeeze_threshold::{HORIZON_SESSIONS, squeeze_threshold};
use marketdata::day::Day;
use stats::moments::{self, Ddof};
use std::collections::BTreeMap;

/// Sessions in which the jump must happen.
const AHEAD: usize = HORIZON_SESSIONS as usize;
/// Sessions before the day that beta and volatility are measured over, and the minimum.
const BEFORE: usize = 60;

/// Returns of the index, by day.
#[derive(Debug)]
pub(crate) struct Index(BTreeMap<Day, f64>);

impl Index {
    pub(crate) fn of(closes: &Closes) -> Index {
        let returns = closes.adjusted.windows(2).map(|pair| pair[1] / pair[0] - 1.0);
        Index(closes.days.iter().skip(1).copied().zip(returns).collect())
    }

    /// Its sessions in a range of days, both included.
    pub(crate) fn sessions(&self, first: Day, last: Day) -> Vec<Day> {
        self.0.range(first..=last).map(|(day, _)| *day).collect()
    }
}

/// Whether the return of a name over the five sessions after a day, less beta times the index, was
/// at least max(3σ√5, 15 %). Beta and σ are of the 60 sessions up to the day. `None` without enough
/// sessions before or after.
pub(crate) fn jumped(closes: &Closes, index: &Index, day: Day) -> Option<bool> {
    let at = closes.days.binary_search(&day).ok()?;
    let first = at.checked_sub(BEFORE)?;
    let last = at + AHEAD;
    let growth = |row: usize| closes.adjusted[row] / closes.adjusted[row - 1] - 1.0;
    let own: Vec<f64> = (first + 1..=at).map(growth).collect();
    let of_index = |row: usize| index.0.get(&closes.days[row]).copied();
    let market: Vec<f64> = (first + 1..=at).map(of_index).collect::<Option<_>>()?;
    let sigma = moments::standard_deviation(&own, Ddof::Sample)?;
    let beta = moments::correlation(&own, &market)? * sigma
        / moments::standard_deviation(&market, Ddof::Sample)?;
    let ahead = closes.adjusted.get(last)? / closes.adjusted[at] - 1.0;
    let mut market = 1.0;
    for row in at + 1..=last {
        market *= 1.0 + of_index(row)?;
    }
    Some(squeeze_threshold(sigma) <= ahead - beta * (market - 1.0))
}
