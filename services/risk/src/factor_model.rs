//! A factor model of risk: exposures of names, covariance of factors, specific variances.
//!
//! The return of name i over one session is Σ X_ik·f_k + u_i. With F the covariance of the factors'
//! returns f and d_i the variance of the specific return u_i, uncorrelated between names, names have
//! the covariance Σ = X·F·X′ + diag(d). Σ is never formed: a book with values x has the exposures
//! b = X′x and the variance b′F·b + Σ d_i·x_i², at a cost of factors², plus the entries of X. Only the
//! specific returns of one company's lines have a covariance ([`crate::share_class`]): ρ·√(d_i·d_j).
//!
//! Our own model ([`crate::cross_section`]) and those of vendors are this one type. Everything is
//! per session: variances in squared decimals, volatilities as decimals, not annualised.

use crate::share_class::{ShareClass, ShareClasses};
use marketdata::instrument::InstrumentId;
use stats::{cholesky::Cholesky, matrix::SymmetricMatrix};
use std::collections::{BTreeMap, BTreeSet};

/// Index of a name that a model does not cover.
const ABSENT: u32 = u32::MAX;

/// An eigenvalue of the covariance of factors may be negative by this share of the largest variance:
/// files of vendors are rounded.
const NEGATIVE_SHARE_MAX: f64 = 1e-6;

/// One name of a factor model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelName {
    /// The listed line.
    pub instrument: InstrumentId,
    /// Exposures other than zero, by index of the factor, in ascending order.
    pub exposures: Vec<(usize, f64)>,
    /// Variance of the specific return per session, a squared decimal.
    pub specific_variance: f64,
}

/// Why some exposures, a covariance and specific variances are no model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidModel {
    /// The covariance has another number of rows than there are factors.
    Size {
        /// Number of factors.
        factors: usize,
        /// Rows of the covariance.
        rows: usize,
    },
    /// Two factors have this name.
    DuplicateFactor(String),
    /// The covariance of the factors has a negative eigenvalue.
    NotPositive,
    /// Two names have this instrument.
    DuplicateName(InstrumentId),
    /// A name has an exposure that is not finite, twice for one factor, or for none of the factors.
    Exposure(InstrumentId),
    /// A name has a specific variance that is negative or not finite.
    SpecificVariance(InstrumentId),
}

/// A factor model of risk, per session.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorModel {
    factors: Vec<String>,
    covariance: SymmetricMatrix,
    /// In the order of names.
    instruments: Vec<InstrumentId>,
    /// Row by instrument number, or [`ABSENT`].
    rows: Vec<u32>,
    /// Where the entries of each row begin, and the end of the last one.
    starts: Vec<u32>,
    /// Factor and value of every exposure other than zero, row by row.
    entries: Vec<(u32, f64)>,
    specific_variances: Vec<f64>,
    share_classes: ShareClasses,
}

impl FactorModel {
    /// A model of some names, in the order of names, and factors.
    ///
    /// # Errors
    /// [`InvalidModel`], all violations.
    pub fn new(
        factors: Vec<String>,
        covariance: SymmetricMatrix,
        names: &[ModelName],
    ) -> Result<FactorModel, Vec<InvalidModel>> {
        let violations = violations(&factors, &covariance, names);
        if !violations.is_empty() {
            return Err(violations);
        }
        let size = names.iter().map(|name| name.instrument.0 as usize + 1).max().unwrap_or(0);
        let mut rows = vec![ABSENT; size];
        let (mut starts, mut entries) = (vec![0], Vec::new());
        for (row, name) in names.iter().enumerate() {
            rows[name.instrument.0 as usize] = row as u32;
            entries.extend(name.exposures.iter().map(|(factor, value)| (*factor as u32, *value)));
            starts.push(entries.len() as u32);
        }
        Ok(FactorModel {
            factors,
            covariance,
            instruments: names.iter().map(|name| name.instrument).collect(),
            rows,
            starts,
            entries,
            specific_variances: names.iter().map(|name| name.specific_variance).collect(),
            share_classes: ShareClasses::new(),
        })
    }

    /// The same model with what lines of one company share; without, they share nothing.
    #[must_use]
    pub fn with_share_classes(self, share_classes: ShareClasses) -> FactorModel {
        FactorModel { share_classes, ..self }
    }

    /// Lines of companies that have several, also lines that the model does not cover.
    pub const fn share_classes(&self) -> &ShareClasses {
        &self.share_classes
    }

    /// Names of the factors.
    pub fn factors(&self) -> &[String] {
        &self.factors
    }

    /// F, the covariance of the factors' returns per session.
    pub fn covariance(&self) -> &SymmetricMatrix {
        &self.covariance
    }

    /// The names that the model covers, in the order of names.
    pub fn instruments(&self) -> &[InstrumentId] {
        &self.instruments
    }

