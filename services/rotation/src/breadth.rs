//! What the members did each day, counted in one pass over them: advances, averages, highs, weights.
//!
//! Issuers are counted in fixed ranges, on the threads of the caller's pool: counts add up exactly
//! and sums run in the order of the ranges. Of a range whose early rows are as an earlier snapshot
//! knew them the latest days alone are counted, see `counts.rs`.

use crate::{
    counts::{Counts, Days, Latest, RangeCounts},
    running::YEAR,
    tally::{Tally, Weights},
    universe::{Member, Universe},
};
use factors::roles::Roles;
use marketdata::{calendar::is_session, dataset::Dataset, day::Day, snapshot::Snapshot};
use rayon::prelude::*;
use std::{collections::VecDeque, sync::Arc};

/// Issuers in one range of work.
const STEP: usize = 128;
/// Calendar days from a new checkpoint to the last day: what is published or corrected late is
/// mostly of these.
const TAIL_DAYS: i32 = 7;
/// A checkpoint further back is moved on.
const TAIL_DAYS_MOST: i32 = 21;

/// The counts of every session.
#[derive(Clone, Debug)]
pub struct Breadth {
    /// The names counted.
    pub universe: Arc<Universe>,
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
    span: Option<Days>,
    ranges: Vec<RangeCounts>,
    /// The counts of all ranges together up to the checkpoint.
    base: Arc<Counts>,
}

impl Breadth {
    /// Counts a snapshot, going on from an earlier one where its counts still hold. The answer is the
    /// same with and without it.
    pub fn of(
        snapshot: &Snapshot,
        roles: &Roles,
        earlier: Option<(&Arc<Breadth>, &Snapshot)>,
    ) -> Arc<Breadth> {
        let kept = earlier.filter(|(counted, before)| counted.universe.is_of(snapshot, before));
        let universe = match kept {
            Some((counted, _)) => Arc::clone(&counted.universe),
            None => Arc::new(Universe::of(snapshot, roles)),
        };
        let span = span(snapshot, &universe, earlier.and_then(|(counted, _)| counted.span));
        if let Some((counted, before)) = kept.filter(|(counted, _)| counted.span == span)
            && counted.is_unchanged(snapshot, before)
        {
            return Arc::clone(counted);
        }
        let ranges = ranges(snapshot, &universe, span, earlier);
        let base = match earlier {
            Some((counted, _)) if have_one_base(&counted.ranges, &ranges) => {
                Arc::clone(&counted.base)
            }
            _ => Arc::new(sum(ranges.iter().map(RangeCounts::base))),
        };
        let by_day = ByDay { universe: &universe, span };
        Arc::new(by_day.breadth(Arc::clone(&universe), ranges, base))
    }

    /// Whether everything counted is as it was: no row of a line is another, and nothing turns on the
    /// day that it is.
    fn is_unchanged(&self, snapshot: &Snapshot, before: &Snapshot) -> bool {
        let same = |dataset, id| snapshot.first_difference(before, dataset, id).is_none();
        let datasets = [Dataset::Bars, Dataset::ShareCounts, Dataset::Listings];
        let days = snapshot.today() == before.today();
        days && self.universe.members().all(|member| {
            let id = member.instrument;
            datasets.into_iter().all(|dataset| same(dataset, id))
                && snapshot.has_units_of(before, id)
        })
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let ranges: usize = self.ranges.iter().map(RangeCounts::bytes).sum();
        let day = size_of::<Tally>() + size_of::<Weights>() + 2 * size_of::<Day>() + 8;
        let members = self.universe.members().map(|member| {
            size_of_val(member) + member.intervals.capacity() * size_of::<(Day, Day)>()
        });
        ranges + self.base.bytes() + self.days.len() * day + members.sum::<usize>()
    }
}

/// The days of any price, and where the checkpoint lies.
fn span(snapshot: &Snapshot, universe: &Universe, earlier: Option<Days>) -> Option<Days> {
    let spans = universe.members().filter_map(|m| snapshot.span(Dataset::Bars, m.instrument));
    let (first, last) = spans.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))?;
    let holds = |checkpoint: &Day| *checkpoint <= last && last <= checkpoint.plus(TAIL_DAYS_MOST);
    let earlier = earlier.map(|days| days.checkpoint).filter(holds);
    Some(Days { first, checkpoint: earlier.unwrap_or(last.plus(-TAIL_DAYS)), last })
}

