//! Collinearity of regressors: variance inflation and condition number.

use crate::cholesky::Cholesky;
use crate::covariance;
use crate::eigen;
use crate::moments::Ddof;

/// Collinearity of regressors.
#[derive(Clone, Debug, PartialEq)]
pub struct Collinearity {
    /// 1/(1 − R²) of each regressor on the others and an intercept: the factor by which
    /// collinearity increases the variance of its slope. Above 10, the slopes can hardly be
    /// separated.
    pub variance_inflation: Vec<f64>,
    /// √(λ_max/λ_min) of the correlation matrix. Above 30, slopes depend on the last digits.
    pub condition_number: f64,
}

/// Measures regressors of equal length. `None` for a constant regressor, exact dependence, or a
/// value that is not finite.
#[must_use]
pub fn collinearity(regressors: &[&[f64]]) -> Option<Collinearity> {
    let correlation = covariance::sample(regressors, Ddof::Sample)?.correlation()?;
    let factor = Cholesky::factor(&correlation)?;
    let mut variance_inflation = Vec::with_capacity(regressors.len());
    for k in 0..regressors.len() {
        let mut unit = vec![0.0; regressors.len()];
        unit[k] = 1.0;
        variance_inflation.push(factor.inverse_form(&unit)?);
    }
    let values = eigen::symmetric(&correlation)?.values;
    let condition_number = (values.first()? / values.last()?).sqrt();
    condition_number.is_finite().then_some(Collinearity { variance_inflation, condition_number })
}
