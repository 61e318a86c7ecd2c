//! What a reader makes of a file: rows with local names, not yet joined to any market.

pub(crate) use super::{names::NameId, note::NoteCode};
use super::{
    names::Names,
    note::Notes,
    refusal::{Fault, Reason, Rejection},
};
use crate::{basis::PriceBasis, dataset::Dataset, day::Day, instant::Instant, symbol::Symbol};
use std::collections::BTreeMap;

/// What a row says about its publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// The instant.
    At(Instant),
    /// Together with the value of another day.
    With(Day),
}

/// Rows of one dataset, column by column, with local names.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) dataset: Dataset,
    pub(crate) who: Vec<NameId>,
    pub(crate) other: Vec<NameId>,
    pub(crate) day: Vec<Day>,
    pub(crate) line: Vec<u32>,
    /// The row's own word on when it was published; empty where no row has one.
    pub(crate) stated: Vec<Option<Stated>>,
    /// The day whose names each row uses, where that is not its own; empty where it is for all.
    pub(crate) named: Vec<Day>,
    /// In the order of the dataset's fields. Bars lack the two columns of the basis: it is the file's.
    pub(crate) columns: Vec<Vec<f64>>,
    /// Bars only: decimals printed of the close (low half) and of the adjusted close (high half).
    pub(crate) decimals: Vec<u8>,
}

impl Draft {
    fn new(dataset: Dataset) -> Draft {
        let width = match dataset {
            Dataset::Bars => dataset.fields().len() - 2,
            _ => dataset.fields().len(),
        };
        Draft {
            dataset,
            who: Vec::new(),
            other: Vec::new(),
            day: Vec::new(),
            line: Vec::new(),
            stated: Vec::new(),
            named: Vec::new(),
            columns: vec![Vec::new(); width],
            decimals: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.who.len()
    }

    /// Adds a row; an absent value is NaN.
    #[inline]
    pub(crate) fn push(
        &mut self,
        line: u32,
        (who, other): (NameId, NameId),
        day: Day,
        values: &[f64],
    ) {
        self.who.push(who);
        self.other.push(other);
        self.day.push(day);
        self.line.push(line);
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value);
        }
    }
}

/// A change of name.
#[derive(Clone, Debug)]
pub(crate) struct Rename {
    pub(crate) line: u32,
    pub(crate) old: Symbol,
    /// None retires the old name.
    pub(crate) new: Option<Symbol>,
    pub(crate) on: Day,
}

/// All that a reader made of a file.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) names: Names,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) texts: Vec<String>,
    text_ids: BTreeMap<String, u32>,
    pub(crate) renames: Vec<Rename>,
    /// Data rows seen.
    pub(crate) rows: u64,
    /// Data rows left out by design.
    pub(crate) skipped: u64,
    /// Rows left out because they are bad, and the first of them.
    pub(crate) rejected: u64,
    pub(crate) rejections: Vec<Rejection>,
    keep: usize,
    pub(crate) notes: Notes,
    /// The row count that a trailer states.
    pub(crate) trailer: Option<u64>,
    /// The day whose names the file uses; none where each row uses its own day's.
    pub(crate) named_on: Option<Day>,
    /// What the prices are adjusted for.
    pub(crate) basis: Option<PriceBasis>,
    /// The last day on which a row may be effective.
    pub(crate) today: Day,
}

impl Sheet {
    pub(crate) fn new(received_at: Instant, keep: usize) -> Sheet {
        Sheet {
            names: Names::new(),
            drafts: Vec::new(),
            texts: Vec::new(),
            text_ids: BTreeMap::new(),
            renames: Vec::new(),
            rows: 0,
            skipped: 0,
            rejected: 0,
            rejections: Vec::new(),
            keep,
            notes: Notes::none(),
            trailer: None,
            named_on: None,
            basis: None,
            today: received_at.new_york_day(),
        }
    }

    /// The rows of a dataset.
    #[inline]
    pub(crate) fn draft(&mut self, dataset: Dataset) -> &mut Draft {
        let at = match self.drafts.iter().position(|draft| draft.dataset == dataset) {
            Some(at) => at,
            None => {
                self.drafts.push(Draft::new(dataset));
                self.drafts.len() - 1
            }
        };
        &mut self.drafts[at]
    }

    /// The local id of a text, as a column holds it; absent where empty.
    pub(crate) fn text(&mut self, text: String) -> f64 {
        if text.is_empty() || super::cell::is_missing(text.as_bytes()) {
            return f64::NAN;
        }
        let id = match self.text_ids.get(&text) {
            Some(id) => *id,
            None => {
                let id = self.texts.len() as u32;
                self.texts.push(text.clone());
                self.text_ids.insert(text, id);
                id
            }
        };
        f64::from(id)
    }

    pub(crate) fn note(&mut self, code: NoteCode, text: impl FnOnce() -> String) {
        self.notes.add(code, text);
    }

    pub(crate) fn reject(&mut self, line: u32, fault: Fault) {
        let Fault { reason, text } = fault;
        self.rejected += 1;
        if self.rejections.len() < self.keep.max(1) {
            self.rejections.push(Rejection { line: line.into(), reason, text });
        }
    }

    /// The day of an observation, which cannot be later than today.
    pub(crate) fn past(&self, day: Day) -> Result<Day, Fault> {
        if self.today < day { Err(Fault::future(day)) } else { Ok(day) }
    }
}

/// What a reader did with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It was taken.
    Kept,
    /// It was left out by design.
    Skipped,
    /// It is no row of the table: nothing more is to be read.
    End,
}

/// A value that may be missing, as a column holds it.
pub(crate) fn or_absent(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// A value that must be above zero where it is there.
pub(crate) fn above_zero(
    field: &str,
    found: &[u8],
    value: Option<f64>,
) -> Result<Option<f64>, Fault> {
    match value {
        Some(value) if value <= 0.0 => Err(Fault::of(Reason::NotPositive, field, found)),
        value => Ok(value),
    }
}

/// A value that must not be below zero where it is there.
pub(crate) fn not_negative(
    field: &str,
    found: &[u8],
    value: Option<f64>,
) -> Result<Option<f64>, Fault> {
    match value {
        Some(value) if value < 0.0 => Err(Fault::of(Reason::Negative, field, found)),
        value => Ok(value),
    }
}
