//! What followed each state: returns over the next month (methodology A21 (v)).
//!
//! It is shown also where it is nothing. A session counts once the 21 sessions after it are over, so
//! nothing here is a forecast and nothing reads ahead of the last session.

use crate::state::State;
use marketdata::{day::Day, snapshot::Series};
use stats::moments::{Ddof, mean, standard_deviation};

/// Number of sessions after a session over which returns are taken: a month.
pub const NEXT: usize = 21;
/// Number of sessions whose aftermath counts: ten years.
pub const SESSIONS: usize = 2_520;
/// The returns: small less large, and the market itself. Their value [`NEXT`] sessions later covers
/// exactly the sessions after a session.
pub const MEASURES: [&str; 2] = ["size_spread.21d", "index_return.large_cap_index.21d"];
/// Known states, in the order of an answer.
const STATES: [State; 5] =
    [State::RiskOff, State::SmallLed, State::MegacapLed, State::Broadening, State::Neutral];

/// A measure after the sessions of a state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NextReturn {
    /// The measure's id.
    pub measure: &'static str,
    /// Number of sessions with a value.
    pub sessions: usize,
    /// Mean of the values. `None` without values.
    pub mean: Option<f64>,
    /// Sample standard deviation / √(sessions / 21): values of neighbouring sessions overlap. `None`
    /// with fewer than two values that do not overlap, or if they are constant.
    pub standard_error: Option<f64>,
    /// Share of the values above zero. `None` without values.
    pub share_positive: Option<f64>,
}

/// What followed some sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct Aftermath {
    /// Number of sessions.
    pub sessions: usize,
    /// Number of uninterrupted runs that they form.
    pub runs: usize,
    /// One entry for each of [`MEASURES`].
    pub next: [NextReturn; MEASURES.len()],
}

/// What followed the sessions of each state.
#[derive(Clone, Debug, PartialEq)]
pub struct Aftermaths {
    /// All known states together, as a base to compare with.
    pub of_all: Aftermath,
    /// Each known state, in the order of an answer.
    pub by_state: [(State, Aftermath); STATES.len()],
}

/// What followed all known states, and each of them. `states` are those of the sessions; `history`
/// returns a measure's values by id.
pub fn aftermath<'a>(
    sessions: &[Day],
    states: &[State],
    history: impl Fn(&str) -> Option<&'a Series>,
) -> Aftermaths {
    let last = sessions.len().saturating_sub(NEXT);
    let counted = last.saturating_sub(SESSIONS)..last;
    let of = |is_in: &dyn Fn(State) -> bool| {
        let places: Vec<usize> = counted.clone().filter(|at| is_in(states[*at])).collect();
        let begins = |at: &usize| !counted.contains(&at.wrapping_sub(1)) || !is_in(states[*at - 1]);
        let next = MEASURES.map(|measure| {
            let value = |at: &usize| history(measure)?.on(sessions[at + NEXT]);
            next_return(measure, &places.iter().filter_map(value).collect::<Vec<f64>>())
        });
        let runs = places.iter().filter(|at| begins(at)).count();
        Aftermath { sessions: places.len(), runs, next }
    };
    Aftermaths {
        of_all: of(&|state| state != State::Unknown),
        by_state: STATES.map(|wanted| (wanted, of(&|state| state == wanted))),
    }
}

fn next_return(measure: &'static str, values: &[f64]) -> NextReturn {
    let separate = values.len() as f64 / NEXT as f64;
    let deviation = standard_deviation(values, Ddof::Sample).filter(|_| 2.0 <= separate);
    let positive = values.iter().filter(|value| 0.0 < **value).count();
    NextReturn {
        measure,
        sessions: values.len(),
        mean: mean(values),
        standard_error: deviation.map(|deviation| deviation / separate.sqrt()),
        share_positive: (!values.is_empty()).then(|| positive as f64 / values.len() as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;

    /// Consecutive days, and returns of them.
    fn days(count: usize) -> Vec<Day> {
        (0..count).map(|at| day("2019-01-01").plus(at as i32)).collect()
    }

    fn found(found: &Aftermaths, state: State) -> &Aftermath {
        &found.by_state.iter().find(|(of, _)| *of == state).unwrap().1
    }

    #[test]
    fn a_session_counts_by_the_return_of_the_month_after_it() {
        // 85 sessions: the first 64 have 21 after them. Small caps led on sessions 0 to 19 and 40 to
        // 61, megacaps on 20 to 39, 62 and 63; the rest is too recent, whatever its state.
        let state = |at: usize| match at {
            0..=19 | 40..=61 => State::SmallLed,
            20..=39 | 62..=63 => State::MegacapLed,
            _ => State::RiskOff,
        };
        let states: Vec<State> = (0..85).map(state).collect();
        let days = days(85);
        // The spread over the 21 sessions up to session 21 + at is 3 % for even places and −1 % for
        // odd ones: places 0 to 19 and 40 to 61 are 21 of each.
        let values = |at: usize| if at.is_multiple_of(2) { 0.03 } else { -0.01 };
        let spread = Series { days: days[21..].to_vec(), values: (0..64).map(values).collect() };
        let all = aftermath(&days, &states, |id| (id == MEASURES[0]).then_some(&spread));
        let small = found(&all, State::SmallLed);
        assert_eq!((small.sessions, small.runs), (42, 2));
        let [next, market] = &small.next;
        assert_eq!((next.sessions, next.share_positive), (42, Some(0.5)));
        assert!((next.mean.unwrap() - 0.01).abs() < 1e-15);
        // Each value is 0.02 from the mean: the sample variance is 0.0004 · 42 / 41, and 42 values
        // hold two months.
        let expected = (0.0004f64 * 42.0 / 41.0 / 2.0).sqrt();
        assert!((next.standard_error.unwrap() - expected).abs() < 1e-15);
        assert_eq!((market.sessions, market.mean, market.standard_error), (0, None, None));
        let large = found(&all, State::MegacapLed);
        assert_eq!((large.sessions, large.runs, large.next[0].standard_error), (22, 2, None));
        let none = found(&all, State::RiskOff);
        assert_eq!((none.sessions, none.runs, none.next[0].share_positive), (0, 0, None));
        assert_eq!((all.of_all.sessions, all.of_all.runs), (64, 1));
    }

    #[test]
    fn unknown_states_and_a_short_history_count_nothing() {
        let days = days(60);
        let count =
            |states: &[State]| aftermath(&days[..states.len()], states, |_| None).of_all.sessions;
        assert_eq!(count(&[State::Unknown; 60]), 0);
        assert_eq!(count(&[State::Neutral; 60]), 39);
        assert_eq!(count(&[State::Neutral; 10]), 0);
        assert_eq!(count(&[]), 0);
    }
}
