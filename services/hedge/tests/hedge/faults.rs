//! Statements with faults: every one is named.

use crate::{
    fixture::{FREE, limit, statement},
    random,
};
use hedge::{
    constraint::{Exclusion, ExclusionRule, MaxLines, Measure, MinTicket, Weights},
    fault::Fault,
    line::Trading,
    objective::{Centring, InvalidScenarios, RiskTerm, Scenarios},
    optimize::{InvalidTrades, evaluate},
    problem::Problem,
    risk::{FactorRisk, InvalidRisk},
    squeezed::SqueezedOptions,
};
use stats::matrix::SymmetricMatrix;

#[test]
fn all_faults_of_a_statement_are_named_at_once() {
    let mut statement = random::by_variance(8);
    let count = statement.lines.len();
    statement.lines[1].id = "L0".to_owned();
    statement.lines[0].held = f64::NAN;
    statement.lines[2].exposures = vec![(99, 1.0)];
    statement.lines[3].trading =
        Some(Trading { unit_value: 0.0, short_carry_per_session: -1.0, ..FREE });
    statement.objective.horizon_sessions = -1.0;
    let weights = vec![1.0; count - 1];
    statement.constraints = vec![
        limit("none", Measure::Net, None, None),
        limit("crossed", Measure::Net, 2.0, 1.0),
        limit("floor of gross", Measure::Gross, 1.0, None),
        limit("negative", Measure::Turnover, None, -1.0),
        limit("infinite", Measure::Net, None, f64::INFINITY),
        limit("factor", Measure::Factor(99), None, 1.0),
        limit("line", Measure::Position(count), None, 1.0),
        limit(
            "weights",
            Measure::Weighted { offset: 0.0, kind: Weights::Betas, weights },
            None,
            1.0,
        ),
        limit("line", Measure::Participation, None, 0.1),
        limit(
            "losses",
            Measure::WorstShorts { count: 3, losses: vec![0.5], options: SqueezedOptions::NONE },
            None,
            1.0,
        ),
    ];
    statement.exclusions =
        vec![Exclusion { id: "gone".to_owned(), line: count, rule: ExclusionRule::NoTrade }];
    statement.min_ticket = Some(MinTicket { id: "ticket".to_owned(), money: 0.0 });
    let traded: Vec<String> = statement
        .lines
        .iter()
        .filter(|line| line.trading.is_some())
        .map(|line| line.id.clone())
        .collect();
    let number = |line: &str, field| Fault::LineNumber { line: line.to_owned(), field };
    let id = |id: &str| id.to_owned();
    let mut expected = vec![
        Fault::DuplicateLine(id("L0")),
        Fault::DuplicateConstraint(id("line")),
        number("L0", "held"),
        Fault::LineIndex { line: id("L2"), field: "exposures" },
        number("L3", "unit_value"),
        Fault::CarryNotConvex(id("L3")),
        Fault::ObjectiveNumber("horizon_sessions"),
    ];
    expected.extend(traded.into_iter().map(Fault::UnknownVolume));
    expected.extend([
        Fault::NoLimit(id("none")),
        Fault::CrossedLimits(id("crossed")),
        Fault::NotConvex(id("floor of gross")),
        Fault::NegativeLimit(id("negative")),
        Fault::LimitNotFinite(id("infinite")),
        Fault::UnknownSubject(id("factor")),
        Fault::UnknownSubject(id("line")),
        Fault::Weights(id("weights")),
        Fault::Losses(id("losses")),
        Fault::UnknownSubject(id("gone")),
        Fault::Ticket(id("ticket")),
    ]);
    assert_eq!(Problem::new(statement).unwrap_err(), expected);
}

#[test]
fn nothing_to_trade_and_trades_without_a_range_are_faults() {
    let mut statement = random::by_variance(3);
    statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count: 2 });
    let unbounded = Problem::new(statement.clone()).unwrap_err();
    // The last line has a range of its own.
    let bounded = statement.lines.last().unwrap().id.clone();
    assert_eq!(unbounded.len(), statement.lines.len() - 1);
    assert!(!unbounded.contains(&Fault::UnboundedTrade(bounded)));
    statement.max_lines = None;
    statement.constraints.clear();
    statement.lines.iter_mut().for_each(|line| line.trading = None);
    assert_eq!(Problem::new(statement), Err(vec![Fault::NothingTraded]));
}

#[test]
fn a_covariance_that_is_none_is_refused() {
    let entry = |i: usize, j: usize| if i == j { 1.0 } else { 2.0 };
    let wrong = SymmetricMatrix::from_lower(2, entry).unwrap();
    let found = FactorRisk::new(wrong, vec![1.0, -1.0]);
    assert_eq!(found, Err(vec![InvalidRisk::NotPositive, InvalidRisk::SpecificVariance(1)]));
    // Two factors that are one and the same are no fault.
    let same = SymmetricMatrix::from_lower(2, |_, _| 1e-4).unwrap();
    assert!(FactorRisk::new(same, Vec::new()).is_ok());
}

#[test]
fn scenarios_are_checked() {
    let found = Scenarios::new(1.0, vec![0.0, f64::NAN], vec![vec![0.0]], Centring::AsGiven);
    let length = InvalidScenarios::Length { line: 0, returns: 1, scenarios: 2 };
    let expected = vec![InvalidScenarios::Confidence, InvalidScenarios::BookNotFinite(1), length];
    assert_eq!(found, Err(expected));
    let mut statement = random::by_variance(3);
    let scenarios = Scenarios::new(0.9, vec![0.0], vec![vec![0.0]], Centring::AsGiven).unwrap();
    statement.objective.risk = RiskTerm::Tail { weight: 1.0, scenarios };
    let traded = statement.lines.len();
    let expected = Fault::ScenarioLines { given: 1, traded };
    assert_eq!(Problem::new(statement), Err(vec![expected]));
}

#[test]
fn trades_to_be_judged_are_one_finite_number_per_traded_line() {
    let one = SymmetricMatrix::from_lower(2, |i, j| if i == j { 1.0 } else { 0.0 }).unwrap();
    let problem = Problem::new(statement(one, &[1.0, 0.0], &[None, Some(FREE)])).unwrap();
    let found = evaluate(&problem, &[1.0, f64::NAN]);
    let count = InvalidTrades::Count { given: 2, traded: 1 };
    assert_eq!(found, Err(vec![count, InvalidTrades::NotFinite(1)]));
}

#[test]
fn a_book_whose_risk_is_no_number_is_refused() {
    let one = SymmetricMatrix::from_lower(2, |i, j| if i == j { 1.0 } else { 0.0 }).unwrap();
    let statement = statement(one, &[1e200, 0.0], &[None, Some(FREE)]);
    assert_eq!(Problem::new(statement), Err(vec![Fault::TooLarge]));
}