/// Counts the ranges.
fn ranges(
    snapshot: &Snapshot,
    universe: &Universe,
    span: Option<Days>,
    earlier: Option<(&Arc<Breadth>, &Snapshot)>,
) -> Vec<RangeCounts> {
    let Some(days) = span else { return Vec::new() };
    let count = |(at, issuers): (usize, &[Vec<_>])| {
        let earlier = earlier.and_then(|(counted, before)| {
            let same = counted.universe.issuers.chunks(STEP).nth(at) == Some(issuers);
            Some((counted.ranges.get(at).filter(|_| same)?, before))
        });
        RangeCounts::of(snapshot, issuers, days, earlier)
    };
    universe.issuers.par_chunks(STEP).enumerate().map(count).collect()
}

fn have_one_base(some: &[RangeCounts], others: &[RangeCounts]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(a, b)| a.shares_base(b))
}

/// The counts of all ranges together, in their order.
fn sum<'a>(mut ranges: impl Iterator<Item = &'a Counts>) -> Counts {
    let mut sum = ranges.next().cloned().unwrap_or_else(Counts::none);
    ranges.for_each(|counts| sum.add(counts));
    sum
}

/// What a universe expects of each calendar day.
struct ByDay<'a> {
    universe: &'a Universe,
    span: Option<Days>,
}

impl ByDay<'_> {
    fn first(&self) -> Day {
        self.span.map_or(Day::MIN, |days| days.first)
    }

    /// Number of calendar days.
    fn len(&self) -> usize {
        self.span.map_or(0, |days| (days.last.epoch() - days.first.epoch()) as usize + 1)
    }

    fn at(&self, day: Day) -> usize {
        (day.epoch() - self.first().epoch()) as usize
    }

    /// Takes the counts of the sessions.
    fn breadth(
        &self,
        universe: Arc<Universe>,
        ranges: Vec<RangeCounts>,
        base: Arc<Counts>,
    ) -> Breadth {
        let tail = sum(ranges.iter().map(|range| &range.tail));
        let tallies: Vec<Tally> = base.tallies.iter().chain(&tail.tallies).copied().collect();
        let weights: Vec<Weights> = base.weights.iter().chain(&tail.weights).copied().collect();
        let members = self.members_by_day();
        let (sessions, thin_days_after) = sessions(&tallies, &members, universe.stand_in);
        let days: Vec<Day> = sessions.iter().map(|at| self.first().plus(*at as i32)).collect();
        let calendar = self.calendar(&tallies, &days);
        let last = days.last().copied();
        let expected = |at: usize| if universe.stand_in { tallies[at].priced } else { members[at] };
        let issuers = self.issuers_by_day();
        let expected_issuers =
            |at: usize| if universe.stand_in { weights[at].priced } else { issuers[at] };
        let mut latest: Vec<Latest> =
            ranges.iter().flat_map(|range| range.latest.iter().cloned()).collect();
        latest.retain(|issuer| Some(issuer.on) == last);
        latest.sort_by(|a, b| b.cap.total_cmp(&a.cap));
        Breadth {
            tallies: sessions.iter().map(|at| tallies[*at]).collect(),
            weights: sessions.iter().map(|at| weights[*at]).collect(),
            expected: sessions.iter().map(|at| expected(*at)).collect(),
            expected_issuers: sessions.iter().map(|at| expected_issuers(*at)).collect(),
            members: sessions.last().map_or(0, |at| members[*at]),
            days,
            calendar,
            thin_days_after,
            latest,
            span: self.span,
            ranges,
            base,
            universe,
        }
    }

    /// The sessions and the thinner ones: a close on a day without trading is an error of its file.
    fn calendar(&self, tallies: &[Tally], sessions: &[Day]) -> Vec<Day> {
        let priced = tallies.iter().enumerate().filter(|(_, tally)| 0 < tally.priced);
        let days = priced.map(|(at, _)| self.first().plus(at as i32));
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
        let mut steps = vec![0i32; self.len() + 1];
        let clamp = |day: Day| {
            let last = self.first().plus(self.len() as i32);
            self.at(day.max(self.first()).min(last))
        };
        for (from, until) in intervals.filter(|_| self.span.is_some()) {
            steps[clamp(from)] += 1;
            steps[clamp(until)] -= 1;
        }
        let mut count = 0;
        steps.truncate(self.len());
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
