//! Expected shortfall over simulated scenarios: closed forms, laws, and what each statement of a
//! problem gives.

use crate::{
    desks::{FUNDS, LIMITS, desk_of, plan, reports, terms, wish},
    options::{contract, free, put},
    view::{View, near},
};
use hedge::{
    desk::{Desk, NoDesk},
    limits::Caller,
    optimize::{Answer, evaluate, optimize},
    scheme::Scheme,
    simulated::{Distribution, Simulation},
    terms::{DeskTerms, Instrument, LineTerms, TermsFault, VarianceDays},
    walk_forward::effectiveness,
    wish::{Aim, Limit, Meaning, Wish},
};
use marketdata::{
    gap::{GapReason, Subject},
    snapshot::Snapshot,
};
use risk::fixture::{World, world, world_with};

const NORMAL: Distribution = Distribution::Normal;

const fn t(degrees: u32) -> Distribution {
    Distribution::StudentT { degrees }
}

fn drawn(count: usize, distribution: Distribution) -> Simulation {
    Simulation { count, distribution, sessions: 1.0 }
}

fn simulated(view: &View, instruments: &[&str], simulation: Simulation) -> DeskTerms {
    DeskTerms { simulation: Some(simulation), ..terms(view, instruments) }
}

fn by_tail(weight: f64) -> Wish {
    free(Wish { aim: Aim::Tail { weight, confidence: 0.95 }, ..wish(1e-6) })
}

/// Rows of `tests/oracles/hedge_simulation.py`: expected shortfall of 95 % and 99 % in standard
/// deviations, and √n times its standard error.
const ROWS: [(Distribution, f64, f64, f64); 6] = [
    (NORMAL, 0.95, 2.062_712_808, 2.465_6),
    (NORMAL, 0.99, 2.665_214_220, 4.588_4),
    (t(8), 0.95, 2.177_060_494, 3.621_4),
    (t(8), 0.99, 3.109_802_024, 8.876_6),
    (t(4), 0.95, 2.264_771_381, 5.543_8),
    (t(4), 0.99, 3.691_510_486, 17.659_7),
];

/// Within four standard errors of independent draws, over nine sessions √9 = 3 times as much. Fresh
/// scenarios are others, with the same expectation.
#[test]
fn the_shortfall_of_one_name_is_that_of_the_closed_form() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let (book, factors) = (view.book(&[("AAPL", 2e6)]), view.factors());
    let count = 40_000;
    for (distribution, confidence, expected, error) in ROWS {
        let simulation = Simulation { sessions: 9.0, ..drawn(count, distribution) };
        let desk = desk_of(&factors, &book, &simulated(&view, &[], simulation));
        let wish = Wish { aim: Aim::Tail { weight: 1.0, confidence }, ..by_tail(1.0) };
        let problem = desk.problem(Scheme::Cut, &wish).unwrap();
        let effect = evaluate(&problem, &[0.0]).unwrap().effect;
        let deviation = 3.0 * effect.volatility.before;
        let within = 4.0 * error / (count as f64).sqrt();
        let found = effect.cvar.unwrap().before / deviation;
        near(found, expected, within);
        let fresh = desk.fresh_shortfall(&problem, &[-1e6]).unwrap().unwrap();
        near(fresh.before / deviation, expected, within);
        near(fresh.after, 0.5 * fresh.before, 1e-6 * fresh.before);
        assert!((fresh.before / deviation - found).abs() > 1e-6, "{fresh:?} {found}");
    }
}

