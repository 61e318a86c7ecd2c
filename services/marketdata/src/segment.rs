//! An immutable, columnar block of facts, as the store keeps it and the resident market holds it.

use crate::{
    dataset::Dataset, day::Day, facts::FactTable, instant::Instant, instrument::InstrumentId,
};
use std::{borrow::Cow, fmt, ops::Range, sync::OnceLock};

/// A column of integers; most are constant over a segment.
#[derive(Clone, Debug, PartialEq)]
pub enum Ints<T> {
    /// One value for every row.
    Constant(T),
    /// One value per row.
    Each(Box<[T]>),
}

impl<T: Copy + PartialEq> Ints<T> {
    /// Keeps a single value if all values are equal.
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
    /// All rows at one instant.
    Constant(Instant),
    /// At 16:00 New York time on each row's own day, as daily bars are.
    AtClose,
    /// One instant per row.
    Each(Box<[Instant]>),
}

/// A column of numbers. NaN is an absent value.
pub struct Numbers(Repr);

enum Repr {
    Constant(f64),
    /// One value except in a few rows: a distribution is 1 except on an ex-day.
    Sparse {
        common: f64,
        rows: Box<[u32]>,
        values: Box<[f64]>,
    },
    Dense(Box<[f64]>),
    /// Whole numbers below [`ABSENT`], or absent: shares traded, for example.
    Whole(Box<[u32]>),
    Lazy {
        cell: OnceLock<Box<[f64]>>,
        decode: Decode,
    },
}

/// An absent value among whole numbers.
const ABSENT: u32 = u32::MAX;

type Decode = Box<dyn Fn() -> Vec<f64> + Send + Sync>;

impl Numbers {
    /// One value for every row.
    pub const fn constant(value: f64) -> Numbers {
        Numbers(Repr::Constant(value))
    }

    /// Keeps a single value if all have equal bits, or one common value and its exceptions if they
    /// are few.
    pub fn from_vec(values: Vec<f64>) -> Numbers {
        let common = majority(&values);
        let differs = |value: &f64| value.to_bits() != common.to_bits();
        match values.iter().filter(|value| differs(value)).count() {
            0 if !values.is_empty() => Numbers::constant(common),
            few if few < values.len() / 16 => {
                let kept = (0..).zip(&values).filter(|(_, value)| differs(value));
                let (rows, values): (Vec<u32>, Vec<f64>) = kept.unzip();
                Numbers(Repr::Sparse { common, rows: rows.into(), values: values.into() })
            }
            _ => match values.iter().map(|value| whole(*value)).collect() {
                Some(numbers) => Numbers(Repr::Whole(numbers)),
                None => Numbers(Repr::Dense(values.into_boxed_slice())),
            },
        }
    }

    /// Numbers that are decoded on first use. The bytes behind `decode` must be verified before, so
    /// that decoding them cannot fail.
    pub fn lazy(decode: impl Fn() -> Vec<f64> + Send + Sync + 'static) -> Numbers {
        Numbers(Repr::Lazy { cell: OnceLock::new(), decode: Box::new(decode) })
    }

    /// The value of a row.
    pub fn get(&self, row: usize) -> f64 {
        match &self.0 {
            Repr::Constant(value) => *value,
            Repr::Sparse { common, rows, values } => {
                rows.binary_search(&(row as u32)).map_or(*common, |at| values[at])
            }
            Repr::Dense(values) => values[row],
            Repr::Whole(numbers) => from_whole(numbers[row]),
            Repr::Lazy { cell, decode } => cell.get_or_init(|| decode().into_boxed_slice())[row],
        }
    }

