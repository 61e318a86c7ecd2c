//! Options whose strikes are in another currency than the book.

use crate::{
    desks::{LIMITS, at_rates_of_now, desk_of, terms, wish},
    held_options::calls,
    options::{contract, free, put},
    view::{View, near},
};
use hedge::{
    desk::{Desk, NoDesk},
    limits::Caller,
    optimize::{Answer, evaluate, optimize},
    option::QuotedOption,
    plan::Plan,
    scenario::{Moves, NoScenario},
    scheme::Scheme,
    terms::{DeskTerms, Mark, TermsFault},
    wish::{Aim, Limit, Meaning, Wish},
};
use marketdata::currency::Currency;
use portfolio::{option::Right, unresolved::Cause};
use risk::fixture::{World, world};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

const DOLLARS_PER_EURO: f64 = 1.25;

fn in_euros(world: &World, euro: impl Fn(usize) -> f64) -> View {
    View::of(&world.with_series("EURUSD", euro).in_currency(Currency::parse("EUR").unwrap()))
}

/// The plan of an overlay of the small-cap index and a put on the large-cap one that may be written.
/// `rate` is what a dollar is worth; quotes are in dollars.
fn plan_at(view: &View, quoted: QuotedOption, rate: f64) -> (Plan, f64) {
    let (book, factors) = (view.book(&[("^GSPC", 4e6 * rate)]), view.factors());
    let mut with: DeskTerms = terms(view, &["^RUT"]);
    let mut put = contract(view, quoted);
    put.volume = put.volume.map(|premiums| premiums * rate);
    with.instruments.push(put);
    let desk = desk_of(&factors, &book, &with);
    let wish = Wish { aim: Aim::Variance { aversion: 1e-6 / rate }, ..free(wish(1.0)) };
    let problem = desk.problem(Scheme::Overlay, &wish).unwrap();
    let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
        unreachable!()
    };
    (*plan, desk.lines()[desk.place("PUT").unwrap()].unit_value.unwrap())
}

/// At a constant rate a book in euros is one in dollars divided by it, and so are all amounts of its
/// plan with an option that is quoted in dollars; numbers of contracts are the same.
#[test]
fn a_plan_with_an_option_quoted_in_dollars_is_the_same_in_euros() {
    let dollars = View::of(&world(120, 420, 47).snapshot());
    let euros = in_euros(&world(120, 420, 47), |_| DOLLARS_PER_EURO);
    for right in [Right::Put, Right::Call] {
        let (quoted, price) = put(&dollars);
        // A put is bought, and a call is dear enough to be written.
        let premium =
            if right == Right::Call { quoted.premium + 0.06 * price } else { quoted.premium };
        let quoted = QuotedOption { right, premium, may_write: true, ..quoted };
        let (usd, unit) = plan_at(&dollars, quoted, 1.0);
        let (eur, unit_in_euros) = plan_at(&euros, quoted, 1.0 / DOLLARS_PER_EURO);
        near(DOLLARS_PER_EURO * unit_in_euros, unit, 1e-9 * unit);
        assert!(1e5 < usd.trades[1].money.abs(), "{:?}", usd.trades);
        for (usd, eur) in usd.trades.iter().zip(&eur.trades) {
            near(DOLLARS_PER_EURO * eur.money, usd.money, 2.0);
            near(eur.units, usd.units, 1e-6 * usd.units.abs().max(100.0));
        }
        let objective = |plan: &Plan| plan.proof.objective;
        near(DOLLARS_PER_EURO * objective(&eur), objective(&usd), 1e-6 * objective(&usd).abs());
    }
}

