//! Problems that no trades can solve: which constraints contradict each other, and what would suffice.

use crate::fixture::{FREE, LIMITS, answer, draws, limit, statement};
use hedge::{
    conflict::{EXPLANATION_SOLVES, Infeasible, Relaxation},
    constraint::{
        Constraint, Exclusion, ExclusionRule, MaxLines, Measure, MinTicket, Side, Unit, Weights,
    },
    limits::Caller,
    line::{Line, Trading},
    optimize::{Answer, optimize},
    problem::{Problem, Statement},
    risk::FactorRisk,
};
use stats::matrix::SymmetricMatrix;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A book of 100 in the first line, and two lines that trade; each has a variance of its own.
fn book(constraints: Vec<Constraint>) -> Statement {
    let covariance = SymmetricMatrix::from_lower(3, |i, j| if i == j { 1e-4 } else { 0.0 });
    let trading = [None, Some(FREE), Some(FREE)];
    let mut statement = statement(covariance.unwrap(), &[100.0, 0.0, 0.0], &trading);
    statement.constraints = constraints;
    statement
}

fn conflict(statement: Statement) -> Infeasible {
    match answer(statement) {
        Answer::Infeasible(found) => found,
        other => panic!("{other:?}"),
    }
}

/// A change is enlarged by a millionth of the book, 1e-4, so that it suffices whatever is rounded.
fn check(found: &[Relaxation], expected: &[(&str, Side, f64, f64)]) {
    let ids = |r: &Relaxation| (r.constraint.clone(), r.side);
    let wanted: Vec<_> = expected.iter().map(|(id, side, ..)| ((*id).to_owned(), *side)).collect();
    assert_eq!(found.iter().map(ids).collect::<Vec<_>>(), wanted, "{found:?}");
    for (relaxation, (_, _, from, to)) in found.iter().zip(expected) {
        assert!((relaxation.from - from).abs() < 1e-12, "{relaxation:?}");
        assert!((relaxation.to - to).abs() < 3e-4, "{relaxation:?} for {to}");
    }
}

/// 100 in the book, at most 20 sold of each line: net is at least 60 and must be at most 50.
#[test]
fn limits_that_contradict_each_other_are_named_with_what_suffices() {
    let found = conflict(book(vec![
        limit("gross", Measure::Gross, None, 1_000.0),
        limit("first", Measure::Trade(1), -20.0, 20.0),
        limit("second", Measure::Trade(2), -20.0, 20.0),
        limit("net", Measure::Net, None, 50.0),
    ]));
    assert_eq!(found.conflict, ["first", "second", "net"]);
    check(
        &found.alone,
        &[
            ("first", Side::Lower, -20.0, -30.0),
            ("second", Side::Lower, -20.0, -30.0),
            ("net", Side::Upper, 50.0, 60.0),
        ],
    );
    // The smallest share: 10 of 50 is less than 10 of 20.
    check(&found.together, &[("net", Side::Upper, 50.0, 60.0)]);
}

#[test]
fn an_exclusion_is_part_of_a_conflict_but_has_no_limit_to_change() {
    let mut statement = book(vec![
        limit("second", Measure::Trade(2), 0.0, 0.0),
        limit("net", Measure::Net, None, 50.0),
    ]);
    let exclude = |line, rule| Exclusion { id: format!("exclude {line}"), line, rule };
    statement.exclusions = vec![exclude(1, ExclusionRule::NoTrade)];
    let found = conflict(statement.clone());
    assert_eq!(found.conflict, ["second", "net", "exclude 1"]);
    // The equality is widened on the side that helps.
    check(&found.alone, &[("second", Side::Lower, 0.0, -50.0), ("net", Side::Upper, 50.0, 100.0)]);

    statement.exclusions = vec![exclude(1, ExclusionRule::NoNewShort)];
    assert_eq!(conflict(statement).conflict, ["second", "net", "exclude 1"]);
}

#[test]
fn participation_is_relaxed_in_its_own_unit() {
    let mut statement = book(vec![
        limit("participation", Measure::Participation, None, 0.1),
        limit("net", Measure::Net, None, 40.0),
    ]);
    for line in &mut statement.lines {
        line.trading = line.trading.map(|terms| Trading { volume: Some(100.0), ..terms });
    }
    let found = conflict(statement);
    assert_eq!(found.conflict, ["participation", "net"]);
    // 60 to sell in two lines of volume 100: 0.3 of each.
    check(
        &found.alone,
        &[("participation", Side::Upper, 0.1, 0.3), ("net", Side::Upper, 40.0, 80.0)],
    );
    assert_eq!(found.alone[0].unit, Unit::VolumeShare);
}

