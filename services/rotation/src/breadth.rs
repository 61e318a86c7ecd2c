//! Daily counts of the universe's members, made in one pass: advances, averages, highs, weights.
//!
//! Issuers are counted in the universe's ranges, on the threads of the caller's pool. Counts add up exactly,
//! and sums run in the order of the ranges. If the early rows of a range are the same as in an
//! earlier snapshot, only its latest days are counted, see `counts.rs`.

use crate::{
    counts::{
        Latest, RangeCounts,
        daily::{Counts, Days},
    },
    running::YEAR,
    tally::{Tally, Weights},
    universe::{Member, Universe},
};
use factors::{comparison::Comparison, roles::Roles};
use marketdata::{
    calendar::is_session, dataset::Dataset, day::Day, instrument::InstrumentId, snapshot::Snapshot,
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

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
    /// `None` if no line has a row.
    counted: Option<Days>,
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
        earlier: Option<(&Arc<Breadth>, &Comparison<'_>)>,
    ) -> Arc<Breadth> {
        let kept = earlier.filter(|(before, comparison)| before.universe.still_holds(comparison));
        let universe = match kept {
            Some((before, _)) => Arc::clone(&before.universe),
            None => Arc::new(Universe::of(snapshot, roles)),
        };
        let days = days(snapshot, &universe, earlier);
        if let Some((before, comparison)) = kept.filter(|(before, _)| before.counted == days)
            && before.is_unchanged(comparison)
        {
            return Arc::clone(before);
        }
        let ranges = match &days {
            Some(days) => ranges(snapshot, &universe, days, earlier),
            None => Vec::new(),
        };
        let base = match earlier {
            Some((before, _)) if have_one_base(&before.ranges, &ranges) => Arc::clone(&before.base),
            _ => Arc::new(sum(ranges.iter().map(RangeCounts::base))),
        };
        Arc::new(Breadth::collected(universe, days, ranges, base))
    }

    /// Whether every count still holds: no row of any line differs, and the view's day is the same.
    fn is_unchanged(&self, comparison: &Comparison<'_>) -> bool {
        let datasets = [Dataset::Bars, Dataset::ShareCounts, Dataset::Listings];
        let is_same = |member: &Member| {
            let id = member.instrument;
            let rows = |dataset| comparison.first_difference(dataset, id).is_none();
            datasets.into_iter().all(rows) && comparison.has_same_units(id)
        };
        comparison.is_same_day() && self.universe.members().all(is_same)
    }

    /// Memory held, in bytes. What it shares with the counts that it continues is included.
    pub fn bytes(&self) -> usize {
        let days = self
            .counted
            .as_ref()
            .map_or(0, |days| (days.early.len() + days.late.len()) * size_of::<Day>());
        let latest = self.latest.iter().map(|latest| latest.symbol.capacity());
        size_of::<Breadth>()
            + days
            + self.ranges.capacity() * size_of::<RangeCounts>()
            + self.ranges.iter().map(RangeCounts::heap_bytes).sum::<usize>()
            + self.base.heap_bytes()
            + (self.days.capacity() + self.calendar.capacity()) * size_of::<Day>()
            + self.tallies.capacity() * size_of::<Tally>()
            + self.weights.capacity() * size_of::<Weights>()
            + (self.expected.capacity() + self.expected_issuers.capacity()) * size_of::<u32>()
            + self.latest.capacity() * size_of::<Latest>()
            + latest.sum::<usize>()
            + self.universe.bytes()
    }

    /// Number of lines that were counted from their first row; the others were continued.
    pub fn lines_counted_anew(&self) -> usize {
        let ranges = self.universe.ranges().zip(&self.ranges);
        let anew = ranges.filter(|(_, counts)| counts.is_anew());
        anew.flat_map(|(issuers, _)| issuers).map(Vec::len).sum()
    }
}

