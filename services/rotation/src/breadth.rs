//! What the members did each day, counted in one pass over them: advances, averages, highs, weights.
//!
//! Work is cut in fixed ranges of issuers, so that a caller may spread it over threads: counts add
//! up exactly and sums run in the order of the ranges.

use crate::universe::{Member, Universe};
use factors::{caps::CapHistory, roles::Roles, size::CapSource};
use marketdata::{bars::Bars, dataset::Dataset, day::Day, snapshot::Snapshot};
use std::{collections::VecDeque, ops::Range};

/// Sessions of the short average.
pub const SHORT_AVERAGE: usize = 50;
/// Sessions of the long average.
pub const LONG_AVERAGE: usize = 200;
/// Sessions of a yearly high or low.
pub const YEAR: usize = 252;
/// How many of the largest issuers make the leading weight.
pub const LEADERS: usize = 7;
/// Issuers in one range of work.
pub const STEP: usize = 128;
/// A price differs from another where it does by more than rounding.
const ROUNDING: f64 = 1e-12;

/// The counts of one day. A name counts where it is a member on the day and has a close on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Names with a close.
    pub priced: u32,
    /// Names that closed above the close before.
    pub advancing: u32,
    /// Names that closed below it.
    pub declining: u32,
    /// Names that closed at it.
    pub unchanged: u32,
    /// Names above their average of 50 closes, and names that have 50.
    pub above_short: [u32; 2],
    /// Names above their average of 200 closes, and names that have 200.
    pub above_long: [u32; 2],
    /// Names at a 252-session high of closes, at a low, and names that have 252.
    pub highs_lows: [u32; 3],
}

/// The market values of one day, issuer by issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    /// Issuers with a known market value.
    pub valued: u32,
    /// Sum of their market values, USD.
    pub cap: f64,
    /// Sum of the squares.
    pub cap_squared: f64,
    /// The largest of them, the greatest first; zero where there are fewer.
    pub leaders: [f64; LEADERS],
}

impl Tally {
    /// A number of 0 to 1 as numerator over denominator; none over zero.
    pub fn share(count: u32, of: u32) -> Option<f64> {
        (0 < of).then(|| f64::from(count) / f64::from(of))
    }

    fn add(&mut self, other: &Tally) {
        self.priced += other.priced;
        self.advancing += other.advancing;
        self.declining += other.declining;
        self.unchanged += other.unchanged;
        for (own, others) in [
            (&mut self.above_short[..], &other.above_short[..]),
            (&mut self.above_long[..], &other.above_long[..]),
            (&mut self.highs_lows[..], &other.highs_lows[..]),
        ] {
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
    }
}

impl Weights {
    fn add(&mut self, other: &Weights) {
        self.valued += other.valued;
        self.cap += other.cap;
        self.cap_squared += other.cap_squared;
        for cap in other.leaders {
            self.lead(cap);
        }
    }

    fn value(&mut self, cap: f64) {
        self.valued += 1;
        self.cap += cap;
        self.cap_squared += cap * cap;
        self.lead(cap);
    }

