//! The sessions from a day on, and which of them remain valid in a later snapshot.
//!
//! A session is defined as in [`crate::returns`]: a day on which at least one in ten of the
//! instruments alive around it has a price.

use crate::{
    comparison::Comparison,
    returns::{Sessions, TRADING_SHARE},
};
use marketdata::{dataset::Dataset, day::Day, instrument::InstrumentId, snapshot::Snapshot};
use std::collections::BTreeMap;

/// The sessions from a day on, with the days of each instrument's first and last price.
#[derive(Clone, Debug)]
pub(crate) struct Trading {
    first: Day,
    /// Every session; returns begin with the second.
    pub(crate) sessions: Sessions,
    /// Days of the first and last price of each instrument, from the first day on.
    lives: BTreeMap<InstrumentId, (Day, Day)>,
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

    fn from_scratch(snapshot: &Snapshot, first: Day) -> Trading {
        let life = |id| Some((id, life(snapshot, id, first)?));
        let lives: BTreeMap<_, _> = snapshot.holders(Dataset::Bars).filter_map(life).collect();
        let sessions = Sessions::of_days(trading_days(snapshot, &lives, first));
        Trading { first, sessions, lives }
    }

    fn continued(&self, comparison: &Comparison<'_>) -> (Trading, Day) {
        let snapshot = comparison.snapshot;
        let mut lives = self.lives.clone();
        let mut changed = Day::MAX;
        for (id, day) in comparison.changed_bars() {
            let old = self.lives.get(&id).copied();
            let new = match old.filter(|(begin, _)| *begin < day) {
                Some((begin, _)) => snapshot.span(Dataset::Bars, id).map(|(_, end)| (begin, end)),
                None => life(snapshot, id, self.first),
            };
            // An instrument that trades again was alive in between.
            let ends = [old, new].into_iter().flatten().map(|(_, end)| end.plus(1));
            changed = changed.min(ends.chain([day]).min().unwrap_or(day));
            match new.filter(|(_, end)| self.first <= *end) {
                Some(life) => lives.insert(id, life),
                None => lives.remove(&id),
            };
        }
        let changed = changed.max(self.first);
        let kept = self.sessions.with_start().iter().copied().take_while(|day| *day < changed);
        let days = kept.chain(trading_days(snapshot, &lives, changed)).collect();
        let sessions = Sessions::of_days(days);
        (Trading { first: self.first, sessions, lives }, changed)
    }

    /// Memory held outside of itself, in bytes. The nodes of a tree are filled to three quarters.
    pub(crate) fn heap_bytes(&self) -> usize {
        let life = size_of::<(InstrumentId, (Day, Day))>();
        size_of_val(self.sessions.with_start()) + self.lives.len() * life * 4 / 3
    }
}

/// The days of an instrument's first and last price from a day on.
fn life(snapshot: &Snapshot, id: InstrumentId, first: Day) -> Option<(Day, Day)> {
    let (begin, end) = snapshot.span(Dataset::Bars, id)?;
    if first <= begin {
        return Some((begin, end));
    }
    let rows = snapshot.rows_since(Dataset::Bars, id, first);
    let last = rows.last()?;
    Some((rows.day(0), rows.day(last)))
}

/// The sessions from a day on.
fn trading_days(
    snapshot: &Snapshot,
    lives: &BTreeMap<InstrumentId, (Day, Day)>,
    first: Day,
) -> Vec<Day> {
    let last = lives.values().map(|(_, end)| *end).max().unwrap_or(Day::MIN);
    if last < first {
        return Vec::new();
    }
    let span = (last.epoch() - first.epoch()) as usize + 1;
    let offset = |day: Day| (day.epoch() - first.epoch()).max(0) as usize;
    let mut trading = vec![0_u32; span];
    // Number of instruments that begin on a day minus those that ended on the day before.
    let mut births = vec![0_i32; span + 1];
    for (id, (begin, end)) in lives.iter().filter(|(_, (_, end))| first <= *end) {
        births[offset(*begin)] += 1;
        births[offset(*end) + 1] -= 1;
        for day in snapshot.rows_since(Dataset::Bars, *id, first).days().iter() {
            trading[offset(*day)] += 1;
        }
    }
    let mut alive = 0;
    let mut sessions = Vec::new();
    for (at, trading) in trading.iter().enumerate() {
        alive += births[at];
        if 0 < *trading && alive as u32 <= trading * TRADING_SHARE {
            sessions.push(first.plus(at as i32));
        }
    }
    sessions
}
