//! Laws: order, units and whatever comes later alter nothing; more room is never worse.

use crate::{
    desks::{FUNDS, LIMITS, desk_of, plan, reports, terms, wish},
    options::{contract, put_on},
    view::{View, near},
};
use hedge::{
    constraint::Side,
    cover::{BuyingBack, cover_order},
    desk::DeskLine,
    frontier::{Axis, trace},
    limits::Caller,
    optimize::{Answer, optimize},
    option::QuotedOption,
    scheme::Scheme,
    terms::{DeskTerms, Instrument},
    walk_forward::effectiveness,
    wish::{Aim, Limit, Meaning, Wish},
    working::schedules,
};
use marketdata::snapshot::Snapshot;
use risk::fixture::{World, world_with};
use std::sync::Arc;

const SEED: u64 = 43;
const DAYS: usize = 420;

/// Some names are young, so that stand-ins are made; others are restated.
fn world() -> World {
    world_with(150, DAYS, SEED, |names| {
        for name in names.iter_mut().skip(20).step_by(9) {
            name.listed_from = DAYS - 50;
        }
        names[2].restated = 4.0;
    })
}

/// The seven megacaps long, small companies and the small-cap index short.
fn lines(world: &World) -> Vec<(String, f64)> {
    let long = (0..7).map(|at| (world.names[at].symbol.clone(), 1e6));
    let short = (80..140).step_by(4).map(|at| (world.names[at].symbol.clone(), -3e5));
    long.chain(short).chain([("^RUT".to_owned(), -2e6)]).collect()
}

fn of_net_zero() -> Wish {
    let limit = |id: &str, meaning, reach: f64| Limit {
        id: id.to_owned(),
        meaning,
        lower: Some(-reach),
        upper: Some(reach),
    };
    let mut wish = wish(1e-6);
    wish.limits = vec![
        limit("beta", Meaning::MarketBeta, 2e6),
        limit("net", Meaning::Net, 5e6),
        limit("sector", Meaning::Sector("Energy".to_owned()), 5e6),
    ];
    wish
}

/// Everything that is said of a book.
fn said(snapshot: &Snapshot, lines: &[(String, f64)], instruments: &[&str]) -> String {
    let view = View::of(snapshot);
    said_with(&view, lines, &terms(&view, instruments))
}

fn said_with(view: &View, lines: &[(String, f64)], terms: &DeskTerms) -> String {
    let lines: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), *v)).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let desk = desk_of(&factors, &book, terms);
    let wish = of_net_zero();
    let reports = reports(&desk, &wish);
    let both = plan(&reports, Scheme::Both);
    let trades: Vec<(usize, f64)> = both.trades.iter().map(|t| (t.line, t.money)).collect();
    let until = (desk_close(), 4);
    let worked = schedules(&desk, &trades, until, 1e-6);
    let effect =
        effectiveness(&desk, &wish, (Scheme::Both, both), LIMITS, &Caller::waiting()).unwrap();
    let ids: Vec<&str> = desk.lines().iter().map(|line| line.id.as_str()).collect();
    let taking = |line: &DeskLine| {
        Ok(BuyingBack { impact: 1e-9 * line.held.abs(), sessions: 1e-6 * line.held.abs() })
    };
    let cover = cover_order(&desk, 0.1, taking);
    format!("{ids:?} {:?} {reports:?} {worked:?} {effect:?} {cover:?}", desk.gaps())
}

fn desk_close() -> hedge::clock::SessionMinute {
    hedge::clock::SessionMinute::CLOSE
}

#[test]
fn neither_the_order_of_lines_nor_of_ingest_alters_a_bit() {
    let world = world();
    let lines = lines(&world);
    let first = said(&world.snapshot(), &lines, &FUNDS);
    let mut turned = lines.clone();
    turned.reverse();
    turned.rotate_left(5);
    assert_eq!(said(&world.snapshot(), &turned, &["^RUT", "^GSPC"]), first);
    assert_eq!(said(&world.folded_backwards(SEED), &lines, &FUNDS), first);
}

/// Puts on both indices that may be written, which fall in another order if ingest is reversed.
fn said_of_written(snapshot: &Snapshot, lines: &[(String, f64)], order: [&str; 2]) -> String {
    let view = View::of(snapshot);
    let mut terms = terms(&view, &FUNDS);
    for symbol in order {
        let (quoted, _) = put_on(&view, symbol);
        let quoted = QuotedOption { may_write: true, ..quoted };
        let (id, moves_as) = (format!("{symbol} PUT"), view.id(symbol));
        terms.instruments.push(Instrument { id, moves_as, ..contract(&view, quoted) });
    }
    said_with(&view, lines, &terms)
}

/// The limits on what is written are by underlying, which ingest numbers.
#[test]
fn options_that_may_be_written_are_said_in_one_order() {
    let world = world();
    let lines = lines(&world);
    let (here, turned) = (world.snapshot(), world.folded_backwards(SEED));
    let id = |snapshot: &Snapshot, symbol| View::of(snapshot).id(symbol);
    let is_first = |snapshot: &Snapshot| id(snapshot, FUNDS[0]) < id(snapshot, FUNDS[1]);
    assert_ne!(is_first(&here), is_first(&turned));
    let first = said_of_written(&here, &lines, FUNDS);
    assert!(first.contains("written/^GSPC/") && first.contains("written/^RUT/"));
    assert_eq!(said_of_written(&turned, &lines, FUNDS), first);
    let [a, b] = FUNDS;
    assert_eq!(said_of_written(&here, &lines, [b, a]), first);
}