    /// The row of a name. `None` if the model does not cover it.
    pub fn row(&self, instrument: InstrumentId) -> Option<usize> {
        let row = self.rows.get(instrument.0 as usize).filter(|row| **row != ABSENT)?;
        Some(*row as usize)
    }

    /// The exposures of a row other than zero: index of the factor, and value.
    pub fn exposures(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[row] as usize..self.starts[row + 1] as usize;
        self.entries[range].iter().map(|(factor, value)| (*factor as usize, *value))
    }

    /// d, the variance of a row's specific return per session.
    pub fn specific_variance(&self, row: usize) -> f64 {
        self.specific_variances[row]
    }

    /// F·X_i′: covariances of a row's common return with the factors.
    fn factor_covariances(&self, row: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.factors.len()];
        for (factor, value) in self.exposures(row) {
            let with = self.covariance.row(factor);
            sums.iter_mut().zip(with).for_each(|(sum, f)| *sum += value * f);
        }
        sums
    }

    fn common(&self, row: usize, with_factors: &[f64]) -> f64 {
        self.exposures(row).map(|(factor, value)| value * with_factors[factor]).sum()
    }

    /// Covariance of the returns of two rows per session.
    pub fn pair_covariance(&self, row: usize, other: usize) -> f64 {
        let common = self.common(other, &self.factor_covariances(row));
        common + self.specific_covariance(row, other)
    }

    /// Covariance of the specific returns of two rows per session.
    fn specific_covariance(&self, row: usize, other: usize) -> f64 {
        if row == other {
            return self.specific_variances[row];
        }
        let class = |row: usize| self.share_classes.get(&self.instruments[row]);
        match (class(row), class(other)) {
            (Some(one), Some(two)) if one.company == two.company => {
                one.common * (self.specific_variances[row] * self.specific_variances[other]).sqrt()
            }
            _ => 0.0,
        }
    }

    /// Σ_j cov(u_i, u_j)·x_j by row held.
    fn specific_covariances(&self, held: &[(usize, f64)]) -> Vec<f64> {
        let mut companies: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, (row, _)) in held.iter().enumerate() {
            if let Some(class) = self.share_classes.get(&self.instruments[*row]) {
                companies.entry(class.company).or_default().push(at);
            }
        }
        let own = held.iter().map(|(row, value)| self.specific_variances[*row] * value);
        let mut sums: Vec<f64> = own.collect();
        for lines in companies.values() {
            for (one, other) in lines.iter().flat_map(|one| lines.iter().map(move |o| (*one, *o))) {
                if one != other {
                    let ((row, _), (with, value)) = (held[one], held[other]);
                    sums[one] += self.specific_covariance(row, with) * value;
                }
            }
        }
        sums
    }

    /// Forecast volatility of a row per session, a decimal: in all, and that of its common return.
    pub fn volatility(&self, row: usize) -> (f64, f64) {
        let common = self.common(row, &self.factor_covariances(row)).max(0.0);
        ((common + self.specific_variances[row]).sqrt(), common.sqrt())
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let names: usize = self.factors.iter().map(|name| size_of::<String>() + name.len()).sum();
        names
            + size_of_val(self.covariance.values())
            + size_of_val(&self.instruments[..])
            + size_of_val(&self.rows[..])
            + size_of_val(&self.starts[..])
            + size_of_val(&self.entries[..])
            + size_of_val(&self.specific_variances[..])
            + self.share_classes.len() * size_of::<(InstrumentId, ShareClass)>() * 4 / 3
    }

    /// The risk of a book: values of positions in any currency unit, shorts negative. Positions of
    /// one name are netted, and nothing depends on their order.
    pub fn book(&self, positions: &[(InstrumentId, f64)]) -> BookRisk {
        let (covered, uncovered) = self.netted(positions);
        let mut exposures = vec![0.0; self.factors.len()];
        for (row, value) in &covered {
            for (factor, exposure) in self.exposures(*row) {
                exposures[factor] += value * exposure;
            }
        }
        let specific = self.specific_covariances(&covered);
        let both = covered.iter().zip(&specific);
        // Negative only by rounding, where two lines of a company share everything.
        let specific_variance = both.map(|((_, value), sum)| sum * value).sum::<f64>().max(0.0);
        let with_factors: Vec<f64> = (0..self.factors.len())
            .map(|k| stats::kernel::dot(self.covariance.row(k), &exposures))
            .collect();
        // Negative only by rounding of the covariance.
        let factor_variance = stats::kernel::dot(&with_factors, &exposures).max(0.0);
        let volatility = (factor_variance + specific_variance).sqrt();
        // A book without risk has no direction of increasing risk.
        let per_volatility = |value: f64| if 0.0 < volatility { value / volatility } else { 0.0 };
        let names = covered.iter().zip(&specific).map(|((row, value), specific)| BookName {
            instrument: self.instruments[*row],
            value: *value,
            marginal: per_volatility(self.common(*row, &with_factors) + specific),
        });
        BookRisk {
            names: names.collect(),
            factor_contributions: exposures
                .iter()
                .zip(&with_factors)
                .map(|(b, fb)| per_volatility(b * fb))
                .collect(),
            exposures,
            factor_variance,
            specific_variance,
            volatility,
            uncovered,
        }
    }

    /// Net values by row, in the order of names, and the instruments without a row.
    fn netted(
        &self,
        positions: &[(InstrumentId, f64)],
    ) -> (Vec<(usize, f64)>, BTreeSet<InstrumentId>) {
        let uncovered = positions.iter().map(|(id, _)| *id).filter(|id| self.row(*id).is_none());
        let mut values: Vec<(usize, f64)> =
            positions.iter().filter_map(|(id, value)| Some((self.row(*id)?, *value))).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let net = |lots: &[(usize, f64)]| (lots[0].0, lots.iter().map(|(_, value)| value).sum());
        (values.chunk_by(|a, b| a.0 == b.0).map(net).collect(), uncovered.collect())
    }
}

