//! The book under covariances of its names: which ones are asked for, and the answer.

use crate::rpc::field::Fields;
use contract::v1::{self, CovarianceEstimator as Wire};
use exposure::name_covariance::{CovarianceRisk, Estimator, NameCovariances};

/// Maximum number of estimators of a request: each once.
const ESTIMATORS_MAX: usize = 5;

/// Reads the estimators.
pub(super) fn from_proto(fields: &mut Fields, asked: &[i32]) -> Vec<Estimator> {
    const FIELD: &str = "risk_model.covariances";
    let mut found = Vec::new();
    if !fields.at_most(FIELD, asked.len(), ESTIMATORS_MAX) {
        return found;
    }
    for (at, number) in asked.iter().enumerate() {
        let path = format!("{FIELD}[{at}]");
        match estimator(fields, &path, *number) {
            Some(estimator) if found.contains(&estimator) => fields.add(path, "appears twice"),
            estimator => found.extend(estimator),
        }
    }
    found
}

fn estimator(fields: &mut Fields, path: &str, number: i32) -> Option<Estimator> {
    if number == Wire::Unspecified as i32 {
        fields.add(path, "must be an estimator");
    }
    match fields.choice(path, number) {
        Wire::Unspecified => None,
        Wire::Sample => Some(Estimator::Sample),
        Wire::SingleFactor => Some(Estimator::SingleFactor),
        Wire::ConstantCorrelation => Some(Estimator::ConstantCorrelation),
        Wire::Identity => Some(Estimator::Identity),
        Wire::OracleApproximating => Some(Estimator::OracleApproximating),
    }
}

/// The rows of what was measured.
pub(super) fn to_proto(found: &NameCovariances) -> Vec<v1::CovarianceRisk> {
    let row = |risk: &CovarianceRisk| v1::CovarianceRisk {
        estimator: wire(risk.estimator).into(),
        sessions: found.sessions as i32,
        covered_count: found.covered as i32,
        volatility: risk.volatility,
        shrinkage: risk.shrinkage,
        effective_bets: risk.effective_bets,
        principal_effective_bets: risk.principal_effective_bets,
    };
    found.risks.iter().map(row).collect()
}

const fn wire(estimator: Estimator) -> Wire {
    match estimator {
        Estimator::Sample => Wire::Sample,
        Estimator::SingleFactor => Wire::SingleFactor,
        Estimator::ConstantCorrelation => Wire::ConstantCorrelation,
        Estimator::Identity => Wire::Identity,
        Estimator::OracleApproximating => Wire::OracleApproximating,
    }
}