#[test]
fn later_days_alter_no_bit() {
    let world = world();
    let (lines, day) = (lines(&world), DAYS - 20);
    let with_later = world.snapshot_at(&world.market, day);
    let alone = world.snapshot_at(&Arc::new(world.fold(SEED, day + 1)), day);
    assert_eq!(said(&with_later, &lines, &FUNDS), said(&alone, &lines, &FUNDS));
}

/// Without trades, the objectives of all schemes are the same: what one of them does not trade is
/// held all the same, at the same cost of carry.
#[test]
fn equal_trades_have_equal_objectives_in_every_scheme() {
    let world = world();
    let view = View::of(&world.snapshot());
    let lines = lines(&world);
    let lines: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), *v)).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let desk = desk_of(&factors, &book, &terms(&view, &["^GSPC"]));
    let wish = wish(1e-6);
    // 0.05·7m long and 0.01·(15·0.3 + 2)m short a year of 360 days, ten sessions of 365/252 days.
    let carry = 3_650.0 / 252.0 / 360.0 * (0.05 * 7e6 + 0.01 * 6.5e6);
    for report in reports(&desk, &wish) {
        let plan = report.answer.unwrap();
        let Answer::Plan(plan) = plan else { unreachable!("{plan:?}") };
        let sigma = plan.effect.volatility.before;
        near(plan.effect.objective.before, 1e-6 * 10.0 * sigma * sigma + carry, 1e-3);
        assert!(plan.proof.bound <= plan.proof.objective, "{:?}", plan.proof);
        near(plan.proof.bound, plan.proof.objective, 1e-6 * plan.proof.objective);
    }
}

/// The trades of the other schemes are trades of both.
#[test]
fn both_is_never_worse_than_either() {
    let world = world();
    let view = View::of(&world.snapshot());
    let lines = lines(&world);
    let lines: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), *v)).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let desk = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let tail = Wish { aim: Aim::Tail { weight: 0.5, confidence: 0.95 }, ..wish(0.0) };
    for wish in [wish(1e-7), wish(1e-5), of_net_zero(), tail] {
        let reports = reports(&desk, &wish);
        let [cut, overlay, both] = Scheme::ALL.map(|scheme| plan(&reports, scheme));
        let found = [cut, overlay, both].map(|plan| plan.proof.objective);
        let before = both.effect.objective.before;
        let least = found[0].min(found[1]);
        assert!(least < before, "{wish:?} {found:?} {before}");
        assert!(found[2] <= least + 1e-6 * (before - least), "{wish:?} {found:?} {before}");
    }
}

/// Twice the book with half the aversion and twice the volume: twice the trades.
#[test]
fn the_size_of_the_book_does_not_matter() {
    let world = world();
    let view = View::of(&world.snapshot());
    let factors = view.factors();
    let solved = |times: f64| {
        let lines = lines(&world);
        let lines: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), times * v)).collect();
        let book = view.book(&lines);
        let mut terms = terms(&view, &FUNDS);
        for instrument in &mut terms.instruments {
            instrument.volume = Some(times * 1e8);
        }
        let desk = desk_of(&factors, &book, &terms);
        let reports = reports(&desk, &wish(1e-6 / times));
        let overlay = plan(&reports, Scheme::Overlay);
        overlay.trades.iter().map(|trade| trade.exact_money / times).collect::<Vec<f64>>()
    };
    let (once, twice) = (solved(1.0), solved(2.0));
    assert!(once.iter().any(|x| 1e4 < x.abs()), "{once:?}");
    for (a, b) in once.iter().zip(&twice) {
        assert!((a - b).abs() <= 1e-4 * 1e6, "{once:?} {twice:?}");
    }
}

/// The trade of a line that a scheme does not trade is zero, whatever is held of it: so says its
/// value, a frontier, and what would relax a limit that wants more.
#[test]
fn a_limit_on_a_trade_means_the_same_in_every_scheme() {
    let world = world();
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("AAPL", 4e6)]), view.factors());
    let desk = desk_of(&factors, &book, &terms(&view, &["^GSPC"]));
    let asked = |lower, upper| {
        let (id, meaning) = ("bought".to_owned(), Meaning::Trade("AAPL".to_owned()));
        let limits = vec![Limit { id, meaning, lower, upper }];
        desk.problem(Scheme::Overlay, &Wish { limits, ..wish(1e-6) }).unwrap()
    };
    let axis = Axis::Constraint {
        id: "bought".to_owned(),
        side: Side::Upper,
        values: vec![0.0, 1e5, 5e6],
    };
    let answers = trace(&asked(None, Some(1e6)), &axis, LIMITS, &Caller::waiting()).unwrap();
    let plan = |answer: &Result<Answer, _>| match answer {
        Ok(Answer::Plan(plan)) => plan.clone(),
        other => unreachable!("{other:?}"),
    };
    let plans: Vec<_> = answers.iter().map(plan).collect();
    for found in &plans {
        near(found.trades[0].money, plans[0].trades[0].money, 1.0);
        assert!(1e6 < found.trades[0].money.abs());
        let value = &found.effect.measures[0];
        assert_eq!((value.before.to_bits(), value.after.to_bits()), (0, 0));
    }
    let more = optimize(&asked(Some(1e5), None), LIMITS, &Caller::waiting()).unwrap();
    let Answer::Infeasible(found) = more else { unreachable!("{more:?}") };
    assert_eq!(found.conflict, ["bought"]);
    let [relaxed] = &found.alone[..] else { unreachable!("{found:?}") };
    near(relaxed.from, 1e5, 0.0);
    // Enlarged by a millionth of a book of 4e6, `MARGIN` of `conflict.rs`, and solved to 1e-9 of it,
    // `TOLERANCE` of `solve.rs`, in a row whose unit is the book.
    near(relaxed.to, -4.0, 0.1);
}
