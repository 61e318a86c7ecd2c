//! Options of the book over the past: in another currency, many of them, and for a caller who
//! leaves.

use crate::{
    desks::{desk_of, terms, wish},
    options::{by_tail, free, worst_tenth},
    view::{View, near},
};
use hedge::{
    desk::{Desk, NoDesk},
    limits::{Caller, OPTION_VALUES},
    optimize::evaluate,
    scheme::Scheme,
    terms::{ScenarioUse, TermsFault},
    wish::WishFault,
};
use marketdata::{currency::Currency, gap::GapReason};
use portfolio::{
    book::Book,
    derivative::{Kind, RawModel, RawOption, RawSensitivity},
    lines::{RawLine, Size, Terms},
    option::Right,
};
use risk::fixture::world;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A call on the index with a strike of half of what it costs in dollars, so that it is the index
/// less the strike, whatever moves it makes.
pub(crate) fn calls(view: &View, strike: f64, lines: usize) -> Book {
    let model = RawModel {
        right: Some(Right::Call),
        strike: Some(strike),
        expires_on: "2024-12-20",
        volatility: Some(0.01),
        rate: Some(0.0),
        dividend_yield: Some(0.0),
    };
    let terms =
        RawOption { multiplier: Some(100.0), sensitivity: Some(RawSensitivity::Model(model)) };
    let call = RawLine {
        kind: Kind::Option(terms),
        currency: "USD",
        ..RawLine::of("^GSPC", Size::Shares(10.0))
    };
    let quotes = view.model.quotes();
    Book::join(vec![call; lines], &Terms::NONE, &view.lookup, quotes).unwrap()
}

/// Dollars of a euro.
fn euro(day: usize) -> f64 {
    1.1 + 0.002 * ((7 * day) % 11) as f64
}

/// In euros a call whose strike is in dollars makes what the index makes less what the dollar does
/// to the strike: −K·(g − 1), with the growth g of the dollar. Kept in euros, the strike would make
/// nothing.
#[test]
fn the_strike_of_another_currency_moves_with_its_rate_in_the_past() {
    let world = world(120, 420, 47);
    let view =
        View::of(&world.with_series("EURUSD", euro).in_currency(Currency::parse("EUR").unwrap()));
    let price = view.model.quotes().get(view.id("^GSPC")).unwrap().price;
    let last = world.days.len() - 1;
    let dollars = 0.5 * price * euro(last);
    let book = calls(&view, dollars, 1);
    near(book.holdings[0].market_value, 1_000.0 * price, 1e-6 * price);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &["^RUT"]));
    let problem = desk.problem(Scheme::Overlay, &by_tail()).unwrap();
    let found = evaluate(&problem, &[0.0]).unwrap().effect.cvar.unwrap().before;

    let returns = centred(factors.own_returns(view.id("^GSPC")).unwrap());
    let first = world.days.len() - returns.len();
    let growth = (first..world.days.len()).map(|day| euro(day - 1) / euro(day) - 1.0);
    let growth = centred(growth.collect());
    let pnl = |strike: f64| {
        let made = |(r, g): (&f64, &f64)| 1_000.0 * (price * r - strike * g);
        worst_tenth(returns.iter().zip(&growth).map(made).collect())
    };
    let (moved, kept) = (pnl(dollars / euro(last)), pnl(0.0));
    near(found, moved, 1e-6 * moved);
    assert!(0.02 * kept < (moved - kept).abs(), "{moved} {kept}");
    // Moves of the trade say nothing of rates.
    let is_of_rate = |gap: &&marketdata::gap::Gap| gap.detail.contains("the rate of USD");
    let gap = desk.gaps().iter().find(is_of_rate).unwrap();
    assert_eq!((gap.reason, gap.gross_share), (GapReason::Proxy, Some(1.0)));
}

fn centred(values: Vec<f64>) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.into_iter().map(|value| value - mean).collect()
}

/// A caller who leaves after being asked so often, and how often it was.
fn leaving_after(most: usize) -> (Caller, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    (Caller::new(move || most <= count.fetch_add(1, Ordering::Relaxed)), asked)
}

/// The caller is asked before each option, of each of the three ways in which it is valued over the
/// past and at thresholds, and again for a tail.
#[test]
fn a_caller_who_leaves_ends_the_valuation_of_options() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (calls(&view, 50.0, 20), view.factors());
    let with = terms(&view, &["^RUT"]);
    for most in [0, 10, 30, 50] {
        let (caller, asked) = leaving_after(most);
        assert_eq!(Desk::of(&factors, &book, &with, &caller).unwrap_err(), NoDesk::Gone);
        assert_eq!(asked.load(Ordering::Relaxed), most + 1);
    }
    let (caller, asked) = leaving_after(70);
    let desk = Desk::of(&factors, &book, &with, &caller).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 60);
    assert!(desk.problem(Scheme::Overlay, &free(wish(1e-6))).is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 60);
    assert_eq!(desk.problem(Scheme::Overlay, &by_tail()).unwrap_err(), [WishFault::Gone]);
    assert_eq!(asked.load(Ordering::Relaxed), 71);
}

/// What plans share of the options of the book is computed once: the second plan by a tail asks
/// nobody.
#[test]
fn plans_share_what_the_options_of_the_book_make() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (calls(&view, 50.0, 20), view.factors());
    let (caller, asked) = leaving_after(usize::MAX);
    let desk = Desk::of(&factors, &book, &terms(&view, &["^RUT"]), &caller).unwrap();
    for scheme in Scheme::ALL {
        desk.problem(scheme, &by_tail()).unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 80);
    }
}

/// Over s sessions an option has 2·s values, and one for its name; a tail adds s, and every month
/// the sessions before it.
#[test]
fn options_that_are_valued_too_often_are_refused() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let factors = view.factors();
    let sessions = factors.weights.len();
    let months: usize = (252..sessions).step_by(21).sum();
    let each = 3 * sessions + months + 1;
    let most = OPTION_VALUES / each;
    let book = calls(&view, 50.0, most + 1);
    let mut with = terms(&view, &["^RUT"]);
    let (gone, _) = leaving_after(0);
    let found = |with: &_| Desk::of(&factors, &book, with, &gone).unwrap_err();
    let (options, values) = (most + 1, each * (most + 1));
    let fault = TermsFault::OptionValues { options, values };
    assert_eq!(found(&with), NoDesk::Faults(vec![fault]));
    with.scenarios = ScenarioUse::Never;
    assert_eq!(found(&with), NoDesk::Gone);
    // A scenario of a limit is a value of each.
    with.limited_scenarios = OPTION_VALUES / options + 1 - (2 * sessions + 1);
    let values = options * (OPTION_VALUES / options + 1);
    let fault = TermsFault::OptionValues { options, values };
    assert_eq!(found(&with), NoDesk::Faults(vec![fault]));
    with.limited_scenarios -= 1;
    assert_eq!(found(&with), NoDesk::Gone);
}
