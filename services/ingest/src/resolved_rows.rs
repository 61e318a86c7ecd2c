//! A file's rows of one dataset joined to instruments, in the order of their keys.

use crate::{
    publish::Publisher,
    resolve::Resolver,
    source::parsed_file::{NameId, StagedRows, Stated},
    tally::{RowOutcome, Tally},
};
use marketdata::{dataset::Dataset, day::Day, instant::Instant, instrument::InstrumentId};
use std::{cell::OnceCell, ops::Range};
use tables::refusal::{Fault, Reason};

/// Rows of one dataset with their instruments.
#[derive(Debug)]
pub(super) struct ResolvedRows<'a> {
    pub(super) draft: &'a StagedRows,
    pub(super) ids: Vec<InstrumentId>,
    /// Empty where no row has a second instrument.
    others: Vec<InstrumentId>,
    /// When each row says it was published, or the caller for it; empty where nobody says.
    words: Vec<Option<Instant>>,
    /// Whether the caller says so for all rows that do not themselves.
    is_dated_by_caller: bool,
    /// Row numbers in the order of instrument, day, other and publication; none where the file is in
    /// that order and no key occurs twice.
    pub(super) order: Option<Vec<u32>>,
}

/// The last day the file has for each of its names.
fn last_days_of(draft: &StagedRows) -> Vec<Day> {
    let mut last: Vec<Day> = Vec::new();
    let named = draft.who.iter().zip(&draft.day).filter(|(who, _)| **who != NameId::NONE);
    for (who, day) in named {
        let at = who.0 as usize;
        if last.len() <= at {
            last.resize(at + 1, Day::MIN);
        }
        last[at] = last[at].max(*day);
    }
    last
}

/// What makes two rows one fact.
pub(super) type Key = (InstrumentId, Day, InstrumentId, Option<Instant>);

