//! An immutable run of facts in columns, as the store keeps it and the resident market holds it.

use crate::{
    dataset::Dataset, day::Day, facts::FactTable, instant::Instant, instrument::InstrumentId,
};
use std::{borrow::Cow, fmt, ops::Range, sync::OnceLock};

/// A column of integers; most are constant over a segment.
#[derive(Clone, Debug, PartialEq)]
pub enum Ints<T> {
    /// One value for every row.
    Constant(T),
    /// A value a row.
    Each(Box<[T]>),
}

impl<T: Copy + PartialEq> Ints<T> {
    /// Keeps one value where all are equal.
    pub fn from_vec(values: Vec<T>) -> Ints<T> {
        match values.split_first() {
            Some((first, rest)) if rest.iter().all(|value| value == first) => {
                Ints::Constant(*first)
            }
            _ => Ints::Each(values.into_boxed_slice()),
        }
    }

    /// The value of a row.
    pub fn get(&self, row: usize) -> T {
        match self {
            Ints::Constant(value) => *value,
            Ints::Each(values) => values[row],
        }
    }
}

/// When each row was published.
#[derive(Clone, Debug, PartialEq)]
pub enum Published {
    /// All at once.
    Constant(Instant),
    /// At 16:00 New York of each row's own day: what daily bars do.
    AtClose,
    /// An instant a row.
    Each(Box<[Instant]>),
}

/// A column of numbers. NaN is an absent value.
pub struct Numbers(Repr);

enum Repr {
    Constant(f64),
    Dense(Box<[f64]>),
    Lazy { cell: OnceLock<Box<[f64]>>, decode: Decode },
}

type Decode = Box<dyn Fn() -> Vec<f64> + Send + Sync>;

impl Numbers {
    /// One value for every row.
    pub const fn constant(value: f64) -> Numbers {
        Numbers(Repr::Constant(value))
    }

    /// Keeps one value where all have equal bits.
    pub fn from_vec(values: Vec<f64>) -> Numbers {
        match values.split_first() {
            Some((first, rest)) if rest.iter().all(|v| v.to_bits() == first.to_bits()) => {
                Numbers::constant(*first)
            }
            _ => Numbers(Repr::Dense(values.into_boxed_slice())),
        }
    }

    /// Numbers that are decoded when first asked for. The bytes behind `decode` were verified before,
    /// so that decoding them cannot fail.
    pub fn lazy(decode: impl Fn() -> Vec<f64> + Send + Sync + 'static) -> Numbers {
        Numbers(Repr::Lazy { cell: OnceLock::new(), decode: Box::new(decode) })
    }

    /// The value of a row.
    pub fn get(&self, row: usize) -> f64 {
        match &self.0 {
            Repr::Constant(value) => *value,
            Repr::Dense(values) => values[row],
            Repr::Lazy { cell, decode } => cell.get_or_init(|| decode().into_boxed_slice())[row],
        }
    }

    /// The values of some rows, borrowed where they lie side by side.
    pub fn slice(&self, rows: Range<usize>) -> Cow<'_, [f64]> {
        match &self.0 {
            Repr::Constant(value) => Cow::Owned(vec![*value; rows.len()]),
            Repr::Dense(values) => Cow::Borrowed(&values[rows]),
            Repr::Lazy { cell, decode } => {
                Cow::Borrowed(&cell.get_or_init(|| decode().into_boxed_slice())[rows])
            }
        }
    }

    /// The one value of a constant column.
    pub const fn as_constant(&self) -> Option<f64> {
        match &self.0 {
            Repr::Constant(value) => Some(*value),
            Repr::Dense(_) | Repr::Lazy { .. } => None,
        }
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Constant(value) => write!(f, "Constant({value})"),
            Repr::Dense(values) => write!(f, "Dense({} values)", values.len()),
            Repr::Lazy { cell, .. } => write!(f, "Lazy(decoded: {})", cell.get().is_some()),
        }
    }
}

/// The rows of one instrument inside a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose rows.
    pub instrument: InstrumentId,
    /// First row.
    pub start: u32,
    /// How many.
    pub len: u32,
}

/// Facts of one dataset, sorted by instrument, day, other instrument, publication and revision.
#[derive(Debug)]
pub struct Segment {
    /// Which dataset.
    pub dataset: Dataset,
    /// The rows of each instrument, by instrument.
    pub runs: Vec<Run>,
    /// The second instrument of each row.
    pub other: Ints<InstrumentId>,
    /// The day each row describes.
    pub effective_on: Box<[Day]>,
    /// When each row was published.
    pub published_at: Published,
    /// The revision of each row.
    pub revision: Ints<u64>,
    /// The values, in the order of [`Dataset::fields`].
    pub columns: Vec<Numbers>,
}

impl Segment {
    /// A segment of a sorted table that one revision added.
    pub fn of_table(table: FactTable, revision: u64) -> Segment {
        let runs = runs(&table.instrument);
        let published_at = compact_published(table.published_at, &table.effective_on);
        Segment {
            dataset: table.dataset,
            runs,
            other: Ints::from_vec(table.other),
            effective_on: table.effective_on.into_boxed_slice(),
            published_at,
            revision: Ints::Constant(revision),
            columns: table.columns.into_iter().map(Numbers::from_vec).collect(),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.effective_on.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.effective_on.is_empty()
    }

    /// When a row was published.
    pub fn published(&self, row: usize) -> Instant {
        match &self.published_at {
            Published::Constant(instant) => *instant,
            Published::AtClose => Instant::close_of(self.effective_on[row]),
            Published::Each(instants) => instants[row],
        }
    }
}

/// The runs of a sorted column of instruments.
pub fn runs(instruments: &[InstrumentId]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (row, instrument) in instruments.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.instrument == *instrument => run.len += 1,
            _ => runs.push(Run { instrument: *instrument, start: row as u32, len: 1 }),
        }
    }
    runs
}

/// Keeps a rule in place of a column where one explains every row.
pub fn compact_published(published: Vec<Instant>, days: &[Day]) -> Published {
    let Some(first) = published.first() else { return Published::Constant(Instant::MIN) };
    if published.iter().all(|instant| instant == first) {
        return Published::Constant(*first);
    }
    // The close of a day is asked of the zone once a day, not once a row.
    let mut closes: std::collections::BTreeMap<Day, Instant> = std::collections::BTreeMap::new();
    let at_close = published.iter().zip(days).all(|(instant, day)| {
        *instant == *closes.entry(*day).or_insert_with(|| Instant::close_of(*day))
    });
    if at_close { Published::AtClose } else { Published::Each(published.into_boxed_slice()) }
}
