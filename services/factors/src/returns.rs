//! Total returns of all instruments on one calendar of the days on which the market traded.
//!
//! A session is a day on which at least one in ten of the instruments alive around it has a price,
//! so that neither a bar on a Saturday nor a gap in one file creates or removes a session. An
//! instrument has a return for a session if it has a close on it and on the previous session;
//! otherwise the return is absent (NaN internally, hidden by the accessors). Absent returns are
//! never filled, and a return over a halt is never assigned to a session.

use crate::roles::ResolvedRole;
use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use rayon::prelude::*;
use std::borrow::Cow;

/// Calendar days to search per hundred sessions: 365.25/252, with room for holidays.
const CALENDAR_DAYS_PER_HUNDRED: i32 = 160;

/// At least one in this many living instruments must trade for a day to be a session.
pub(crate) const TRADING_SHARE: u32 = 10;

/// The latest sessions of the market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// The session before the first return, followed by the sessions with returns.
    days: Vec<Day>,
}

impl Sessions {
    /// The last `count` sessions of a view that have a session before them; fewer if there are not
    /// enough.
    pub fn of(snapshot: &Snapshot, count: usize) -> Sessions {
        Sessions { days: last_sessions(snapshot, count + 1) }
    }

    /// Wraps known sessions; returns begin with the second.
    pub(crate) const fn of_days(days: Vec<Day>) -> Sessions {
        Sessions { days }
    }

    /// The part of these sessions between two days, both included.
    pub fn between(&self, first: Day, last: Day) -> Sessions {
        let start = self.days.partition_point(|day| *day < first);
        let end = self.days.partition_point(|day| *day <= last).max(start);
        Sessions { days: self.days[start..end].to_vec() }
    }

    /// The first session after a day.
    pub(crate) fn after(&self, day: Day) -> Option<Day> {
        self.days.get(self.days.partition_point(|session| *session <= day)).copied()
    }

    /// The last session before a day.
    pub(crate) fn before(&self, day: Day) -> Option<Day> {
        let end = self.days.partition_point(|session| *session < day);
        Some(self.days[end.checked_sub(1)?])
    }

    /// The session before the one with the first return, followed by those with returns.
    pub fn with_start(&self) -> &[Day] {
        &self.days
    }

    /// The days with returns, strictly ascending.
    pub fn days(&self) -> &[Day] {
        self.days.get(1..).unwrap_or(&[])
    }

    /// Number of days with returns.
    pub fn len(&self) -> usize {
        self.days().len()
    }

    /// Whether there is no day with a return.
    pub fn is_empty(&self) -> bool {
        self.days().is_empty()
    }

    /// Writes one instrument's total returns to `out`, NaN if absent; returns the number of returns
    /// present. `out` has one place per session.
    pub fn total_returns(
        &self,
        snapshot: &Snapshot,
        instrument: InstrumentId,
        out: &mut [f64],
    ) -> usize {
        let Some(first) = self.days.first() else { return 0 };
        self.total_returns_of(&Bars::since(snapshot, instrument, *first), out)
    }

    /// [`Sessions::total_returns`] for bars that are already loaded.
    pub(crate) fn total_returns_of(&self, bars: &Bars<'_>, out: &mut [f64]) -> usize {
        out.fill(f64::NAN);
        let (Some(first), Some(last)) = (self.days.first(), self.days.last()) else { return 0 };
        let start = bars.days.partition_point(|day| day < first);
        let end = start + bars.days[start..].partition_point(|day| day <= last);
        let steps = (start..end).map(|row| (bars.days[row], bars.total_return(row)));
        self.align(steps, out)
    }

    /// Writes the returns of a resolved role: total returns of bars, or the growth of a series.
    pub fn role_returns(
        &self,
        snapshot: &Snapshot,
        resolved: &ResolvedRole,
        out: &mut [f64],
    ) -> usize {
        if resolved.dataset == Dataset::Bars {
            return self.total_returns(snapshot, resolved.instrument, out);
        }
        out.fill(f64::NAN);
        let series = snapshot.series(resolved.dataset, Field::Value, resolved.instrument);
        let growth = |row: usize| {
            let before = series.values[row.checked_sub(1)?];
            stats::returns::simple(before, series.values[row])
        };
        self.align((0..series.days.len()).map(|row| (series.days[row], growth(row))), out)
    }

    /// Chains the steps between rows into returns between consecutive sessions.
    fn align(&self, steps: impl Iterator<Item = (Day, Option<f64>)>, out: &mut [f64]) -> usize {
        debug_assert_eq!(out.len(), self.len(), "invariant: one place per session");
        let (mut session, mut present) = (0, 0);
        // Growth since the session before the current one; `None` if that session has no price.
        let mut growth = None;
        for (day, step) in steps {
            growth = growth.zip(step).map(|(growth, step)| growth * (1.0 + step));
            while self.days.get(session).is_some_and(|passed| *passed < day) {
                session += 1;
                growth = None;
            }
            if self.days.get(session) != Some(&day) {
                continue;
            }
            if let (Some(growth), Some(at)) = (growth, session.checked_sub(1)) {
                out[at] = stats::change::growth(1.0, growth);
                present += 1;
            }
            growth = Some(1.0);
            session += 1;
        }
        present
    }
}

/// The last day with a bar of any instrument.
fn last_bar(snapshot: &Snapshot) -> Option<Day> {
    let last_day = |id: InstrumentId| {
        let rows = snapshot.rows(Dataset::Bars, id);
        rows.last().map(|row| rows.day(row))
    };
    snapshot.holders(Dataset::Bars).filter_map(last_day).max()
}

