//! The New York Stock Exchange's trading days since 1990, by rule.
//!
//! Used for publication lags and staleness. Returns are aligned on the days that have prices, not
//! on this calendar.

use crate::day::Day;

/// Closings that follow no rule: national days of mourning, attacks, hurricanes.
const SPECIAL_CLOSINGS: [(i32, u32, u32); 12] = [
    (1994, 4, 27),
    (2001, 9, 11),
    (2001, 9, 12),
    (2001, 9, 13),
    (2001, 9, 14),
    (2004, 6, 11),
    (2007, 1, 2),
    (2012, 10, 29),
    (2012, 10, 30),
    (2018, 12, 5),
    (2025, 1, 9),
    (1985, 9, 27),
];

/// Whether the exchange is open on a day.
pub fn is_session(day: Day) -> bool {
    day.weekday() < 5 && !is_holiday(day)
}

/// The session `count` sessions after a day, or before it if negative; 0 returns the day itself.
pub fn plus_sessions(day: Day, count: i32) -> Day {
    let step = count.signum();
    let mut at = day;
    let mut left = count.abs();
    while 0 < left {
        at = at.plus(step);
        left -= i32::from(is_session(at));
    }
    at
}

/// Number of sessions after `from` up to and including `to`.
pub fn sessions_between(from: Day, to: Day) -> i32 {
    (from.epoch() + 1..=to.epoch()).filter(|day| is_session(Day::from_epoch(*day))).count() as i32
}

fn is_holiday(day: Day) -> bool {
    let (year, month, date) = day.ymd();
    if SPECIAL_CLOSINGS.contains(&(year, month, date)) {
        return true;
    }
    let nth_monday = |n: u32| day.weekday() == 0 && date.div_ceil(7) == n;
    match month {
        // A New Year's Day on a Saturday is not observed on the Friday before.
        1 => observed(day, 1, 1, false) || (1998 <= year && nth_monday(3)),
        2 => nth_monday(3),
        3 | 4 => easter(year).is_some_and(|easter| day == easter.plus(-2)),
        5 => day.weekday() == 0 && 25 <= date,
        6 => 2022 <= year && observed(day, 6, 19, true),
        7 => observed(day, 7, 4, true),
        9 => nth_monday(1),
        11 => day.weekday() == 3 && date.div_ceil(7) == 4,
        12 => observed(day, 12, 25, true),
        _ => false,
    }
}

/// A holiday of fixed date, observed on Monday if it falls on a Sunday and on Friday if it falls on
/// a Saturday.
fn observed(day: Day, month: u32, date: u32, on_friday: bool) -> bool {
    let Some(fixed) = Day::from_ymd(day.ymd().0, month, date) else { return false };
    match fixed.weekday() {
        6 => day == fixed.plus(1),
        5 => on_friday && day == fixed.plus(-1),
        _ => day == fixed,
    }
}

/// Easter Sunday: the anonymous Gregorian computus (Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i32) -> Option<Day> {
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Day::from_ymd(year, (n / 31) as u32, (n % 31 + 1) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_holidays_and_sessions() {
        // NYSE's published holiday calendars.
        for text in [
            "2024-01-01",
            "2024-01-15",
            "2024-02-19",
            "2024-03-29",
            "2024-05-27",
            "2024-06-19",
            "2024-07-04",
            "2024-09-02",
            "2024-11-28",
            "2024-12-25",
            "2021-12-24",
            "2022-06-20",
            "2001-09-12",
            "2021-04-02",
            "2020-07-03",
            "2023-01-02",
            "2025-01-09",
        ] {
            assert!(!is_session(Day::parse_iso(text).unwrap()), "{text}");
        }
        for text in ["2021-12-31", "2020-11-09", "2024-07-11", "2021-06-18", "2020-10-12"] {
            assert!(is_session(Day::parse_iso(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn short_interest_was_published_seven_sessions_after_settlement() {
        // FINRA's published pairs of settlement and publication dates.
        for (settlement, published) in [
            ("2020-01-15", "2020-01-27"),
            ("2020-01-31", "2020-02-11"),
            ("2020-02-14", "2020-02-26"),
            ("2026-05-29", "2026-06-09"),
            ("2026-07-31", "2026-08-11"),
        ] {
            let day = |text| Day::parse_iso(text).unwrap();
            assert_eq!(plus_sessions(day(settlement), 7), day(published), "{settlement}");
            assert_eq!(sessions_between(day(settlement), day(published)), 7);
            assert_eq!(plus_sessions(day(published), -7), day(settlement));
        }
    }
}
