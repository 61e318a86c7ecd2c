//! Validates the limits of a hedging problem: what is limited, and between which values.

use super::terms::{id, reference};
use crate::{
    limits,
    rpc::{
        field::Fields,
        scenario::{self, Event, resolve::listed_ids},
    },
};
use ::hedge::{
    constraint::ExclusionRule,
    wish::{
        BOUGHT_PREFIX, CUT_PREFIX, LINES_ID, PARTICIPATION_ID, SQUEEZE_ID, TICKET_ID,
        WRITTEN_NOTIONAL_ID, WRITTEN_PREFIX,
    },
};
use contract::v1::{
    self, BookNumber, ExposureNumber, FactorNumber, GroupByKind, hedge_constraint::Limited as Wire,
    hedge_line::Line, measure_ref::Measure,
};
use std::collections::BTreeSet;

/// Id of the cross-section model of factors.
const CROSS_SECTION: &str = "ballast-cross-section";
/// Largest limit either way, in any unit.
pub(super) const LIMIT: f64 = 1e15;
/// The only trade whose betas names have.
const TRADE_FACTOR: &str = "trade/megacap_small_cap";

const ACCEPTED: &str = "must be EXPOSURE of the book with NET or GROSS, NET of a group of sizes or \
                        sectors, or BOTTOM_UP of a factor: MARKET or trade/megacap_small_cap of \
                        ballast-regression, or one of ballast-cross-section";

/// What a constraint limits; lines and groups are found in the view.
#[derive(Clone, Debug)]
pub(super) enum Limited {
    Net,
    Gross,
    Turnover,
    Spread,
    Premium,
    MarketBeta,
    TradeBeta,
    Sector(String),
    Size(String),
    Factor(String),
    Position(v1::HedgeLine),
    Trade(v1::HedgeLine),
    Scenario(Event),
}

/// A limit.
#[derive(Clone, Debug)]
pub(super) struct AskedLimit {
    pub(super) id: String,
    pub(super) limited: Limited,
    pub(super) lower: Option<f64>,
    pub(super) upper: Option<f64>,
}

/// An exclusion.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AskedExclusion {
    pub(super) id: String,
    pub(super) line: v1::HedgeLine,
    pub(super) rule: ExclusionRule,
}

/// Reads the constraints.
pub(super) fn constraints(
    fields: &mut Fields,
    asked: &mut [v1::HedgeConstraint],
    ids: &mut BTreeSet<String>,
) -> Vec<AskedLimit> {
    let path = "problem.constraints";
    if !fields.at_most(path, asked.len(), limits::HEDGE_CONSTRAINTS) {
        return Vec::new();
    }
    let mut read = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter_mut().enumerate() {
        let path = format!("{path}[{at}]");
        constraint_id(fields, &path, &one.constraint_id, ids);
        let limited = limited(fields, &path, &mut one.limited);
        bounds(fields, &path, one, limited.as_ref());
        let (id, lower, upper) = (one.constraint_id.clone(), one.lower, one.upper);
        read.extend(limited.map(|limited| AskedLimit { id, limited, lower, upper }));
    }
    read
}

fn constraint_id(fields: &mut Fields, path: &str, given: &str, ids: &mut BTreeSet<String>) {
    let path = format!("{path}.constraint_id");
    id(fields, &path, given);
    let own = [SQUEEZE_ID, PARTICIPATION_ID, LINES_ID, TICKET_ID, WRITTEN_NOTIONAL_ID];
    let is_own = own.contains(&given);
    let prefixes = [CUT_PREFIX, BOUGHT_PREFIX, WRITTEN_PREFIX];
    if is_own || prefixes.iter().any(|prefix| given.starts_with(prefix)) {
        fields.add(&path, "must not be an id that the problem gives itself");
    }
    if !ids.insert(given.to_owned()) {
        fields.add(path, "appears twice");
    }
}

fn bounds(fields: &mut Fields, path: &str, asked: &v1::HedgeConstraint, limited: Option<&Limited>) {
    if asked.lower.is_none() && asked.upper.is_none() {
        fields.add(path, "must have lower, upper or both");
    }
    let mut check = |side: &str, value: Option<f64>, least: f64| {
        value.inspect(|value| {
            fields.within(&format!("{path}.{side}"), *value, least, LIMIT);
        })
    };
    let upper_only = matches!(limited, Some(Limited::Gross | Limited::Turnover | Limited::Spread));
    let lower = check("lower", asked.lower, -LIMIT);
    let upper = check("upper", asked.upper, if upper_only { 0.0 } else { -LIMIT });
    if lower.zip(upper).is_some_and(|(lower, upper)| upper < lower) {
        fields.add(format!("{path}.upper"), "must not be below lower");
    }
    if upper_only && lower.is_some() {
        fields.add(
            format!("{path}.lower"),
            "must be absent: gross, turnover and spread take an upper limit only",
        );
    }
}

