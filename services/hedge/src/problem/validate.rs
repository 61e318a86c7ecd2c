//! Finds every fault of a statement.

use super::Statement;
use crate::{
    constraint::{Constraint, Measure},
    fault::Fault,
    line::{Line, Trading},
    objective::RiskTerm,
};
use std::collections::BTreeSet;

pub(super) fn faults(statement: &Statement) -> Vec<Fault> {
    let mut found = Vec::new();
    if statement.lines.iter().all(|line| line.trading.is_none()) {
        found.push(Fault::NothingTraded);
    }
    let ids = statement.lines.iter().map(|line| &line.id);
    found.extend(repeated(ids).into_iter().map(Fault::DuplicateLine));
    found.extend(repeated(constraint_ids(statement)).into_iter().map(Fault::DuplicateConstraint));
    for line in &statement.lines {
        line_faults(statement, line, &mut found);
    }
    objective_faults(statement, &mut found);
    volume_faults(statement, &mut found);
    for constraint in &statement.constraints {
        limit_faults(constraint, &mut found);
        subject_faults(statement, constraint, &mut found);
    }
    let unknown = statement.exclusions.iter().filter(|e| !is_traded(statement, e.line));
    found.extend(unknown.map(|exclusion| Fault::UnknownSubject(exclusion.id.clone())));
    let ticket = statement.min_ticket.as_ref().filter(|ticket| !is_positive(ticket.money));
    found.extend(ticket.map(|ticket| Fault::Ticket(ticket.id.clone())));
    found
}

fn constraint_ids(statement: &Statement) -> impl Iterator<Item = &String> {
    let limits = statement.constraints.iter().map(|constraint| &constraint.id);
    let exclusions = statement.exclusions.iter().map(|exclusion| &exclusion.id);
    let lines = statement.max_lines.iter().map(|limit| &limit.id);
    let tickets = statement.min_ticket.iter().map(|limit| &limit.id);
    limits.chain(exclusions).chain(lines).chain(tickets)
}

/// Ids that occur again, in order, once per repetition.
fn repeated<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.filter(|id| !seen.insert(*id)).cloned().collect()
}

fn line_faults(statement: &Statement, line: &Line, found: &mut Vec<Fault>) {
    let mut number = |field: &'static str, lawful: bool| {
        if !lawful {
            found.push(Fault::LineNumber { line: line.id.clone(), field });
        }
    };
    let finite = |entries: &[(usize, f64)]| entries.iter().all(|(_, value)| value.is_finite());
    number("held", line.held.is_finite());
    number("exposures", finite(&line.exposures));
    number("loadings", finite(&line.loadings));
    if let Some(terms) = &line.trading {
        trading_numbers(terms).into_iter().for_each(|(field, lawful)| number(field, lawful));
        if terms.long_carry_per_session + terms.short_carry_per_session < 0.0 {
            found.push(Fault::CarryNotConvex(line.id.clone()));
        }
    }
    let sources = statement.risk.specific_variances().len();
    let indices = [
        ("exposures", &line.exposures, statement.risk.factors()),
        ("loadings", &line.loadings, sources),
    ];
    for (field, entries, size) in indices {
        let ascending = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending || entries.iter().any(|(index, _)| size <= *index) {
            found.push(Fault::LineIndex { line: line.id.clone(), field });
        }
    }
}

