//! Converts factors and betas to protobuf.

use super::to_proto::measured;
use contract::v1;
use exposure::{
    beta::Beta,
    factor::{Factor, FactorRole, MODEL_ID, RoleSymbol},
    factor_list::ListedFactor,
    report::{BookBeta, FactorExposure},
};
use marketdata::day::Day;
use stats::regression;

/// A factor as of a date.
pub(super) fn factor(listed: ListedFactor) -> v1::Factor {
    let (first, last) = listed.span.unzip();
    let text = |day: Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
    v1::Factor {
        model_id: MODEL_ID.to_owned(),
        factor_id: listed.factor.id().to_owned(),
        unit: UNIT.into(),
        method: listed.factor.method().to_owned(),
        roles: listed.roles.into_iter().map(role).collect(),
        first_on: text(first),
        last_on: text(last),
    }
}

/// The unit of every factor of the model.
pub(super) const UNIT: v1::FactorUnit = v1::FactorUnit::Return;

/// A book's beta to a factor.
pub(super) fn exposure(row: FactorExposure, gross: f64, nav: Option<f64>) -> v1::FactorExposure {
    let roles = row.roles.into_iter().map(role).collect();
    v1::FactorExposure { roles, ..of_factor(row.factor.id().to_owned(), &row.beta, (gross, nav)) }
}

/// A book's beta to a trade.
pub(super) fn of_trade(
    trade_id: &str,
    beta: &BookBeta,
    size: (f64, Option<f64>),
) -> v1::FactorExposure {
    of_factor(format!("trade/{trade_id}"), beta, size)
}

fn of_factor(
    factor_id: String,
    beta: &BookBeta,
    (gross, nav): (f64, Option<f64>),
) -> v1::FactorExposure {
    let over = |whole: f64| {
        beta.bottom_up.filter(|_| 0.0 < whole).map(|bottom_up| bottom_up.value / whole)
    };
    v1::FactorExposure {
        model_id: MODEL_ID.to_owned(),
        factor_id,
        unit: UNIT.into(),
        roles: Vec::new(),
        bottom_up: beta.bottom_up.map(measured),
        top_down: beta.top_down.map(measured),
        difference: beta.difference(),
        bottom_up_per_gross: over(gross),
        bottom_up_per_net_asset_value: nav.and_then(over),
    }
}

/// A role and its symbols.
pub(super) fn role(role: FactorRole) -> v1::FactorRole {
    v1::FactorRole {
        role: role.role.to_owned(),
        symbols: role.symbols.into_iter().map(symbol).collect(),
    }
}

fn symbol(filled: RoleSymbol) -> v1::RoleSymbol {
    v1::RoleSymbol { symbol: filled.symbol, proxy_for: filled.proxy_for.unwrap_or_default() }
}

/// A name's beta to a factor, from a number of sessions.
pub(super) fn beta((factor, beta, observations): (Factor, Beta, usize)) -> v1::FactorBeta {
    v1::FactorBeta {
        model_id: MODEL_ID.to_owned(),
        factor_id: factor.id().to_owned(),
        unit: UNIT.into(),
        beta: Some(name_beta(beta, observations)),
    }
}

/// A name's beta, from a number of sessions.
pub(super) fn name_beta(beta: Beta, observations: usize) -> v1::NameBeta {
    let own = |own: regression::Estimate| v1::Estimate {
        value: own.value,
        standard_error: Some(own.standard_error),
        observations: observations as i32,
    };
    v1::NameBeta {
        value: beta.value,
        standard_error: Some(beta.standard_error),
        own_weight: Some(beta.own_weight),
        own: beta.own.map(own),
    }
}