fn last_sessions(snapshot: &Snapshot, count: usize) -> Vec<Day> {
    let Some(last) = last_bar(snapshot) else { return Vec::new() };
    let lookback = count as i32 / 100 * CALENDAR_DAYS_PER_HUNDRED + CALENDAR_DAYS_PER_HUNDRED;
    let mut sessions = trading_days(snapshot, last.plus(-lookback), last);
    sessions.split_off(sessions.len().saturating_sub(count))
}

/// The sessions between two days, both included.
fn trading_days(snapshot: &Snapshot, first: Day, last: Day) -> Vec<Day> {
    let holders: Vec<InstrumentId> = snapshot.holders(Dataset::Bars).collect();
    let span = (last.epoch() - first.epoch()) as usize + 1;
    let count = |holders: &[InstrumentId]| DayCounts::of(snapshot, holders, first, span);
    let counts = holders.par_chunks(COUNTED_TOGETHER).map(count);
    let counts = counts.reduce(|| DayCounts::zero(span), DayCounts::plus);
    let mut alive = 0;
    let mut sessions = Vec::new();
    for (at, (trading, births)) in counts.trading.iter().zip(&counts.births).enumerate() {
        alive += births;
        if 0 < *trading && alive as u32 <= trading * TRADING_SHARE {
            sessions.push(first.plus(at as i32));
        }
    }
    sessions
}

/// Number of instruments counted by one thread at a time. Sums of counts are the same in any order.
const COUNTED_TOGETHER: usize = 256;

/// How many instruments trade, begin and end on each day from the first day on.
struct DayCounts {
    trading: Vec<u32>,
    /// Number of instruments that begin on a day minus those that ended on the day before.
    births: Vec<i32>,
}

impl DayCounts {
    fn zero(span: usize) -> DayCounts {
        DayCounts { trading: vec![0; span], births: vec![0; span + 1] }
    }

    fn of(snapshot: &Snapshot, holders: &[InstrumentId], first: Day, span: usize) -> DayCounts {
        let mut counts = DayCounts::zero(span);
        let mut usual = Usual::of(Cow::Borrowed(&[]));
        let offset = |day: Day| (day.epoch() - first.epoch()).max(0) as usize;
        for id in holders {
            let rows = snapshot.rows(Dataset::Bars, *id).since(first);
            let days = rows.days();
            let (Some(begin), Some(end)) = (days.first(), days.last()) else { continue };
            counts.births[offset(*begin)] += 1;
            counts.births[offset(*end) + 1] -= 1;
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
        instrument::Namespace,
    };

    fn returns(fixture: &mut Fixture, symbol: &str, as_of: &str) -> (Vec<String>, Vec<f64>) {
        let id = fixture.id(Namespace::Listed, symbol);
        let snapshot = fixture.snapshot(Instant::close_of(day(as_of)));
        let sessions = Sessions::of(&snapshot, 10);
        let mut out = vec![0.0; sessions.len()];
        sessions.total_returns(&snapshot, id, &mut out);
        (sessions.days().iter().map(Day::to_string).collect(), out)
    }

    /// Friday to Friday of the next week; one line also trades on the Saturday, another misses the
    /// Tuesday.
    fn week() -> Fixture {
        let mut fixture = Fixture::new();
        let week: Vec<Day> =
            [0, 3, 4, 5, 6, 7].map(|offset| day("2021-01-08").plus(offset)).to_vec();
        for name in ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9"] {
            let closes: Vec<_> = week.iter().map(|day| (*day, 100.0)).collect();
            fixture.closes(name, &closes);
        }
        let closes = [100.0, 110.0, 121.0, 133.1, 146.41, 161.051];
        let mut odd: Vec<_> = week.iter().copied().zip(closes).collect();
        let mut halted = odd.clone();
        odd.insert(1, (day("2021-01-09"), 50.0));
        fixture.closes("ODD", &odd);
        halted.remove(2);
        fixture.closes("HALT", &halted);
        fixture.closes("SOLID", &week.iter().map(|day| (*day, 1.0)).collect::<Vec<_>>());
        fixture.commit();
        fixture
    }

    #[test]
    fn a_stray_saturday_is_not_a_session_and_its_steps_are_chained() {
        let (days, returns) = returns(&mut week(), "ODD", "2021-01-31");
        assert_eq!(days, ["2021-01-11", "2021-01-12", "2021-01-13", "2021-01-14", "2021-01-15"]);
        // 100 → 50 → 110 is +10 % from Friday to Monday.
        assert!(returns.iter().all(|r| (r - 0.1).abs() < 1e-12), "{returns:?}");
    }

    #[test]
    fn a_return_over_a_halt_belongs_to_no_session() {
        let (_, returns) = returns(&mut week(), "HALT", "2021-01-31");
        let present: Vec<bool> = returns.iter().map(|r| r.is_finite()).collect();
        assert_eq!(present, [true, false, false, true, true]);
    }

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
            let holders: Vec<InstrumentId> = snapshot.holders(Dataset::Bars).collect();
            assert_eq!(DayCounts::of(&snapshot, &holders, first, 9).trading, expected, "{turn}");
        }
    }

    #[test]
    fn later_days_change_nothing() {
        let (days, before) = returns(&mut week(), "ODD", "2021-01-13");
        assert_eq!(days.last().unwrap(), "2021-01-13");
        let (_, after) = returns(&mut week(), "ODD", "2021-01-31");
        let bits = |r: &[f64]| r.iter().map(|r| r.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&before), bits(&after[..before.len()]));
    }
}
