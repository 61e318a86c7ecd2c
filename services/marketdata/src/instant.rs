//! An instant with microsecond precision, and the New York clock that dates publications.

use crate::day::Day;
use jiff::{Timestamp, civil, tz::TimeZone};
use std::{fmt, sync::LazyLock};

static NEW_YORK: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("America/New_York").unwrap_or(TimeZone::UTC));

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Before every instant that occurs.
    pub const MIN: Instant = Instant(i64::MIN);
    /// After every instant that occurs.
    pub const MAX: Instant = Instant(i64::MAX);

    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Instant {
        Instant(micros)
    }

    /// Microseconds after the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The last whole second by then, for messages to people.
    pub const fn whole_second(self) -> Instant {
        Instant(self.0 - self.0.rem_euclid(1_000_000))
    }

    /// A wall-clock time in New York. If the clock skips it, the first instant after the skip.
    pub fn new_york(day: Day, hour: i8, minute: i8) -> Instant {
        let (year, month, day_of_month) = day.ymd();
        let date = i16::try_from(year)
            .ok()
            .and_then(|year| civil::Date::new(year, month as i8, day_of_month as i8).ok());
        let zoned =
            date.and_then(|date| date.at(hour, minute, 0, 0).to_zoned(NEW_YORK.clone()).ok());
        match zoned {
            Some(zoned) => Instant(zoned.timestamp().as_microsecond()),
            None if day.epoch() < 0 => Instant::MIN,
            None => Instant::MAX,
        }
    }

    /// 16:00 in New York: the meaning of a date given as `as_of`, and the time a daily bar is
    /// public.
    pub fn close_of(day: Day) -> Instant {
        Instant::new_york(day, 16, 0)
    }

    /// The calendar day in New York at this instant.
    pub fn new_york_day(self) -> Day {
        let Ok(timestamp) = Timestamp::from_microsecond(self.0) else {
            return if self.0 < 0 { Day::MIN } else { Day::MAX };
        };
        let date = timestamp.to_zoned(NEW_YORK.clone()).date();
        Day::from_ymd(date.year().into(), date.month() as u32, date.day() as u32)
            .unwrap_or(Day::from_epoch(0))
    }

    /// Parses RFC 3339, for instance `2021-01-28T05:06:16Z`; rejects fractions finer than
    /// microseconds.
    pub fn parse_rfc3339(text: &str) -> Option<Instant> {
        let timestamp: Timestamp = text.trim().parse().ok()?;
        (timestamp.as_nanosecond() % 1_000 == 0).then(|| Instant(timestamp.as_microsecond()))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{}µs", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_york_observes_daylight_saving_time() {
        // 16:00 EDT is 20:00Z, 16:00 EST is 21:00Z.
        let summer = Instant::close_of(Day::parse_iso("2024-07-11").unwrap());
        assert_eq!(summer.to_string(), "2024-07-11T20:00:00Z");
        let winter = Instant::close_of(Day::parse_iso("2021-01-27").unwrap());
        assert_eq!(winter.to_string(), "2021-01-27T21:00:00Z");
        assert_eq!(Instant::parse_rfc3339("2021-01-27T21:00:00Z"), Some(winter));
        assert_eq!(winter.new_york_day().to_string(), "2021-01-27");
        assert_eq!(
            Instant::parse_rfc3339("2021-01-28T03:00:00Z").unwrap().new_york_day().to_string(),
            "2021-01-27"
        );
    }
}