fn violations(
    factors: &[String],
    covariance: &SymmetricMatrix,
    names: &[ModelName],
) -> Vec<InvalidModel> {
    let mut found = Vec::new();
    if covariance.dim() != factors.len() {
        found.push(InvalidModel::Size { factors: factors.len(), rows: covariance.dim() });
    }
    let mut seen = BTreeSet::new();
    let twice = factors.iter().filter(|factor| !seen.insert(*factor));
    found.extend(twice.map(|factor| InvalidModel::DuplicateFactor(factor.clone())));
    if !is_positive(covariance) {
        found.push(InvalidModel::NotPositive);
    }
    let mut seen = BTreeSet::new();
    for name in names {
        let ascending = name.exposures.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let lawful = |(factor, value): &(usize, f64)| *factor < factors.len() && value.is_finite();
        if !seen.insert(name.instrument) {
            found.push(InvalidModel::DuplicateName(name.instrument));
        }
        if !(ascending && name.exposures.iter().all(lawful)) {
            found.push(InvalidModel::Exposure(name.instrument));
        }
        if !(0.0 <= name.specific_variance && name.specific_variance.is_finite()) {
            found.push(InvalidModel::SpecificVariance(name.instrument));
        }
    }
    found
}

/// Whether no combination of factors has a variance below zero, but for rounding. Once per model, by a
/// factor of Cholesky: eigenvalues of 500 factors take many times as long.
fn is_positive(covariance: &SymmetricMatrix) -> bool {
    let largest = covariance.diagonal().fold(0.0, f64::max);
    if largest <= 0.0 {
        // Without a variance there is no covariance either.
        return 0 < covariance.dim() && covariance.values().iter().all(|value| value.abs() <= 0.0);
    }
    let with_rounding = |i: usize, j: usize| {
        covariance.get(i, j) + if i == j { NEGATIVE_SHARE_MAX * largest } else { 0.0 }
    };
    let matrix = SymmetricMatrix::from_lower(covariance.dim(), with_rounding);
    matrix.is_some_and(|matrix| Cholesky::factor(&matrix).is_some())
}

/// The risk of a book under a model, per session, in the unit of the positions.
#[derive(Clone, Debug, PartialEq)]
pub struct BookRisk {
    /// Exposures b = X′x: value × exposure, summed, by factor.
    pub exposures: Vec<f64>,
    /// b′F·b.
    pub factor_variance: f64,
    /// Σ d·x², with what lines of one company share.
    pub specific_variance: f64,
    /// Root of the sum of both variances.
    pub volatility: f64,
    /// What each factor contributes to the volatility: b_k·(F·b)_k/σ. Their sum is factor variance/σ.
    pub factor_contributions: Vec<f64>,
    /// The names held that the model covers, in the order of names.
    pub names: Vec<BookName>,
    /// Instruments that the model does not cover; their risk is in no number.
    pub uncovered: BTreeSet<InstrumentId>,
}

/// One name of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookName {
    /// The listed line.
    pub instrument: InstrumentId,
    /// Net value.
    pub value: f64,
    /// ∂σ/∂x = (X_i·F·b + Σ_j cov(u_i, u_j)·x_j)/σ, the change of volatility per unit of value. Zero in a book
    /// without risk. Σ value·marginal is the volatility.
    pub marginal: f64,
}

impl BookName {
    /// What the name contributes to the volatility; negative for a hedge.
    pub fn contribution(&self) -> f64 {
        self.value * self.marginal
    }
}

#[cfg(test)]
mod tests;
