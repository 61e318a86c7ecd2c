//! What the members did each day, counted in one pass over them: advances, averages, highs, weights.
//!
//! Work is cut in fixed ranges of issuers, so that a caller may spread it over threads: counts add
//! up exactly and sums run in the order of the ranges.

use crate::{
    tally::{Tally, Weights, YEAR, count_line},
    universe::{Member, Universe},
};
use factors::{basket::is_listed, caps::CapHistory, roles::Roles, size::CapSource};
use marketdata::{
    bars::Bars, calendar::is_session, dataset::Dataset, day::Day, snapshot::Snapshot,
};
use std::{collections::VecDeque, ops::Range};

/// Issuers in one range of work.
pub const STEP: usize = 128;

/// An issuer without a value is missing from the weights of so many days after its last; later it
/// is gone.
const MISSING_DAYS: usize = 14;

/// A line with its bars and its market values.
type Valued<'a, 'b> = (&'b (&'a Member, Bars<'a>), CapHistory);

/// An issuer's latest market value.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// The ticker of its first line.
    pub symbol: String,
    /// The day.
    pub on: Day,
    /// USD.
    pub cap: f64,
    /// Where it comes from.
    pub source: CapSource,
    /// The day from which on the shares of all its lines are known.
    pub known_from: Day,
}

/// What is counted, before it is.
#[derive(Debug)]
pub struct Plan {
    /// Whose.
    pub universe: Universe,
    /// First calendar day of any price.
    first: Day,
    /// Number of calendar days.
    span: usize,
}

/// The counts of one range of issuers, by calendar day.
#[derive(Debug)]
pub struct Part {
    tallies: Vec<Tally>,
    weights: Vec<Weights>,
    latest: Vec<Latest>,
}

/// The counts of every session.
#[derive(Debug)]
pub struct Breadth {
    /// Whose.
    pub universe: Universe,
    /// The sessions: days on which enough of the universe has a price.
    pub days: Vec<Day>,
    /// The days on which a close of the universe is known: the sessions, and those of the exchange
    /// that have too few closes to be counted. No change spans one of these.
    pub calendar: Vec<Day>,
    /// The counts of each.
    pub tallies: Vec<Tally>,
    /// The market values of each.
    pub weights: Vec<Weights>,
    /// Names that a measure of each is about: the members of the day; the names with a close where
    /// all listed names stand in.
    pub expected: Vec<u32>,
    /// Issuers that a measure of each is about, as `expected` counts names.
    pub expected_issuers: Vec<u32>,
    /// Days with some price, but of too few names to be counted, after the last session.
    pub thin_days_after: usize,
    /// Names that belong to the universe on the last session.
    pub members: u32,
    /// Issuers with a market value, the greatest first.
    pub latest: Vec<Latest>,
}

impl Breadth {
    /// No members.
    pub(crate) fn none() -> Breadth {
        let universe = Universe { id: String::new(), stand_in: false, issuers: Vec::new() };
        Plan { universe, first: Day::MIN, span: 0 }.assemble(Vec::new())
    }
}

impl Plan {
    /// What there is to count in a snapshot.
    pub fn of(snapshot: &Snapshot, roles: &Roles) -> Plan {
        let universe = Universe::of(snapshot, roles);
        let (mut first, mut last) = (Day::MAX, Day::MIN);
        for member in universe.members() {
            let rows = snapshot.rows(Dataset::Bars, member.instrument);
            if let Some(end) = rows.last() {
                first = first.min(rows.day(0));
                last = last.max(rows.day(end));
            }
        }
        let span = if last < first { 0 } else { (last.epoch() - first.epoch()) as usize + 1 };
        Plan { universe, first, span }
    }

