//! Converts factors and betas to protobuf.

use super::to_proto::book_beta;
use contract::v1;
use exposure::{
    beta::Beta,
    factor::{Factor, FactorRole, MODEL_ID},
    report::FactorExposure,
};
use stats::regression;

/// A book's beta to a factor.
pub(super) fn exposure(row: FactorExposure, gross: f64, nav: Option<f64>) -> v1::FactorExposure {
    let v1::BookBeta { bottom_up, top_down, gap, per_gross, per_net_asset_value } =
        book_beta(&row.beta, gross, nav);
    v1::FactorExposure {
        model_id: MODEL_ID.to_owned(),
        factor_id: row.factor.id().to_owned(),
        unit: v1::FactorUnit::Return.into(),
        roles: row.roles.into_iter().map(role).collect(),
        bottom_up,
        top_down,
        gap,
        per_gross,
        per_net_asset_value,
    }
}

/// A role and its symbols.
fn role(role: FactorRole) -> v1::FactorRole {
    v1::FactorRole {
        role_id: role.role_id.to_owned(),
        symbols: role.symbols,
        proxy_for: role.proxy_for.unwrap_or_default(),
    }
}

/// A name's beta to a factor, from a number of sessions.
pub(super) fn beta((factor, beta, observations): (Factor, Beta, usize)) -> v1::FactorBeta {
    let own = |own: regression::Estimate| v1::Estimate {
        value: own.value,
        standard_error: own.standard_error,
        observations: observations as i32,
    };
    let name = v1::NameBeta {
        value: beta.value,
        standard_error: beta.standard_error,
        own_weight: beta.own_weight,
        own: beta.own.map(own),
    };
    v1::FactorBeta { factor_id: factor.id().to_owned(), beta: Some(name) }
}
