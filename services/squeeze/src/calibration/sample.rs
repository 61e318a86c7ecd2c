//! How much there is to learn from: episodes, names, weeks and regimes.

use crate::calibration::{label::AHEAD, panel::Observation};
use marketdata::{calendar::sessions_between, day::Day};
use std::collections::{BTreeMap, BTreeSet};

/// Weeks of a regime: half a year. A regime is what holds for months, and short samples look alike
/// because they share one.
const REGIME_WEEKS: i32 = 26;
/// Episodes that make a span of weeks count as a regime.
const REGIME_EPISODES: u32 = 10;

/// Counts of observations and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Sessions.
    pub sessions: u32,
    /// Heavily short names on sessions.
    pub name_days: u32,
    /// Of these, those that a squeeze followed.
    pub events: u32,
    /// Squeezes: events of one name that are at most five sessions apart are one.
    pub episodes: u32,
    /// Names that were squeezed.
    pub names: u32,
    /// Calendar weeks in which an episode began.
    pub weeks: u32,
    /// Spans of 26 weeks, counted from the first week, in which at least ten episodes began.
    pub regimes: u32,
}

impl Sample {
    /// The counts of observations in the order of their sessions.
    pub fn of(observations: &[Observation]) -> Sample {
        let sessions: BTreeSet<Day> = observations.iter().map(|o| o.on).collect();
        let starts = starts(observations);
        let first = observations.first().map_or(0, Observation::week);
        let mut regimes: BTreeMap<i32, u32> = BTreeMap::new();
        for start in &starts {
            *regimes.entry((start.week() - first).div_euclid(REGIME_WEEKS)).or_default() += 1;
        }
        let distinct = |count: usize| count as u32;
        Sample {
            sessions: distinct(sessions.len()),
            name_days: distinct(observations.len()),
            events: distinct(observations.iter().filter(|o| o.event).count()),
            episodes: distinct(starts.len()),
            names: distinct(starts.iter().map(|o| o.name).collect::<BTreeSet<u32>>().len()),
            weeks: distinct(starts.iter().map(|o| o.week()).collect::<BTreeSet<i32>>().len()),
            regimes: distinct(regimes.values().filter(|c| REGIME_EPISODES <= **c).count()),
        }
    }

    /// Events over name-days: the base rate. `None` without observations.
    pub fn rate(&self) -> Option<f64> {
        (0 < self.name_days).then(|| f64::from(self.events) / f64::from(self.name_days))
    }
}

/// The first event of each episode.
fn starts(observations: &[Observation]) -> Vec<&Observation> {
    let mut last: BTreeMap<u32, Day> = BTreeMap::new();
    let begins = |event: &&Observation| {
        let before = last.insert(event.name, event.on);
        before.is_none_or(|before| (AHEAD as i32) < sessions_between(before, event.on))
    };
    observations.iter().filter(|o| o.event).filter(begins).collect()
}
