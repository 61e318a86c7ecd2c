//! The sessions from a day on, and which of them remain valid in a later snapshot.
//!
//! A session is a day on which at least one in ten of the instruments alive on it has a price, so that
//! neither a bar on a Saturday nor a gap in one file creates or removes a session. An instrument is
//! alive from its first price to its last one. If that is at most ten days older than the newest day of
//! the market ([`newest_of_market`]), it still counts: else a bar with a wrong date after all others
//! would be a session of its own, because it would be the only one alive.

use crate::{comparison::Comparison, returns::Sessions};
use marketdata::{
    dataset::Dataset,
    day::Day,
    instrument::InstrumentId,
    newest::{MARKET_SHARE, PRICES_COMPARED_DAYS, newest_of_market},
    snapshot::Snapshot,
};
use rayon::prelude::*;
use std::{borrow::Cow, collections::BTreeMap};

/// Calendar days to search per hundred sessions: 365.25/252, with room for holidays.
const CALENDAR_DAYS_PER_HUNDRED: i32 = 160;

/// Number of instruments counted by one thread at a time. Sums of counts are the same in any order.
const COUNTED_TOGETHER: usize = 256;

/// The days of an instrument's first and last price.
type Life = (Day, Day);

/// The sessions from a day on, with the days of each instrument's first and last price.
#[derive(Clone, Debug)]
pub struct Trading {
    first: Day,
    /// Every session; returns begin with the second.
    pub(crate) sessions: Sessions,
    /// Days of the first and last price of each instrument, from the first day on.
    lives: BTreeMap<InstrumentId, Life>,
}