/// In euros a call far in the money, whose strike is in dollars, makes what the index makes less what
/// the dollar does to the strike: S·r − K·(g − 1), with the return r in euros and the growth g of the
/// dollar, held and bought. Without the rate it makes S·r.
#[test]
fn a_scenario_moves_strikes_with_the_rate_of_their_currency() {
    let view = in_euros(&world(120, 420, 47), |_| DOLLARS_PER_EURO);
    let index = view.id("^GSPC");
    let price = view.model.quotes().get(index).unwrap().price;
    let (dollars, session) =
        (0.2 * price * DOLLARS_PER_EURO, view.model.quotes().session().unwrap());
    let (book, factors) = (calls(&view, dollars, 1), view.factors());
    let bought = QuotedOption {
        right: Right::Call,
        strike: dollars,
        expires_on: session.plus(60),
        // What it is worth at once: 0.8 of the index. A little more, or no volatility gives it.
        premium: 4.0 * dollars * (1.0 + 1e-9),
        half_spread: 0.0,
        rate: 0.0,
        dividend_yield: 0.0,
        may_write: false,
    };
    let mut with = terms(&view, &[]);
    with.instruments.push(contract(&view, bought));
    let desk = desk_of(&factors, &book, &with);
    let usd = Currency::parse("USD").unwrap();
    assert_eq!(desk.strike_currencies().into_iter().collect::<Vec<_>>(), [usd]);
    let pnl = |desk: &Desk<'_>, meaning: Meaning| {
        let limit = Limit { id: "fall".to_owned(), meaning, lower: Some(-1e9), upper: None };
        let wish = Wish { limits: vec![limit], ..free(wish(1e-6)) };
        let problem = desk.problem(Scheme::Overlay, &wish).unwrap();
        // Three contracts of a hundred.
        let trade = 3.0 * desk.lines()[1].unit_value.unwrap();
        let measure = evaluate(&problem, &[trade]).unwrap().effect.measures[0];
        (measure.before, measure.after)
    };
    for (r, growth) in [(-0.2, 1.1), (0.1, 0.9), (0.0, 1.05), (-0.1, 1.0)] {
        let moves = Moves { returns: [(index, r)].into(), rates: [(usd, growth)].into() };
        let scenario = desk.scenario(&moves).unwrap();
        let (before, after) = pnl(&desk, Meaning::Scenario(scenario));
        let share = price * r - 0.2 * price * (growth - 1.0);
        near(before, 1_000.0 * share, 1e-6 * price * 1_000.0);
        near(after, 1_300.0 * share, 1e-5 * price * 1_000.0);
        let (kept, _) = pnl(&desk, at_rates_of_now(&desk, vec![(index, r)]));
        near(kept, 1_000.0 * price * r, 1e-6 * price * 1_000.0);
    }
}

/// The dollar has had no rate for 30 sessions, so the index has no price in euros but the caller's mark.
/// Nothing says what its strike in dollars is worth: it was taken for euros.
#[test]
fn an_option_whose_quotation_has_no_rate_is_refused() {
    let ended = |at: usize| if at + 30 < 420 { DOLLARS_PER_EURO } else { f64::NAN };
    let view = in_euros(&world(120, 420, 47), ended);
    let index = view.id("^GSPC");
    assert!(view.model.quotes().get(index).is_none());
    let dollars = View::of(&world(120, 420, 47).snapshot());
    let (quoted, price) = put(&dollars);
    let mut with = terms(&view, &[]);
    with.marks.push(Mark { instrument: index, price: price / DOLLARS_PER_EURO });
    with.instruments.push(contract(&view, quoted));
    let (book, factors) = (view.book(&[("AAPL", 4e6)]), view.factors());
    let found = Desk::of(&factors, &book, &with, &Caller::waiting()).unwrap_err();
    let NoDesk::Faults(faults) = found else { panic!("{found:?}") };
    let is_rate = |fault: &TermsFault| {
        let TermsFault::NoPrice { at, instrument, cause: Cause::NoRate(_) } = fault else {
            return false;
        };
        (*at, *instrument) == (0, index)
    };
    assert!(faults.iter().any(is_rate), "{faults:?}");
}

/// The caller is asked before every option of the book and every line.
#[test]
fn a_caller_who_leaves_ends_the_valuation_of_a_scenario() {
    let view = View::of(&world(120, 420, 47).snapshot());
    let (book, factors) = (calls(&view, 50.0, 20), view.factors());
    let left = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&left);
    let caller = Caller::new(move || asks.load(Ordering::Relaxed));
    let desk = Desk::of(&factors, &book, &terms(&view, &["^RUT"]), &caller).unwrap();
    let returns = [(view.id("^GSPC"), -0.2), (view.id("^RUT"), -0.1)].into();
    let moves = Moves { returns, rates: BTreeMap::new() };
    assert!(desk.scenario(&moves).is_ok());
    left.store(true, Ordering::Relaxed);
    assert_eq!(desk.scenario(&moves), Err(NoScenario::Gone));
}
