//! A vendor's risk model of one day, as its files state it, and the factor model it makes.
//!
//! Vendors give exposures, a covariance of factors and specific volatilities, per day or per year of
//! 252 sessions. The result is per session, like our own.

use crate::factor_model::{FactorModel, InvalidModel, ModelName};
use marketdata::{instrument::InstrumentId, risk_models::FACTORS_MAX};
use stats::matrix::SymmetricMatrix;
use std::collections::{BTreeMap, BTreeSet};

/// Sessions of a year, for figures stated per year.
const SESSIONS_PER_YEAR: f64 = 252.0;
/// Number of violations that are kept of a model; the others are counted.
pub const FAULTS_KEPT: usize = 16;

/// The period that a vendor's variances are stated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// One session.
    Session,
    /// 252 sessions.
    Year,
}

/// The rows of a vendor's files for one day, resolved to instruments.
#[derive(Clone, Debug)]
pub struct VendorModel {
    /// Period of the covariance and of the volatilities.
    pub period: Period,
    /// Name, factor and exposure. A factor that a name has no row of is an exposure of zero.
    pub exposures: Vec<(InstrumentId, String, f64)>,
    /// Two factors and their covariance, in the vendor's period, squared decimals. Each pair stands
    /// once or twice.
    pub covariance: Vec<(String, String, f64)>,
    /// Name and specific volatility in the vendor's period, a decimal.
    pub specific: Vec<(InstrumentId, f64)>,
}

/// Why a vendor's rows are no model.
#[derive(Clone, Debug, PartialEq)]
pub enum InvalidVendorModel {
    /// Covariances of more factors than [`FACTORS_MAX`].
    TooManyFactors(usize),
    /// The covariance of two factors is missing. Zero would be a statement that the file does not make.
    NoCovariance(String, String),
    /// Two rows give different covariances for two factors, or one that is not finite.
    Covariance(String, String),
    /// An exposure is to a factor without a covariance.
    UnknownFactor(InstrumentId, String),
    /// Two rows give an exposure of a name to a factor.
    DuplicateExposure(InstrumentId, String),
    /// Two rows give a specific volatility of a name.
    DuplicateSpecific(InstrumentId),
    /// A specific volatility is negative or not finite.
    SpecificVolatility(InstrumentId),
    /// The parts are complete, but no model.
    Model(InvalidModel),
}

/// What is wrong with the rows of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// The first ones, at most [`FAULTS_KEPT`].
    pub first: Vec<InvalidVendorModel>,
    /// The number of all.
    pub count: usize,
}

impl Faults {
    const fn none() -> Faults {
        Faults { first: Vec::new(), count: 0 }
    }

    fn push(&mut self, fault: impl FnOnce() -> InvalidVendorModel) {
        self.count += 1;
        if self.first.len() < FAULTS_KEPT {
            self.first.push(fault());
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let text = |fault: &InvalidVendorModel| match fault {
            InvalidVendorModel::NoCovariance(a, b) | InvalidVendorModel::Covariance(a, b) => {
                a.len() + b.len()
            }
            InvalidVendorModel::UnknownFactor(_, factor)
            | InvalidVendorModel::DuplicateExposure(_, factor)
            | InvalidVendorModel::Model(InvalidModel::DuplicateFactor(factor)) => factor.len(),
            _ => 0,
        };
        size_of_val(&self.first[..]) + self.first.iter().map(text).sum::<usize>()
    }
}

/// A vendor's model, and the names that lack a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The names with exposures and a specific volatility, in the order of names.
    pub model: FactorModel,
    /// Names with exposures but without a specific volatility, which the model does not cover: their
    /// risk would be too low.
    pub without_specific: Vec<InstrumentId>,
    /// Names with a specific volatility but without any row of an exposure, which the model does not
    /// cover either: their rows may be in a file that is still missing. An exposure of zero is a row.
    pub without_exposures: Vec<InstrumentId>,
}

