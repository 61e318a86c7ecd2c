//! Listed options of a hedging problem: what is asked, what is refused, and what trades of them are.

use super::{setting::Setting, to_proto::Dealt};
use crate::rpc::field::Fields;
use ::hedge::option::{DELTA_LEAST, OptionFault, QuotedOption};
use ::portfolio::option::{EXPIRY_DAYS_MAX, GROWTH_MAX, NoVolatility, Right};
use contract::v1::{self, OptionRight};

const PRICE: (f64, f64) = (1e-9, 1e12);
const RATE: (f64, f64) = (-1.0, 1.0);

/// Reads an option of an instrument with its own terms, and writes defaults into the request.
pub(super) fn option(
    fields: &mut Fields,
    path: &str,
    asked: &mut v1::HedgeOption,
    own: &v1::HedgeTerms,
) -> Option<QuotedOption> {
    let of = |field: &str| format!("{path}.contract.option.{field}");
    let right = match fields.choice(&of("right"), asked.right) {
        OptionRight::Call => Some(Right::Call),
        OptionRight::Put => Some(Right::Put),
        OptionRight::Unspecified => {
            fields.add(of("right"), "must be CALL or PUT");
            None
        }
    };
    let strike = fields.within(&of("strike"), asked.strike, PRICE.0, PRICE.1);
    if asked.expires_on.is_empty() {
        fields.add(of("expires_on"), "must be an ISO date (YYYY-MM-DD)");
    }
    let expires_on = fields.day(&of("expires_on"), &asked.expires_on);
    let quote = quote(fields, path, asked, own);
    let rate = asked.rate.map(|rate| fields.within(&of("rate"), rate, RATE.0, RATE.1));
    if rate.is_none() {
        fields.add(of("rate"), "must be given");
    }
    let dividend_yield = fields.within_or(&of("dividend_yield"), asked.dividend_yield, 0.0, RATE);
    asked.dividend_yield = Some(dividend_yield);
    let carries = [
        ("long_carry_per_year", own.long_carry_per_year),
        ("short_carry_per_year", own.short_carry_per_year),
    ];
    for (field, _) in carries.into_iter().filter(|(_, carry)| carry.is_some()) {
        let text = "must be absent: the cost of holding an option is its loss by time";
        fields.add(format!("{path}.terms.{field}"), text);
    }
    let (premium, half_spread) = quote?;
    let may_write = asked.may_write;
    Some(QuotedOption {
        right: right?,
        strike,
        expires_on: expires_on?,
        premium,
        half_spread,
        rate: rate?,
        dividend_yield,
        may_write,
    })
}

/// The middle of a quote and half of its spread, per share.
fn quote(
    fields: &mut Fields,
    path: &str,
    asked: &v1::HedgeOption,
    own: &v1::HedgeTerms,
) -> Option<(f64, f64)> {
    let of = |field: &str| format!("{path}.contract.option.{field}");
    let half_spread = format!("{path}.terms.half_spread");
    match (asked.bid, asked.ask, asked.mid) {
        (Some(bid), Some(ask), None) => {
            let bid = fields.within(&of("bid"), bid, 0.0, PRICE.1);
            let ask = fields.within(&of("ask"), ask, PRICE.0, PRICE.1);
            if ask < bid {
                fields.add(of("ask"), "must not be below bid: the quote is crossed");
            }
            if own.half_spread.is_some() {
                fields.add(half_spread, "must be absent: bid and ask have the spread");
            }
            Some((0.5 * (bid + ask), 0.5 * (ask - bid)))
        }
        (None, None, Some(mid)) => {
            let mid = fields.within(&of("mid"), mid, PRICE.0, PRICE.1);
            if own.half_spread.is_none() {
                let text = "must be given, as a share of the premium: a middle has no spread";
                fields.add(half_spread, text);
            }
            Some((mid, own.half_spread.unwrap_or(0.0) * mid))
        }
        _ => {
            fields.add(format!("{path}.contract.option"), "must have bid and ask, or mid");
            None
        }
    }
}

/// Where an option of a view is at fault, in its message, and why.
pub(super) fn fault(fault: OptionFault, asked: Option<&v1::HedgeOption>) -> (&str, String) {
    let quoted = match asked.and_then(|option| option.mid) {
        Some(_) => ".mid",
        None => ".bid",
    };
    let session = "the last session with closes at the as-of date";
    match fault {
        OptionFault::Number(field) => ("", format!("has {field} out of range")),
        OptionFault::Expired(on) => {
            (".expires_on", format!("must be after {on}, {session}: it has expired"))
        }
        OptionFault::TooLong(on) => {
            let text = format!("must be at most {EXPIRY_DAYS_MAX} days after {on}, {session}");
            (".expires_on", text)
        }
        OptionFault::Growth(field) => {
            let field = if field == "rate" { ".rate" } else { ".dividend_yield" };
            let years = "times the years to the expiry";
            (field, format!("{years} must be from -{GROWTH_MAX} to {GROWTH_MAX}"))
        }
        OptionFault::NoVolatility(NoVolatility::NoTimeValue(least)) => {
            let text = format!(
                "must make a middle above {least:.6}, what exercise at the expiry is worth at the \
                 price of the instrument: no volatility gives the option so little"
            );
            (quoted, text)
        }
        OptionFault::NoVolatility(NoVolatility::TooHigh(most)) => {
            let text = format!(
                "must make a middle below {most:.6}: no volatility up to 10 gives the option so much"
            );
            (quoted, text)
        }
        OptionFault::NoDelta(delta) => {
            let text = format!(
                "has a delta of {delta:.6} at its quote, below {DELTA_LEAST} in size: it hardly \
                 moves with the instrument"
            );
            ("", text)
        }
    }
}

/// What a trade of an option is. `None` of another line.
pub(super) fn traded(setting: &Setting<'_>, dealt: Dealt) -> Option<v1::HedgeTradedOption> {
    let option = setting.desk.lines()[dealt.line].option.as_ref()?;
    let shares = dealt.money / option.exposure();
    let days = setting.held_days();
    let quoted = &option.quoted;
    let right = match quoted.right {
        Right::Call => OptionRight::Call,
        Right::Put => OptionRight::Put,
    };
    Some(v1::HedgeTradedOption {
        right: right.into(),
        strike: quoted.strike,
        expires_on: quoted.expires_on.to_string(),
        implied_volatility: option.model.volatility,
        delta: option.sensitivities.delta,
        premium: shares * quoted.premium,
        decay_per_day: shares * option.decay_per_day(days),
        gamma_per_percent: shares * option.sensitivities.gamma * option.price * option.price
            / 100.0,
        vega_per_point: shares * option.sensitivities.vega / 100.0,
    })
}

/// Premiums paid less those received. `None` if nothing of a problem is an option.
pub(super) fn premium(setting: &Setting<'_>, dealt: &[Dealt]) -> Option<f64> {
    let has_any = setting.desk.lines().iter().any(|line| line.option.is_some());
    let paid = dealt.iter().filter_map(|dealt| Some(traded(setting, *dealt)?.premium));
    has_any.then(|| paid.fold(0.0, |sum, premium| sum + premium))
}
