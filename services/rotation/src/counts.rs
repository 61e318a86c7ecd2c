//! Daily counts of one range of issuers, kept up to a checkpoint so that an appended day costs
//! little.
//!
//! A range is counted up to a checkpoint some days before the last day, and from there to the end.
//! The counts up to the checkpoint are reused for a later snapshot if its rows of those days are
//! the same. An appended or corrected day then costs only the days since the checkpoint.
//!
//! There is an entry for each day on which a line of the universe has a row, and no other, so that a
//! bar of 1900 costs one day and not a century.

pub(crate) mod daily;
mod line_rows;

use crate::{running::Running, universe::Member};
use daily::{Counts, Days};
use factors::{
    basket::{has_not_left, is_listed},
    comparison::Comparison,
    market_value::{CapSource, KnownShares, ShareCount},
};
use line_rows::{LineRows, levels, units_on};
use marketdata::{basis::Units, day::Day, snapshot::Snapshot};
use std::{ops::Range, sync::Arc};

/// An issuer without a value is missing from the weights for this many days after its last value;
/// after that it has left the market.
const MISSING_DAYS: i32 = 14;

/// An issuer's latest market value.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// Ticker of its first line.
    pub symbol: String,
    /// Day of the value.
    pub on: Day,
    /// Market value in USD.
    pub cap: f64,
    /// Source of the market value.
    pub source: CapSource,
    /// First day on which the shares of all its lines are known.
    pub known_from: Day,
}

/// The counts of one range of issuers.
#[derive(Clone, Debug)]
pub(crate) struct RangeCounts {
    base: Arc<Base>,
    /// Whether every row was counted for this snapshot.
    is_anew: bool,
    /// Counts of the days after the checkpoint.
    pub(crate) tail: Counts,
    /// The latest value of each issuer that has one.
    pub(crate) latest: Vec<Latest>,
}

/// State at the checkpoint.
#[derive(Clone, Debug)]
struct Base {
    /// The checkpoint: the last day counted.
    until: Day,
    counts: Counts,
    issuers: Vec<IssuerState>,
}

#[derive(Clone, Debug)]
struct IssuerState {
    lines: Vec<LineState>,
    /// The last day on which the issuer has a value, and the value.
    valued: Option<(Day, f64)>,
    /// Whether it has a value on a later day. If so, it was missing in between, however long that
    /// was.
    returns: bool,
}

/// A line as far as it was counted, and what the counts assume about all its rows.
#[derive(Clone, Debug)]
struct LineState {
    run: Running,
    span: Option<(Day, Day)>,
    /// The day in whose units its last row is stored.
    units_on: Day,
    /// Whether any closes are prices, and whether any are total-return levels.
    levels: [bool; 2],
    precision: f64,
    any_cap: bool,
    /// Share counts known up to the last day counted.
    shares: Option<KnownShares>,
    terms: Terms,
}

/// What the counts of a line's early rows depend on apart from the rows themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Terms {
    /// Whether closes are compared as stored.
    one_unit: bool,
    /// The day in whose units the last row is stored. Other rows are converted to these units.
    units_on: Day,
    /// Relative changes of closes up to this size count as zero.
    precision: f64,
    /// Source of the market values. `None` if there are none.
    source: Option<CapSource>,
    /// Whether the line counts in its issuer's sums on the days between its last row at or before
    /// the checkpoint and the checkpoint.
    lacks_rows: bool,
}

/// The loaded rows of an issuer's lines.
struct IssuerRows<'a> {
    lines: Vec<LineRows<'a>>,
    /// Its market value on each day on which every share class that counts on that day has one.
    sums: Vec<(Day, f64)>,
}