    /// The values of a range of rows, borrowed if they are contiguous in memory.
    pub fn slice(&self, rows: Range<usize>) -> Cow<'_, [f64]> {
        match &self.0 {
            Repr::Constant(_) | Repr::Sparse { .. } | Repr::Whole(_) => {
                let mut all = Vec::with_capacity(rows.len());
                self.append_to(rows, &mut all);
                Cow::Owned(all)
            }
            Repr::Dense(values) => Cow::Borrowed(&values[rows]),
            Repr::Lazy { cell, decode } => {
                Cow::Borrowed(&cell.get_or_init(|| decode().into_boxed_slice())[rows])
            }
        }
    }

    /// Appends the values of a range of rows to `all`.
    pub fn append_to(&self, rows: Range<usize>, all: &mut Vec<f64>) {
        let start = all.len();
        match &self.0 {
            Repr::Constant(value) => all.resize(start + rows.len(), *value),
            Repr::Sparse { common, rows: differing, values } => {
                all.resize(start + rows.len(), *common);
                let first = differing.partition_point(|row| (*row as usize) < rows.start);
                let from_first = differing[first..].iter().zip(&values[first..]);
                for (row, value) in from_first.take_while(|(row, _)| (**row as usize) < rows.end) {
                    all[start + *row as usize - rows.start] = *value;
                }
            }
            Repr::Whole(numbers) => all.extend(numbers[rows].iter().map(|n| from_whole(*n))),
            Repr::Dense(_) | Repr::Lazy { .. } => all.extend_from_slice(&self.slice(rows)),
        }
    }

    /// The value of a constant column; `None` for other columns.
    pub const fn as_constant(&self) -> Option<f64> {
        match &self.0 {
            Repr::Constant(value) => Some(*value),
            Repr::Sparse { .. } | Repr::Dense(_) | Repr::Whole(_) | Repr::Lazy { .. } => None,
        }
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Constant(value) => write!(f, "Constant({value})"),
            Repr::Sparse { common, rows, .. } => write!(f, "Sparse({common} but {})", rows.len()),
            Repr::Dense(values) => write!(f, "Dense({} values)", values.len()),
            Repr::Whole(numbers) => write!(f, "Whole({} values)", numbers.len()),
            Repr::Lazy { cell, .. } => write!(f, "Lazy(decoded: {})", cell.get().is_some()),
        }
    }
}

/// A number of 32 bits with the same value, bit for bit. `None` if there is none.
fn whole(value: f64) -> Option<u32> {
    let number = if value.to_bits() == f64::NAN.to_bits() { ABSENT } else { value as u32 };
    (from_whole(number).to_bits() == value.to_bits()).then_some(number)
}

fn from_whole(number: u32) -> f64 {
    if number == ABSENT { f64::NAN } else { f64::from(number) }
}

/// The value of more than half of the rows, if there is one, else an arbitrary value (Boyer and
/// Moore's majority vote).
fn majority(values: &[f64]) -> f64 {
    let mut candidate = f64::NAN;
    let mut votes = 0_u32;
    for value in values {
        if votes == 0 {
            candidate = *value;
        }
        if value.to_bits() == candidate.to_bits() { votes += 1 } else { votes -= 1 }
    }
    candidate
}

/// The rows of one instrument inside a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The instrument of the rows.
    pub instrument: InstrumentId,
    /// First row.
    pub start: u32,
    /// Number of rows.
    pub len: u32,
}

