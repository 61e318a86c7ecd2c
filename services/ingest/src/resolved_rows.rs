//! A file's rows of one dataset joined to instruments, in the order of their keys.

use crate::{
    parsed_file::{NameId, StagedRows, Stated},
    publish::Publisher,
    resolve::Resolver,
    tally::{RowOutcome, Tally},
};
use marketdata::{
    dataset::{Publication, SameKey},
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
};
use std::{cell::OnceCell, ops::Range};
use tables::refusal::{Fault, Reason};

/// Rows of one dataset with their instruments.
#[derive(Debug)]
pub(super) struct ResolvedRows<'a> {
    pub(super) staged: &'a StagedRows,
    pub(super) ids: Vec<InstrumentId>,
    /// Empty if no row has a second instrument.
    others: Vec<InstrumentId>,
    /// The publication time stated by each row, or by the caller for it; empty if neither states
    /// one.
    stated_at: Vec<Option<Instant>>,
    /// Whether the caller states the time for all rows that do not state it themselves.
    is_dated_by_caller: bool,
    /// Row numbers in the order of instrument, day, other instrument and publication; `None` if the
    /// file is in that order and no key occurs twice.
    pub(super) order: Option<Vec<u32>>,
}

/// The last day in the file for each of its names.
fn last_days_of(staged: &StagedRows) -> Vec<Day> {
    let mut last: Vec<Day> = Vec::new();
    let named = staged.who.iter().zip(&staged.day).filter(|(who, _)| **who != NameId::NONE);
    for (who, day) in named {
        let at = who.0 as usize;
        if last.len() <= at {
            last.resize(at + 1, Day::MIN);
        }
        last[at] = last[at].max(*day);
    }
    last
}

/// Rows with the same key describe the same fact.
pub(super) type Key = (InstrumentId, Day, InstrumentId, Option<Instant>);