impl RangeCounts {
    /// Counts a range of issuers. Continues from the checkpoint of an earlier snapshot if it still
    /// holds.
    pub(crate) fn of(
        snapshot: &Snapshot,
        issuers: &[Vec<Member>],
        days: &Days,
        earlier: Option<(&RangeCounts, &Comparison<'_>)>,
    ) -> RangeCounts {
        let earlier = earlier.filter(|(counts, _)| {
            let base = &counts.base;
            // All ranges have the same days: a new one before the checkpoint lacks what is missing.
            let counted = days.early.partition_point(|day| *day <= base.until);
            base.until <= days.checkpoint && days.early[..counted] == base.counts.days[..]
        });
        let continued = earlier.and_then(|(counts, comparison)| {
            let rows = load_tails(comparison, issuers, &counts.base)?;
            Some(counts.base.continued(snapshot, &rows, days))
        });
        continued.unwrap_or_else(|| {
            let rows: Vec<IssuerRows<'_>> =
                issuers.iter().map(|lines| IssuerRows::all(snapshot, lines)).collect();
            Arc::new(Base::empty(&rows)).continued(snapshot, &rows, days)
        })
    }

    /// The counts up to the checkpoint.
    pub(crate) fn base(&self) -> &Counts {
        &self.base.counts
    }

    /// Whether both share one and the same base, by pointer.
    pub(crate) fn shares_base(&self, other: &RangeCounts) -> bool {
        Arc::ptr_eq(&self.base, &other.base)
    }

    /// Whether every row was counted for this snapshot, and none for an earlier one.
    pub(crate) const fn is_anew(&self) -> bool {
        self.is_anew
    }

    /// Memory held outside of itself, in bytes, including the base that may be shared.
    pub(crate) fn heap_bytes(&self) -> usize {
        let latest = self.latest.iter().map(|latest| latest.symbol.capacity());
        size_of::<Base>()
            + self.base.counts.heap_bytes()
            + self.base.issuers.capacity() * size_of::<IssuerState>()
            + self.base.issuers.iter().map(IssuerState::heap_bytes).sum::<usize>()
            + self.tail.heap_bytes()
            + self.latest.capacity() * size_of::<Latest>()
            + latest.sum::<usize>()
    }
}

/// The rows after a checkpoint. `None` if anything that the checkpoint's counts depend on has
/// changed.
fn load_tails<'a>(
    comparison: &'a Comparison<'_>,
    issuers: &'a [Vec<Member>],
    base: &Base,
) -> Option<Vec<IssuerRows<'a>>> {
    let load = |(members, state): (&'a Vec<Member>, &IssuerState)| {
        let mut lines = Vec::with_capacity(members.len());
        for (member, line) in members.iter().zip(&state.lines) {
            let mut rows = LineRows::tail(comparison, member, line, base.until)?;
            if members.len() == 1 {
                // An issuer with a single line has a value on that line's own days and on no
                // others.
                rows.terms.lacks_rows = line.terms.lacks_rows;
            }
            lines.push(Some(rows).filter(|r| r.terms.hold(&line.terms, r.bars.units()))?);
        }
        let rows = IssuerRows::of(lines, comparison.snapshot.today());
        state.holds(!rows.sums.is_empty(), base.until).then_some(rows)
    };
    issuers.iter().zip(&base.issuers).map(load).collect()
}

impl Terms {
    /// Whether counts made under `other` terms also hold under these.
    fn hold(&self, other: &Terms, units: &Units) -> bool {
        let alike = self.one_unit || units.are_same_on(self.units_on, other.units_on);
        alike && *self == Terms { units_on: self.units_on, ..*other }
    }
}

impl LineState {
    fn new() -> LineState {
        LineState {
            run: Running::new(),
            span: None,
            units_on: Day::MIN,
            levels: [false; 2],
            precision: 0.0,
            any_cap: false,
            shares: None,
            terms: Terms {
                one_unit: true,
                units_on: Day::MIN,
                precision: 0.0,
                source: None,
                lacks_rows: false,
            },
        }
    }

    /// Counts some rows.
    fn count(&mut self, rows: &LineRows<'_>, range: Range<usize>, counts: &mut Counts) {
        let member = rows.member;
        let always = member.intervals[..] == [(Day::MIN, Day::MAX)];
        let mut at = rows.bars.days.get(range.start).map_or(0, |day| counts.place(*day));
        for row in range {
            let day = rows.bars.days[row];
            match rows.close(row) {
                Some(close) => {
                    let marks = self.run.push(close, rows.terms.precision);
                    if always || member.on(day) {
                        at = counts.next_place(at, day);
                        counts.tallies[at].mark(marks);
                    }
                }
                None => self.run.restart(),
            }
        }
    }

