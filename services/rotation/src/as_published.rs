//! A history as published: the value of a measure, or the state, of each session as known at the
//! close of that session.
//!
//! The point of a session is the latest value in the snapshot of 16:00 New York of
//! that session, at the same revision of our log. A report as of that instant gives the same value.
//!
//! Each point is computed from its own snapshot. It cannot be read from a later history, because
//! many measures are not causal: appended days change their earlier values, even if nothing was
//! published late. An issuer without a close is missing from the weights for two weeks after its
//! last close, or until its next one. A share class belongs to its issuer until two weeks after its
//! last close. Without a membership, a session needs a tenth of the closes of the busiest day.
//! Closes are compared in the units of the last row.
//!
//! The cost of a session depends on the inputs of its measure, see [`Work`]. Scores and states need
//! all measures.

use crate::{
    family::{Indicator, Work},
    indicator,
    inputs::{Earlier, Inputs, Read},
    measure::{Source, Spec},
    prepared::{PreparedRotation, Reading, STATE_SESSIONS, prepare},
    state_history::{Said, StateHistory},
};
use factors::roles::{Role, Roles};
use marketdata::{
    calendar::is_session,
    dataset::Dataset,
    day::Day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    snapshot::Snapshot,
};
use std::sync::Arc;

/// A measure and the cost of one session of it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Indicator of the measure.
    pub indicator: &'static Indicator,
    /// The measure.
    pub spec: Spec,
}

impl Measured {
    /// The ids of all measures.
    pub fn ids() -> impl Iterator<Item = String> {
        indicator::ALL.iter().flat_map(|indicator| (indicator.specs)()).map(|spec| spec.id)
    }

    /// Finds a measure by its id. Returns `None` if no indicator has it.
    pub fn find(id: &str) -> Option<Measured> {
        indicator::ALL.iter().find_map(|indicator| {
            let spec = (indicator.specs)().into_iter().find(|spec| spec.id == id)?;
            Some(Measured { indicator, spec })
        })
    }
}

/// A history that can be asked for.
#[derive(Clone, Debug)]
pub enum History {
    /// Of a measure.
    Measure(Measured),
    /// Of a score, the state or the session's move.
    State(StateHistory),
}

impl History {
    /// The ids of all histories.
    pub fn ids() -> impl Iterator<Item = String> {
        Measured::ids().chain(StateHistory::ALL.map(|history| history.id().to_owned()))
    }

    /// Finds a history by its id. Returns `None` if there is none.
    pub fn find(id: &str) -> Option<History> {
        let state = StateHistory::find(id).map(History::State);
        state.or_else(|| Measured::find(id).map(History::Measure))
    }

    /// How to read its values.
    pub fn spec(&self) -> Spec {
        match self {
            History::Measure(measured) => measured.spec.clone(),
            History::State(history) => history.spec(),
        }
    }

    /// Inputs that one session reads.
    pub const fn work(&self) -> Work {
        match self {
            History::Measure(measured) => measured.indicator.work,
            History::State(_) => Work::WholeMarket,
        }
    }

    /// The day on which its inputs begin: no earlier session has a value. If a role that it needs
    /// has no history, the day of the first bar, so that its sessions say what is missing. `None`
    /// if there are no bars either.
    pub fn first_day(&self, snapshot: &Snapshot, roles: &Roles) -> Option<Day> {
        let needed = match (self, self.work()) {
            (History::State(_), _) => vec![STATE_SESSIONS],
            (History::Measure(measured), Work::Roles(needed)) => needed(&measured.spec),
            (History::Measure(_), Work::Lines | Work::WholeMarket) => Vec::new(),
        };
        let first = |of: &&[Role]| of.iter().filter_map(|r| roles.first_day(snapshot, *r)).min();
        let firsts: Option<Vec<Day>> = needed.iter().map(first).collect();
        let last = firsts.and_then(|firsts| firsts.into_iter().max());
        last.or_else(|| snapshot.first_day(&[Dataset::Bars]))
    }
}

/// What is said of one session as known at its close.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The session.
    pub on: Day,
    /// Its close. A report as of this instant says the same.
    pub known_at: Instant,
    /// The day that it describes, the session or an earlier day.
    pub observed_on: Day,
    /// The value or the state.
    pub said: Said,
}