/// The expected shortfall of a normal P&L is a number of standard deviations, whatever trades: so the
/// scenarios of lines have the covariances of the model in every direction.
#[test]
fn scenarios_of_all_lines_have_the_covariances_of_the_model() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let lines = lines(&world);
    let lines: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), *v)).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let count = 20_000;
    let desk = desk_of(&factors, &book, &simulated(&view, &FUNDS, drawn(count, NORMAL)));
    let problem = desk.problem(Scheme::Both, &by_tail(1.0)).unwrap();
    let (_, _, expected, error) = ROWS[0];
    let within = 4.0 * error / (count as f64).sqrt();
    for direction in 0..40_u32 {
        let trade = |at: usize| f64::from((7 * direction + 13 * at as u32) % 11) * 2e5 - 1e6;
        let trades: Vec<f64> = (0..problem.traded().len()).map(trade).collect();
        let effect = evaluate(&problem, &trades).unwrap().effect;
        near(effect.cvar.unwrap().after / effect.volatility.after, expected, within);
    }
}

/// Trades without a cost but impact, which a large weight makes nothing.
fn without_costs(terms: DeskTerms) -> DeskTerms {
    let free = LineTerms {
        lot_units: None,
        half_spread: 0.0,
        commission: 0.0,
        long_carry: 0.0,
        short_carry: 0.0,
        margin: 0.0,
    };
    let instruments = terms.instruments.into_iter();
    let instruments = instruments.map(|one| Instrument { terms: free, ..one }).collect();
    DeskTerms { positions: free, instruments, ..terms }
}

/// With a mean of zero the expected shortfall of an elliptical distribution is a multiple of the standard
/// deviation, so the trades with the least of one have the least of the other: of n scenarios these
/// approach each other.
#[test]
fn of_many_scenarios_the_plan_approaches_that_of_least_variance() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let lines = lines(&world);
    let lines: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), *v)).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let solved = |terms: DeskTerms, wish: &Wish| -> (Vec<f64>, f64) {
        let desk = desk_of(&factors, &book, &without_costs(terms));
        let reports = reports(&desk, wish);
        let found = plan(&reports, Scheme::Overlay);
        let trades = found.trades.iter().map(|trade| trade.exact_money).collect();
        (trades, found.effect.volatility.after)
    };
    let (best, least) = solved(terms(&view, &FUNDS), &free(wish(1e3)));
    for (distribution, count, share) in [(NORMAL, 20_000, 5e-4), (t(8), 20_000, 1e-3)] {
        let terms = simulated(&view, &FUNDS, drawn(count, distribution));
        let (trades, volatility) = solved(terms, &by_tail(1e6));
        println!("{distribution:?} {trades:?} {best:?} {volatility} {least}");
        assert!(volatility <= least * (1.0 + share), "{volatility} {least}");
        let size = best.iter().fold(0.0_f64, |most, trade| most.max(trade.abs()));
        for (trade, best) in trades.iter().zip(&best) {
            near(*trade, *best, 0.1 * size);
        }
    }
}

/// Long the first names, short later ones and the index of small companies.
fn lines(world: &World) -> Vec<(String, f64)> {
    let long = (0..7).map(|at| (world.names[at].symbol.clone(), 1e6));
    let short = (80..110).step_by(4).map(|at| (world.names[at].symbol.clone(), -3e5));
    long.chain(short).chain([("^RUT".to_owned(), -2e6)]).collect()
}

const SEED: u64 = 43;

fn restated_world() -> World {
    world_with(120, 420, SEED, |names| names[2].restated = 4.0)
}

/// Everything that plans of a book say.
fn said(snapshot: &Snapshot, lines: &[(String, f64)], instruments: &[&str]) -> String {
    let view = View::of(snapshot);
    let lines: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), *v)).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let desk = desk_of(&factors, &book, &simulated(&view, instruments, drawn(200, t(4))));
    let reports = reports(&desk, &by_tail(0.5));
    let both = plan(&reports, Scheme::Both);
    let held = (Scheme::Both, both);
    let found = effectiveness(&desk, &by_tail(0.5), held, LIMITS, &Caller::waiting()).unwrap();
    assert!(found.unwrap().out_of_sample.is_ok());
    format!("{reports:?} {found:?}")
}