/// The days to count, and the checkpoint. `None` if no line has a row.
fn days(
    snapshot: &Snapshot,
    universe: &Universe,
    earlier: Option<(&Arc<Breadth>, &Comparison<'_>)>,
) -> Option<Days> {
    let members: Vec<&Member> = universe.members().collect();
    let end = |member: &&Member| Some(snapshot.span(Dataset::Bars, member.instrument)?.1);
    let last = members.par_iter().filter_map(end).max()?;
    let before = earlier.and_then(|(before, comparison)| {
        Some((before.counted.as_ref()?, &before.universe, comparison))
    });
    let holds = |checkpoint: &Day| *checkpoint <= last && last <= checkpoint.plus(MAX_TAIL_DAYS);
    let checkpoint = before.map(|(days, ..)| days.checkpoint).filter(holds);
    let checkpoint = checkpoint.unwrap_or(last.plus(-TAIL_DAYS));
    let early = match before.filter(|(days, ..)| days.checkpoint <= checkpoint) {
        Some((days, counted, comparison)) => {
            let known: BTreeSet<InstrumentId> = counted.members().map(|m| m.instrument).collect();
            let uncounted = days.checkpoint.plus(1);
            // The days of earlier rows are among those counted, unless the line was not.
            let from = |id: InstrumentId| match comparison.first_difference(Dataset::Bars, id) {
                _ if !known.contains(&id) => Day::MIN,
                Some(changed) => changed.min(uncounted),
                None => uncounted,
            };
            let new = days_with_rows(snapshot, &members, from, checkpoint);
            if contains(&days.early, &new) {
                Arc::clone(&days.early)
            } else {
                united(days.early.to_vec(), &new).into()
            }
        }
        None => days_with_rows(snapshot, &members, |_| Day::MIN, checkpoint).into(),
    };
    // Few, so that all calendar days will do.
    let late = (checkpoint.epoch() + 1..=last.epoch()).map(Day::from_epoch).collect();
    Some(Days { early, late, checkpoint, last })
}

/// The days up to the checkpoint on which a line has a row, looked for from a day on that depends on
/// the line.
fn days_with_rows(
    snapshot: &Snapshot,
    members: &[&Member],
    from: impl Fn(InstrumentId) -> Day + Sync,
    checkpoint: Day,
) -> Vec<Day> {
    let add = |all: Vec<Day>, member: &&Member| {
        let from = from(member.instrument);
        if checkpoint < from {
            return all;
        }
        let days = snapshot.rows_since(Dataset::Bars, member.instrument, from).days();
        united(all, &days[..days.partition_point(|day| *day <= checkpoint)])
    };
    let either = |some: Vec<Day>, others: Vec<Day>| united(some, &others);
    members.par_iter().fold(Vec::new, add).reduce(Vec::new, either)
}

/// Whether some ascending days include others.
fn contains(all: &[Day], days: &[Day]) -> bool {
    let Some(first) = days.first() else { return true };
    let rest = &all[all.partition_point(|day| day < first)..];
    // Most lines have a row on every session, and comparing memory is fast.
    let mut known = rest.iter();
    rest.starts_with(days) || days.iter().all(|day| known.find(|known| day <= *known) == Some(day))
}

/// The days of either, ascending.
fn united(mut all: Vec<Day>, days: &[Day]) -> Vec<Day> {
    if !contains(&all, days) {
        all.extend_from_slice(days);
        all.sort();
        all.dedup();
    }
    all
}

/// Counts each range.
fn ranges(
    snapshot: &Snapshot,
    universe: &Universe,
    days: &Days,
    earlier: Option<(&Arc<Breadth>, &Comparison<'_>)>,
) -> Vec<RangeCounts> {
    // A range is known by its first line, so that a name that is new or gone leaves the others.
    let first = |issuers: &[Vec<Member>]| Some(issuers.first()?.first()?.instrument);
    let mut counted = BTreeMap::new();
    if let Some((before, _)) = earlier {
        let ranges = before.universe.ranges().zip(&before.ranges);
        counted.extend(ranges.map(|(issuers, counts)| (first(issuers), (issuers, counts))));
    }
    let count = |issuers: &[Vec<Member>]| {
        let same = counted.get(&first(issuers)).filter(|(counted, _)| *counted == issuers);
        let earlier = same.zip(earlier).map(|((_, counts), (_, comparison))| (*counts, comparison));
        RangeCounts::of(snapshot, issuers, days, earlier)
    };
    let ranges: Vec<&[Vec<Member>]> = universe.ranges().collect();
    ranges.into_par_iter().map(count).collect()
}

fn have_one_base(some: &[RangeCounts], others: &[RangeCounts]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(a, b)| a.shares_base(b))
}

/// Adds the counts of all ranges, in order. All ranges have the same days.
fn sum<'a>(mut ranges: impl Iterator<Item = &'a Counts>) -> Counts {
    let mut sum = ranges.next().cloned().unwrap_or_else(|| Counts::none(&Arc::default()));
    ranges.for_each(|counts| sum.add(counts));
    sum
}