/// The values of some sessions, each as known at its close.
#[derive(Clone, Debug, PartialEq)]
pub struct AsPublished {
    /// One point per session that has a value, oldest first.
    pub points: Vec<Point>,
    /// Every source of the measure at any of the sessions, as of the last session that uses it.
    /// Empty for scores and states.
    pub sources: Vec<Source>,
    /// The gaps of all sessions, merged: one per reason and subject, with the number of sessions
    /// that have it.
    pub gaps: Vec<Gap>,
}

/// The sessions of the exchange between two days, both included.
pub fn sessions(first: Day, last: Day) -> Vec<Day> {
    (first.epoch()..=last.epoch()).map(Day::from_epoch).filter(|day| is_session(*day)).collect()
}

/// The last day whose close is at or before an instant.
pub fn last_closed(instant: Instant) -> Day {
    let day = instant.new_york_day();
    if Instant::close_of(day) <= instant { day } else { day.plus(-1) }
}

/// A history as published under way: sessions are added one by one, in order, and each reuses what
/// it shares with the session before.
#[derive(Debug)]
pub struct Progress {
    snapshot: Snapshot,
    roles: Arc<Roles>,
    id: String,
    reader: Reader,
    sessions: usize,
    points: Vec<Point>,
    sources: Vec<Source>,
    /// Sessions without a value.
    without: MergedGaps,
    gaps: MergedGaps,
}

/// Reads one session after the other.
#[derive(Debug)]
enum Reader {
    Measure {
        measured: Measured,
        /// The session before, and the inputs read from it.
        earlier: Option<(Snapshot, Read)>,
    },
    State {
        history: StateHistory,
        /// The session before.
        earlier: Option<Box<PreparedRotation>>,
    },
}

/// What a session's snapshot says.
struct Latest {
    said: Option<(Day, Said)>,
    sources: Vec<Source>,
    gaps: Vec<Gap>,
}

impl Progress {
    /// No session yet. None may end after the snapshot's as-of instant.
    pub fn new(snapshot: Snapshot, roles: Arc<Roles>, history: History) -> Progress {
        Progress {
            snapshot,
            roles,
            id: history.spec().id,
            reader: match history {
                History::Measure(measured) => Reader::Measure { measured, earlier: None },
                History::State(history) => Reader::State { history, earlier: None },
            },
            sessions: 0,
            points: Vec::new(),
            sources: Vec::new(),
            without: MergedGaps { gaps: Vec::new() },
            gaps: MergedGaps { gaps: Vec::new() },
        }
    }

    /// Adds a session, from the facts that were public at its close.
    pub fn add(&mut self, on: Day) {
        let known_at = Instant::close_of(on);
        let latest = self.reader.read(self.snapshot.earlier(known_at), &self.roles);
        self.sessions += 1;
        match latest.said {
            Some((observed_on, said)) => {
                self.points.push(Point { on, known_at, observed_on, said });
            }
            None => self.without.note(on, nothing_said(&self.id)),
        }
        latest.sources.into_iter().for_each(|source| self.note_source(source));
        latest.gaps.into_iter().for_each(|gap| self.gaps.note(on, gap));
    }

    /// The points of the sessions added.
    pub fn finish(self) -> AsPublished {
        let Progress { points, sources, without, gaps, sessions, .. } = self;
        let gaps = [without, gaps].map(|merged| merged.into_gaps(sessions)).concat();
        AsPublished { points, sources, gaps }
    }

    /// Keeps a source as of the last session that uses it.
    fn note_source(&mut self, source: Source) {
        let same = |held: &&mut Source| {
            (held.role, &held.symbol, &held.proxy_for)
                == (source.role, &source.symbol, &source.proxy_for)
        };
        match self.sources.iter_mut().find(same) {
            Some(held) => *held = source,
            None => self.sources.push(source),
        }
    }
}

impl Reader {
    /// What the next session's snapshot says.
    fn read(&mut self, snapshot: Snapshot, roles: &Roles) -> Latest {
        match self {
            Reader::Measure { measured, earlier } => {
                let Reading { history, sources, gaps, .. } =
                    read_measure(measured, earlier, snapshot, roles);
                let said = history.last().map(|(on, value)| (on, Said::Value(value)));
                Latest { said, sources, gaps }
            }
            Reader::State { history, earlier } => {
                let prepared = prepare(&snapshot, roles, earlier.as_deref());
                let (said, gaps) = (history.of_last(&prepared), prepared.gaps.clone());
                *earlier = Some(Box::new(prepared));
                Latest { said, sources: Vec::new(), gaps }
            }
        }
    }
}

