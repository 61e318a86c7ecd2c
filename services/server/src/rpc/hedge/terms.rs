//! Validates the terms of trading of a hedging problem, and writes the defaults into the request.

use super::option;
use crate::{
    limits,
    rpc::{field::Fields, portfolio},
};
use contract::v1;
use hedge::{
    clock::{Clock, SessionMinute},
    limits::SolveLimits,
    option::QuotedOption,
    terms::LineTerms,
};

/// Terms of a line that says nothing else.
const USUAL: LineTerms = LineTerms {
    lot_units: Some(1.0),
    half_spread: 0.0003,
    commission: 0.0001,
    long_carry: 0.0,
    short_carry: 0.003,
    // Not shown: without a rate of the caller's there is no margin.
    margin: 0.0,
};

/// Bounds of amounts of money, shares and multipliers.
pub(super) const AMOUNT: (f64, f64) = (1e-6, 1e15);
const LOT: (f64, f64) = (1e-6, 1e9);
const RATE: (f64, f64) = (-1.0, 10.0);
const PRICE: (f64, f64) = (1e-9, 1e12);
/// Bytes of an id of the caller's.
const ID_BYTES: usize = 64;
/// Default search: one branch unless lines or tickets are limited.
const NODES: i32 = 1_000;
const GAP: f64 = 0.01;

/// An instrument that may be traded; its reference is in the request.
#[derive(Debug)]
pub(super) struct InstrumentTerms {
    /// Id of the contract and its multiplier.
    pub(super) contract: Option<(String, f64)>,
    pub(super) option: Option<QuotedOption>,
    pub(super) daily_value: Option<f64>,
    pub(super) terms: LineTerms,
}

/// Reads the terms of all lines without their own.
pub(super) fn usual(fields: &mut Fields, asked: &mut Option<v1::HedgeTerms>) -> LineTerms {
    line(fields, "problem.terms", asked.get_or_insert_default(), USUAL)
}

/// Reads terms of a line; what is absent is `usual`.
fn line(
    fields: &mut Fields,
    path: &str,
    asked: &mut v1::HedgeTerms,
    usual: LineTerms,
) -> LineTerms {
    let mut read = |field: &str, value: &mut Option<f64>, usual: f64, bounds: (f64, f64)| {
        let read = fields.within_or(&format!("{path}.{field}"), *value, usual, bounds);
        *value = Some(read);
        read
    };
    let lot = usual.lot_units.unwrap_or(1.0);
    let share = (0.0, 1.0);
    let lot_units = Some(read("lot_quantity", &mut asked.lot_quantity, lot, LOT));
    let half_spread = read("half_spread", &mut asked.half_spread, usual.half_spread, share);
    let commission = read("commission", &mut asked.commission, usual.commission, share);
    let short_carry =
        read("short_carry_per_year", &mut asked.short_carry_per_year, usual.short_carry, RATE);
    let long_carry =
        read("long_carry_per_year", &mut asked.long_carry_per_year, usual.long_carry, RATE);
    let margin = match asked.margin_rate {
        Some(rate) => fields.within(&format!("{path}.margin_rate"), rate, 0.0, 10.0),
        None => usual.margin,
    };
    if long_carry + short_carry < 0.0 {
        let text =
            "plus long_carry_per_year must not be below 0: it would pay to be long and short";
        fields.add(format!("{path}.short_carry_per_year"), text);
    }
    LineTerms { lot_units, half_spread, commission, long_carry, short_carry, margin }
}

/// Reads the instruments.
pub(super) fn instruments(
    fields: &mut Fields,
    asked: &mut [v1::HedgeInstrument],
    usual: LineTerms,
) -> Vec<InstrumentTerms> {
    let path = "problem.instruments";
    if !fields.at_most(path, asked.len(), limits::HEDGE_INSTRUMENTS) {
        return Vec::new();
    }
    let mut read = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter_mut().enumerate() {
        let path = format!("{path}[{at}]");
        reference(fields, &format!("{path}.instrument"), one.instrument.as_ref());
        let daily_value = one
            .daily_value
            .map(|value| fields.within(&format!("{path}.daily_value"), value, AMOUNT.0, AMOUNT.1));
        let contract = one.contract.as_ref().map(|contract| {
            id(fields, &format!("{path}.contract.contract_id"), &contract.contract_id);
            let multiplier = format!("{path}.contract.multiplier");
            let multiplier = fields.within(&multiplier, contract.multiplier, LOT.0, LOT.1);
            (contract.contract_id.clone(), multiplier)
        });
        if contract.is_some() && daily_value.is_none() {
            fields.add(format!("{path}.daily_value"), "must be given for a contract");
        }
        let own = one.terms.get_or_insert_default();
        let asked = one.contract.as_mut().and_then(|contract| contract.option.as_mut());
        let (option, terms) = match asked {
            None => (None, contract_terms(fields, &path, own, (usual, contract.is_some()))),
            Some(asked) => {
                let option = option::option(fields, &path, asked, own);
                (option, option_terms(fields, &path, own, (usual, asked.may_write)))
            }
        };
        read.push(InstrumentTerms { contract, option, daily_value, terms });
    }
    read
}

