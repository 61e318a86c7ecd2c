//! The newest day of a whole market, as opposed to that of a few names.

use crate::{calendar::is_session, day::Day};

/// A day is one of the market if at least one in this many names has it.
pub const MARKET_SHARE: usize = 10;

/// A name whose newest price is more than this many calendar days older than another day does not say
/// whether that is a day of the market: it was delisted, or its files are no longer loaded. No closing of
/// the exchange since 1990 and no weekly file is as long.
pub const PRICES_COMPARED_DAYS: i32 = 10;

/// The same for short interest, which is counted twice a month and published two weeks later.
pub const SETTLEMENTS_COMPARED_DAYS: i32 = 45;

/// The newest day that at least one in ten names has reached, of those that have a day in the
/// `compared_days` before it. So one row with a wrong date does not make all other names old, and names
/// that are no longer loaded do not hold back those that are. Takes the newest day of each name; `None`
/// without any.
pub fn newest_of_market(mut days: Vec<Day>, compared_days: i32) -> Option<Day> {
    days.sort_unstable_by(|a, b| b.cmp(a));
    let mut next = 0;
    while let Some(day) = days.get(next) {
        let until = |first: Day| days.partition_point(|one| first <= *one);
        let (reached, compared) = (until(*day), until(day.plus(-compared_days)));
        if compared <= MARKET_SHARE * reached {
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

    /// The newest day of as many names per day.
    fn newest(names: &[(&str, usize)]) -> Option<String> {
        let of = |(day, count): &(&str, usize)| vec![Day::parse_iso(day).unwrap(); *count];
        newest_of_market(names.iter().flat_map(of).collect(), 10).map(|day| day.to_string())
    }

    #[test]
    fn a_wrong_date_is_not_the_newest_day_of_the_market() {
        let (now, week) = ("2021-01-28", "2021-02-04");
        // One of eleven, and one of ten.
        assert_eq!(newest(&[(now, 10), (week, 1)]).as_deref(), Some(now));
        assert_eq!(newest(&[(now, 9), (week, 1)]).as_deref(), Some(week));
        // Of 22, one on each of two later days: two have reached the earlier one, and ten of the rest.
        let steps = [("2021-01-27", 20), (now, 1), (week, 1)];
        assert_eq!(newest(&steps).as_deref(), Some("2021-01-27"));
        assert_eq!(newest(&steps[1..]).as_deref(), Some(week));
        assert_eq!(newest(&[]), None);
    }

    /// Most names end in January: they hold back the first week of February, and not the second.
    #[test]
    fn names_that_are_no_longer_loaded_do_not_count() {
        let with = |day| newest(&[("2021-01-28", 30), (day, 1)]);
        assert_eq!(with("2021-02-07").as_deref(), Some("2021-01-28"), "10 days later");
        assert_eq!(with("2021-02-08").as_deref(), Some("2021-02-08"));
    }
}
