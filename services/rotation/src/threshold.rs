//! The threshold at which scores switch on, fixed once a year for a stated number of changes of
//! state (methodology A21 (iii)).

use crate::{
    hysteresis::OFF_SHARE,
    scores::{Scores, years},
    state::{State, Switches},
};
use marketdata::day::Day;
use rayon::prelude::*;

/// Changes of state a year that a threshold should give: one a month.
pub const CHANGES_PER_YEAR: f64 = 12.0;
/// Sessions before January's first that a threshold is fixed on.
pub const SESSIONS: usize = 2_520;
/// Minimum number of those with a known state. With fewer, the threshold is [`DEFAULT`].
pub const KNOWN_MIN: usize = 1_260;
/// The threshold without enough history: one standard deviation.
pub const DEFAULT: f64 = 1.0;
/// Thresholds are tried in twentieths, from 0.50 to 3.00.
const TWENTIETHS: std::ops::RangeInclusive<u32> = 10..=60;
/// Sessions in a year.
const YEAR: f64 = 252.0;

/// The threshold of one calendar year.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Place of the year's first session among those that the state can depend on.
    start: usize,
    /// First session of the year: the day on which it was fixed.
    pub fixed_on: Day,
    /// Scores switch on at this value, and off at half of it.
    pub on: f64,
    /// Number of sessions with a known state that it was fixed on; 0 for the default.
    pub sessions: usize,
    /// Changes of state a year that it gave on those sessions. `None` for the default.
    pub changes_per_year: Option<f64>,
}

impl Threshold {
    /// Scores switch off beyond this value.
    pub fn off(&self) -> f64 {
        OFF_SHARE * self.on
    }
}

/// The thresholds of the years of some sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds(Vec<Threshold>);

impl Thresholds {
    /// The threshold of every year. Those of `earlier` are reused for years that begin within its
    /// first `same` sessions.
    pub fn of(
        sessions: &[Day],
        scores: &Scores,
        earlier: Option<(&Thresholds, usize)>,
    ) -> Thresholds {
        let starts: Vec<usize> = years(sessions).into_iter().map(|year| year.start).collect();
        let of = |start: &usize| {
            let earlier = earlier.filter(|(_, same)| start < same);
            let kept = earlier.and_then(|(old, _)| old.0.iter().find(|old| old.start == *start));
            kept.copied().unwrap_or_else(|| fixed(scores, *start, sessions[*start]))
        };
        Thresholds(starts.par_iter().map(of).collect())
    }

    /// The value at which scores switch on in a session, by its place.
    pub fn on(&self, session: usize) -> f64 {
        self.at(session).map_or(DEFAULT, |threshold| threshold.on)
    }

    /// The threshold of a session, by its place.
    pub fn at(&self, session: usize) -> Option<&Threshold> {
        self.0.iter().rev().find(|threshold| threshold.start <= session)
    }
}

/// The lowest threshold that gives at most [`CHANGES_PER_YEAR`], else the highest.
fn fixed(scores: &Scores, start: usize, fixed_on: Day) -> Threshold {
    let window = start.saturating_sub(SESSIONS)..start;
    let default = Threshold { start, fixed_on, on: DEFAULT, sessions: 0, changes_per_year: None };
    let mut fixed = default;
    for twentieths in TWENTIETHS {
        let on = f64::from(twentieths) / 20.0;
        let (known, changes) = changes(scores, window.clone(), on);
        if known < KNOWN_MIN {
            return default;
        }
        let rate = YEAR * changes as f64 / known as f64;
        fixed = Threshold { on, sessions: known, changes_per_year: Some(rate), ..default };
        if rate <= CHANGES_PER_YEAR {
            break;
        }
    }
    fixed
}

/// Number of sessions with a known state, and of changes between successive ones.
fn changes(scores: &Scores, window: std::ops::Range<usize>, on: f64) -> (usize, usize) {
    let mut switches = Switches::off();
    let (mut known, mut changes) = (0, 0);
    let mut before = State::Unknown;
    for session in window {
        switches = switches.step(scores, session, on);
        let state = switches.state();
        if state == State::Unknown {
            continue;
        }
        changes += usize::from(before != State::Unknown && before != state);
        known += 1;
        before = state;
    }
    (known, changes)
}
