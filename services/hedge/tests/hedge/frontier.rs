//! Frontiers: answers as one limit takes several values.

use crate::{
    fixture::{FREE, LIMITS, limit, statement},
    random,
};
use hedge::{
    constraint::{Constraint, MaxLines, Measure, MinTicket, Side},
    frontier::{Axis, NoFrontier, trace},
    limits::{Caller, SolveLimits, Stopped},
    optimize::Answer,
    plan::Plan,
    problem::{Problem, Statement},
};
use stats::matrix::SymmetricMatrix;

/// More room for gross, or more lines, never costs.
#[test]
fn a_frontier_falls_as_its_limit_widens() {
    let objectives = |statement: Statement, axis: &Axis| -> Vec<f64> {
        let problem = Problem::new(statement).unwrap();
        let answers = trace(&problem, axis, LIMITS, &Caller::waiting()).unwrap();
        let objective = |answer: Result<Answer, Stopped>| match answer.unwrap() {
            Answer::Plan(plan) => plan.proof.objective,
            Answer::Infeasible(_) => f64::INFINITY,
            Answer::Unbounded(_) => panic!("risk bounds the trades"),
        };
        answers.into_iter().map(objective).collect()
    };
    let mut fell = false;
    for seed in [2, 5, 14, 23] {
        let statement = random::by_variance(seed);
        let gross: f64 = statement.lines.iter().map(|line| line.held.abs()).sum();
        let values = [0.2, 0.6, 1.0, 1.2, 1.4].map(|share| share * gross).to_vec();
        let axis = Axis::Constraint { id: "gross".to_owned(), side: Side::Upper, values };
        let found = objectives(statement, &axis);
        assert!(found.is_sorted_by(|a, b| *b <= *a + 1e-8 * a.abs()), "{found:?}");

        let mut statement = random::bounded(random::by_variance(seed));
        statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count: 1 });
        let found = objectives(statement, &Axis::Lines { counts: vec![1, 2, 3] });
        assert!(found.is_sorted_by(|a, b| *b <= *a + 1e-8 * a.abs()), "{found:?}");
        fell |= found[2] < found[0];
    }
    assert!(fell, "a second line helps some book");
}

/// Also where searches over lines end before they find the best plans, in whatever order the values
/// come, and with enough of them as without: each begins with the lines of the next narrower limit.
#[test]
fn a_frontier_falls_where_searches_are_cut_short() {
    let short = SolveLimits { max_nodes: 2, relative_gap: 0.0 };
    let mut open = 0;
    for seed in 1..40 {
        let mut statement = random::bounded(random::by_variance(seed));
        statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count: 2 });
        statement.constraints.push(Constraint {
            id: "turnover".to_owned(),
            measure: Measure::Turnover,
            lower: None,
            upper: Some(100.0),
        });
        let problem = Problem::new(statement).unwrap();
        let values = vec![60.0, 5.0, 100.0, 20.0, 40.0, 10.0, 80.0];
        let counts = vec![3, 1, 5, 2, 4];
        let by_turnover = Axis::Constraint {
            id: "turnover".to_owned(),
            side: Side::Upper,
            values: values.clone(),
        };
        let by_lines = Axis::Lines { counts: counts.clone() };
        let counts = counts.iter().map(|count| *count as f64).collect();
        for (axis, widths) in [(by_turnover, values), (by_lines, counts)] {
            let found = |limits| -> Vec<(f64, Plan)> {
                let answers = trace(&problem, &axis, limits, &Caller::waiting()).unwrap();
                let plan = |answer: Result<Answer, Stopped>| match answer.unwrap() {
                    Answer::Plan(plan) => *plan,
                    other => panic!("no trade is allowed: {other:?}"),
                };
                let mut found: Vec<(f64, Plan)> =
                    widths.iter().copied().zip(answers.into_iter().map(plan)).collect();
                found.sort_by(|a, b| a.0.total_cmp(&b.0));
                found
            };
            let (whole, short) = (found(LIMITS), found(short));
            for pair in short.windows(2).chain(whole.windows(2)) {
                let [narrow, wide] = [&pair[0], &pair[1]].map(|(_, plan)| plan.proof.objective);
                assert!(wide <= narrow + 1e-8 * narrow.abs(), "{seed}: {wide} after {narrow}");
            }
            for ((_, whole), (_, short)) in whole.iter().zip(&short) {
                let (best, tolerance) = (whole.proof.objective, 1e-7 * whole.proof.objective.abs());
                assert!(short.proof.bound <= best + tolerance, "{seed}");
                assert!(best <= short.proof.objective + tolerance, "{seed}");
                open += usize::from(1e-6 < short.proof.gap);
            }
        }
    }
    assert!(20 <= open, "{open} searches were cut short");
}

