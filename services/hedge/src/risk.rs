//! The risk of lines in factor form.

use stats::{cholesky::Cholesky, matrix::SymmetricMatrix};

/// A covariance may miss positive semidefiniteness by this share of each variance: rounding.
const ROUNDING: f64 = 1e-9;

/// Covariance of factors and variances of specific returns, per session.
///
/// The return of a line over one session is Σ eₖ·fₖ + Σ lᵢ·uᵢ with its exposures e to the factors and
/// its loadings l on specific returns u, which are uncorrelated with the factors and each other. With
/// the money exposures b of a book and its money loadings z, its variance is b′Fb + Σ dᵢ·zᵢ². No
/// matrix of names by names is formed.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorRisk {
    covariance: SymmetricMatrix,
    specific_variances: Vec<f64>,
}

/// Why a covariance and specific variances are no model of risk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRisk {
    /// The covariance of the factors is not positive semidefinite.
    #[error("the covariance of the factors is not positive semidefinite")]
    NotPositive,
    /// A specific variance is negative or not finite.
    #[error("specific variance {0} is negative or not finite")]
    SpecificVariance(usize),
}

impl FactorRisk {
    /// A model of risk from the covariance F of the factors' returns and the variances d of specific
    /// returns, both squared decimals per session. A factor of variance zero is allowed.
    ///
    /// # Errors
    /// [`InvalidRisk`], all violations.
    pub fn new(
        covariance: SymmetricMatrix,
        specific_variances: Vec<f64>,
    ) -> Result<FactorRisk, Vec<InvalidRisk>> {
        let mut found = Vec::new();
        if !is_positive(&covariance) {
            found.push(InvalidRisk::NotPositive);
        }
        let lawful = |variance: &f64| 0.0 <= *variance && variance.is_finite();
        let wrong = specific_variances.iter().enumerate().filter(|(_, d)| !lawful(d));
        found.extend(wrong.map(|(index, _)| InvalidRisk::SpecificVariance(index)));
        if found.is_empty() {
            Ok(FactorRisk { covariance, specific_variances })
        } else {
            Err(found)
        }
    }

    /// F, by factor.
    #[must_use]
    pub fn covariance(&self) -> &SymmetricMatrix {
        &self.covariance
    }

    /// d, by source of specific returns.
    #[must_use]
    pub fn specific_variances(&self) -> &[f64] {
        &self.specific_variances
    }

    /// Number of factors.
    #[must_use]
    pub fn factors(&self) -> usize {
        self.covariance.dim()
    }

    /// F·b: covariances of a book's common return with the factors.
    pub(crate) fn with_factors(&self, exposures: &[f64]) -> Vec<f64> {
        (0..self.factors()).map(|factor| dot(self.covariance.row(factor), exposures)).collect()
    }

    /// b′Fb + Σ d·z², in money squared per session.
    pub(crate) fn variance(&self, exposures: &[f64], loadings: &[f64]) -> f64 {
        let common = dot(&self.with_factors(exposures), exposures);
        let specific = |(d, z): (&f64, &f64)| d * z * z;
        let specific: f64 = self.specific_variances.iter().zip(loadings).map(specific).sum();
        common.max(0.0) + specific
    }
}

/// Whether F, with its diagonal raised by rounding, has a Cholesky factor. Factors of variance zero
/// must have no covariance and are left out of it.
fn is_positive(covariance: &SymmetricMatrix) -> bool {
    let varying: Vec<usize> =
        (0..covariance.dim()).filter(|k| 0.0 < covariance.get(*k, *k)).collect();
    let constant = (0..covariance.dim()).filter(|k| !varying.contains(k));
    let zero = |k: usize| covariance.row(k).iter().all(|value| value.abs() <= 0.0);
    if !constant.into_iter().all(zero) {
        return false;
    }
    let entry = |i: usize, j: usize| {
        let value = covariance.get(varying[i], varying[j]);
        if i == j { value * (1.0 + ROUNDING) } else { value }
    };
    varying.is_empty()
        || SymmetricMatrix::from_lower(varying.len(), entry)
            .is_some_and(|raised| Cholesky::factor(&raised).is_some())
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