impl Breadth {
    /// Collects the counts of the sessions.
    fn collected(
        universe: Arc<Universe>,
        counted: Option<Days>,
        ranges: Vec<RangeCounts>,
        base: Arc<Counts>,
    ) -> Breadth {
        let tail = sum(ranges.iter().map(|range| &range.tail));
        let all_days = [&base.days[..], &tail.days[..]].concat();
        let tallies = [&base.tallies[..], &tail.tallies[..]].concat();
        let weights = [&base.weights[..], &tail.weights[..]].concat();
        let by_day = ByDay { universe: &universe, days: &all_days };
        let members = by_day.members();
        let (sessions, thin_days_after) = sessions(&tallies, &members, universe.stand_in);
        let days: Vec<Day> = sessions.iter().map(|at| all_days[*at]).collect();
        let calendar = by_day.calendar(&tallies, &days);
        let last = days.last().copied();
        let expected = |at: usize| if universe.stand_in { tallies[at].priced } else { members[at] };
        let issuers = by_day.issuers();
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
            counted,
            ranges,
            base,
            universe,
        }
    }
}

/// Number of names and issuers that the universe expects on each of some days.
struct ByDay<'a> {
    universe: &'a Universe,
    days: &'a [Day],
}

impl ByDay<'_> {
    /// Sessions and days with too few closes. A close on a day when the exchange did not trade is
    /// an error of its file and is dropped.
    fn calendar(&self, tallies: &[Tally], sessions: &[Day]) -> Vec<Day> {
        let priced = tallies.iter().enumerate().filter(|(_, tally)| 0 < tally.priced);
        let days = priced.map(|(at, _)| self.days[at]);
        days.filter(|day| is_session(*day) || sessions.binary_search(day).is_ok()).collect()
    }

    /// Number of names in the universe, by day.
    fn members(&self) -> Vec<u32> {
        self.by_day(self.universe.members().flat_map(|member| member.intervals.iter().copied()))
    }

    /// Number of issuers with a line in the universe, by day.
    fn issuers(&self) -> Vec<u32> {
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

    /// Number of intervals that contain each day.
    fn by_day(&self, intervals: impl Iterator<Item = (Day, Day)>) -> Vec<u32> {
        let mut steps = vec![0i32; self.days.len() + 1];
        let place = |day: Day| self.days.partition_point(|held| *held < day);
        for (from, until) in intervals {
            steps[place(from)] += 1;
            steps[place(until)] -= 1;
        }
        let mut count = 0;
        steps.truncate(self.days.len());
        let mut add = |step: i32| {
            count += step;
            count as u32
        };
        steps.into_iter().map(&mut add).collect()
    }
}

/// The places of the days that are sessions of the universe, and the number of thinner days after the
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
