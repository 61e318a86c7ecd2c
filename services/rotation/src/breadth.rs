//! Daily counts of the universe's members, made in one pass: advances, averages, highs, weights.
//!
//! Issuers are counted in fixed ranges, on the threads of the caller's pool. Counts add up exactly,
//! and sums run in the order of the ranges. If the early rows of a range are the same as in an
//! earlier snapshot, only its latest days are counted, see `counts.rs`.

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

/// Issuers per range.
const STEP: usize = 128;
/// Calendar days from a new checkpoint to the last day. Most late publications and corrections
/// concern these days.
const TAIL_DAYS: i32 = 7;
/// The checkpoint is moved when it is more calendar days than this before the last day.
const MAX_TAIL_DAYS: i32 = 21;

/// The counts of every session.
#[derive(Clone, Debug)]
pub struct Breadth {
    /// The names counted.
    pub universe: Arc<Universe>,
    /// Sessions: days on which enough of the universe has a price.
    pub days: Vec<Day>,
    /// Days on which a close of the universe is known: the sessions, and the exchange's sessions
    /// with too few closes to be counted. No change spans one of the latter.
    pub calendar: Vec<Day>,
    /// The counts of each session.
    pub tallies: Vec<Tally>,
    /// The market values of each session.
    pub weights: Vec<Weights>,
    /// Number of names that a measure of each session describes: the members on the day. If all
    /// listed names stand in for a membership, the names with a close.
    pub expected: Vec<u32>,
    /// Number of issuers that a measure of each session describes, defined like `expected`.
    pub expected_issuers: Vec<u32>,
    /// Days after the last session that have some prices, but of too few names to be counted.
    pub thin_days_after: usize,
    /// Number of names that belong to the universe on the last session.
    pub members: u32,
    /// Issuers with a market value, in descending order of value.
    pub latest: Vec<Latest>,
    span: Option<Days>,
    ranges: Vec<RangeCounts>,
    /// The counts of all ranges together, up to the checkpoint.
    base: Arc<Counts>,
}

impl Breadth {
    /// Counts a snapshot. Reuses the counts of an earlier one if they still hold; the result is the
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

    /// Whether every count still holds: no row of any line differs, and the view's day is the same.
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

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let ranges: usize = self.ranges.iter().map(RangeCounts::bytes).sum();
        let day = size_of::<Tally>() + size_of::<Weights>() + 2 * size_of::<Day>() + 8;
        let members = self.universe.members().map(|member| {
            size_of_val(member) + member.intervals.capacity() * size_of::<(Day, Day)>()
        });
        ranges + self.base.bytes() + self.days.len() * day + members.sum::<usize>()
    }
}

/// First and last day with any price, and the checkpoint.
fn span(snapshot: &Snapshot, universe: &Universe, earlier: Option<Days>) -> Option<Days> {
    let spans = universe.members().filter_map(|m| snapshot.span(Dataset::Bars, m.instrument));
    let (first, last) = spans.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))?;
    let holds = |checkpoint: &Day| *checkpoint <= last && last <= checkpoint.plus(MAX_TAIL_DAYS);
    let earlier = earlier.map(|days| days.checkpoint).filter(holds);
    Some(Days { first, checkpoint: earlier.unwrap_or(last.plus(-TAIL_DAYS)), last })
}

/// Counts each range.
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

/// Adds the counts of all ranges, in order.
fn sum<'a>(mut ranges: impl Iterator<Item = &'a Counts>) -> Counts {
    let mut sum = ranges.next().cloned().unwrap_or_else(Counts::none);
    ranges.for_each(|counts| sum.add(counts));
    sum
}

/// Number of names and issuers that the universe expects on each calendar day.
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

    /// Collects the counts of the sessions.
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

    /// Sessions and days with too few closes. A close on a day when the exchange did not trade is
    /// an error of its file and is dropped.
    fn calendar(&self, tallies: &[Tally], sessions: &[Day]) -> Vec<Day> {
        let priced = tallies.iter().enumerate().filter(|(_, tally)| 0 < tally.priced);
        let days = priced.map(|(at, _)| self.first().plus(at as i32));
        days.filter(|day| is_session(*day) || sessions.binary_search(day).is_ok()).collect()
    }

    /// Number of names in the universe, by calendar day.
    fn members_by_day(&self) -> Vec<u32> {
        self.by_day(self.universe.members().flat_map(|member| member.intervals.iter().copied()))
    }

    /// Number of issuers with a line in the universe, by calendar day.
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

    /// Number of intervals that contain each calendar day.
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

/// The calendar days that are sessions of the universe, and the number of thinner days after the
/// last.
///
/// With a membership, a session has prices for at least half the members. Without one, it has at
/// least half as many prices as any of the 252 sessions before, and a tenth as many as any day of
/// the history: a few long histories do not make breadth.
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
    fn a_day_with_few_names_is_not_a_session() {
        // A few long histories, then the market with one thin day, and two thin days after it.
        let tallies = priced(&[3, 3, 0, 100, 40, 100, 100, 12, 12]);
        let (found, thin) = sessions(&tallies, &[0; 9], true);
        assert_eq!((found, thin), (vec![3, 5, 6], 2));
        // With a membership, half of the members must have a price.
        let (found, thin) = sessions(&tallies, &[6, 8, 8, 100, 80, 201, 200, 24, 25], false);
        assert_eq!((found, thin), (vec![0, 3, 4, 6, 7], 1));
    }
}
