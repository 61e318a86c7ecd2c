//! Covariances of factors. A matrix is taken as a whole or not at all: one with a hole, or by which
//! some book has a variance below zero, is no model, and a part of it would replace a part of an
//! earlier one.

use super::{
    Common, FACTOR_A, FACTOR_B, Layout, Periods, Reader, VALUE, factor, micros, ordered, present,
};
use crate::{
    options::Options,
    parsed_file::{Flow, NameId, ParsedFile, StagedRows},
};
use marketdata::{dataset::Dataset, day::Day, risk_models::FACTORS_MAX, symbol::factor_parts};
use stats::{cholesky::Cholesky, matrix::SymmetricMatrix};
use std::collections::{BTreeMap, BTreeSet};
use tables::{
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

/// Greatest variance of a factor per year, a volatility of 200 %. In per cents squared at least one
/// factor of any model is above it.
const VARIANCE_MOST: f64 = 4.0;
/// What is added to each variance, as a share of the largest, before a matrix must be positive
/// definite: files are rounded. A model accepts a smallest eigenvalue as far below zero.
const ROUNDING_SHARE: f64 = 1e-6;

/// Covariances of factors.
#[derive(Debug)]
pub(crate) struct CovarianceReader {
    common: Common,
    periods: Periods,
    factors: [usize; 2],
    value: usize,
}

/// The rows of a matrix by when they say that they were published: corrections stand beside it.
type Versions = BTreeMap<Option<i64>, Vec<usize>>;

impl CovarianceReader {
    pub(crate) fn new(layout: &Layout, options: &Options) -> Result<CovarianceReader, Refusal> {
        let required = |column: Column| layout.header.find(column).unwrap_or(0);
        Ok(CovarianceReader {
            common: Common::new(layout, options)?,
            periods: Periods::new(layout, options)?,
            factors: [FACTOR_A, FACTOR_B].map(required),
            value: required(VALUE),
        })
    }

    /// The covariance of a row per year.
    fn covariance(&self, row: &Row<'_>, is_variance: bool) -> Result<f64, Fault> {
        const FIELD: &str = "the covariance";
        let found = row.get(self.value);
        let value = present(FIELD, found)? * self.periods.years(row)?;
        if is_variance && value < 0.0 {
            return Err(Fault::of(Reason::Negative, "the variance", found));
        }
        if VARIANCE_MOST < value.abs() {
            let text = format!("{FIELD} is {value} per year, squared decimals are accepted");
            return Err(Fault::new(Reason::OutOfRange, text));
        }
        Ok(value)
    }
}

impl Reader for CovarianceReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let (day, stated) = self.common.dates(row, parsed_file)?;
        let model = self.common.model(row);
        let mut names = [NameId::NONE; 2];
        for (name, column) in names.iter_mut().zip(self.factors) {
            *name = factor(parsed_file, model, row.get(column))?;
        }
        let (a, b) = ordered(parsed_file, names[0], names[1]);
        let value = self.covariance(row, a == b)?;
        let dataset = Dataset::VendorCovariances;
        let staged = parsed_file.push(dataset, line, (a, b), day, &[value])?;
        self.common.state(staged, stated);
        Ok(Flow::Kept)
    }

    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        let rejected = reject(parsed_file);
        if rejected.is_empty() {
            return Ok(());
        }
        let staged = parsed_file.staged(Dataset::VendorCovariances);
        let mut is_kept = vec![true; staged.len()];
        rejected.keys().for_each(|row| is_kept[*row] = false);
        let lines: Vec<u32> = rejected.keys().map(|row| staged.line[*row]).collect();
        staged.retain(&is_kept);
        for (line, fault) in lines.into_iter().zip(rejected.into_values()) {
            parsed_file.reject(line, fault);
        }
        Ok(())
    }
}

