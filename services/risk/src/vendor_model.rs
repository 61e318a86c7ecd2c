//! A vendor's risk model of one day, as its files state it, and the factor model it makes.
//!
//! Vendors give exposures, a covariance of factors and specific volatilities, per day or per year of
//! 252 sessions. The result is per session, like our own.

use crate::factor_model::{FactorModel, InvalidModel, ModelName};
use marketdata::instrument::InstrumentId;
use stats::matrix::SymmetricMatrix;
use std::collections::{BTreeMap, BTreeSet};

/// Sessions of a year, for figures stated per year.
const SESSIONS_PER_YEAR: f64 = 252.0;

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

/// A vendor's model, and the names that lack a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The names with a specific volatility, in the order of names.
    pub model: FactorModel,
    /// Names with exposures but without a specific volatility, which the model does not cover: their
    /// risk would be too low.
    pub without_specific: Vec<InstrumentId>,
    /// Names of the model without any exposure: all of their risk is specific.
    pub without_exposures: Vec<InstrumentId>,
}

impl VendorModel {
    /// The model of these rows; `order` sorts instruments by name. The order of rows has no effect.
    ///
    /// # Errors
    /// [`InvalidVendorModel`], all violations.
    pub fn load(
        &self,
        order: impl Fn(&mut [InstrumentId]),
    ) -> Result<Loaded, Vec<InvalidVendorModel>> {
        let pairs = self.covariance.iter().flat_map(|(a, b, _)| [a.clone(), b.clone()]);
        let factors: Vec<String> = BTreeSet::from_iter(pairs).into_iter().collect();
        let mut violations = Vec::new();
        let covariance = self.covariance(&factors, &mut violations);
        let exposures = self.exposures(&factors, &mut violations);
        let specific = self.specific(&mut violations);
        let Some(covariance) = covariance.filter(|_| violations.is_empty()) else {
            return Err(violations);
        };
        let sorted = |names: BTreeSet<InstrumentId>| {
            let mut names = Vec::from_iter(names);
            order(&mut names);
            names
        };
        let names: Vec<ModelName> = sorted(specific.keys().copied().collect())
            .into_iter()
            .map(|instrument| ModelName {
                instrument,
                exposures: exposures.get(&instrument).cloned().unwrap_or_default(),
                specific_variance: specific[&instrument],
            })
            .collect();
        let missing = exposures.keys().filter(|id| !specific.contains_key(*id)).copied();
        let bare = names.iter().filter(|name| name.exposures.is_empty());
        let without_exposures = bare.map(|name| name.instrument).collect();
        let model = FactorModel::new(factors, covariance, &names).map_err(|violations| {
            violations.into_iter().map(InvalidVendorModel::Model).collect::<Vec<_>>()
        })?;
        Ok(Loaded { model, without_specific: sorted(missing.collect()), without_exposures })
    }

    /// What a variance of the vendor's period is per session.
    fn per_session(&self, variance: f64) -> f64 {
        match self.period {
            Period::Session => variance,
            Period::Year => variance / SESSIONS_PER_YEAR,
        }
    }

    fn covariance(
        &self,
        factors: &[String],
        violations: &mut Vec<InvalidVendorModel>,
    ) -> Option<SymmetricMatrix> {
        let mut entries: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for (a, b, value) in &self.covariance {
            let pair = if a <= b { (a.as_str(), b.as_str()) } else { (b.as_str(), a.as_str()) };
            let known = entries.insert(pair, *value);
            if !value.is_finite() || known.is_some_and(|known| known.to_bits() != value.to_bits()) {
                violations
                    .push(InvalidVendorModel::Covariance(pair.0.to_owned(), pair.1.to_owned()));
            }
        }
        for (at, b) in factors.iter().enumerate() {
            let absent = factors[..=at].iter().filter(|a| !entries.contains_key(&(&***a, &**b)));
            let missing = absent.map(|a| InvalidVendorModel::NoCovariance(a.clone(), b.clone()));
            violations.extend(missing);
        }
        let entry = |i: usize, j: usize| {
            let found = entries.get(&(factors[j].as_str(), factors[i].as_str()));
            found.map_or(f64::NAN, |value| self.per_session(*value))
        };
        SymmetricMatrix::from_lower(factors.len(), entry)
    }

