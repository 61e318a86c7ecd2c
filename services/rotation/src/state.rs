//! The market state of a session, from the switches of the scores (methodology A21).

use crate::{
    component::Score,
    hysteresis::{Side, Switch},
    scores::Scores,
};

/// Market state: the first of these that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A score that decides the state is unknown.
    Unknown,
    /// The risk score is on.
    RiskOff,
    /// The size score is on, upwards.
    SmallLed,
    /// The size score is on, downwards.
    MegacapLed,
    /// The breadth score is on.
    Broadening,
    /// No score is on.
    Neutral,
}

impl State {
    /// Name of the state, as shown to users.
    pub const fn name(self) -> &'static str {
        match self {
            State::Unknown => "UNKNOWN",
            State::RiskOff => "RISK_OFF",
            State::SmallLed => "SMALL_LED",
            State::MegacapLed => "MEGACAP_LED",
            State::Broadening => "BROADENING",
            State::Neutral => "NEUTRAL",
        }
    }
}

/// The switches of all scores after some sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// In the order of [`Score::ALL`].
    pub switches: [Switch; Score::ALL.len()],
    /// Whether every score that decides the state is known on the last session.
    known: bool,
}

impl Switches {
    /// All off.
    pub fn off() -> Switches {
        Switches { switches: Score::ALL.map(|s| Switch::off(s.two_sided())), known: false }
    }

    /// The switches after one more session, at a threshold.
    #[must_use]
    pub fn step(mut self, scores: &Scores, session: usize, on: f64) -> Switches {
        self.known = true;
        for (switch, score) in self.switches.iter_mut().zip(Score::ALL) {
            let value = scores.get(score, session).map(|value| value.score);
            *switch = switch.step(value, on);
            self.known &= value.is_some() || !score.decides_state();
        }
        self
    }

    /// Whether each of them acts like its counterpart from here on, whatever the scores.
    pub fn acts_like(&self, other: &Switches) -> bool {
        let mut pairs = self.switches.iter().zip(&other.switches);
        pairs.all(|(one, other)| one.acts_like(other))
    }

    /// The state that they give.
    pub fn state(self) -> State {
        let side = |score: Score| self.switches[score as usize].on;
        match (side(Score::Risk), side(Score::Size), side(Score::Breadth)) {
            _ if !self.known => State::Unknown,
            (Some(_), _, _) => State::RiskOff,
            (None, Some(Side::Up), _) => State::SmallLed,
            (None, Some(Side::Down), _) => State::MegacapLed,
            (None, None, Some(_)) => State::Broadening,
            (None, None, None) => State::Neutral,
        }
    }

    /// The state if one score's switch were on another side.
    pub fn state_with(mut self, score: Score, on: Option<Side>) -> State {
        self.switches[score as usize].on = on;
        self.state()
    }
}