/// Each of two groups has a conflict of its own: no single change helps.
#[test]
fn two_conflicts_need_two_changes() {
    let group = |weights: [f64; 3]| Measure::Weighted {
        offset: 0.0,
        kind: Weights::Members,
        weights: weights.to_vec(),
    };
    let found = conflict(book(vec![
        limit("first range", Measure::Trade(1), -20.0, 20.0),
        limit("first group", group([0.0, 1.0, 0.0]), 30.0, None),
        limit("second range", Measure::Trade(2), -20.0, 20.0),
        limit("second group", group([0.0, 0.0, 1.0]), 30.0, None),
    ]));
    assert_eq!(found.conflict, ["second range", "second group"]);
    assert!(found.alone.is_empty(), "{:?}", found.alone);
    // 10 of 30 is a smaller share than 10 of 20.
    check(
        &found.together,
        &[("first group", Side::Lower, 30.0, 20.0), ("second group", Side::Lower, 30.0, 20.0)],
    );
}

/// Random limits on a book of three lines, some tiny beside it and some missed by little: a limit is
/// listed alone just if trades meet all others without it.
#[test]
fn every_limit_whose_change_alone_suffices_is_listed() {
    let group = |weights: &[f64]| Measure::Weighted {
        offset: 0.0,
        kind: Weights::Members,
        weights: weights.iter().map(|u| (4.0 * u).round() / 2.0).collect(),
    };
    let mut conflicts = 0;
    for seed in 0..400 {
        let u = draws(7 * seed + 1, 40);
        // From a millionth of the book to all of it, either way.
        let size = |at: usize| 200.0 * u[at] * 10.0_f64.powf(-6.0 * (u[at + 1] + 0.5));
        let constraints = vec![
            limit("first", Measure::Trade(1), -size(0).abs(), size(2).abs()),
            limit("second", Measure::Trade(2), -size(4).abs(), size(6).abs()),
            limit("net", Measure::Net, None, 100.0 + size(8)),
            limit("group", group(&u[10..13]), size(13), None),
            limit("other", group(&u[15..18]), None, size(18)),
            limit("third", group(&u[20..23]), size(23), size(23) + size(25).abs()),
            limit("gross", Measure::Gross, None, (100.0 + size(27)).max(0.0)),
            limit("turnover", Measure::Turnover, None, size(29).abs()),
        ];
        let Answer::Infeasible(found) = answer(book(constraints.clone())) else { continue };
        conflicts += 1;
        let suffices = |at: &usize| {
            let mut others = constraints.clone();
            others.remove(*at);
            !matches!(answer(book(others)), Answer::Infeasible(_))
        };
        let expected: Vec<&str> =
            (0..constraints.len()).filter(suffices).map(|at| constraints[at].id.as_str()).collect();
        let listed: Vec<&str> = found.alone.iter().map(|r| r.constraint.as_str()).collect();
        // A constraint with two limits may need both, and gives a change for each.
        let mut listed_once = listed.clone();
        listed_once.dedup();
        assert_eq!(listed_once, expected, "{seed}: {found:?} {constraints:?}");
    }
    assert!(100 < conflicts, "{conflicts}");
}

/// 30 to sell in tickets of 25 or more, in lines of at most 20: a ticket of at most 20 will do. With one
/// line as well, both must change: two lines, and tickets of at most 15 or so.
#[test]
fn a_ticket_that_is_too_large_is_relaxed() {
    let mut statement = book(vec![
        limit("first", Measure::Trade(1), -20.0, 20.0),
        limit("second", Measure::Trade(2), -20.0, 20.0),
        limit("net", Measure::Net, None, 70.0),
    ]);
    statement.min_ticket = Some(MinTicket { id: "ticket".to_owned(), money: 25.0 });
    let found = conflict(statement.clone());
    assert_eq!(found.conflict, ["ticket"]);
    let [change] = &found.alone[..] else { panic!("{found:?}") };
    assert_eq!((change.constraint.as_str(), change.side), ("ticket", Side::Lower));
    // A thousandth of the ticket below the largest that does.
    assert!((19.95..=20.0).contains(&change.to), "{change:?}");
    assert_eq!(found.together, found.alone);

    statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count: 1 });
    let found = conflict(statement);
    assert_eq!(found.conflict, ["lines", "ticket"]);
    assert_eq!(found.alone, []);
    let [lines, ticket] = &found.together[..] else { panic!("{found:?}") };
    assert_eq!((lines.constraint.as_str(), lines.to), ("lines", 2.0));
    assert!((19.95..=20.0).contains(&ticket.to), "{ticket:?}");
}

