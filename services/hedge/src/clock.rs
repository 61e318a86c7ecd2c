//! The session as a clock: how much of a day's volume is left, and how much trades by a time.
//!
//! Volume is highest at the open and the close (Jain and Joh 1988; Admati and Pfleiderer 1988). No
//! curve of minutes is in the data, so the rate of volume is a parabola whose ends are three times its
//! middle, a stand-in: with the elapsed share t of the session its integral is
//!
//! > F(t) = 0.6·t + 0.2·(1 + (2t − 1)³)
//!
//! 12 % of the volume trades in the first half hour, 43 % by noon, and auctions are not in it.

/// Minutes of a regular session.
const SESSION_MINUTES: u16 = 390;

/// A minute of a regular session, after 09:30 in New York.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionMinute(u16);

impl SessionMinute {
    /// 09:30.
    pub const OPEN: SessionMinute = SessionMinute(0);
    /// 12:00.
    pub const NOON: SessionMinute = SessionMinute(150);
    /// 16:00.
    pub const CLOSE: SessionMinute = SessionMinute(SESSION_MINUTES);

    /// `None` after the close, minute 390.
    #[must_use]
    pub fn new(minute: u16) -> Option<SessionMinute> {
        (minute <= SESSION_MINUTES).then_some(SessionMinute(minute))
    }

    /// Minutes after the open.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }

    /// F, the share of the session's volume that trades before the minute, 0 to 1.
    #[must_use]
    pub fn volume_elapsed(self) -> f64 {
        let t = f64::from(self.0) / f64::from(SESSION_MINUTES);
        let u = 2.0 * t - 1.0;
        0.6 * t + 0.2 * (1.0 + u * u * u)
    }

    /// The first minute by which a share of the session's volume has traded.
    fn by_volume(share: f64) -> SessionMinute {
        let minutes = (0..SESSION_MINUTES).map(SessionMinute);
        let mut late = minutes.skip_while(|minute| minute.volume_elapsed() < share);
        late.next().unwrap_or(SessionMinute::CLOSE)
    }
}

/// When trading begins and when the decision's trades should be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    now: SessionMinute,
    decide_by: SessionMinute,
}

impl Clock {
    /// `None` unless `now` is before the close and not after `decide_by`.
    #[must_use]
    pub fn new(now: SessionMinute, decide_by: SessionMinute) -> Option<Clock> {
        (now < SessionMinute::CLOSE && now <= decide_by).then_some(Clock { now, decide_by })
    }

    /// When trading begins.
    #[must_use]
    pub const fn now(&self) -> SessionMinute {
        self.now
    }

    /// When the decision's trades should be done.
    #[must_use]
    pub const fn decide_by(&self) -> SessionMinute {
        self.decide_by
    }

    /// Share of a session's volume that trades from now to a minute; zero if that is past.
    #[must_use]
    pub fn volume_until(&self, minute: SessionMinute) -> f64 {
        (minute.volume_elapsed() - self.now.volume_elapsed()).max(0.0)
    }

    /// The minute by which a share of the volume until another one has traded.
    pub(crate) fn minute_of(&self, share: f64, until: SessionMinute) -> SessionMinute {
        let from = self.now.volume_elapsed();
        SessionMinute::by_volume(from + share * (until.volume_elapsed() - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 5e-4, "{value} is not {expected}");
    }

    /// t = 1/13: 0.04615 + 0.2·(1 − 0.84615³) = 0.12499; t = 5/13: 0.23077 + 0.2·(1 − 0.23077³) =
    /// 0.42831; at the middle 0.3 + 0.2 = 0.5.
    #[test]
    fn the_curve_by_hand() {
        let elapsed = |minute| SessionMinute::new(minute).unwrap().volume_elapsed();
        near(elapsed(0), 0.0);
        near(elapsed(30), 0.125);
        near(elapsed(150), 0.4283);
        near(elapsed(195), 0.5);
        near(elapsed(390), 1.0);
        assert!((0..390).all(|minute| elapsed(minute) < elapsed(minute + 1)));
        // Ends three times the middle: rates of 1.8 and 0.6 per session.
        near((elapsed(1) - elapsed(0)) * 390.0, 1.8 - 2.4 / 390.0);
        near((elapsed(196) - elapsed(195)) * 390.0, 0.6);
    }

    #[test]
    fn what_is_past_has_no_volume() {
        assert_eq!(SessionMinute::new(391), None);
        assert_eq!(Clock::new(SessionMinute::CLOSE, SessionMinute::CLOSE), None);
        assert_eq!(Clock::new(SessionMinute::NOON, SessionMinute::OPEN), None);
        let clock = Clock::new(SessionMinute::NOON, SessionMinute::CLOSE).unwrap();
        near(clock.volume_until(SessionMinute::OPEN), 0.0);
        near(clock.volume_until(SessionMinute::CLOSE), 1.0 - 0.4283);
        assert_eq!(clock.minute_of(0.0, SessionMinute::CLOSE), SessionMinute::NOON);
        assert_eq!(clock.minute_of(1.0, SessionMinute::CLOSE), SessionMinute::CLOSE);
    }
}
