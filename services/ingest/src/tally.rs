//! Counts what happened to each row of a file, and whether too many rows are bad.

use crate::{
    note::{NoteCode, Notes},
    parser::Parsed,
    report::FileReport,
};
use marketdata::day::Day;
use tables::refusal::{Fault, Refusal, Rejection};

/// Outcome of a line. If a line makes several facts, the greatest outcome in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RowOutcome {
    Nothing,
    Known,
    Corrected,
    Accepted,
    Rejected,
}

/// Counts collected while a batch is built.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    parsed: &'a Parsed,
    /// By line number.
    outcomes: Vec<RowOutcome>,
    /// Rows rejected after they were read.
    rejected_here: u64,
    rejections: Vec<Rejection>,
    notes: Notes,
    days: Option<(Day, Day)>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(parsed: &'a Parsed) -> Tally<'a> {
        Tally {
            parsed,
            outcomes: vec![RowOutcome::Nothing; parsed.lines as usize + 1],
            rejected_here: 0,
            rejections: parsed.parsed_file.rejections.clone(),
            notes: parsed.parsed_file.notes.clone(),
            days: None,
        }
    }

    pub(super) fn record(&mut self, line: u32, outcome: RowOutcome) {
        if let Some(slot) = self.outcomes.get_mut(line as usize) {
            *slot = (*slot).max(outcome);
        }
    }

    /// Records a row whose facts are in the batch.
    pub(super) fn stored(&mut self, line: u32, outcome: RowOutcome, first: Day, last: Day) {
        self.record(line, outcome);
        let (from, until) = self.days.unwrap_or((first, last));
        self.days = Some((from.min(first), until.max(last)));
    }

    pub(super) const fn any_rejected(&self) -> bool {
        0 < self.rejected_here
    }

    pub(super) fn is_rejected(&self, line: u32) -> bool {
        self.any_rejected() && self.outcomes.get(line as usize) == Some(&RowOutcome::Rejected)
    }

    pub(super) fn reject(&mut self, line: u32, fault: Fault) {
        if self.is_rejected(line) {
            return;
        }
        self.record(line, RowOutcome::Rejected);
        self.rejected_here += 1;
        if self.rejections.len() < self.parsed.limits.rejections.max(1) {
            let Fault { reason, text } = fault;
            self.rejections.push(Rejection { line: line.into(), reason, text });
        }
    }

    pub(super) fn note(&mut self, code: NoteCode, text: impl FnOnce() -> String) {
        self.notes.add(code, text);
    }

    /// The counts.
    ///
    /// # Errors
    /// [`Refusal::TooManyBadRows`] if more than 5 % of the rows are bad and the caller does not
    /// force it.
    pub(super) fn report(mut self, symbols: usize, known: usize) -> Result<FileReport, Refusal> {
        let parsed_file = &self.parsed.parsed_file;
        let count = |outcome: RowOutcome| {
            self.outcomes.iter().filter(|candidate| **candidate == outcome).count() as u64
        };
        self.rejections.sort();
        let (rows, rejected) = (parsed_file.rows, parsed_file.rejected + self.rejected_here);
        if let Some(first) = self.rejections.first()
            && rows < rejected * 20
            && !self.parsed.options.force
        {
            return Err(Refusal::TooManyBadRows { rejected, rows, first: first.clone() });
        }
        Ok(FileReport {
            kind: self.parsed.kind,
            rows,
            accepted: count(RowOutcome::Accepted),
            already_known: count(RowOutcome::Known),
            corrected: count(RowOutcome::Corrected),
            skipped: parsed_file.skipped,
            rejected,
            rejections: self.rejections,
            notes: self.notes.list(),
            symbols: symbols as u64,
            symbols_new: (symbols - known) as u64,
            days: self.days,
        })
    }
}