fn trading_numbers(terms: &Trading) -> [(&'static str, bool); 8] {
    [
        ("unit_value", is_positive(terms.unit_value)),
        ("lot_units", terms.lot_units.is_none_or(is_positive)),
        ("buy_cost", is_not_negative(terms.buy_cost)),
        ("sell_cost", is_not_negative(terms.sell_cost)),
        ("impact", is_not_negative(terms.impact)),
        ("long_carry_per_session", terms.long_carry_per_session.is_finite()),
        ("short_carry_per_session", terms.short_carry_per_session.is_finite()),
        ("volume", terms.volume.is_none_or(is_positive)),
    ]
}

fn objective_faults(statement: &Statement, found: &mut Vec<Fault>) {
    let objective = &statement.objective;
    let mut number = |field: &'static str, lawful: bool| {
        if !lawful {
            found.push(Fault::ObjectiveNumber(field));
        }
    };
    number("horizon_sessions", is_not_negative(objective.horizon_sessions));
    match &objective.risk {
        RiskTerm::Variance { aversion } => number("aversion", is_not_negative(*aversion)),
        RiskTerm::Tail { weight, scenarios } => {
            number("weight", is_not_negative(*weight));
            let traded = statement.lines.iter().filter(|line| line.trading.is_some()).count();
            let given = scenarios.returns().len();
            if given != traded {
                found.push(Fault::ScenarioLines { given, traded });
            }
        }
    }
}

fn volume_faults(statement: &Statement, found: &mut Vec<Fault>) {
    let is_participation = |constraint: &Constraint| constraint.measure == Measure::Participation;
    if !statement.constraints.iter().any(is_participation) {
        return;
    }
    let unknown = |line: &&Line| line.trading.is_some_and(|terms| terms.volume.is_none());
    let lines = statement.lines.iter().filter(unknown);
    found.extend(lines.map(|line| Fault::UnknownVolume(line.id.clone())));
}

fn limit_faults(constraint: &Constraint, found: &mut Vec<Fault>) {
    let id = || constraint.id.clone();
    let (lower, upper) = (constraint.lower, constraint.upper);
    if lower.is_none() && upper.is_none() {
        found.push(Fault::NoLimit(id()));
    }
    if lower.iter().chain(&upper).any(|limit| !limit.is_finite()) {
        found.push(Fault::LimitNotFinite(id()));
    }
    if lower.zip(upper).is_some_and(|(lower, upper)| upper < lower) {
        found.push(Fault::CrossedLimits(id()));
    }
    if constraint.measure.takes_upper_only() {
        found.extend(lower.map(|_| Fault::NotConvex(id())));
        found.extend(upper.filter(|limit| *limit < 0.0).map(|_| Fault::NegativeLimit(id())));
    }
}

fn subject_faults(statement: &Statement, constraint: &Constraint, found: &mut Vec<Fault>) {
    let lines = statement.lines.len();
    let id = || constraint.id.clone();
    match &constraint.measure {
        Measure::Factor(factor) if statement.risk.factors() <= *factor => {
            found.push(Fault::UnknownSubject(id()));
        }
        Measure::Position(line) if lines <= *line => found.push(Fault::UnknownSubject(id())),
        Measure::Trade(line) if !is_traded(statement, *line) => {
            found.push(Fault::UnknownSubject(id()));
        }
        Measure::Weighted { weights, offset, .. }
            if weights.len() != lines
                || !weights.iter().chain([offset]).all(|weight| weight.is_finite()) =>
        {
            found.push(Fault::Weights(id()));
        }
        Measure::OfLines { weights, .. } | Measure::Positive { weights }
            if !weights.iter().all(|(line, weight)| *line < lines && weight.is_finite())
                || !weights.is_sorted_by(|(a, _), (b, _)| a < b) =>
        {
            found.push(Fault::Weights(id()));
        }
        Measure::WorstShorts { count, losses, options } => {
            let sources = statement.risk.specific_variances().len();
            let lawful = losses.iter().all(|loss| is_not_negative(*loss))
                && options.is_valid((lines, sources));
            if *count == 0 || losses.len() != sources || !lawful {
                found.push(Fault::Losses(id()));
            }
        }
        _ => {}
    }
}

fn is_traded(statement: &Statement, line: usize) -> bool {
    statement.lines.get(line).is_some_and(|line| line.trading.is_some())
}

fn is_positive(value: f64) -> bool {
    0.0 < value && value.is_finite()
}

fn is_not_negative(value: f64) -> bool {
    0.0 <= value && value.is_finite()
}