/// The measure as known in the next session's snapshot.
fn read_measure(
    Measured { indicator, spec }: &Measured,
    earlier: &mut Option<(Snapshot, Read)>,
    snapshot: Snapshot,
    roles: &Roles,
) -> Reading {
    let continued = earlier.as_ref().map(|(snapshot, read)| Earlier { snapshot, read });
    let inputs = Inputs::of(&snapshot, roles, continued);
    let (spec, outcome) = (indicator.measure)(&inputs, std::slice::from_ref(spec)).swap_remove(0);
    let reading = Reading::of(indicator, spec, outcome, snapshot.today());
    let read = inputs.into_read();
    *earlier = Some((snapshot, read));
    reading
}

fn nothing_said(id: &str) -> Gap {
    let detail = "no value was known at the close, so the session has no point";
    Gap::new(GapReason::MissingObservations, Subject::Indicator(id.to_owned()), detail)
}

/// The gaps of several sessions, merged by reason and subject.
#[derive(Debug)]
struct MergedGaps {
    /// Latest gap of each reason and subject, the last session that has it, and the number of
    /// sessions.
    gaps: Vec<(Gap, Day, usize)>,
}

impl MergedGaps {
    fn note(&mut self, on: Day, gap: Gap) {
        let same = |(held, _, _): &&mut (Gap, Day, usize)| {
            held.reason == gap.reason && held.subject == gap.subject
        };
        match self.gaps.iter_mut().find(same) {
            // Several gaps of one kind in one session count once.
            Some((held, last, count)) => {
                *count += usize::from(*last != on);
                (*held, *last) = (gap, on);
            }
            None => self.gaps.push((gap, on, 1)),
        }
    }

    fn into_gaps(self, sessions: usize) -> Vec<Gap> {
        let merged = |(gap, last, count): (Gap, Day, usize)| {
            let detail =
                format!("at {count} of {sessions} sessions, the last {last}: {}", gap.detail);
            Gap { detail, ..gap }
        };
        self.gaps.into_iter().map(merged).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::{Fixture, day};

    #[test]
    fn every_measure_is_found_and_the_list_names_indicators() {
        for indicator in indicator::ALL {
            for spec in (indicator.specs)() {
                let found = Measured::find(&spec.id).unwrap();
                assert_eq!((found.spec, found.indicator.id), (spec, indicator.id));
            }
        }
        assert!(History::find("captain").is_none());
        for history in StateHistory::ALL {
            let found = History::find(history.id()).unwrap();
            assert_eq!(found.spec(), history.spec());
            assert!(matches!(found.work(), Work::WholeMarket));
        }
    }

    #[test]
    fn whole_market_indicators_are_those_that_read_more_than_lines() {
        let (snapshot, roles) = (Fixture::new().snapshot(Instant::MAX), Roles::standard());
        for indicator in indicator::ALL {
            let inputs = Inputs::of(&snapshot, &roles, None);
            (indicator.measure)(&inputs, &(indicator.specs)());
            let Read { breadth, most_shorted } = inputs.into_read();
            let whole = breadth.is_some() || most_shorted.is_some();
            let declared = matches!(indicator.work, Work::WholeMarket);
            assert_eq!(declared, whole, "{}", indicator.id);
        }
    }

    #[test]
    fn a_session_counts_from_its_close() {
        let friday = day("2021-01-15");
        let before = Instant::new_york(friday, 15, 59);
        assert_eq!(last_closed(before), friday.plus(-1));
        assert_eq!(last_closed(Instant::close_of(friday)), friday);
        // Monday, 2021-01-18, was Martin Luther King Jr. Day.
        assert_eq!(sessions(friday, friday.plus(4)), [friday, friday.plus(4)]);
        assert!(sessions(friday, friday.plus(-1)).is_empty());
    }

    #[test]
    fn gaps_of_one_kind_are_merged_with_their_number_of_sessions() {
        let mut merged_gaps = MergedGaps { gaps: Vec::new() };
        let gap = |detail: &str| {
            Gap::new(GapReason::NoPrice, Subject::Indicator("share_advancing".to_owned()), detail)
        };
        merged_gaps.note(day("2021-01-04"), gap("3 of 9"));
        merged_gaps.note(day("2021-01-05"), gap("2 of 9"));
        merged_gaps.note(day("2021-01-05"), gap("1 of 9"));
        let [merged] = &merged_gaps.into_gaps(3)[..] else { panic!("one gap") };
        assert_eq!(merged.detail, "at 2 of 3 sessions, the last 2021-01-05: 1 of 9");
    }
}