impl VendorModel {
    /// The model of these rows; `order` sorts instruments by name. The order of rows has no effect,
    /// neither on the model nor on the violations.
    ///
    /// # Errors
    /// [`Faults`].
    pub fn load(&self, order: impl Fn(&mut [InstrumentId])) -> Result<Loaded, Faults> {
        let pairs = self.covariance.iter().flat_map(|(a, b, _)| [a.as_str(), b.as_str()]);
        let factors = BTreeSet::from_iter(pairs);
        let mut faults = Faults::none();
        if FACTORS_MAX < factors.len() {
            faults.push(|| InvalidVendorModel::TooManyFactors(factors.len()));
            return Err(faults);
        }
        let factors: Vec<String> = factors.into_iter().map(str::to_owned).collect();
        let sorted = |names: BTreeSet<InstrumentId>| {
            let mut names = Vec::from_iter(names);
            order(&mut names);
            names
        };
        let exposed = self.exposures.iter().map(|(id, ..)| *id);
        let all = sorted(exposed.chain(self.specific.iter().map(|(id, _)| *id)).collect());
        let rank = all.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let covariance = self.covariance(&factors, &mut faults);
        let exposures = self.exposures(&factors, &rank, &mut faults);
        let specific = self.specific(&rank, &mut faults);
        let Some(covariance) = covariance.filter(|_| faults.count == 0) else {
            return Err(faults);
        };
        let whole = |id: &&InstrumentId| exposures.contains_key(id) && specific.contains_key(id);
        let name = |id: &InstrumentId| ModelName {
            instrument: *id,
            exposures: exposures[id].clone(),
            specific_variance: specific[id],
        };
        let names: Vec<ModelName> = all.iter().filter(whole).map(name).collect();
        let without = |is_known: &dyn Fn(&InstrumentId) -> bool| {
            all.iter().filter(|id| !is_known(id)).copied().collect()
        };
        let without_specific = without(&|id| specific.contains_key(id));
        let without_exposures = without(&|id| exposures.contains_key(id));
        let model = FactorModel::new(factors, covariance, &names).map_err(|violations| {
            let mut faults = Faults::none();
            violations
                .into_iter()
                .for_each(|fault| faults.push(|| InvalidVendorModel::Model(fault)));
            faults
        })?;
        Ok(Loaded { model, without_specific, without_exposures })
    }

    /// What a variance of the vendor's period is per session.
    fn per_session(&self, variance: f64) -> f64 {
        match self.period {
            Period::Session => variance,
            Period::Year => variance / SESSIONS_PER_YEAR,
        }
    }

    fn covariance(&self, factors: &[String], faults: &mut Faults) -> Option<SymmetricMatrix> {
        let mut rows: Vec<(&str, &str, f64)> = self
            .covariance
            .iter()
            .map(|(a, b, value)| if a <= b { (&**a, &**b, *value) } else { (&**b, &**a, *value) })
            .collect();
        rows.sort_by(|one, two| (one.0, one.1).cmp(&(two.0, two.1)).then(one.2.total_cmp(&two.2)));
        let mut entries: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for (a, b, value) in rows {
            let known = entries.insert((a, b), value);
            if !value.is_finite() || known.is_some_and(|known| known.to_bits() != value.to_bits()) {
                faults.push(|| InvalidVendorModel::Covariance(a.to_owned(), b.to_owned()));
            }
        }
        for (at, b) in factors.iter().enumerate() {
            let absent = factors[..=at].iter().filter(|a| !entries.contains_key(&(&***a, &**b)));
            absent.for_each(|a| {
                faults.push(|| InvalidVendorModel::NoCovariance(a.clone(), b.clone()));
            });
        }
        let entry = |i: usize, j: usize| {
            let found = entries.get(&(factors[j].as_str(), factors[i].as_str()));
            found.map_or(f64::NAN, |value| self.per_session(*value))
        };
        SymmetricMatrix::from_lower(factors.len(), entry)
    }

