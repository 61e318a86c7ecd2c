//! The newest day of a whole market, as opposed to that of a few names.

use crate::{calendar::is_session, day::Day};

/// A name whose newest day is older than this many calendar days before another day does not say whether
/// that is a day of the market: it was delisted, or its files are no longer loaded.
const COMPARED_DAYS: i32 = 45;

/// The newest day that at least half of the names have reached, of those that have a day in the 45 days
/// before it. So one row with a wrong date does not make all other names old, and names that are no
/// longer loaded do not hold back those that are. Takes the newest day of each name; `None` without any.
pub fn newest_of_most(mut days: Vec<Day>) -> Option<Day> {
    days.sort_unstable_by(|a, b| b.cmp(a));
    let mut next = 0;
    while let Some(day) = days.get(next) {
        let until = |first: Day| days.partition_point(|one| first <= *one);
        let (reached, compared) = (until(*day), until(day.plus(-COMPARED_DAYS)));
        if compared <= 2 * reached {
            return Some(*day);
        }
        next = reached;
    }
    None
}

/// The last session up to a day.
pub fn session_up_to(mut day: Day) -> Day {
    while !is_session(day) {
        day = day.plus(-1);
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(days: &[&str]) -> Option<String> {
        let days = days.iter().map(|day| Day::parse_iso(day).unwrap()).collect();
        newest_of_most(days).map(|day| day.to_string())
    }

    #[test]
    fn a_wrong_date_is_not_the_newest_day_of_the_market() {
        let (now, week) = ("2021-01-28", "2021-02-04");
        assert_eq!(newest(&[now, now, now, week]).as_deref(), Some(now));
        // Two of four have reached it.
        assert_eq!(newest(&[now, now, week, week]).as_deref(), Some(week));
        // Of three, one on each of the last days: two have reached the middle one.
        assert_eq!(newest(&["2021-01-27", now, week]).as_deref(), Some(now));
        assert_eq!(newest(&[]), None);
    }

    /// Most names end in January: they hold February back, and not May.
    #[test]
    fn names_that_are_no_longer_loaded_do_not_count() {
        let with = |day| newest(&["2021-01-28", "2021-01-28", "2021-01-28", day]);
        assert_eq!(with("2021-03-14").as_deref(), Some("2021-01-28"), "45 days later");
        assert_eq!(with("2021-03-15").as_deref(), Some("2021-03-15"));
    }
}