/// Facts of one dataset, sorted by instrument, day, other instrument, publication and revision.
#[derive(Debug)]
pub struct Segment {
    /// The dataset of all rows.
    pub dataset: Dataset,
    /// The rows of each instrument, by instrument.
    pub runs: Vec<Run>,
    /// The second instrument of each row, or `NONE`.
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
    /// A segment from a sorted table that one revision added.
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

/// The runs of equal ids in a sorted column of instruments.
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

/// Replaces the column of publication times by a rule if one rule explains every row.
pub fn compact_published(published: Vec<Instant>, days: &[Day]) -> Published {
    let Some(first) = published.first() else { return Published::Constant(Instant::MIN) };
    if published.iter().all(|instant| instant == first) {
        return Published::Constant(*first);
    }
    // The time zone is queried once per day, not once per row.
    let mut closes = OncePerDay::over(days);
    let at_close = published
        .iter()
        .zip(days)
        .all(|(instant, day)| *instant == closes.of(*day, || Instant::close_of(*day)));
    if at_close { Published::AtClose } else { Published::Each(published.into_boxed_slice()) }
}

/// Caches a value that is the same for all rows of a day, in a table over the range of days.
pub(crate) struct OncePerDay<T> {
    first: Day,
    found: Vec<Option<T>>,
}

impl<T: Copy> OncePerDay<T> {
    pub(crate) fn over(days: &[Day]) -> OncePerDay<T> {
        let first = days.iter().min().copied().unwrap_or(Day::from_epoch(0));
        let last = days.iter().max().copied().unwrap_or(first);
        let range = i64::from(last.epoch()) - i64::from(first.epoch()) + 1;
        // 1,500,000 days are about four thousand years; beyond that, nothing is cached.
        let len = usize::try_from(range).ok().filter(|len| *len <= 1_500_000).unwrap_or(0);
        OncePerDay { first, found: vec![None; len] }
    }

    pub(crate) fn of(&mut self, day: Day, find: impl FnOnce() -> T) -> T {
        match self.found.get_mut((i64::from(day.epoch()) - i64::from(self.first.epoch())) as usize)
        {
            Some(found) => *found.get_or_insert_with(find),
            None => find(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn numbers_are_the_same_in_every_representation(
            rare in 0..40_u32,
            draws in prop::collection::vec((0..40_u32, any::<f64>()), 0..200),
            from in 0..200_usize,
            len in 0..200_usize,
        ) {
            let values: Vec<f64> =
                draws.iter().map(|(draw, value)| if *draw < rare { *value } else { 1.0 }).collect();
            let numbers = Numbers::from_vec(values.clone());
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            let each: Vec<f64> = (0..values.len()).map(|row| numbers.get(row)).collect();
            prop_assert_eq!(bits(&each), bits(&values), "{:?}", numbers);
            let start = from.min(values.len());
            let end = (start + len).min(values.len());
            prop_assert_eq!(bits(&numbers.slice(start..end)), bits(&values[start..end]));
            let mut appended = vec![2.0];
            numbers.append_to(start..end, &mut appended);
            prop_assert_eq!(bits(&appended[1..]), bits(&values[start..end]));
        }
    }

    #[test]
    fn whole_numbers_take_four_bytes_and_keep_their_bits() {
        let wide = f64::from(u32::MAX);
        let representation = |values: &[f64]| {
            let numbers = Numbers::from_vec(values.to_vec());
            let same = |(row, value): (usize, &f64)| numbers.get(row).to_bits() == value.to_bits();
            assert!(values.iter().enumerate().all(same), "{values:?}");
            format!("{numbers:?}")
        };
        assert_eq!(representation(&[0.0, 1.0, f64::NAN, wide - 1.0]), "Whole(4 values)");
        // The largest number stands for an absent value, and zero has a second form.
        let negative_nan = f64::from_bits(f64::NAN.to_bits() | 1 << 63);
        for other in [0.5, -0.0, -1.0, wide, wide + 1.0, f64::INFINITY, negative_nan] {
            assert_eq!(representation(&[other, 1.0, 2.0]), "Dense(3 values)", "{other}");
        }
    }

    #[test]
    fn a_close_is_computed_once_per_day() {
        let days: Vec<Day> = [20_000, 20_000, 20_001].map(Day::from_epoch).to_vec();
        let closes: Vec<Instant> = days.iter().map(|day| Instant::close_of(*day)).collect();
        assert_eq!(compact_published(closes.clone(), &days), Published::AtClose);
        let mut computed = 0;
        let mut once = OncePerDay::over(&days);
        for day in &days {
            once.of(*day, || computed += 1);
        }
        assert_eq!(computed, 2);
        let far = [Day::MIN, Day::MAX];
        assert!(matches!(compact_published(closes[1..].to_vec(), &far), Published::Each(_)));
    }
}