fn limited(fields: &mut Fields, path: &str, asked: &mut Option<Wire>) -> Option<Limited> {
    match asked {
        None => {
            fields.add(path, "must limit a measure, a position, a trade or a number of all trades");
            None
        }
        Some(Wire::Measure(reference)) => {
            let read = measure(reference);
            if read.is_none() {
                fields.add(format!("{path}.measure"), ACCEPTED);
            }
            read
        }
        Some(Wire::Position(of)) => {
            line(fields, &format!("{path}.position"), Some(of)).map(Limited::Position)
        }
        Some(Wire::Trade(of)) => {
            line(fields, &format!("{path}.trade"), Some(of)).map(Limited::Trade)
        }
        Some(Wire::Trades(number)) => match fields.choice(&format!("{path}.trades"), *number) {
            v1::HedgeTradesNumber::Turnover => Some(Limited::Turnover),
            v1::HedgeTradesNumber::Spread => Some(Limited::Spread),
            v1::HedgeTradesNumber::Premium => Some(Limited::Premium),
            v1::HedgeTradesNumber::Unspecified => {
                fields.add(format!("{path}.trades"), "must be given");
                None
            }
        },
        Some(Wire::Scenario(asked)) => {
            let path = format!("{path}.scenario");
            let read = scenario::scenario(fields, &path, asked)?;
            let is_unknown = |id: &String| !listed_ids().any(|known| known == id);
            if matches!(&read.event, Event::Listed { scenario_id, .. } if is_unknown(scenario_id)) {
                let text = "must be listed by StressService.ListScenarios";
                fields.add(format!("{path}.listed.scenario_id"), text);
            }
            if read.squeeze.is_some() {
                fields.add(format!("{path}.squeeze"), "must be absent: squeeze_budget limits one");
            }
            Some(Limited::Scenario(read.event))
        }
    }
}

/// A line of the problem, if exactly one is named in a valid way.
pub(super) fn line(
    fields: &mut Fields,
    path: &str,
    asked: Option<&v1::HedgeLine>,
) -> Option<v1::HedgeLine> {
    match asked.and_then(|line| line.line.as_ref()) {
        None => fields.add(path, "must name an instrument or a contract"),
        Some(Line::Instrument(named)) => {
            reference(fields, &format!("{path}.instrument"), Some(named));
        }
        Some(Line::ContractId(contract)) => id(fields, &format!("{path}.contract_id"), contract),
    }
    asked.cloned()
}

/// The number that a reference stands for, if plans can limit it.
fn measure(reference: &v1::MeasureRef) -> Option<Limited> {
    match reference.measure.as_ref()? {
        Measure::Book(book)
            if book.number() == BookNumber::Exposure && book.repeat_on.is_empty() =>
        {
            match book.exposure() {
                ExposureNumber::Net => Some(Limited::Net),
                ExposureNumber::Gross => Some(Limited::Gross),
                _ => None,
            }
        }
        Measure::Group(group) if group.number() == ExposureNumber::Net => {
            let group_id = group.group_id.clone().filter(|id| !id.is_empty())?;
            match group.group_by.as_ref()?.kind() {
                GroupByKind::Size => Some(Limited::Size(group_id)),
                GroupByKind::Sector => Some(Limited::Sector(group_id)),
                _ => None,
            }
        }
        Measure::Factor(factor) if factor.number() == FactorNumber::BottomUp => {
            match (factor.model_id.as_str(), factor.factor_id.as_str()) {
                (exposure::factor::MODEL_ID, "MARKET") => Some(Limited::MarketBeta),
                (exposure::factor::MODEL_ID, TRADE_FACTOR) => Some(Limited::TradeBeta),
                (CROSS_SECTION, id) if !id.is_empty() => Some(Limited::Factor(id.to_owned())),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Reads the exclusions.
pub(super) fn exclusions(
    fields: &mut Fields,
    asked: &[v1::HedgeExclusion],
    ids: &mut BTreeSet<String>,
) -> Vec<AskedExclusion> {
    let path = "problem.exclusions";
    if !fields.at_most(path, asked.len(), limits::HEDGE_EXCLUSIONS) {
        return Vec::new();
    }
    let mut read = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter().enumerate() {
        let path = format!("{path}[{at}]");
        constraint_id(fields, &path, &one.constraint_id, ids);
        let line = line(fields, &format!("{path}.line"), one.line.as_ref());
        let rule_path = format!("{path}.rule");
        let rule = match fields.choice(&rule_path, one.rule) {
            v1::HedgeExclusionRule::NoTrade => Some(ExclusionRule::NoTrade),
            v1::HedgeExclusionRule::NoNewShort => Some(ExclusionRule::NoNewShort),
            v1::HedgeExclusionRule::Unspecified => {
                fields.add(rule_path, "must be given");
                None
            }
        };
        let id = one.constraint_id.clone();
        read.extend(line.zip(rule).map(|(line, rule)| AskedExclusion { id, line, rule }));
    }
    read
}