#[test]
fn neither_the_order_of_lines_nor_of_ingest_alters_a_bit() {
    let world = restated_world();
    let lines = lines(&world);
    let first = said(&world.snapshot(), &lines, &FUNDS);
    let mut turned = lines.clone();
    turned.reverse();
    turned.rotate_left(5);
    assert_eq!(said(&world.snapshot(), &turned, &["^RUT", "^GSPC"]), first);
    assert_eq!(said(&world.folded_backwards(SEED), &turned, &FUNDS), first);
}

/// The plan of an overlay; `None`: no trades meet the limits.
fn overlay(view: &View, lines: &[(&str, f64)], wish: &Wish) -> Option<Vec<f64>> {
    overlay_with(view, lines, wish, &simulated(view, &FUNDS, drawn(200, t(4))))
}

fn overlay_with(
    view: &View,
    lines: &[(&str, f64)],
    wish: &Wish,
    terms: &DeskTerms,
) -> Option<Vec<f64>> {
    let (book, factors) = (view.book(lines), view.factors());
    let desk = desk_of(&factors, &book, terms);
    let problem = desk.problem(Scheme::Overlay, wish).unwrap();
    match optimize(&problem, LIMITS, &Caller::waiting()).unwrap() {
        Answer::Plan(plan) => Some(plan.trades.iter().map(|trade| trade.exact_money).collect()),
        Answer::Infeasible(_) => None,
        other @ Answer::Unbounded(_) => unreachable!("{other:?}"),
    }
}

fn limited(id: &str, meaning: Meaning, lower: Option<f64>, upper: Option<f64>) -> Limit {
    Limit { id: id.to_owned(), meaning, lower, upper }
}

#[test]
fn feasible_infeasible_degenerate_and_restated_problems() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let held = [("AAPL", 3e6), ("MSFT", 1e6)];
    let by_tail = by_tail(0.5);
    // Feasible: the index is sold.
    let found = overlay(&view, &held, &by_tail).unwrap();
    assert!(found[0] < -1e5, "{found:?}");
    // Infeasible: nothing is traded, and the net falls.
    let limits = vec![
        limited("still", Meaning::Turnover, None, Some(0.0)),
        limited("less", Meaning::Net, None, Some(1e6)),
    ];
    assert_eq!(overlay(&view, &held, &Wish { limits, ..by_tail.clone() }), None);
    // Degenerate: a book without risk trades nothing.
    let flat = overlay(&view, &[("AAPL", 1e6), ("AAPL", -1e6)], &by_tail).unwrap();
    assert!(flat.iter().all(|trade| trade.abs() < 1.0), "{flat:?}");
    // Degenerate: a contract on an index is the index. Only their sum is determined.
    let mut twice = simulated(&view, &FUNDS, drawn(200, t(4)));
    let future = Instrument {
        id: "FUTURE".to_owned(),
        contract_units: Some(50.0),
        volume: Some(1e12),
        ..twice.instruments[0].clone()
    };
    twice.instruments.push(future);
    // Such a weight makes impact nothing, of which the contract has none.
    let strong = self::by_tail(1e4);
    let both = overlay_with(&view, &held, &strong, &without_costs(twice)).unwrap();
    let one = simulated(&view, &FUNDS, drawn(200, t(4)));
    let alone = overlay_with(&view, &held, &strong, &without_costs(one)).unwrap();
    let sums = [both.iter().sum::<f64>(), alone.iter().sum::<f64>()];
    near(sums[0], sums[1], 1e-3 * sums[1].abs());
    // Restated: one name in two lines is the same bits, and a limit that never binds the same trades.
    let split = [("AAPL", 1e6), ("MSFT", 1e6), ("AAPL", 2e6)];
    assert_eq!(overlay(&view, &split, &by_tail).unwrap(), found);
    let limits = vec![limited("far", Meaning::Gross, None, Some(1e12))];
    let wide = overlay(&view, &held, &Wish { limits, ..by_tail }).unwrap();
    for (wide, found) in wide.iter().zip(&found) {
        near(*wide, *found, 1e-3 * found.abs().max(1e5));
    }
}

