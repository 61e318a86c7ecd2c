//! Which settlements of short interest a view should know, and which it does.
//!
//! They follow a calendar, so a list that was never loaded can be told from one that is not out yet.

use crate::common_days::is_cut;
use factors::{
    settlement_calendar::settled_up_to,
    settlement_days::SettlementDays,
    short_ratio::{Published, ShortRatio},
};
use marketdata::{
    calendar::plus_sessions,
    dataset::{Dataset, Publication},
    day::Day,
    gap::{Gap, GapReason, Subject},
    newest::{SETTLEMENTS_COMPARED_DAYS, newest_of_market},
};

/// Calendar days before the newest settlement in which a missing one is told: the window of the cost
/// basis.
const BETWEEN_DAYS: i32 = 240;

/// The newest settlement that one in ten names have; its value is the number of names with it.
pub(crate) fn newest(ratios: &[ShortRatio]) -> Option<Published> {
    let settled = ratios.iter().map(|ratio| ratio.shares_short.effective_on);
    let newest = newest_of_market(settled.collect(), SETTLEMENTS_COMPARED_DAYS)?;
    let of_it = ratios.iter().filter(|ratio| ratio.shares_short.effective_on == newest);
    let published_at = of_it.clone().map(|ratio| ratio.shares_short.published_at).min()?;
    Some(Published { value: of_it.count() as f64, effective_on: newest, published_at })
}

/// The newest settlement whose list is usually out before a day, by the schedule of FINRA, and the day on
/// which it comes out. Not by the hour: a view serves every instant of a day.
fn newest_due(today: Day) -> Option<(Day, Day)> {
    let Publication::Sessions { after, .. } = Dataset::ShortInterest.descriptor().publication
    else {
        return None;
    };
    let out = |on: Day| (on, plus_sessions(on, after));
    let before = |on: Day| settled_up_to(on.plus(-1));
    let latest = settled_up_to(today);
    let due = [latest, before(latest), before(before(latest))].into_iter().map(out);
    due.into_iter().find(|(_, out_on)| *out_on < today)
}

/// What the known settlements lack, of names whose last ones are on these days.
pub(crate) fn gaps(
    (known, newest): (&SettlementDays, Option<Published>),
    last_days: &[Day],
    today: Day,
) -> Vec<Gap> {
    let new =
        |reason, detail: String| Gap::new(reason, Subject::Dataset(Dataset::ShortInterest), detail);
    let Some(newest) = newest else {
        let detail = "no short interest was published by the as-of date";
        return vec![new(GapReason::NoShortInterest, detail.to_owned())];
    };
    let (on, names, all) = (newest.effective_on, newest.value as usize, last_days.len());
    let mut gaps = Vec::new();
    let is_of_calendar = settled_up_to(on) == on;
    if let Some((due, out_on)) = newest_due(today).filter(|(due, _)| is_of_calendar && on < *due) {
        let detail = format!(
            "the settlement of {due} is usually out on {out_on}, and fewer than one in ten names have \
             it: short interest is of {on} or before"
        );
        gaps.push(new(GapReason::Stale, detail));
    }
    if names < all {
        let cut = is_cut(names as u32, all as u32);
        let ending = if cut { ", so its list is not whole" } else { "" };
        let detail = format!(
            "{names} of {all} names have the settlement of {on}: the others have their last one before \
             it{ending}"
        );
        gaps.push(new(GapReason::MissingObservations, detail));
    }
    let missing = missing_between(known);
    gaps.extend(missing.first().map(|last| {
        let what = match missing.len() {
            1 => format!("the settlement of {last}"),
            count => format!("{count} settlements, the last of them of {last},"),
        };
        let detail = format!(
            "no list of {what} is known: cost bases span what is missing, and so do changes of short interest \
             unless the source prints the previous count"
        );
        new(GapReason::MissingObservations, detail)
    }));
    gaps
}

/// The settlements of the calendar that lie between known ones and are none of them, the last first.
/// None of lists that do not follow the calendar.
fn missing_between(known: &SettlementDays) -> Vec<Day> {
    let (Some(first), Some(newest)) = (known.days().first(), known.days().last()) else {
        return Vec::new();
    };
    let oldest = newest.plus(-BETWEEN_DAYS).max(*first);
    let before = |on: &Day| Some(settled_up_to(on.plus(-1))).filter(|on| oldest < *on);
    let all = std::iter::successors(Some(*newest).filter(|on| settled_up_to(*on) == *on), before);
    all.filter(|on| !known.contains(*on)).collect()
}