impl Trading {
    /// The sessions of a snapshot from a day on, and the first day on which they or any price may
    /// differ from those of an earlier snapshot. Without an earlier snapshot that is the first day.
    pub(crate) fn since(
        snapshot: &Snapshot,
        first: Day,
        earlier: Option<(&Trading, &Comparison<'_>)>,
    ) -> (Trading, Day) {
        let same = |trading: &Trading| trading.first == first;
        match earlier.filter(|(trading, _)| same(trading)) {
            Some((trading, comparison)) => trading.continued(comparison),
            None => (Trading::from_scratch(snapshot, first), first),
        }
    }

    /// The sessions of a snapshot from the calendar year on in which the latest `count` of them
    /// begin, so that one more session is one more step for most of a year.
    pub fn latest(
        snapshot: &Snapshot,
        count: usize,
        earlier: Option<(&Trading, &Comparison<'_>)>,
    ) -> Trading {
        let begins = |last: Day| {
            let lookback = (count as i32 / 100 + 1) * CALENDAR_DAYS_PER_HUNDRED;
            let (year, ..) = last.plus(-lookback).ymd();
            Day::from_ymd(year, 1, 1).unwrap_or(Day::MIN)
        };
        let continued = earlier.map(|(trading, comparison)| trading.continued(comparison).0);
        let holds =
            |trading: &Trading| newest_price(&trading.lives).map(begins) == Some(trading.first);
        continued.filter(holds).unwrap_or_else(|| {
            Trading::from_scratch(snapshot, last_bar(snapshot).map_or(Day::MAX, begins))
        })
    }

    /// The last `count` sessions that have a session before them; fewer if there are not enough.
    pub fn last(&self, count: usize) -> Sessions {
        let days = self.sessions.with_start();
        Sessions::of_days(days[days.len().saturating_sub(count + 1)..].to_vec())
    }

    fn from_scratch(snapshot: &Snapshot, first: Day) -> Trading {
        let holders: Vec<InstrumentId> = snapshot.holders(Dataset::Bars).collect();
        let life = |id: &InstrumentId| Some((*id, life(snapshot, *id, first)?));
        let lives: Vec<_> =
            holders.par_iter().with_min_len(COUNTED_TOGETHER).filter_map(life).collect();
        let lives = BTreeMap::from_iter(lives);
        let newest = market_day(&lives);
        let sessions = Sessions::of_days(trading_days(snapshot, (&lives, newest), first));
        Trading { first, sessions, lives }
    }

    fn continued(&self, comparison: &Comparison<'_>) -> (Trading, Day) {
        let snapshot = comparison.snapshot;
        let mut lives = self.lives.clone();
        let mut priced = Day::MAX;
        let mut counted = Day::MAX;
        for (id, day) in comparison.changed_bars() {
            let old = self.lives.get(&id).copied();
            let new = match old.filter(|(begin, _)| *begin < day) {
                Some((begin, _)) => snapshot.span(Dataset::Bars, id).map(|(_, end)| (begin, end)),
                None => life(snapshot, id, self.first),
            };
            // An instrument that trades again was alive in between.
            let ends = [old, new].into_iter().flatten().map(|(_, end)| end.plus(1));
            priced = priced.min(day);
            counted = counted.min(ends.chain([day]).min().unwrap_or(day));
            match new.filter(|(_, end)| self.first <= *end) {
                Some(life) => lives.insert(id, life),
                None => lives.remove(&id),
            };
        }
        let newest = market_day(&lives);
        let ended = newly_ended(&lives, market_day(&self.lives), newest);
        let counted = counted.min(ended).max(self.first);
        let kept = self.sessions.with_start().iter().copied().take_while(|day| *day < counted);
        let days: Vec<Day> =
            kept.chain(trading_days(snapshot, (&lives, newest), counted)).collect();
        let changed = priced.min(first_difference(self.sessions.with_start(), &days));
        let sessions = Sessions::of_days(days);
        (Trading { first: self.first, sessions, lives }, changed.max(self.first))
    }

    /// Memory held outside of itself, in bytes. The nodes of a tree are filled to three quarters.
    pub fn heap_bytes(&self) -> usize {
        let life = size_of::<(InstrumentId, Life)>();
        size_of_val(self.sessions.with_start()) + self.lives.len() * life * 4 / 3
    }
}

/// The sessions of a snapshot from a day on, and the first of them too.
pub fn sessions_since(snapshot: &Snapshot, first: Day) -> Sessions {
    Trading::from_scratch(snapshot, first).sessions
}

/// The last day with a bar of any instrument.
fn last_bar(snapshot: &Snapshot) -> Option<Day> {
    let last = |id| snapshot.span(Dataset::Bars, id).map(|(_, last)| last);
    snapshot.holders(Dataset::Bars).filter_map(last).max()
}

/// The days of an instrument's first and last price from a day on.
fn life(snapshot: &Snapshot, id: InstrumentId, first: Day) -> Option<Life> {
    let (begin, end) = snapshot.span(Dataset::Bars, id)?;
    if first <= begin {
        return Some((begin, end));
    }
    let rows = snapshot.rows_since(Dataset::Bars, id, first);
    let last = rows.last()?;
    Some((rows.day(0), rows.day(last)))
}

/// The day of the newest price of all.
fn newest_price(lives: &BTreeMap<InstrumentId, Life>) -> Option<Day> {
    lives.values().map(|(_, end)| *end).max()
}

/// The newest day of the market.
fn market_day(lives: &BTreeMap<InstrumentId, Life>) -> Option<Day> {
    newest_of_market(lives.values().map(|(_, end)| *end).collect(), PRICES_COMPARED_DAYS)
}

/// Whether an instrument with its last price on a day still counts on later days.
fn is_counted_on(end: Day, newest: Day) -> bool {
    newest <= end.plus(PRICES_COMPARED_DAYS)
}

/// The first day on which the number of instruments alive differs because the newest day of the market is
/// another one.
fn newly_ended(lives: &BTreeMap<InstrumentId, Life>, old: Option<Day>, new: Option<Day>) -> Day {
    let Some((old, new)) = old.zip(new) else { return Day::MIN };
    let ends = lives.values().map(|(_, end)| *end);
    let turned = ends.filter(|end| is_counted_on(*end, old) != is_counted_on(*end, new));
    turned.min().map_or(Day::MAX, |end| end.plus(1))
}

/// The first day that is in one of two ascending lists and not in the other.
fn first_difference(one: &[Day], other: &[Day]) -> Day {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let next = [one.get(same), other.get(same)].into_iter().flatten();
    next.min().copied().unwrap_or(Day::MAX)
}

/// The sessions from a day on, with the newest day of the market.
fn trading_days(
    snapshot: &Snapshot,
    (lives, newest): (&BTreeMap<InstrumentId, Life>, Option<Day>),
    first: Day,
) -> Vec<Day> {
    let last = newest_price(lives).filter(|last| first <= *last);
    let Some((last, newest)) = last.zip(newest) else { return Vec::new() };
    let alive = lives.iter().map(|(id, life)| (*id, *life));
    let alive = alive.filter(|(_, (_, end))| first <= *end || is_counted_on(*end, newest));
    let alive: Vec<(InstrumentId, Life)> = alive.collect();
    let span = (last.epoch() - first.epoch()) as usize + 1;
    let count =
        |lives: &[(InstrumentId, Life)]| DayCounts::of(snapshot, lives, (first, last), newest);
    let counts = alive.par_chunks(COUNTED_TOGETHER).map(count);
    let counts = counts.reduce(|| DayCounts::zero(span), DayCounts::plus);
    let mut alive = 0;
    let mut sessions = Vec::new();
    for (at, (trading, births)) in counts.trading.iter().zip(&counts.births).enumerate() {
        alive += births;
        if 0 < *trading && alive as u32 <= trading * MARKET_SHARE as u32 {
            sessions.push(first.plus(at as i32));
        }
    }
    sessions
}

/// How many instruments trade, begin and end on each day from the first day on.
struct DayCounts {
    trading: Vec<u32>,
    /// Number of instruments that begin on a day minus those that are alive for the last time on the
    /// day before.
    births: Vec<i32>,
}

impl DayCounts {
    fn zero(span: usize) -> DayCounts {
        DayCounts { trading: vec![0; span], births: vec![0; span + 1] }
    }

    fn of(
        snapshot: &Snapshot,
        lives: &[(InstrumentId, Life)],
        (first, last): (Day, Day),
        newest: Day,
    ) -> DayCounts {
        let span = (last.epoch() - first.epoch()) as usize + 1;
        let mut counts = DayCounts::zero(span);
        let mut usual = Usual::of(Cow::Borrowed(&[]));
        let offset = |day: Day| ((day.epoch() - first.epoch()).max(0) as usize).min(span);
        for (id, (begin, end)) in lives {
            let rows = snapshot.rows_since(Dataset::Bars, *id, first);
            let days = rows.days();
            counts.births[offset(*begin)] += 1;
            if !is_counted_on(*end, newest) {
                counts.births[offset(end.plus(1))] -= 1;
            }
            if usual.counts(&days) {
                continue;
            }
            days.iter().for_each(|day| counts.trading[offset(*day)] += 1);
            if usual.days.len() < days.len() {
                let before = std::mem::replace(&mut usual, Usual::of(days));
                before.counted().for_each(|(day, count)| counts.trading[offset(day)] += count);
            }
        }
        usual.counted().for_each(|(day, count)| counts.trading[offset(day)] += count);
        counts
    }

    fn plus(mut self, other: DayCounts) -> DayCounts {
        self.trading.iter_mut().zip(other.trading).for_each(|(sum, more)| *sum += more);
        self.births.iter_mut().zip(other.births).for_each(|(sum, more)| *sum += more);
        self
    }
}

/// Days on which most instruments trade. One that trades on all of them between its first and last
/// day is counted in one step.
struct Usual<'a> {
    days: Cow<'a, [Day]>,
    /// Number of such instruments that begin on a day minus those that ended on the day before.
    births: Vec<i32>,
}

impl<'a> Usual<'a> {
    fn of(days: Cow<'a, [Day]>) -> Usual<'a> {
        Usual { births: vec![0; days.len() + 1], days }
    }

    /// Counts the days of an instrument; false if they are not consecutive among these.
    fn counts(&mut self, days: &[Day]) -> bool {
        let Some(begin) = days.first() else { return true };
        let start = self.days.partition_point(|day| day < begin);
        let end = start + days.len();
        let is_usual = self.days.get(start..end) == Some(days);
        if is_usual {
            self.births[start] += 1;
            self.births[end] -= 1;
        }
        is_usual
    }

    /// Number of instruments counted, by day.
    fn counted(&self) -> impl Iterator<Item = (Day, u32)> + '_ {
        let alive = self.births.iter().scan(0, |alive, births| {
            *alive += births;
            Some(*alive as u32)
        });
        self.days.iter().copied().zip(alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
    };

    /// Whole, late, early ended, halted, twice halted and longer histories, in every order.
    #[test]
    fn days_are_counted_as_one_by_one() {
        let first = day("2021-01-04");
        let of = |offsets: &[i32]| offsets.iter().map(|at| first.plus(*at)).collect::<Vec<Day>>();
        let all = [
            of(&[0, 1, 2, 3, 4]),
            of(&[2, 3, 4]),
            of(&[0, 1]),
            of(&[0, 1, 3, 4]),
            of(&[1, 3]),
            of(&[0, 1, 2, 3, 4, 7, 8]),
            of(&[3, 4, 7]),
        ];
        for turn in 0..all.len() {
            let mut fixture = Fixture::new();
            let mut expected = vec![0; 9];
            for at in 0..all.len() {
                let days = &all[(turn + at) % all.len()];
                let closes: Vec<_> = days.iter().map(|day| (*day, 1.0)).collect();
                fixture.closes(&format!("A{at}"), &closes);
                days.iter().for_each(|day| expected[(day.epoch() - first.epoch()) as usize] += 1);
            }
            fixture.commit();
            let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-31")));
            let lives: Vec<(InstrumentId, Life)> = snapshot
                .holders(Dataset::Bars)
                .filter_map(|id| Some((id, life(&snapshot, id, first)?)))
                .collect();
            let counts = DayCounts::of(&snapshot, &lives, (first, first.plus(8)), first.plus(8));
            assert_eq!(counts.trading, expected, "{turn}");
        }
    }

    /// Three names of one session each in turn, over the end of a year in which the window moves to
    /// the next calendar year.
    #[test]
    fn continued_sessions_are_those_counted_anew() {
        let mut fixture = Fixture::new();
        let days: Vec<Day> = (0..12).map(|at| day("2020-06-04").plus(at)).collect();
        for (name, step) in [("A", 1), ("B", 2), ("C", 3)] {
            let closes: Vec<_> = days.iter().step_by(step).map(|day| (*day, 1.0)).collect();
            fixture.closes(name, &closes);
        }
        fixture.commit();
        // 160 calendar days before 2020-06-08 is 2019-12-31, and the day after is the next year.
        let mut earlier: Option<(Trading, Snapshot)> = None;
        for day in days {
            let snapshot = fixture.snapshot(Instant::close_of(day));
            let anew = Trading::latest(&snapshot, 1, None);
            let (year, ..) = day.plus(-160).ymd();
            assert_eq!(anew.first, Day::from_ymd(year, 1, 1).unwrap());
            if let Some((trading, before)) = &earlier {
                let comparison = Comparison::of(&snapshot, before);
                let continued = Trading::latest(&snapshot, 1, Some((trading, &comparison)));
                assert_eq!(continued.sessions, anew.sessions);
                assert_eq!((continued.first, &continued.lives), (anew.first, &anew.lives));
            }
            earlier = Some((anew, snapshot));
        }
    }

    /// Checks the sessions as of some days, continued from each to the next.
    fn sessions_are(fixture: &mut Fixture, expected: &[(&str, &[Day])]) {
        let mut earlier: Option<(Trading, Snapshot)> = None;
        for (on, expected) in expected {
            let snapshot = fixture.snapshot(Instant::close_of(day(on)));
            let anew = Trading::latest(&snapshot, 3, None);
            assert_eq!(anew.sessions.with_start(), *expected, "{on}");
            if let Some((trading, before)) = &earlier {
                let comparison = Comparison::of(&snapshot, before);
                let (continued, changed) = trading.continued(&comparison);
                assert_eq!(continued.sessions, anew.sessions, "{on}");
                let [old, new] = [trading, &anew].map(|one| one.sessions.with_start());
                let until = |days: &[Day]| days.partition_point(|day| *day < changed);
                assert_eq!(old[..until(old)], new[..until(new)], "{on}");
            }
            earlier = Some((anew, snapshot));
        }
    }

    /// Twelve names of five sessions; one has a bar of the Saturday and one of a day after all others.
    /// One of twelve is fewer than one in ten. Eleven days after the last bars of the others they have
    /// ended, and the bars of the three that are left are those of the market.
    #[test]
    fn a_bar_with_a_wrong_date_is_no_session() {
        let days: Vec<Day> = (0..5).map(|at| day("2021-01-04").plus(at)).collect();
        let [saturday, late, later] = ["2021-01-09", "2021-01-18", "2021-01-19"].map(day);
        let mut fixture = Fixture::new();
        for name in 0..12 {
            let strays = [(3, saturday), (7, late), (8, later)];
            let strays = strays.iter().filter(|(of, _)| *of == name).map(|(_, on)| on);
            let closes: Vec<_> = days.iter().chain(strays).map(|day| (*day, 1.0)).collect();
            fixture.closes(&format!("A{name}"), &closes);
        }
        fixture.commit();
        let all = [&days[..], &[saturday, late, later]].concat();
        let expected: [(&str, &[Day]); 4] = [
            ("2021-01-08", &days),
            ("2021-01-09", &days),
            ("2021-01-18", &days),
            ("2021-01-19", &all),
        ];
        sessions_are(&mut fixture, &expected);
    }

    /// Twenty names of a file that ends, and one of a file that goes on: its days are none of the market
    /// while the other file may only be late, and all of them are once it has ended.
    #[test]
    fn a_file_that_ends_leaves_no_hole() {
        let days: Vec<Day> = (0..20).map(|at| day("2021-03-01").plus(at)).collect();
        let mut fixture = Fixture::new();
        for name in 0..21 {
            let held = if name == 0 { &days[..] } else { &days[..5] };
            let closes: Vec<_> = held.iter().map(|day| (*day, 1.0)).collect();
            fixture.closes(&format!("A{name}"), &closes);
        }
        fixture.commit();
        let expected: [(&str, &[Day]); 5] = [
            ("2021-03-05", &days[..5]),
            ("2021-03-06", &days[..5]),
            ("2021-03-15", &days[..5]),
            ("2021-03-16", &days[..16]),
            ("2021-03-18", &days[..18]),
        ];
        sessions_are(&mut fixture, &expected);
    }

    /// The same with 12 of 140 names that go on for a week, and one with a bar of a wrong date a week after
    /// them: the newest day of the market is still that of the file, and so is the last session.
    #[test]
    fn a_bar_with_a_wrong_date_ends_no_file() {
        let days: Vec<Day> = (0..12).map(|at| day("2021-03-01").plus(at)).collect();
        let mut fixture = Fixture::new();
        for name in 0..140 {
            let held = if name < 12 { &days[..] } else { &days[..5] };
            let stray = Some(day("2021-03-19")).filter(|_| name == 20);
            let closes: Vec<_> = held.iter().copied().chain(stray).map(|on| (on, 1.0)).collect();
            fixture.closes(&format!("A{name:03}"), &closes);
        }
        fixture.commit();
        let expected: [(&str, &[Day]); 3] =
            [("2021-03-12", &days[..5]), ("2021-03-15", &days[..5]), ("2021-03-19", &days[..5])];
        sessions_are(&mut fixture, &expected);
    }
}