/// A put on all that is held loses at most the way to its strike and its premium, however far the index
/// falls in 40 sessions; without it ten per cent of scenarios lose more on average.
#[test]
fn options_are_valued_anew_in_simulated_scenarios() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let simulation = Simulation { sessions: 40.0, ..drawn(1_000, t(3)) };
    let mut with = simulated(&view, &[], simulation);
    let (quoted, price) = put(&view);
    with.instruments.push(contract(&view, quoted));
    let desk = desk_of(&factors, &book, &with);
    let wish = Wish { aim: Aim::Tail { weight: 1.0, confidence: 0.9 }, ..by_tail(1.0) };
    let problem = desk.problem(Scheme::Overlay, &wish).unwrap();
    // As many shares as are held.
    let money = 4e6 / price * desk.lines()[1].unit_value.unwrap() / 100.0;
    let effect = evaluate(&problem, &[-money]).unwrap().effect.cvar.unwrap();
    // At once and not at the expiry a put is worth no less than its intrinsic value but for the rate of
    // 60 days on the strike, half a per cent.
    let most = 4e6 * (0.05 + 0.006 + quoted.premium / price);
    assert!(effect.after <= most && 1.2 * most < effect.before, "{effect:?} {most}");
    let fresh = desk.fresh_shortfall(&problem, &[-money]).unwrap().unwrap();
    assert!(fresh.after <= most && 1.2 * most < fresh.before, "{fresh:?} {most}");
}

/// Few scenarios and many instruments: the plan finds what is lucky in its scenarios, and fresh ones say
/// so.
#[test]
fn fresh_scenarios_tell_luck_from_risk() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let book = view.book(&[("AAPL", 3e6), ("MSFT", 1e6)]);
    let factors = view.factors();
    let names: Vec<&str> = world.names[20..60].iter().map(|name| name.symbol.as_str()).collect();
    let terms = without_costs(simulated(&view, &names, drawn(100, NORMAL)));
    let desk = desk_of(&factors, &book, &terms);
    let problem = desk.problem(Scheme::Overlay, &by_tail(1e3)).unwrap();
    let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
        unreachable!()
    };
    let money: Vec<f64> = plan.trades.iter().map(|trade| trade.money).collect();
    let known = plan.effect.cvar.unwrap();
    let fresh = desk.fresh_shortfall(&problem, &money).unwrap().unwrap();
    println!("{known:?} {fresh:?}");
    assert!(1.3 * known.after < fresh.after, "{known:?} {fresh:?}");
    // Past sessions have none.
    let past = DeskTerms { simulation: None, ..terms };
    let desk = desk_of(&factors, &book, &past);
    let problem = desk.problem(Scheme::Overlay, &by_tail(1e3)).unwrap();
    assert_eq!(desk.fresh_shortfall(&problem, &money), Ok(None));
}

/// The covariances are those of the days asked for: the shortfall of a normal book is a multiple of its
/// standard deviation on such days.
#[test]
fn scenarios_of_large_days_have_their_variance() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let (book, factors) = (view.book(&[("AAPL", 2e6), ("^RUT", -2e6)]), view.factors());
    let of = |days| {
        let terms = DeskTerms { days, ..simulated(&view, &[], drawn(20_000, NORMAL)) };
        let desk = desk_of(&factors, &book, &terms);
        let problem = desk.problem(Scheme::Cut, &by_tail(1.0)).unwrap();
        let effect = evaluate(&problem, &[0.0, 0.0]).unwrap().effect;
        (effect.cvar.unwrap().before, effect.volatility.before)
    };
    let (all, usual) = of(VarianceDays::All);
    let (large, on_large) = of(VarianceDays::LargeMoves);
    assert!(1.05 * usual < on_large, "{usual} {on_large}");
    let (_, _, expected, error) = ROWS[0];
    let within = 4.0 * error / 20_000_f64.sqrt();
    near(all / usual, expected, within);
    near(large / on_large, expected, within);
}

