//! Facts about to enter the log: resolved, dated and checked, but without a revision number yet.

use crate::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Naming},
};

/// Facts of one dataset, column by column; all columns have the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct FactTable {
    /// The dataset of all rows.
    pub dataset: Dataset,
    /// The instrument each row is about.
    pub instrument: Vec<InstrumentId>,
    /// The second instrument of each row (an index, a fund), or `NONE`.
    pub other: Vec<InstrumentId>,
    /// The day each row describes.
    pub effective_on: Vec<Day>,
    /// When the market could know each row.
    pub published_at: Vec<Instant>,
    /// The values, in the order of [`Dataset::fields`]; NaN is an absent value.
    pub columns: Vec<Vec<f64>>,
}

impl FactTable {
    /// A table without rows.
    pub fn empty(dataset: Dataset) -> FactTable {
        FactTable {
            dataset,
            instrument: Vec::new(),
            other: Vec::new(),
            effective_on: Vec::new(),
            published_at: Vec::new(),
            columns: vec![Vec::new(); dataset.fields().len()],
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.instrument.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.instrument.is_empty()
    }

    /// Makes room for more rows.
    pub fn reserve(&mut self, rows: usize) {
        self.instrument.reserve(rows);
        self.other.reserve(rows);
        self.effective_on.reserve(rows);
        self.published_at.reserve(rows);
        self.columns.iter_mut().for_each(|column| column.reserve(rows));
    }

    /// Adds a row. Infinite values become absent, minus zero becomes zero, and every absent value
    /// the same NaN.
    pub fn push(
        &mut self,
        instrument: InstrumentId,
        other: InstrumentId,
        effective_on: Day,
        published_at: Instant,
        values: &[f64],
    ) {
        debug_assert_eq!(values.len(), self.columns.len(), "invariant: one value per column");
        self.instrument.push(instrument);
        self.other.push(other);
        self.effective_on.push(effective_on);
        self.published_at.push(published_at);
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(canonical(*value));
        }
    }

    /// Sorts the rows by instrument, day, other instrument and publication: the order of a segment.
    pub fn sort(&mut self) {
        let key = |row: usize| {
            (self.instrument[row], self.effective_on[row], self.other[row], self.published_at[row])
        };
        if (1..self.len()).all(|row| key(row - 1) <= key(row)) {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|row| key(*row));
        self.instrument = order.iter().map(|row| self.instrument[*row]).collect();
        self.other = order.iter().map(|row| self.other[*row]).collect();
        self.effective_on = order.iter().map(|row| self.effective_on[*row]).collect();
        self.published_at = order.iter().map(|row| self.published_at[*row]).collect();
        for column in &mut self.columns {
            *column = order.iter().map(|row| column[*row]).collect();
        }
    }
}

/// The canonical bits of a value, so that equal values have equal bits.
pub fn canonical(value: f64) -> f64 {
    if value.is_finite() {
        // Adding zero turns minus zero into zero.
        value + 0.0
    } else {
        f64::NAN
    }
}

/// Everything one revision adds, with the ids it will have if the head has not moved since.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The head this batch was prepared against; it becomes revision `base_revision + 1`.
    pub base_revision: u64,
    /// New instruments, in the order of their ids.
    pub instruments: Vec<Instrument>,
    /// Names, of new instruments and of renamed ones.
    pub namings: Vec<Naming>,
    /// New texts, with ids that continue those of the head.
    pub texts: Vec<String>,
    /// The facts, at most one table per dataset, each sorted.
    pub tables: Vec<FactTable>,
}

impl Batch {
    /// A batch that adds nothing.
    pub const fn empty(base_revision: u64) -> Batch {
        Batch {
            base_revision,
            instruments: Vec::new(),
            namings: Vec::new(),
            texts: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// Whether it adds no fact, no instrument, no name and no text.
    pub fn is_empty(&self) -> bool {
        self.facts() == 0
            && self.instruments.is_empty()
            && self.namings.is_empty()
            && self.texts.is_empty()
    }

    /// The revision it becomes.
    pub const fn revision(&self) -> u64 {
        self.base_revision + 1
    }

    /// Number of facts.
    pub fn facts(&self) -> usize {
        self.tables.iter().map(FactTable::len).sum()
    }
}