impl<'a> ResolvedRows<'a> {
    pub(super) fn new(
        draft: &'a StagedRows,
        resolver: &mut Resolver<'_>,
        publisher: &mut Publisher<'_>,
        word: Option<Instant>,
    ) -> ResolvedRows<'a> {
        let last_days: OnceCell<Vec<Day>> = OnceCell::new();
        let last_day = |name: NameId| {
            let days = last_days.get_or_init(|| last_days_of(draft));
            days.get(name.0 as usize).copied().unwrap_or(Day::MIN)
        };
        let named = if draft.named.is_empty() { &draft.day } else { &draft.named };
        let ids = draft.who.iter().zip(named);
        let ids = ids.map(|(who, day)| resolver.resolve(*who, *day, || last_day(*who))).collect();
        let others = if draft.other.iter().all(|other| *other == NameId::NONE) {
            Vec::new()
        } else {
            let others = draft.other.iter().zip(named);
            others.map(|(other, day)| resolver.resolve(*other, *day, || *day)).collect()
        };
        let words = if draft.stated.is_empty() {
            word.map_or_else(Vec::new, |word| vec![Some(word); draft.len()])
        } else {
            let stated = draft.stated.iter().map(|stated| match (stated, word) {
                (Some(Stated::At(instant)), _) => Some(*instant),
                (_, Some(word)) => Some(word),
                (Some(Stated::With(day)), None) => Some(publisher.with(draft.dataset, *day)),
                (None, None) => None,
            });
            stated.collect()
        };
        let is_dated_by_caller = word.is_some();
        let mut resolved_rows =
            ResolvedRows { draft, ids, others, words, is_dated_by_caller, order: None };
        if !resolved_rows.is_strictly_ordered() {
            let mut order: Vec<u32> = (0..draft.len() as u32).collect();
            order.sort_by_key(|row| resolved_rows.key(*row as usize));
            resolved_rows.order = Some(order);
        }
        resolved_rows
    }

    fn is_strictly_ordered(&self) -> bool {
        let quick = |row: usize| {
            u64::from(self.ids[row].0) << 32
                | u64::from(self.draft.day[row].epoch() as u32 ^ 1 << 31)
        };
        (1..self.ids.len()).all(|row| {
            let (before, this) = (quick(row - 1), quick(row));
            before < this || (before == this && self.key(row - 1) < self.key(row))
        })
    }

    /// The row at a place in the order.
    pub(super) fn row(&self, place: usize) -> usize {
        self.order.as_ref().map_or(place, |order| order[place] as usize)
    }

    pub(super) fn key(&self, row: usize) -> Key {
        (self.ids[row], self.draft.day[row], self.other(row), self.word(row))
    }

    pub(super) fn other(&self, row: usize) -> InstrumentId {
        self.others.get(row).copied().unwrap_or(InstrumentId::NONE)
    }

    /// When the row says it was published, or the caller for it.
    pub(super) fn word(&self, row: usize) -> Option<Instant> {
        self.words.get(row).copied().flatten()
    }

    /// When a row that differs from a held one was published: when it says, or the caller; where it
    /// came with the value of another day, together with that, unless that has brought one already.
    /// None for a correction, which is published when it is received.
    pub(super) fn restated_at(&self, row: usize, held: Instant) -> Option<Instant> {
        let word = self.word(row)?;
        let with_another = matches!(self.draft.stated.get(row), Some(Some(Stated::With(_))));
        (self.is_dated_by_caller || !with_another || held < word).then_some(word)
    }

    pub(super) fn same_values(&self, a: usize, b: usize) -> bool {
        self.draft.columns.iter().all(|column| column[a].to_bits() == column[b].to_bits())
    }

    /// Rejects observations that are said to have been published before their day. What is announced
    /// (splits, memberships, schedules, a desk's own series) may well be.
    pub(super) fn reject_foreseen(&self, tally: &mut Tally<'_>) {
        const DAY_MICROS: i64 = 86_400_000_000;
        let announced =
            [Dataset::Splits, Dataset::Memberships, Dataset::Schedules, Dataset::Series];
        if announced.contains(&self.draft.dataset) {
            return;
        }
        for (row, word) in self.words.iter().enumerate() {
            let day = self.draft.day[row];
            // Midnight in Greenwich is before midnight in New York.
            let begins = Instant::from_micros(i64::from(day.epoch()) * DAY_MICROS);
            if let Some(word) = word.filter(|word| *word < begins) {
                let text = format!("{day}, published at {word}");
                tally.reject(self.draft.line[row], Fault::new(Reason::PublishedBeforeItsDay, text));
            }
        }
    }

    /// Rejects rows that contradict each other.
    pub(super) fn reject_contradictions(&self, tally: &mut Tally<'_>) {
        // In strict order no key occurs twice; who leaves and joins an index on one day stays.
        let Some(order) = &self.order else { return };
        if self.draft.dataset == Dataset::Memberships {
            return;
        }
        let lines = &self.draft.line;
        let key = |row: &u32| self.key(*row as usize);
        for twins in order.chunk_by(|a, b| key(a) == key(b)) {
            let differs = |a: u32, b: u32| !self.same_values(a as usize, b as usize);
            let Some(other) = twins.iter().find(|row| differs(twins[0], **row)) else { continue };
            // All of them, also those that say the same twice: nobody knows which is right.
            for row in twins {
                let against = if differs(twins[0], *row) { twins[0] } else { *other } as usize;
                let text = format!("{}, line {}", self.draft.day[against], lines[against]);
                let fault = Fault::new(Reason::ConflictingDuplicate, text);
                tally.reject(lines[*row as usize], fault);
            }
        }
    }

    /// The rows at some places that are not rejected, each key once, in their order.
    pub(super) fn standing(
        &self,
        places: Range<usize>,
        tally: &mut Tally<'_>,
        rows: &mut Vec<u32>,
    ) {
        rows.clear();
        let lines = &self.draft.line;
        for row in places.map(|place| self.row(place)) {
            if tally.is_rejected(lines[row]) {
                continue;
            }
            let last = rows.last().map(|last| *last as usize);
            let Some(twin) = last.filter(|last| self.key(*last) == self.key(row)) else {
                rows.push(row as u32);
                continue;
            };
            // Joining outweighs leaving; in every other dataset twins are alike.
            let outweighs = self.draft.dataset == Dataset::Memberships
                && self.draft.columns[0][twin] < self.draft.columns[0][row];
            if outweighs {
                rows.pop();
                rows.push(row as u32);
            }
            tally.fate(lines[if outweighs { twin } else { row }], RowOutcome::Known);
        }
    }
}
