//! Which settlements of short interest a view should know, and which it does.
//!
//! Firms count shares sold short on the 15th of a month and on its last day, or on the session before
//! (FINRA Rule 4560; before September 2007 in the middle of a month only). So a list that was never
//! loaded can be told from one that is not out yet.

use crate::common_days::is_cut;
use factors::short_ratio::{Published, ShortRatio};
use marketdata::{
    calendar::plus_sessions,
    dataset::{Dataset, Publication},
    day::Day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    newest::{newest_of_market, session_up_to},
};

/// The first day counted at the end of a month, 2007-09-28 (NASD Notice to Members 07-24).
const TWICE_A_MONTH_FROM: Day = Day::from_epoch(13_784);

/// The newest settlement that one in ten names have; its value is the number of names with it.
pub(crate) fn newest(ratios: &[ShortRatio]) -> Option<Published> {
    let settled = ratios.iter().map(|ratio| ratio.shares_short.effective_on);
    let newest = newest_of_market(settled.collect())?;
    let of_it = ratios.iter().filter(|ratio| ratio.shares_short.effective_on == newest);
    let published_at = of_it.clone().map(|ratio| ratio.shares_short.published_at).min()?;
    Some(Published { value: of_it.count() as f64, effective_on: newest, published_at })
}

/// The newest settlement whose list was out by an instant, by the dataset's schedule, and when.
fn newest_due(as_of: Instant) -> Option<(Day, Instant)> {
    let Publication::Sessions { after, hour, minute, .. } =
        Dataset::ShortInterest.descriptor().publication
    else {
        return None;
    };
    let out = |on: Day| (on, Instant::new_york(plus_sessions(on, after), hour, minute));
    let before = |on: Day| settled_up_to(on.plus(-1));
    let latest = settled_up_to(as_of.new_york_day());
    let due = [latest, before(latest), before(before(latest))].into_iter().map(out);
    due.into_iter().find(|(_, published_at)| *published_at <= as_of)
}

/// The last settlement up to a day.
fn settled_up_to(day: Day) -> Day {
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

/// What the known settlements lack, of names whose last ones are on these days.
pub(crate) fn gap(newest: Option<Published>, last_days: &[Day], as_of: Instant) -> Option<Gap> {
    let new =
        |reason, detail| Some(Gap::new(reason, Subject::Dataset(Dataset::ShortInterest), detail));
    let Some(newest) = newest else {
        let detail = "no short interest was published by the as-of date";
        return new(GapReason::NoShortInterest, detail.to_owned());
    };
    let (on, names, all) = (newest.effective_on, newest.value as usize, last_days.len());
    if let Some((due, published_at)) = newest_due(as_of).filter(|(due, _)| on < *due) {
        let with_it = last_days.iter().filter(|day| **day == due).count();
        let detail = format!(
            "the settlement of {due}, out by {published_at} at the latest, is known of {with_it} of {all} \
             names: short interest of the others is of {on} or before"
        );
        return new(GapReason::Stale, detail);
    }
    let detail = format!(
        "{names} of {all} names have the settlement of {on}: the others have their last one before it"
    );
    match () {
        () if is_cut(names as u32, all as u32) => {
            new(GapReason::MissingObservations, format!("{detail}, and its list is not whole"))
        }
        () if names < all => new(GapReason::MissingObservations, detail),
        () => None,
    }
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

    fn said(
        newest_on: &str,
        with_it: usize,
        others: &[&str],
        now: &str,
    ) -> Option<(GapReason, String)> {
        let published_at = Instant::close_of(day(newest_on));
        let newest =
            Published { value: with_it as f64, effective_on: day(newest_on), published_at };
        let mut days = vec![day(newest_on); with_it];
        days.extend(others.iter().map(|on| day(on)));
        gap(Some(newest), &days, Instant::parse_rfc3339(now).unwrap())
            .map(|gap| (gap.reason, gap.detail))
    }

    /// Nine sessions after 2021-01-15, with the 18th a holiday, are the 29th; 18:00 is 23:00 UTC.
    #[test]
    fn a_settlement_that_should_be_known_is_missed() {
        let before = "2021-01-29T22:59:59Z";
        assert_eq!(said("2020-12-31", 100, &[], before), None);
        let (reason, detail) = said("2020-12-31", 100, &[], "2021-01-29T23:00:00Z").unwrap();
        assert_eq!(reason, GapReason::Stale);
        assert!(
            detail.starts_with("the settlement of 2021-01-15") && detail.contains("0 of 100"),
            "{detail}"
        );
        // Known of five of 105 names only.
        let (reason, detail) =
            said("2020-12-31", 100, &["2021-01-15"; 5], "2021-01-30T00:00:00Z").unwrap();
        assert_eq!(reason, GapReason::Stale);
        assert!(detail.contains("5 of 105"), "{detail}");
        assert_eq!(said("2021-01-15", 100, &[], "2021-01-30T00:00:00Z"), None);
    }

    /// 90 of 100 is no cut list, 60 of 100 is one.
    #[test]
    fn names_without_the_newest_settlement_are_counted() {
        let now = "2021-01-30T00:00:00Z";
        let (reason, detail) = said("2021-01-15", 90, &["2020-12-31"; 10], now).unwrap();
        assert_eq!(reason, GapReason::MissingObservations);
        assert!(detail.starts_with("90 of 100") && !detail.contains("not whole"), "{detail}");
        let (_, detail) = said("2021-01-15", 60, &["2020-12-31"; 40], now).unwrap();
        assert!(detail.ends_with("its list is not whole"), "{detail}");
    }
}
