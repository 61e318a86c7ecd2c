//! How good the probabilities of a model are on sessions that had no part in its fit.

use crate::calibration::{
    model::{Model, clipped_probability},
    panel::Observation,
};
use stats::{
    classification::{brier_score, precision_area},
    lift::{TopCounts, lift, lift_difference},
    logit::{Observations, probability},
    rank::percentile_ranks,
};
use std::collections::BTreeMap;

/// Share of the names of a session that counts as its top.
const TOP: f64 = 0.10;
/// Draws of whole weeks behind the bound of a difference, and their seed.
const DRAWS: usize = 2_000;
const SEED: u64 = 1;
/// Bins of the reliability table.
pub const BINS: usize = 10;

/// An estimate and its standard error, clustered by name and week.
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
    /// Standard error of the rate, clustered by week.
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
    /// The lift less that of short interest over float: the bound that 95 % of 2,000 draws of whole
    /// weeks stay above.
    pub lift_difference_lower: f64,
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
        lift_difference_lower: lift_difference(&paired, DRAWS, SEED)?.lower,
        bins: bins(observations, &odds)?,
    })
}

/// Intercept and slope of the log odds of events on an index.
fn calibration_line(odds: &[f64], observations: &[&Observation]) -> Option<[Estimate; 2]> {
    let outcomes: Vec<f64> = observations.iter().map(|o| f64::from(o.event)).collect();
    let columns = [odds.to_vec()];
    let sample = Observations::new(&columns, &outcomes)?;
    let fitted = sample.fit(0.0)?;
    let names: Vec<u32> = observations.iter().map(|o| o.name).collect();
    let weeks: Vec<u32> = observations.iter().map(|o| o.week().unsigned_abs()).collect();
    let errors = sample.clustered_errors(&fitted, 0.0, [&names, &weeks])?;
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
    let mut bins = [Bin::EMPTY; BINS];
    for (at, bin) in bins.iter_mut().enumerate() {
        let mut weeks: BTreeMap<i32, [f64; 2]> = BTreeMap::new();
        for ((observation, x), rank) in observations.iter().zip(odds).zip(&ranks) {
            if (BINS as f64 * rank) as usize == at {
                let week = weeks.entry(observation.week()).or_default();
                week[0] += 1.0;
                week[1] += f64::from(observation.event);
                bin.probability += probability(*x);
                bin.name_days += 1.0;
                bin.events += f64::from(observation.event);
            }
        }
        bin.finish(&weeks);
    }
    Some(bins)
}

impl Bin {
    /// A bin without observations.
    pub const EMPTY: Bin =
        Bin { probability: 0.0, rate: 0.0, error: 0.0, name_days: 0.0, events: 0.0 };

    /// Rates from counts. A bin without observations, which ties can leave, stays zero.
    fn finish(&mut self, weeks: &BTreeMap<i32, [f64; 2]>) {
        if 0.0 < self.name_days {
            self.probability /= self.name_days;
            self.rate = self.events / self.name_days;
        }
        if 1 < weeks.len() {
            let count = weeks.len() as f64;
            let spread: f64 = weeks.values().map(|[n, e]| (e - self.rate * n).powi(2)).sum();
            self.error = (spread * count / (count - 1.0)).sqrt() / self.name_days;
        }
    }
}