    /// Exposures other than zero by name, in the order of factors. A name with none but zeros has an
    /// empty row.
    fn exposures(
        &self,
        factors: &[String],
        rank: &BTreeMap<InstrumentId, usize>,
        faults: &mut Faults,
    ) -> BTreeMap<InstrumentId, Vec<(usize, f64)>> {
        let mut rows: Vec<(usize, &str, f64, InstrumentId)> = self
            .exposures
            .iter()
            .map(|(id, factor, value)| (rank[id], factor.as_str(), *value, *id))
            .collect();
        rows.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        let mut found: BTreeMap<InstrumentId, BTreeMap<usize, f64>> = BTreeMap::new();
        for (_, factor, value, id) in rows {
            let of_name = found.entry(id).or_default();
            let Ok(at) = factors.binary_search_by(|known| known.as_str().cmp(factor)) else {
                faults.push(|| InvalidVendorModel::UnknownFactor(id, factor.to_owned()));
                continue;
            };
            if of_name.insert(at, value).is_some() {
                faults.push(|| InvalidVendorModel::DuplicateExposure(id, factor.to_owned()));
            }
        }
        let kept = |row: BTreeMap<usize, f64>| {
            // NaN stays, for the model to refuse.
            row.into_iter().filter(|(_, value)| value.abs() > 0.0 || value.is_nan()).collect()
        };
        found.into_iter().map(|(id, row)| (id, kept(row))).collect()
    }

