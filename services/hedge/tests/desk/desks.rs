//! Terms, wishes and plans as tests want them.

use crate::view::View;
use hedge::{
    clock::{Clock, SessionMinute},
    desk::Desk,
    limits::{Caller, SolveLimits},
    optimize::Answer,
    plan::Plan,
    plans::{PlanReport, plans},
    scenario::Moves,
    scheme::Scheme,
    terms::{DeskTerms, Instrument, LineTerms, ScenarioUse, VarianceDays},
    wish::{Aim, Meaning, SqueezeBudget, Wish, WrittenBudget},
};
use marketdata::instrument::InstrumentId;
use portfolio::book::Book;
use risk::factor_view::FactorView;
use std::collections::BTreeMap;

pub(crate) const LIMITS: SolveLimits = SolveLimits { max_nodes: 1_000, relative_gap: 1e-9 };

/// Two basis points to trade, financing at 5 % and a borrow fee of 1 %.
pub(crate) const TERMS: LineTerms = LineTerms {
    lot_units: None,
    half_spread: 1e-4,
    commission: 1e-4,
    long_carry: 0.05,
    short_carry: 0.01,
    margin: 0.5,
};

/// The two indices of the simulated market.
pub(crate) const FUNDS: [&str; 2] = ["^GSPC", "^RUT"];

pub(crate) fn instrument(view: &View, symbol: &str) -> Instrument {
    Instrument {
        id: symbol.to_owned(),
        moves_as: view.id(symbol),
        contract_units: None,
        option: None,
        volume: None,
        terms: TERMS,
    }
}

/// All day, and the decision by noon.
pub(crate) fn terms(view: &View, instruments: &[&str]) -> DeskTerms {
    DeskTerms {
        positions: TERMS,
        single: Vec::new(),
        marks: Vec::new(),
        instruments: instruments.iter().map(|symbol| instrument(view, symbol)).collect(),
        held_sessions: 10.0,
        impact_size: 0.05,
        clock: Clock::new(SessionMinute::OPEN, SessionMinute::NOON).unwrap(),
        scenarios: ScenarioUse::EveryMonth,
        simulation: None,
        limited_scenarios: 0,
        days: VarianceDays::All,
    }
}

pub(crate) fn wish(aversion: f64) -> Wish {
    Wish {
        aim: Aim::Variance { aversion },
        horizon_sessions: 10.0,
        limits: Vec::new(),
        excluded: Vec::new(),
        max_lines: None,
        min_ticket: None,
        participation: Some(0.2),
        squeeze: SqueezeBudget::NotMore,
        written: WrittenBudget::Share,
        written_notional: WrittenBudget::Share,
    }
}

/// A desk whose caller waits.
#[track_caller]
pub(crate) fn desk_of<'a>(view: &'a FactorView<'a>, book: &Book, terms: &DeskTerms) -> Desk<'a> {
    Desk::of(view, book, terms, &Caller::waiting()).unwrap()
}

pub(crate) fn reports(desk: &Desk<'_>, wish: &Wish) -> Vec<PlanReport> {
    plans(desk, wish, LIMITS, &Caller::waiting()).unwrap()
}

/// The plan of a scheme.
#[track_caller]
pub(crate) fn plan(reports: &[PlanReport], scheme: Scheme) -> &Plan {
    let report = reports.iter().find(|report| report.scheme == scheme).unwrap();
    match report.answer.as_ref().unwrap() {
        Answer::Plan(plan) => plan,
        other => unreachable!("{other:?}"),
    }
}

/// The P&L of returns at rates that stay.
#[track_caller]
pub(crate) fn at_rates_of_now(desk: &Desk<'_>, returns: Vec<(InstrumentId, f64)>) -> Meaning {
    let returns = returns.into_iter().collect();
    Meaning::Scenario(desk.scenario(&Moves { returns, rates: BTreeMap::new() }).unwrap())
}