    /// Number of issuers to cut into ranges of [`STEP`].
    pub fn len(&self) -> usize {
        self.universe.issuers.len()
    }

    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.universe.issuers.is_empty()
    }

    /// Counts one range of issuers.
    pub fn part(&self, snapshot: &Snapshot, range: Range<usize>) -> Part {
        let mut part = Part {
            tallies: vec![Tally::NONE; self.span],
            weights: vec![Weights::NONE; self.span],
            latest: Vec::new(),
        };
        for lines in &self.universe.issuers[range] {
            let bars: Vec<(&Member, Bars<'_>)> = lines
                .iter()
                .map(|line| (line, Bars::of(snapshot, line.instrument)))
                .filter(|(_, bars)| !bars.is_empty())
                .collect();
            for (member, bars) in &bars {
                count_line(member, bars, self.first, &mut part.tallies);
            }
            self.count_issuer(&bars, &mut part);
            self.value_issuer(snapshot, &bars, &mut part);
        }
        part
    }

    /// Counts an issuer on each day on which one of its lines has a close.
    fn count_issuer(&self, bars: &[(&Member, Bars<'_>)], part: &mut Part) {
        let days = |(member, bars): &(&Member, Bars<'_>)| -> Vec<Day> {
            bars.days.iter().copied().filter(|day| member.on(*day)).collect()
        };
        let mut all: Vec<Day> = bars.iter().flat_map(days).collect();
        all.sort_unstable();
        all.dedup();
        for day in all {
            part.weights[self.at(day)].priced += 1;
        }
    }

    fn value_issuer(&self, snapshot: &Snapshot, bars: &[(&Member, Bars<'_>)], part: &mut Part) {
        let caps = |(member, bars): &(&Member, Bars<'_>)| {
            CapHistory::of(snapshot, member.instrument, bars)
        };
        let mut lines: Vec<Valued<'_, '_>> =
            bars.iter().filter_map(|line| Some((line, caps(line)?))).collect();
        // A printed value is the whole company's: one line carries it.
        if let Some(at) = lines.iter().position(|(_, caps)| caps.source == CapSource::Printed) {
            lines = vec![lines.swap_remove(at)];
        }
        // In a universe of all listed names a line that may be a fund has no weight among companies.
        lines.retain(|((member, _), _)| member.is_company);
        let Some(((member, _), first)) = lines.first() else { return };
        let sums: Vec<(usize, f64)> = self.sums(&lines, snapshot.today());
        for (at, cap) in &sums {
            part.weights[*at].value(*cap);
        }
        let belongs = |day: Day| lines.iter().any(|((member, _), _)| member.on(day));
        for (i, (at, cap)) in sums.iter().enumerate() {
            let next = sums.get(i + 1).map_or(self.span.min(at + 1 + MISSING_DAYS), |next| next.0);
            let lacking = at + 1..next;
            for at in lacking.filter(|at| belongs(self.first.plus(*at as i32))) {
                part.weights[at].missing += cap;
            }
        }
        if let Some((at, cap)) = sums.last() {
            part.latest.push(Latest {
                symbol: snapshot.symbol(member.instrument).to_owned(),
                on: self.first.plus(*at as i32),
                cap: *cap,
                source: first.source,
                known_from: lines.iter().map(|(_, caps)| caps.known_from).max().unwrap_or(Day::MIN),
            });
        }
    }

    /// The value of an issuer on each day on which all of its classes that belong into it have one.
    fn sums(&self, lines: &[Valued<'_, '_>], today: Day) -> Vec<(usize, f64)> {
        let mut days: Vec<Day> =
            lines.iter().flat_map(|((_, bars), _)| bars.days.iter().copied()).collect();
        days.sort_unstable();
        days.dedup();
        let sum = |day: Day| -> Option<f64> {
            let classes = lines
                .iter()
                .filter(|((member, bars), _)| member.on(day) && is_listed(bars, day, today));
            let values =
                classes.map(|((_, bars), caps)| caps.at(bars.days.binary_search(&day).ok()?));
            values.sum::<Option<f64>>().filter(|sum| 0.0 < *sum)
        };
        days.into_iter().filter_map(|day| Some((self.at(day), sum(day)?))).collect()
    }

    fn at(&self, day: Day) -> usize {
        (day.epoch() - self.first.epoch()) as usize
    }

    /// Puts the parts of all ranges together, in their order.
    pub fn assemble(self, parts: Vec<Part>) -> Breadth {
        let mut parts = parts.into_iter();
        let nothing = || Part { tallies: Vec::new(), weights: Vec::new(), latest: Vec::new() };
        let mut sum = parts.next().unwrap_or_else(nothing);
        for part in parts {
            sum.tallies.iter_mut().zip(&part.tallies).for_each(|(own, other)| own.add(other));
            sum.weights.iter_mut().zip(&part.weights).for_each(|(own, other)| own.add(other));
            sum.latest.extend(part.latest);
        }
        let members = self.members_by_day();
        let (sessions, thin_days_after) = sessions(&sum.tallies, &members, self.universe.stand_in);
        let days: Vec<Day> = sessions.iter().map(|at| self.first.plus(*at as i32)).collect();
        let calendar = self.calendar(&sum.tallies, &days);
        let last = days.last().copied();
        let expected =
            |at: usize| if self.universe.stand_in { sum.tallies[at].priced } else { members[at] };
        let issuers = self.issuers_by_day();
        let expected_issuers =
            |at: usize| if self.universe.stand_in { sum.weights[at].priced } else { issuers[at] };
        sum.latest.retain(|issuer| Some(issuer.on) == last);
        sum.latest.sort_by(|a, b| b.cap.total_cmp(&a.cap));
        Breadth {
            tallies: sessions.iter().map(|at| sum.tallies[*at]).collect(),
            weights: sessions.iter().map(|at| sum.weights[*at]).collect(),
            expected: sessions.iter().map(|at| expected(*at)).collect(),
            expected_issuers: sessions.iter().map(|at| expected_issuers(*at)).collect(),
            members: sessions.last().map_or(0, |at| members[*at]),
            days,
            calendar,
            thin_days_after,
            latest: sum.latest,
            universe: self.universe,
        }
    }

    /// The sessions and the thinner ones: a close on a day without trading is an error of its file.
    fn calendar(&self, tallies: &[Tally], sessions: &[Day]) -> Vec<Day> {
        let priced = tallies.iter().enumerate().filter(|(_, tally)| 0 < tally.priced);
        let days = priced.map(|(at, _)| self.first.plus(at as i32));
        days.filter(|day| is_session(*day) || sessions.binary_search(day).is_ok()).collect()
    }

    /// Names that belong to the universe, by calendar day.
    fn members_by_day(&self) -> Vec<u32> {
        self.by_day(self.universe.members().flat_map(|member| member.intervals.iter().copied()))
    }

    /// Issuers with a line that belongs to it.
    fn issuers_by_day(&self) -> Vec<u32> {
        let together = |lines: &Vec<Member>| {
            let mut all: Vec<(Day, Day)> =
                lines.iter().flat_map(|line| line.intervals.iter().copied()).collect();
            all.sort_unstable();
            let mut apart: Vec<(Day, Day)> = Vec::new();
            for (from, until) in all {
                match apart.last_mut() {
                    Some(last) if from <= last.1 => last.1 = last.1.max(until),
                    _ => apart.push((from, until)),
                }
            }
            apart
        };
        self.by_day(self.universe.issuers.iter().flat_map(together))
    }

    /// How many of some intervals each calendar day lies in.
    fn by_day(&self, intervals: impl Iterator<Item = (Day, Day)>) -> Vec<u32> {
        let mut steps = vec![0i32; self.span + 1];
        let clamp = |day: Day| {
            let last = self.first.plus(self.span as i32);
            self.at(day.max(self.first).min(last))
        };
        for (from, until) in intervals.filter(|_| self.span != 0) {
            steps[clamp(from)] += 1;
            steps[clamp(until)] -= 1;
        }
        let mut count = 0;
        steps.truncate(self.span);
        let mut add = |step: i32| {
            count += step;
            count as u32
        };
        steps.into_iter().map(&mut add).collect()
    }
}

/// The calendar days that are sessions of the universe, and how many thinner days follow the last.
///
/// With a membership a session has prices for at least half the members. Without one it has at least
/// half as many as any of the 252 sessions before and a tenth as many as any day at all: a history
/// of a handful of names is no breadth.
fn sessions(tallies: &[Tally], members: &[u32], stand_in: bool) -> (Vec<usize>, usize) {
    let most = tallies.iter().map(|tally| tally.priced).max().unwrap_or(0);
    let mut sessions: Vec<usize> = Vec::new();
    let mut recent: VecDeque<u32> = VecDeque::with_capacity(YEAR);
    let mut thin = 0;
    for (at, tally) in tallies.iter().enumerate().filter(|(_, tally)| 0 < tally.priced) {
        let needed = if stand_in {
            let usual = recent.iter().copied().max().unwrap_or(0);
            usual.div_ceil(2).max(most.div_ceil(10))
        } else {
            members[at].div_ceil(2)
        };
        if recent.len() == YEAR {
            recent.pop_front();
        }
        recent.push_back(tally.priced);
        if needed <= tally.priced {
            sessions.push(at);
            thin = 0;
        } else {
            thin += 1;
        }
    }
    (sessions, thin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced(counts: &[u32]) -> Vec<Tally> {
        counts.iter().map(|priced| Tally { priced: *priced, ..Tally::NONE }).collect()
    }

    #[test]
    fn a_handful_of_names_is_no_session() {
        // A few long histories, then the market, a thin day inside it, two after it.
        let tallies = priced(&[3, 3, 0, 100, 40, 100, 100, 12, 12]);
        let (found, thin) = sessions(&tallies, &[0; 9], true);
        assert_eq!((found, thin), (vec![3, 5, 6], 2));
        // With a membership half of the members must have a price.
        let (found, thin) = sessions(&tallies, &[6, 8, 8, 100, 80, 201, 200, 24, 25], false);
        assert_eq!((found, thin), (vec![0, 3, 4, 6, 7], 1));
    }
}