/// Reads the terms of shares, or of a contract that is no option, which is not borrowed.
fn contract_terms(
    fields: &mut Fields,
    path: &str,
    own: &mut v1::HedgeTerms,
    (usual, is_contract): (LineTerms, bool),
) -> LineTerms {
    let short_carry = if is_contract { 0.0 } else { usual.short_carry };
    line(fields, &format!("{path}.terms"), own, LineTerms { short_carry, ..usual })
}

/// Reads the terms of an option. Its quote has the spread and its time the carry, so these are not
/// filled in; what is bought is paid in full and needs no margin.
fn option_terms(
    fields: &mut Fields,
    path: &str,
    own: &mut v1::HedgeTerms,
    (usual, may_write): (LineTerms, bool),
) -> LineTerms {
    let margin = if may_write { usual.margin } else { 0.0 };
    let usual = LineTerms { long_carry: 0.0, short_carry: 0.0, margin, ..usual };
    let given = *own;
    let terms = line(fields, &format!("{path}.terms"), own, usual);
    *own = v1::HedgeTerms {
        half_spread: given.half_spread,
        long_carry_per_year: given.long_carry_per_year,
        short_carry_per_year: given.short_carry_per_year,
        ..*own
    };
    terms
}

/// Reads the terms of single positions.
pub(super) fn positions(
    fields: &mut Fields,
    asked: &mut [v1::HedgePositionTerms],
    usual: LineTerms,
) -> Vec<LineTerms> {
    let path = "problem.position_terms";
    if !fields.at_most(path, asked.len(), limits::POSITIONS) {
        return Vec::new();
    }
    let mut read = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter_mut().enumerate() {
        let path = format!("{path}[{at}]");
        reference(fields, &format!("{path}.instrument"), one.instrument.as_ref());
        let terms = one.terms.get_or_insert_default();
        read.push(line(fields, &format!("{path}.terms"), terms, usual));
    }
    read
}

/// Checks the prices of now.
pub(super) fn marks(fields: &mut Fields, asked: &[v1::HedgeMark]) {
    let path = "problem.marks";
    if !fields.at_most(path, asked.len(), limits::POSITIONS) {
        return;
    }
    for (at, mark) in asked.iter().enumerate() {
        reference(fields, &format!("{path}[{at}].instrument"), mark.instrument.as_ref());
        fields.within(&format!("{path}[{at}].price"), mark.price, PRICE.0, PRICE.1);
    }
}

/// Checks that an instrument is given, by valid identifiers.
pub(super) fn reference(fields: &mut Fields, path: &str, named: Option<&v1::InstrumentRef>) {
    match named {
        None => fields.add(path, "must be given"),
        Some(_) => portfolio::check_instrument(fields, path, named),
    }
}

/// Checks an id of the caller's.
pub(super) fn id(fields: &mut Fields, path: &str, id: &str) {
    if id.is_empty() || ID_BYTES < id.len() || id.chars().any(char::is_control) {
        fields.add(path, format!("must have 1 to {ID_BYTES} bytes and no control characters"));
    }
}

/// Reads when trades are done.
pub(super) fn clock(fields: &mut Fields, asked: &mut v1::HedgeTiming) -> Option<Clock> {
    let close = i32::from(SessionMinute::CLOSE.minutes());
    let noon = i32::from(SessionMinute::NOON.minutes());
    let path = "problem.timing";
    let now =
        fields.within_or(&format!("{path}.start_minute"), asked.start_minute, 0, (0, close - 1));
    let by = fields.within_or(
        &format!("{path}.decide_by_minute"),
        asked.decide_by_minute,
        noon.max(now),
        (now, close),
    );
    *asked = v1::HedgeTiming { start_minute: Some(now), decide_by_minute: Some(by) };
    let minute = |minute: i32| SessionMinute::new(u16::try_from(minute).ok()?);
    Clock::new(minute(now)?, minute(by)?)
}

/// Reads the bounds of the search.
pub(super) fn limits(fields: &mut Fields, asked: &mut v1::SolveLimits) -> SolveLimits {
    let path = "problem.solve_limits";
    let bounds = (1, limits::HEDGE_NODES);
    let nodes = fields.within_or(&format!("{path}.max_nodes"), asked.max_nodes, NODES, bounds);
    let gap = format!("{path}.relative_gap");
    let relative_gap = fields.within_or(&gap, asked.relative_gap, GAP, (1e-6, 1.0));
    *asked = v1::SolveLimits { max_nodes: Some(nodes), relative_gap: Some(relative_gap) };
    SolveLimits { max_nodes: usize::try_from(nodes).unwrap_or(1), relative_gap }
}