    fn lead(&mut self, cap: f64) {
        if self.leaders[LEADERS - 1] < cap {
            let at = self.leaders.partition_point(|leader| cap <= *leader);
            self.leaders[at..].rotate_right(1);
            self.leaders[at] = cap;
        }
    }
}

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
    /// The day of its first known count of shares; before it, that count is carried back.
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
    /// The counts of each.
    pub tallies: Vec<Tally>,
    /// The market values of each.
    pub weights: Vec<Weights>,
    /// Days with some price, but of too few names to be counted, after the last session.
    pub thin_days_after: usize,
    /// Names that belong to the universe on the last session.
    pub members: u32,
    /// Issuers with a market value, the greatest first.
    pub latest: Vec<Latest>,
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
            tallies: vec![Tally::default(); self.span],
            weights: vec![Weights::default(); self.span],
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
            self.value_issuer(snapshot, &bars, &mut part);
        }
        part
    }

    fn value_issuer(&self, snapshot: &Snapshot, bars: &[(&Member, Bars<'_>)], part: &mut Part) {
        let caps = |(member, bars): &(&Member, Bars<'_>)| {
            CapHistory::of(snapshot, member.instrument, bars)
        };
        let mut lines: Vec<_> = bars.iter().filter_map(|line| Some((line, caps(line)?))).collect();
        // A printed value is the whole company's: one line carries it.
        if let Some(at) = lines.iter().position(|(_, caps)| caps.source == CapSource::Printed) {
            lines = vec![lines.swap_remove(at)];
        }
        let Some(((member, _), first)) = lines.first() else { return };
        let mut sums: Vec<(usize, f64)> = Vec::new();
        for ((member, bars), caps) in &lines {
            let values = bars.days.iter().enumerate().filter(|(_, day)| member.on(**day));
            let values = values.filter_map(|(i, day)| Some((self.at(*day), caps.at(i)?)));
            if sums.is_empty() {
                sums = values.collect();
            } else {
                add_up(&mut sums, values);
            }
        }
        for (at, cap) in &sums {
            part.weights[*at].value(*cap);
        }
        if let Some((at, cap)) = sums.last() {
            part.latest.push(Latest {
                symbol: snapshot.symbol(member.instrument).to_owned(),
                on: self.first.plus(*at as i32),
                cap: *cap,
                source: first.source,
                known_from: first.known_from,
            });
        }
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
        let last = days.last().copied();
        sum.latest.retain(|issuer| Some(issuer.on) == last);
        sum.latest.sort_by(|a, b| b.cap.total_cmp(&a.cap));
        Breadth {
            tallies: sessions.iter().map(|at| sum.tallies[*at]).collect(),
            weights: sessions.iter().map(|at| sum.weights[*at]).collect(),
            members: sessions.last().map_or(0, |at| members[*at]),
            days,
            thin_days_after,
            latest: sum.latest,
            universe: self.universe,
        }
    }

    /// Names that belong to the universe, by calendar day.
    fn members_by_day(&self) -> Vec<u32> {
        let mut steps = vec![0i32; self.span + 1];
        let clamp = |day: Day| {
            let last = self.first.plus(self.span as i32);
            self.at(day.max(self.first).min(last))
        };
        for (from, until) in self.universe.members().flat_map(|member| &member.intervals) {
            if self.span != 0 {
                steps[clamp(*from)] += 1;
                steps[clamp(*until)] -= 1;
            }
        }
        let mut count = 0;
        steps.truncate(self.span);
        steps
            .into_iter()
            .map(|step| {
                count += step;
                count as u32
            })
            .collect()
    }
}

fn add_up(sums: &mut Vec<(usize, f64)>, values: impl Iterator<Item = (usize, f64)>) {
    for (at, value) in values {
        match sums.binary_search_by_key(&at, |(at, _)| *at) {
            Ok(found) => sums[found].1 += value,
            Err(place) => sums.insert(place, (at, value)),
        }
    }
}

/// Counts one line on its days as a member. Closes are compared in the units of its last day; where
/// no known factor joins two rows, averages and highs start anew.
fn count_line(member: &Member, bars: &Bars<'_>, first: Day, tallies: &mut [Tally]) {
    let Some(units) = bars.days.last().copied() else { return };
    let tallies = |run: &[Day], closes: &[f64]| count_run(member, run, closes, first, tallies);
    match bars.closes_in_one_unit() {
        Some(closes) => runs_of(&bars.days, |i| Some(closes[i]), tallies),
        None => runs_of(&bars.days, |i| bars.close_in_units_of(i, units), tallies),
    }
}

/// Cuts days and closes at the rows that have none.
fn runs_of(
    days: &[Day],
    close: impl Fn(usize) -> Option<f64>,
    mut count: impl FnMut(&[Day], &[f64]),
) {
    let mut closes: Vec<f64> = Vec::with_capacity(days.len());
    let mut start = 0;
    for i in 0..days.len() {
        match close(i) {
            Some(close) => closes.push(close),
            None => {
                count(&days[start..i], &closes);
                closes.clear();
                start = i + 1;
            }
        }
    }
    count(&days[start..], &closes);
}

fn count_run(member: &Member, days: &[Day], closes: &[f64], first: Day, tallies: &mut [Tally]) {
    let mut averages = [Average::of(SHORT_AVERAGE), Average::of(LONG_AVERAGE)];
    let (mut highs, mut lows) = (Extreme::new(), Extreme::new());
    let always = member.intervals[..] == [(Day::MIN, Day::MAX)];
    for (i, (day, close)) in days.iter().zip(closes).enumerate() {
        let above = averages.each_mut().map(|average| average.push(&closes[..=i]));
        let high = highs.push(closes, i, |held, new| held <= new);
        let low = lows.push(closes, i, |held, new| new <= held);
        if !(always || member.on(*day)) {
            continue;
        }
        let tally = &mut tallies[(day.epoch() - first.epoch()) as usize];
        tally.priced += 1;
        if let Some(before) = i.checked_sub(1).map(|before| closes[before]) {
            let up = before * (1.0 + ROUNDING) < *close;
            let down = *close < before * (1.0 - ROUNDING);
            tally.advancing += u32::from(up);
            tally.declining += u32::from(down);
            tally.unchanged += u32::from(!up && !down);
        }
        for (count, above) in [&mut tally.above_short, &mut tally.above_long].into_iter().zip(above)
        {
            if let Some(above) = above {
                count[0] += u32::from(above);
                count[1] += 1;
            }
        }
        if YEAR <= i + 1 {
            tally.highs_lows[0] += u32::from(high.is_some_and(|h| h * (1.0 + ROUNDING) < *close));
            tally.highs_lows[1] += u32::from(low.is_some_and(|l| *close < l * (1.0 - ROUNDING)));
            tally.highs_lows[2] += 1;
        }
    }
}

/// A running average of the last so many closes.
#[derive(Clone, Copy)]
struct Average {
    window: usize,
    sum: f64,
}

impl Average {
    const fn of(window: usize) -> Average {
        Average { window, sum: 0.0 }
    }

    /// Takes the last close in; whether it is above the average, once there are enough closes.
    fn push(&mut self, closes: &[f64]) -> Option<bool> {
        let last = closes.last()?;
        self.sum += last;
        if let Some(out) = closes.len().checked_sub(self.window + 1) {
            self.sum -= closes[out];
        }
        let average = self.sum / self.window as f64;
        (self.window <= closes.len()).then_some(average * (1.0 + 1e-9) < *last)
    }
}

/// The most extreme of the 251 closes before, found again only when it leaves the window.
struct Extreme {
    at: Option<usize>,
}

impl Extreme {
    const fn new() -> Extreme {
        Extreme { at: None }
    }

    /// The most extreme of the closes before row `i` in the window that ends with it; takes the row
    /// in. `beats(held, new)` says whether the new one is at least as extreme.
    fn push(&mut self, closes: &[f64], i: usize, beats: impl Fn(f64, f64) -> bool) -> Option<f64> {
        let start = (i + 1).saturating_sub(YEAR);
        if self.at.is_some_and(|at| at < start) {
            self.at =
                (start..i).reduce(
                    |best, other| {
                        if beats(closes[best], closes[other]) { other } else { best }
                    },
                );
        }
        let before = self.at.map(|at| closes[at]);
        if before.is_none_or(|held| beats(held, closes[i])) {
            self.at = Some(i);
        }
        before
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