impl<'a> ResolvedRows<'a> {
    pub(super) fn new(
        staged: &'a StagedRows,
        resolver: &mut Resolver<'_>,
        publisher: &mut Publisher<'_>,
        said_by_caller: Option<Instant>,
    ) -> ResolvedRows<'a> {
        let last_days: OnceCell<Vec<Day>> = OnceCell::new();
        let last_day = |name: NameId| {
            let days = last_days.get_or_init(|| last_days_of(staged));
            days.get(name.0 as usize).copied().unwrap_or(Day::MIN)
        };
        let named = if staged.named.is_empty() { &staged.day } else { &staged.named };
        let ids = staged.who.iter().zip(named);
        let ids = ids.map(|(who, day)| resolver.resolve(*who, *day, || last_day(*who))).collect();
        let others = if staged.other.iter().all(|other| *other == NameId::NONE) {
            Vec::new()
        } else {
            let others = staged.other.iter().zip(named);
            others.map(|(other, day)| resolver.resolve(*other, *day, || *day)).collect()
        };
        let is_news = staged.dataset.descriptor().publication != Publication::Ever;
        let said_by_caller = said_by_caller.filter(|_| is_news);
        let stated_at = if staged.stated.is_empty() {
            said_by_caller.map_or_else(Vec::new, |instant| vec![Some(instant); staged.len()])
        } else {
            let stated = staged.stated.iter().map(|stated| match (stated, said_by_caller) {
                (Some(Stated::At(instant)), _) => Some(*instant),
                (_, Some(instant)) => Some(instant),
                (Some(Stated::With(day)), None) => Some(publisher.with(staged.dataset, *day)),
                (None, None) => None,
            });
            stated.collect()
        };
        let is_dated_by_caller = said_by_caller.is_some();
        let mut resolved_rows =
            ResolvedRows { staged, ids, others, stated_at, is_dated_by_caller, order: None };
        if !resolved_rows.is_strictly_ordered() {
            let mut order: Vec<u32> = (0..staged.len() as u32).collect();
            order.sort_by_key(|row| resolved_rows.key(*row as usize));
            resolved_rows.order = Some(order);
        }
        resolved_rows
    }

    fn is_strictly_ordered(&self) -> bool {
        let quick = |row: usize| {
            u64::from(self.ids[row].0) << 32
                | u64::from(self.staged.day[row].epoch() as u32 ^ 1 << 31)
        };
        (1..self.ids.len()).all(|row| {
            let (before, this) = (quick(row - 1), quick(row));
            before < this || (before == this && self.key(row - 1) < self.key(row))
        })
    }

    /// The row at a position in the order.
    pub(super) fn row(&self, place: usize) -> usize {
        self.order.as_ref().map_or(place, |order| order[place] as usize)
    }

    pub(super) fn key(&self, row: usize) -> Key {
        (self.ids[row], self.staged.day[row], self.other(row), self.stated_at(row))
    }

    pub(super) fn other(&self, row: usize) -> InstrumentId {
        self.others.get(row).copied().unwrap_or(InstrumentId::NONE)
    }

    /// The publication time stated by the row, or by the caller for it.
    pub(super) fn stated_at(&self, row: usize) -> Option<Instant> {
        self.stated_at.get(row).copied().flatten()
    }

    /// The publication time of a row that differs from a stored one: the time stated by the row or
    /// the caller. A row that came with the value of another day is published together with that
    /// value, unless the stored value was published then or later. `None` for a
    /// correction, which is published when it is received.
    pub(super) fn restated_at(&self, row: usize, held: Instant) -> Option<Instant> {
        let stated_at = self.stated_at(row)?;
        let with_another = matches!(self.staged.stated.get(row), Some(Some(Stated::With(_))));
        (self.is_dated_by_caller || !with_another || held < stated_at).then_some(stated_at)
    }

    pub(super) fn same_values(&self, a: usize, b: usize) -> bool {
        self.staged.columns.iter().all(|column| column[a].to_bits() == column[b].to_bits())
    }

    /// Rejects observations with a stated publication before their day. Announced datasets (splits,
    /// memberships, schedules, series) are exempt.
    pub(super) fn reject_foreseen(&self, tally: &mut Tally<'_>) {
        const DAY_MICROS: i64 = 86_400_000_000;
        if self.staged.dataset.descriptor().is_announced {
            return;
        }
        for (row, stated_at) in self.stated_at.iter().enumerate() {
            let day = self.staged.day[row];
            // Midnight in Greenwich is before midnight in New York.
            let begins = Instant::from_micros(i64::from(day.epoch()) * DAY_MICROS);
            if let Some(stated_at) = stated_at.filter(|stated_at| *stated_at < begins) {
                let text = format!("{day}, published at {stated_at}");
                tally
                    .reject(self.staged.line[row], Fault::new(Reason::PublishedBeforeItsDay, text));
            }
        }
    }

    /// Rejects rows that contradict each other.
    pub(super) fn reject_contradictions(&self, tally: &mut Tally<'_>) {
        // In strict order no key occurs twice.
        let Some(order) = &self.order else { return };
        if self.staged.dataset.descriptor().same_key == SameKey::LargerWins {
            return;
        }
        let lines = &self.staged.line;
        let key = |row: &u32| self.key(*row as usize);
        for twins in order.chunk_by(|a, b| key(a) == key(b)) {
            let differs = |a: u32, b: u32| !self.same_values(a as usize, b as usize);
            let Some(other) = twins.iter().find(|row| differs(twins[0], **row)) else { continue };
            // All of them are rejected, including repeated ones, because it is unknown which is
            // right.
            for row in twins {
                let against = if differs(twins[0], *row) { twins[0] } else { *other } as usize;
                let text = format!("{}, line {}", self.staged.day[against], lines[against]);
                let fault = Fault::new(Reason::ConflictingDuplicate, text);
                tally.reject(lines[*row as usize], fault);
            }
        }
    }

    /// The rows at some positions that are not rejected, each key once, in their order.
    pub(super) fn standing(
        &self,
        places: Range<usize>,
        tally: &mut Tally<'_>,
        rows: &mut Vec<u32>,
    ) {
        rows.clear();
        let lines = &self.staged.line;
        for row in places.map(|place| self.row(place)) {
            if tally.is_rejected(lines[row]) {
                continue;
            }
            let last = rows.last().map(|last| *last as usize);
            let Some(twin) = last.filter(|last| self.key(*last) == self.key(row)) else {
                rows.push(row as u32);
                continue;
            };
            // Otherwise rows of one key are equal, because contradictions were rejected.
            let outweighs = self.staged.dataset.descriptor().same_key == SameKey::LargerWins
                && self.staged.columns[0][twin] < self.staged.columns[0][row];
            if outweighs {
                rows.pop();
                rows.push(row as u32);
            }
            tally.record(lines[if outweighs { twin } else { row }], RowOutcome::Known);
        }
    }
}
