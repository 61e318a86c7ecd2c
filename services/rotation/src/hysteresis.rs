//! A switch that turns on at one threshold and off at a lower one, and stays on a while (A21).

/// From this score a switch is on.
pub const ON: f64 = 1.0;
/// Below this score, on its side, it may turn off.
pub const OFF: f64 = 0.5;
/// It stays on for at least so many sessions.
pub const MIN_SESSIONS: usize = 3;

/// Which way a switch is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The score was at or above +1.
    Up,
    /// The score was at or below −1; for switches with two sides.
    Down,
}

/// A switch after some sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Whether a score at or below −1 turns it on as well.
    pub two_sided: bool,
    /// Which way it is on; none where it is off.
    pub on: Option<Side>,
    /// Sessions it has been so, the one that turned it included.
    pub sessions: usize,
}

impl Switch {
    /// A switch that is off and was never seen.
    pub const fn off(two_sided: bool) -> Switch {
        Switch { two_sided, on: None, sessions: 0 }
    }

    /// The switch after one more session. Without a score nothing speaks for it, and it is off.
    #[must_use]
    pub fn step(self, score: Option<f64>) -> Switch {
        let held = match (self.on, score) {
            (_, None) => None,
            (Some(side), Some(_)) if self.sessions < MIN_SESSIONS => Some(side),
            (Some(Side::Up), Some(score)) if OFF <= score => Some(Side::Up),
            (Some(Side::Down), Some(score)) if score <= -OFF => Some(Side::Down),
            (_, Some(score)) => self.turned_on_by(score),
        };
        let sessions = if held == self.on { self.sessions + 1 } else { 1 };
        Switch { on: held, sessions, ..self }
    }

    fn turned_on_by(self, score: f64) -> Option<Side> {
        if ON <= score {
            Some(Side::Up)
        } else if self.two_sided && score <= -ON {
            Some(Side::Down)
        } else {
            None
        }
    }

    /// Sessions for which it cannot turn off yet, whatever the score.
    pub fn locked_sessions(self) -> usize {
        if self.on.is_some() { MIN_SESSIONS.saturating_sub(self.sessions) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores in, states out: `+` on, `-` on downwards, `.` off.
    fn run(two_sided: bool, scores: &str) -> String {
        let mut switch = Switch::off(two_sided);
        let step = |text: &str| {
            switch = switch.step(text.parse().ok());
            match switch.on {
                Some(Side::Up) => "+",
                Some(Side::Down) => "-",
                None => ".",
            }
        };
        scores.split_whitespace().map(step).collect()
    }

    #[test]
    fn tables() {
        for (two_sided, scores, states) in [
            // On at 1.0 exactly, held above 0.5, off below it.
            (false, "0.9 1.0 0.9 0.6 0.5 0.49 0.9", ".++++.."),
            // At least three sessions, even if the score falls at once.
            (false, "1.2 0.0 0.0 0.0", "+++."),
            (false, "1.2 -3 -3 -3", "+++."),
            // Two sides; the other side takes over without a session between.
            (true, "-1.0 -0.7 -0.5 -0.4 0", "---.."),
            (true, "1.5 1.5 1.5 -1.5 -1.5", "+++--"),
            // One side only: a low score is nothing.
            (false, "-5 -5", ".."),
            // Between the thresholds nothing turns on.
            (true, "0.9 -0.9 0.99", "..."),
            // No score, nothing speaks for it.
            (false, "1.5 ? 0.9", "+.."),
        ] {
            assert_eq!(run(two_sided, scores), states, "{scores}");
        }
    }

    #[test]
    fn sessions_count_from_the_one_that_turned_it() {
        let switch = Switch::off(false).step(Some(1.0));
        assert_eq!((switch.sessions, switch.locked_sessions()), (1, 2));
        let switch = switch.step(Some(1.0)).step(Some(1.0));
        assert_eq!((switch.sessions, switch.locked_sessions()), (3, 0));
        assert_eq!(switch.step(Some(0.0)).sessions, 1);
    }
}