/// The gaps of a name whose settlements are not all there; `skipped_on` lies between its last two.
pub(crate) fn gaps_of(
    short: &ShortRatio,
    skipped_on: Option<Day>,
    symbol: &str,
) -> impl Iterator<Item = Gap> {
    let skipped = skipped_on.zip(short.previous.ok()).map(|(skipped, previous)| {
        let detail = format!(
            "it spans the settlement of {skipped}, which the name lacks: the one before is of {}",
            previous.effective_on
        );
        let subject = Subject::number_of(symbol, "short_interest_change");
        Gap::new(GapReason::MissingObservations, subject, detail)
    });
    let left_out = short.left_out_on.map(|on| {
        let detail = format!(
            "its short interest of {on} was left out: fewer than one in ten names have one of that day"
        );
        let subject = Subject::number_of(symbol, "short_interest");
        Gap::new(GapReason::MissingObservations, subject, detail)
    });
    skipped.into_iter().chain(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{fixture::day, instant::Instant};
    use std::collections::BTreeSet;

    fn said(last: &[(&str, usize)], now: &str) -> Vec<(GapReason, String)> {
        let (newest_on, with_it) = last[0];
        let published_at = Instant::close_of(day(newest_on));
        let newest =
            Published { value: with_it as f64, effective_on: day(newest_on), published_at };
        let of = |(on, names): &(&str, usize)| vec![day(on); *names];
        let days: Vec<Day> = last.iter().flat_map(of).collect();
        let known = ["2020-12-15", "2020-12-31", newest_on].map(day).to_vec();
        let known = SettlementDays::of_days(
            known.into_iter().collect::<BTreeSet<_>>().into_iter().collect(),
        );
        let gaps = gaps((&known, Some(newest)), &days, day(now)).into_iter();
        gaps.map(|gap| (gap.reason, gap.detail)).collect()
    }

    /// Nine sessions after 2021-01-15, with the 18th a holiday, are the 29th. A list of another day, the
    /// last of another calendar, is not compared with it.
    #[test]
    fn a_settlement_that_should_be_known_is_missed() {
        let list = [("2020-12-31", 100)];
        assert_eq!(said(&list, "2021-01-29"), []);
        let [(reason, detail)] = &said(&list, "2021-01-30")[..] else { panic!() };
        assert_eq!(*reason, GapReason::Stale);
        assert!(detail.starts_with("the settlement of 2021-01-15"), "{detail}");
        assert_eq!(said(&[("2021-01-15", 100)], "2021-01-30"), []);
        assert_eq!(said(&[("2020-12-30", 100)], "2021-01-30"), []);
    }

    /// 90 of 100 is no cut list, 60 of 100 is one. It is also told beside a list that is missing.
    #[test]
    fn names_without_the_newest_settlement_are_counted() {
        let now = "2021-01-30";
        let [(reason, detail)] = &said(&[("2021-01-15", 90), ("2020-12-31", 10)], now)[..] else {
            panic!()
        };
        assert_eq!(*reason, GapReason::MissingObservations);
        assert!(detail.starts_with("90 of 100") && !detail.contains("not whole"), "{detail}");
        let cut = said(&[("2021-01-15", 60), ("2020-12-31", 40)], "2021-02-15");
        let [(stale, _), (_, detail)] = &cut[..] else { panic!("{cut:?}") };
        assert_eq!(*stale, GapReason::Stale);
        assert!(detail.ends_with("its list is not whole"), "{detail}");
    }

    /// The settlement of 2020-12-31 between two known ones; lists of other days have no calendar.
    #[test]
    fn a_settlement_between_two_others_is_missed() {
        let known =
            |days: &[&str]| SettlementDays::of_days(days.iter().map(|on| day(on)).collect());
        let found = |days: &[&str]| -> Vec<String> {
            missing_between(&known(days)).iter().map(ToString::to_string).collect()
        };
        assert_eq!(found(&["2020-12-15", "2021-01-15"]), ["2020-12-31"]);
        assert_eq!(found(&["2020-11-30", "2021-01-15"]), ["2020-12-31", "2020-12-15"]);
        assert!(found(&["2020-12-15", "2020-12-31", "2021-01-15"]).is_empty());
        assert!(found(&["2020-12-16", "2021-01-20"]).is_empty());
        // 240 days before the newest one is 2020-05-20, and there are 14 settlements from 2020-06-15 to
        // 2020-12-31.
        let all = found(&["2020-05-15", "2020-05-29", "2021-01-15"]);
        assert_eq!((all.len(), all[13].as_str()), (14, "2020-06-15"));
    }
}
