//! Total returns of all instruments on one calendar of the days on which the market traded.
//!
//! Which days are sessions is defined in [`crate::trading`]. An instrument has a return for a
//! session if it has a close on it and on the previous session; otherwise the return is absent (NaN
//! internally, hidden by the accessors). Absent returns are never filled, and a return over a halt
//! is never assigned to a session.

use crate::roles::ResolvedRole;
use marketdata::{
    bars::Bars,
    currency::Currency,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// The latest sessions of the market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// The session before the first return, followed by the sessions with returns.
    days: Vec<Day>,
}

impl Sessions {
    /// Wraps known sessions, strictly ascending; returns begin with the second.
    pub const fn of_days(days: Vec<Day>) -> Sessions {
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

    /// Writes the returns of a resolved role: total returns of bars, or the growth of a series, which
    /// is one of US dollars.
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
            let before = row.checked_sub(1)?;
            let growth = stats::returns::simple(series.values[before], series.values[row])?;
            let days = (series.days[before], series.days[row]);
            in_base(snapshot, days, growth)
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

/// The growth of an amount of US dollars between two days, in the base currency.
fn in_base(snapshot: &Snapshot, (before, now): (Day, Day), growth: f64) -> Option<f64> {
    if snapshot.base() == Currency::USD {
        return Some(growth);
    }
    let rate = |day| Some(snapshot.rate(Currency::USD, day).ok()?.value);
    Some(stats::change::growth(rate(before)?, (1.0 + growth) * rate(now)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trading::Trading;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    fn returns(fixture: &mut Fixture, symbol: &str, as_of: &str) -> (Vec<String>, Vec<f64>) {
        let id = fixture.id(Namespace::Listed, symbol);
        let snapshot = fixture.snapshot(Instant::close_of(day(as_of)));
        let sessions = Trading::latest(&snapshot, 10, None).last(10);
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

    #[test]
    fn later_days_change_nothing() {
        let (days, before) = returns(&mut week(), "ODD", "2021-01-13");
        assert_eq!(days.last().unwrap(), "2021-01-13");
        let (_, after) = returns(&mut week(), "ODD", "2021-01-31");
        let bits = |r: &[f64]| r.iter().map(|r| r.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&before), bits(&after[..before.len()]));
    }
}