    /// Updates the state with what a range of rows adds to it.
    fn remember(&mut self, rows: &LineRows<'_>, range: Range<usize>, last: Day, today: Day) {
        let bars = &rows.bars;
        let found = levels(bars, range.clone());
        self.levels = [0, 1].map(|at| self.levels[at] || found[at]);
        self.any_cap |= rows.caps[range.clone()].iter().any(|cap| cap.is_finite());
        if found[1] {
            self.precision = bars.precision();
        }
        self.units_on = units_on(bars, range.end).unwrap_or(self.units_on);
        if let Some((start, end)) = range.clone().next().zip(range.clone().last()) {
            let first = self.span.map_or(bars.days[start], |(first, _)| first);
            self.span = Some((first, bars.days[end]));
        }
        let left = self.span.is_none_or(|(_, last)| !has_not_left(last, today));
        let lacks_rows = range.end < bars.len() || !left;
        self.terms = Terms { lacks_rows, ..rows.terms };
        self.shares = rows.shares.clone().map(|mut shares| {
            shares.counts.retain(|count| count.on <= last);
            shares
        });
    }
}

impl<'a> IssuerRows<'a> {
    fn all(snapshot: &'a Snapshot, members: &'a [Member]) -> IssuerRows<'a> {
        let lines = members.iter().map(|member| LineRows::all(snapshot, member)).collect();
        IssuerRows::of(lines, snapshot.today())
    }

    fn of(lines: Vec<LineRows<'a>>, today: Day) -> IssuerRows<'a> {
        let sums = sums(&valued(&lines), today);
        IssuerRows { lines, sums }
    }

    /// The days of a window on which at least one of its lines in the universe has a close.
    fn priced(&self, window: (Day, Day)) -> Vec<Day> {
        let days = |rows: &LineRows<'a>| -> Vec<Day> {
            let days = rows.bars.days[rows.between(window.0, window.1)].iter().copied();
            days.filter(|day| rows.member.on(*day)).collect()
        };
        merged(self.lines.iter().map(days).collect())
    }
}

