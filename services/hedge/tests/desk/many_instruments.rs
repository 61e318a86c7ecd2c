//! Many instruments in a plan: what the factor form of the covariance keeps a plan from believing.

use crate::{
    desks::{desk_of, terms, wish},
    view::View,
};
use hedge::{
    limits::{Caller, SolveLimits},
    optimize::{Answer, optimize},
    scheme::Scheme,
    simulated::{Distribution, Simulation},
    terms::DeskTerms,
    walk_forward::effectiveness,
    wish::{Aim, SqueezeBudget, Wish},
};
use risk::fixture::world;

const INSTRUMENTS: usize = 50;

const SHORT: SolveLimits = SolveLimits { max_nodes: 40, relative_gap: 0.01 };

/// What an overlay by names does to a book of forty others, at costs that are nearly nothing.
fn overlay(aim: Aim, max_lines: Option<usize>, simulation: Option<Simulation>) -> (f64, f64) {
    let world = world(400, 800, 71);
    let view = View::of(&world.snapshot());
    let symbol = |at: usize| world.names[at].symbol.as_str();
    let long = (0..20).map(|at| (symbol(at), 1e6));
    let short = (300..400).step_by(5).map(|at| (symbol(at), -1e6));
    let lines: Vec<(&str, f64)> = long.chain(short).collect();
    let others: Vec<&str> =
        (0..INSTRUMENTS).map(|k| symbol(21 + k * (278 / INSTRUMENTS))).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let terms = DeskTerms { simulation, ..terms(&view, &others) };
    let desk = desk_of(&factors, &book, &terms);
    let (squeeze, participation) = (SqueezeBudget::Off, Some(1.0));
    let wish = Wish { aim, squeeze, participation, max_lines, ..wish(1.0) };
    let problem = desk.problem(Scheme::Overlay, &wish).unwrap();
    let Answer::Plan(plan) = optimize(&problem, SHORT, &Caller::waiting()).unwrap() else {
        unreachable!()
    };
    let plan = (Scheme::Overlay, &*plan);
    let found = effectiveness(&desk, &wish, plan, SHORT, &Caller::waiting()).unwrap().unwrap();
    (found.in_sample, found.out_of_sample.unwrap().value)
}

/// Fifty instruments without a limit on their number: by the covariance of a sample of as many sessions
/// such a hedge is half as good out of sample as in it. In factor form it is nearly as good, so no
/// limit on lines is needed against errors of estimation, and one of five takes most of the hedge away.
/// Expected shortfall is that of the worst past sessions themselves, which have no such form: there a hedge
/// by fifty instruments is worth nothing out of sample. Draws
/// of that form are no better: 500 of a fat tail are too few for fifty instruments, and 1,000 better than
/// these.
#[test]
fn many_instruments_are_worth_out_of_sample_what_they_are_in_it() {
    let variance = Aim::Variance { aversion: 1e-3 };
    let (inside, outside) = overlay(variance, None, None);
    let (_, of_five) = overlay(variance, Some(5), None);
    let tail = Aim::Tail { weight: 100.0, confidence: 0.95 };
    let (inside_tail, outside_tail) = overlay(tail, None, None);
    let of = |count| {
        let distribution = Distribution::StudentT { degrees: 4 };
        overlay(tail, None, Some(Simulation { count, distribution, sessions: 1.0 }))
    };
    let (few, many) = (of(500), of(1_000));
    println!(
        "{inside:.3} {outside:.3}, five {of_five:.3}, tail {inside_tail:.3} {outside_tail:.3}, simulated \
         {few:.3?} {many:.3?}"
    );
    assert!(0.2 < outside && inside - outside < 0.05, "{inside} {outside}");
    assert!(of_five + 0.1 < outside, "{of_five} {outside}");
    assert!(0.1 < inside_tail && outside_tail < 0.1, "{inside_tail} {outside_tail}");
    assert!(few.1 < many.1 && many.1 < 0.1, "{few:?} {many:?}");
}
