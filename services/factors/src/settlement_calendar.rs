//! The days to which short interest is counted, by the calendar.
//!
//! Firms count shares sold short on the 15th of a month and on its last day, or on the session before
//! (FINRA Rule 4560; before September 2007 in the middle of a month only).

use marketdata::{day::Day, newest::session_up_to};

/// The first day counted at the end of a month, 2007-09-28 (NASD Notice to Members 07-24).
const TWICE_A_MONTH_FROM: Day = Day::from_epoch(13_784);

/// The last settlement up to a day.
pub fn settled_up_to(day: Day) -> Day {
    let (year, month, _) = day.ymd();
    let of_month = |day: u32| Day::from_ymd(year, month, day);
    let first = of_month(1).unwrap_or(day);
    let ends_before = session_up_to(first.plus(-1));
    let middle = of_month(15).map(session_up_to);
    let next_month =
        if month == 12 { Day::from_ymd(year + 1, 1, 1) } else { Day::from_ymd(year, month + 1, 1) };
    let end = next_month.map(|next| session_up_to(next.plus(-1)));
    let is_counted = |on: &Day| *on <= day && (middle == Some(*on) || TWICE_A_MONTH_FROM <= *on);
    let known = [end, middle, Some(ends_before)].into_iter().flatten().find(is_counted);
    known.unwrap_or_else(|| settled_up_to(ends_before))
}

/// The settlement before one of the calendar. `None` for another day.
pub fn settled_before(settlement: Day) -> Option<Day> {
    (settled_up_to(settlement) == settlement).then(|| settled_up_to(settlement.plus(-1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;

    /// Settlement dates that FINRA published for these years.
    #[test]
    fn settlements_are_those_of_the_calendar() {
        let mut on = day("2022-05-01");
        // Good Friday 2022 is April 15; Presidents' Day 2021 is February 15.
        for expected in ["2022-04-29", "2022-04-14", "2022-03-31", "2022-03-15", "2022-02-28"] {
            on = settled_up_to(on);
            assert_eq!(on, day(expected));
            on = on.plus(-1);
        }
        assert_eq!(settled_up_to(day("2021-02-25")), day("2021-02-12"));
        assert_eq!(settled_up_to(day("2021-01-14")), day("2020-12-31"));
        // Once a month before September 2007.
        assert_eq!(settled_up_to(TWICE_A_MONTH_FROM), day("2007-09-28"));
        assert_eq!(settled_up_to(day("2007-09-27")), day("2007-09-14"));
        assert_eq!(settled_up_to(day("2007-09-13")), day("2007-08-15"));
    }

    #[test]
    fn the_settlement_before_one_is_of_the_calendar() {
        assert_eq!(settled_before(day("2021-06-15")), Some(day("2021-05-28")));
        assert_eq!(settled_before(day("2021-06-16")), None);
    }
}