    /// Specific variances per session by name.
    fn specific(
        &self,
        rank: &BTreeMap<InstrumentId, usize>,
        faults: &mut Faults,
    ) -> BTreeMap<InstrumentId, f64> {
        let mut rows = self.specific.clone();
        rows.sort_by(|a, b| rank[&a.0].cmp(&rank[&b.0]).then(a.1.total_cmp(&b.1)));
        let mut found = BTreeMap::new();
        for (id, volatility) in rows {
            if !(0.0 <= volatility && volatility.is_finite()) {
                faults.push(|| InvalidVendorModel::SpecificVolatility(id));
            }
            if found.insert(id, self.per_session(volatility * volatility)).is_some() {
                faults.push(|| InvalidVendorModel::DuplicateSpecific(id));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> InstrumentId {
        InstrumentId(number)
    }

    fn rows() -> VendorModel {
        let covariance = [("B", "A", 0.00252), ("A", "A", 0.0252), ("B", "B", 0.01008)];
        let exposures = [(2, "B", 1.0), (2, "A", 0.5), (1, "A", 1.0), (3, "A", 1.0), (1, "B", 0.0)];
        VendorModel {
            period: Period::Year,
            exposures: exposures.map(|(name, f, x)| (id(name), f.to_owned(), x)).to_vec(),
            covariance: covariance.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c)).to_vec(),
            specific: vec![(id(4), 0.1), (id(1), 0.2), (id(2), 0.0)],
        }
    }

    /// Names in descending order of their numbers.
    fn descending(names: &mut [InstrumentId]) {
        names.sort_by(|a, b| b.cmp(a));
    }

    #[test]
    fn rows_in_any_order_make_one_model_per_session() {
        let loaded = rows().load(descending).unwrap();
        let model = &loaded.model;
        assert_eq!(model.factors(), ["A", "B"]);
        assert_eq!(model.instruments(), [id(2), id(1)], "a name without exposures is not covered");
        // 0.0252/252, 0.00252/252 and 0.2²/252.
        assert!((model.covariance().get(0, 0) - 1e-4).abs() < 1e-18);
        assert!((model.covariance().get(0, 1) - 1e-5).abs() < 1e-19);
        assert!((model.specific_variance(1) - 0.04 / 252.0).abs() < 1e-18);
        // X₂ = (0.5, 1), X₁ = (1, 0): 0.5·1e-4 + 1·1e-5.
        assert!((model.pair_covariance(0, 1) - 6e-5).abs() < 1e-18);
        assert_eq!(model.exposures(1).count(), 1, "an exposure of zero is not kept");
        assert_eq!((loaded.without_specific, loaded.without_exposures), (vec![id(3)], vec![id(4)]));
        let mut turned = rows();
        turned.covariance.rotate_left(1);
        turned.covariance.push(("A".to_owned(), "B".to_owned(), 0.00252));
        turned.exposures.rotate_left(2);
        turned.specific.rotate_left(1);
        assert_eq!(&turned.load(descending).unwrap().model, model);
        // A row of zero is a statement: all of the name's risk is specific.
        let mut zero = rows();
        zero.exposures.push((id(4), "A".to_owned(), 0.0));
        assert_eq!(zero.load(descending).unwrap().model.instruments(), [id(4), id(2), id(1)]);
    }

    #[test]
    fn a_matrix_of_too_many_factors_is_refused_before_it_is_made() {
        let mut wrong = rows();
        wrong.covariance =
            (0..20_000).map(|at| (format!("F{at}"), format!("F{at}"), 0.01)).collect();
        let faults = wrong.load(descending).unwrap_err();
        assert_eq!(faults.first, [InvalidVendorModel::TooManyFactors(20_000)]);
        // Of holes the first are kept and all are counted: 400·399/2, and an unknown factor by row.
        wrong.covariance.truncate(400);
        let faults = wrong.load(descending).unwrap_err();
        assert_eq!((faults.first.len(), faults.count), (FAULTS_KEPT, 400 * 399 / 2 + 5));
        assert!(faults.bytes() < 4096);
    }

    #[test]
    fn violations_do_not_depend_on_the_order_of_rows() {
        let mut wrong = rows();
        for factor in ["Z", "D", "C"] {
            wrong.exposures.push((id(1), factor.to_owned(), 1.0));
            wrong.exposures.push((id(2), factor.to_owned(), 1.0));
        }
        wrong.specific.extend([(id(1), 0.3), (id(4), 0.3)]);
        let found = wrong.load(descending).unwrap_err();
        wrong.covariance.reverse();
        wrong.exposures.reverse();
        wrong.specific.reverse();
        assert_eq!(wrong.load(descending).unwrap_err(), found);
        let unknown =
            |name, factor: &str| InvalidVendorModel::UnknownFactor(id(name), factor.to_owned());
        assert_eq!(found.first[..3], [unknown(2, "C"), unknown(2, "D"), unknown(2, "Z")]);
    }

    #[test]
    fn every_violation_is_reported() {
        let mut wrong = rows();
        wrong.covariance.push(("A".to_owned(), "B".to_owned(), 0.003));
        wrong.covariance.push(("C".to_owned(), "C".to_owned(), 0.01));
        wrong.exposures.push((id(1), "D".to_owned(), 1.0));
        wrong.exposures.push((id(1), "A".to_owned(), 1.0));
        wrong.specific.push((id(1), -0.1));
        let name = |text: &str| text.to_owned();
        assert_eq!(
            wrong.load(descending).unwrap_err().first,
            [
                InvalidVendorModel::Covariance(name("A"), name("B")),
                InvalidVendorModel::NoCovariance(name("A"), name("C")),
                InvalidVendorModel::NoCovariance(name("B"), name("C")),
                InvalidVendorModel::DuplicateExposure(id(1), name("A")),
                InvalidVendorModel::UnknownFactor(id(1), name("D")),
                InvalidVendorModel::SpecificVolatility(id(1)),
                InvalidVendorModel::DuplicateSpecific(id(1)),
            ]
        );
        let mut negative = rows();
        negative.covariance[0].2 = 0.1;
        let found = negative.load(descending).unwrap_err().first;
        assert_eq!(found, [InvalidVendorModel::Model(InvalidModel::NotPositive)]);
        let mut missing = rows();
        missing.exposures[0].2 = f64::NAN;
        let found = missing.load(descending).unwrap_err().first;
        assert_eq!(found, [InvalidVendorModel::Model(InvalidModel::Exposure(id(2)))]);
    }
}