#[test]
fn a_frontier_needs_a_limit_and_values_that_are_lawful() {
    let problem = Problem::new(random::by_variance(2)).unwrap();
    let of = |id: &str, side, value| {
        let axis = Axis::Constraint { id: id.to_owned(), side, values: vec![value] };
        trace(&problem, &axis, LIMITS, &Caller::waiting())
    };
    assert_eq!(of("none", Side::Upper, 1.0), Err(NoFrontier::UnknownLimit));
    assert_eq!(of("gross", Side::Lower, 1.0), Err(NoFrontier::UnknownLimit));
    assert_eq!(of("net", Side::Equal, 1.0), Err(NoFrontier::UnknownLimit));
    assert_eq!(of("gross", Side::Upper, -1.0), Err(NoFrontier::Value(0)));
    let lines = trace(&problem, &Axis::Lines { counts: vec![1] }, LIMITS, &Caller::waiting());
    assert_eq!(lines, Err(NoFrontier::UnknownLimit));
}

/// 100 in the book and tickets of 15 in two lines. A net of 95 at most asks for 5, of which a search of
/// one branch makes no ticket; a net of 110 asks for nothing, and one of 50 cannot be met at all.
#[test]
fn a_point_without_an_answer_leaves_the_others() {
    let covariance = SymmetricMatrix::from_lower(3, |i, j| if i == j { 1e-4 } else { 0.0 });
    let trading = [None, Some(FREE), Some(FREE)];
    let mut statement = statement(covariance.unwrap(), &[100.0, 0.0, 0.0], &trading);
    statement.constraints = vec![
        limit("net", Measure::Net, None, 100.0),
        limit("first", Measure::Trade(1), -20.0, 20.0),
        limit("second", Measure::Trade(2), -20.0, 20.0),
    ];
    statement.min_ticket = Some(MinTicket { id: "ticket".to_owned(), money: 15.0 });
    let problem = Problem::new(statement).unwrap();
    let values = vec![110.0, 95.0, 50.0];
    let axis = Axis::Constraint { id: "net".to_owned(), side: Side::Upper, values };
    let of = |max_nodes| {
        let limits = SolveLimits { max_nodes, relative_gap: 1e-9 };
        trace(&problem, &axis, limits, &Caller::waiting()).unwrap()
    };
    let [Ok(Answer::Plan(_)), Err(Stopped::NodeLimit), Ok(Answer::Infeasible(_))] = &of(1)[..]
    else {
        panic!("{:?}", of(1))
    };
    let [Ok(Answer::Plan(_)), Ok(Answer::Plan(plan)), Ok(Answer::Infeasible(_))] = &of(100)[..]
    else {
        panic!("{:?}", of(100))
    };
    let traded: f64 = plan.trades.iter().map(|trade| trade.money).sum();
    assert!((traded + 15.0).abs() < 1e-4, "one ticket: {traded}");
}

/// A caller who leaves ends the whole frontier.
#[test]
fn a_frontier_ends_with_its_caller() {
    let problem = Problem::new(random::by_variance(2)).unwrap();
    let axis = Axis::Constraint { id: "gross".to_owned(), side: Side::Upper, values: vec![1e3] };
    let found = trace(&problem, &axis, LIMITS, &Caller::new(|| true));
    assert_eq!(found, Err(NoFrontier::Cancelled));
}