/// The rows of matrices that are none, with their faults.
fn reject(parsed_file: &ParsedFile) -> BTreeMap<usize, Fault> {
    let of = |staged: &&StagedRows| staged.dataset == Dataset::VendorCovariances;
    let Some(staged) = parsed_file.staged.iter().find(of) else { return BTreeMap::new() };
    let mut blocks: BTreeMap<(&str, Day), Versions> = BTreeMap::new();
    for (row, factor) in staged.who.iter().enumerate() {
        let symbol = parsed_file.names.list()[factor.0 as usize].1.as_str();
        let model = factor_parts(symbol).map_or("", |(model, _)| model);
        let stated = micros(staged.stated.get(row).copied().flatten());
        let versions = blocks.entry((model, staged.day[row])).or_default();
        versions.entry(stated).or_default().push(row);
    }
    let mut rejected = BTreeMap::new();
    for ((model, day), versions) in blocks {
        let Err((reason, why)) = judge_all(staged, &versions) else { continue };
        let fault = Fault::new(reason, format!("{model} on {day}: {why}"));
        let rows = versions.into_values().flatten();
        rejected.extend(rows.map(|row| (row, fault.clone())));
    }
    rejected
}

/// Whether all versions of a matrix are whole and of the same factors. Versions of other factors would
/// replace a part of one another, and add up to a matrix of any size.
fn judge_all(staged: &StagedRows, versions: &Versions) -> Result<(), (Reason, String)> {
    let factors = |rows: &[usize]| -> BTreeSet<NameId> {
        rows.iter().flat_map(|row| [staged.who[*row], staged.other[*row]]).collect()
    };
    let mut first: Option<BTreeSet<NameId>> = None;
    for rows in versions.values() {
        judge(staged, rows)?;
        let found = factors(rows);
        let known = first.get_or_insert_with(|| found.clone());
        if *known != found {
            let why = "rows published at different times are of different factors".to_owned();
            return Err((Reason::CovarianceIncomplete, why));
        }
    }
    Ok(())
}

/// Whether the rows of a block are a covariance matrix, each pair once or with the same value again.
fn judge(staged: &StagedRows, rows: &[usize]) -> Result<(), (Reason, String)> {
    let mut pairs: BTreeMap<(NameId, NameId), f64> = BTreeMap::new();
    for row in rows {
        let value = staged.columns[0][*row];
        let known = pairs.insert((staged.who[*row], staged.other[*row]), value);
        if known.is_some_and(|known| known.to_bits() != value.to_bits()) {
            let why = "a pair has two values".to_owned();
            return Err((Reason::ConflictingDuplicate, why));
        }
    }
    let factors: Vec<NameId> =
        BTreeSet::from_iter(pairs.keys().flat_map(|(a, b)| [*a, *b])).into_iter().collect();
    let needed = factors.len() * (factors.len() + 1) / 2;
    if pairs.len() < needed {
        let (found, factors) = (pairs.len(), factors.len());
        let why = format!("{found} of the {needed} pairs of its {factors} factors are given");
        return Err((Reason::CovarianceIncomplete, why));
    }
    if FACTORS_MAX < factors.len() {
        let why = format!("it has {} factors, at most {FACTORS_MAX} are accepted", factors.len());
        return Err((Reason::TooManyFactors, why));
    }
    match is_positive(&factors, &pairs) {
        true => Ok(()),
        false => Err((Reason::CovarianceNotPositive, format!("{} factors", factors.len()))),
    }
}

/// Whether no combination of factors has a variance below zero, but for rounding.
fn is_positive(factors: &[NameId], pairs: &BTreeMap<(NameId, NameId), f64>) -> bool {
    let value = |i: usize, j: usize| {
        let (a, b) = (factors[i], factors[j]);
        pairs.get(&(a, b)).or_else(|| pairs.get(&(b, a))).copied().unwrap_or(f64::NAN)
    };
    let largest = (0..factors.len()).map(|at| value(at, at)).fold(0.0, f64::max);
    if largest <= 0.0 {
        return pairs.values().all(|value| value.abs() <= 0.0);
    }
    let with_rounding =
        |i: usize, j: usize| value(i, j) + if i == j { ROUNDING_SHARE * largest } else { 0.0 };
    let matrix = SymmetricMatrix::from_lower(factors.len(), with_rounding);
    matrix.is_some_and(|matrix| Cholesky::factor(&matrix).is_some())
}
