//! What a line of a request holds: shares, or what stands for shares.

use super::reference;
use crate::rpc::field::Fields;
use ::portfolio::{
    derivative::{
        Derivative, DerivativeKind, Kind as Held, RawFuture, RawModel, RawOption, RawSensitivity,
    },
    identifier::may_be_cash,
    lines::Size,
    option::Right,
};
use contract::v1::{
    self, OptionRight, PositionKind as Kind,
    option_terms::Sensitivity,
    position::{Size as WireSize, Terms as WireTerms},
};

/// Maximum bytes of the name of a contract month.
const CONTRACT_MONTH_BYTES: usize = 64;

/// Checks the kind of a line and whether its terms are those of the kind, and applies defaults. A line
/// that names no kind is a listed share, unless its symbol is more often money.
pub(super) fn check(fields: &mut Fields, path: impl Fn() -> String, position: &mut v1::Position) {
    match Kind::try_from(position.kind) {
        Ok(Kind::Listed | Kind::Swap | Kind::Future | Kind::Option) => {}
        Ok(Kind::Unspecified) => {
            let instrument = reference(position);
            if may_be_cash(instrument.symbol) && !instrument.is_identified() {
                let text = format!(
                    "{} may be money or the listed share of that ticker: put money into \
                     portfolio.cash, and give the share the kind POSITION_KIND_LISTED",
                    instrument.symbol
                );
                fields.add(format!("{}.instrument.symbol", path()), text);
            }
            position.kind = Kind::Listed.into();
        }
        Err(_) => {
            let text = format!("must be one that this server can value, is {}", position.kind);
            fields.add(format!("{}.kind", path()), text);
            return;
        }
    }
    let kind = position.kind();
    match position.terms.as_mut() {
        Some(WireTerms::Future(future)) => {
            if kind != Kind::Future {
                fields.add(format!("{}.future", path()), "is for POSITION_KIND_FUTURE only");
            }
            if CONTRACT_MONTH_BYTES < future.contract_month.len() {
                let text = format!("must have at most {CONTRACT_MONTH_BYTES} bytes");
                fields.add(format!("{}.future.contract_month", path()), text);
            }
        }
        Some(WireTerms::Option(option)) => {
            if kind != Kind::Option {
                fields.add(format!("{}.option", path()), "is for POSITION_KIND_OPTION only");
            }
            if let Some(Sensitivity::BlackScholes(model)) = option.sensitivity.as_mut() {
                model.dividend_yield.get_or_insert(0.0);
            }
        }
        None => {}
    }
}

/// What a line holds of its instrument.
pub(super) fn held(position: &v1::Position) -> Held<'_> {
    match position.kind() {
        Kind::Unspecified | Kind::Listed => Held::Listed,
        Kind::Swap => Held::Swap,
        Kind::Future => Held::Future(match &position.terms {
            Some(WireTerms::Future(future)) => {
                RawFuture { multiplier: future.multiplier, price: future.price }
            }
            Some(WireTerms::Option(_)) | None => RawFuture { multiplier: None, price: None },
        }),
        Kind::Option => Held::Option(match &position.terms {
            Some(WireTerms::Option(option)) => RawOption {
                multiplier: option.multiplier,
                sensitivity: option.sensitivity.as_ref().map(sensitivity),
            },
            Some(WireTerms::Future(_)) | None => RawOption { multiplier: None, sensitivity: None },
        }),
    }
}

fn sensitivity(given: &Sensitivity) -> RawSensitivity<'_> {
    match given {
        Sensitivity::Delta(delta) => RawSensitivity::Delta(*delta),
        Sensitivity::BlackScholes(model) => RawSensitivity::Model(RawModel {
            right: match OptionRight::try_from(model.right) {
                Ok(OptionRight::Call) => Some(Right::Call),
                Ok(OptionRight::Put) => Some(Right::Put),
                Ok(OptionRight::Unspecified) | Err(_) => None,
            },
            strike: model.strike,
            expires_on: &model.expires_on,
            volatility: model.volatility,
            rate: model.rate,
            dividend_yield: model.dividend_yield,
        }),
    }
}

/// The size of a line. `None` if it has none, or one that its kind cannot have: the market value of a
/// derivative is not its exposure, and a share has no notional.
pub(super) fn size(position: &v1::Position) -> Option<Size> {
    let is_listed = matches!(position.kind(), Kind::Unspecified | Kind::Listed);
    match position.size? {
        WireSize::Quantity(count) => Some(Size::Shares(count)),
        WireSize::MarketValue(value) => is_listed.then_some(Size::MarketValue(value)),
        WireSize::Notional(value) => (!is_listed).then_some(Size::MarketValue(value)),
    }
}

/// Makes a line one of as many shares of its instrument. Its kind stays, so that answers of other days
/// know it: contracts are then of one share each.
pub(in crate::rpc) fn hold_shares(position: &mut v1::Position, shares: f64) {
    position.size = Some(WireSize::Quantity(shares));
    position.terms = match position.kind() {
        Kind::Unspecified | Kind::Listed | Kind::Swap => None,
        Kind::Future => {
            let multiplier = Some(1.0);
            Some(WireTerms::Future(v1::FutureTerms { multiplier, ..v1::FutureTerms::default() }))
        }
        Kind::Option => Some(WireTerms::Option(v1::OptionTerms {
            multiplier: Some(1.0),
            sensitivity: Some(Sensitivity::Delta(1.0)),
        })),
    };
}

/// The name of a kind as a group of lines.
pub(in crate::rpc) fn group_id(position: &v1::Position) -> &'static str {
    match position.kind() {
        Kind::Unspecified | Kind::Listed => "LISTED",
        Kind::Swap => "SWAP",
        Kind::Future => "FUTURE",
        Kind::Option => "OPTION",
    }
}

/// The kind of a lot that is no share.
pub(super) const fn of_derivative(derivative: &Derivative) -> Kind {
    match derivative.kind {
        DerivativeKind::Swap => Kind::Swap,
        DerivativeKind::Future => Kind::Future,
        DerivativeKind::Option => Kind::Option,
    }
}

/// What an option was valued with.
pub(super) fn sensitivities(derivative: &Derivative) -> Option<v1::OptionSensitivities> {
    derivative.option.map(|option| v1::OptionSensitivities {
        delta: option.delta,
        gamma_per_percent: option.model.map(|model| model.gamma_per_percent),
        vega_per_point: option.model.map(|model| model.vega_per_point),
    })
}
