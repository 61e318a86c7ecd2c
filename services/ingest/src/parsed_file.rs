//! What a reader makes of a file: rows with local names, not yet joined to any market.

use super::{
    names::Names,
    plausible::{Days, Magnitudes},
};
pub(crate) use crate::names::NameId;
pub(crate) use crate::note::NoteCode;
use crate::note::Notes;
use crate::options::Limits;
use marketdata::{
    basis::PriceBasis,
    dataset::{About, Dataset},
    day::Day,
    instant::Instant,
    symbol::Symbol,
};
use std::collections::BTreeMap;
use tables::refusal::{Fault, Reason, Refusal, Rejection};

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
pub(crate) struct StagedRows {
    pub(crate) dataset: Dataset,
    pub(crate) who: Vec<NameId>,
    pub(crate) other: Vec<NameId>,
    pub(crate) day: Vec<Day>,
    pub(crate) line: Vec<u32>,
    /// When each row says it was published; empty where no row says.
    pub(crate) stated: Vec<Option<Stated>>,
    /// The day whose names each row uses, where that is not its own; empty where it is for all.
    pub(crate) named: Vec<Day>,
    /// What the prices are adjusted for, where the dataset has columns for it.
    pub(crate) basis: Option<PriceBasis>,
    /// In the order of [`Dataset::fields_of_rows`].
    pub(crate) columns: Vec<Vec<f64>>,
    /// Bars only: decimals printed of the close (low half) and of the adjusted close (high half).
    pub(crate) decimals: Vec<u8>,
    /// What its values may be, by column.
    magnitudes: Vec<Magnitudes>,
}

impl StagedRows {
    fn new(dataset: Dataset) -> StagedRows {
        let fields = dataset.fields_of_rows();
        StagedRows {
            dataset,
            who: Vec::new(),
            other: Vec::new(),
            day: Vec::new(),
            line: Vec::new(),
            stated: Vec::new(),
            named: Vec::new(),
            basis: None,
            columns: vec![Vec::new(); fields.len()],
            decimals: Vec::new(),
            magnitudes: fields.iter().map(|field| Magnitudes::of(field.kind())).collect(),
        }
    }

    /// Bytes of its rows.
    fn memory(&self) -> u64 {
        let bytes = size_of::<f64>() * self.columns.len() * self.len()
            + (2 * size_of::<NameId>() + size_of::<Day>() + size_of::<u32>()) * self.len()
            + size_of::<Option<Stated>>() * self.stated.len()
            + size_of::<Day>() * self.named.len()
            + self.decimals.len();
        bytes as u64
    }

