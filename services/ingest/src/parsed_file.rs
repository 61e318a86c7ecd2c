//! The parsed contents of a file: rows with local names, not yet joined to a market.

use super::{
    names::Names,
    plausible::{Days, Magnitudes},
};
pub(crate) use crate::names::NameId;
pub(crate) use crate::note::NoteCode;
use crate::note::Notes;
use crate::options::Limits;
use marketdata::{basis::PriceBasis, dataset::Dataset, day::Day, instant::Instant, symbol::Symbol};
use std::collections::BTreeMap;
use tables::refusal::{Fault, Reason, Refusal, Rejection};

/// A row's statement about its publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// Published at this instant.
    At(Instant),
    /// Published together with the value of another day.
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
    /// When each row says it was published; empty if no row says so.
    pub(crate) stated: Vec<Option<Stated>>,
    /// The day whose names each row uses, if it is not the row's own day; empty if no row differs.
    pub(crate) named: Vec<Day>,
    /// The adjustments that the prices contain, if the dataset has columns for them.
    pub(crate) basis: Option<PriceBasis>,
    /// In the order of [`Dataset::fields_of_rows`].
    pub(crate) columns: Vec<Vec<f64>>,
    /// Bars only: decimals printed of the close (low half) and of the adjusted close (high half).
    pub(crate) decimals: Vec<u8>,
    /// The accepted magnitudes of its values, by column.
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

    /// Memory of its rows, bytes.
    fn memory(&self) -> u64 {
        let bytes = size_of::<f64>() * self.columns.len() * self.len()
            + (2 * size_of::<NameId>() + size_of::<Day>() + size_of::<u32>()) * self.len()
            + size_of::<Option<Stated>>() * self.stated.len()
            + size_of::<Day>() * self.named.len()
            + self.decimals.len();
        bytes as u64
    }

    /// Rejects values out of range.
    #[inline]
    pub(crate) fn check(&self, values: &[f64]) -> Result<(), Fault> {
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

    /// Drops the rows that are not kept. For rows that all state their publication or none, and are
    /// named on their own day.
    pub(crate) fn retain(&mut self, is_kept: &[bool]) {
        fn keep<T>(values: &mut Vec<T>, is_kept: &[bool]) {
            let mut kept = is_kept.iter();
            values.retain(|_| kept.next().is_some_and(|kept| *kept));
        }
        keep(&mut self.who, is_kept);
        keep(&mut self.other, is_kept);
        keep(&mut self.day, is_kept);
        keep(&mut self.line, is_kept);
        keep(&mut self.stated, is_kept);
        self.columns.iter_mut().for_each(|column| keep(column, is_kept));
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

/// A change of a symbol.
#[derive(Clone, Debug)]
pub(crate) struct Rename {
    pub(crate) line: u32,
    pub(crate) old: Symbol,
    /// `None` retires the old name.
    pub(crate) new: Option<Symbol>,
    pub(crate) on: Day,
}

impl Rename {
    /// Memory per change, bytes, including its two symbols on the heap.
    const MEMORY: u64 = size_of::<Rename>() as u64 + 64;
}

/// A merge of two instruments, or its retraction.
#[derive(Clone, Debug)]
pub(crate) struct MergeRow {
    pub(crate) line: u32,
    pub(crate) survivor: Symbol,
    pub(crate) merged: Symbol,
    /// The day whose symbols these are.
    pub(crate) on: Day,
    pub(crate) is_retracted: bool,
}

impl MergeRow {
    /// Memory per row, bytes, including its two symbols on the heap.
    const MEMORY: u64 = size_of::<MergeRow>() as u64 + 64;
}

/// Everything that a reader extracted from a file.
#[derive(Debug)]
pub(crate) struct ParsedFile {
    pub(crate) names: Names,
    pub(crate) staged: Vec<StagedRows>,
    pub(crate) texts: Vec<String>,
    text_ids: BTreeMap<String, u32>,
    /// Bytes of all texts.
    text_bytes: u64,
    pub(crate) renames: Vec<Rename>,
    pub(crate) merges: Vec<MergeRow>,
    /// Data rows seen.
    pub(crate) rows: u64,
    /// Data rows left out by design.
    pub(crate) skipped: u64,
    /// Number of rows left out because they are bad; only the first ones are kept.
    pub(crate) rejected: u64,
    pub(crate) rejections: Vec<Rejection>,
    limits: Limits,
    pub(crate) notes: Notes,
    /// The row count stated by a trailer.
    pub(crate) trailer: Option<u64>,
    /// The day whose names the file uses; `None` if each row uses those of its own day.
    pub(crate) named_on: Option<Day>,
    /// The last day that an observation may describe.
    pub(crate) today: Day,
    /// The days that any row may describe.
    pub(crate) days: Days,
}

/// Memory of a text besides its bytes: it is kept twice, in a list and in a tree.
const TEXT_OVERHEAD: u64 = 96;

/// The outcome of adding up rows that describe one thing.
pub(crate) struct Sums {
    /// The lines that were added to an earlier one.
    pub(crate) added: Vec<u32>,
    /// The lines whose sum is out of range.
    pub(crate) out_of_range: Vec<(u32, Fault)>,
}

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
            merges: Vec::new(),
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

    /// Notes rows that were added to earlier ones, and rejects those whose sum is out of range.
    pub(crate) fn record(&mut self, sums: Sums) {
        for line in sums.added {
            self.skipped += 1;
            self.note(NoteCode::AddedUp, || format!("line {line}"));
        }
        for (line, fault) in sums.out_of_range {
            self.reject(line, fault);
        }
    }

    /// Adds a row to a dataset; an absent value is NaN. Every row of every reader goes through
    /// here.
    ///
    /// # Errors
    /// [`Reason::DateOutOfRange`] or [`Reason::OutOfRange`]; nothing is added in this case.
    #[inline]
    pub(crate) fn push(
        &mut self,
        dataset: Dataset,
        line: u32,
        who: (NameId, NameId),
        day: Day,
        values: &[f64],
    ) -> Result<&mut StagedRows, Fault> {
        debug_assert_eq!(
            dataset.has_other(),
            who.1 != NameId::NONE,
            "invariant: as its descriptor says"
        );
        self.check(dataset, day, values)?;
        let staged = self.staged(dataset);
        staged.push(line, who, day, values);
        Ok(staged)
    }

    /// Checks whether a row may be pushed; for lines that produce two rows.
    ///
    /// # Errors
    /// As for [`ParsedFile::push`].
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

    /// Memory held, bytes; it grows with the file.
    pub(crate) fn memory(&self) -> u64 {
        let texts = 2 * self.text_bytes + TEXT_OVERHEAD * self.texts.len() as u64;
        let renames = self.renames.len() as u64 * Rename::MEMORY;
        let staged: u64 = self.staged.iter().map(StagedRows::memory).sum();
        let merges = self.merges.len() as u64 * MergeRow::MEMORY;
        staged + texts + renames + merges + self.names.memory()
    }

    /// Refuses a file with more names or texts than any real data file has.
    #[inline]
    pub(crate) fn check_bounds(&self) -> Result<(), Refusal> {
        let Limits { names, texts, texts_bytes, .. } = self.limits;
        if names < self.names.spellings() + self.renames.len() + self.merges.len() {
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

    /// The local id of a text, as a column holds it; absent if the text is empty.
    ///
    /// # Errors
    /// [`Reason::TextTooLong`], [`Reason::ControlCharacter`].
    /// The classification that a sector belongs to; absent without a sector.
    pub(crate) fn sector_scheme(&mut self, sector: f64, scheme: &str) -> Result<f64, Fault> {
        if sector.is_nan() {
            Ok(f64::NAN)
        } else {
            self.text("the classification", scheme.to_owned())
        }
    }

    pub(crate) fn text(&mut self, field: &str, text: String) -> Result<f64, Fault> {
        if text.is_empty() || tables::cell::is_missing(text.as_bytes()) {
            return Ok(f64::NAN);
        }
        let limit = self.limits.text_bytes;
        if limit < text.len() {
            let text = format!("{field} has {} bytes, at most {limit} are accepted", text.len());
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

    /// Checks that the day of an observation is not later than today.
    pub(crate) fn past(&self, day: Day) -> Result<Day, Fault> {
        if self.today < day { Err(Fault::future(day)) } else { Ok(day) }
    }
}

/// What a reader did with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The row was added.
    Kept,
    /// The row was left out by design.
    Skipped,
    /// The line is not a row of the table; reading stops.
    End,
}

/// An optional value as a column holds it.
pub(crate) fn or_absent(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// Checks that a value, if present, is positive.
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

/// Checks that a value, if present, is not negative.
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