/// An issuer's value on each day on which every share class that counts on that day has one.
fn sums(lines: &[&LineRows<'_>], today: Day) -> Vec<(Day, f64)> {
    if let [rows] = lines {
        let values = rows.bars.days.iter().copied().zip(rows.caps.iter().copied());
        return values.filter(|(day, cap)| is_value(*cap) && rows.member.on(*day)).collect();
    }
    let sum = |day: Day| -> Option<f64> {
        let belongs =
            |rows: &&&LineRows<'_>| rows.member.on(day) && is_listed(rows.span, day, today);
        let values = lines.iter().filter(belongs).map(|rows| rows.cap_on(day));
        values.sum::<Option<f64>>().filter(|sum| 0.0 < *sum)
    };
    let days = merged(lines.iter().map(|rows| rows.bars.days.to_vec()).collect());
    days.into_iter().filter_map(|day| Some((day, sum(day)?))).collect()
}

fn is_value(cap: f64) -> bool {
    cap.is_finite() && 0.0 < cap
}

/// The days of several lines, sorted and without duplicates.
fn merged(mut lines: Vec<Vec<Day>>) -> Vec<Day> {
    if lines.len() == 1 {
        return lines.swap_remove(0);
    }
    let mut all = lines.concat();
    all.sort_unstable();
    all.dedup();
    all
}

impl IssuerState {
    fn heap_bytes(&self) -> usize {
        let line = |line: &LineState| {
            let counts = line.shares.as_ref().map_or(0, |shares| shares.counts.capacity());
            line.run.heap_bytes() + counts * size_of::<ShareCount>()
        };
        self.lines.capacity() * size_of::<LineState>() + self.lines.iter().map(line).sum::<usize>()
    }

    /// Whether the checkpoint still holds, given whether the issuer has a value after it.
    fn holds(&self, returns: bool, checkpoint: Day) -> bool {
        let gone = self.valued.is_some_and(|(last, _)| last.plus(MISSING_DAYS) < checkpoint);
        !gone || returns == self.returns
    }

    /// Counts the days of a window, both ends included.
    fn count(&mut self, rows: &IssuerRows<'_>, window: (Day, Day), to: &mut Counts) {
        for (state, rows) in self.lines.iter_mut().zip(&rows.lines) {
            state.count(rows, rows.between(window.0, window.1), to);
        }
        let start = to.place(window.0);
        let mut place = start;
        for day in rows.priced(window) {
            place = to.next_place(place, day);
            to.weights[place].priced += 1;
        }
        let lines = valued(&rows.lines);
        let belongs = |day: Day| lines.iter().any(|rows| rows.member.on(day));
        let first = rows.sums.partition_point(|(day, _)| *day < window.0);
        let end = rows.sums.partition_point(|(day, _)| *day <= window.1);
        // The first place that is neither valued nor counted as missing yet.
        let mut place = start;
        for at in first..=end {
            let next = rows.sums.get(at).copied();
            if let Some((last, cap)) = self.valued {
                let until = next.map_or(last.plus(1 + MISSING_DAYS), |(day, _)| day);
                let until = until.min(window.1.plus(1));
                while let Some(day) = to.days.get(place).filter(|day| **day < until) {
                    if belongs(*day) {
                        to.weights[place].missing += cap;
                    }
                    place += 1;
                }
            }
            if let Some((day, cap)) = next.filter(|_| at < end) {
                place = to.next_place(place, day);
                to.weights[place].value(cap);
                place += 1;
                self.valued = next;
            }
        }
        self.returns = end < rows.sums.len();
    }

    fn latest(&self, snapshot: &Snapshot, lines: &[LineRows<'_>]) -> Option<Latest> {
        let lines = valued(lines);
        let (first, (on, cap)) = (lines.first()?, self.valued?);
        let known = lines.iter().filter_map(|rows| Some(rows.shares.as_ref()?.counts.first()?.on));
        Some(Latest {
            symbol: snapshot.symbol(first.member.instrument).to_owned(),
            on,
            cap,
            source: first.terms.source?,
            known_from: known.max().unwrap_or(Day::MIN),
        })
    }
}

/// The lines that make up an issuer's market value.
fn valued<'a, 'b>(lines: &'b [LineRows<'a>]) -> Vec<&'b LineRows<'a>> {
    let mut found: Vec<&LineRows<'_>> =
        lines.iter().filter(|rows| rows.terms.source.is_some()).collect();
    // A printed value covers the whole company, so only one line carries it.
    let printed = |rows: &&LineRows<'_>| rows.terms.source == Some(CapSource::Printed);
    if let Some(at) = found.iter().position(printed) {
        found = vec![found.swap_remove(at)];
    }
    // In a universe of all listed names, a line that may be a fund has no weight among companies.
    found.retain(|rows| rows.member.is_company);
    found
}

impl Base {
    /// The empty counts of some issuers.
    fn empty(rows: &[IssuerRows<'_>]) -> Base {
        let issuer = |rows: &IssuerRows<'_>| IssuerState {
            lines: rows.lines.iter().map(|_| LineState::new()).collect(),
            valued: None,
            returns: false,
        };
        let counts = Counts::none(&Arc::default());
        Base { until: Day::MIN, counts, issuers: rows.iter().map(issuer).collect() }
    }

    /// A copy with the days up to a later checkpoint counted.
    fn advanced(&self, rows: &[IssuerRows<'_>], days: &Days, today: Day) -> Base {
        let mut next = Base { until: days.checkpoint, ..self.clone() };
        let window = (self.until.plus(1), days.checkpoint);
        next.counts.extend_to(&days.early);
        for (issuer, rows) in next.issuers.iter_mut().zip(rows) {
            issuer.count(rows, window, &mut next.counts);
            for (state, rows) in issuer.lines.iter_mut().zip(&rows.lines) {
                state.remember(rows, rows.between(window.0, window.1), days.checkpoint, today);
            }
        }
        next
    }

    /// Counts up to the checkpoint if it has moved, and from there to the end.
    fn continued(
        self: &Arc<Base>,
        snapshot: &Snapshot,
        rows: &[IssuerRows<'_>],
        days: &Days,
    ) -> RangeCounts {
        let base = if self.until < days.checkpoint {
            Arc::new(self.advanced(rows, days, snapshot.today()))
        } else {
            Arc::clone(self)
        };
        let window = (base.until.plus(1), days.last);
        let mut tail = Counts::none(&days.late);
        let mut latest = Vec::new();
        for (issuer, rows) in base.issuers.iter().zip(rows) {
            let mut issuer = issuer.clone();
            issuer.count(rows, window, &mut tail);
            latest.extend(issuer.latest(snapshot, &rows.lines));
        }
        RangeCounts { base, is_anew: self.until == Day::MIN, tail, latest }
    }
}