/// 0.01 to sell in lines of at most 0.01, in tickets of 25 or more: a ticket of 0.01 will do, which is less
/// than a thousandth of 25 and was said to be 0.
#[test]
fn a_ticket_far_too_large_is_relaxed_to_one_above_zero() {
    let mut statement = book(vec![
        limit("first", Measure::Trade(1), -0.01, 0.01),
        limit("second", Measure::Trade(2), 0.0, 0.0),
        limit("net", Measure::Net, None, 99.99),
    ]);
    statement.min_ticket = Some(MinTicket { id: "ticket".to_owned(), money: 25.0 });
    let found = conflict(statement.clone());
    assert_eq!(found.conflict, ["ticket"]);
    let [change] = &found.alone[..] else { panic!("{found:?}") };
    // Halved from 25/1024 on: 0.0122 is too large, 0.0061 is not.
    assert!((0.005..=0.01).contains(&change.to), "{change:?}");
    assert_eq!(found.together, found.alone);
    let money = change.to;
    statement.min_ticket = Some(MinTicket { id: "ticket".to_owned(), money });
    assert!(matches!(answer(statement), Answer::Plan(_)));
}

/// No trade changes a position that must stay.
#[test]
fn a_limit_that_no_trade_can_reach_is_a_conflict_of_one() {
    let found = conflict(book(vec![limit("position", Measure::Position(0), None, 50.0)]));
    assert_eq!(found.conflict, ["position"]);
    check(&found.alone, &[("position", Side::Upper, 50.0, 100.0)]);
}

/// 30 to sell, at most 20 in a line: one line is too few.
#[test]
fn too_few_lines_are_a_conflict_with_the_number_that_suffices() {
    let mut statement = book(vec![
        limit("first", Measure::Trade(1), -20.0, 20.0),
        limit("second", Measure::Trade(2), -20.0, 20.0),
        limit("net", Measure::Net, None, 70.0),
    ]);
    statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count: 1 });
    let found = conflict(statement);
    assert_eq!(found.conflict, ["lines"]);
    check(&found.alone, &[("lines", Side::Upper, 1.0, 2.0)]);
}

/// 1,000 names of one each, of which each may only shrink, in a book whose net must double: all of the
/// 1,000 limits and that on net are needed, and every one is a convex problem to prove it and two to
/// relax it. A second limit on gross has no part in it.
#[test]
fn a_conflict_of_a_thousand_limits_is_explained_by_a_bounded_number_of_solves() {
    const NAMES: usize = 1_000;
    let lines: Vec<Line> = (0..NAMES)
        .map(|at| Line {
            id: format!("L{at}"),
            held: 1.0,
            exposures: vec![(0, 1.0)],
            loadings: vec![(at, 1.0)],
            trading: Some(FREE),
        })
        .collect();
    let variance = SymmetricMatrix::from_lower(1, |_, _| 1e-4).unwrap();
    let mut constraints =
        vec![limit("gross", Measure::Gross, None, 1e6), limit("net", Measure::Net, 2_000.0, None)];
    let cut = |at| limit(&format!("cut {at}"), Measure::Position(at), 0.0, 1.0);
    constraints.extend((0..NAMES).map(cut));
    let problem = Problem::new(Statement {
        lines,
        risk: FactorRisk::new(variance, vec![4e-4; NAMES]).unwrap(),
        constraints,
        ..book(Vec::new())
    });
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let counted = Caller::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        false
    });
    let Ok(Answer::Infeasible(found)) = optimize(&problem.unwrap(), LIMITS, &counted) else {
        panic!("the limits contradict each other");
    };
    // One more finds that there are no trades. The caller is asked before each and in every iteration,
    // which are fewer than 60; a problem for each limit would be 3,000.
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked <= 60 * (EXPLANATION_SOLVES + 4), "{asked}");
    assert!(found.solves <= EXPLANATION_SOLVES, "{}", found.solves);
    assert_eq!(found.conflict.len(), NAMES + 1);
    assert_eq!(found.conflict[0], "net");
    let first = &found.alone[0];
    assert_eq!(first.constraint, "net");
    assert!((first.to - 1_000.0).abs() < 3e-3, "{first:?}");
    assert_eq!(found.together.len(), 1, "net alone is the smallest share: {:?}", found.together);
}

/// Enough limits for a narrower certificate, of which only the last two contradict each other.
#[test]
fn a_small_conflict_among_a_thousand_limits_is_found() {
    const NAMES: usize = 1_000;
    let mut statement = book(
        (0..NAMES)
            .map(|at| limit(&format!("loose {at}"), Measure::Trade(1), -2e3 - at as f64, 2e3))
            .collect(),
    );
    statement.constraints.push(limit("range", Measure::Trade(1), -20.0, 20.0));
    statement.constraints.push(limit("other", Measure::Trade(2), -20.0, 20.0));
    statement.constraints.push(limit("net", Measure::Net, None, 50.0));
    assert_eq!(conflict(statement).conflict, ["range", "other", "net"]);
}
