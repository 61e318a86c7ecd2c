//! Histories of the scores, of the state and of the session's move. They belong to no indicator:
//! they are made from the measures of several.

use crate::{
    component::Score,
    measure::{Spec, Unit},
    prepared::PreparedRotation,
    record::RecordKind,
    session_move::{SIZE, SizeMove, size_moves},
    state::State,
};
use marketdata::day::Day;

/// What a history says of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    /// A number, in the unit of its measure.
    Value(f64),
    /// The slow state.
    State(State),
    /// The size move of the session.
    Move {
        /// Its z-score, above zero where small caps led.
        z: f64,
        /// Whether it was a rotation.
        is_rotation: bool,
    },
}

/// A history that belongs to no indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateHistory {
    /// The values of a score.
    Score(Score),
    /// The slow state.
    State,
    /// The size move of each session, without hysteresis.
    SessionMove,
}

impl StateHistory {
    /// All of them, in the order of a report.
    pub const ALL: [StateHistory; Score::ALL.len() + 2] = [
        StateHistory::Score(Score::Size),
        StateHistory::Score(Score::Breadth),
        StateHistory::Score(Score::Risk),
        StateHistory::Score(Score::Squeeze),
        StateHistory::State,
        StateHistory::SessionMove,
    ];

    /// Stable id.
    pub const fn id(self) -> &'static str {
        match self {
            StateHistory::Score(Score::Size) => "score/size",
            StateHistory::Score(Score::Breadth) => "score/breadth",
            StateHistory::Score(Score::Risk) => "score/risk",
            StateHistory::Score(Score::Squeeze) => "score/squeeze",
            StateHistory::State => "state",
            StateHistory::SessionMove => "session_move",
        }
    }

    /// The history with an id.
    pub fn find(id: &str) -> Option<StateHistory> {
        StateHistory::ALL.into_iter().find(|history| history.id() == id)
    }

    /// How to read its values.
    pub fn spec(self) -> Spec {
        let (unit, horizon, kind) = match self {
            StateHistory::Score(_) => (Unit::StandardDeviations, 0, RecordKind::Level),
            StateHistory::State => (Unit::State, 0, RecordKind::Level),
            StateHistory::SessionMove => (Unit::StandardDeviations, 1, RecordKind::Change),
        };
        Spec { id: self.id().to_owned(), horizon, unit, kind }
    }

    /// What it says of each session, oldest first, as known in one snapshot. A session of which it
    /// says nothing is left out. Scores and states go back as far as the sessions that the state
    /// can depend on.
    pub fn of_sessions(self, prepared: &PreparedRotation) -> Vec<(Day, Said)> {
        let scores = prepared.scores();
        let sessions = scores.sessions();
        let places = || sessions.iter().copied().enumerate();
        match self {
            StateHistory::Score(score) => places()
                .filter_map(|(at, on)| Some((on, Said::Value(scores.score(score, at)?))))
                .collect(),
            StateHistory::State => {
                places().map(|(at, on)| (on, Said::State(scores.states()[at]))).collect()
            }
            StateHistory::SessionMove => {
                let histories = SIZE.map(|id| prepared.reading(id).map(|reading| &reading.history));
                let moves = size_moves(histories, Day::MIN).into_iter();
                let moves = moves.filter(|size| sessions.binary_search(&size.on).is_ok());
                moves.filter_map(|size| Some((size.on, said(&size)?))).collect()
            }
        }
    }

    /// What it says of the last session of a snapshot. `None` if that is nothing.
    pub fn of_last(self, prepared: &PreparedRotation) -> Option<(Day, Said)> {
        let composite = prepared.composite.as_ref()?;
        match self {
            StateHistory::Score(score) => {
                Some((composite.on, Said::Value(composite.scores[score as usize].value?)))
            }
            StateHistory::State => Some((composite.on, Said::State(composite.state))),
            StateHistory::SessionMove => {
                let moved = prepared.session_move.as_ref()?;
                let (z, is_rotation) = (moved.size().z?, moved.is_rotation?);
                Some((moved.on, Said::Move { z, is_rotation }))
            }
        }
    }
}

fn said(size: &SizeMove) -> Option<Said> {
    Some(Said::Move { z: size.z?, is_rotation: size.is_rotation()? })
}
