//! Compares an instrument's new rows with the stored ones, after converting prices to one basis.

use crate::{
    bar_columns::{BASIS_ON, CLOSE, DISTRIBUTION, OPEN, PRICE_BASIS, VOLUME},
    distribution::{VENDOR, distribution},
    parsed_file::StagedRows,
};
use marketdata::{
    basis::{PriceBasis, Units},
    instant::Instant,
    instrument::InstrumentId,
    track::Rows,
};
use std::{borrow::Cow, ops::Range};
use tables::cell::rounding;

/// Relation of a new row to the stored rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing is stored under its key, or nothing published by then.
    New,
    /// It repeats a stored row.
    Known,
    /// It differs from this stored row.
    Corrects(usize),
    /// It has total-return levels, but prices are stored.
    NotComparable,
    /// All prices differ by one factor, so a split is missing.
    UnknownSplit,
}

/// Finds an instrument's stored facts for rows in the order of their keys.
#[derive(Debug)]
pub(super) struct Held<'a> {
    rows: &'a Rows<'a>,
    /// The facts of the key searched last, by publication and then by revision.
    group: Range<usize>,
}

impl<'a> Held<'a> {
    pub(super) fn new(rows: &'a Rows<'a>) -> Held<'a> {
        Held { rows, group: 0..0 }
    }

    /// The fact of a key that wins at an instant of publication, or the latest one if `published`
    /// is absent.
    pub(super) fn find(
        &mut self,
        key: (marketdata::day::Day, InstrumentId),
        published: Option<Instant>,
    ) -> Option<usize> {
        let of = |i: usize| (self.rows.day(i), self.rows.other(i));
        if self.group.is_empty() || of(self.group.start) != key {
            let mut start = self.group.end;
            while start < self.rows.len() && of(start) < key {
                start += 1;
            }
            let mut end = start;
            while end < self.rows.len() && of(end) == key {
                end += 1;
            }
            self.group = start..end;
        }
        let end = match published {
            None => self.group.end,
            Some(by) => self.published_by(by),
        };
        (self.group.start < end).then(|| end - 1)
    }

    /// The end of the facts in the group that were published by an instant.
    fn published_by(&self, by: Instant) -> usize {
        let (mut low, mut high) = (self.group.start, self.group.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.rows.published_at(middle) <= by { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// The first publication of a stored row's key.
pub(super) fn first_published(held: &Rows<'_>, row: usize) -> Instant {
    let key = |row: usize| (held.day(row), held.other(row));
    let before = (0..row).rev().take_while(|before| key(*before) == key(row));
    held.published_at(before.last().unwrap_or(row))
}

/// Compares values of a dataset without price bases. An absent new value is ignored.
pub(super) fn judge(
    held: &Rows<'_>,
    candidate: Option<usize>,
    value: impl Fn(usize) -> f64,
) -> Verdict {
    let Some(row) = candidate else { return Verdict::New };
    let columns = held_columns(held, row);
    let same = columns.iter().enumerate().all(|(column, held)| {
        let new = value(column);
        new.is_nan() || held.to_bits() == new.to_bits()
    });
    if same { Verdict::Known } else { Verdict::Corrects(row) }
}

/// The values of a stored row, NaN if absent.
pub(super) fn held_columns(held: &Rows<'_>, row: usize) -> Vec<f64> {
    (0..held.width()).map(|column| held.value(row, column).unwrap_or(f64::NAN)).collect()
}

/// The bars of one instrument in a file, with its stored bars.
#[derive(Debug)]
pub(super) struct BarsRun<'a> {
    pub(super) staged: &'a StagedRows,
    /// The rows that were not rejected, in the order of their days.
    pub(super) rows: &'a [u32],
    /// For each row, the stored row of its day.
    pub(super) candidates: &'a [Option<usize>],
    pub(super) held: &'a Rows<'a>,
    /// The columns of the stored rows.
    pub(super) columns: Vec<Cow<'a, [f64]>>,
    pub(super) basis: PriceBasis,
    pub(super) units: &'a Units,
}

/// Restatements smaller than this are rounding of adjusted prices in single precision.
const RESTATED: f64 = 2e-6;
/// A restated history has one factor, which more than half of the common rows, and at least this
/// many, match within rounding to cents. Fewer rows cannot be distinguished from corrections and
/// are treated as such.
const ALIKE_ROWS: usize = 3;
const ALIKE: f64 = 1e-3;
/// Stored prices are assumed to be printed at least to the cent, because 102.00 is stored as 102.
const CENTS: u8 = 2;
/// A constant factor closer to one than this is not a split.
const SPLIT: f64 = 0.01;

/// Result of comparing one row.
#[derive(Clone, Copy, Debug)]
enum Found {
    Same,
    /// The ratio of the new close to the stored one, in the same units, and whether the bases
    /// differ.
    Differs {
        ratio: f64,
        across: bool,
    },
    NotComparable,
}

impl BarsRun<'_> {
    fn old(&self, held: usize, column: usize) -> f64 {
        self.columns[column][held]
    }

    /// The verdict on each row, and the factor by which new rows must be divided: 1 unless the
    /// vendor has restated the whole total-return history.
    pub(super) fn judge(&self) -> (Vec<Verdict>, f64) {
        let scale = self.restatement();
        let found: Vec<Option<Found>> = (0..self.rows.len())
            .map(|at| self.candidates[at].map(|held| self.compare(at, held, scale)))
            .collect();
        let factor = constant_factor(&found);
        let verdicts = found.iter().enumerate().map(|(at, found)| match found {
            // No known factor connects the units of rows beyond the overlap to those of the stored
            // rows.
            None if factor.is_some() => Verdict::UnknownSplit,
            None => Verdict::New,
            Some(Found::Same) => Verdict::Known,
            Some(Found::NotComparable) => Verdict::NotComparable,
            Some(Found::Differs { .. }) if factor.is_some() => Verdict::UnknownSplit,
            Some(Found::Differs { .. }) => {
                self.candidates[at].map_or(Verdict::New, Verdict::Corrects)
            }
        });
        (verdicts.collect(), scale)
    }

    fn new_value(&self, at: usize, column: usize) -> f64 {
        self.staged.columns[column][self.rows[at] as usize]
    }

    fn held_basis(&self, held: usize) -> PriceBasis {
        PriceBasis::from_values(self.old(held, PRICE_BASIS), self.old(held, BASIS_ON))
    }

    /// The median ratio of new to stored closes if both are total-return levels of different days:
    /// later distributions divide the whole history by one factor. Exactly 1 if there is no
    /// restatement.
    fn restatement(&self) -> f64 {
        let PriceBasis::TotalReturn { on } = self.basis else { return 1.0 };
        let mut ratios: Vec<f64> = (0..self.rows.len())
            .filter_map(|at| {
                let held = self.candidates[at]?;
                let basis = self.held_basis(held);
                let PriceBasis::TotalReturn { on: before } = basis else { return None };
                if before == on {
                    return None;
                }
                let day = self.held.day(held);
                let change = self.units.change(basis.units_on(day), self.basis.units_on(day))?;
                Some(self.new_value(at, CLOSE) * change.price / self.old(held, CLOSE))
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let Some(median) = ratios.get(ratios.len() / 2).copied() else { return 1.0 };
        let alike = ratios.iter().filter(|ratio| (*ratio / median - 1.0).abs() <= ALIKE).count();
        let is_one_factor = ALIKE_ROWS.max(ratios.len() / 2 + 1) <= alike;
        if is_one_factor && RESTATED < (median - 1.0).abs() { median } else { 1.0 }
    }

    fn compare(&self, at: usize, held: usize, scale: f64) -> Found {
        let basis = self.held_basis(held);
        if basis == self.basis {
            // After a restatement, rows added with it are stored on the old level.
            return if scale.to_bits() == 1f64.to_bits() {
                self.compare_bits(at, held)
            } else {
                self.compare_across(at, held, scale, 1.0)
            };
        }
        let day = self.held.day(held);
        match (self.basis.is_total_return(), basis.is_total_return()) {
            (true, false) => return Found::NotComparable,
            // Prices replace total-return levels, because they hold more information.
            (false, true) => return Found::Differs { ratio: 1.0, across: false },
            _ => {}
        }
        match self.units.change(basis.units_on(day), self.basis.units_on(day)) {
            None => Found::NotComparable,
            Some(change) => self.compare_across(at, held, scale / change.price, change.shares),
        }
    }

    /// On the same basis equal means equal bits, except that distributions are computed from
    /// rounded digits.
    fn compare_bits(&self, at: usize, held: usize) -> Found {
        let same = (OPEN..=VOLUME).all(|column| {
            let new = self.new_value(at, column);
            let old = self.old(held, column);
            new.is_nan() || new.to_bits() == old.to_bits()
        });
        if same && self.same_distribution(at, held) {
            return Found::Same;
        }
        Found::Differs { ratio: 1.0, across: false }
    }

    fn same_distribution(&self, at: usize, held: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return true };
        let (row, before) = (self.rows[at] as usize, self.rows[before] as usize);
        let (new, error) = distribution(self.staged, before, row);
        let old = self.old(held, DISTRIBUTION);
        // An unknown distribution and a known absence of one are treated alike.
        let off = (new - if old.is_nan() { 1.0 } else { old }).abs();
        // The stored value was rounded too, and vendors' factors have errors larger than their
        // digits show.
        new.is_nan() || self.basis.is_total_return() || off <= 2.0 * VENDOR * error
    }

    /// Across bases equal means equal within the rounding of the printed digits. Stored prices
    /// times `factor` are on the new basis, and so are stored volumes times `shares`.
    fn compare_across(&self, at: usize, held: usize, factor: f64, shares: f64) -> Found {
        let row = self.rows[at] as usize;
        let decimals = self.staged.decimals[row] & 15;
        let slack = if self.basis.is_total_return() { RESTATED } else { 0.0 };
        let prices = (OPEN..=CLOSE).all(|column| {
            let new = self.new_value(at, column);
            let old = self.old(held, column);
            let error = rounding(new, decimals)
                + rounding(old, printed_decimals(old).max(CENTS)) * factor
                + slack * new;
            new.is_nan() || (new - old * factor).abs() <= error
        });
        let new_volume = self.new_value(at, VOLUME);
        let brought = self.old(held, VOLUME) * shares;
        let volume = new_volume.is_nan()
            || (new_volume - brought).abs() <= 1.0 + shares.max(1.0) + RESTATED * brought;
        if prices && volume && self.same_distribution(at, held) {
            return Found::Same;
        }
        let ratio = self.new_value(at, CLOSE) / (self.old(held, CLOSE) * factor);
        Found::Differs { ratio, across: !self.basis.is_total_return() }
    }
}

/// The one factor by which all closes differ across bases, if there are enough of them.
fn constant_factor(found: &[Option<Found>]) -> Option<f64> {
    let ratios: Vec<f64> = found
        .iter()
        .filter_map(|found| match found {
            Some(Found::Differs { ratio, across: true }) => Some(*ratio),
            _ => None,
        })
        .collect();
    let compared = found.iter().flatten().count();
    let first = *ratios.first()?;
    let constant = ratios.iter().all(|ratio| (ratio / first - 1.0).abs() < SPLIT / 2.0);
    (3 <= ratios.len() && compared / 2 < ratios.len() && constant && SPLIT < (first - 1.0).abs())
        .then_some(first)
}

/// The number of decimals a number was printed with, judged by its shortest text.
fn printed_decimals(value: f64) -> u8 {
    let mut power = 1.0;
    for decimals in 0..=8 {
        if ((value * power).round() / power).to_bits() == value.to_bits() {
            return decimals;
        }
        power *= 10.0;
    }
    15
}