    /// Exposures other than zero by name, in the order of factors.
    fn exposures(
        &self,
        factors: &[String],
        violations: &mut Vec<InvalidVendorModel>,
    ) -> BTreeMap<InstrumentId, Vec<(usize, f64)>> {
        let mut found: BTreeMap<InstrumentId, BTreeMap<usize, f64>> = BTreeMap::new();
        for (id, factor, value) in &self.exposures {
            let Ok(at) = factors.binary_search(factor) else {
                violations.push(InvalidVendorModel::UnknownFactor(*id, factor.clone()));
                continue;
            };
            if found.entry(*id).or_default().insert(at, *value).is_some() {
                violations.push(InvalidVendorModel::DuplicateExposure(*id, factor.clone()));
            }
        }
        let kept = |row: BTreeMap<usize, f64>| {
            // NaN stays, for the model to refuse.
            row.into_iter().filter(|(_, value)| value.abs() > 0.0 || value.is_nan()).collect()
        };
        found.into_iter().map(|(id, row)| (id, kept(row))).collect()
    }

    /// Specific variances per session by name.
    fn specific(&self, violations: &mut Vec<InvalidVendorModel>) -> BTreeMap<InstrumentId, f64> {
        let mut found = BTreeMap::new();
        for (id, volatility) in &self.specific {
            if !(0.0 <= *volatility && volatility.is_finite()) {
                violations.push(InvalidVendorModel::SpecificVolatility(*id));
            }
            if found.insert(*id, self.per_session(volatility * volatility)).is_some() {
                violations.push(InvalidVendorModel::DuplicateSpecific(*id));
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
        assert_eq!(model.instruments(), [id(4), id(2), id(1)]);
        // 0.0252/252, 0.00252/252 and 0.2²/252.
        assert!((model.covariance().get(0, 0) - 1e-4).abs() < 1e-18);
        assert!((model.covariance().get(0, 1) - 1e-5).abs() < 1e-19);
        assert!((model.specific_variance(2) - 0.04 / 252.0).abs() < 1e-18);
        // X₂ = (0.5, 1), X₁ = (1, 0): 0.5·1e-4 + 1·1e-5.
        assert!((model.pair_covariance(1, 2) - 6e-5).abs() < 1e-18);
        assert_eq!(model.exposures(2).count(), 1, "an exposure of zero is not kept");
        assert_eq!((loaded.without_specific, loaded.without_exposures), (vec![id(3)], vec![id(4)]));
        let mut turned = rows();
        turned.covariance.rotate_left(1);
        turned.covariance.push(("A".to_owned(), "B".to_owned(), 0.00252));
        turned.exposures.rotate_left(2);
        turned.specific.rotate_left(1);
        assert_eq!(&turned.load(descending).unwrap().model, model);
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
            wrong.load(descending).unwrap_err(),
            [
                InvalidVendorModel::Covariance(name("A"), name("B")),
                InvalidVendorModel::NoCovariance(name("A"), name("C")),
                InvalidVendorModel::NoCovariance(name("B"), name("C")),
                InvalidVendorModel::UnknownFactor(id(1), name("D")),
                InvalidVendorModel::DuplicateExposure(id(1), name("A")),
                InvalidVendorModel::SpecificVolatility(id(1)),
                InvalidVendorModel::DuplicateSpecific(id(1)),
            ]
        );
        let mut negative = rows();
        negative.covariance[0].2 = 0.1;
        let found = negative.load(descending).unwrap_err();
        assert_eq!(found, [InvalidVendorModel::Model(InvalidModel::NotPositive)]);
        let mut missing = rows();
        missing.exposures[0].2 = f64::NAN;
        let found = missing.load(descending).unwrap_err();
        assert_eq!(found, [InvalidVendorModel::Model(InvalidModel::Exposure(id(2)))]);
    }
}