    /// Refuses values that cannot be.
    #[inline]
    fn check(&self, values: &[f64]) -> Result<(), Fault> {
        for (column, (magnitudes, value)) in self.magnitudes.iter().zip(values).enumerate() {
            if !magnitudes.hold(*value) {
                return Err(magnitudes.fault(self.dataset.fields()[column], *value));
            }
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.who.len()
    }

    #[inline]
    fn push(&mut self, line: u32, (who, other): (NameId, NameId), day: Day, values: &[f64]) {
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

impl Rename {
    /// Bytes one takes: its two symbols are kept outside of it.
    const MEMORY: u64 = size_of::<Rename>() as u64 + 64;
}

/// All that a reader made of a file.
#[derive(Debug)]
pub(crate) struct ParsedFile {
    pub(crate) names: Names,
    pub(crate) staged: Vec<StagedRows>,
    pub(crate) texts: Vec<String>,
    text_ids: BTreeMap<String, u32>,
    /// Bytes of all texts.
    text_bytes: u64,
    pub(crate) renames: Vec<Rename>,
    /// Data rows seen.
    pub(crate) rows: u64,
    /// Data rows left out by design.
    pub(crate) skipped: u64,
    /// Rows left out because they are bad, and the first of them.
    pub(crate) rejected: u64,
    pub(crate) rejections: Vec<Rejection>,
    limits: Limits,
    pub(crate) notes: Notes,
    /// The row count that a trailer states.
    pub(crate) trailer: Option<u64>,
    /// The day whose names the file uses; none where each row uses its own day's.
    pub(crate) named_on: Option<Day>,
    /// The last day on which an observation may be effective.
    pub(crate) today: Day,
    /// The days that any row may be about.
    pub(crate) days: Days,
}

/// What a text takes beside its bytes: it is kept twice, in a list and in a tree.
const TEXT_OVERHEAD: u64 = 96;

impl ParsedFile {
    pub(crate) fn new(received_at: Instant, limits: Limits) -> ParsedFile {
        let today = received_at.new_york_day();
        ParsedFile {
            names: Names::new(),
            staged: Vec::new(),
            texts: Vec::new(),
            text_ids: BTreeMap::new(),
            text_bytes: 0,
            renames: Vec::new(),
            rows: 0,
            skipped: 0,
            rejected: 0,
            rejections: Vec::new(),
            limits,
            notes: Notes::none(),
            trailer: None,
            named_on: None,
            today,
            days: Days::of_file_received(today),
        }
    }

    /// Adds a row to a dataset; an absent value is NaN. Every row of every reader passes here.
    ///
    /// # Errors
    /// [`Reason::DateOutOfRange`], [`Reason::OutOfRange`]; nothing was added then.
    #[inline]
    pub(crate) fn push(
        &mut self,
        dataset: Dataset,
        line: u32,
        who: (NameId, NameId),
        day: Day,
        values: &[f64],
    ) -> Result<&mut StagedRows, Fault> {
        let has_other =
            matches!(dataset.descriptor().about, About::LineInIndex | About::LineInFund);
        debug_assert_eq!(has_other, who.1 != NameId::NONE, "invariant: as its descriptor says");
        self.check(dataset, day, values)?;
        let staged = self.staged(dataset);
        staged.push(line, who, day, values);
        Ok(staged)
    }

    /// Whether a row may be pushed; for lines that make two.
    ///
    /// # Errors
    /// As [`ParsedFile::push`].
    #[inline]
    pub(crate) fn check(
        &mut self,
        dataset: Dataset,
        day: Day,
        values: &[f64],
    ) -> Result<(), Fault> {
        self.days.check(dataset, day)?;
        self.staged(dataset).check(values)
    }

    /// Bytes it holds, as they grow with the file.
    pub(crate) fn memory(&self) -> u64 {
        let texts = 2 * self.text_bytes + TEXT_OVERHEAD * self.texts.len() as u64;
        let renames = self.renames.len() as u64 * Rename::MEMORY;
        let staged: u64 = self.staged.iter().map(StagedRows::memory).sum();
        staged + texts + renames + self.names.memory()
    }

    /// Refuses a file that brings more names or texts than any file of data has.
    #[inline]
    pub(crate) fn check_bounds(&self) -> Result<(), Refusal> {
        let Limits { names, texts, texts_bytes, .. } = self.limits;
        if names < self.names.spellings() + self.renames.len() {
            return Err(Refusal::TooManyNames { limit: names });
        }
        if texts < self.texts.len() || texts_bytes < self.text_bytes {
            return Err(Refusal::TooManyTexts { texts, bytes: texts_bytes });
        }
        Ok(())
    }

    /// The rows of a dataset.
    #[inline]
    pub(crate) fn staged(&mut self, dataset: Dataset) -> &mut StagedRows {
        let at = match self.staged.iter().position(|staged| staged.dataset == dataset) {
            Some(at) => at,
            None => {
                self.staged.push(StagedRows::new(dataset));
                self.staged.len() - 1
            }
        };
        &mut self.staged[at]
    }

    /// The local id of a text, as a column holds it; absent where empty.
    ///
    /// # Errors
    /// [`Reason::TextTooLong`], [`Reason::ControlCharacter`].
    pub(crate) fn text(&mut self, field: &str, text: String) -> Result<f64, Fault> {
        if text.is_empty() || tables::cell::is_missing(text.as_bytes()) {
            return Ok(f64::NAN);
        }
        let limit = self.limits.text_bytes;
        if limit < text.len() {
            let text = format!("{field} has {} bytes, {limit} at most", text.len());
            return Err(Fault::new(Reason::TextTooLong, text));
        }
        if text.chars().any(char::is_control) {
            return Err(Fault::of(Reason::ControlCharacter, field, text.as_bytes()));
        }
        let id = match self.text_ids.get(&text) {
            Some(id) => *id,
            None => {
                let id = self.texts.len() as u32;
                self.text_bytes += text.len() as u64;
                self.texts.push(text.clone());
                self.text_ids.insert(text, id);
                id
            }
        };
        Ok(f64::from(id))
    }

    pub(crate) fn note(&mut self, code: NoteCode, text: impl FnOnce() -> String) {
        self.notes.add(code, text);
    }

    pub(crate) fn reject(&mut self, line: u32, fault: Fault) {
        let Fault { reason, text } = fault;
        self.rejected += 1;
        if self.rejections.len() < self.limits.rejections.max(1) {
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