/// A long and a short of one name have no shortfall, in simulated scenarios and in those of the past. So
/// nothing is traded, unless a limit asks for a trade.
#[test]
fn a_book_without_a_shortfall_trades_nothing() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let (book, factors) = (view.book(&[("AAPL", 1e6), ("AAPL", -1e6)]), view.factors());
    for distribution in [Some(NORMAL), Some(t(4)), None] {
        for (count, weight) in [(100, 0.01), (500, 0.5), (500, 1e4)] {
            let simulation = distribution.map(|distribution| drawn(count, distribution));
            for instruments in [&["^GSPC"][..], &FUNDS] {
                let terms = DeskTerms { simulation, ..terms(&view, instruments) };
                let desk = desk_of(&factors, &book, &terms);
                let solved = |wish: &Wish| {
                    let problem = desk.problem(Scheme::Overlay, wish).unwrap();
                    optimize(&problem, LIMITS, &Caller::waiting())
                };
                let Ok(Answer::Plan(plan)) = solved(&by_tail(weight)) else {
                    unreachable!("{simulation:?} {weight} {instruments:?}")
                };
                assert!(plan.trades.iter().all(|trade| trade.money == 0.0), "{plan:?}");
                assert_eq!((plan.proof.objective, plan.proof.gap), (0.0, 0.0));
                let limits = vec![limited("long", Meaning::Net, Some(1e4), None)];
                if let Ok(Answer::Plan(plan)) = solved(&Wish { limits, ..by_tail(weight) }) {
                    near(plan.trades.iter().map(|trade| trade.exact_money).sum(), 1e4, 1.0);
                }
            }
        }
    }
}

/// Normal returns of one session are far from -100 %. Over so many that the deviation of a name is one,
/// 15.9 % of normal returns are below: Φ(-1). A floor would lift their mean, so a gap says it.
#[test]
fn simulated_returns_below_nothing_are_a_gap() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let (book, factors) = (view.book(&[("AAPL", 3e6), ("MSFT", 1e6)]), view.factors());
    let found = |simulation| {
        let desk = desk_of(&factors, &book, &simulated(&view, &FUNDS, simulation));
        let volatility = desk.lines()[desk.place("AAPL").unwrap()].volatility;
        let gaps = desk.gaps().iter().filter(|gap| gap.reason == GapReason::Implausible).cloned();
        (gaps.collect::<Vec<_>>(), volatility)
    };
    let (none, volatility) = found(drawn(2_000, NORMAL));
    assert_eq!(none, []);
    let sessions = volatility.powi(-2);
    let (gaps, _) = found(Simulation { sessions, ..drawn(2_000, NORMAL) });
    let gap = gaps.iter().find(|gap| gap.subject == Subject::symbol("AAPL")).unwrap();
    assert_eq!(gap.gross_share, Some(0.75));
    let (count, rest) = gap.detail.split_once(" of 4000 simulated scenarios, ").unwrap();
    // One of each pair is below with a chance of .317, so the error is half of √(.317·.683/2,000).
    near(count.parse::<f64>().unwrap() / 4_000.0, 0.158_655, 4.0 * 0.0052);
    assert!(rest.contains("below -100 %, at worst to -"), "{rest}");
    // Instruments that may be traded count, and have no share of the book.
    let (gaps, _) = found(Simulation { sessions: 1e6, ..drawn(2_000, NORMAL) });
    let fund = gaps.iter().find(|gap| gap.subject == Subject::symbol("^GSPC")).unwrap();
    assert_eq!(fund.gross_share, None);
}

#[test]
fn what_cannot_be_drawn_is_a_fault() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let (book, factors) = (view.book(&[("AAPL", 2e6)]), view.factors());
    for simulation in [
        drawn(101, NORMAL),
        drawn(0, NORMAL),
        drawn(100, t(2)),
        Simulation { sessions: 0.0, ..drawn(100, NORMAL) },
    ] {
        let terms = simulated(&view, &[], simulation);
        let found = Desk::of(&factors, &book, &terms, &Caller::waiting());
        assert_eq!(found.err(), Some(NoDesk::Faults(vec![TermsFault::Simulation])));
    }
}
