//! How good the probabilities of a model are on sessions that had no part in its fit.
//!
//! Windows of neighbouring sessions overlap, so one squeeze is an event of up to five sessions in a
//! row, as a rule of two weeks. Errors are clustered by name, and by week with the weeks beside it
//! ([`stats::clustered`]); the bound of a difference of lifts is over draws of runs of weeks.

use crate::calibration::{
    model::{Model, clipped_probability},
    panel::Observation,
};
use stats::{
    classification::{brier_score, precision_area},
    clustered::{self, Part},
    lift::{TopCounts, lift, lift_difference},
    logit::{Observations, probability},
    rank::percentile_ranks,
};
use std::collections::BTreeMap;

/// Share of the names of a session that counts as its top.
const TOP: f64 = 0.10;
/// Consecutive weeks that are drawn together behind the bound of a difference.
const RUN_WEEKS: usize = 4;
/// Number of draws, and their seed.
const DRAWS: usize = 2_000;
const SEED: u64 = 1;
/// Bins of the reliability table.
pub const BINS: usize = 10;

/// An estimate and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

/// A tenth of the observations by their probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Mean probability.
    pub probability: f64,
    /// Event rate.
    pub rate: f64,
    /// Standard error of the rate.
    pub error: f64,
    /// Observations.
    pub name_days: f64,
    /// Events.
    pub events: f64,
}

/// The check of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// Slope of the log odds of what happened on the index: 1 if the probabilities are right, below 1
    /// if they are too far apart.
    pub slope: Estimate,
    /// Their intercept: 0 if the probabilities are right, below 0 if they are too high.
    pub intercept: Estimate,
    /// Brier score, and that of the base rate for all.
    pub brier: f64,
    /// Brier score of the base rate for all names.
    pub base_brier: f64,
    /// Area under precision against recall.
    pub precision_area: f64,
    /// That of short interest over float.
    pub benchmark_precision_area: f64,
    /// Event rate of the top tenth of each session over that of all.
    pub lift: f64,
    /// That of short interest over float.
    pub benchmark_lift: f64,
    /// The lift less that of short interest over float: the bound that 95 % of 2,000 draws of runs of
    /// four weeks stay above. `None` of too few weeks ([`stats::lift::BOUND_CLUSTERS`]).
    pub lift_difference_lower: Option<f64>,
    /// The reliability table, the lowest probabilities first.
    pub bins: [Bin; BINS],
}

/// Checks a model on observations in the order of their sessions. `None` without events among them,
/// or without anything else.
pub fn check(model: &Model, observations: &[&Observation]) -> Option<Check> {
    let odds: Vec<f64> = observations.iter().map(|o| model.index(&o.levels)).collect();
    let forecasts: Vec<(f64, bool)> =
        odds.iter().zip(observations).map(|(x, o)| (clipped_probability(*x), o.event)).collect();
    let benchmark: Vec<f64> = observations.iter().map(|o| o.benchmark()).collect();
    let rate = forecasts.iter().filter(|(_, e)| *e).count() as f64 / forecasts.len() as f64;
    let of_base: Vec<(f64, bool)> = forecasts.iter().map(|(_, event)| (rate, *event)).collect();
    let of_benchmark: Vec<(f64, bool)> =
        benchmark.iter().zip(observations).map(|(level, o)| (*level, o.event)).collect();
    let [intercept, slope] = calibration_line(&odds, observations)?;
    let (own, other) = (weeks(observations, &odds)?, weeks(observations, &benchmark)?);
    let paired: Vec<(TopCounts, TopCounts)> =
        own.values().copied().zip(other.values().copied()).collect();
    Some(Check {
        slope,
        intercept,
        brier: brier_score(&forecasts)?,
        base_brier: brier_score(&of_base)?,
        precision_area: precision_area(&forecasts)?,
        benchmark_precision_area: precision_area(&of_benchmark)?,
        lift: lift(own.values())?,
        benchmark_lift: lift(other.values())?,
        lift_difference_lower: lift_difference(&paired, RUN_WEEKS, DRAWS, SEED)?.lower,
        bins: bins(observations, &odds)?,
    })
}

/// Intercept and slope of the log odds of events on an index.
pub(super) fn calibration_line(
    odds: &[f64],
    observations: &[&Observation],
) -> Option<[Estimate; 2]> {
    let outcomes: Vec<f64> = observations.iter().map(|o| f64::from(o.event)).collect();
    let columns = [odds.to_vec()];
    let sample = Observations::new(&columns, &outcomes)?;
    let fitted = sample.fit(0.0)?;
    let names: Vec<u32> = observations.iter().map(|o| o.name).collect();
    let weeks: Vec<i32> = observations.iter().map(|o| o.week()).collect();
    let errors = sample.clustered_errors(&fitted, 0.0, (&names, &weeks))?;
    let estimate = |value, error| Estimate { value, error };
    Some([estimate(fitted.intercept, errors[0]), estimate(fitted.coefficients[0], errors[1])])
}

/// Counts by week, with the top tenth of each session by a value.
fn weeks(observations: &[&Observation], values: &[f64]) -> Option<BTreeMap<i32, TopCounts>> {
    let mut weeks: BTreeMap<i32, TopCounts> = BTreeMap::new();
    let mut first = 0;
    for session in observations.chunk_by(|a, b| a.on == b.on) {
        let ranks = percentile_ranks(&values[first..first + session.len()])?;
        first += session.len();
        for (observation, rank) in session.iter().zip(ranks) {
            let week = weeks.entry(observation.week()).or_insert(TopCounts::NONE);
            week.add(observation.event, 1.0 - TOP < rank);
        }
    }
    Some(weeks)
}

/// The reliability table: tenths of the index over all sessions.
fn bins(observations: &[&Observation], odds: &[f64]) -> Option<[Bin; BINS]> {
    let ranks = percentile_ranks(odds)?;
    let mut members: [Vec<(&Observation, f64)>; BINS] = Default::default();
    for ((observation, x), rank) in observations.iter().zip(odds).zip(&ranks) {
        members[((BINS as f64 * rank) as usize).min(BINS - 1)].push((observation, *x));
    }
    Some(members.map(|members| Bin::of(&members)))
}

impl Bin {
    /// A bin without observations.
    pub const EMPTY: Bin =
        Bin { probability: 0.0, rate: 0.0, error: 0.0, name_days: 0.0, events: 0.0 };

    /// Observations with their indices. A bin without any, which ties can leave, stays zero.
    fn of(members: &[(&Observation, f64)]) -> Bin {
        if members.is_empty() {
            return Bin::EMPTY;
        }
        let name_days = members.len() as f64;
        let events: f64 = members.iter().map(|(o, _)| f64::from(o.event)).sum();
        let rate = events / name_days;
        let part = |(o, _): &(&Observation, f64)| Part {
            unit: o.name,
            period: o.week(),
            value: (f64::from(o.event) - rate) / name_days,
        };
        let first = members[0].0.week();
        let has_weeks = members.iter().any(|(o, _)| o.week() != first);
        let variance = clustered::variance(members.iter().map(part));
        Bin {
            probability: members.iter().map(|(_, x)| probability(*x)).sum::<f64>() / name_days,
            rate,
            error: if has_weeks { variance.sqrt() } else { 0.0 },
            name_days,
            events,
        }
    }
}

#[cfg(test)]
mod tests;
