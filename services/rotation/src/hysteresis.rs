//! A switch with hysteresis: it turns on at one threshold, off at half of it, and stays on for some
//! sessions (A21).

/// A switch may turn off when the score is below this share of the threshold, on its side.
pub const OFF_SHARE: f64 = 0.5;
/// Minimum number of sessions that a switch stays on.
pub const MIN_SESSIONS: usize = 3;

/// Side on which a switch is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Turned on at or above the threshold.
    Up,
    /// Turned on at or below minus the threshold. Only two-sided switches.
    Down,
}

/// State of a switch after some sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Whether a score at or below minus the threshold also turns it on.
    pub two_sided: bool,
    /// Side on which it is on. `None` if it is off.
    pub on: Option<Side>,
    /// Number of sessions in this state, including the one that turned it.
    pub sessions: usize,
}

impl Switch {
    /// A switch that is off and has seen no session.
    pub const fn off(two_sided: bool) -> Switch {
        Switch { two_sided, on: None, sessions: 0 }
    }

    /// The switch after one more session, whose threshold is `on`. Without a score it is off.
    #[must_use]
    pub fn step(self, score: Option<f64>, on: f64) -> Switch {
        let off = OFF_SHARE * on;
        let held = match (self.on, score) {
            (_, None) => None,
            (Some(side), Some(_)) if self.sessions < MIN_SESSIONS => Some(side),
            (Some(Side::Up), Some(score)) if off <= score => Some(Side::Up),
            (Some(Side::Down), Some(score)) if score <= -off => Some(Side::Down),
            (_, Some(score)) => self.turned_on_by(score, on),
        };
        let sessions = if held == self.on { self.sessions + 1 } else { 1 };
        Switch { on: held, sessions, ..self }
    }

    fn turned_on_by(self, score: f64, on: f64) -> Option<Side> {
        if on <= score {
            Some(Side::Up)
        } else if self.two_sided && score <= -on {
            Some(Side::Down)
        } else {
            None
        }
    }

    /// Whether two switches of one score act alike from here on, whatever the scores.
    pub fn acts_like(&self, other: &Switch) -> bool {
        self.on == other.on && self.locked_sessions() == other.locked_sessions()
    }

    /// Number of sessions during which it cannot turn off yet, whatever the score.
    pub fn locked_sessions(self) -> usize {
        if self.on.is_some() { MIN_SESSIONS.saturating_sub(self.sessions) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a switch over scores and returns its states: `+` on, `-` on downwards, `.` off.
    fn run(two_sided: bool, scores: &str) -> String {
        let mut switch = Switch::off(two_sided);
        let step = |text: &str| {
            switch = switch.step(text.parse().ok(), 1.0);
            match switch.on {
                Some(Side::Up) => "+",
                Some(Side::Down) => "-",
                None => ".",
            }
        };
        scores.split_whitespace().map(step).collect()
    }

    #[test]
    fn states_follow_the_scores() {
        for (two_sided, scores, states) in [
            // Turns on at exactly 1.0, stays on above 0.5, turns off below it.
            (false, "0.9 1.0 0.9 0.6 0.5 0.49 0.9", ".++++.."),
            // Stays on for at least three sessions, even if the score falls at once.
            (false, "1.2 0.0 0.0 0.0", "+++."),
            (false, "1.2 -3 -3 -3", "+++."),
            // Two-sided: the other side takes over without an off session in between.
            (true, "-1.0 -0.7 -0.5 -0.4 0", "---.."),
            (true, "1.5 1.5 1.5 -1.5 -1.5", "+++--"),
            // One-sided: a low score has no effect.
            (false, "-5 -5", ".."),
            // Scores between the thresholds do not turn it on.
            (true, "0.9 -0.9 0.99", "..."),
            // Without a score it turns off.
            (false, "1.5 ? 0.9", "+.."),
        ] {
            assert_eq!(run(two_sided, scores), states, "{scores}");
        }
    }

    #[test]
    fn sessions_count_from_the_one_that_turned_it() {
        let switch = Switch::off(false).step(Some(1.0), 1.0);
        assert_eq!((switch.sessions, switch.locked_sessions()), (1, 2));
        let switch = switch.step(Some(1.0), 1.0).step(Some(1.0), 1.0);
        assert_eq!((switch.sessions, switch.locked_sessions()), (3, 0));
        assert_eq!(switch.step(Some(0.0), 1.0).sessions, 1);
    }
}
