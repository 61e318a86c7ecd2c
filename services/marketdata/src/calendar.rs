//! The New York Stock Exchange's trading days since 1990, and the days on which the Federal Reserve
//! Board releases figures, by rule.
//!
//! Used for publication lags and staleness. Returns are aligned on the days that have prices, not
//! on this calendar.

use crate::day::Day;

/// Closings of the exchange that follow no rule: attacks, hurricanes.
const EXCHANGE_CLOSINGS: [(i32, u32, u32); 5] =
    [(1985, 9, 27), (2001, 9, 11), (2001, 9, 12), (2001, 9, 13), (2001, 9, 14)];

/// Closings that follow no rule of the exchange and of the federal government: national days of
/// mourning, a hurricane.
const COMMON_CLOSINGS: [(i32, u32, u32); 7] = [
    (1994, 4, 27),
    (2004, 6, 11),
    (2007, 1, 2),
    (2012, 10, 29),
    (2012, 10, 30),
    (2018, 12, 5),
    (2025, 1, 9),
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

/// Whether the Federal Reserve Board is open on a day: a weekday that is no federal holiday. Banks
/// and the Board are closed on Columbus Day and Veterans Day, when the exchange is open; the Board
/// is also closed on the Friday before a holiday that falls on a Saturday, and on Inauguration Day.
/// It counts as closed when the federal government was, for mourning or a storm: a release that is
/// dated too late is no look into the future.
pub fn is_fed_open(day: Day) -> bool {
    day.weekday() < 5 && !is_federal_holiday(day)
}

/// The first day after a day on which the Federal Reserve Board is open.
pub fn next_fed_day(day: Day) -> Day {
    let mut at = day.plus(1);
    while !is_fed_open(at) {
        at = at.plus(1);
    }
    at
}

fn is_federal_holiday(day: Day) -> bool {
    let (year, month, date) = day.ymd();
    if COMMON_CLOSINGS.contains(&(year, month, date)) {
        return true;
    }
    let nth_monday = |n: u32| is_nth_monday(day, n);
    match month {
        1 => {
            let inauguration = year.rem_euclid(4) == 1 && observed(day, 1, 20, false);
            observed(day, 1, 1, false) || nth_monday(3) || inauguration
        }
        2 => nth_monday(3),
        5 => is_memorial_day(day),
        6 => 2021 <= year && observed(day, 6, 19, true),
        7 => observed(day, 7, 4, true),
        9 => nth_monday(1),
        10 => nth_monday(2),
        11 => is_thanksgiving(day) || observed(day, 11, 11, true),
        // A New Year's Day on a Saturday is observed on the Friday before.
        12 => observed(day, 12, 25, true) || (date == 31 && day.weekday() == 4),
        _ => false,
    }
}

/// Whether a day is the `n`th Monday of its month.
fn is_nth_monday(day: Day, n: u32) -> bool {
    day.weekday() == 0 && day.ymd().2.div_ceil(7) == n
}

/// The last Monday of May.
fn is_memorial_day(day: Day) -> bool {
    day.weekday() == 0 && 25 <= day.ymd().2
}

/// The fourth Thursday of November.
fn is_thanksgiving(day: Day) -> bool {
    day.weekday() == 3 && day.ymd().2.div_ceil(7) == 4
}

fn is_holiday(day: Day) -> bool {
    let (year, month, date) = day.ymd();
    let mut closings = EXCHANGE_CLOSINGS.iter().chain(&COMMON_CLOSINGS);
    if closings.any(|closing| *closing == (year, month, date)) {
        return true;
    }
    let nth_monday = |n: u32| is_nth_monday(day, n);
    match month {
        // A New Year's Day on a Saturday is not observed on the Friday before.
        1 => observed(day, 1, 1, false) || (1998 <= year && nth_monday(3)),
        2 => nth_monday(3),
        3 | 4 => easter(year).is_some_and(|easter| day == easter.plus(-2)),
        5 => is_memorial_day(day),
        6 => 2022 <= year && observed(day, 6, 19, true),
        7 => observed(day, 7, 4, true),
        9 => nth_monday(1),
        11 => is_thanksgiving(day),
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

    /// The weekdays on which the Board was closed, by its release K.8, "Holidays Observed by the
    /// Federal Reserve System 2020-2024", and for Juneteenth by that of later years; in 2020 the
    /// Board was closed on Friday, July 3, in 2021 on Monday, July 5, and in 2023 on November 10.
    #[test]
    fn the_fed_is_closed_on_the_days_that_it_published() {
        for (year, closed) in [
            (2020, "01-01 01-20 02-17 05-25 07-03 09-07 10-12 11-11 11-26 12-25"),
            (2021, "01-01 01-18 01-20 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31"),
            (2023, "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-10 11-23 12-25"),
            (2024, "01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25"),
        ] {
            let days = (0..366).map(|at| Day::from_ymd(year, 1, 1).unwrap().plus(at));
            let days = days.filter(|day| day.ymd().0 == year && day.weekday() < 5);
            let found: Vec<String> = days
                .filter(|day| !is_fed_open(*day))
                .map(|day| day.to_string()[5..].to_owned())
                .collect();
            assert_eq!(found.join(" "), closed, "{year}");
        }
        // The exchange was closed on Good Friday and open on Columbus Day and Veterans Day.
        for (text, fed, exchange) in
            [("2024-03-29", true, false), ("2024-10-14", false, true), ("2024-11-11", false, true)]
        {
            let day = Day::parse_iso(text).unwrap();
            assert_eq!((is_fed_open(day), is_session(day)), (fed, exchange), "{text}");
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
