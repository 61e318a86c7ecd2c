//! The state of every session (methodology A21 (iii)).
//!
//! The state of a session is a function of a finite number of sessions before it: switches start off
//! [`FOLLOWED`] sessions back, and scores and thresholds have a finite memory. Loading older history
//! changes nothing, and the state of an earlier session is what a report of that session gave.

use crate::{
    scores::Scores,
    state::{State, Switches},
    threshold::Thresholds,
};
use std::ops::RangeInclusive;

/// Sessions over which switches are followed, the last included: three years. They start off.
pub const FOLLOWED: usize = 756;

/// The sessions over which the switches of a session are followed, by place.
pub(crate) fn followed(session: usize) -> RangeInclusive<usize> {
    (session + 1).saturating_sub(FOLLOWED)..=session
}

/// The states of all sessions of some scores. The first are those of `earlier`.
///
/// The switches of two successive sessions are followed from two successive starts. Once both act
/// alike they do so for good, after a few sessions as a rule; the rest of the later run is that of
/// the earlier one.
pub(crate) fn states(scores: &Scores, thresholds: &Thresholds, earlier: &[State]) -> Vec<State> {
    let step = |switches: Switches, at: usize| switches.step(scores, at, thresholds.on(at));
    let mut states = earlier.to_vec();
    let start = *followed(earlier.len()).start();
    // The switches after each session since `start`, followed from the start of the last state.
    let mut run: Vec<Switches> = Vec::new();
    for session in earlier.len()..scores.sessions() {
        for at in start + run.len()..=session {
            run.push(step(run.last().copied().unwrap_or_else(Switches::off), at));
        }
        let mut switches = Switches::off();
        for at in followed(session) {
            switches = step(switches, at);
            if run[at - start].acts_like(&switches) {
                break;
            }
            run[at - start] = switches;
        }
        states.push(run[session - start].state());
    }
    states
}
